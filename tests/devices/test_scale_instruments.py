from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.devices import DeviceError
from agent.devices.hid_report import decoded, decoded_hiddev
from agent.devices.scale_hid import HidScale, find_scales
from agent.devices.scale_serial import DIALECTS, Frames, SerialScale, dialect_of
from agent.devices.scales import answers_only_changes, find_load_cells
from agent.weighing import LoadAppeared, Overload, PlatformCleared, ScaleFault, ScaleRecovered, WeightStable
from agent.weighing.instrument import InstrumentWeigher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.devices.scale_frames import Reading

RECORDINGS = os.environ.get("PACKBENCH_RECORDINGS")
WEIGHING_DESCRIPTOR = bytes.fromhex("058d0920a1018503c0")
KEYBOARD_DESCRIPTOR = bytes.fromhex("05010906a101050719e029e7c0")

# Which dialect a device of the captures speaks: what a technician would set.
DIALECT_OF = (("BC60", "sics"), ("MT-SICS", "sics"), ("CAS style", "comma"), ("8217", "toledo8217"), ("A9+", "yaohua"),
              ('"="', "equals-reversed"), ("XK3190 profile", "equals"), ("Rinstrum R323 format 4", "comma"),
              ("Rinstrum", "rinstrum"), ("no stability", "prefixed"), ("COM4", "lettered"), ("same scale", "lettered"))
HID = ("Fairbanks", "Stamps", "DYMO", "HID", "Practum")


def entries() -> list[Any]:
    if not RECORDINGS:
        return []
    return json.loads((Path(RECORDINGS) / "captures" / "scales.json").read_text())  # type: ignore[no-any-return]  # JSON


def readings_of(entry: Any) -> list[Reading]:  # noqa: ANN401 (JSON)
    pieces = entry["hex"].replace("7c", "") if "|" in entry.get("text", "") else entry["hex"]
    content = bytes.fromhex(pieces)
    if "hiddev" in entry["situation"]:
        return [decoded_hiddev(content)]
    if any(name in entry["device"] for name in HID):
        return [decoded(content)]
    dialect = next((dialect for name, dialect in DIALECT_OF if name in entry["device"]), "balance")
    frames = Frames(DIALECTS[dialect])
    return [reading for byte in content for reading in frames.feed(bytes([byte]))]


def expected_of(entry: Any) -> list[Any]:  # noqa: ANN401 (JSON)
    return entry["expected"] if isinstance(entry["expected"], list) else [entry["expected"]]


# Entries that state a rule of behaviour and no reading: each is the test that is named here.
RULES = {
    "sc-d-014": "test_a_scale_that_never_says_stable_is_believed_when_it_repeats_itself",
    "sc-d-038": "test_an_instrument_that_answers_only_changes_may_be_silent",
    "sc-d-039": "test_what_waits_in_the_buffer_is_of_another_day",
    "sc-d-040": "test_the_same_weight_twice_is_two_readings",
    "sc-d-061": "test_a_hid_scale_drops_its_stale_first_report_and_tells_its_unplugging",
    "sc-d-062": "test_nothing_can_be_written_to_a_hid_scale",
}


@pytest.mark.skipif(not RECORDINGS, reason="PACKBENCH_RECORDINGS is not set")
def test_every_rule_from_the_field_is_a_test() -> None:
    rules = [one["id"] for one in entries() if "value" not in expected_of(one)[0]]
    assert [rule for rule in rules if RULES.get(rule) not in globals()] == []


@pytest.mark.skipif(not RECORDINGS, reason="PACKBENCH_RECORDINGS is not set")
@pytest.mark.parametrize("entry", [one for one in entries() if "value" in expected_of(one)[0]],
                         ids=lambda one: one["id"])
def test_every_frame_from_the_field_reads_as_it_is(entry: Any) -> None:  # noqa: ANN401 (JSON)
    expected = expected_of(entry)
    found = readings_of(entry)
    assert len(found) == len(expected)
    for reading, wanted in zip(found, expected, strict=True):
        if wanted["value"] is None:
            assert reading.value is None
        else:
            assert float(reading.value or 0) == pytest.approx(wanted["value"], abs=1e-6)
        for name in ("unit", "stable", "mode", "error", "zero"):
            if wanted.get(name) is not None:
                assert getattr(reading, name) == wanted[name], name
        if "ambiguous" in wanted:
            assert reading.error == "ambiguous"
        elif wanted.get("error", "none") is None:
            assert reading.error is None


@pytest.mark.parametrize(("dialect", "sent", "value", "unit", "stable", "mode"), [
    ("sics", "S S     12.340 kg", "12.340", "kg", True, None),
    ("and", "ST,+00123.45  g", "123.45", "g", True, None),
    ("and", "US,-00000.10  g", "-0.10", "g", False, None),
    ("cas", "ST,GS,1,@,  12.34 kg", "12.34", "kg", True, "gross"),
    ("balance", "   12.3 g ?", "12.3", "g", False, None),
])
def test_a_frame_keeps_unit_resolution_and_marks(
        dialect: str, sent: str, value: str, unit: str, stable: bool, mode: str | None) -> None:  # noqa: FBT001 (a table's column)
    [reading] = Frames(DIALECTS[dialect]).feed(sent.encode() + b"\r\n")
    assert (str(reading.value), reading.unit, reading.stable, reading.mode) == (value, unit, stable, mode)
    decimals = len(value.partition(".")[2])
    assert reading.resolution_g == pytest.approx(10.0 ** -decimals * (1000 if unit == "kg" else 1))


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_noise_and_other_devices_bytes_make_no_weight_and_no_growth(dialect: str) -> None:
    frames = Frames(DIALECTS[dialect])
    noise = bytes(i * 73 % 256 for i in range(20_000)) + b"]E05901234123457\r" + b"\xff" * 10_000
    assert [reading for reading in frames.feed(noise) if reading.grams is not None] == []
    assert frames.dropped > 10_000


def test_a_pattern_describes_any_other_scale() -> None:
    words = r"(?P<over>OVER)|W=(?P<value>[-+ ]*[\d.]+)(?P<unit>kg|g)(?P<stable>S)?(?P<moving>M)?"
    frames = Frames(dialect_of("pattern", words))
    found = list(frames.feed(b"W= - 1.250kgS\rW=3.5gM\nOVER\r\nnonsense\r\n"))
    assert [(str(reading.value), reading.unit, reading.stable, reading.error) for reading in found] == [
        ("-1.250", "kg", True, None), ("3.5", "g", False, None), ("None", None, None, "overload")]
    with pytest.raises(DeviceError) as refused:
        dialect_of("pattern", "(")
    assert refused.value.code == "scale.bad-pattern"


# -- a scale behind a pseudo-terminal speaks real bytes ---------------------------------------------------------------


class Pty:
    """The other end of a serial port: answers each request from a list, or streams."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        self.port = os.ttyname(self._slave)
        self._thread: threading.Thread | None = None

    def answer(self, request: bytes, *answers: bytes) -> None:
        def talk() -> None:
            heard = b""
            for answer in answers:
                while request not in heard:
                    heard += os.read(self.master, 64)
                heard = heard.partition(request)[2]
                os.write(self.master, answer)

        self._thread = threading.Thread(target=talk, daemon=True)
        self._thread.start()

    def close(self) -> None:
        for file in (self.master, self._slave):
            os.close(file)


@pytest.fixture
def pty() -> Iterator[Pty]:
    one = Pty()
    yield one
    one.close()


def some(scale: SerialScale) -> list[Reading]:
    return next((found for found in (scale.read(0.5) for _ in range(6)) if found), [])


def test_a_sics_scale_is_asked_and_answers(pty: Pty) -> None:
    pty.answer(b"SI\r\n", b"S D      1.200 kg\r\n", b"S S      1.234 kg\r\n")
    scale = SerialScale(pty.port, DIALECTS["sics"])
    assert [reading.stable for reading in some(scale) + some(scale)] == [False, True]
    scale.close()
    scale.close()


def test_a_toledo_scale_says_moving_before_its_weight(pty: Pty) -> None:
    pty.answer(b"W", b"\x02?A\r", b"\x02 001.500\r")
    scale = SerialScale(pty.port, DIALECTS["toledo8217"], unit="kg", frame="8N1")
    assert [reading.error for reading in some(scale)] == ["in_motion"]
    [reading] = some(scale)
    assert reading.grams == 1500.0
    scale.close()


def test_another_devices_bytes_and_silence_are_told_apart(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.devices.scale_serial.SILENT_S", 0.05)
    scale = SerialScale(pty.port, DIALECTS["comma"])
    with pytest.raises(DeviceError) as silent:
        [scale.read(0.1) for _ in range(3)]
    assert silent.value.code == "scale.silent"
    os.write(pty.master, b"]E05901234123457\r\n")
    with pytest.raises(DeviceError) as gibberish:
        [scale.read(0.1) for _ in range(3)]
    assert gibberish.value.code == "scale.gibberish"
    scale.close()


def test_an_unplugged_port_is_gone_and_a_missing_one_missing(pty: Pty) -> None:
    scale = SerialScale(pty.port, DIALECTS["comma"])
    scale.read(0.0)
    os.close(pty.master)
    pty.master = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(DeviceError) as gone:
        [scale.read(0.1) for _ in range(3)]
    assert gone.value.code == "scale.gone"
    with pytest.raises(DeviceError) as missing:
        SerialScale("/dev/serial/by-id/none", DIALECTS["comma"]).read(0.0)
    assert missing.value.code == "scale.missing"


def test_an_instrument_that_answers_only_changes_may_be_silent(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.devices.scale_serial.SILENT_S", 0.0)
    pty.answer(b"P\r\n", b"   12.3 g\r\n")
    scale = SerialScale(pty.port, DIALECTS["balance-asked"])
    assert [reading.grams for reading in some(scale)] == [12.3]
    assert scale.read(0.05) == []
    assert answers_only_changes("balance-asked")
    assert not answers_only_changes("sics")
    scale.close()


def test_what_waits_in_the_buffer_is_of_another_day(pty: Pty) -> None:
    os.write(pty.master, b"S S      9.999 kg\r\n")
    pty.answer(b"SI\r\n", b"S S      1.234 kg\r\n")
    scale = SerialScale(pty.port, DIALECTS["sics"])
    assert [reading.grams for reading in some(scale)] == [1234.0]
    scale.close()


def test_half_a_frame_at_the_opening_is_no_weight(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rinstrum's digits stand first: of 1234 the end alone would be 34, with the same marks."""
    for joined_s, weighed in ((60.0, [1234.0]), (-1.0, [34.0, 1234.0])):
        monkeypatch.setattr("agent.devices.scale_serial.JOINED_S", joined_s)
        scale = SerialScale(pty.port, DIALECTS["rinstrum"], unit="g")
        scale.read(0.0)
        os.write(pty.master, b"34GS\r\n  1234GS\r\n")
        found: list[Reading] = []
        while not found or found[-1].grams != 1234.0:
            found += scale.read(0.5)
        assert [reading.grams for reading in found] == weighed
        scale.close()


def test_the_same_weight_twice_is_two_readings() -> None:
    found = list(Frames(DIALECTS["comma"]).feed(b"ST,GS,+  4.876kg\r\n" * 2))
    assert [reading.grams for reading in found] == [4876.0, 4876.0]


# -- USB HID ----------------------------------------------------------------------------------------------------------


def hid_devices(folder: Path) -> tuple[Path, Path]:
    """A sysfs and a /dev with a keyboard and a scale; the scale's file is a pipe."""
    sys_hidraw, dev = folder / "sys", folder / "dev"
    dev.mkdir()
    for name, descriptor in (("hidraw0", KEYBOARD_DESCRIPTOR), ("hidraw1", WEIGHING_DESCRIPTOR)):
        device = sys_hidraw / name / "device"
        device.mkdir(parents=True)
        (device / "report_descriptor").write_bytes(descriptor)
        (device / "uevent").write_text(f"HID_ID=0003:00000922:00008003\nHID_NAME=test {name}\n")
    os.mkfifo(dev / "hidraw1")
    (dev / "hidraw0").write_bytes(b"")
    return sys_hidraw, dev


def test_the_hid_scale_is_found_and_a_keyboard_is_never_opened(tmp_path: Path) -> None:
    sys_hidraw, dev = hid_devices(tmp_path)
    (dev / "hidraw0").chmod(0)
    tty = tmp_path / "tty"
    (tty / "ttyUSB0").mkdir(parents=True)
    (tty / "ttyS0").mkdir()
    found = find_scales(sys_hidraw, tty, dev)
    assert [(one.kind, one.name, one.sure) for one in found] == [
        ("hid", "test hidraw1", True), ("serial", "ttyUSB0", False)]
    with pytest.raises(DeviceError) as refused:
        HidScale(str(dev / "hidraw0"), sys_hidraw=sys_hidraw)
    assert refused.value.code == "scale.not-a-scale"


def test_a_hid_scale_drops_its_stale_first_report_and_tells_its_unplugging(tmp_path: Path) -> None:
    sys_hidraw, dev = hid_devices(tmp_path)
    scale = HidScale(sys_hidraw=sys_hidraw, dev=dev)
    wire = os.open(dev / "hidraw1", os.O_WRONLY)
    os.write(wire, bytes.fromhex("030402000901"))
    assert scale.read(0.1) == []
    os.write(wire, bytes.fromhex("0304020088 00".replace(" ", "")))
    assert [reading.grams for reading in scale.read(0.1)] == [136.0]
    os.close(wire)
    with pytest.raises(DeviceError) as gone:
        scale.read(0.1)
    assert gone.value.code == "scale.gone"
    scale.close()
    scale.close()


def test_nothing_can_be_written_to_a_hid_scale(tmp_path: Path) -> None:
    """A tare report leaves some scales at zero for good."""
    sys_hidraw, dev = hid_devices(tmp_path)
    scale = HidScale(sys_hidraw=sys_hidraw, dev=dev)
    assert fcntl.fcntl(scale._file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    scale.close()


def test_a_kernel_hx711_and_spi_buses_are_listed(tmp_path: Path) -> None:
    for number, name in enumerate(("hx711", "bme280")):
        (tmp_path / "iio" / f"iio:device{number}").mkdir(parents=True)
        (tmp_path / "iio" / f"iio:device{number}" / "name").write_text(f"{name}\n")
    (tmp_path / "spidev0.0").write_bytes(b"")
    found = find_load_cells(tmp_path, tmp_path / "iio")
    assert [(one.kind, one.sure, Path(one.path).name) for one in found] == [
        ("iio", True, "iio:device0"), ("spi", False, "spidev0.0")]


# -- from readings to box events --------------------------------------------------------------------------------------


def test_the_scales_own_stable_mark_decides() -> None:
    weigher = InstrumentWeigher(division_g=5.0, min_load_g=100.0)
    sent = [(0.0, True), (900.0, False), (1500.0, False), (1500.0, True), (1500.0, True), (0.0, False), (0.0, True)]
    events = [event for i, (grams, stable) in enumerate(sent) for event in weigher.feed(i / 10, grams, stable=stable)]
    assert [type(event) for event in events] == [LoadAppeared, WeightStable, PlatformCleared]
    assert [event.gross_g for event in events if isinstance(event, WeightStable)] == [1500.0]


def test_a_scale_without_marks_must_repeat_itself_for_half_a_second() -> None:
    weigher = InstrumentWeigher(division_g=5.0, min_load_g=100.0)
    events = [event for i in range(12) for event in weigher.feed(i / 10, 1500.0, stable=None)]
    assert [event.at_s for event in events if isinstance(event, WeightStable)] == [0.5]


def test_a_scale_that_never_says_stable_is_believed_when_it_repeats_itself() -> None:
    weigher = InstrumentWeigher(division_g=5.0, min_load_g=100.0)
    sent = [(1480.0 + i, i / 10) for i in range(8)] + [(1500.0, 0.8 + i / 10) for i in range(8)]
    events = [event for grams, at_s in sent for event in weigher.feed(at_s, grams, stable=False)]
    assert [event.at_s for event in events if isinstance(event, WeightStable)] == [pytest.approx(1.3)]
    once = InstrumentWeigher(division_g=5.0, min_load_g=100.0)
    once.feed(-1.0, 0.0, stable=True)
    moving = [event for grams, at_s in sent for event in once.feed(at_s, grams, stable=False)]
    assert [type(event) for event in moving] == [LoadAppeared], "one that does say it is believed"


def test_silence_is_a_fault_in_the_middle_of_a_weighing_only() -> None:
    weigher = InstrumentWeigher(division_g=5.0, min_load_g=100.0)
    weigher.feed(0.0, 0.0, stable=True)
    assert weigher.tick(60.0) == []
    weigher.feed(61.0, 900.0, stable=False)
    assert [type(event) for event in (*weigher.tick(62.0), *weigher.tick(64.0), *weigher.tick(66.0))] == [ScaleFault]
    assert [type(event) for event in weigher.feed(67.0, 1500.0, stable=True)] == [ScaleRecovered, WeightStable]
    assert weigher.tick(600.0) == []


def test_overload_is_no_weight() -> None:
    weigher = InstrumentWeigher(division_g=5.0, min_load_g=100.0)
    events = [event for at_s in (0.0, 0.1) for event in weigher.feed(at_s, None, stable=None, error="overload")]
    assert [type(event) for event in events] == [Overload]
