"""Is the parcel right? The weight's verdict with a probability, what is probably wrong, and when weight can't tell.

The station compares explanations of the difference: nothing wrong; one unit of a line missing; one too many; one
SKU in place of another. Each has a prior and says what difference it would make; Bayes' rule gives its probability.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from math import exp, pi, sqrt
from typing import TYPE_CHECKING

from agent.packing.weights import Contents, Expected, Weight, expected, sku_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ERROR_SHARE = 0.01
"""Parcels with something wrong, before a site knows its own share."""
MISSING_SHARE, EXTRA_SHARE, WRONG_SHARE, OTHER_SHARE = 0.40, 0.25, 0.32, 0.03
KNOWN_EXTRA = 0.8
"""Of the units too many, those whose SKU is in the order anyway: counted wrong, not picked wrong."""
OTHER_RANGE_G = 20_000.0
TAIL_SHARE, TAIL_SD = 0.005, 2.5
"""Right parcels have a wider tail than a normal curve: a wet carton, a double layer of fill."""
NEAREST_LIMIT = 24
"""SKUs of about the right weight that are weighed up as the wrong item, for each line."""


class Finding(StrEnum):
    """What the weight says."""

    FINE = "fine"
    CHECK = "check"
    CANNOT_TELL = "cannot-tell"


class Mistake(StrEnum):
    """One way in which a parcel can be wrong."""

    MISSING = "missing"
    EXTRA = "extra"
    INSTEAD = "instead"


@dataclass(frozen=True, slots=True)
class Suspect:
    """One explanation: `sku` is missing, is there once too often, or `other` is there in its place."""

    mistake: Mistake
    sku: str
    probability: float
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one weighed parcel. `wrong`: the probability that something is; suspects: most likely first."""

    finding: Finding
    difference_g: float
    sd_g: float
    wrong: float
    suspects: tuple[Suspect, ...] = ()

    @property
    def sentence(self) -> str:
        """What the packer reads."""
        if self.finding is Finding.CANNOT_TELL:
            return "Weight cannot tell for this parcel: scan the items."
        if self.finding is Finding.FINE or not self.suspects:
            return f"{self.difference_g:+.0f} g: fine."
        said = " or ".join(_phrase(suspect) for suspect in self.suspects[:2])
        return f"{self.difference_g:+.0f} g: please check {self.suspects[0].sku} first: {said}."


def _phrase(suspect: Suspect) -> str:
    if suspect.mistake is Mistake.MISSING:
        said = f"one {suspect.sku} missing"
    elif suspect.mistake is Mistake.EXTRA:
        said = f"one {suspect.sku} too many"
    else:
        said = f"{suspect.other} instead of {suspect.sku}"
    return f"{said} ({suspect.probability:.2f})"


class Shelf:
    """All SKUs by weight, to look up which one could be there instead."""

    def __init__(self, known: Mapping[str, Weight]) -> None:
        self._of = {key: _row(key, weight) for key, weight in known.items() if key.startswith("sku:")}
        self._rows = sorted(self._of.values())
        self._grams = [row[0] for row in self._rows]

    def move(self, changed: Mapping[str, Weight]) -> None:
        """Put the SKUs among these beliefs where they belong now; the others stay."""
        for key, weight in changed.items():
            if not key.startswith("sku:"):
                continue
            old = self._of.get(key)
            if old is not None:
                at = bisect_left(self._rows, old)
                del self._rows[at], self._grams[at]
            row = self._of[key] = _row(key, weight)
            at = bisect_left(self._rows, row)
            self._rows.insert(at, row)
            self._grams.insert(at, row[0])

    def middle_g(self, otherwise_g: float) -> float:
        """Return the median weight of a unit; `otherwise_g` while no SKU is known."""
        return self._grams[len(self._grams) // 2] if self._grams else otherwise_g

    def __len__(self) -> int:
        return len(self._rows)

    def near(self, grams: float, sd_g: float) -> tuple[Sequence[tuple[float, str, float]], float]:
        """Return the SKUs within 3 sd of a weight, nearest first and not too many, and the count they stand for."""
        low, high = bisect_left(self._grams, grams - 3 * sd_g), bisect_right(self._grams, grams + 3 * sd_g)
        rows = self._rows[low:high]
        if len(rows) > NEAREST_LIMIT:
            middle = bisect_left(self._grams, grams) - low
            start = min(max(middle - NEAREST_LIMIT // 2, 0), len(rows) - NEAREST_LIMIT)
            return rows[start:start + NEAREST_LIMIT], len(rows) / NEAREST_LIMIT
        return rows, 1.0


def _row(key: str, weight: Weight) -> tuple[float, str, float]:
    return weight.grams, key[4:], weight.variance + (weight.spread * weight.grams) ** 2


def _normal(difference: float, variance: float) -> float:
    return exp(-0.5 * difference * difference / variance) / sqrt(2 * pi * variance)


def _right(difference: float, variance: float) -> float:
    """Return how likely a difference is when nothing is wrong."""
    return ((1 - TAIL_SHARE) * _normal(difference, variance)
            + TAIL_SHARE * _normal(difference, variance * TAIL_SD ** 2))


def weigh_up(known: Mapping[str, Weight], contents: Contents, gross_g: float, shelf: Shelf, *,
             error_share: float = ERROR_SHARE, scale_sd_g: float = 2.0) -> tuple[Expected, float, list[Suspect]]:
    """Return the expectation, the probability that something is wrong, and the explanations, most likely first.

    Raises UnknownError (see `weights`) when the contents name something without a belief.
    """
    hope = expected(known, contents, scale_sd_g)
    difference = gross_g - hope.gross_g
    total_units = sum(contents.units.values()) or 1
    right = (1 - error_share) * _right(difference, hope.variance)
    found: list[Suspect] = []
    strays = max(len(shelf), 1)
    for sku, count in contents.units.items():
        weight = known[sku_key(sku)]
        part = error_share * count / total_units
        found.append(Suspect(Mistake.MISSING, sku, part * MISSING_SHARE
                             * _normal(difference + weight.grams, hope.variance)))
        found.append(Suspect(Mistake.EXTRA, sku, part * EXTRA_SHARE * KNOWN_EXTRA
                             * _normal(difference - weight.grams, hope.variance + weight.variance)))
        found += _strays(Mistake.INSTEAD, sku, difference + weight.grams, hope.variance, shelf,
                         part * WRONG_SHARE / strays)
    found += _strays(Mistake.EXTRA, None, difference, hope.variance, shelf,
                     error_share * EXTRA_SHARE * (1 - KNOWN_EXTRA) / strays)
    other = error_share * OTHER_SHARE / OTHER_RANGE_G
    total = right + other + sum(suspect.probability for suspect in found)
    found = [replace(suspect, probability=suspect.probability / total) for suspect in found]
    found.sort(key=lambda suspect: -suspect.probability)
    return hope, 1.0 - right / total, found


def _strays(mistake: Mistake, sku: str | None, grams: float, variance: float, shelf: Shelf, prior: float,
            ) -> Iterable[Suspect]:
    """Yield the explanations by a SKU that is not of the order and weighs about this much."""
    rows, stand_for = shelf.near(grams, sqrt(variance))
    for weight_g, name, unsure in rows:
        if name != sku:
            likely = prior * stand_for * _normal(grams - weight_g, variance + unsure)
            yield Suspect(mistake, sku or name, likely, name if sku else None)


def by_sku(suspects: Iterable[Suspect]) -> list[tuple[str, float]]:
    """Return the SKUs to look at, most suspicious first, with the probability of all that is said about each."""
    sums: dict[str, float] = {}
    for suspect in suspects:
        sums[suspect.sku] = sums.get(suspect.sku, 0.0) + suspect.probability
    return sorted(sums.items(), key=lambda pair: -pair[1])


LADDER = (0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.99)
START_STOP = 0.40
MEMORY = 1 / 2000


@dataclass(frozen=True, slots=True)
class Alertness:
    """How sure the station must be before it stops a parcel, kept so that false stops stay within a budget.

    `false_stops[i]` is the running share of parcels that a threshold of `LADDER[i]` would have stopped though right:
    one minus the probability at the time, or what the packer said when it was settled.
    """

    budget_per_1000: float = 1.5
    false_stops: tuple[float, ...] = (0.0,) * len(LADDER)
    parcels: int = 0

    @property
    def threshold(self) -> float:
        """The lowest rung whose false stops are within the budget; the first parcels use a fixed one."""
        if self.parcels < 300:
            return START_STOP
        for rung, share in zip(LADDER, self.false_stops, strict=True):
            if share * 1000 <= self.budget_per_1000:
                return rung
        return LADDER[-1]

    def after(self, wrong: float, *, settled_right: bool | None = None) -> Alertness:
        """Return the alertness after a parcel that was wrong with this probability, or as the packer settled it."""
        cost = 1.0 - wrong if settled_right is None else float(settled_right)
        gain = max(MEMORY, 1 / (self.parcels + 1))
        shares = tuple(share + gain * ((cost if wrong > rung else 0.0) - share)
                       for rung, share in zip(LADDER, self.false_stops, strict=True))
        return replace(self, false_stops=shares, parcels=self.parcels + 1)


def judge(known: Mapping[str, Weight], contents: Contents, gross_g: float, shelf: Shelf, alertness: Alertness, *,
          scale_sd_g: float = 2.0) -> Verdict:
    """Return the verdict on a stable gross weight. Not armed: the number is told, and that weight can't tell."""
    hope, wrong, suspects = weigh_up(known, contents, gross_g, shelf, scale_sd_g=scale_sd_g)
    difference = gross_g - hope.gross_g
    if not hope.armed:
        return Verdict(Finding.CANNOT_TELL, difference, hope.sd_g, wrong)
    if wrong <= alertness.threshold:
        return Verdict(Finding.FINE, difference, hope.sd_g, wrong)
    first = [name for name, _ in by_sku(suspects)]
    told = sorted(suspects, key=lambda suspect: (first.index(suspect.sku), -suspect.probability))
    return Verdict(Finding.CHECK, difference, hope.sd_g, wrong, tuple(told[:4]))


SURE_SD = 6.0
"""Unit weight over the sd of the order from which one missing unit is found in 19 cases of 20 (measured)."""


@dataclass(frozen=True, slots=True)
class Vouching:
    """What the weight can vouch for in an order, known when the job starts."""

    armed: bool
    by_weight: tuple[str, ...]
    to_scan: tuple[str, ...]


def vouching(known: Mapping[str, Weight], contents: Contents, scale_sd_g: float = 2.0) -> Vouching:
    """Return which SKUs one missing unit of which the scale would notice, and which are to be scanned instead.

    Raises UnknownError when the contents name something without a belief.
    """
    hope = expected(known, contents, scale_sd_g)
    sure = {sku: hope.armed and known[sku_key(sku)].grams >= SURE_SD * hope.sd_g for sku in contents.units}
    return Vouching(hope.armed, tuple(sku for sku in sure if sure[sku]), tuple(sku for sku in sure if not sure[sku]))
