from __future__ import annotations

from agent.weighing import PlatformCleared, WeightStable
from agent.weighing.tare import Tare


def stable(gross_g: float) -> WeightStable:
    return WeightStable(at_s=1.0, gross_g=gross_g, u95_g=1.0, quality="quick", revision=1, window_s=0.45, spikes=0,
                        ring_hz=None)


def test_a_tare_lasts_for_one_visit() -> None:
    tare = Tare(capacity_g=30_000.0)
    assert tare.preset(320.0)
    assert tare.net_g(1320.0) == 1000.0
    tare.feed(PlatformCleared(2.0))
    assert tare.net_g(1320.0) == 1320.0


def test_only_a_stable_weight_becomes_a_tare() -> None:
    tare = Tare(capacity_g=30_000.0)
    assert not tare.weigh()
    tare.feed(stable(450.0))
    assert tare.weigh()
    assert (tare.net_g(440.0), tare.kind) == (-10.0, "weighed")


def test_a_tare_below_zero_or_above_the_capacity_is_refused() -> None:
    tare = Tare(capacity_g=30_000.0)
    assert not tare.preset(-1.0)
    assert not tare.preset(30_001.0)
    assert tare.kind == "none"
