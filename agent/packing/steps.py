"""A packing as steps that a person follows: what next, where, lying how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.packing.model import PackedCarton, Placement, Triple


@dataclass(frozen=True, slots=True)
class Step:
    """One move: `units` of one SKU, placed one after the other, all lying alike."""

    sku: str
    units: tuple[Placement, ...]
    where: str
    lying: str
    on: tuple[str, ...]
    """The SKUs that they stand on; none: the floor of the carton."""

    @property
    def words(self) -> str:
        """What the packer reads, in English."""
        count = f"{len(self.units)} x " if len(self.units) > 1 else ""
        below = f"on {' and '.join(self.on)}" if self.on else "on the floor"
        return f"{count}{self.sku}: {self.where}, {self.lying}, {below}"


def in_packing_order(placements: Sequence[Placement]) -> list[Placement]:
    """Return the placements by bottom height, then back to front, then left to right.

    In that order each unit can be lowered from above: nothing placed before lies higher than its underside.
    """
    return sorted(placements, key=lambda one: (one.pos_mm[2], one.pos_mm[1], one.pos_mm[0]))


def steps(packed: PackedCarton) -> list[Step]:
    """Return the moves for one carton; equal units that follow each other on one level are one move."""
    ordered = in_packing_order(packed.placements)
    groups: list[list[Placement]] = []
    for one in ordered:
        last = groups[-1][-1] if groups else None
        if last is not None and (last.sku, last.dims_mm, last.pos_mm[2]) == (one.sku, one.dims_mm, one.pos_mm[2]):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [Step(group[0].sku, tuple(group), _where(group, packed.carton.inner_mm), lying(group[0].dims_mm),
                 _below(group, ordered)) for group in groups]


def lying(dims_mm: Triple) -> str:
    """Say how a unit of this turned size lies: by its height among its edges, and where its longest edge points.

    >>> lying((300, 200, 20))
    'lying flat, long side left to right'
    >>> lying((20, 200, 300))
    'standing on end'
    >>> lying((20, 300, 200))
    'on its side, long side front to back'
    >>> lying((50, 50, 50))
    'any way'
    """
    long, wide, high = dims_mm
    if long == wide == high:
        return "any way"
    if high == max(dims_mm) and high not in (long, wide):
        return "standing on end"
    how = "lying flat" if high == min(dims_mm) else "on its side"
    if long == wide:
        return how
    return f"{how}, long side {'left to right' if long > wide else 'front to back'}"


def _where(group: Sequence[Placement], inner_mm: Triple) -> str:
    """Name the place in the carton as seen from its front: x runs to the right, y to the front."""
    low = [min(one.pos_mm[axis] for one in group) for axis in (0, 1)]
    high = [max(one.pos_mm[axis] + one.dims_mm[axis] for one in group) for axis in (0, 1)]
    side = _third(low[0], high[0], inner_mm[0], ("left", "", "right"))
    depth = _third(low[1], high[1], inner_mm[1], ("back", "", "front"))
    if side and depth:
        return f"{side} {depth} corner"
    if side or depth:
        return f"{side}{depth} side"
    return "middle"


def _third(low: int, high: int, inner: int, names: tuple[str, str, str]) -> str:
    """Name where an extent lies along one axis; one that takes most of it is in the middle."""
    if (high - low) * 3 > inner * 2:
        return names[1]
    centre = low + high
    if centre * 5 < inner * 4:
        return names[0]
    return names[2] if centre * 5 > inner * 6 else names[1]


def _below(group: Sequence[Placement], placed: Sequence[Placement]) -> tuple[str, ...]:
    skus: list[str] = []
    for upper in group:
        x, y, z = upper.pos_mm
        for lower in placed:
            lx, ly, lz = lower.pos_mm
            ll, lw, lh = lower.dims_mm
            if (lz + lh == z and lx < x + upper.dims_mm[0] and x < lx + ll and ly < y + upper.dims_mm[1]
                    and y < ly + lw and lower.sku not in skus):
                skus.append(lower.sku)
    return tuple(skus)
