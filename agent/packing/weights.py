"""What a parcel should weigh, learned from every parcel that closed.

    gross = sum of units x unit weight + carton tare + fill per litre x void litres + constant + noise

Every term is a `Weight`: a mean and a variance. One closed parcel is one observation of their sum, and a Kalman step
with a diagonal covariance shares the surprise out by how unsure each term was (Kalman 1960; leaving the off-diagonal
out costs no detection and keeps the step as small as the parcel). Unknown is absent here, never zero: a SKU without
a catalogue weight starts at the median of the others, very unsure.

All values are plain: `learn` takes what is known and returns only what changed, so that a store can save it with the
parcel in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FILL = "fill"
"""Key of the fill, in g per litre of void."""
CONSTANT = "constant"
"""Key of what every parcel has: tape, label, slip."""

ARMED_SEEN = 3
"""Parcels in which each SKU must have been seen before its weight may stop a parcel."""
SURPRISE_SD = 3.5
"""A parcel further off than this does not teach: it is more likely wrong than news."""
YOUNG_SEEN = 4
SURPRISES_TO_REOPEN = 3
SPREAD_START = 0.015
SPREAD_LEAST, SPREAD_MOST = 0.002, 0.10
SPREAD_GAIN = 0.04
TARE_SPREAD = 0.015
FILL_SPREAD = 0.30


@dataclass(frozen=True, slots=True)
class Weight:
    """What is known of one SKU, carton, the fill or the constant. `spread`: sd from unit to unit, as a share."""

    grams: float
    variance: float
    spread: float = SPREAD_START
    seen: int = 0
    surprises: int = 0
    """Parcels in a row with this SKU that did not weigh what they should."""


def sku_key(sku: str) -> str:
    """Return the key of a SKU's weight."""
    return f"sku:{sku}"


def carton_key(carton: str) -> str:
    """Return the key of a carton's tare."""
    return f"carton:{carton}"


def first_sight(catalogue_g: float | None, median_g: float) -> Weight:
    """Return the first belief in a SKU: 10 % and 4 g around the catalogue's weight, or 120 % around the median."""
    if catalogue_g is None:
        return Weight(median_g, (1.2 * median_g) ** 2)
    return Weight(float(catalogue_g), (0.10 * catalogue_g + 4.0) ** 2)


def first_tare(catalogue_g: float) -> Weight:
    """Return the first belief in a carton's tare: board differs by some percent between deliveries."""
    return Weight(float(catalogue_g), (0.05 * catalogue_g + 2.0) ** 2, TARE_SPREAD)


FIRST_FILL = Weight(6.0, 9.0, FILL_SPREAD)
FIRST_CONSTANT = Weight(20.0, 400.0, 0.0)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a parcel: units by SKU, the carton, and the litres that items leave void."""

    units: Mapping[str, int]
    carton: str
    void_l: float


@dataclass(frozen=True, slots=True)
class Expected:
    """The weight a parcel should have. `variance` is all of it; `noise` is what no learning takes away."""

    gross_g: float
    variance: float
    noise: float
    armed: bool
    """Every SKU was seen often enough to stop a parcel for its weight."""

    @property
    def sd_g(self) -> float:
        return sqrt(self.variance)


class UnknownError(LookupError):
    """A key of the contents has no `Weight` yet; give it its first sight before asking."""


def _terms(known: Mapping[str, Weight], contents: Contents) -> list[tuple[str, float, Weight]]:
    """Return key, multiplier and belief of every term."""
    wanted = [(sku_key(sku), float(count)) for sku, count in contents.units.items() if count]
    wanted += [(carton_key(contents.carton), 1.0), (FILL, contents.void_l), (CONSTANT, 1.0)]
    missing = [key for key, _ in wanted if key not in known]
    if missing:
        raise UnknownError(missing[0])
    return [(key, times, known[key]) for key, times in wanted]


def _noise(key: str, times: float, weight: Weight) -> float:
    """Return the variance that one term brings anew with every parcel, in g2.

    Units of one SKU vary apart from each other, so that their variance grows with the count; fill varies as a whole.
    """
    once = (weight.spread * weight.grams) ** 2
    return once * times * times if key == FILL else once * times


def expected(known: Mapping[str, Weight], contents: Contents, scale_sd_g: float = 2.0) -> Expected:
    """Return what a parcel with these contents should weigh.

    Raises UnknownError when the contents name something without a belief.
    """
    terms = _terms(known, contents)
    gross_g = sum(times * weight.grams for _, times, weight in terms)
    noise = scale_sd_g ** 2 + sum(_noise(*term) for term in terms)
    unsure = sum(times * times * weight.variance for _, times, weight in terms)
    armed = all(weight.seen >= ARMED_SEEN for key, _, weight in terms if key.startswith("sku:"))
    return Expected(gross_g, noise + unsure, noise, armed)


def learn(known: Mapping[str, Weight], contents: Contents, gross_g: float, scale_sd_g: float = 2.0, *,
          settled: bool = False) -> dict[str, Weight]:
    """Return the beliefs that a closed parcel changes.

    `settled`: someone looked and the contents are right, so that even a surprise teaches. Otherwise a parcel more
    than 3.5 sd off teaches nothing, but opens again the beliefs it may be about: SKUs hardly seen yet at once, old
    ones after three surprises in a row (a new packaging).

    Raises UnknownError as `expected` does.
    """
    terms = _terms(known, contents)
    hope = expected(known, contents, scale_sd_g)
    error_g = gross_g - hope.gross_g
    if not settled and abs(error_g) > SURPRISE_SD * hope.sd_g:
        return _reopened(terms, error_g, hope)
    if settled and error_g * error_g > hope.variance:
        terms = _widened(terms, error_g * error_g - hope.variance)
        hope = replace(hope, variance=error_g * error_g)
    ratio = min(error_g * error_g / hope.variance, 9.0)
    changed: dict[str, Weight] = {}
    for key, times, weight in terms:
        gain = weight.variance * times / hope.variance
        share = _noise(key, times, weight) / hope.variance
        spread = weight.spread
        if spread:
            spread *= sqrt(1.0 + SPREAD_GAIN * share * (ratio - 1.0))
            spread = min(max(spread, SPREAD_LEAST), SPREAD_MOST if key != FILL else 2 * FILL_SPREAD)
        changed[key] = Weight(max(weight.grams + gain * error_g, 0.1), weight.variance * (1.0 - gain * times),
                              spread, weight.seen + 1, 0)
    return changed


def _reopened(terms: list[tuple[str, float, Weight]], error_g: float, hope: Expected) -> dict[str, Weight]:
    unexplained = error_g * error_g - hope.variance
    changed: dict[str, Weight] = {}
    for key, times, weight in terms:
        if not key.startswith("sku:"):
            continue
        surprises = weight.surprises + 1
        if weight.seen < YOUNG_SEEN or surprises >= SURPRISES_TO_REOPEN:
            wider = max(weight.variance, unexplained / (times * times))
            changed[key] = replace(weight, variance=wider, seen=min(weight.seen, 1), surprises=0)
        else:
            changed[key] = replace(weight, surprises=surprises)
    return changed


def _widened(terms: list[tuple[str, float, Weight]], unexplained: float) -> list[tuple[str, float, Weight]]:
    """Share a settled surprise out over the SKUs, so that the parcel's own weight can correct them."""
    skus = [term for term in terms if term[0].startswith("sku:")]
    if not skus:
        return terms
    part = unexplained / len(skus)
    return [(key, times, replace(weight, variance=weight.variance + part / (times * times)))
            if key.startswith("sku:") else (key, times, weight) for key, times, weight in terms]


def forgotten(weight: Weight, catalogue_g: float | None, median_g: float) -> Weight:
    """Return a SKU's belief reset to first sight (a technician's order; a configuration push never does this)."""
    fresh = first_sight(catalogue_g, median_g)
    return replace(fresh, spread=weight.spread)
