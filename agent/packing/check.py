"""Does a packing keep the rules? Written apart from the search, which must not be its own judge."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from agent.packing.model import Item, PackedCarton, Placement, Reason, Rules

if TYPE_CHECKING:
    from collections.abc import Sequence


def faults(cartons: Sequence[PackedCarton], items: Sequence[Item], rules: Rules) -> list[Reason]:
    """Return what is wrong with a set of packed cartons for these items; nothing wrong: an empty list.

    Checked: every unit once, an allowed turn, inside, no overlap, gross weight, stock, support, load passed down in
    proportion to contact area (exact fractions), maximum fill.
    """
    found = _counted(cartons, items)
    allowed = {item.sku: _turns(item) for item in items}
    weights = {item.sku: item.weight_g for item in items}
    limits = {item.sku: item.max_load_g for item in items}
    used = Counter(packed.carton.id for packed in cartons)
    for packed in cartons:
        name = packed.carton.id
        if packed.carton.stock is not None and used[name] > packed.carton.stock:
            found.append(Reason("carton.stock", f"More of carton {name} than there are.", name))
        known = [one for one in packed.placements if one.sku in allowed]
        found += [Reason("item.turned", f"{one.sku} may not lie like this.", one.sku)
                  for one in known if tuple(one.dims_mm) not in allowed[one.sku]]
        found += _geometry(packed, known)
        gross_g = packed.carton.tare_g + sum(weights[one.sku] for one in known)
        if gross_g > packed.carton.max_gross_g:
            found.append(Reason("carton.overweight", f"{name} weighs {gross_g} g, over its limit.", name))
        volume = sum(one.dims_mm[0] * one.dims_mm[1] * one.dims_mm[2] for one in known)
        if volume * 1000 > rules.max_fill_permille * packed.carton.volume_mm3:
            found.append(Reason("carton.overfull", f"{name} is filled beyond the site's limit.", name))
        found += _resting(known, weights, limits, rules)
    return found


def _counted(cartons: Sequence[PackedCarton], items: Sequence[Item]) -> list[Reason]:
    wanted: Counter[str] = Counter()
    for item in items:
        wanted[item.sku] += item.qty
    got = Counter(one.sku for packed in cartons for one in packed.placements)
    return [Reason("item.count", f"{sku}: {got[sku]} packed, {wanted[sku]} ordered.", sku)
            for sku in sorted(wanted | got) if got[sku] != wanted[sku]]


def _turns(item: Item) -> set[tuple[int, int, int]]:
    a, b, c = item.dims_mm
    turns = {(a, b, c), (b, a, c)}
    return turns if item.upright else turns | {(a, c, b), (c, a, b), (b, c, a), (c, b, a)}


def _geometry(packed: PackedCarton, placements: Sequence[Placement]) -> list[Reason]:
    found: list[Reason] = []
    for one in placements:
        low, high = one.pos_mm, tuple(p + d for p, d in zip(one.pos_mm, one.dims_mm, strict=True))
        if min(low) < 0 or any(edge > inner for edge, inner in zip(high, packed.carton.inner_mm, strict=True)):
            found.append(Reason("item.outside", f"{one.sku} reaches out of {packed.carton.id}.", one.sku))
    by_x = sorted(placements, key=lambda one: one.pos_mm[0])
    for at, one in enumerate(by_x):
        end = one.pos_mm[0] + one.dims_mm[0]
        for other in by_x[at + 1:]:
            if other.pos_mm[0] >= end:
                break
            if _overlap(one, other):
                found.append(Reason("item.overlap", f"{one.sku} and {other.sku} share room.", one.sku))
    return found


def _overlap(one: Placement, other: Placement) -> bool:
    """Say whether two units that overlap along x do so along y and z too."""
    _, y, z = one.pos_mm
    _, wide, high = one.dims_mm
    _, oy, oz = other.pos_mm
    return oy < y + wide and y < oy + other.dims_mm[1] and oz < z + high and z < oz + other.dims_mm[2]


def _contacts(upper: Placement, level: Sequence[tuple[int, Placement]]) -> list[tuple[int, int]]:
    """Return which units of a level an upper one touches, and the area in mm2."""
    x, y, _ = upper.pos_mm
    far_x, far_y = x + upper.dims_mm[0], y + upper.dims_mm[1]
    found = []
    for at, lower in level:
        lx, ly, _ = lower.pos_mm
        ex, ey = lx + lower.dims_mm[0], ly + lower.dims_mm[1]
        if lx < far_x and x < ex and ly < far_y and y < ey:
            found.append((at, (min(ex, far_x) - max(lx, x)) * (min(ey, far_y) - max(ly, y))))
    return found


def _resting(placements: Sequence[Placement], weights: dict[str, int], limits: dict[str, int | None], rules: Rules,
             ) -> list[Reason]:
    """Check support, and where some item has a limit also the load, from the top down."""
    found: list[Reason] = []
    tops: dict[int, list[tuple[int, Placement]]] = {}
    for at, one in enumerate(placements):
        tops.setdefault(one.pos_mm[2] + one.dims_mm[2], []).append((at, one))
    loads = any(limit is not None for limit in limits.values())
    carried = [Fraction(0)] * len(placements)
    for at in sorted(range(len(placements)), key=lambda at: -placements[at].pos_mm[2]):
        upper = placements[at]
        limit = limits[upper.sku]
        if limit is not None and carried[at] > limit:
            found.append(Reason("item.load", f"{upper.sku} carries {float(carried[at]):.0f} g, over {limit} g.",
                                upper.sku))
        if upper.pos_mm[2] == 0:
            continue
        contacts = _contacts(upper, tops.get(upper.pos_mm[2], ()))
        total = sum(area for _, area in contacts)
        if total * 1000 < rules.support_permille * upper.dims_mm[0] * upper.dims_mm[1]:
            found.append(Reason("item.unsupported", f"{upper.sku} hangs over too far.", upper.sku))
        for below, area in contacts if loads else ():
            if limits[placements[below].sku] == 0:
                found.append(Reason("item.on-fragile", f"{upper.sku} stands on fragile {placements[below].sku}.",
                                    upper.sku))
            carried[below] += (weights[upper.sku] + carried[at]) * Fraction(area, total)
    return found
