"""What a carrier charges for, and whether a label may say so before the box was weighed: questions about values."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

from msgspec import UNSET

from agent.station.values import Billed, Dimensions, Length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.station.values import Edges, Parcel, Tariff, Weight

INTERVAL_U95 = 1.375
"""Half the interval that must stay inside one class, in 95 % uncertainties (2.75 standard deviations, measured)."""
ROUGH_SHARE, ROUGH_G = 0.10, 50.0
"""Without classes a label may tell a predicted weight that is uncertain by so much at the most."""


def dim_weight_g(edges_mm: Sequence[float], tariff: Tariff) -> int:
    """Return the dim weight in grams, sides and weight rounded up as the tariff says; 0 where room costs nothing.

    >>> from agent.station.values import Tariff
    >>> dim_weight_g((301.0, 200.0, 100.0), Tariff(divisor_cm3_per_kg=5000, side_step_mm=10, weight_step_g=500))
    1500
    """
    if tariff.divisor_cm3_per_kg is UNSET:
        return 0
    sides = [_up(side, tariff.side_step_mm) for side in edges_mm]
    return _up(math.prod(sides) / tariff.divisor_cm3_per_kg, tariff.weight_step_g)


def chargeable_g(gross_g: float, edges_mm: Sequence[float], tariff: Tariff) -> int:
    """Return what is paid for: the larger of gross (rounded up) and dim weight, in grams.

    >>> from agent.station.values import Tariff
    >>> chargeable_g(1620.0, (300.0, 200.0, 100.0), Tariff(divisor_cm3_per_kg=5000, weight_step_g=500))
    2000
    """
    return max(_up(gross_g, tariff.weight_step_g), dim_weight_g(edges_mm, tariff))


def _up(value: float, step: int) -> int:
    """Return the next multiple of a step; a value within a millionth above a multiple is that multiple."""
    return step * math.ceil(value / step - 1e-6)


def measured_mm(dims: Dimensions) -> Edges | None:
    """Return the three edges of a box when all of them were measured, else None."""
    length, width, height = dims.length, dims.width, dims.height
    if isinstance(length, Length) and isinstance(width, Length) and isinstance(height, Length):
        return length.value_mm, width.value_mm, height.value_mm
    return None


def billed(parcel: Parcel) -> Billed | None:
    """Return what the carrier charges a parcel for, by its measured size or else its carton's; None while unknown."""
    measured = measured_mm(parcel.dims)
    edges = measured or parcel.outer_mm
    if parcel.tariff is None or edges is None:
        return None
    return Billed(
        chargeable_g=chargeable_g(parcel.gross.value_g, edges, parcel.tariff),
        dim_weight_g=dim_weight_g(edges, parcel.tariff), size_from="measured" if measured else "carton",
    )


def class_of(gross_g: float, edges_mm: Edges | None, tariff: Tariff) -> tuple[int, int] | None:
    """Return the weight class and the size class of a parcel, counted from 0.

    None: it is over all of them, or of unknown size where the size counts.
    """
    sized = bool(tariff.sizes_mm) or tariff.divisor_cm3_per_kg is not UNSET
    if sized and edges_mm is None:
        return None
    paid_g = chargeable_g(gross_g, edges_mm or (0.0, 0.0, 0.0), tariff)
    by_weight = bisect_left(sorted(tariff.weights_g), paid_g)
    limits = [sorted(limit) for limit in tariff.sizes_mm]
    sides = sorted(edges_mm or ())
    fitting = [at for at, limit in enumerate(limits)
               if all(side <= most for side, most in zip(sides, limit, strict=True))]
    if (tariff.weights_g and by_weight == len(tariff.weights_g)) or (limits and not fitting):
        return None
    return by_weight, fitting[0] if fitting else 0


def interval_g(predicted: Weight) -> tuple[float, float]:
    """Return the lowest and highest gross that a prediction allows for."""
    half_g = INTERVAL_U95 * predicted.u95_g
    return max(predicted.value_g - half_g, 0.0), predicted.value_g + half_g


def may_label(predicted: Weight, outer_mm: Edges | None, tariff: Tariff | None) -> bool:
    """True when a label may tell a predicted weight: its whole interval is of one class.

    Without a tariff, or without classes in it, the prediction must be a good one.
    """
    if tariff is None or not (tariff.weights_g or tariff.sizes_mm):
        return predicted.u95_g <= max(ROUGH_SHARE * predicted.value_g, ROUGH_G)
    low_g, high_g = interval_g(predicted)
    low = class_of(low_g, outer_mm, tariff)
    return low is not None and low == class_of(high_g, outer_mm, tariff)


def still_holds(predicted: Weight, gross: Weight, outer_mm: Edges | None, edges_mm: Edges | None,
                tariff: Tariff | None) -> bool:
    """True when a label made from a prediction holds for the box as it was weighed and measured.

    `outer_mm` is the size that it was made for, `edges_mm` the box's own. Without classes the gross must lie in the
    interval.
    """
    if tariff is None or not (tariff.weights_g or tariff.sizes_mm):
        low_g, high_g = interval_g(predicted)
        return low_g - gross.u95_g <= gross.value_g <= high_g + gross.u95_g
    told = class_of(predicted.value_g, outer_mm, tariff)
    return told is not None and told == class_of(gross.value_g, edges_mm or outer_mm, tariff)
