"""How much room an item gets beyond its size: by where the size came from, and by what did not fit before.

What was told is counted by name: `sku:MUG` for an item, `carton:M2` for a carton, whose inner size may be wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.packing.model import Carton

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BY_SOURCE_MM: Final[dict[str, int]] = {"dimensioner": 2, "supplier": 5, "typed": 8}
"""Sizes off by 1 to 2 mm (sd) made 4 to 5 % of the suggestions fail without room, under 0.5 % with 2 mm (simulated)."""
MISS_STEP_MM = 2
MOST_MM = 20
CARTON_STEP_MM, CARTON_MOST_MM = 1, 10
"""A carton is under every item's suspicion, so that it is blamed more slowly and less."""


def clearance_mm(source: str | None, misfits: int = 0, padding_mm: int = 0, unknown_mm: int = 2) -> int:
    """Return the clearance per axis of one SKU.

    `misfits`: how often a carton with it did not close although suggested; one may be the packer's, so that the room
    grows from the second on. `padding_mm`: what the site adds for a fragile item; `unknown_mm`: the room where nobody
    said where the size came from.
    """
    base = BY_SOURCE_MM.get(source or "", unknown_mm)
    return min(base + item_room_mm(misfits) + padding_mm, max(MOST_MM, base))


def item_room_mm(misfits: int) -> int:
    """Return the room that an item gets because it did not fit so often; from the second time on."""
    return min(MISS_STEP_MM * max(0, misfits - 1), MOST_MM)


def carton_room_mm(misfits: int) -> int:
    """Return by how much a carton counts as smaller inside because it did not hold its items so often."""
    return min(CARTON_STEP_MM * max(0, misfits - 2), CARTON_MOST_MM)


def shrunk(carton: Carton, misfits: int) -> Carton:
    """Return a carton as if it were smaller inside by what it did not hold, from the third time on."""
    less = carton_room_mm(misfits)
    if not less:
        return carton
    length, width, height = (max(1, edge - less) for edge in carton.inner_mm)
    return Carton(carton.id, (length, width, height), carton.outer_mm, carton.tare_g, carton.max_gross_g,
                  carton.cost_cents, carton.stock)


def names_of(skus: Iterable[str], carton: str = "") -> list[str]:
    """Return the names under which a misfit, or a fit, of these items in this carton is counted."""
    return [f"sku:{sku}" for sku in sorted(set(skus))] + ([f"carton:{carton}"] if carton else [])


def after_misfit(misfits: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    """Return the changed counts after "did not fit", or after a larger carton was taken than suggested."""
    return {name: misfits.get(name, 0) + 1 for name in names}


def after_fit(misfits: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    """Return the changed counts after a suggestion fitted: one miss is forgiven."""
    return {name: misfits[name] - 1 for name in names if misfits.get(name, 0) > 0}
