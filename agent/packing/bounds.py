"""What can't be: cartons that no search needs to try, and the least that an order can cost."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from agent.packing.model import Carton, Rules, price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.packing.kinds import Kind

SHARES = (0, 2, 3, 4)
GRID = 240
"""Steps of the volume in the cover bound: finer adds little and costs time."""


def holds_each(carton: Carton, kinds: Sequence[Kind]) -> bool:
    """Say whether every kind fits the carton alone."""
    return all(kind.turns(carton.inner_mm) and carton.tare_g + kind.weight_g <= carton.max_gross_g for kind in kinds)


def cell_volume_mm3(kind: Kind) -> int:
    """Return the volume of one unit with its clearance on all axes."""
    long, wide, high = kind.dims_mm
    clear = kind.clearance_mm
    return (long + clear) * (wide + clear) * (high + clear)


def fill_of(carton: Carton, kinds: Sequence[Kind]) -> float:
    """Return the share of the inner volume that the order takes."""
    return sum(kind.count * cell_volume_mm3(kind) for kind in kinds) / carton.volume_mm3


def may_hold_all(carton: Carton, kinds: Sequence[Kind], rules: Rules) -> bool:
    """Say whether weight, volume and each unit alone allow the whole order in one carton."""
    weight_g = carton.tare_g + sum(kind.count * kind.weight_g for kind in kinds)
    volume = sum(kind.count * kind.volume_mm3 for kind in kinds)
    return (weight_g <= carton.max_gross_g and volume * 1000 <= rules.max_fill_permille * carton.volume_mm3
            and holds_each(carton, kinds))


@lru_cache(maxsize=4096)
def _stretched(edge: int, inner: int, share: int) -> int:
    """Return the dual feasible function u_eps of an edge, in mm: over 1 - eps all of the inner edge, under eps nothing.

    Fekete and Schepers 2004, with eps = 1 / `share`; `share` 0 is the identity.
    """
    if share == 0:
        return edge
    if edge * share > inner * (share - 1):
        return inner
    return 0 if edge * share < inner else edge


def proven_too_small(carton: Carton, kinds: Sequence[Kind]) -> bool:
    """Say whether stretched volumes prove that the order can't go into one carton, however it is packed."""
    inner = carton.inner_mm
    stretched = []
    for kind in kinds:
        turns = [tuple(edge + kind.clearance_mm for edge in turn) for turn in kind.turns(inner)]
        if not turns:
            return True
        stretched.append((kind.count, [[[_stretched(turn[axis], inner[axis], share) for turn in turns]
                                        for share in SHARES] for axis in range(3)]))
    for first, second, third in product(range(len(SHARES)), repeat=3):
        total = 0
        for count, (along, across, up) in stretched:
            total += count * min([x * y * z for x, y, z in zip(along[first], across[second], up[third], strict=True)])
        if total > carton.volume_mm3:
            return True
    return False


def cover_bound(cartons: Sequence[Carton], kinds: Sequence[Kind], rules: Rules) -> int:
    """Return a price that no set of two or more cartons can go under.

    Cheapest cover of the volume and, apart from it, of the weight (unbounded knapsack; room rounded up, need rounded
    down), and never under two of the cheapest.
    """
    prices = [price(carton, rules.objective) for carton in cartons]
    least = 2 * min(prices)
    volume = sum(kind.count * kind.volume_mm3 for kind in kinds)
    weight_g = sum(kind.count * kind.weight_g for kind in kinds)
    rooms = [carton.volume_mm3 * rules.max_fill_permille // 1000 for carton in cartons]
    loads = [carton.max_gross_g - carton.tare_g for carton in cartons]
    return max(least, _cover(prices, rooms, volume), _cover(prices, loads, weight_g))


def _cover(prices: Sequence[int], rooms: Sequence[int], need: int) -> int:
    if need <= max(rooms):
        return min(cost for cost, room in zip(prices, rooms, strict=True) if room > 0)
    step = max(1, need // GRID)
    steps = [-(-room // step) for room in rooms]
    best = [0]
    for reach in range(1, need // step + 1):
        best.append(min(cost + best[max(0, reach - room)]
                        for cost, room in zip(prices, steps, strict=True) if room > 0))
    return best[-1]
