"""Orders and catalogues from outside: a reason for everything that is wrong, and never an exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.packing.intake import IntakeError, read_catalogue, read_catalogues, read_order, whole
from agent.packing.model import Rules
from agent.packing.suggest import Suggester

CARTON = {"id": "C", "inner": [300, 200, 150], "outer": [306, 206, 162], "tare_g": 90, "max_weight_g": 9000,
          "cost": 450}
ITEM = {"sku": "A", "dims": [100, 50, 20], "weight_g": 80, "upright": False, "max_load_g": None, "qty": 1}


def order(**changes: object) -> dict[str, object]:
    return {"id": "O", "catalogue": "c", "items": [{**ITEM, **changes}]}


@pytest.mark.parametrize(("changes", "code"), [
    ({"dims": [0, 50, 20]}, "size.out-of-range"),
    ({"dims": [-1, 50, 20]}, "size.out-of-range"),
    ({"dims": [10**12, 50, 20]}, "size.out-of-range"),
    ({"dims": [10.5, 50, 20]}, "size.out-of-range"),
    ({"dims": [True, 50, 20]}, "size.out-of-range"),
    ({"dims": [float("nan"), 50, 20]}, "size.out-of-range"),
    ({"dims": [100, 50]}, "size.three-edges"),
    ({"dims": "100x50x20"}, "size.three-edges"),
    ({"dims": None}, "item.size-unknown"),
    ({"weight_g": None}, "item.weight-unknown"),
    ({"weight_g": -5}, "item.weight"),
    ({"weight_g": "80"}, "item.weight"),
    ({"qty": 0}, "item.qty"),
    ({"qty": 1.5}, "item.qty"),
    ({"max_load_g": -1}, "item.load"),
    ({"upright": "yes"}, "item.upright"),
    ({"sku": ""}, "item.sku"),
])
def test_a_bad_line_has_its_reason(changes: dict[str, object], code: str) -> None:
    assert [reason.code for reason in read_order(order(**changes)).reasons] == [code]


def test_all_bad_lines_are_named_at_once() -> None:
    raw = {"id": "O", "catalogue": "c", "items": [{**ITEM, "qty": 0}, {**ITEM, "sku": "B", "dims": None}]}
    assert [reason.about for reason in read_order(raw).reasons] == ["A", "B"]


def test_one_sku_with_two_sizes_is_a_conflict_but_a_split_line_is_not() -> None:
    twice = {"id": "O", "catalogue": "c", "items": [ITEM, {**ITEM, "dims": [20, 100, 50], "qty": 4}]}
    assert read_order(twice).reasons == ()
    other = {"id": "O", "catalogue": "c", "items": [ITEM, {**ITEM, "weight_g": 81}]}
    assert [reason.code for reason in read_order(other).reasons] == ["item.conflict"]


@pytest.mark.parametrize(("changes", "code"), [
    ({"outer": [306, 199, 162]}, "carton.outer-smaller"),
    ({"inner": [300, 0, 150]}, "size.out-of-range"),
    ({"tare_g": None}, "carton.number"),
    ({"cost": "4.50"}, "carton.number"),
    ({"stock": 1.5}, "carton.number"),
    ({"id": None}, "carton.id"),
])
def test_a_bad_carton_is_left_out_with_its_reason(changes: dict[str, object], code: str) -> None:
    read = read_catalogue("c", [{**CARTON, **changes}, {**CARTON, "id": "good"}])
    assert [carton.id for carton in read.cartons] == ["good"]
    assert [reason.code for reason in read.reasons] == [code]


def test_of_cartons_with_the_same_id_none_is_used() -> None:
    read = read_catalogue("c", [CARTON, {**CARTON, "cost": 1}, {**CARTON, "id": "other"}])
    assert [carton.id for carton in read.cartons] == ["other"]
    assert [reason.code for reason in read.reasons] == ["carton.duplicate"]


@pytest.mark.parametrize("raw", [None, [], {}, {"catalogues": "x"}, {"catalogues": [{"cartons": []}]}])
def test_a_file_of_another_shape_is_refused_whole(raw: object) -> None:
    with pytest.raises(IntakeError):
        read_catalogues(raw)


def test_an_unknown_catalogue_is_a_reason() -> None:
    suggester = Suggester(Rules(), lambda: 0.0, 5)
    assert [one.code for one in suggester.for_raw_order(order(), {})[1].reasons] == ["order.catalogue-unknown"]


def test_whole_numbers_are_whole() -> None:
    assert whole(12.0, 1, 100) == 12
    assert whole(float("inf"), 1, 100) is None
    assert whole(value=False, low=0, high=1) is None


anything = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                        lambda inner: st.lists(inner, max_size=4)
                        | st.dictionaries(st.sampled_from(["sku", "dims", "weight_g", "qty", "upright", "max_load_g"]),
                                          inner, max_size=6), max_leaves=12)


@settings(max_examples=120, deadline=None)
@given(items=anything, changes=st.dictionaries(st.sampled_from(sorted(ITEM)), anything, max_size=3))
def test_whatever_an_order_holds_there_is_a_plan_or_a_reason(items: object, changes: dict[str, object]) -> None:
    known = read_catalogues({"catalogues": [{"id": "c", "cartons": [CARTON]}]})
    suggester = Suggester(Rules(), lambda: 0.0, 2)
    for raw in ({"id": "O", "catalogue": "c", "items": items}, order(**changes), items):
        _, plan = suggester.for_raw_order(raw, known)
        assert plan.found or plan.reasons
        json.dumps([reason.sentence for reason in plan.reasons])
