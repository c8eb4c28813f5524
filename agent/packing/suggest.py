"""The carton suggestion: which cartons, what goes where, how sure, and why not cheaper."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.packing.bounds import cover_bound, holds_each, may_hold_all, proven_too_small
from agent.packing.chance import Chance
from agent.packing.check import faults
from agent.packing.intake import Catalogue, read_order
from agent.packing.kinds import Kind, Names, digest, kinds_of
from agent.packing.model import Carton, Item, PackedCarton, Plan, Reason, Rules, price
from agent.packing.search import Budget, Shop, Try
from agent.packing.several import Contents, Several

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EFFORT_PER_MS = 3300
"""Less than a busy server core spends in a millisecond (4,000, measured): the effort ends before the deadline."""
ROUND_EFFORT = 40
"""What a round costs at least: one that finds nothing to try must still come to an end."""
CACHE_LIMIT = 512
MOST_UNITS, MOST_KINDS = 600, 120
SETS_SHARE = 0.3
"""Of the rounds, those that go to sets of cartons while a cheaper single one may still do."""
FIRST_ROUNDS = 8
"""Rounds of filling several cartons before the order is said to fit no set of them."""


def why_not(items: Sequence[Item], cartons: Sequence[Carton], rules: Rules) -> list[Reason]:
    """Return why no plan can exist for these items, known before any search; else an empty list."""
    if not items or not any(item.qty for item in items):
        return [Reason("order.empty", "The order has no items: there is nothing to pack.")]
    units = sum(item.qty for item in items)
    if units > MOST_UNITS:
        return [Reason("order.too-many", f"{units} units are more than the {MOST_UNITS} that one suggestion covers.")]
    kinds = kinds_of(items, rules)
    if len(kinds) > MOST_KINDS:
        return [Reason("order.too-many", f"{len(kinds)} different items are more than the {MOST_KINDS} that one "
                       "suggestion covers.")]
    usable = in_use(cartons, rules)
    if not usable:
        return [Reason("carton.none", "No usable carton is in the catalogue or in stock.")]
    reasons = []
    for kind in kinds:
        if not any(holds_each(carton, (kind,)) for carton in usable):
            sku = kind.lots[0][0]
            size = f"{'x'.join(map(str, kind.dims_mm))} mm and {kind.clearance_mm} mm clearance, {kind.weight_g} g"
            reasons.append(Reason("item.too-big", f"{sku} ({size}) fits no carton: ship it in its own packaging or "
                                  "add a carton.", sku))
    return reasons


def in_use(cartons: Sequence[Carton], rules: Rules) -> list[Carton]:
    """Return the cartons that are in stock and of which the rules let at least a cubic millimetre be filled."""
    return [carton for carton in cartons
            if carton.stock != 0 and carton.volume_mm3 * rules.max_fill_permille // 1000 > 0]


class _Hunt:
    """One search: the incumbent, and what could still be cheaper."""

    def __init__(self, items: Sequence[Item], cartons: Sequence[Carton], rules: Rules, budget: Budget) -> None:
        self.items = items
        self.rules = rules
        self.budget = budget
        self.kinds = kinds_of(items, rules)
        self.cartons = sorted(in_use(cartons, rules), key=lambda carton: (price(carton, rules.objective), carton.id))
        self.chance = Chance(digest(self.kinds))
        self.shop = Shop(self.kinds, rules)
        self.tries = [Try(self.shop, carton) for carton in self.cartons if may_hold_all(carton, self.kinds, rules)]
        self.several = Several(self.shop, self.cartons)
        self.best: list[PackedCarton] = []
        self.best_price = 0
        self.fitted: list[PackedCarton] = []
        self._units = tuple(kind.count for kind in self.kinds)

    def take(self, contents: Sequence[Contents], cartons: Sequence[Carton]) -> bool:
        """Make this the incumbent if it is cheaper and the check finds no fault in it."""
        cost = sum(price(cartons[one.carton], self.rules.objective) for one in contents)
        if self.best and cost >= self.best_price:
            return False
        packed = self.named(contents, cartons)
        if faults(packed, self.items, self.rules):
            return False
        self.best, self.best_price = packed, cost
        if len(packed) == 1:
            self.fitted.append(packed[0])
        return True

    def named(self, contents: Sequence[Contents], cartons: Sequence[Carton]) -> list[PackedCarton]:
        names = Names(self.kinds)
        return [PackedCarton(cartons[one.carton], tuple(names.placement(placed) for placed in one.placed),
                             sum(self.kinds[placed[0]].weight_g for placed in one.placed)) for one in contents]

    def try_single(self, attempt: Try) -> bool:
        fill = attempt.once(self.chance, self.budget)
        return fill.failed < 0 and self.take([Contents(0, self._units, tuple(fill.placed))], [attempt.carton])

    def first(self) -> None:
        """Find an answer, whatever the time: the cheapest carton in which a fixed start succeeds, else several."""
        for _ in range(2):
            for attempt in self.tries:
                if self.try_single(attempt):
                    return
        for _ in range(FIRST_ROUNDS):
            found = self.several.once(self.chance, self.budget, None)
            if found is not None and self.take(found, self.cartons):
                return

    def improve(self) -> tuple[int, bool]:
        """Spend the budget on cheaper cartons; return the lower bound (a price) and whether it is reached."""
        floor = cover_bound(self.cartons, self.kinds, self.rules)
        cheaper = [attempt for attempt in self.tries if not self.best or self._price(attempt) < self.best_price]
        cheaper = [attempt for attempt in cheaper if not proven_too_small(attempt.carton, self.kinds)]
        bound = min([floor, *map(self._price, cheaper), *([self.best_price] if self.best else [])])
        if floor < self.best_price or not self.best:
            self._survey()
        while not self.budget.over:
            cheaper = [attempt for attempt in cheaper if not self.best or self._price(attempt) < self.best_price]
            sets = (not self.best or floor < self.best_price) and not self.several.exhausted
            if not cheaper and not sets:
                break
            self.budget.spend(ROUND_EFFORT)
            if sets and (not cheaper or self.chance.under(SETS_SHARE)):
                self._try_several()
            else:
                self.try_single(cheaper[self.chance.weighted([attempt.hope for attempt in cheaper])])
        return bound, bool(self.best) and bound >= self.best_price

    def _survey(self) -> None:
        if self.several.one_kind:
            self.several.columns(self.budget)
            self.several.survey(self.budget)
            self._take_exact()

    def _try_several(self) -> None:
        if self.several.one_kind:
            if self.several.mix(self.chance, self.budget):
                self._take_exact()
            return
        found = self.several.once(self.chance, self.budget, self.best_price if self.best else None)
        if found is not None:
            self.take(found, self.cartons)

    def _take_exact(self) -> None:
        exact = self.several.exact(self.best_price if self.best else None)
        if exact is not None:
            self.take(exact, self.cartons)

    def _price(self, attempt: Try) -> int:
        return price(attempt.carton, self.rules.objective)

    def pack_larger(self) -> None:
        """Pack the order into the next larger carton that a fixed start can, for when the first is not there."""
        chosen = self.best[0].carton
        larger = [carton for carton in self.cartons if price(carton, self.rules.objective) > self.best_price
                  and carton.volume_mm3 > chosen.volume_mm3 and may_hold_all(carton, self.kinds, self.rules)]
        for carton in larger[:3]:
            fill = Try(self.shop, carton).once(self.chance, self.budget)
            if fill.failed < 0:
                packed = self.named([Contents(0, self._units, tuple(fill.placed))], [carton])
                if not faults(packed, self.items, self.rules):
                    self.fitted += packed
                    return

    def runner_up(self) -> PackedCarton | None:
        """Return the cheapest single carton, dearer and larger than the chosen one, that was packed and checked."""
        chosen = self.best[0].carton
        larger = [packed for packed in self.fitted if packed.carton.volume_mm3 > chosen.volume_mm3
                  and price(packed.carton, self.rules.objective) > self.best_price]
        return min(larger, key=lambda packed: price(packed.carton, self.rules.objective), default=None)


def suggest(items: Sequence[Item], cartons: Sequence[Carton], rules: Rules, now_ms: Callable[[], float],
            deadline_ms: float = 50.0) -> Plan:
    """Return the cheapest plan found for an order before the deadline, or one with reasons and no cartons.

    `now_ms` is any clock in milliseconds that only goes forward. Equal orders get equal answers, in whatever order
    their lines, edges and units are written.
    """
    reasons = why_not(items, cartons, rules)
    if reasons:
        return Plan((), reasons=tuple(reasons))
    hunt = _Hunt(items, cartons, rules, Budget(now_ms, deadline_ms, int(deadline_ms * EFFORT_PER_MS)))
    hunt.first()
    if len(hunt.best) == 1:
        hunt.pack_larger()
    bound, proven = hunt.improve()
    if not hunt.best:
        return Plan((), reasons=(Reason(
            "order.no-set", "No set of cartons in stock was found that holds the order within the rules."),))
    cost = sum(packed.carton.cost_cents for packed in hunt.best)
    runner_up = hunt.runner_up() if len(hunt.best) == 1 else None
    floor_cents = bound >> 64 if rules.objective == "cost" else 0
    return Plan(tuple(hunt.best), cost, floor_cents, proven, runner_up)


class Suggester:
    """Suggestions for many orders, kept by content: a repeated order costs nothing and gets the same answer."""

    def __init__(self, rules: Rules, now_ms: Callable[[], float], deadline_ms: float) -> None:
        self._rules = rules
        self._now_ms = now_ms
        self._deadline_ms = deadline_ms
        self._kept: OrderedDict[tuple[object, ...], Plan] = OrderedDict()

    def suggest(self, items: Sequence[Item], cartons: Sequence[Carton]) -> Plan:
        """Return the plan for these items from these cartons (see `suggest`), from the cache when it is known."""
        kinds = kinds_of(items, self._rules)
        key = (digest(kinds), frozenset(cartons))
        kept = self._kept.get(key)
        if kept is None:
            kept = suggest(_anonymous(kinds), cartons, self._rules, self._now_ms, self._deadline_ms)
            self._kept[key] = kept
            if len(self._kept) > CACHE_LIMIT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return _renamed(kept, kinds)

    def for_raw_order(self, raw: object, catalogues: Mapping[str, Catalogue]) -> tuple[str, Plan]:
        """Return an order's id and plan; what is wrong with the order or its catalogue is among the reasons."""
        order = read_order(raw)
        if order.reasons:
            return order.id, Plan((), reasons=order.reasons)
        catalogue = catalogues.get(order.catalogue)
        if catalogue is None:
            return order.id, Plan((), reasons=(Reason(
                "order.catalogue-unknown", f"There is no catalogue {order.catalogue}.", order.catalogue),))
        plan = self.suggest(order.items, catalogue.cartons)
        return order.id, replace(plan, reasons=plan.reasons + catalogue.reasons)


def _anonymous(kinds: Sequence[Kind]) -> list[Item]:
    """Return a line for each kind that goes by its number instead of its SKUs."""
    return [Item(str(at), kind.dims_mm, kind.weight_g, kind.count, kind.upright, kind.max_load_g, kind.clearance_mm)
            for at, kind in enumerate(kinds)]


def _renamed(plan: Plan, kinds: Sequence[Kind]) -> Plan:
    """Return the plan with SKUs in place of the numbers of kinds."""
    def named(cartons: Sequence[PackedCarton]) -> tuple[PackedCarton, ...]:
        names = Names(kinds)
        return tuple(replace(packed, placements=tuple(
            names.placement((int(one.sku), *one.pos_mm, *one.dims_mm)) for one in packed.placements))
            for packed in cartons)

    def about(reason: Reason) -> Reason:
        if reason.code != "item.too-big":
            return reason
        sku = kinds[int(reason.about)].lots[0][0]
        return replace(reason, about=sku, sentence=reason.sentence.replace(reason.about, sku, 1))

    reasons = tuple(map(about, plan.reasons))
    runner_up = None if plan.runner_up is None else named([plan.runner_up])[0]
    return replace(plan, cartons=named(plan.cartons), runner_up=runner_up, reasons=reasons)
