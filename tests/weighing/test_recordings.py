"""Real load cells: nothing there is a box at rest with a known mass, so what counts is what is *not* accepted."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from random import Random

import pytest

from agent.devices.trace import read_trace
from agent.weighing import ScaleFault, WeightStable
from agent.weighing.replay import replayed
from firmware_config.scale import ScaleSettings

RECORDINGS = os.environ.get("PACKBENCH_RECORDINGS")
LONGEST = 8000
ALLOWED = {"hand": 2, "fault": 2, "live": 2, "empty": 0}

pytestmark = pytest.mark.skipif(not RECORDINGS, reason="PACKBENCH_RECORDINGS is not set")


def rows() -> list[dict[str, str]]:
    if not RECORDINGS:
        return []
    with (Path(RECORDINGS) / "scale" / "manifest.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["expect"] in ALLOWED and "grams" in row["columns"]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: Path(row["file"]).stem)
def test_hands_faults_animals_and_nothing_are_not_taken_for_boxes(row: dict[str, str]) -> None:
    trace = read_trace(Path(RECORDINGS or "") / "scale" / row["file"])
    division_g, capacity_g = float(row["d_g"]), float(row["capacity_g"])
    rate = 80.0 if float(row["rate_hz"]) > 50.0 else 10.0
    settings = ScaleSettings(rate_sps=rate, division_g=division_g, capacity_g=capacity_g)
    # A loaded start alone would be refused: the platform is empty for three seconds first, as in a shop.
    random = Random(1)
    before = [(trace.at_s[0] - 3.0 + i / rate, random.gauss(0.0, 0.1 * division_g)) for i in range(int(3 * rate))]
    samples = list(zip(trace.at_s, trace.values, strict=True))[:LONGEST]
    events = list(replayed(settings, None, before + samples))
    accepted = [event for event in events if isinstance(event, WeightStable)]
    # An animal that sleeps is weighed, rightly; what must not happen is a wrong value.
    if row["expect"] == "live":
        middle = sorted(trace.values)[len(trace.values) // 2]
        accepted = [event for event in accepted if abs(event.gross_g - middle) > 0.03 * middle]
    assert len(accepted) <= ALLOWED[row["expect"]]
    if "not answering" in row["what"] or "saturated" in row["what"]:
        assert any(isinstance(event, ScaleFault) for event in events)
