"""The weighing benchmark: packbench beside a motion-band indicator and three equal readings, on the same samples.

    python -m tests.campaigns.weighing [--seeds 100] [--rate 80] [--kinds place,vib] [--first 1000]

Times are seconds after the hands left; errors are in d. `wrong` counts accepted values off by more than 1 d (1.5 d
above 2000 d) or on an empty platform; `alone` those without a hand on the box.
"""

from __future__ import annotations

import argparse
import gc
from collections import deque
from dataclasses import dataclass, field
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Protocol

from agent.weighing import Weigher, WeightPredicted, WeightStable
from firmware_config.calibration import ScaleCalibration
from firmware_config.scale import ScaleSettings
from tests.campaigns.weighing_scenarios import KINDS, WITH_HAND, Scenario, scenario

if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE_S = 6.0


class Detector(Protocol):
    """Takes samples, answers with accepted values."""

    def feed(self, at_s: float, gross_g: float) -> float | None: ...


@dataclass(slots=True)
class MotionBand:
    """What an indicator does: a mean over 0.25 s that stays within 1 d for 1 s."""

    rate_sps: float
    division_g: float
    mean_s: float = 0.25
    hold_s: float = 1.0
    _raw: deque[float] = field(default_factory=deque)
    _means: deque[float] = field(default_factory=deque)
    _accepted: float | None = None

    def feed(self, at_s: float, gross_g: float) -> float | None:
        self._raw.append(gross_g)
        if len(self._raw) > max(2, round(self.mean_s * self.rate_sps)):
            self._raw.popleft()
        mean = sum(self._raw) / len(self._raw)
        self._means.append(mean)
        if len(self._means) > round(self.hold_s * self.rate_sps):
            self._means.popleft()
        if self._accepted is not None and abs(mean - self._accepted) > 2.0 * self.division_g:
            self._accepted = None
        full = len(self._means) >= round(self.hold_s * self.rate_sps)
        still = full and max(self._means) - min(self._means) <= self.division_g
        if self._accepted is None and still and mean >= 20.0 * self.division_g:
            self._accepted = mean
            return mean
        return None


@dataclass(slots=True)
class EqualReadings:
    """What shop software does: three equal displayed values, ten a second."""

    rate_sps: float
    division_g: float
    equal: int = 3
    _next_s: float = 0.0
    _shown: deque[float] = field(default_factory=lambda: deque(maxlen=3))
    _accepted: float | None = None

    def feed(self, at_s: float, gross_g: float) -> float | None:
        if at_s < self._next_s:
            return None
        self._next_s = at_s + 0.099
        shown = round(gross_g / self.division_g) * self.division_g
        self._shown.append(shown)
        if self._accepted is not None and abs(shown - self._accepted) > 2.0 * self.division_g:
            self._accepted = None
        same = len(self._shown) == self.equal and len(set(self._shown)) == 1
        if self._accepted is None and same and shown >= 20.0 * self.division_g:
            self._accepted = shown
            return shown
        return None


@dataclass(slots=True)
class Score:
    """What one detector did in many scenarios."""

    times_s: list[float] = field(default_factory=list)
    errors_d: list[float] = field(default_factory=list)
    missed: int = 0
    boxes: int = 0
    wrong: int = 0
    wrong_alone: int = 0
    covered: int = 0
    u95_d: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    samples: int = 0
    worst_ms: float = 0.0

    def add(self, case: Scenario, accepts: Iterable[tuple[float, float, float | None]]) -> None:
        """Score the accepted (seconds, grams, u95) of one scenario."""
        d = case.division_g
        first_s: float | None = None
        for at_s, gross_g, u95_g in accepts:
            if not case.right(at_s, gross_g):
                self.wrong += 1
                self.wrong_alone += case.kind not in WITH_HAND
                continue
            error_g = gross_g - case.nearest_g(at_s, gross_g)
            self.errors_d.append(error_g / d)
            if u95_g is not None:
                self.u95_d.append(u95_g / d)
                self.covered += abs(error_g) <= u95_g
            if case.free_s is not None and at_s >= case.truth[-1][0] and first_s is None:
                first_s = max(0.0, at_s - case.free_s)
        if case.free_s is None:
            return
        self.boxes += 1
        if first_s is None or first_s > PATIENCE_S:
            self.missed += 1
        else:
            self.times_s.append(first_s)

    def take(self, other: Score) -> None:
        """Add another score to this one."""
        for name in ("missed", "boxes", "wrong", "wrong_alone", "covered", "cpu_s", "samples"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.times_s += other.times_s
        self.errors_d += other.errors_d
        self.u95_d += other.u95_d
        self.worst_ms = max(self.worst_ms, other.worst_ms)

    def row(self, scenarios: int) -> str:
        times = sorted(self.times_s) or [float("nan")]
        errors = sorted(abs(error) for error in self.errors_d) or [float("nan")]
        rms = (sum(error * error for error in errors) / len(errors)) ** 0.5
        missed, wrong = 100 * self.missed / max(1, self.boxes), 100 * self.wrong / scenarios
        text = (f"{median(times):5.2f} /{times[int(0.95 * len(times))]:5.2f}  {missed:5.1f}  {rms:6.3f} "
                f"{errors[int(0.99 * len(errors))]:6.3f}  {wrong:6.2f} {self.wrong_alone:6d}")
        if self.u95_d:
            text += f"  {100 * self.covered / len(self.u95_d):5.1f} {median(self.u95_d):5.2f}"
        if self.samples:
            text += f"  {1e6 * self.cpu_s / self.samples:5.1f} {self.worst_ms:5.2f}"
        return text


def weigh(case: Scenario, scores: dict[str, Score]) -> None:
    """Run packbench over one scenario; stable and predicted values are scored apart."""
    rig = case.rig
    calibration = ScaleCalibration(zero_counts=rig.zero_counts, counts_per_gram=rig.counts_per_gram)
    weigher = Weigher(ScaleSettings(rate_sps=rig.rate_sps, capacity_g=rig.capacity_g, division_g=case.division_g),
                      calibration)
    stable: list[tuple[float, float, float | None]] = []
    predicted: list[tuple[float, float, float | None]] = []
    score = scores["packbench"]
    began_s = process_time()
    for at_s, code in case.conversions:
        before_s = process_time()
        events = weigher.feed(at_s, code)
        score.worst_ms = max(score.worst_ms, 1e3 * (process_time() - before_s))
        for event in events:
            if isinstance(event, WeightStable):
                stable.append((at_s, event.gross_g, event.u95_g))
            elif isinstance(event, WeightPredicted):
                predicted.append((at_s, event.gross_g, None))
    score.cpu_s += process_time() - began_s
    score.samples += len(case.conversions)
    score.add(case, stable)
    scores["predicted"].add(case, sorted(predicted + [(at_s, gross_g, None) for at_s, gross_g, _ in stable]))


def peer(case: Scenario, detector: Detector, score: Score) -> None:
    """Run a detector that knows the true zero; single spikes are taken out for it."""
    rig = case.rig
    grams = [(code - rig.zero_counts) / rig.counts_per_gram for _, code in case.conversions]
    accepts: list[tuple[float, float, float | None]] = []
    for i, (at_s, _) in enumerate(case.conversions):
        value = grams[i]
        if 0 < i < len(grams) - 1:
            middle = (grams[i - 1] + grams[i + 1]) / 2.0
            step = abs(grams[i + 1] - grams[i - 1])
            if abs(value - middle) > 20.0 * case.division_g and step < 0.5 * abs(value - grams[i - 1]):
                value = middle
        accepted = detector.feed(at_s, value)
        if accepted is not None:
            accepts.append((at_s, accepted, None))
    score.add(case, accepts)


def run(kinds: Iterable[str], seeds: Iterable[int], rate_sps: float, *,
        peers: bool = True) -> dict[str, dict[str, Score]]:
    """Return scores by kind and detector; `all` holds everything."""
    names = ("packbench", "predicted", "motion band", "three equal")
    table: dict[str, dict[str, Score]] = {kind: {name: Score() for name in names} for kind in (*kinds, "all")}
    for kind in kinds:
        for seed in seeds:
            case = scenario(kind, seed, rate_sps)
            gc.collect()  # or the collector's rounds through all the scenarios would count as a worst call
            scores = table[kind]
            weigh(case, scores)
            if peers:
                peer(case, MotionBand(rate_sps, case.division_g), scores["motion band"])
                peer(case, EqualReadings(rate_sps, case.division_g), scores["three equal"])
    for kind in kinds:
        for name, score in table[kind].items():
            table["all"][name].take(score)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rate", type=float, default=80.0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--alone", action="store_true", help="without the peers")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    table = run(kinds, range(options.first, options.first + options.seeds), options.rate, peers=not options.alone)
    print(f"{options.rate:g} SPS, {options.seeds} seeds a class from {options.first}")
    print("class   detector       median / p95  missed%    rms    p99  wrong/100 alone  u95 in%  u95   us  ms")
    for kind, scores in table.items():
        for name, score in scores.items():
            if score.boxes or score.wrong or score.samples:
                print(f"{kind:7} {name:12} {score.row(options.seeds * (len(kinds) if kind == 'all' else 1))}")


if __name__ == "__main__":
    main()
