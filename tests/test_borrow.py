"""A technician's command borrows the scale from the running station, and it comes back whatever happens."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

from agent.__main__ import packbench
from agent.clock import Clock
from agent.local import HungUp, LocalError, LocalSocket, Request, borrowed
from agent.scale import LoadCell
from agent.station.events import DeviceFailed, DeviceRecovered
from agent.station.state import Broken, State
from agent.station.view import view
from agent.wiring import Devices
from firmware_config.calibration import ScaleCalibration
from firmware_config.settings import Settings, parse
from tests.builders import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.devices import Sample


class Rig:
    """A station's socket and devices, a recording for a load cell, and an owner that does what the daemon's does."""

    def __init__(self, root: Path) -> None:
        self.root, self.inbox = root, queue.SimpleQueue[Any]()
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        (root / "calibration").mkdir()
        self.calibrate(1_000.0)
        (root / "trace.csv").write_text("t_s,counts\n" + "".join(f"{n / 80:.4f},{n % 3}\n" for n in range(800)))
        self.settings: Settings = parse({
            "station": {"id": "s", "site": "a"}, "broker": {"url": "mqtt://x"}, "directory": str(root),
            "socket": str(root / "pb.sock"), "scale": {"driver": "trace", "path": str(root / "trace.csv")}}, "test")
        self.devices = Devices(self.settings, Clock(), self.events.put)
        self.local = LocalSocket(root / "pb.sock", self.inbox.put)
        self.devices.start()
        self.local.start()
        threading.Thread(target=self._own, daemon=True).start()

    def calibrate(self, counts_per_gram: float) -> None:
        record = ScaleCalibration(zero_counts=0.0, counts_per_gram=counts_per_gram)
        (self.root / "calibration" / "scale.json").write_bytes(msgspec.json.encode(record))

    def _own(self) -> None:
        while (item := self.inbox.get()) is not None:
            if isinstance(item, HungUp):
                self.devices.take_back(item.caller)
            elif isinstance(item, Request):
                item.answer(self.devices.lend(str(item.more.get("device")), item.caller))

    def until(self, kind: type[Any]) -> Any:  # noqa: ANN401 (an event of that kind)
        while not isinstance(found := self.events.get(timeout=5.0), kind):
            pass
        return found

    def close(self) -> None:
        self.local.close()
        self.devices.stop()
        self.inbox.put(None)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    one = Rig(tmp_path)
    yield one
    one.close()


def test_the_scale_is_closed_while_it_is_lent_and_opened_at_the_end(rig: Rig) -> None:
    with borrowed(rig.root / "pb.sock", "scale") as loan:
        assert rig.until(DeviceFailed).code == "scale.borrowed"
        assert rig.devices.live_g is None
        loan.check()
        with pytest.raises(LocalError, match=r"device\.lent"), borrowed(rig.root / "pb.sock", "scale"):
            pass
    rig.until(DeviceRecovered)
    with borrowed(rig.root / "pb.sock", "scale"):
        assert rig.until(DeviceFailed).code == "scale.borrowed"


def test_a_new_calibration_is_in_force_when_the_scale_comes_back(rig: Rig) -> None:
    opened: list[ScaleCalibration | None] = []
    before = LoadCell.__init__

    def noting(self: LoadCell, scale: Any, one: Any, calibration: ScaleCalibration | None, clock: Clock) -> None:  # noqa: ANN401 (passed on)
        opened.append(calibration)
        before(self, scale, one, calibration, clock)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoadCell, "__init__", noting)
        with borrowed(rig.root / "pb.sock", "scale"):
            rig.calibrate(1_234.0)
        rig.until(DeviceRecovered)
    assert [one.counts_per_gram for one in opened if one is not None][-1] == 1_234.0


def test_a_check_weight_above_its_limit_stops_the_weighing_until_one_is_well(rig: Rig) -> None:
    log = rig.root / "calibration" / "check-weights.jsonl"
    for verdict, kind in (("block", DeviceFailed), ("well", DeviceRecovered)):
        with borrowed(rig.root / "pb.sock", "scale"):
            rig.until(DeviceFailed)
            with log.open("a") as out:
                out.write(json.dumps({"verdict": verdict, "error_g": 31.0, "calibration": ""}) + "\n")
        told = rig.until(kind)
        assert isinstance(told, DeviceRecovered) or told.code == "scale.failed-check"


@pytest.mark.parametrize("line", [
    rb'{"ask": "borrow", "device": "\ud800"}', b'{"ask": "\xff"}', b"[" * 9_000, b'{"ask": 1}', b"7"],
    ids=["half a character", "no UTF-8", "too deep", "no name", "no object"])
def test_a_line_that_is_no_request_is_answered_in_words(rig: Rig, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(rig.root / "pb.sock"))
        wire.sendall(line + b"\n")
        assert json.loads(wire.makefile("rb").readline())["error"].startswith("a request is ")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_command_that_dies_gives_the_scale_back(rig: Rig, number: signal.Signals) -> None:
    words = ("import sys, time, pathlib; from agent.local import borrowed\n"
             "with borrowed(pathlib.Path(sys.argv[1]), 'scale'): print('mine', flush=True); time.sleep(60)")
    child = subprocess.Popen([sys.executable, "-c", words, str(rig.root / "pb.sock")], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "mine\n"
    assert rig.until(DeviceFailed).code == "scale.borrowed"
    os.kill(child.pid, number)
    child.communicate()
    rig.until(DeviceRecovered)


def test_a_station_that_ends_takes_its_scale_along_and_the_command_is_told(rig: Rig) -> None:
    with borrowed(rig.root / "pb.sock", "scale") as loan:
        assert loan._station is not None
        loan._station._wire.shutdown(2)  # what the daemon's end looks like from here
        with pytest.raises(LocalError, match="Begin anew"):
            loan.check()


def test_without_a_station_there_is_nothing_to_borrow(tmp_path: Path) -> None:
    with borrowed(tmp_path / "none.sock", "scale") as loan:
        loan.check()


def test_a_device_that_the_station_does_not_have_is_named(rig: Rig) -> None:
    with pytest.raises(LocalError, match=r"no 'kettle'; it has scale"), borrowed(rig.root / "pb.sock", "kettle"):
        pass


def test_the_packer_reads_who_has_the_scale() -> None:
    state = State(broken=(Broken("scale", "scale.borrowed", "x"),))
    seen = view(state, settings())
    assert (seen.sentence, seen.red, seen.amber) == ("The technician has the scale.", False, True)


def test_calibrate_and_record_borrow_the_scale_of_the_settings(rig: Rig, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """The scale is a bench's in the commands' file; the station behind the socket must let go of its own first."""
    class Mute:
        def read(self, timeout_s: float) -> list[Sample]:
            assert rig.devices._lent, "the station still has its scale"
            raise KeyboardInterrupt

        def close(self) -> None:
            pass

    for module in ("calibration.source", "agent.cli.scale_wire"):
        monkeypatch.setattr(f"{module}.open_scale", lambda *_, **__: Mute())
    file = tmp_path / "station.toml"
    file.write_text(f'directory = "{tmp_path}"\nsocket = "{tmp_path}/pb.sock"\n[station]\nid = "s"\nsite = "a"\n'
                    '[broker]\nurl = "mqtt://x"\n[scale]\ndriver = "spi"\n')
    masses = [word for kg in (5, 5, 10, 10) for word in ("--mass", f"{kg}kg:M1")]
    aborted = CliRunner().invoke(packbench, ["calibrate", "scale", "--config", str(file), *masses])
    assert "calibration.aborted" in aborted.output
    rig.until(DeviceFailed)
    rig.until(DeviceRecovered)
    recorded = CliRunner().invoke(packbench, ["scale", "record", str(tmp_path / "r.csv"), "--config", str(file)])
    assert recorded.exit_code == 0, recorded.output
    rig.until(DeviceRecovered)
    until_s = time.monotonic() + 5.0
    while rig.devices._lent and time.monotonic() < until_s:
        pass
    assert rig.devices._lent == {}
