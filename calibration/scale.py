"""The mathematics of a scale's calibration: masses and counts in; span, errors, uncertainties and a verdict out.

Errors and limits follow OIML R 76-1 (class III, initial verification), uncertainties EURAMET cg-18. Not legal for
trade: a packing station's scale is not verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal, NamedTuple

Cause = Literal["", "sign", "wrong-mass", "sticking", "corner", "drift", "scatter", "bow", "capacity"]
Going = Literal["up", "down", "verify"]
Verdict = Literal["PASS", "PASS (conditional)", "FAIL"]

TOLERANCE_PPM = {"E2": 1.5, "F1": 5.0, "F2": 15.0, "M1": 50.0, "M2": 150.0, "M3": 500.0}
"""OIML R 111-1, masses of 100 g and more, rounded to the share of the nominal value."""

CAUSE_HINTS: dict[Cause, str] = {
    "sign": "The cell's signal falls with load: swap A+ and A-, or the cell is upside down.",
    "wrong-mass": "One mass is not what was named, or something lay beside it: repeat that point.",
    "sticking": "Up and down differ: something rubs (cable, frame, dirt under the tray) or the cell is strained.",
    "corner": "One corner is off: level the feet, tighten the tray's screws, then repeat the corners.",
    "drift": "Zero does not come back: let it warm up 15 minutes, clean the tray, keep wind away.",
    "scatter": "The same mass gives different values: vibration, a loose wire, or a noisy supply.",
    "bow": "The line is bent: use more masses; the cell may be overloaded or its capacity wrong.",
    "capacity": "The span does not fit the cell: check capacity and gain.",
}


CORNERS = ("centre", "front left", "front right", "rear right", "rear left", "centre again")
"""Where a third of the capacity is put (OIML R 76-1, A.4.7), in this order."""


@dataclass(frozen=True, slots=True)
class Mass:
    """A reference mass or a stack of them: grams, the standard's tolerance in grams, and the marks of its parts."""

    grams: float
    tolerance_g: float
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One reading: the mass on the platform, counts above zero, going up or down."""

    mass: Mass
    counts: float
    rising: bool = True


@dataclass(frozen=True, slots=True)
class Observations:
    """All that a session saw. `repeats` are counts of one mass put on again and again, `corners` of a third of the
    capacity in the order of `CORNERS`; `zero_return` the counts of the empty platform at the end, above those at the
    beginning; `noise_counts` the scatter of a reading.
    """

    points: tuple[Point, ...]
    repeats: tuple[float, ...]
    repeat_mass: Mass
    corners: tuple[float, ...]
    corner_mass: Mass
    zero_return: float
    noise_counts: float
    verify: Point


@dataclass(frozen=True, slots=True)
class Line:
    """Grams from counts above zero: `g = a c + q c^2`."""

    a: float
    q: float = 0.0

    def grams(self, counts: float) -> float:
        """Return the grams of these counts."""
        return self.a * counts + self.q * counts * counts


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the certificate, in grams: load, indication, error, expanded uncertainty (k = 2), limit, verdict.

    `going` says whether the load came from below or above, or was kept to verify the fit.
    """

    load_g: float
    indication_g: float
    error_g: float
    u_g: float
    limit_g: float
    verdict: Verdict
    going: Going = "up"


class Scale(NamedTuple):
    """The scale under test: interval, largest load, and what the cell's data sheet promises."""

    e_g: float
    max_g: float
    nominal_counts_per_gram: float


class Figures(NamedTuple):
    """Range of repeats, worst corner, worst difference of up and down, and the zero at the end; in grams."""

    range_g: float
    eccentricity_g: float
    hysteresis_g: float
    zero_return_g: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test beside the loads: what was found, and the most that is permitted; in grams."""

    name: str
    load_g: float
    value_g: float
    limit_g: float

    @property
    def ok(self) -> bool:
        """True when the test was passed."""
        return abs(self.value_g) <= self.limit_g


@dataclass(frozen=True, slots=True)
class Result:
    """What a calibration came to. `cause` says the most likely reason of a FAIL; empty for a PASS.

    `suspect` names the load or the mass that a wrong mass is about; `outcomes` are repeatability, corners, zero return.
    """

    line: Line
    rows: tuple[Row, ...]
    repeatability_g: float
    figures: Figures
    verdict: Verdict
    cause: Cause
    suspect: str = ""
    outcomes: tuple[Outcome, ...] = ()


def permitted_g(load_g: float, e_g: float) -> float:
    """Return the maximum permissible error at a load (OIML R 76-1, table 6, class III).

    >>> [permitted_g(load, 10.0) for load in (5000.0, 5001.0, 20_000.0, 30_000.0)]
    [5.0, 10.0, 10.0, 15.0]
    """
    intervals = load_g / e_g
    return e_g * (0.5 if intervals <= 500.0 else 1.0 if intervals <= 2000.0 else 1.5)


def fitted(points: tuple[Point, ...], u_g: float, u_share: float = 1e-4) -> Line:
    """Return the weighted line through zero, or a parabola where it earns its place.

    `u_g` is a reading's uncertainty, `u_share` the part that grows with the load (eccentricity). A parabola needs five
    points, must lower the worst residual by 30 %, and bend by more than twice `u_g`.
    """
    weights = [1.0 / (u_g ** 2 + point.mass.tolerance_g ** 2 / 3.0 + (u_share * point.mass.grams) ** 2)
               for point in points]
    # In units of the largest count, so that the sums keep their digits.
    top = max(abs(point.counts) for point in points)
    x = [point.counts / top for point in points]
    grams = [point.mass.grams for point in points]
    line = Line(_least_squares([x], grams, weights)[0] / top)
    if len(points) < 5 or len(set(grams)) < 3:
        return line
    a, q = _least_squares([x, [v * v for v in x]], grams, weights)
    bent = Line(a / top, q / top ** 2)
    better = _worst_g(bent, points) < 0.7 * _worst_g(line, points)
    return bent if better and abs(bent.q) * top * top / 4.0 > 2.0 * u_g else line


def judged(seen: Observations, scale: Scale) -> Result:
    """Return span, errors with uncertainties, and the verdict with its likely cause.

    A span that is off the data sheet's by more than a factor of two is another cell or another gain.
    """
    e_g = scale.e_g
    corner_share = (max(seen.corners) - min(seen.corners)) / abs(seen.corners[0]) / (2.0 * sqrt(3.0))
    u_g = _reading_u_g(seen, scale.nominal_counts_per_gram, e_g)
    line = fitted(seen.points, u_g, max(1e-4, corner_share))
    repeats_g = [line.grams(counts) for counts in seen.repeats]
    s_g = _sd(repeats_g)
    centre_g = (line.grams(seen.corners[0]) + line.grams(seen.corners[-1])) / 2.0
    off_g = [line.grams(counts) - centre_g for counts in seen.corners[1:-1]]
    figures = Figures(
        range_g=max(repeats_g) - min(repeats_g), eccentricity_g=max(map(abs, off_g)),
        hysteresis_g=_hysteresis_g(line, seen.points), zero_return_g=line.grams(seen.zero_return))
    repeat_g, corner_g = seen.repeat_mass.grams, seen.corner_mass.grams
    outcomes = (
        Outcome("repeatability", repeat_g, figures.range_g, permitted_g(repeat_g, e_g)),
        *(Outcome(name, corner_g, off, permitted_g(corner_g, e_g))
          for name, off in zip(CORNERS[1:-1], off_g, strict=True)),
        Outcome("zero return", 0.0, figures.zero_return_g, 0.5 * e_g))
    rows = tuple(_row(line, point, seen, e_g, s_g, figures.eccentricity_g) for point in (*seen.points, seen.verify))
    cause, suspect = _cause(seen, line, rows, scale, figures)
    verdict: Verdict = "FAIL" if cause or any(row.verdict == "FAIL" for row in rows) else (
        "PASS" if all(row.verdict == "PASS" for row in rows) else "PASS (conditional)")
    return Result(line, rows, s_g, figures, verdict, cause, suspect, outcomes)


def _row(line: Line, point: Point, seen: Observations, e_g: float, s_g: float, eccentricity_g: float) -> Row:
    load_g, tolerance_g = point.mass.grams, point.mass.tolerance_g
    error_g = line.grams(point.counts) - load_g
    resolution_g = e_g / 10.0
    # cg-18: rounding at zero and at load, repeatability, eccentricity, the standard, its buoyancy and its drift.
    u_g = sqrt(
        resolution_g ** 2 / 6.0 + s_g ** 2
        + (eccentricity_g * load_g / (2.0 * seen.corner_mass.grams * sqrt(3.0))) ** 2
        + tolerance_g ** 2 / 3.0 * (1.0 + 1.0 / 16.0 + 1.0 / 9.0))
    limit_g = permitted_g(load_g, e_g)
    verdict: Verdict = ("FAIL" if abs(error_g) > limit_g else
                        "PASS" if abs(error_g) + 2.0 * u_g <= limit_g else "PASS (conditional)")
    going: Going = "verify" if point is seen.verify else "up" if point.rising else "down"
    return Row(load_g, load_g + error_g, error_g, 2.0 * u_g, limit_g, verdict, going)


def _cause(seen: Observations, line: Line, rows: tuple[Row, ...], scale: Scale,
           figures: Figures) -> tuple[Cause, str]:
    """Return the likely cause of a failure, the most telling first, and whom it is about; empty when nothing fails."""
    e_g = scale.e_g
    fails = any(row.verdict == "FAIL" for row in rows)
    if line.a * scale.nominal_counts_per_gram < 0.0:
        return "sign", ""
    suspect = _odd_load(seen, e_g) or (_odd_mass(seen, e_g) if fails else "")
    if suspect:
        return "wrong-mass", suspect
    if not 0.5 <= 1.0 / line.a / scale.nominal_counts_per_gram <= 2.0:
        return "capacity", ""
    if figures.range_g > permitted_g(seen.repeat_mass.grams, e_g):
        return "scatter", ""
    if figures.eccentricity_g > permitted_g(seen.corner_mass.grams, e_g):
        return "corner", ""
    if abs(figures.zero_return_g) > 0.5 * e_g:
        return "drift", ""
    if fails:
        return ("sticking" if figures.hysteresis_g > 1.5 * permitted_g(scale.max_g / 2.0, e_g) else "bow"), ""
    return "", ""


def _odd_load(seen: Observations, e_g: float) -> str:
    """Return the load whose readings disagree with a line through all the others, which agree among them."""
    points = (*seen.points, seen.verify)
    loads = sorted({point.mass.grams for point in points})
    for load_g in loads:
        others = tuple(point for point in points if point.mass.grams != load_g)
        at_load = [point for point in points if point.mass.grams == load_g]
        if len({point.mass.grams for point in others}) < 2:
            continue
        line = fitted(others, 0.1 * e_g)
        off_g = [abs(line.grams(point.counts) - load_g) for point in at_load]
        if min(off_g) > 4.0 * permitted_g(load_g, e_g) and _worst_g(line, others) < permitted_g(max(loads), e_g):
            return f"the load of {load_g / 1000:g} kg"
    return ""


def _odd_mass(seen: Observations, e_g: float) -> str:
    """Return the mark of the one mass of which a wrong value explains all errors; empty where none does.

    The same curve is fitted again with that mass's error as one more unknown.
    """
    points = (*seen.points, seen.verify)
    top = max(abs(point.counts) for point in points)
    x = [point.counts / top for point in points]
    grams = [point.mass.grams for point in points]
    if len(set(grams)) < 5:  # three unknowns explain fewer loads by themselves
        return ""
    squared, even = [v * v for v in x], [1.0] * len(points)
    found: dict[str, list[float]] = {}
    for part in sorted({part for point in points for part in point.mass.parts}):
        on = [1.0 if part in point.mass.parts else 0.0 for point in points]
        if not all(on):
            found[part] = _left_over([x, squared, on], grams, even)
    before = _sum_of_squares(_left_over([x, squared], grams, even))
    best = min(found, key=lambda part: _sum_of_squares(found[part]), default="")
    explains = bool(best) and (_sum_of_squares(found[best]) < 0.2 * before
                               and max(map(abs, found[best])) <= permitted_g(max(grams), e_g))
    return best if explains else ""


def _left_over(columns: list[list[float]], values: list[float], weights: list[float]) -> list[float]:
    """Return what a fit of the columns leaves of each value."""
    factors = _least_squares(columns, values, weights)
    return [value - sum(factor * column[i] for factor, column in zip(factors, columns, strict=True))
            for i, value in enumerate(values)]


def _sum_of_squares(values: list[float]) -> float:
    return sum(value * value for value in values)


def _least_squares(columns: list[list[float]], values: list[float], weights: list[float]) -> list[float]:
    """Return the factors of the columns whose weighted sum comes closest to the values (normal equations)."""
    rows = [[sum(w * u * v for w, u, v in zip(weights, one, other, strict=True)) for other in (*columns, values)]
            for one in columns]
    size = len(rows)
    for i in range(size):
        pivot = max(range(i, size), key=lambda row: abs(rows[row][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for row in range(size):
            if row != i:
                share = rows[row][i] / rows[i][i]
                rows[row] = [left - share * right for left, right in zip(rows[row], rows[i], strict=True)]
    return [rows[i][-1] / rows[i][i] for i in range(size)]


def _hysteresis_g(line: Line, points: tuple[Point, ...]) -> float:
    up = {point.mass.grams: line.grams(point.counts) for point in points if point.rising}
    return max((abs(line.grams(point.counts) - up[point.mass.grams]) for point in points
                if not point.rising and point.mass.grams in up), default=0.0)


def _reading_u_g(seen: Observations, nominal: float, e_g: float) -> float:
    return max(_sd(seen.repeats), seen.noise_counts) / abs(nominal) + 0.01 * e_g


def _worst_g(line: Line, points: tuple[Point, ...]) -> float:
    return max(abs(line.grams(point.counts) - point.mass.grams) for point in points)


def _sd(values: list[float] | tuple[float, ...]) -> float:
    mean = sum(values) / len(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)) if len(values) > 1 else 0.0
