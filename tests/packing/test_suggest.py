"""The suggestion keeps every rule, whatever it is asked, and says why when it can't."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from agent.packing.check import faults
from agent.packing.model import Carton, Item, Plan, Rules
from agent.packing.suggest import Suggester, suggest


def carton(name: str, inner: tuple[int, int, int], cost: int, max_gross_g: int = 30_000,
           stock: int | None = None) -> Carton:
    length, width, height = inner
    return Carton(name, inner, (length + 6, width + 6, height + 12), 100, max_gross_g, cost, stock)


SHELF = (carton("S", (200, 150, 100), 420), carton("M", (300, 200, 150), 480), carton("L", (400, 300, 200), 610),
         carton("XL", (600, 400, 300), 1100))


def still_ms() -> float:
    """A clock that stands: only the effort ends the search."""
    return 0.0


def plan(items: list[Item], cartons: tuple[Carton, ...] = SHELF, rules: Rules | None = None,
         deadline_ms: float = 10.0) -> Plan:
    return suggest(items, cartons, rules or Rules(), still_ms, deadline_ms)


def random_order(chance: random.Random, kinds: int) -> list[Item]:
    return [Item(f"K{at}", (chance.randint(10, 290), chance.randint(10, 190), chance.randint(5, 140)),
                 chance.randint(0, 3000), chance.choice((1, 1, 2, 5)), chance.random() < 0.3,
                 chance.choice((None, None, 0, 500, 4000))) for at in range(kinds)]


@pytest.mark.parametrize("seed", range(40))
def test_every_plan_keeps_every_rule(seed: int) -> None:
    chance = random.Random(seed)
    rules = Rules(chance.choice((500, 700, 1000)), chance.choice((0, 0, 2, 5)), chance.choice((1000, 900)))
    items = random_order(chance, chance.randint(1, 7))
    found = plan(items, rules=rules)
    assert found.found, found.reasons
    assert faults(found.cartons, items, rules) == []
    assert found.lower_bound_cents <= found.cost_cents
    if found.runner_up is not None:
        assert faults([found.runner_up], items, rules) == []
        assert found.runner_up.carton.volume_mm3 > found.cartons[0].carton.volume_mm3


@pytest.mark.parametrize(("units", "size", "inner"), [
    (27, (65, 66, 83), (200, 200, 300)),
    (5, (66, 66, 117), (184, 184, 165)),
    (23, (20, 69, 20), (165, 225, 25)),
    (8, (100, 100, 50), (200, 200, 100)),
])
def test_equal_items_that_fit_by_hand_fit(units: int, size: tuple[int, int, int], inner: tuple[int, int, int]) -> None:
    assert len(plan([Item("A", size, 10, units)], (carton("C", inner, 400), carton("D", (900, 900, 900), 9000)),
                    deadline_ms=50).cartons) == 1


@pytest.mark.parametrize("seed", range(12))
def test_an_order_written_otherwise_costs_the_same(seed: int) -> None:
    chance = random.Random(seed)
    items = random_order(chance, 6)
    other = []
    for item in items:
        length, width, height = item.dims_mm
        turned = (width, length, height) if item.upright else (height, length, width)
        other += [replace(item, dims_mm=turned, qty=1) for _ in range(item.qty)]
    chance.shuffle(other)
    shelf = tuple(chance.sample(SHELF, len(SHELF)))
    assert plan(items).cost_cents == plan(other, shelf).cost_cents


def test_a_fragile_item_carries_nothing_and_an_upright_one_stands() -> None:
    items = [Item("glass", (100, 100, 40), 200, 2, upright=True, max_load_g=0), Item("brick", (100, 100, 50), 900, 2)]
    found = plan(items, (carton("C", (200, 200, 90), 400), carton("D", (400, 400, 400), 900)))
    assert [one.carton.id for one in found.cartons] == ["C"]
    assert all(one.dims_mm[2] == 40 for one in found.cartons[0].placements if one.sku == "glass")
    tower = plan([Item("glass", (100, 100, 40), 200, 2, max_load_g=0)], (carton("C", (100, 100, 90), 400),))
    assert len(tower.cartons) == 2


def test_a_load_limit_counts_all_that_is_above() -> None:
    stack = [Item("A", (100, 100, 50), 400, 4, upright=True, max_load_g=800)]
    low, high = carton("low", (100, 100, 150), 300), carton("high", (100, 100, 200), 310)
    assert sorted(len(one.placements) for one in plan(stack, (low, high)).cartons) == [1, 3]


def test_the_gross_limit_splits_an_order() -> None:
    found = plan([Item("iron", (50, 50, 50), 4000, 4)], (carton("C", (200, 200, 200), 500, max_gross_g=8200),))
    assert [len(one.placements) for one in found.cartons] == [2, 2]
    assert all(one.gross_g <= 8200 for one in found.cartons)


def test_stock_is_not_overdrawn() -> None:
    few = (carton("S", (100, 100, 100), 400, stock=1), carton("M", (200, 200, 200), 900, stock=0),
           carton("L", (300, 300, 300), 1500))
    found = plan([Item("A", (100, 100, 100), 10, 2)], few)
    assert found.found
    assert sum(one.carton.id == "S" for one in found.cartons) <= 1
    assert not any(one.carton.id == "M" for one in found.cartons)
    none_left = plan([Item("A", (100, 100, 100), 10, 3)], (carton("S", (100, 100, 100), 400, stock=2),))
    assert [reason.code for reason in none_left.reasons] == ["order.no-set"]


def test_clearance_is_kept_on_all_axes() -> None:
    exact = [Item("A", (100, 100, 50), 10, 4)]
    snug, roomy = carton("snug", (200, 100, 100), 400), carton("roomy", (204, 102, 104), 500)
    assert plan(exact, (snug, roomy)).cartons[0].carton.id == "snug"
    assert plan(exact, (snug, roomy), Rules(clearance_mm=2)).cartons[0].carton.id == "roomy"
    own = [replace(exact[0], clearance_mm=0)]
    assert plan(own, (snug, roomy), Rules(clearance_mm=2)).cartons[0].carton.id == "snug"


def test_the_maximum_fill_is_kept() -> None:
    full = [Item("A", (100, 100, 100), 10, 8)]
    exact, larger = carton("exact", (200, 200, 200), 400), carton("larger", (210, 210, 210), 500)
    assert plan(full, (exact, larger)).cartons[0].carton.id == "exact"
    assert plan(full, (exact, larger), Rules(max_fill_permille=900)).cartons[0].carton.id == "larger"


def test_objectives_differ() -> None:
    items = [Item("A", (100, 100, 100), 10, 2)]
    shelf = (carton("one", (100, 100, 100), 100), carton("two", (300, 100, 100), 300))
    assert len(plan(items, shelf).cartons) == 2
    assert len(plan(items, shelf, Rules(objective="parcels")).cartons) == 1
    assert len(plan(items, shelf, Rules(objective="volume")).cartons) == 2


def test_proven_means_that_nothing_cheaper_can_hold_it() -> None:
    found = plan([Item("A", (190, 140, 90), 10)])
    assert (found.proven, found.cost_cents, found.lower_bound_cents) == (True, 420, 420)
    # Two bars fit S by volume and each alone, but neither side by side nor on top of each other.
    bars = plan([Item("A", (190, 80, 80), 10, 2)])
    assert (bars.proven, bars.cost_cents) == (True, 480)


@pytest.mark.parametrize(("items", "code"), [
    ([], "order.empty"),
    ([Item("A", (700, 10, 10), 10)], "item.too-big"),
    ([Item("A", (10, 10, 10), 50_000)], "item.too-big"),
    ([Item("A", (10, 10, 10), 1, 5000)], "order.too-many"),
])
def test_what_cannot_be_packed_has_a_reason(items: list[Item], code: str) -> None:
    found = plan(items)
    assert not found.found
    assert [reason.code for reason in found.reasons] == [code]
    assert all(reason.sentence for reason in found.reasons)


def test_no_cartons_is_a_reason() -> None:
    assert [one.code for one in plan([Item("A", (1, 1, 1), 1)], ()).reasons] == ["carton.none"]


def test_a_carton_that_the_rules_let_nothing_into_is_no_carton() -> None:
    speck, box = carton("speck", (1, 1, 1), 100), carton("box", (20, 20, 20), 200)
    rules = Rules(max_fill_permille=900)
    assert [one.carton.id for one in plan([Item("A", (1, 1, 1), 1)], (speck, box), rules).cartons] == ["box"]
    assert [one.code for one in plan([Item("A", (1, 1, 1), 1)], (speck,), rules).reasons] == ["carton.none"]


def test_a_deadline_that_is_over_still_gets_an_answer() -> None:
    ticks = iter(range(0, 10_000_000, 1000))
    items = random_order(random.Random(5), 6)
    found = suggest(items, SHELF, Rules(), lambda: float(next(ticks)), 50)
    assert found.found
    assert faults(found.cartons, items, Rules()) == []


@pytest.mark.parametrize("kinds", [1, 100])
def test_five_hundred_units_do_not_take_long(kinds: int) -> None:
    chance = random.Random(1)
    items = [Item(f"K{at}", (chance.randint(20, 90), chance.randint(20, 60), chance.randint(20, 40)), 50, 500 // kinds)
             for at in range(kinds)]
    start = time.process_time()
    found = suggest(items, SHELF, Rules(), lambda: time.process_time() * 1000, 50)
    assert found.found
    assert faults(found.cartons, items, Rules()) == []
    assert time.process_time() - start < 2


def test_too_many_different_items_are_a_reason_at_once() -> None:
    found = plan([Item(f"K{at}", (10 + at, 10, 10), 5) for at in range(200)])
    assert [reason.code for reason in found.reasons] == ["order.too-many"]


@pytest.mark.parametrize("seed", range(25))
def test_odd_shops_end_with_a_plan_or_a_reason_by_effort_alone(seed: int) -> None:
    """The clock stands still: every round of the search must spend effort, also one that finds nothing to try."""
    chance = random.Random(seed)
    shelf = tuple(carton(f"C{at}", (chance.randint(100, 600), chance.randint(80, 400), chance.randint(40, 400)),
                         chance.randint(300, 2000), chance.choice((2000, 30_000)), chance.choice((None, 1, 2)))
                  for at in range(chance.randint(1, 6)))
    items = random_order(chance, chance.randint(1, 3))
    rules = Rules(chance.choice((0, 700)), chance.choice((0, 7)), chance.choice((1000, 600)),
                  chance.choice(("cost", "parcels", "volume")))
    found = plan(items, shelf, rules, deadline_ms=3)
    assert found.found != bool(found.reasons)
    assert faults(found.cartons, items, rules) == [] or not found.found


def test_a_repeated_order_comes_from_the_cache_with_its_own_names() -> None:
    asked: list[None] = []

    def now_ms() -> float:
        asked.append(None)
        return 0.0

    suggester = Suggester(Rules(), now_ms, 10)
    first = suggester.suggest([Item("A", (100, 80, 60), 10, 3), Item("B", (50, 40, 30), 7)], SHELF)
    calls = len(asked)
    again = suggester.suggest([Item("Y", (30, 50, 40), 7), Item("X", (60, 100, 80), 10, 3)], SHELF)
    assert len(asked) == calls
    assert first.cost_cents == again.cost_cents
    assert sorted(one.sku for one in again.cartons[0].placements) == ["X", "X", "X", "Y"]
    other_shelf = suggester.suggest([Item("Y", (30, 50, 40), 7), Item("X", (60, 100, 80), 10, 3)], SHELF[1:])
    assert other_shelf.cost_cents > again.cost_cents
