"""What repeats and what hurries: a rounded reading is a weight, a frozen code that floods in is none."""

from __future__ import annotations

from random import Random

import pytest

from agent.weighing import ScaleFault, WeighingEvent, WeightStable
from agent.weighing.replay import replayed
from firmware_config.scale import ScaleSettings

LOAD_G = 3004.2


def told(samples: list[tuple[float, float]], rate_sps: float) -> list[WeighingEvent]:
    return list(replayed(ScaleSettings(rate_sps=rate_sps), None, samples))


@pytest.mark.parametrize("rate_sps", [80.0, 10.0])
@pytest.mark.parametrize("step_g", [0.1, 1.0, 4.5359, 10.0])
def test_a_box_is_weighed_from_grams_that_were_rounded(rate_sps: float, step_g: float) -> None:
    random = Random(2)
    samples = [(i / rate_sps, round(random.gauss(LOAD_G if i > 3 * rate_sps else 0.0, 0.4) / step_g) * step_g)
               for i in range(int(9 * rate_sps))]
    events = told(samples, rate_sps)
    assert not [event for event in events if isinstance(event, ScaleFault)]
    weights = [event.gross_g for event in events if isinstance(event, WeightStable)]
    assert len(weights) == 1
    assert abs(weights[0] - LOAD_G) <= step_g


@pytest.mark.parametrize("fast_sps", [60.0, 120.0, 165.0])
@pytest.mark.parametrize("step_g", [0.01, 4.5359])
def test_a_code_that_froze_while_the_wire_was_touched_is_no_weight(fast_sps: float, step_g: float) -> None:
    """Seen on real rigs: the driver reads one old code again and again, many times faster than the chip converts."""
    random = Random(3)
    samples: list[tuple[float, float]] = []
    at_s = 0.0
    for count, sps, level_g, noise_g in ((150, 10.0, 0.0, 1.5), (300, fast_sps, 699.0, 0.0), (60, 10.0, 0.0, 1.5)):
        for _ in range(count):
            at_s += 1.0 / sps
            samples.append((at_s, round(random.gauss(level_g, noise_g) / step_g) * step_g))
    events = told(samples, 10.0)
    assert [event.reason for event in events if isinstance(event, ScaleFault)][:1] in (["too-fast"], ["stuck-code"])
    assert not [event for event in events if isinstance(event, WeightStable)]
