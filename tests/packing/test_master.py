"""Master data: units are named or the row is refused; what is missing stays unknown."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packing.clearance import after_fit, after_misfit, clearance_mm, shrunk
from agent.packing.master import Imported, from_csv, from_json
from agent.packing.model import Carton
from agent.packing.units import UnitError

CARTONS = ("carton,inner_length_cm,inner_width_cm,inner_height_cm,outer_length_mm,outer_width_mm,outer_height_mm,"
           "tare_g,max_weight_kg,cost_eur,stock\n")


def codes(read: Imported) -> list[tuple[int, str]]:
    return [(one.row, one.reason.code) for one in read.refused]


def test_units_of_the_header_are_converted_towards_safety() -> None:
    read = from_csv("sku,weight_kg,length_cm,width_in,height_mm,upright,fragile,barcodes\n"
                    "A,0.25,10.01,2,4.2,yes,x,4006381333931 96385074\n")
    (one,) = read.skus
    assert (one.dims_mm, one.weight_g, one.upright, one.max_load_g) == ((101, 51, 5), 250, True, 0)
    assert one.barcodes == ("4006381333931", "96385074")
    (box,) = from_csv(CARTONS + "S,20.09,15,10,206,156,112,80,30,4.20,12\n").cartons
    assert (box.inner_mm, box.max_gross_g, box.cost_cents, box.stock) == ((200, 150, 100), 30_000, 420, 12)


def test_missing_is_unknown() -> None:
    (one,) = from_csv("sku;weight_g;length_mm;width_mm;height_mm\nA;;;;\n").skus
    assert (one.weight_g, one.dims_mm, one.max_load_g) == (None, None, None)


@pytest.mark.parametrize(("header", "cells", "code"), [
    ("sku,weight", "A,12", "unit.missing"),
    ("sku,weight_g,weight_kg", "A,12,0.012", "unit.mixed"),
    ("sku,weight_g", "A,12 kg", "unit.mixed"),
    ("sku,weight_mm", "A,12", "unit.unknown"),
    ("sku,weight_g", "A,0", "unit.number"),
    ("sku,weight_g", "A,-3", "unit.number"),
    ("sku,weight_g", "A,heavy", "unit.number"),
    ("sku,weight_g", 'A,"1,250"', "unit.ambiguous"),
    ("sku,length_mm,width_mm,height_mm", "A,10,,5", "size.three-edges"),
    ("sku,length_m,width_m,height_m", "A,300,200,100", "unit.range"),
    ("sku,weight_kg,length_mm,width_mm,height_mm", "A,25,30,20,10", "unit.density"),
    ("sku,upright", "A,perhaps", "row.flag"),
    ("sku,weight_g", ",12", "row.sku"),
])
def test_a_doubtful_row_is_refused(header: str, cells: str, code: str) -> None:
    read = from_csv(f"{header}\n{cells}\n")
    assert codes(read) == [(2, code)]
    assert read.skus == ()


def test_bad_rows_do_not_take_the_good_ones_with_them() -> None:
    read = from_csv("sku,weight_g\nA,12\nB,0\nC,5\nC,6\n")
    assert [one.sku for one in read.skus] == ["A"]
    assert codes(read) == [(3, "unit.number"), (4, "row.duplicate"), (5, "row.duplicate")]


def test_a_carton_that_is_smaller_outside_is_refused() -> None:
    assert codes(from_csv(CARTONS + "S,20,15,10,196,156,112,80,30,4.20,\n")) == [(2, "carton.outer-smaller")]


def test_json_may_name_its_units_once() -> None:
    row = {"id": "S", "inner": [200, 150, 100], "outer": [206, 156, 112], "tare": 80, "max_weight": 9000, "cost": 420}
    units = {"length": "mm", "weight": "g", "money": "cents"}
    assert from_json({"units": units, "cartons": [row]}).cartons[0].inner_mm == (200, 150, 100)
    assert codes(from_json({"cartons": [row]})) == [(1, "unit.missing")]
    assert codes(from_json([7])) == [(1, "row.shape")]


@pytest.mark.parametrize("raw", [None, {}, [], {"units": {"length": "mm", "time": "s"}, "skus": [{}]}])
def test_a_json_file_of_another_shape_is_refused_whole(raw: object) -> None:
    with pytest.raises(UnitError):
        from_json(raw)


@given(st.text(max_size=60))
def test_no_text_makes_the_import_fail_in_another_way(text: str) -> None:
    with suppress(UnitError):
        assert isinstance(from_csv(text), Imported)


def test_clearance_grows_with_repeated_misfits_only() -> None:
    assert clearance_mm("dimensioner") == 2
    assert (clearance_mm(None), clearance_mm(None, unknown_mm=6), clearance_mm("typed")) == (2, 6, 8)
    counts: dict[str, int] = {}
    for _ in range(3):
        counts |= after_misfit(counts, ["A"])
    assert clearance_mm("dimensioner", 1) == 2
    assert clearance_mm("dimensioner", counts["A"]) == 6
    counts |= after_fit(counts, ["A", "B"])
    assert counts == {"A": 2}
    assert clearance_mm("typed", 99, padding_mm=5) == 20
    assert clearance_mm(None, unknown_mm=30) == 30


def test_a_carton_that_did_not_hold_its_items_counts_as_smaller_from_the_third_time_on() -> None:
    carton = Carton("S", (200, 150, 100), (208, 158, 110), 120, 9_000, 40)
    assert shrunk(carton, 2) == carton
    assert (shrunk(carton, 4).inner_mm, shrunk(carton, 4).outer_mm) == ((198, 148, 98), carton.outer_mm)
    assert shrunk(carton, 99).inner_mm == (190, 140, 90)
    assert min(shrunk(replace(carton, inner_mm=(5, 5, 5)), 99).inner_mm) == 1
