"""The technician's commands at a scale that weighs by itself: an indicator on a pseudo-terminal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agent.__main__ import packbench
from agent.cli.scale_instrument import findings
from agent.devices.scale_frames import Reading
from tests.test_scale_worker import Indicator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def indicator() -> Iterator[Indicator]:
    one = Indicator()
    yield one
    one.unplug()


def run(folder: Path, indicator: Indicator, *words: str, division_g: float = 5.0) -> Result:
    file = folder / "station.toml"
    file.write_text(f'socket = "{folder}/pb.sock"\n[station]\nid = "s"\nsite = "a"\n[broker]\nurl = "mqtt://x"\n'
                    f'[scale]\ndriver = "serial"\npath = "{indicator.port}"\nprotocol = "sics"\n'
                    f"division_g = {division_g}\n")
    return CliRunner().invoke(packbench, [*words, "--config", str(file)])


def test_check_says_what_the_instrument_sends(tmp_path: Path, indicator: Indicator) -> None:
    indicator.shows = b"S S      1.235 kg\r\n"
    checked = run(tmp_path, indicator, "check", "scale", "--seconds", "2.5", "--json")
    assert checked.exit_code == 0, checked.output
    seen = json.loads(checked.output)
    assert (seen["weight_g"], seen["step_g"], seen["unit"], seen["errors"]) == (1235.0, 1.0, "kg", "none")
    assert seen["marked_stable_or_moving"] > 10


def test_what_is_no_weight_is_named() -> None:
    def codes(*readings: Reading) -> list[str]:
        return [one.code for one in findings(list(readings), 5.0)]

    assert codes(Reading(value=Decimal("1.235"), unit="kg", stable=True)) == []
    assert codes(Reading(value=Decimal("1.2"), unit="kg")) == ["scale.coarse"]
    assert codes(Reading(value=Decimal(1235), unit="g", mode="net")) == ["scale.net"]
    assert codes(Reading(value=Decimal(1235))) == ["scale.no-unit"]
    assert codes(Reading(error="syntax")) == ["scale.no-weight"]


def test_watch_tells_what_happens_on_it(tmp_path: Path, indicator: Indicator) -> None:
    watched = run(tmp_path, indicator, "scale", "watch", "--seconds", "1", "--json")
    assert [json.loads(line)["kind"] for line in watched.output.splitlines()] == ["cleared"]


def test_counts_and_a_calibration_of_ours_are_refused_by_name(tmp_path: Path, indicator: Indicator) -> None:
    recorded = run(tmp_path, indicator, "scale", "record", str(tmp_path / "x.csv"))
    calibrated = run(tmp_path, indicator, "calibrate", "scale", "--mass", "5kg:M1")
    assert [one.exit_code for one in (recorded, calibrated)] == [1, 2]
    assert all("scale.instrument" in one.output for one in (recorded, calibrated))
    assert not (tmp_path / "x.csv").exists()


class Visited(Indicator):
    """An indicator that is empty for three answers; then something stands on it."""

    def __init__(self, weighed: bytes) -> None:
        self._answers = iter([b"S S      0.000 kg\r\n"] * 3)
        self._weighed = weighed
        super().__init__()

    @property
    def shows(self) -> bytes:
        return next(self._answers, self._weighed)

    @shows.setter
    def shows(self, shown: bytes) -> None:
        self._weighed = self._weighed or shown


def test_check_weights_judge_an_instrument_too_and_a_new_series_begins_when_it_was_calibrated(tmp_path: Path) -> None:
    said = []
    for shown, more in ((b"S S     10.000 kg\r\n", ()), (b"S S     10.008 kg\r\n", ()),
                        (b"S S     10.000 kg\r\n", ("--new-series",)), (b"S S     10.000 kg\r\n", ())):
        one = Visited(shown)
        words = ("calibrate", "check-weight", "10kg", "--json", "--directory", str(tmp_path), *more)
        said.append(run(tmp_path, one, *words))
        one.unplug()
    assert [one.exit_code for one in said] == [0, 3, 0, 0], said[0].output
    assert [json.loads(one.output)["verdict"] for one in said] == ["well", "warn", "well", "well"]
    assert [round(json.loads(one.output)["ewma_g"], 2) for one in said] == [0.0, 1.6, 0.0, 0.0]
