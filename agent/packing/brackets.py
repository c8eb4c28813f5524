"""A label before packing: which of the carrier's brackets, may it print now, and does it still hold at the end."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.packing.model import Triple
    from agent.packing.weights import Expected

WAIT_SD = 2.75
"""Half the width of the interval that must stay inside one bracket for the label to print before the scale."""


def dim_weight_g(outer_mm: Triple, divisor: int) -> int:
    """Return the dimensional weight of an outer size, rounded up to the gram.

    `divisor` is the carrier's, in cm3 per kg (5000 or 6000 are usual), which is mm3 per g.

    >>> dim_weight_g((400, 300, 200), 5000)
    4800
    """
    length, width, height = outer_mm
    return -(-length * width * height // divisor)


@dataclass(frozen=True, slots=True)
class Bracket:
    """The bracket of a predicted parcel, by chargeable weight: the larger of gross and dimensional weight."""

    top_g: int
    """Upper end of the bracket; the last one when the parcel is heavier than all."""
    low_g: float
    high_g: float
    wait: bool
    """The interval crosses a bracket, or is over all of them: the label waits for the scale."""


def bracket(hope: Expected, tops_g: Sequence[int], dim_g: int = 0, sds: float = WAIT_SD) -> Bracket:
    """Return the bracket that a label before packing may use. `tops_g`: upper ends of the carrier's brackets."""
    low, high = (max(hope.gross_g + side * sds * hope.sd_g, dim_g) for side in (-1, 1))
    ordered = sorted(tops_g)
    at = bisect_left(ordered, max(hope.gross_g, dim_g))
    if at == len(ordered):
        return Bracket(ordered[-1], low, high, wait=True)
    return Bracket(ordered[at], low, high, wait=bisect_left(ordered, low) != bisect_left(ordered, high))


class Closing(StrEnum):
    """What becomes of a label that printed before packing."""

    VERIFIED = "verified"
    REISSUE = "reissue"


def closing(told: Bracket, tops_g: Sequence[int], measured_g: float, dim_g: int, *, same_carton: bool) -> Closing:
    """Return whether the label still holds: the carton is the one it was made for and the bracket is the same."""
    ordered = sorted(tops_g)
    at = bisect_left(ordered, max(measured_g, dim_g))
    same_bracket = at < len(ordered) and ordered[at] == told.top_g
    return Closing.VERIFIED if same_bracket and same_carton else Closing.REISSUE
