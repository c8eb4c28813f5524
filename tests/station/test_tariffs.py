"""What a carrier charges for, and when a label may tell a weight that nobody has weighed yet."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.station.tariffs import (
    billed,
    chargeable_g,
    class_of,
    dim_weight_g,
    may_label,
    still_holds,
)
from agent.station.values import Dimensions, Edges, Length, Parcel, Tariff, Weight, unmeasured

AIR = Tariff(divisor_cm3_per_kg=5000, side_step_mm=10, weight_step_g=500)
POST = Tariff(weights_g=(500, 1000, 2000), sizes_mm=((350, 250, 20), (600, 300, 150)))


def predicted(value_g: float, u95_g: float) -> Weight:
    return Weight(value_g=value_g, u95_g=u95_g, quality="predicted")


@pytest.mark.parametrize(("sides", "tariff", "grams"), [
    ((301, 200, 100), AIR, 1500),
    ((300, 200, 100), AIR, 1500),
    ((300, 200, 100), replace(AIR, divisor_cm3_per_kg=6000), 1000),
    ((300.0000001, 200, 100), Tariff(divisor_cm3_per_kg=4000), 1500),
    ((300, 200, 100), Tariff(), 0),
])
def test_dim_weight_rounds_up_as_the_carrier_does(sides: Edges, tariff: Tariff, grams: int) -> None:
    assert dim_weight_g(sides, tariff) == grams


def test_the_larger_of_gross_and_dim_weight_is_charged() -> None:
    assert chargeable_g(1620, (300, 200, 100), AIR) == 2000
    assert chargeable_g(900, (300, 200, 100), AIR) == 1500


def test_a_class_is_the_first_that_holds_weight_and_size_whichever_way_the_box_lies() -> None:
    assert class_of(480, (250, 20, 350), POST) == (0, 0)
    assert class_of(501, (250, 21, 350), POST) == (1, 1)
    assert class_of(2001, (100, 100, 100), POST) is None
    assert class_of(400, (700, 100, 100), POST) is None


def test_an_unknown_size_has_no_class_where_the_size_counts() -> None:
    assert class_of(400, None, POST) is None
    assert class_of(400, None, replace(AIR, weights_g=(500, 1000))) is None
    assert class_of(400, None, Tariff(weights_g=(500, 1000))) == (0, 0)


def test_room_can_be_the_class_so_that_the_weight_need_not_be_known_well() -> None:
    bulky = Tariff(weights_g=(1000, 2000, 5000), divisor_cm3_per_kg=5000)
    assert may_label(predicted(950, 80), (300, 250, 200), bulky), "3000 g of room, whatever it weighs"
    assert not may_label(predicted(950, 80), (100, 100, 100), bulky)


def test_a_label_waits_when_the_interval_crosses_a_class_or_leaves_them_all() -> None:
    weights = Tariff(weights_g=(500, 1000, 2000))
    assert may_label(predicted(800, 100), None, weights)
    assert not may_label(predicted(950, 50), None, weights)
    assert not may_label(predicted(1950, 50), None, weights)
    assert not may_label(predicted(800, 100), None, POST)


def test_without_classes_only_a_good_prediction_is_told() -> None:
    assert may_label(predicted(800, 49), None, None)
    assert may_label(predicted(5000, 400), None, AIR)
    assert not may_label(predicted(800, 300), None, None)


def test_a_label_holds_within_its_class_and_no_further() -> None:
    told = predicted(1800, 100)
    tariff = Tariff(weights_g=(500, 1000, 2000))
    assert still_holds(told, Weight(value_g=1999, u95_g=2), None, None, tariff)
    assert not still_holds(told, Weight(value_g=2001, u95_g=2), None, None, tariff)
    assert not still_holds(told, Weight(value_g=900, u95_g=2), None, None, tariff)
    assert still_holds(told, Weight(value_g=1930, u95_g=2), None, None, None)
    assert not still_holds(told, Weight(value_g=1950, u95_g=2), None, None, None)
    assert not still_holds(predicted(400, 20), Weight(value_g=400, u95_g=2), (340, 240, 20), (340, 240, 26), POST)


def test_a_parcel_is_billed_by_its_measured_size_else_by_its_cartons() -> None:
    parcel = Parcel(id="J/1", job="J", rev=1, state="closed", visit=1, gross=Weight(value_g=900, u95_g=2),
                    dims=unmeasured("camera.moved"), tariff=AIR)
    assert billed(parcel) is None, "unknown is not zero"
    boxed = billed(replace(parcel, outer_mm=(300.0, 200.0, 100.0)))
    assert boxed is not None
    assert (boxed.dim_weight_g, boxed.chargeable_g, boxed.size_from) == (1500, 1500, "carton")
    edges = [Length(value_mm=edge, u95_mm=2) for edge in (310.0, 205.0, 100.0)]
    seen = billed(replace(parcel, outer_mm=(300.0, 200.0, 100.0),
                          dims=Dimensions(length=edges[0], width=edges[1], height=edges[2])))
    assert seen is not None
    assert (seen.dim_weight_g, seen.size_from) == (1500, "measured")
    assert billed(replace(parcel, tariff=None)) is None
