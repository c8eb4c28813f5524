"""Equal units on a floor that is cut into rectangles: never over the edge, always supported, and more than a grid."""

from __future__ import annotations

import random

import pytest

from agent.packing.check import faults
from agent.packing.columns import Columns
from agent.packing.kinds import Names, kinds_of
from agent.packing.model import Carton, Item, PackedCarton, Rules, Triple


def filled(item: Item, inner: Triple, rules: Rules) -> PackedCarton:
    """As many of an item as the floor of a carton takes."""
    carton = Carton("C", inner, inner, 0, 1_000_000, 100)
    (kind,) = kinds_of([item], rules)
    clear = kind.clearance_mm
    turns = [(1.0, long + clear, wide + clear, high, long, wide) for long, wide, high in kind.turns(inner)]
    placed = Columns(inner, turns, clear).fill(rules.support_permille, 600)
    names = Names(kinds_of([Item("A", item.dims_mm, 1, len(placed), item.upright)], rules))
    return PackedCarton(carton, tuple(names.placement(one) for one in placed), 0)


@pytest.mark.parametrize(("size", "inner", "count"), [
    ((164, 125, 122), (600, 300, 150), 8),
    ((66, 66, 117), (184, 184, 165), 4),
    ((30, 20, 10), (50, 50, 10), 4),
    ((100, 50, 50), (200, 100, 100), 8),
    ((60, 40, 30), (100, 100, 30), 4),
])
def test_rims_are_filled_the_other_way_round(size: Triple, inner: Triple, count: int) -> None:
    assert len(filled(Item("A", size, 1, upright=True), inner, Rules()).placements) >= count


@pytest.mark.parametrize("seed", range(30))
def test_what_is_filled_keeps_the_rules(seed: int) -> None:
    chance = random.Random(seed)
    item = Item("A", (chance.randint(60, 220), chance.randint(50, 180), chance.randint(40, 150)), 1,
                upright=chance.random() < 0.4)
    rules = Rules(support_permille=chance.choice((700, 1000)), clearance_mm=chance.choice((0, 0, 3)))
    packed = filled(item, (chance.randint(220, 700), chance.randint(200, 450), chance.randint(150, 400)), rules)
    counted = Item("A", item.dims_mm, 1, len(packed.placements), item.upright)
    assert faults([packed], [counted], rules) == []
    assert packed.placements


def test_only_as_many_units_as_are_wanted_are_looked_at() -> None:
    """A carton for 7,000 of them takes minutes to check whole."""
    turns = [(1.0, 20, 20, 20, 20, 20)]
    columns = Columns((390, 390, 400), turns, 0)
    assert columns.worth_it
    placed = columns.fill(1000, 600)
    assert len(placed) == 600
    assert max(z for _, _, _, z, *_ in placed) == 20, "the lowest two layers of 361"


def test_small_units_and_units_that_do_not_fit_are_left_to_others() -> None:
    assert not Columns((800, 400, 400), [(1.0, 11, 7, 5, 11, 7), (1.0, 7, 11, 5, 7, 11)], 0).worth_it
    assert not Columns((100, 100, 100), [], 0).worth_it
