"""From conversions to the packer's sentence: all that happens on a platform, through detector, worker and core."""

from __future__ import annotations

from itertools import pairwise
from math import sin
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.clock import Clock
from agent.devices import Sample
from agent.scale import LoadCell
from agent.scale_worker import ScaleWorker
from agent.station.events import LoadChanged, PagePrinted, PlatformTroubled
from agent.station.view import View, view
from firmware_config.calibration import ScaleCalibration
from firmware_config.scale import ScaleSettings
from tests.builders import Bench, a_job, settings

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = ScaleSettings(capacity_g=30_000.0, division_g=10.0, left_on_s=20.0)
CALIBRATION = ScaleCalibration(zero_counts=84_210.0, counts_per_gram=140.0)


class Cell:
    """A load cell at 80 a second under a load that changes with time; a batch of half a second a call."""

    def __init__(self, load_g: Callable[[float], float]) -> None:
        self._load_g, self._n, self._random = load_g, 0, Random(4)

    def read(self, timeout_s: float) -> list[Sample]:
        times = [n / 80.0 for n in range(self._n, self._n + 40)]
        self._n += 40
        noise = self._random.gauss
        return [Sample(at_s, round(84_210 + 140 * (self._load_g(at_s) + noise(0.0, 0.3)))) for at_s in times]

    def close(self) -> None:
        pass


def steps(*loads: tuple[float, float]) -> Callable[[float], float]:
    """Loads in grams, each from a second on."""
    def load_g(at_s: float) -> float:
        return next((grams for (since_s, grams), (until_s, _) in pairwise((*loads, (1e9, 0.0)))
                     if since_s <= at_s < until_s), 0.0)

    return load_g


class Station:
    """A load cell, the worker that serves it, and the core that is told."""

    def __init__(self, load_g: Callable[[float], float]) -> None:
        self.bench = Bench(config=settings())
        self._worker = ScaleWorker(Clock(), self.bench.send, lambda: self._cell)
        self._cell = LoadCell(Cell(load_g), SETTINGS, CALIBRATION, Clock())
        self._halves = 0

    def run(self, until_s: float) -> View:
        """Let time pass; return what the packer sees then."""
        while self._halves < 2 * until_s:
            self._halves += 1
            self._worker._serve(self._cell)
        return view(self.bench.state, self.bench.config)


def wander(at_s: float) -> float:
    """A hand that lies on a box: a slow unrest of some percent."""
    return 0.0 if at_s < 3.0 else 5_000.0 + 90.0 * sin(7.3 * at_s) + 90.0 * sin(11.9 * at_s)


def shaking(at_s: float) -> float:
    """A conveyor beside the table: 60 g of several frequencies that no notch takes away."""
    return 0.0 if at_s < 3.0 else 5_000.0 + sum(60.0 * sin(hz * 6.283 * at_s) for hz in (8.3, 13.1, 17.9, 23.7))


@pytest.mark.parametrize(("load_g", "until_s", "code", "sentence"), [
    (steps((0.0, 2_000.0)), 4.0, "scale.not-empty", "Clear the platform."),
    (steps((3.0, 60.0)), 8.0, "scale.debris", "Clear the platform."),
    (steps((3.0, 31_000.0)), 8.0, "scale.overload", "Too heavy for this scale. Take the box off."),
    (steps((3.0, -400.0)), 8.0, "scale.negative", "The scale is below zero. Clear the platform."),
    (steps((3.0, 150.0)), 8.0, "scale.light", "Too light to weigh."),
    (steps((3.0, 2_000.0)), 30.0, "scale.left-on", "Take this box off."),
    (wander, 12.0, "scale.motion-hand", "Hands off the box, please."),
    (shaking, 12.0, "scale.motion-vibration", "The table shakes. Please wait."),
    (lambda at_s: 0.0 if at_s < 3.0 else 5_000.0 + 12.0 * at_s, 12.0, "scale.motion-drift",
     "The weight creeps. Is the box leaking?"),
])
def test_each_trouble_is_a_fact_a_red_lamp_and_a_sentence(
        load_g: Callable[[float], float], until_s: float, code: str, sentence: str) -> None:
    station = Station(load_g)
    seen = station.run(until_s)
    box = station.bench.state.box
    assert box is not None
    assert (box.notice, seen.code, seen.sentence) == (code, code, sentence)
    assert (seen.red, seen.green) == (True, False)


def test_when_the_trouble_is_gone_the_next_box_is_wanted() -> None:
    station = Station(steps((3.0, 60.0), (8.0, 0.0)))
    assert station.run(8.0).code == "scale.debris"
    assert station.run(12.0).sentence == "Put a box on the scale."


def judged(load_g: Callable[[float], float]) -> Station:
    """A box of two kilograms whose parcel waits for its label."""
    station = Station(load_g)
    station.bench.assign(a_job())
    station.run(6.0)
    station.bench.see("J-1")
    assert station.bench.parcels["J-1/1"].gross.value_g == pytest.approx(2_000.0, abs=1.0)
    return station


def finish(bench: Bench) -> None:
    """Slip and label come out, and the label is seen on the box twice."""
    while any(page.state == "sending" for page in bench.pages.values()):
        bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    for _ in range(2):
        bench.see(bench.page_of("J-1", "label").mark)
    assert bench.parcel_state("J-1/1") == "closed"


def test_what_is_put_in_or_taken_out_after_the_weighing_is_told_in_grams_and_may_be_undone() -> None:
    station = judged(steps((3.0, 2_000.0), (7.0, 2_500.0), (11.0, 2_000.0), (15.0, 1_600.0)))
    more, same, less = station.run(11.0), station.run(15.0), station.run(19.0)
    assert (more.code, more.hint.split(":")[0]) == ("parcel.weight-changed", "500 g were put in")
    assert same.code != "parcel.weight-changed"
    assert (less.code, less.hint.split(":")[0], less.red) == ("parcel.weight-changed", "400 g were taken out", True)


def test_a_finished_box_must_stay_as_it_was_weighed() -> None:
    station = judged(steps((3.0, 2_000.0), (8.0, 2_400.0), (12.0, 2_000.0), (16.0, 1_500.0)))
    bench = station.bench
    finish(bench)
    assert station.run(7.0).sentence == "Done. Take the box."
    seen = [station.run(until_s) for until_s in (12.0, 16.0, 20.0)]
    assert [one.code for one in seen] == ["scale.added", "", "scale.removed"]
    assert [one.green for one in seen] == [False, True, False]


def test_a_finished_box_that_is_left_on_is_told_and_one_that_is_being_labelled_is_not() -> None:
    bench = Bench(config=settings())
    bench.assign(a_job())
    bench.weigh(2_000.0)
    bench.see("J-1")
    bench.send(PlatformTroubled(at_ms=0, code="scale.left-on"))
    assert view(bench.state, bench.config).code != "scale.left-on"
    finish(bench)
    bench.send(PlatformTroubled(at_ms=0, code="scale.left-on"))
    assert view(bench.state, bench.config).sentence == "Take this box off."
    bench.send(LoadChanged(at_ms=0, delta_g=300.0))
    assert view(bench.state, bench.config).code == "scale.left-on", "first things first"
