"""A whole calibration beside a running station, on the simulated bench: masses come and go, no key is pressed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.bench.bench import Bench
from agent.bench.scale import EMPTY_CODE
from agent.bench.wires import Hands, Wires
from agent.local import LocalError, Station
from calibration.record import Folder
from firmware_config.calibration import ScaleCalibration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SPEED = 25.0
IDLE, LENT = "Put a box on the scale.", "The technician has the scale."


class Site:
    """The bench, the daemon as a process of its own, and the technician's commands."""

    def __init__(self, root: Path) -> None:
        self.root, self.records = root, root / "state" / "calibration"
        self._bench = Bench(root / "bench", speed=SPEED)
        self._wires = Wires(self._bench)
        ready = threading.Event()
        threading.Thread(target=self._wires.serve, args=(ready.set,), daemon=True).start()
        assert ready.wait(60.0)
        self.hands, self._loaded = Hands(root / "bench"), False
        self.counts_per_gram = self._bench.scale.rig.counts_per_gram
        # Half a percent wrong, so that the daemon's weights tell which calibration they come from.
        self.records.mkdir(parents=True)
        old = ScaleCalibration(zero_counts=EMPTY_CODE, counts_per_gram=1.005 * self.counts_per_gram)
        (self.records / "scale.json").write_bytes(msgspec.json.encode(old))
        self.old = (self.records / "scale.json").read_bytes()
        (root / "station.toml").write_text(
            f'directory = "{root}/state"\nsocket = "{root}/pb.sock"\nbench = "{root}/bench"\n'
            '[station]\nid = "st-1"\nsite = "ams1"\n[broker]\nurl = "mqtt://127.0.0.1:1"\n[scale]\ndriver = "bench"\n')
        self.agent = self._packbench("run")

    def _packbench(self, *words: str) -> subprocess.Popen[str]:
        config = ("--config", str(self.root / "station.toml"))
        return subprocess.Popen([sys.executable, "-I", "-m", "agent", *words, *config], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def calibrate(self, *more: str) -> subprocess.Popen[str]:
        return self._packbench("calibrate", "scale", "--mass", "10kg:M1", "--mass", "20kg:M1", "--technician", "A.B.",
                               *more)

    def shown(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return what the daemon's screen shows as soon as it is what is wanted."""
        until_s, seen = time.monotonic() + 120.0, {}
        while time.monotonic() < until_s:
            with contextlib.suppress(LocalError):
                station = Station(self.root / "pb.sock")
                seen = station.ask("view")
                station.close()
                if wanted(seen):
                    return seen
            threading.Event().wait(0.02)
        raise AssertionError(seen)

    def says(self, sentence: str) -> None:
        self.shown(lambda seen: bool(seen["view"]["sentence"] == sentence))

    def load(self, grams: float) -> None:
        """Put this mass on instead of what stands there."""
        if self._loaded:
            self.hands.do("lift")
        self._loaded = bool(grams)
        if grams:
            self.hands.do("make", box="m", mass_g=grams, length_mm=90, width_mm=90, height_mm=120)
            self.hands.do("put", box="m")

    def follow(self, command: subprocess.Popen[str], until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Do what the dialogue asks for until a line of it says so, or the last one; return its lines."""
        lines: list[dict[str, Any]] = []
        assert command.stdout is not None
        for line in command.stdout:
            lines.append(json.loads(line))
            if until(lines[-1]):
                break
            if lines[-1]["what"] == "do":
                self.load(lines[-1]["load_g"])
        return lines

    def close(self) -> None:
        self.hands.close()
        self.agent.terminate()
        self.agent.communicate(timeout=60.0)
        self._wires.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(tmp_path)
    yield one
    one.close()


def test_ctrl_c_and_kill_leave_the_old_calibration_and_the_last_yes_brings_the_new_one_into_force(site: Site) -> None:
    site.says(IDLE)
    for number in (signal.SIGINT, signal.SIGKILL):
        begun = site.calibrate("--yes")
        site.follow(begun, lambda line: bool(line["what"] == "done"))
        site.says(LENT)
        os.kill(begun.pid, number)
        told = begun.communicate(timeout=60.0)[1]
        expected = (True, 1) if number == signal.SIGINT else (False, -signal.SIGKILL)
        assert ("calibration.aborted" in told, begun.returncode) == expected
        site.load(0.0)
        site.says(IDLE)
        assert [(path.name, path.read_bytes()) for path in site.records.iterdir()] == [("scale.json", site.old)]
    site.load(10_000.0)
    site.shown(lambda seen: abs((seen["live_g"] or 0.0) - 10_000.0 / 1.005) < 10.0)
    site.load(0.0)

    whole = site.calibrate("--yes", "--cell", "C1")
    lines = site.follow(whole, lambda line: False)
    refused = whole.communicate(timeout=60.0)[1]
    assert (whole.returncode, refused) == (0, "")
    assert [line["what"] for line in lines[-3:]] == ["result", "change", "accepted"]
    assert lines[-2]["new_counts_per_gram"] == pytest.approx(site.counts_per_gram, rel=5e-4)
    folder = Folder(site.records)
    [record] = folder.records()
    current = folder.current
    assert current is not None
    assert (current.record, record.cell, record.technician) == (folder.last_hash, "C1", "A.B.")
    assert "Not legal for trade" in (site.records / "scale-0001.html").read_text()
    site.says(IDLE)
    site.load(10_000.0)
    site.shown(lambda seen: abs((seen["live_g"] or 0.0) - 10_000.0) < 10.0)
