"""What the local commands say, asked over a real socket."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from agent.cli.station import _screen, press, status, watch
from agent.local import LocalSocket, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIEW = {"sentence": "Put a box on the scale.", "hint": "", "code": "", "green": True, "amber": False, "red": False}
STATUS = {
    "station": "st-1", "site": "ams1", "boot": 3, "link": "down", "view": VIEW, "live_g": 0.2,
    "broken": [{"device": "printer", "code": "printer.no-media", "hint": "Load a roll."}],
    "parcels": [{"parcel": "J-1/1", "state": "held", "reasons": ["parcel.overweight"]}],
    "pages": [{"mark": "0123456789", "role": "slip", "job": "J-1", "state": "in-doubt"}],
    "store": {"outbox": 4},
}


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    """A daemon's socket whose owner answers as a station would."""
    def owner(request: object) -> None:
        assert isinstance(request, Request)
        answers = {"view": {"view": VIEW, "live_g": 1_234.5}, "press": {"view": VIEW}, "status": STATUS}
        threading.Thread(target=request.answer, args=(answers.get(request.ask, {"error": "no"}),)).start()

    local = LocalSocket(tmp_path / "pb.sock", owner)
    local.start()
    yield tmp_path / "pb.sock"
    local.close()


def test_status_names_what_is_broken_and_what_waits(socket: Path) -> None:
    shown = CliRunner().invoke(status, ["--socket", str(socket)])
    assert shown.exit_code == 0
    for line in ("broken: printer: printer.no-media. Load a roll.", "parcel J-1/1: held parcel.overweight",
                 "page 0123456789: slip of J-1 in-doubt", "store: 4 outbox"):
        assert line in shown.output
    assert json.loads(CliRunner().invoke(status, ["--socket", str(socket), "--json"]).output)["boot"] == 3


def test_watch_shows_one_big_sentence_and_the_weight(socket: Path) -> None:
    shown = CliRunner().invoke(watch, ["--socket", str(socket), "--once"])
    assert shown.output == "[green] 1.234 kg  Put a box on the scale.\n"
    assert CliRunner().invoke(press, ["--socket", str(socket)]).output == "Put a box on the scale.\n"


def test_an_empty_scale_is_never_shown_below_zero_by_its_noise() -> None:
    assert " 0.000 kg" in _screen({"view": VIEW, "live_g": -0.2}, plain=True)
    assert " -0.004 kg" in _screen({"view": VIEW, "live_g": -4.0}, plain=True)


def test_a_station_that_does_not_run_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    for command in (status, watch, press):
        shown = CliRunner().invoke(command, ["--socket", str(tmp_path / "none.sock")])
        assert (shown.exit_code, shown.output.count("\n")) == (1, 1)
