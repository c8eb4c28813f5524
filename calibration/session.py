"""The dialogue of a scale's calibration: hands-free, one conversion at a time, the same live and from a recording.

The detector that weighs boxes sees the masses come and go, so nobody presses Enter between the steps. Nothing is
changed here; what comes out is a result, or a refusal with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from agent.weighing import Negative, Phase, PlatformCleared, ScaleFault, Weigher, WeightStable
from agent.weighing.diagnosis import diagnose
from calibration.masses import stacks_of
from calibration.scale import CAUSE_HINTS, Mass, Observations, Point, Scale, judged
from firmware_config.calibration import ScaleCalibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calibration.masses import Reference
    from calibration.scale import Result
    from firmware_config.scale import ScaleSettings

PRECHECK_S = 5.0
STEP_TIMEOUT_S = 300.0
NEAR = 0.04
"""A load within four percent of the expected one is taken for it; the provisional span is no better."""
CORNERS = ("centre", "front left", "front right", "rear right", "rear left", "centre again")
BLOCKING = {"scale.few-samples", "scale.rate", "scale.saturated", "scale.stuck-code", "scale.spikes"}

Kind = Literal["exercise", "zero", "point", "repeat", "corner", "zero-return", "verify"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: put this load on (grams; 0 is an empty platform), and what for."""

    kind: Kind
    load_g: float
    text: str
    rising: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the dialogue: a step that begins or is done, a mistake, a refusal; seconds of the sample."""

    at_s: float
    what: Literal["precheck", "do", "done", "wrong-load", "refused", "result"]
    code: str
    text: str
    load_g: float = 0.0
    counts: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The scale, the stacks of masses that are put on (ascending), the one to verify with, and the corners' load.

    `verify` is no load of `stacks`. `counts_per_gram` is the old calibration's or the data sheet's: it only
    recognises masses.
    """

    settings: ScaleSettings
    counts_per_gram: float
    stacks: tuple[Mass, ...]
    verify: Mass
    corner: Mass
    repeat: Mass
    exercises: int = 3
    repeats: int = 6

    def steps(self) -> list[Step]:
        """Return the dialogue in order: exercise, zero, up, down, zero, repeats, corners, zero, verify."""
        top = self.stacks[-1]
        steps: list[Step] = []
        for i in range(self.exercises):
            steps += [Step("exercise", top.grams, f"exercise {i + 1} of {self.exercises}: {_kg(top)} on"),
                      Step("exercise", 0.0, "and off")]
        steps.append(Step("zero", 0.0, "empty the platform"))
        steps += [Step("point", mass.grams, f"{_kg(mass)} on") for mass in self.stacks]
        steps += [Step("point", mass.grams, f"down to {_kg(mass)}", rising=False)
                  for mass in reversed(self.stacks[:-1])]
        steps.append(Step("zero", 0.0, "all off"))
        for i in range(self.repeats):
            steps += [Step("repeat", self.repeat.grams, f"repeat {i + 1} of {self.repeats}: {_kg(self.repeat)} on"),
                      Step("zero", 0.0, "and off")]
        for name in CORNERS:
            steps += [Step("corner", self.corner.grams, f"{_kg(self.corner)} at the {name}"),
                      Step("zero", 0.0, "and off")]
        steps.append(Step("verify", self.verify.grams, f"to verify: {_kg(self.verify)} on"))
        steps.append(Step("zero-return", 0.0, "all off, done"))
        return steps


def plan_for(masses: Sequence[Reference], settings: ScaleSettings, counts_per_gram: float) -> Plan:
    """Return the plan for a set of masses: corners near a third of the capacity, repeats near a half.

    Raises DeviceError `calibration.few-masses`.
    """
    stacks, verify = stacks_of(masses, settings.capacity_g)
    third = min(stacks, key=lambda mass: abs(mass.grams - settings.capacity_g / 3.0))
    half = min(stacks, key=lambda mass: abs(mass.grams - settings.capacity_g / 2.0))
    return Plan(settings, counts_per_gram, stacks, verify, third, half)


@dataclass(slots=True)
class Session:
    """Runs a plan. Feed it conversions; it answers with what to do, and in the end holds `result` or `refused`."""

    plan: Plan
    result: Result | None = None
    refused: Said | None = None
    _weigher: Weigher | None = None
    _early: list[tuple[float, int]] = field(default_factory=list)
    _steps: list[Step] = field(default_factory=list)
    _index: int = -1
    _since_s: float = 0.0
    _start_counts: float = 0.0
    _zero_counts: float = 0.0
    _noise_counts: float = 0.0
    _warned_g: float = 0.0
    _points: list[Point] = field(default_factory=list)
    _repeats: list[float] = field(default_factory=list)
    _corners: list[float] = field(default_factory=list)
    _verify: Point | None = None
    _recent: list[int] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """True when there is a result or a refusal."""
        return self.result is not None or self.refused is not None

    @property
    def progress(self) -> tuple[int, int]:
        """Steps done and steps in all."""
        return max(0, self._index), len(self._steps)

    @property
    def zero_counts(self) -> float:
        """Counts of the empty platform at the end."""
        return self._zero_counts

    @property
    def row_counts(self) -> tuple[float, ...]:
        """Counts above zero of each row of the result, in its order."""
        return tuple(point.counts for point in (*self._points, self._verify) if point is not None)

    def feed(self, at_s: float, counts: int) -> list[Said]:
        """Take one conversion and return what is to be said about it."""
        if self.over:
            return []
        if self._weigher is None:
            return self._precheck(at_s, counts)
        self._recent.append(counts)
        if len(self._recent) > 2 * self.plan.settings.rate_sps:
            del self._recent[:len(self._recent) // 2]
        said: list[Said] = []
        weigher = self._weigher
        for event in weigher.feed(at_s, counts):
            falling = counts - self._start_counts < -0.25 * self.plan.stacks[-1].grams * abs(self.plan.counts_per_gram)
            if isinstance(event, ScaleFault) and event.reason == "out-of-range" and falling:
                return [self._refuse(at_s, "calibration.factor-sign", CAUSE_HINTS["sign"])]
            if isinstance(event, ScaleFault):
                return [self._refuse(at_s, f"scale.{event.reason}", "The load cell failed: packbench check scale.")]
            if isinstance(event, Negative):
                return [self._refuse(at_s, "calibration.factor-sign", CAUSE_HINTS["sign"])]
            if isinstance(event, WeightStable):
                said += self._loaded(at_s, event.gross_g)
            elif isinstance(event, PlatformCleared):
                said += self._emptied(at_s)
        if self._waits_for_empty() and weigher.phase is Phase.EMPTY and at_s - self._since_s > 1.5:
            said += self._emptied(at_s)
        if self.result is None and at_s - self._since_s > STEP_TIMEOUT_S:
            step = self._steps[self._index]
            said.append(self._refuse(at_s, "calibration.timeout", f"Nothing came of: {step.text}. Begin again."))
        return said

    def end(self, at_s: float) -> list[Said]:
        """Tell that no conversions will come any more."""
        if self.over:
            return []
        text = "The recording ended before the last step." if self._weigher else "There are too few conversions."
        return [self._refuse(at_s, "calibration.incomplete", text)]

    # -- steps ---------------------------------------------------------------------------------------------------

    def _precheck(self, at_s: float, counts: int) -> list[Said]:
        self._early.append((at_s, counts))
        if at_s - self._early[0][0] < PRECHECK_S:
            return []
        settings = self.plan.settings
        seen = diagnose([when for when, _ in self._early], [code for _, code in self._early],
                        rate_sps=settings.rate_sps, division_g=settings.division_g,
                        counts_per_gram=self.plan.counts_per_gram)
        worst = next((finding for finding in seen.findings if finding.code in BLOCKING), None)
        if worst is not None:
            return [self._refuse(at_s, worst.code, f"{worst.meaning} {worst.hint}")]
        if abs(seen.drift_counts) > 2.0 * settings.division_g * abs(self.plan.counts_per_gram):
            return [self._refuse(at_s, "calibration.unstable-zero", CAUSE_HINTS["drift"])]
        codes = sorted(code for _, code in self._early)
        self._start_counts = self._zero_counts = float(codes[len(codes) // 2])
        self._noise_counts = seen.noise_counts
        span = abs(self.plan.counts_per_gram)
        self._weigher = Weigher(settings, ScaleCalibration(zero_counts=self._start_counts, counts_per_gram=span))
        for when, code in self._early:
            self._weigher.feed(when, code)
        self._steps = self.plan.steps()
        text = f"{seen.rate_sps:.1f} a second, noise {seen.noise_counts / span:.2f} g, spikes {seen.spikes}"
        return [Said(at_s, "precheck", "", text), *self._next(at_s)]

    def _loaded(self, at_s: float, gross_g: float) -> list[Said]:
        step = self._steps[self._index]
        counts = gross_g * abs(self.plan.counts_per_gram)
        if step.load_g == 0.0:
            return []
        if abs(gross_g - step.load_g) > NEAR * step.load_g + 5.0 * self.plan.settings.division_g:
            if abs(gross_g - self._warned_g) < NEAR * step.load_g:
                return []
            self._warned_g = gross_g
            text = f"expected {step.load_g / 1000:g} kg, this looks like {gross_g / 1000:.2f} kg"
            return [Said(at_s, "wrong-load", "calibration.unknown-mass", text, gross_g, counts)]
        mass = next((mass for mass in (*self.plan.stacks, self.plan.verify, self.plan.corner, self.plan.repeat)
                     if mass.grams == step.load_g), self.plan.verify)
        if step.kind == "point":
            self._points.append(Point(mass, counts, step.rising))
        elif step.kind == "repeat":
            self._repeats.append(counts)
        elif step.kind == "corner":
            self._corners.append(counts)
        elif step.kind == "verify":
            self._verify = Point(self.plan.verify, counts)
        return [Said(at_s, "done", step.kind, step.text, step.load_g, counts), *self._next(at_s)]

    def _emptied(self, at_s: float) -> list[Said]:
        if not self._waits_for_empty():
            return []
        step = self._steps[self._index]
        span = abs(self.plan.counts_per_gram)
        if step.kind == "zero-return" or (step.kind == "zero" and not self._points):
            newest = sorted(self._recent[-int(self.plan.settings.rate_sps):])
            self._zero_counts = float(newest[len(newest) // 2])
        if step.kind == "zero" and not self._points:
            self._start_counts = self._zero_counts
        done = Said(at_s, "done", step.kind, step.text, 0.0, self._zero_counts)
        if step.kind != "zero-return":
            return [done, *self._next(at_s)]
        return [done, self._judge(at_s, span)]

    def _judge(self, at_s: float, span: float) -> Said:
        plan = self.plan
        if self._verify is None:
            return self._refuse(at_s, "calibration.incomplete", "The verification is missing.")
        seen = Observations(tuple(self._points), tuple(self._repeats), plan.repeat, tuple(self._corners), plan.corner,
                            self._zero_counts - self._start_counts, self._noise_counts, self._verify)
        self.result = judged(seen, Scale(plan.settings.division_g, plan.stacks[-1].grams, span))
        text = self.result.verdict + (f": {CAUSE_HINTS[self.result.cause]}" if self.result.cause else "")
        return Said(at_s, "result", self.result.cause, text)

    def _next(self, at_s: float) -> list[Said]:
        self._index += 1
        self._since_s, self._warned_g = at_s, 0.0
        step = self._steps[self._index]
        return [Said(at_s, "do", step.kind, step.text, step.load_g)]

    def _waits_for_empty(self) -> bool:
        return 0 <= self._index < len(self._steps) and self._steps[self._index].load_g == 0.0

    def _refuse(self, at_s: float, code: str, text: str) -> Said:
        self.refused = Said(at_s, "refused", code, text)
        return self.refused


def _kg(mass: Mass) -> str:
    return f"{mass.grams / 1000:g} kg"
