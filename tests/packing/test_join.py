"""Units joined face to face: what was cut from a carton goes back into it."""

from __future__ import annotations

import random
from dataclasses import replace
from math import prod

import pytest

from agent.packing.chance import Chance
from agent.packing.check import faults
from agent.packing.join import Joining, settled, supported
from agent.packing.kinds import Names, kinds_of
from agent.packing.model import Carton, Item, PackedCarton, Rules
from agent.packing.search import Budget

CARTON = Carton("C", (320, 240, 200), (330, 250, 212), 150, 30_000, 500)


def cut(chance: random.Random, pieces: int, shave: float = 0.0) -> list[Item]:
    """The carton's inside, cut through again and again; each piece is turned at random and shaved a little."""
    parts = [CARTON.inner_mm]
    while len(parts) < pieces:
        part = max(parts, key=lambda edges: edges[0] * edges[1] * edges[2])
        parts.remove(part)
        axis = part.index(max(part))
        at = int(part[axis] * chance.uniform(0.3, 0.7))
        for edge in (at, part[axis] - at):
            length, width, height = (edge if side == axis else part[side] for side in range(3))
            parts.append((length, width, height))
    items = []
    for number, part in enumerate(parts):
        length, width, height = chance.sample([int(edge * (1 - chance.uniform(0, shave))) for edge in part], 3)
        items.append(Item(f"P{number}", (length, width, height), 10 + number))
    return items


def joined(items: list[Item], rules: Rules, rounds: int) -> list[PackedCarton]:
    """The carton as joining fills it, or an empty list."""
    kinds = kinds_of(items, rules)
    joining = Joining(kinds, CARTON, rules)
    chance, budget = Chance("seed"), Budget(lambda: 0.0, 1.0, 1 << 40)
    for _ in range(rounds):
        placed = joining.once(chance, budget)
        if placed is not None:
            names = Names(kinds)
            return [PackedCarton(CARTON, tuple(names.placement(one) for one in placed), 0)]
    return []


@pytest.mark.parametrize("seed", range(8))
def test_the_pieces_of_a_cut_carton_fill_it_again(seed: int) -> None:
    items = cut(random.Random(seed), 10)
    packed = joined(items, Rules(), 100)
    assert packed
    assert faults(packed, items, Rules()) == []
    assert sum(prod(one.dims_mm) for one in packed[0].placements) == CARTON.volume_mm3


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_joined_keeps_the_rules(seed: int) -> None:
    chance = random.Random(seed)
    items = [replace(item, upright=chance.random() < 0.3) for item in cut(chance, 9, 0.08)]
    rules = Rules(support_permille=chance.choice((500, 700, 1000)))
    packed = joined(items, rules, 20)
    assert packed == [] or faults(packed, items, rules) == []


def test_an_upright_unit_stays_upright_and_blocks_that_could_not_stand_are_not_made() -> None:
    tall = [Item(f"A{at}", (80, 120, 200), 10, upright=True) for at in range(8)]
    packed = joined(tall, Rules(), 20)
    assert packed
    assert {one.dims_mm[2] for one in packed[0].placements} == {200}
    lying = [replace(item, dims_mm=(200, 120, 80)) for item in tall]
    assert joined(lying, Rules(), 20) == [], "two layers of 80 leave 40 mm, and 8 do not fit into two layers"


def test_clearance_is_room_beside_and_above() -> None:
    exact = [Item(f"A{at}", (80, 120, 200), 10) for at in range(8)]
    assert joined(exact, Rules(), 20)
    assert joined(exact, Rules(clearance_mm=1), 20) == []


def test_units_settle_and_must_be_supported() -> None:
    apart = [(0, 0, 0, 50, 100, 100, 40), (1, 0, 0, 70, 100, 100, 10)]
    assert settled(apart) == [(0, 0, 0, 0, 100, 100, 40), (1, 0, 0, 40, 100, 100, 10)]
    assert supported(settled(apart), 1000)
    beside = [(0, 0, 0, 0, 60, 100, 40), (1, 0, 0, 40, 100, 100, 10)]
    assert supported(beside, 600)
    assert not supported(beside, 700)
