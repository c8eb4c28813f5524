"""Expected weights: learned, robust, opened again, and judged by probability."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.packing.doubt import (
    LADDER,
    Alertness,
    Finding,
    Mistake,
    Shelf,
    judge,
    vouching,
    weigh_up,
)
from agent.packing.weights import (
    CONSTANT,
    FILL,
    FIRST_CONSTANT,
    FIRST_FILL,
    Contents,
    UnknownError,
    Weight,
    carton_key,
    expected,
    first_sight,
    first_tare,
    forgotten,
    learn,
    sku_key,
)
from tests.campaigns.mispacks import Tally, run_site


def known(**grams: float) -> dict[str, Weight]:
    """A well-known site: SKUs to 0.2 %, a carton of 150 g."""
    beliefs = {sku_key(sku): Weight(value, (0.002 * value) ** 2, 0.005, 50) for sku, value in grams.items()}
    return beliefs | {carton_key("C"): Weight(150.0, 1.0, 0.01, 50), FILL: Weight(5.0, 0.1, 0.3, 50),
                      CONSTANT: Weight(20.0, 1.0, 0.0, 50)}


def contents(**units: int) -> Contents:
    return Contents(units, "C", 2.0)


def test_the_expectation_is_the_sum_with_its_variance() -> None:
    hope = expected(known(A=100.0, B=400.0), contents(A=3, B=1), scale_sd_g=2.0)
    assert hope.gross_g == pytest.approx(300 + 400 + 150 + 2 * 5 + 20)
    # scale 4; A 3 x 0.5^2, B 2^2; tare 1.5^2; fill (0.3 x 5 x 2)^2; learned: (3 x 0.2)^2 + 0.8^2 + 1 + 4 x 0.1 + 1
    assert hope.noise == pytest.approx(4 + 0.75 + 4 + 2.25 + 9)
    assert hope.variance == pytest.approx(hope.noise + 0.36 + 0.64 + 1 + 0.4 + 1)
    assert hope.armed


def test_an_unknown_sku_is_an_error_not_zero_grams() -> None:
    with pytest.raises(UnknownError, match="sku:X"):
        expected(known(A=100.0), contents(X=1))


def test_a_sku_without_catalogue_weight_starts_at_the_median_and_very_unsure() -> None:
    assert first_sight(None, 250.0) == Weight(250.0, 300.0 ** 2)
    assert first_sight(100, 250.0).variance == 14.0 ** 2


def test_a_wrong_catalogue_weight_is_corrected_by_closed_parcels() -> None:
    beliefs = known(A=100.0) | {sku_key("new"): first_sight(200, 250.0)}
    for _ in range(6):
        beliefs |= learn(beliefs, contents(A=1, new=2), 100 + 2 * 240 + 150 + 10 + 20)
    assert beliefs[sku_key("new")].grams == pytest.approx(240, abs=3)
    assert beliefs[sku_key("A")].grams == pytest.approx(100, abs=1)
    assert beliefs[sku_key("new")].seen == 6


def test_only_what_the_parcel_names_is_returned() -> None:
    changed = learn(known(A=100.0, B=400.0), contents(A=1), 281.0)
    assert set(changed) == {sku_key("A"), carton_key("C"), FILL, CONSTANT}


def test_a_mispacked_parcel_does_not_teach() -> None:
    beliefs = known(A=100.0, B=400.0)
    changed = learn(beliefs, contents(A=1, B=1), 280.0)
    assert {key: weight.grams for key, weight in changed.items()} == {sku_key("A"): 100.0, sku_key("B"): 400.0}
    assert all(weight.surprises == 1 for weight in changed.values())


def test_three_surprises_in_a_row_open_an_old_sku_again_and_then_it_learns() -> None:
    beliefs = known(A=100.0)
    for _ in range(3):
        beliefs |= learn(beliefs, contents(A=1), 340.0)
    assert beliefs[sku_key("A")].grams == 100.0
    assert beliefs[sku_key("A")].seen < 3
    for _ in range(4):
        beliefs |= learn(beliefs, contents(A=1), 340.0)
    assert beliefs[sku_key("A")].grams == pytest.approx(160, abs=3)


def test_a_good_parcel_between_surprises_keeps_an_old_sku_closed() -> None:
    beliefs = known(A=100.0)
    for gross_g in (340.0, 280.0, 340.0, 280.0, 340.0):
        beliefs |= learn(beliefs, contents(A=1), gross_g)
    assert beliefs[sku_key("A")].variance < 1


def test_a_settled_surprise_teaches_at_once() -> None:
    changed = learn(known(A=100.0), contents(A=1), 340.0, settled=True)
    assert changed[sku_key("A")].grams > 150


def test_a_reset_sku_is_at_first_sight_again() -> None:
    assert forgotten(Weight(160.0, 0.1, 0.02, 40), 100, 250.0) == replace(first_sight(100, 250.0), spread=0.02)


def test_the_missing_item_is_named_first() -> None:
    beliefs = known(A=100.0, B=182.0, C=400.0, D=30.0)
    verdict = judge(beliefs, contents(A=2, B=1, C=1), 962 - 182.0, Shelf(beliefs), Alertness())
    assert verdict.finding is Finding.CHECK
    assert verdict.wrong > 0.95
    assert (verdict.suspects[0].mistake, verdict.suspects[0].sku) == (Mistake.MISSING, "B")
    assert "check B first" in verdict.sentence


def test_another_item_in_its_place_is_named_with_it() -> None:
    beliefs = known(A=100.0, B=250.0, D=190.0)
    _, wrong, suspects = weigh_up(beliefs, contents(A=1, B=1), 530 - 60.0, Shelf(beliefs))
    assert wrong > 0.9
    assert (suspects[0].mistake, suspects[0].sku, suspects[0].other) == (Mistake.INSTEAD, "B", "D")


def test_a_right_parcel_is_fine_and_one_too_many_is_not() -> None:
    beliefs = known(A=100.0, B=250.0)
    shelf = Shelf(beliefs)
    assert judge(beliefs, contents(A=1, B=1), 531.0, shelf, Alertness()).finding is Finding.FINE
    more = judge(beliefs, contents(A=1, B=1), 630.0, shelf, Alertness())
    assert (more.finding, more.suspects[0].mistake) == (Finding.CHECK, Mistake.EXTRA)


def test_it_is_not_armed_before_each_sku_was_seen_three_times() -> None:
    beliefs = known(A=100.0, B=250.0)
    beliefs[sku_key("B")] = replace(beliefs[sku_key("B")], seen=2)
    assert judge(beliefs, contents(A=1, B=1), 280.0, Shelf(beliefs), Alertness()).finding is Finding.CANNOT_TELL
    assert judge(beliefs, contents(A=1), 180.0, Shelf(beliefs), Alertness()).finding is Finding.CHECK


def test_the_job_says_beforehand_what_must_be_scanned() -> None:
    beliefs = known(heavy=400.0, light=3.0)
    told = vouching(beliefs, contents(heavy=1, light=4))
    assert (told.by_weight, told.to_scan) == (("heavy",), ("light",))
    beliefs[sku_key("heavy")] = replace(beliefs[sku_key("heavy")], seen=0)
    assert vouching(beliefs, contents(heavy=1, light=4)).to_scan == ("heavy", "light")


def test_false_stops_raise_the_threshold_until_they_are_within_the_budget() -> None:
    calm = Alertness(parcels=1000)
    assert calm.threshold == LADDER[0]
    crying = calm
    for _ in range(40):
        crying = crying.after(0.85, settled_right=True)
    assert crying.threshold > 0.85
    assert calm.after(0.999).threshold == LADDER[0]


def test_beliefs_start_as_plain_values() -> None:
    assert first_tare(100).grams == 100.0
    assert FIRST_FILL.spread == 0.3
    assert FIRST_CONSTANT.seen == 0


def test_a_simulated_site_learns_enough_to_find_mispacked_parcels() -> None:
    tally = Tally()
    run_site(100, 2500, 500, tally)
    assert tally.false_share <= 0.008
    assert tally.found_share >= 0.80
    assert tally.named_share >= 0.80
    assert tally.fixed_false > 20 * tally.false_alarms


def test_a_shelf_that_is_moved_is_the_one_that_would_be_built_anew() -> None:
    beliefs = known(A=100.0, B=250.0, C=40.0)
    shelf = Shelf(beliefs)
    changed = {sku_key("A"): replace(beliefs[sku_key("A")], grams=300.0), sku_key("D"): first_sight(60, 100),
               carton_key("box"): first_tare(80)}
    shelf.move(changed)
    for grams in (40.0, 60.0, 100.0, 250.0, 300.0):
        assert shelf.near(grams, 20.0) == Shelf(beliefs | changed).near(grams, 20.0)
    assert (len(shelf), shelf.middle_g(1.0), Shelf({}).middle_g(7.0)) == (4, 250.0, 7.0)
