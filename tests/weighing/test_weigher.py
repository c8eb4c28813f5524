from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.bench.scale import EMPTY_CODE, ScalePhysics, ScaleRig
from agent.weighing import (
    Added,
    Debris,
    LeftOn,
    Light,
    LoadAppeared,
    Motion,
    Negative,
    NotEmpty,
    Overload,
    Phase,
    PlatformCleared,
    Removed,
    ScaleFault,
    ScaleRecovered,
    Weigher,
    WeighingEvent,
    WeightPredicted,
    WeightStable,
    ZeroLimit,
)
from firmware_config.calibration import ScaleCalibration
from firmware_config.scale import ScaleSettings

if TYPE_CHECKING:
    from collections.abc import Callable

D = 10.0
SETTINGS = ScaleSettings(rate_sps=80.0, capacity_g=30_000.0, division_g=D)


def told(physics: ScalePhysics, until_s: float, weigher: Weigher | None = None) -> list[WeighingEvent]:
    """What the weigher says of a simulated platform until then."""
    rig = physics.rig
    weigher = weigher or Weigher(
        ScaleSettings(rate_sps=rig.rate_sps, capacity_g=rig.capacity_g, division_g=rig.capacity_g / 3000.0),
        ScaleCalibration(zero_counts=rig.zero_counts, counts_per_gram=rig.counts_per_gram))
    return [event for at_s, code in physics.conversions(until_s) for event in weigher.feed(at_s, code)]


def grams(level: Callable[[float], float], until_s: float, settings: ScaleSettings = SETTINGS,
          noise_g: float = 0.3) -> tuple[list[WeighingEvent], Weigher]:
    """What the weigher says of a level that is a function of time."""
    random = Random(1)
    weigher = Weigher(settings)
    events: list[WeighingEvent] = []
    for i in range(int(until_s * settings.rate_sps)):
        at_s = i / settings.rate_sps
        events += weigher.feed(at_s, level(at_s) + random.gauss(0.0, noise_g))
    return events, weigher


def kinds(events: list[WeighingEvent]) -> list[type]:
    return [type(event) for event in events if not isinstance(event, WeightPredicted)]


def weights(events: list[WeighingEvent]) -> list[float]:
    return [event.gross_g for event in events if isinstance(event, WeightStable)]


def test_a_box_is_predicted_weighed_and_gone() -> None:
    physics = ScalePhysics(1)
    physics.place(5000.0, 2.0)
    physics.lift(6.0)
    events = told(physics, 9.0)
    assert [type(event) for event in events] == [LoadAppeared, WeightPredicted, WeightStable, PlatformCleared]
    predicted, stable = events[1], events[2]
    assert isinstance(stable, WeightStable)
    assert isinstance(predicted, WeightPredicted)
    assert predicted.at_s < stable.at_s < 3.5
    assert abs(stable.gross_g - 5000.0) < stable.u95_g < 0.3 * D
    assert abs(predicted.gross_g - 5000.0) < D


@pytest.mark.parametrize("rate_sps", [80.0, 10.0])
def test_a_ringing_platform_is_weighed_while_it_rings(rate_sps: float) -> None:
    physics = ScalePhysics(2, ScaleRig(rate_sps=rate_sps, ring_hz=12.0, damping=0.005))
    physics.place(8000.0, 2.0, speed_mm_s=120.0)
    [gross_g] = weights(told(physics, 5.0))
    assert abs(gross_g - 8000.0) < D


def test_a_load_at_power_up_is_told_and_never_zeroed() -> None:
    physics = ScalePhysics(3)
    physics.place(2000.0, 0.001)
    physics.lift(6.0)
    physics.place(5000.0, 9.0)
    events = told(physics, 12.0)
    assert kinds(events) == [NotEmpty, PlatformCleared, LoadAppeared, WeightStable]
    assert abs(weights(events)[0] - 5000.0) < D


def test_a_box_that_comes_right_after_power_up_is_weighed() -> None:
    events, _ = grams(lambda t: 3000.0 if t > 0.4 else 0.0, 3.0)
    assert kinds(events) == [LoadAppeared, WeightStable]


def test_a_zero_that_moved_while_the_power_was_off_is_set() -> None:
    events, weigher = grams(lambda t: -60.0 if t < 3.0 else 2940.0, 6.0)
    assert kinds(events) == [LoadAppeared, WeightStable]
    assert abs(weights(events)[0] - 3000.0) < D
    assert weigher.zero.offset_g == pytest.approx(-60.0, abs=1.0)


def test_a_second_box_and_its_removal_are_revisions_of_one_visit() -> None:
    physics = ScalePhysics(4)
    physics.place(3000.0, 2.0)
    physics.place(4000.0, 5.0)
    physics.lift(8.0, 3000.0)
    events = told(physics, 11.0)
    assert kinds(events) == [LoadAppeared, WeightStable, WeightStable, Added, WeightStable, Removed]
    assert weights(events) == [pytest.approx(grams, abs=D) for grams in (3000.0, 7000.0, 4000.0)]
    assert [event.revision for event in events if isinstance(event, WeightStable)] == [1, 2, 3]


def test_overload_is_told_once_and_is_no_weight() -> None:
    physics = ScalePhysics(5)
    physics.place(31_000.0, 2.0)
    events = told(physics, 6.0)
    assert kinds(events) == [LoadAppeared, Overload]


def test_a_light_thing_is_no_weight() -> None:
    events, _ = grams(lambda t: 150.0 if t > 2.0 else 0.0, 6.0)
    assert kinds(events) == [LoadAppeared, Light]


def test_a_lifted_platter_is_negative() -> None:
    events, _ = grams(lambda t: -900.0 if t > 2.0 else 0.0, 6.0)
    assert kinds(events) == [Negative]


def test_debris_is_told_not_tracked_and_small_debris_is_tracked() -> None:
    events, weigher = grams(lambda t: 80.0 if t > 2.0 else 0.0, 8.0)
    assert kinds(events) == [Debris]
    assert abs(weigher.zero.offset_g) < 1.0
    events, _ = grams(lambda t: 0.0 if t < 2.0 else 20.0 if t < 8.0 else 5020.0, 11.0)
    assert weights(events) == [pytest.approx(5000.0, abs=3.0)]


def test_a_slow_drift_is_followed_and_a_slow_fill_is_an_alarm() -> None:
    events, _ = grams(lambda t: -t * 60.0 / 3600.0 + (3000.0 if t > 600.0 else 0.0), 604.0, noise_g=0.5)
    assert weights(events) == [pytest.approx(3000.0, abs=3.0)]
    for fill_g_s in (4.0, 8.0):  # 0.4 and 0.8 d/s
        events, weigher = grams(lambda t, fill_g_s=fill_g_s: max(0.0, t - 3.0) * fill_g_s, 60.0)  # type: ignore[misc]  # mypy infers no default of a lambda
        assert weights(events) == []
        assert weigher.zero.offset_g < 0.2 * D
        assert "drift" in {event.cause for event in events if isinstance(event, Motion)}


def test_zero_moves_at_most_five_divisions_in_ten_minutes() -> None:
    events, weigher = grams(lambda t: max(0.0, t - 3.0) * 0.5, 240.0)
    assert any(isinstance(event, ZeroLimit) for event in events)
    assert weigher.zero.offset_g <= 5.0 * D + 0.5


def test_a_load_that_never_rests_is_motion_with_a_cause() -> None:
    random = Random(2)
    level = {"g": 4000.0}

    def hand(t: float) -> float:
        level["g"] += random.gauss(0.0, 12.0)
        return level["g"] if t > 2.0 else 0.0

    events, _ = grams(hand, 8.0)
    [motion] = [event for event in events if isinstance(event, Motion)]
    assert motion.cause in {"hand", "drift"}
    assert motion.u95_g > D


def test_what_is_left_on_is_told_and_zero_stays() -> None:
    settings = ScaleSettings(rate_sps=10.0, capacity_g=30_000.0, division_g=D, left_on_s=60.0)
    events, weigher = grams(lambda t: 4000.0 if t > 2.0 else 0.0, 80.0, settings)
    assert kinds(events) == [LoadAppeared, WeightStable, LeftOn]
    assert abs(weigher.zero.offset_g) < 1.0


@pytest.mark.parametrize(("codes", "reason"), [
    (lambda i: 0x7FFFFF, "saturated"),
    (lambda i: -1, "out-of-range"),
    (lambda i: i - 8_000_000, "out-of-range"),
    (lambda i: 500_000, "stuck-code"),
])
def test_what_can_not_be_a_weight_is_a_fault_with_its_reason(codes: Callable[[int], int], reason: str) -> None:
    weigher = Weigher(SETTINGS, ScaleCalibration(zero_counts=EMPTY_CODE, counts_per_gram=143.0))
    random = Random(1)
    for i in range(160):
        weigher.feed(i / 80, EMPTY_CODE + random.randint(-40, 40))
    events = [event for i in range(160, 400) for event in weigher.feed(i / 80, codes(i))]
    faults = [event.reason for event in events if isinstance(event, ScaleFault)]
    assert faults == [reason]
    assert weights(events) == []
    back = [event for i in range(400, 700) for event in weigher.feed(i / 80, EMPTY_CODE + random.randint(-40, 40))]
    assert ScaleRecovered in kinds(back)
    assert weights(back) == []


def test_a_floating_line_is_too_fast_and_silence_is_silent() -> None:
    random = Random(1)
    weigher = Weigher(ScaleSettings(rate_sps=10.0, capacity_g=30_000.0, division_g=D))
    events = [event for i in range(200) for event in weigher.feed(i / 165, random.gauss(0.0, 1.0))]
    assert [event.reason for event in events if isinstance(event, ScaleFault)] == ["too-fast"]
    quiet = Weigher(SETTINGS)
    quiet.feed(0.0, 0.0)
    assert quiet.tick(0.5) == []
    assert quiet.tick(1.5) == [ScaleFault(1.5, "silent")]
    assert quiet.tick(2.5) == []


def test_single_spikes_and_a_gap_leave_the_weight_right() -> None:
    physics = ScalePhysics(6, ScaleRig(slips=0.02))
    physics.place(5000.0, 2.0)
    physics.gap(2.3, 0.3)
    weigher = Weigher(SETTINGS, ScaleCalibration(zero_counts=EMPTY_CODE, counts_per_gram=physics.rig.counts_per_gram))
    events = told(physics, 7.0, weigher)
    assert weights(events) == [pytest.approx(5000.0, abs=D)]
    assert weigher.spikes > 0


def test_the_zero_key_works_only_at_rest_and_near_the_calibration() -> None:
    _, weigher = grams(lambda t: 100.0 if t > 2.0 else 0.0, 6.0)
    assert weigher.set_zero()
    assert weigher.phase is Phase.EMPTY
    assert weigher.zero.offset_g == pytest.approx(100.0, abs=1.0)
    _, loaded = grams(lambda t: 5000.0 if t > 2.0 else 0.0, 6.0)
    assert not loaded.set_zero()


def test_a_disturbed_value_agrees_with_the_one_five_seconds_later() -> None:
    """OIML R 76-1, stability of equilibrium: disturb by hand, take the stored value, compare; five times."""
    for seed in range(5):
        physics = ScalePhysics(seed)
        physics.place(15_000.0, 2.0)
        physics.hand(3000.0, 5.0, 6.0, unrest=0.3)
        events = told(physics, 9.0)
        assert abs(weights(events)[-1] - 15_000.0) <= physics.rig.capacity_g / 3000.0


def test_a_wired_cell_with_its_sign_swapped_weighs_with_a_negative_span() -> None:
    weigher = Weigher(SETTINGS, ScaleCalibration(zero_counts=1000.0, counts_per_gram=-143.0))
    random = Random(1)
    events = [event for i in range(400) for event in
              weigher.feed(i / 80, round(1000 - 143 * (2000 if i > 160 else 0) + random.gauss(0, 40)))]
    assert weights(events) == [pytest.approx(2000.0, abs=2.0)]


def test_the_platform_is_cleared_while_the_tray_still_rings() -> None:
    physics = ScalePhysics(7, ScaleRig(ring_hz=10.0, damping=0.004))
    physics.place(8000.0, 2.0)
    physics.lift(6.0, over_s=0.02)
    cleared = [event.at_s for event in told(physics, 12.0) if isinstance(event, PlatformCleared)]
    assert cleared
    assert cleared[0] < 8.0
