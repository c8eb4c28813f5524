"""Dim weight: what a carrier charges for the room a parcel takes, by its own divisor and rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tariff:
    """A carrier's rule: cubic centimetres per kilogram (5000 is common in air freight, 6000 by IATA, 4000 on roads),
    the step to which each side is rounded up (mm) and the step to which the weight is rounded up (g).
    """

    divisor_cm3_per_kg: int = 5000
    side_step_mm: int = 10
    weight_step_g: int = 500


def dim_weight_g(length_mm: float, width_mm: float, height_mm: float, tariff: Tariff) -> int:
    """Return the dim weight in grams, sides and weight rounded up as the tariff says.

    >>> dim_weight_g(301.0, 200.0, 100.0, Tariff(5000, 10, 500))
    1500
    """
    sides = [_up(side, tariff.side_step_mm) for side in (length_mm, width_mm, height_mm)]
    return _up(math.prod(sides) / tariff.divisor_cm3_per_kg, tariff.weight_step_g)


def chargeable_weight_g(gross_g: float, dim_g: int, tariff: Tariff) -> int:
    """Return what is paid for: the larger of gross (rounded up) and dim weight, in grams.

    >>> chargeable_weight_g(1620.0, 1500, Tariff())
    2000
    """
    return max(_up(gross_g, tariff.weight_step_g), dim_g)


def _up(value: float, step: int) -> int:
    """The next multiple of a step; a value within a millionth above a multiple is that multiple."""
    return step * math.ceil(value / step - 1e-6)
