"""Find a cheap carton that holds a whole order: a few fixed starts, then restarts that learn from what did not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp
from operator import mul
from typing import TYPE_CHECKING

from agent.packing.bounds import fill_of
from agent.packing.construct import Hold, Load, Placed, Turn
from agent.packing.join import Joining

if TYPE_CHECKING:
    from agent.packing.chance import Chance
    from agent.packing.kinds import Kind
    from agent.packing.model import Carton, Rules

FILL_HOPE = 6.0
LEFT_HOPE = 4.0
Step = tuple[int, int, Sequence[Turn]]
"""A kind, how many of it at most, and the ways to lay them."""
JOIN_SHARE = 0.6
"""Of the restarts in a carton that the order nearly fills, those that join units instead of filling from above."""
LONGEST_ROUND = 0.2
"""Share of the deadline that the next round is thought to take at most, however long one was kept waiting."""
RESTART_TRIES = 24
"""Tries of one line of priorities before it starts afresh."""
BLOCK_AXES: tuple[tuple[int, ...], ...] = ((), (0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0))
MANY_OF_A_KIND = 5
"""Units of a kind on average, from which on they are placed in blocks only: one by one is no better, and slower."""
BIG_ORDER_UNITS = 100
BIG_ORDER_SPACES = 24
STARTS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (0, ()), (0, (0, 1, 2)), (1, ()), (1, (2, 1, 0)), (2, ()), (2, (2, 0, 1)))
"""Which size leads (0 longest edge, 1 volume, 2 largest face) and how blocks of equal units grow; big orders use
only those with blocks."""


class Budget:
    """How long to go on: a deadline on the caller's clock, and an effort that makes answers repeatable.

    The effort is counted by the search itself. On the machine where the agent runs it ends just before the deadline,
    so that the same order gets the same answer whatever else the machine does.
    """

    def __init__(self, now_ms: Callable[[], float], deadline_ms: float, effort: int) -> None:
        self._now_ms = now_ms
        self._looked_ms: float | None = None
        self._deadline_ms = now_ms() + deadline_ms
        self._most_ms = deadline_ms * LONGEST_ROUND
        self._effort_left = effort
        self._longest_ms = 0.0

    @property
    def over(self) -> bool:
        """True when the effort is spent, or a round as long as the longest so far would end after the deadline."""
        now_ms = self._now_ms()
        if self._looked_ms is not None:
            self._longest_ms = max(self._longest_ms, min(now_ms - self._looked_ms, self._most_ms))
        self._looked_ms = now_ms
        return self._effort_left <= 0 or now_ms + self._longest_ms >= self._deadline_ms

    def spend(self, effort: int) -> None:
        self._effort_left -= effort


@dataclass(slots=True)
class Fill:
    """What one pass over an order put into a carton. `failed`: first kind that did not fit, -1 when all did."""

    placed: list[Placed]
    left: list[int]
    failed: int


class Shop:
    """The order and the rules in the form that the inner loop wants."""

    def __init__(self, kinds: Sequence[Kind], rules: Rules) -> None:
        self.kinds = kinds
        self.rules = rules
        self.loads: list[Load] = [kind.load for kind in kinds]
        self.counts = [kind.count for kind in kinds]
        self.limits = any(kind.max_load_g is not None for kind in kinds)
        self.cleared = any(kind.clearance_mm for kind in kinds)
        self.most_spaces = 1 << 30 if sum(self.counts) <= BIG_ORDER_UNITS else BIG_ORDER_SPACES
        self.starts = STARTS if sum(self.counts) <= BIG_ORDER_UNITS else STARTS[1::2]
        many = sum(self.counts) >= MANY_OF_A_KIND * len(self.counts)
        self.axes = BLOCK_AXES[1:] if many else BLOCK_AXES
        self.volume = float(sum(kind.count * kind.volume_mm3 for kind in kinds))
        self.sizes = (
            [max(kind.dims_mm) + kind.volume_mm3 ** (1 / 3) / 1000 for kind in kinds],
            [float(kind.volume_mm3) for kind in kinds],
            [float(sorted(kind.dims_mm)[1] * max(kind.dims_mm)) for kind in kinds])

    def turns(self, carton: Carton) -> list[list[Turn]]:
        made: list[list[Turn]] = []
        for kind in self.kinds:
            clear = kind.clearance_mm
            made.append([(1.0, long + clear, wide + clear, high, long, wide)
                         for long, wide, high in kind.turns(carton.inner_mm)])
        return made

    def steps(self, rank: Sequence[float], counts: Sequence[int], turns: Sequence[Sequence[Turn]]) -> list[Step]:
        """Return one step a kind, the highest rank first."""
        order = sorted((kind for kind, count in enumerate(counts) if count), key=rank.__getitem__, reverse=True)
        return [(kind, counts[kind], turns[kind]) for kind in order]

    def fill(self, carton: Carton, steps: Sequence[Step], counts: Sequence[int], axes: Sequence[int], budget: Budget, *,
             whole: bool) -> Fill:
        """Fill a carton step by step with up to `counts` of each kind; with `whole`, give up at the first failure."""
        hold = Hold(carton.inner_mm, self.rules.support_permille, limits=self.limits, cleared=self.cleared,
                    most_spaces=self.most_spaces)
        spare_g = carton.max_gross_g - carton.tare_g
        spare_mm3 = carton.volume_mm3 * self.rules.max_fill_permille // 1000
        left = list(counts)
        failed = -1
        for (kind, most, turns), rest_mm in zip(steps, self._rest(steps), strict=True):
            load, volume = self.loads[kind], self.kinds[kind].volume_mm3
            to_go = min(most, left[kind])
            while to_go:
                wanted = to_go
                if not whole:
                    by_weight = spare_g * 1000 // load.weight_mg if load.weight_mg else wanted
                    wanted = min(wanted, spare_mm3 // volume, by_weight)
                done = hold.put(kind, wanted, load, turns, axes, rest_mm) if wanted > 0 and hold.spaces else 0
                if not done:
                    failed = kind if failed < 0 else failed
                    break
                to_go -= done
                left[kind] -= done
                spare_g -= done * load.weight_mg // 1000
                spare_mm3 -= done * volume
            if failed >= 0 and whole:
                break
        budget.spend(hold.effort + 40)
        return Fill(hold.placed, left, failed)

    def _rest(self, steps: Sequence[Step]) -> list[int]:
        """Return for each step the smallest edge among the kinds after it."""
        rest: list[int] = []
        smallest = 1 << 30
        for kind, _, _ in reversed(steps):
            rest.append(smallest)
            smallest = min(smallest, self.loads[kind].smallest_mm)
        return rest[::-1]


class Try:
    """The search for a packing of the whole order in one carton; each call of `once` is one construction."""

    def __init__(self, shop: Shop, carton: Carton) -> None:
        self._shop = shop
        self.carton = carton
        self._turns = shop.turns(carton)
        self._tries = 0
        self._fill = fill_of(carton, shop.kinds)
        self._least_left = 1.0
        self._rank: list[float] = []
        worth_it = Joining.worth_it(shop.kinds, self._fill)
        self._joining = Joining(shop.kinds, carton, shop.rules) if worth_it else None

    @property
    def hope(self) -> float:
        """How likely the next try is to succeed, as a weight among cartons: emptier and nearly full ones first."""
        return exp(-FILL_HOPE * self._fill - LEFT_HOPE * self._least_left)

    def once(self, chance: Chance, budget: Budget) -> Fill:
        """Try the next start, or a random one; learn from the kind that did not fit."""
        shop = self._shop
        if self._tries < len(shop.starts):
            size, axes = shop.starts[self._tries]
            self._rank = list(shop.sizes[size])
            turns: Sequence[Sequence[Turn]] = self._turns
        elif self._joining is not None and chance.under(JOIN_SHARE):
            placed = self._joining.once(chance, budget)
            return Fill(placed, [], -1) if placed is not None else Fill([], list(shop.counts), 0)
        else:
            if self._tries % RESTART_TRIES == 0:
                self._rank = [size * chance.between(0.7, 1.3) for size in chance.pick(shop.sizes)]
            axes = chance.pick(shop.axes)
            turns = weighted(self._turns, chance)
        self._tries += 1
        rank = self._rank
        fill = shop.fill(self.carton, shop.steps(rank, shop.counts, turns), shop.counts, axes, budget, whole=True)
        if fill.failed >= 0:
            left = sum(map(mul, fill.left, shop.sizes[1])) / shop.volume
            self._least_left = min(self._least_left, left)
            rank[fill.failed] = (max(rank) * 1.05 if chance.under(0.3)
                                 else rank[fill.failed] * chance.between(1.3, 3.3))
        return fill


def weighted(turns: Sequence[Sequence[Turn]], chance: Chance) -> list[list[Turn]]:
    """Return the turns with random weights, so that a restart prefers other ways to lay each kind."""
    drawn = iter(chance.units(sum(map(len, turns))))
    return [[(1.0 - 0.7 * next(drawn), a, b, c, long, wide) for _, a, b, c, long, wide in kind] for kind in turns]


def favouring(turns: Sequence[Turn], chosen: int) -> list[Turn]:
    """Return the turns of one kind with one preferred to all others, which stay for where it does not fit."""
    return [(1.0 if at == chosen else 0.05, *turn[1:]) for at, turn in enumerate(turns)]
