"""Short runs of the benchmarks; the long ones are `python -m tests.campaigns.weighing` and `weighing_drift`."""

from __future__ import annotations

import pytest

from tests.campaigns.weighing import run
from tests.campaigns.weighing_drift import Shift, weigh_a_shift
from tests.campaigns.weighing_scenarios import KINDS


@pytest.mark.parametrize(("rate_sps", "seeds"), [(80.0, 1), (10.0, 2)])
def test_packbench_is_faster_and_safer_than_an_indicator_and_shop_software(rate_sps: float, seeds: int) -> None:
    table = run(KINDS, range(900, 900 + seeds), rate_sps)["all"]
    ours, indicator, shop = table["packbench"], table["motion band"], table["three equal"]
    middle = [sorted(score.times_s)[len(score.times_s) // 2] for score in (ours, indicator)]
    assert middle[0] < 0.9 * middle[1]
    assert ours.missed <= indicator.missed
    assert ours.wrong_alone == 0
    assert ours.wrong <= shop.wrong
    rms = (sum(error * error for error in ours.errors_d) / len(ours.errors_d)) ** 0.5
    assert rms < 0.2
    assert ours.covered >= 0.9 * len(ours.u95_d)


def test_boxes_are_weighed_while_zero_drifts() -> None:
    shift = Shift()
    weigh_a_shift(901, 10.0, shift, run_s=150.0)
    assert shift.boxes >= 3
    assert shift.wrong == 0
    assert shift.missed <= 1
    assert max(abs(error_d) for error_d in shift.errors_d) < 0.3
