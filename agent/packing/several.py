"""Spread one order over several cartons: fill, shrink, close, and remember which contents a carton can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.packing.check import faults
from agent.packing.columns import Columns
from agent.packing.model import Carton, Item, PackedCarton, Placement, price
from agent.packing.search import BLOCK_AXES, Budget, Shop, Step, favouring, weighted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.packing.chance import Chance
    from agent.packing.construct import Placed, Turn


MIX_FOCUS = 3
"""How strongly the mixes of one kind go to the cartons that hold most for their price."""
COLUMNS_EFFORT = 600
POOL_LIMIT = 60
"""Contents remembered per kind of carton."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What one carton held once: units of each kind, and where they stood."""

    carton: int
    units: tuple[int, ...]
    placed: tuple[Placed, ...]


class Several:
    """The search over sets of cartons for one order."""

    def __init__(self, shop: Shop, cartons: Sequence[Carton]) -> None:
        self._shop = shop
        self._cartons = cartons
        self._prices = [price(carton, shop.rules.objective) for carton in cartons]
        self._turns = [shop.turns(carton) for carton in cartons]
        self._volumes = [kind.volume_mm3 for kind in shop.kinds]
        self._weights = [kind.weight_g for kind in shop.kinds]
        self._rooms = [carton.volume_mm3 * shop.rules.max_fill_permille // 1000 for carton in cartons]
        self._pool: list[list[Contents]] = [[] for _ in cartons]
        self._rate = min(cost / room for cost, room in zip(self._prices, self._rooms, strict=True))
        self._rounds = 0
        self.exhausted = False
        """For one kind: each carton is known to hold all that its volume and weight allow; no search finds more."""

    def once(self, chance: Chance, budget: Budget, below: int | None) -> list[Contents] | None:
        """Build one set of cartons; return it when all units went in and its price is under `below`.

        Without a price to beat (`below` None) the biggest carton is filled first and the time is not looked at.
        """
        left = list(self._shop.counts)
        stock = [1 << 30 if carton.stock is None else carton.stock for carton in self._cartons]
        chosen: list[Contents] = []
        spent = 0
        self._rounds += 1
        while any(left):
            if below is not None and (budget.over or spent + self._least(left) >= below):
                return None
            room = None if below is None else below - spent
            last = self._close(left, stock, room, chance, budget)
            filled = last if last is not None else self._fill(left, stock, room, chance, budget)
            if filled is None:
                return None
            chosen.append(filled)
            stock[filled.carton] -= 1
            spent += self._prices[filled.carton]
            left = [a - b for a, b in zip(left, filled.units, strict=True)]
        return chosen if below is None or spent < below else None

    @property
    def one_kind(self) -> bool:
        return len(self._shop.counts) == 1 and all(carton.stock is None for carton in self._cartons)

    def survey(self, budget: Budget) -> None:
        """For one kind: learn what each carton holds, with each way to lay the units preferred in turn."""
        counts = self._shop.counts
        for at, (turns,) in enumerate(self._turns):
            for chosen in range(len(turns)):
                for axes in BLOCK_AXES[1:3]:
                    if budget.over:
                        return
                    fill = self._shop.fill(self._cartons[at], [(0, counts[0], favouring(turns, chosen))], counts, axes,
                                           budget, whole=False)
                    if fill.placed:
                        self._remember(Contents(at, (len(fill.placed),), tuple(fill.placed)))

    def columns(self, budget: Budget) -> None:
        """For one kind: learn what each carton holds when its floor is cut into rectangles of stacked layers."""
        kind = self._shop.kinds[0]
        for at, (turns,) in enumerate(self._turns):
            if budget.over:
                return
            found = Columns(self._cartons[at].inner_mm, turns, kind.clearance_mm)
            if not found.worth_it:
                continue
            placed = found.fill(self._shop.rules.support_permille, self._most_of_one(at))
            budget.spend(found.effort + COLUMNS_EFFORT)
            contents = Contents(at, (len(placed),), tuple(placed))
            if placed and not self._known(at, contents.units) and self._carries(contents):
                self._remember(contents)

    def _carries(self, contents: Contents) -> bool:
        """For one kind: say whether the units bear what rests on them."""
        kind = self._shop.kinds[0]
        if kind.max_load_g is None:
            return True
        item = Item("", kind.dims_mm, kind.weight_g, contents.units[0], kind.upright, kind.max_load_g)
        packed = PackedCarton(self._cartons[contents.carton], tuple(
            Placement("", (x, y, z), (long, wide, high)) for _, x, y, z, long, wide, high in contents.placed), 0)
        return not faults([packed], [item], self._shop.rules)

    def _most_of_one(self, at: int) -> int:
        """Return how many units of the only kind volume and weight let a carton hold, at most all."""
        carton = self._cartons[at]
        spare_g = carton.max_gross_g - carton.tare_g
        by_weight = spare_g // self._weights[0] if self._weights[0] else self._shop.counts[0]
        return min(self._shop.counts[0], self._rooms[at] // self._volumes[0], by_weight)

    def mix(self, chance: Chance, budget: Budget) -> bool:
        """For one kind: fill a carton with groups that lie different ways; say whether it holds more than was known."""
        shop = self._shop
        open_for = []
        for at, (turns,) in enumerate(self._turns):
            known = max((one.units[0] for one in self._pool[at]), default=0)
            most = self._most_of_one(at)
            if turns and known < most:
                open_for.append((at, known, (most / self._prices[at] * self._prices[0]) ** MIX_FOCUS))
        if not open_for:
            self.exhausted = True
            return False
        at, known, _ = open_for[chance.weighted([worth for _, _, worth in open_for])]
        turns = self._turns[at][0]
        groups = (1 + int(chance.unit() * known), 1 + int(chance.unit() * known), shop.counts[0])
        steps: list[Step] = [(0, most, favouring(turns, int(chance.unit() * len(turns)))) for most in groups]
        fill = shop.fill(self._cartons[at], steps, shop.counts, chance.pick(shop.axes), budget, whole=False)
        if len(fill.placed) <= known:
            return False
        self._remember(Contents(at, (len(fill.placed),), tuple(fill.placed)))
        return True

    def exact(self, below: int | None) -> list[Contents] | None:
        """For one kind only: the cheapest cover of the count by what cartons are known to hold, if it is cheaper."""
        need = self._shop.counts[0]
        best = [(max(pool, key=lambda one: one.units), self._prices[at]) for at, pool in enumerate(self._pool) if pool]
        if not best:
            return None
        costs = [0]
        taken: list[Contents | None] = [None]
        for reach in range(1, need + 1):
            cost, one = min(((cost + costs[max(0, reach - one.units[0])], one) for one, cost in best),
                            key=lambda pair: pair[0])
            costs.append(cost)
            taken.append(one)
        if below is not None and costs[need] >= below:
            return None
        chosen: list[Contents] = []
        reach = need
        while reach > 0:
            last = taken[reach]
            if last is None:
                return None
            count = min(reach, last.units[0])
            chosen.append(Contents(last.carton, (count,), last.placed[:count]))
            reach -= last.units[0]
        return chosen

    def _least(self, left: Sequence[int]) -> int:
        volume = sum(count * size for count, size in zip(left, self._volumes, strict=True))
        return max(min(self._prices), int(volume * self._rate))

    def _allows(self, at: int, volume: int, weight_g: int) -> bool:
        carton = self._cartons[at]
        return volume <= self._rooms[at] and carton.tare_g + weight_g <= carton.max_gross_g

    def _close(self, left: Sequence[int], stock: Sequence[int], room: int | None, chance: Chance, budget: Budget,
               ) -> Contents | None:
        """Return the cheapest carton found that takes all that is left and costs less than `room`."""
        volume = sum(count * size for count, size in zip(left, self._volumes, strict=True))
        weight_g = sum(count * weight for count, weight in zip(left, self._weights, strict=True))
        tried = 0
        for at, cost in enumerate(self._prices):
            if (room is not None and cost >= room) or tried == 3:
                break
            if stock[at] < 1 or not self._allows(at, volume, weight_g):
                continue
            known = self._known(at, left)
            if known is not None:
                return known
            if volume > self._rooms[at] * chance.between(0.7, 1.0):
                continue
            tried += 1
            fill = self._pack(at, left, chance, budget, whole=True)
            if fill is not None:
                return fill
        return None

    def _fill(self, left: Sequence[int], stock: Sequence[int], room: int | None, chance: Chance, budget: Budget,
              ) -> Contents | None:
        """Fill one carton with as much as goes in, then look for a cheaper one that holds the same."""
        volume = sum(count * size for count, size in zip(left, self._volumes, strict=True))
        open_for = [at for at, cost in enumerate(self._prices)
                    if stock[at] > 0 and (room is None or cost < room)
                    and any(count and turns for count, turns in zip(left, self._turns[at], strict=True))]
        if not open_for:
            return None
        if room is None and self._rounds == 1:
            at = max(open_for, key=lambda at: self._rooms[at])
        else:
            worth = [(min(self._rooms[at], volume) / self._prices[at]) ** 4 for at in open_for]
            at = open_for[chance.weighted([w / max(worth) for w in worth])]
        filled = self._pack(at, left, chance, budget, whole=False)
        if filled is None:
            return None
        volume = sum(count * size for count, size in zip(filled.units, self._volumes, strict=True))
        weight_g = sum(count * weight for count, weight in zip(filled.units, self._weights, strict=True))
        for cheaper in range(at):
            if stock[cheaper] > 0 and self._allows(cheaper, volume, weight_g):
                shrunk = (self._known(cheaper, filled.units)
                          or self._pack(cheaper, filled.units, chance, budget, whole=True))
                if shrunk is not None:
                    return shrunk
        return filled

    def _pack(self, at: int, counts: Sequence[int], chance: Chance, budget: Budget, *, whole: bool) -> Contents | None:
        """Construct once; remember what went in. With `whole`, return it only if everything did."""
        shop = self._shop
        size = chance.pick(shop.sizes)
        rank = [value * chance.between(0.5, 1.0) for value in size]
        axes = chance.pick(shop.axes)
        turns: Sequence[Sequence[Turn]] = self._turns[at]
        if chance.under(0.4):
            turns = [favouring(kind, int(chance.unit() * len(kind))) for kind in turns]
        elif chance.under(0.6):
            turns = weighted(turns, chance)
        fill = shop.fill(self._cartons[at], shop.steps(rank, counts, turns), counts, axes, budget, whole=whole)
        units = tuple(a - b for a, b in zip(counts, fill.left, strict=True))
        if not any(units):
            return None
        contents = Contents(at, units, tuple(fill.placed))
        self._remember(contents)
        return None if whole and fill.failed >= 0 else contents

    def _remember(self, contents: Contents) -> None:
        pool = self._pool[contents.carton]
        units = contents.units
        if any(all(a <= b for a, b in zip(units, one.units, strict=True)) for one in pool):
            return
        pool[:] = [one for one in pool if any(a > b for a, b in zip(one.units, units, strict=True))]
        if len(pool) == POOL_LIMIT:
            pool.pop(0)
        pool.append(contents)

    def _known(self, at: int, wanted: Sequence[int]) -> Contents | None:
        """Return remembered contents of this carton that cover `wanted`, with the surplus taken off the top."""
        for one in self._pool[at]:
            if all(a <= b for a, b in zip(wanted, one.units, strict=True)):
                placed = without_surplus(one.placed, [b - a for a, b in zip(wanted, one.units, strict=True)])
                if placed is not None:
                    return Contents(at, tuple(wanted), placed)
        return None


def without_surplus(placed: Sequence[Placed], surplus: list[int]) -> tuple[Placed, ...] | None:
    """Return the placements without `surplus` units of each kind, or None when something rests on each left one.

    Only units that carry nothing are taken out, so that all that stays is as stable as before.
    """
    kept = list(placed)
    for at in range(len(kept) - 1, -1, -1):
        kind, x, y, z, long, wide, high = kept[at]
        if surplus[kind] and not any(
                oz == z + high and ox < x + long and x < ox + ol and oy < y + wide and y < oy + ow
                for _, ox, oy, oz, ol, ow, _ in kept):
            del kept[at]
            surplus[kind] -= 1
    return tuple(kept) if not any(surplus) else None
