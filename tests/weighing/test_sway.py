"""A table that sways under a box: the sinusoid is found and taken out, and the mean hardly hears the rest."""

from __future__ import annotations

from math import pi, sin
from random import Random

from agent.bench.scale import ScalePhysics, ScaleRig
from agent.weighing import Weigher, WeightStable
from agent.weighing.stillness import judged
from agent.weighing.sway import disagreement, tapered_mean, without_sway
from firmware_config.calibration import ScaleCalibration
from firmware_config.scale import ScaleSettings

BLOCK_S = 0.075


def swaying(hz: float, amplitude: float, *, noise: float = 0.05, blocks: int = 29, phase: float = 0.7) -> list[float]:
    random = Random(5)
    return [100.0 + amplitude * sin(2.0 * pi * hz * BLOCK_S * i + phase) + random.gauss(0.0, noise)
            for i in range(blocks)]


def test_a_sway_of_unknown_frequency_is_taken_out_and_the_mean_stays() -> None:
    for hz in (0.8, 1.1, 1.9, 3.3):
        before = swaying(hz, 1.0)
        after = without_sway(before, BLOCK_S)
        assert judged(after, 0.0).sd < 0.15 * judged(before, 0.0).sd
        assert judged(after, 0.0).von_neumann > 1.0
        assert abs(sum(after) - sum(before)) < 1e-9


def test_a_stretch_shorter_than_a_sway_is_left_as_it_is() -> None:
    short = swaying(0.8, 1.0, blocks=4)
    assert without_sway(short, BLOCK_S) == short


def test_the_tapered_mean_hears_sways_of_two_periods_and_more_less_than_a_plain_mean() -> None:
    rows = [swaying(hz / 10.0, 1.0, noise=0.0, phase=phase / 4.0) for phase in range(25) for hz in range(10, 40)]
    plain = max(abs(sum(row) / len(row) - 100.0) for row in rows)
    assert max(abs(tapered_mean(row) - 100.0) for row in rows) < 0.5 * plain


def test_halves_of_a_slow_rise_disagree_and_those_of_a_sway_do_not() -> None:
    assert disagreement([0.1 * i for i in range(29)]) > 1.3
    assert disagreement(swaying(3.0, 1.0, noise=0.0)) < 0.1


def test_a_heavy_box_on_a_swaying_table_is_weighed() -> None:
    rig = ScaleRig(sway_mm_s2=5.0, sway_hz=0.9, motor_mm_s2=25.0, band_mm_s2=10.0, clock_error=0.07)
    physics = ScalePhysics(3, rig)
    physics.place(14_000.0, 2.5, speed_mm_s=10.0)
    weigher = Weigher(ScaleSettings(), ScaleCalibration(zero_counts=rig.zero_counts,
                                                        counts_per_gram=rig.counts_per_gram))
    found = [event for at_s, code in physics.conversions(8.0) for event in weigher.feed(at_s, code)
             if isinstance(event, WeightStable)]
    assert len(found) == 1
    assert abs(found[0].gross_g - 14_000.0) < found[0].u95_g < 15.0
    assert found[0].quality != "quick"
