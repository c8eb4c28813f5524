"""An order as the search sees it: equal units counted once, in an order that the writing of the order can't change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.packing.construct import Load
from agent.packing.model import NO_LIMIT, Item, Placement, Rules, Triple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Kind:
    """Units that are the same to the search, whatever their SKU. `lots`: (SKU, how many) in sorted order."""

    dims_mm: Triple
    upright: bool
    weight_g: int
    max_load_g: int | None
    clearance_mm: int
    count: int
    lots: tuple[tuple[str, int], ...]

    @property
    def volume_mm3(self) -> int:
        """Return the volume of one unit without clearance."""
        length, width, height = self.dims_mm
        return length * width * height

    @property
    def load(self) -> Load:
        return Load(self.weight_g, self.max_load_g, self.clearance_mm, min(self.dims_mm))

    def turns(self, inner_mm: Triple) -> list[tuple[int, int, int]]:
        """Return the allowed turns (length, width, height) that fit this inner size with clearance."""
        length, width, height = self.dims_mm
        turned = {(length, width, height), (width, length, height)}
        if not self.upright:
            turned |= {(length, height, width), (height, length, width)}
            turned |= {(width, height, length), (height, width, length)}
        clear = self.clearance_mm
        return sorted(t for t in turned if all(edge + clear <= inner for edge, inner in zip(t, inner_mm, strict=True)))


def kinds_of(items: Iterable[Item], rules: Rules) -> tuple[Kind, ...]:
    """Merge lines into kinds. Lines, and edges that may be swapped, give the same kinds in any order."""
    counts: dict[tuple[Triple, bool, int, int, int], dict[str, int]] = {}
    for item in items:
        length, width, height = item.dims_mm
        if item.upright:
            dims = (max(length, width), min(length, width), height)
        else:
            short, middle, long = sorted(item.dims_mm)
            dims = (long, middle, short)
        clearance = rules.clearance_mm if item.clearance_mm is None else item.clearance_mm
        limit = NO_LIMIT if item.max_load_g is None else item.max_load_g
        lots = counts.setdefault((dims, item.upright, item.weight_g, limit, clearance), {})
        lots[item.sku] = lots.get(item.sku, 0) + item.qty
    return tuple(
        Kind(dims, upright, weight_g, None if limit == NO_LIMIT else limit, clearance, sum(lots.values()),
             tuple(sorted(lots.items())))
        for (dims, upright, weight_g, limit, clearance), lots in sorted(counts.items()))


def digest(kinds: Sequence[Kind]) -> str:
    """Return the content of an order as text, without SKU names: the seed of its search and part of its cache key."""
    return ";".join(
        f"{kind.count}*{kind.dims_mm}{'u' if kind.upright else ''}{kind.weight_g}g{kind.max_load_g}+{kind.clearance_mm}"
        for kind in kinds)


class Names:
    """Gives the units of each kind their SKU, lot by lot, over all cartons of one plan."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._left = [[sku for sku, count in kind.lots for _ in range(count)][::-1] for kind in kinds]

    def placement(self, placed: tuple[int, int, int, int, int, int, int]) -> Placement:
        kind, x, y, z, long, wide, high = placed
        return Placement(self._left[kind].pop(), (x, y, z), (long, wide, high))
