"""Hand scanners over real ptys and pipes: whole scans, a lost key never makes a shorter code, unplugged is said."""

from __future__ import annotations

import errno
import json
import os
import pty
import threading
import tty
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.devices import DeviceError
from agent.devices.scanner import LostScan, Scan, SerialScanner, WedgeScanner
from agent.devices.scanner_keys import EVENT, Keys, Typed

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S = 5.0
GS = "\x1d"


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A serial line: our end of it, and the name of the scanner's port."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for end in (ours, theirs):
        try:
            os.close(end)
        except OSError as error:
            assert error.errno == errno.EBADF  # noqa: PT017 (a test unplugged it)


def scanned(scanner: SerialScanner | WedgeScanner, number: int) -> list[Scan | LostScan]:
    found: list[Scan | LostScan] = []
    while len(found) < number:
        some = scanner.read(WAIT_S)
        assert some, f"only {found}"
        found += some
    return found


@pytest.mark.parametrize(
    ("sent", "texts"),
    [
        (b"5901234123457\r\n", ["5901234123457"]),
        (b"  \t 5901234123457 \n  \r", ["5901234123457"]),
        (b"\x02AB-1\x03\x02AB-2\x03", ["AB-1", "AB-2"]),
        (b"no suffix", ["no suffix"]),
        (b"0107032069804988100329\x1d15210526\r", [f"0107032069804988100329{GS}15210526"]),
        ("Größe\r".encode(), ["Größe"]),
        ("Größe\r".encode("latin-1"), ["Größe"]),
        (b"\r\n\r\nA\r", ["A"]),
        (b"A\x00B\x1b[2J\r", ["A\x00B\x1b[2J"]),
        (b"x" * 3000 + b"\r", ["x" * 3000]),
    ],
)
def test_a_serial_scan_ends_with_its_suffix_or_with_silence(
    line: tuple[int, str], sent: bytes, texts: list[str]
) -> None:
    ours, port = line
    scanner = SerialScanner(port, count(5).__next__)
    assert scanner.read(0.0) == []
    threading.Thread(target=os.write, args=(ours, sent)).start()
    assert [scan.text for scan in scanned(scanner, len(texts)) if isinstance(scan, Scan)] == texts
    scanner.close()


def test_the_aim_identifier_is_taken_off_and_kept(line: tuple[int, str]) -> None:
    ours, port = line
    scanner = SerialScanner(port, lambda: 77)
    scanner.read(0.0)
    os.write(ours, b"]C100340123450000000017\r")
    assert scanned(scanner, 1) == [Scan(77, "00340123450000000017", "]C1")]
    scanner.close()


def test_a_scan_without_end_is_lost_and_the_next_one_is_read(line: tuple[int, str]) -> None:
    ours, port = line
    scanner = SerialScanner(port, lambda: 0)
    scanner.read(0.0)
    threading.Thread(
        target=lambda: [os.write(ours, b"y" * 1000) for _ in range(20)] + [os.write(ours, b"\rOK\r")]
    ).start()
    lost, good = scanned(scanner, 2)
    assert isinstance(lost, LostScan)
    assert lost.code == "scanner.too-long"
    assert isinstance(good, Scan)
    assert good.text == "OK"
    scanner.close()


def test_an_unplugged_serial_scanner_is_said_and_a_second_program_is_kept_out(line: tuple[int, str]) -> None:
    ours, port = line
    scanner = SerialScanner(port, lambda: 0)
    scanner.read(0.0)
    with pytest.raises(DeviceError) as busy:
        SerialScanner(port, lambda: 0).read(0.0)
    assert busy.value.code == "scanner.missing"
    os.close(ours)
    with pytest.raises(DeviceError) as gone:
        scanner.read(WAIT_S)
    assert gone.value.code == "scanner.gone"
    with pytest.raises(DeviceError):
        scanner.read(0.0)
    scanner.close()


SHIFT, CTRL, ALT, ENTER = 42, 29, 56, 28
CODES = {
    **dict(zip("1234567890-=", range(2, 14), strict=True)),
    **dict(zip("qwertyuiop[]", range(16, 28), strict=True)),
    **dict(zip("asdfghjkl;'`", range(30, 42), strict=True)),
    **dict(zip("\\zxcvbnm,./", range(43, 54), strict=True)),
    " ": 57,
}
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))
KEYPAD = {"0": 82, "2": 80, "9": 73}


def event(kind: int, code: int, value: int, at_s: float = 100.0) -> bytes:
    return EVENT.pack(int(at_s), int(at_s % 1 * 1e6), kind, code, value) + EVENT.pack(
        int(at_s), int(at_s % 1 * 1e6), 0, 0, 0
    )


def press(code: int, at_s: float = 100.0) -> bytes:
    return event(1, code, 1, at_s) + event(1, code, 0, at_s)


def typed(text: str, at_s: float = 100.0) -> bytes:
    """The raw keys of a scanner that types on a US keyboard."""
    keys = b""
    for char in text:
        if char == GS:
            keys += event(1, CTRL, 1, at_s) + press(CODES["]"], at_s) + event(1, CTRL, 0, at_s)
        elif char in CODES:
            keys += press(CODES[char], at_s)
        else:
            keys += (
                event(1, SHIFT, 1, at_s)
                + press(CODES[SHIFTED.get(char, char.lower())], at_s)
                + event(1, SHIFT, 0, at_s)
            )
    return keys


DROPPED = EVENT.pack(100, 0, 0, 3, 0)


def texts(*chunks: bytes) -> list[str]:
    keys = Keys()
    found = [one for chunk in chunks for one in keys.feed(chunk)] + list(keys.end())
    return [one.text if isinstance(one, Typed) else one.code for one in found]


@pytest.mark.parametrize(
    "text", ["HA112", "a@b.de", "004HQ3NIDBVD", f"01070320{GS}1521", '!"#$%^&*()_+{}:~|<>?', "a b\\c'`"]
)
def test_raw_keys_are_read_with_the_us_table(text: str) -> None:
    assert texts(typed(text) + press(ENTER)) == [text]


def test_alt_and_keypad_digits_are_one_character() -> None:
    keys = event(1, ALT, 1) + b"".join(press(KEYPAD[digit]) for digit in "029") + event(1, ALT, 0)
    assert texts(typed("10AB") + keys + typed("17") + press(ENTER)) == [f"10AB{GS}17"]


def test_a_held_key_that_repeats_counts_once() -> None:
    assert texts(event(1, CODES["a"], 1) + event(1, CODES["a"], 2) * 5 + event(1, CODES["a"], 0) + press(ENTER)) == [
        "a"
    ]


def test_an_overflowed_queue_loses_this_scan_and_not_the_next() -> None:
    assert texts(typed("123") + DROPPED + typed("9") + press(ENTER) + typed("456") + press(ENTER)) == [
        "scanner.overflow",
        "456",
    ]


def test_when_the_enter_was_lost_too_the_pause_before_the_next_scan_divides_them() -> None:
    assert texts(typed("123") + DROPPED, typed("456", 103.0) + press(ENTER, 103.0)) == ["scanner.overflow", "456"]


def test_a_shift_whose_release_was_lost_does_not_stick() -> None:
    assert texts(event(1, SHIFT, 1) + DROPPED + press(ENTER) + typed("ab") + press(ENTER)) == ["scanner.overflow", "ab"]


def test_a_scan_without_enter_ends_with_a_pause() -> None:
    assert texts(typed("123"), typed("456", 101.0)) == ["123", "456"]


def test_keys_without_end_are_lost() -> None:
    assert texts(typed("a") * 9000 + press(ENTER) + typed("b") + press(ENTER)) == ["scanner.too-long", "b"]


@pytest.fixture
def keyboard(tmp_path: Path) -> Iterator[tuple[int, WedgeScanner]]:
    """Our end of a keyboard's events, and the scanner that reads them; a pipe cannot be grabbed, so nothing is."""
    path = tmp_path / "event-kbd"
    os.mkfifo(path)
    scanner = WedgeScanner(str(path), lambda: 5, grab=lambda _: None)
    scanner.read(0.0)
    ours = os.open(path, os.O_WRONLY)
    yield ours, scanner
    scanner.close()
    os.close(ours)


def test_a_wedge_tells_whole_scans_however_its_events_arrive(keyboard: tuple[int, WedgeScanner]) -> None:
    ours, scanner = keyboard
    keys = typed("]E05901234123457") + press(ENTER)
    os.write(ours, keys[:100])
    os.write(ours, keys[100:])
    assert scanned(scanner, 1) == [Scan(5, "5901234123457", "]E0")]
    os.write(ours, typed("12") + DROPPED + press(ENTER) + typed("no enter"))
    lost, late = scanned(scanner, 2)
    assert isinstance(lost, LostScan)
    assert late == Scan(5, "no enter", "")


def test_an_unplugged_wedge_is_said_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "event-kbd"
    os.mkfifo(path)
    grabbed: list[int] = []
    scanner = WedgeScanner(str(path), lambda: 5, grab=grabbed.append)
    for times in (1, 2):
        scanner.read(0.0)
        assert len(grabbed) == times
        ours = os.open(path, os.O_WRONLY)
        os.write(ours, typed("7") + press(ENTER))
        assert scanned(scanner, 1) == [Scan(5, "7", "")]
        os.close(ours)
        with pytest.raises(DeviceError) as gone:
            scanner.read(WAIT_S)
        assert gone.value.code == "scanner.gone"
    scanner.close()


def test_a_path_that_is_missing_or_no_keyboard_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, code in ((tmp_path / "none", "scanner.missing"), (tmp_path / "file", "scanner.busy")):
        scanner = WedgeScanner(str(path), lambda: 0)
        with pytest.raises(DeviceError) as error:
            scanner.read(0.0)
        assert error.value.code == code
        scanner.close()
        scanner.close()


def _wedges() -> list[dict[str, Any]]:
    folder = os.environ.get("PACKBENCH_RECORDINGS")
    if not folder:
        return []
    rows: list[dict[str, Any]] = json.loads((Path(folder) / "captures/scanners.json").read_text(encoding="utf-8"))
    return [row for row in rows if row["device"].startswith("wedge") and "text" in row["expected"]]


@pytest.mark.skipif(not _wedges(), reason="PACKBENCH_RECORDINGS is not set")
def test_codes_that_other_layouts_garbled_in_the_field_are_right_from_raw_keys() -> None:
    for row in _wedges():
        text = row["expected"]["text"]
        assert texts(typed(text) + press(ENTER)) == [text], row["id"]
