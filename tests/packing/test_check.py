"""The check, which judges the search, is judged here: it accepts a good packing and names each planted fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.packing.check import faults
from agent.packing.model import Carton, Item, PackedCarton, Placement, Rules

CARTON = Carton("C", (200, 100, 100), (206, 106, 112), 100, 5000, 400)
ITEMS = (Item("base", (100, 100, 50), 1000, 2, max_load_g=500), Item("top", (150, 80, 20), 600, upright=True),
         Item("glass", (50, 50, 20), 100, max_load_g=0))
GOOD = (Placement("base", (0, 0, 0), (100, 100, 50)), Placement("base", (100, 0, 0), (100, 100, 50)),
        Placement("top", (25, 0, 50), (150, 80, 20)), Placement("glass", (30, 0, 70), (50, 50, 20)))


def codes(*placements: Placement, carton: Carton = CARTON, rules: Rules | None = None) -> set[str]:
    return {reason.code for reason in faults([PackedCarton(carton, placements, 0)], ITEMS, rules or Rules())}


def moved(at: int, **changes: object) -> tuple[Placement, ...]:
    other = replace(GOOD[at], **changes)  # type: ignore[arg-type]  # a field by name
    return (*GOOD[:at], other, *GOOD[at + 1:])


def test_a_good_packing_has_no_fault() -> None:
    assert codes(*GOOD) == set()


@pytest.mark.parametrize(("placements", "code"), [
    (GOOD[:3], "item.count"),
    ((*GOOD, GOOD[3]), "item.count"),
    (moved(3, sku="stranger"), "item.count"),
    (moved(3, pos_mm=(160, 0, 70)), "item.outside"),
    (moved(3, pos_mm=(30, 0, 60)), "item.overlap"),
    (moved(2, dims_mm=(150, 20, 80)), "item.turned"),
    (moved(3, pos_mm=(30, 60, 70)), "item.unsupported"),
    (moved(3, pos_mm=(30, 0, 72)), "item.unsupported"),
])
def test_each_planted_fault_is_named(placements: tuple[Placement, ...], code: str) -> None:
    assert code in codes(*placements)


def test_weight_fill_stock_load_and_fragile_are_checked() -> None:
    assert "carton.overweight" in codes(*GOOD, carton=replace(CARTON, max_gross_g=2000))
    assert "carton.overfull" in codes(*GOOD, rules=Rules(max_fill_permille=500))
    assert "carton.stock" in codes(*GOOD, carton=replace(CARTON, stock=0))
    one_sided = (GOOD[0], replace(GOOD[2], pos_mm=(0, 0, 50)), replace(GOOD[3], pos_mm=(0, 0, 70)))
    assert "item.load" in codes(*one_sided)
    on_glass = (*moved(3, pos_mm=(0, 0, 50))[:2], Placement("glass", (0, 0, 50), (50, 50, 20)),
                Placement("top", (0, 0, 70), (150, 80, 20)))
    assert "item.on-fragile" in codes(*on_glass)


def test_load_is_passed_down_by_contact_area() -> None:
    """`top` weighs 600 g and carries 100 g: each base carries half, 350 g; a limit one gram lower is broken."""
    tight = tuple(replace(item, max_load_g=349) if item.sku == "base" else item for item in ITEMS)
    packed = [PackedCarton(CARTON, GOOD, 0)]
    assert {reason.code for reason in faults(packed, tight, Rules())} == {"item.load"}
    exact = tuple(replace(item, max_load_g=350) if item.sku == "base" else item for item in ITEMS)
    assert faults(packed, exact, Rules()) == []
