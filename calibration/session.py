"""The dialogue of a scale's calibration: hands-free, one conversion at a time, the same live and from a recording.

The detector that weighs boxes sees the masses come and go, so nobody presses Enter between the steps. Nothing is
changed here; what comes out is a result, or a refusal with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from agent.weighing import Motion, Negative, Phase, PlatformCleared, ScaleFault, Weigher, WeightStable
from agent.weighing.diagnosis import diagnose
from calibration.scale import CAUSE_HINTS, Observations, Point, Scale, judged
from firmware_config.calibration import ScaleCalibration

if TYPE_CHECKING:
    from calibration.plan import Kind, Plan, Step
    from calibration.scale import Result

PRECHECK_S = 5.0
STEP_TIMEOUT_S = 300.0
NEAR = 0.04
"""A load within four percent of the expected one is taken for it."""
FIRST_SPAN = (0.5, 2.0)
"""A cell that was never calibrated may give half to double of what 2 mV/V would."""
SWING = 1.25
FLOOD = 4.0
"""So many times the nominal rate are not waited for."""
UNREST = {"vibration": ("scale.motion-vibration", "the table shakes: stop what shakes it, or wait"),
          "hand": ("scale.motion-hand", "hands off, nothing may lean on it"),
          "drift": ("scale.motion-drift", "the weight creeps: something leans, flows or slides")}
BLOCKING = {"scale.few-samples", "scale.rate", "scale.saturated", "scale.stuck-code", "scale.spikes"}


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the dialogue: a step that begins or is done, a mistake, unrest, a refusal; seconds of the sample.

    `counts` are those above zero of a load, or the converter's own of an empty platform.
    """

    at_s: float
    what: Literal["precheck", "do", "done", "wrong-load", "unrest", "refused", "result"]
    code: str
    text: str
    load_g: float = 0.0
    counts: float = 0.0
    masses: str = ""


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
    _span: float = 0.0
    _taken: dict[int, float] = field(default_factory=dict)
    _loaded_index: int = -1
    _recent: list[int] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """True when there is a result or a refusal."""
        return self.result is not None or self.refused is not None

    @property
    def progress(self) -> tuple[int, int]:
        """Steps done and steps in all."""
        return len(self._steps) if self.result is not None else max(0, self._index), len(self._steps)

    @property
    def zero_counts(self) -> float:
        """Counts of the empty platform at the end."""
        return self._zero_counts

    @property
    def row_counts(self) -> tuple[float, ...]:
        """Counts above zero of each row of the result, in its order."""
        return (*self._of("point"), *self._of("verify"))

    @property
    def live_g(self) -> float:
        """What stands on the platform this moment, by the span so far; for screens only."""
        span = abs(self.plan.counts_per_gram)
        return self._weigher.live_g * span / self._span if self._weigher is not None else 0.0

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
        for event in self._weigher.feed(at_s, counts):
            if isinstance(event, ScaleFault | Negative):
                return [*said, self._broken(at_s, counts, event)]
            if isinstance(event, WeightStable):
                said += self._loaded(at_s, event.gross_g)
            elif isinstance(event, PlatformCleared):
                said += self._emptied(at_s)
            elif isinstance(event, Motion):
                said.append(Said(at_s, "unrest", *UNREST[event.cause], event.gross_g))
        waited_s = at_s - self._since_s
        if not _ended(said) and self._waits_for_empty() and self._weigher.phase is Phase.EMPTY and waited_s > 1.5:
            said += self._emptied(at_s)
        if not _ended(said) and at_s - self._since_s > STEP_TIMEOUT_S:
            said.append(self._unfinished(at_s, "calibration.timeout",
                                         f"Nothing came of: {self._steps[self._index].text}. Begin again."))
        return said

    def end(self, at_s: float) -> list[Said]:
        """Tell that no conversions will come any more."""
        if self.over:
            return []
        text = "The recording ended before the last step." if self._weigher else "There are too few conversions."
        return [self._unfinished(at_s, "calibration.incomplete", text)]

    # -- steps ---------------------------------------------------------------------------------------------------

    def _precheck(self, at_s: float, counts: int) -> list[Said]:
        self._early.append((at_s, counts))
        settings = self.plan.settings
        if at_s - self._early[0][0] < PRECHECK_S and len(self._early) < FLOOD * PRECHECK_S * settings.rate_sps:
            return []
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
        span = self._span = abs(self.plan.counts_per_gram)
        # The largest mass swings beyond the capacity, and looks like twice of it by a guessed span.
        room = replace(settings, capacity_g=(SWING if self.plan.known else FIRST_SPAN[1]) * settings.capacity_g)
        self._weigher = Weigher(room, ScaleCalibration(zero_counts=self._start_counts, counts_per_gram=span))
        for when, code in self._early:
            self._weigher.feed(when, code)
        self._steps = self.plan.steps()
        text = f"{seen.rate_sps:.1f} a second, noise {seen.noise_counts / span:.2f} g, spikes {seen.spikes}"
        return [Said(at_s, "precheck", "", text), *self._next(at_s)]

    def _loaded(self, at_s: float, gross_g: float) -> list[Said]:
        counts = gross_g * abs(self.plan.counts_per_gram)
        step, before = self._steps[self._index], self._loaded_index
        if before >= 0 and self._is(counts, self._steps[before].load_g) and not self._is(counts, step.load_g):
            # The same mass again at its rest: a hand or a rocking mass had moved the first value.
            self._taken[before] = counts
            return []
        if step.mass is None:
            return []
        if step.kind == "exercise" and not self.plan.known and not self._taken:
            low, high = (share * self._span * step.load_g for share in FIRST_SPAN)
            self._span = counts / step.load_g if low <= counts <= high else self._span
        if not self._is(counts, step.load_g):
            return self._wrong(at_s, counts, step)
        first, self._taken[self._index] = not self._taken, counts
        self._loaded_index = self._index
        share = self._span / abs(self.plan.counts_per_gram)
        note = f": the cell gives {2.0 * share:.1f} mV/V, if all of it is on" if first and not self.plan.known else ""
        return [Said(at_s, "done", step.kind, step.text + note, step.load_g, counts), *self._next(at_s)]

    def _is(self, counts: float, load_g: float) -> bool:
        """Tell whether these counts are the load that was asked for."""
        return abs(counts / self._span - load_g) <= NEAR * load_g + 5.0 * self.plan.settings.division_g

    def _wrong(self, at_s: float, counts: float, step: Step) -> list[Said]:
        gross_g = counts / self._span
        if abs(gross_g - self._warned_g) < NEAR * step.load_g:
            return []
        self._warned_g = gross_g
        text = f"expected {step.load_g / 1000:g} kg, this looks like {gross_g / 1000:.2f} kg"
        if not self.plan.known and not self._of("point") and step.kind == "point":
            text += "; is it right? Then the exercise was done with another mass: begin again"
        return [Said(at_s, "wrong-load", "calibration.unknown-mass", text, gross_g, counts, step.parts)]

    def _emptied(self, at_s: float) -> list[Said]:
        if not self._waits_for_empty():
            return []
        step = self._steps[self._index]
        self._loaded_index = -1
        newest = sorted(self._recent[-int(self.plan.settings.rate_sps):])
        level = float(newest[len(newest) // 2])
        if step.kind == "zero-return" or (step.kind == "zero" and not self._of("point")):
            self._zero_counts = level
        if step.kind == "zero" and not self._of("point"):
            self._start_counts = level
        done = Said(at_s, "done", step.kind, step.text, 0.0, level)
        if step.kind != "zero-return":
            return [done, *self._next(at_s)]
        return [done, self._judge(at_s)]

    def _of(self, kind: Kind) -> list[float]:
        """Return the counts of all steps of a kind so far, in their order."""
        return [counts for index, counts in sorted(self._taken.items()) if self._steps[index].kind == kind]

    def _judge(self, at_s: float) -> Said:
        plan = self.plan
        points = tuple(Point(step.mass, counts, step.rising) for index, counts in sorted(self._taken.items())
                       if (step := self._steps[index]).kind == "point" and step.mass is not None)
        seen = Observations(points, tuple(self._of("repeat")), plan.repeat, tuple(self._of("corner")), plan.corner,
                            self._zero_counts - self._start_counts, self._noise_counts,
                            Point(plan.verify, self._of("verify")[0]))
        self.result = judged(seen, Scale(plan.settings.division_g, plan.stacks[-1].grams, self._span))
        suspect = f" Look at {self.result.suspect}." if self.result.suspect else ""
        text = self.result.verdict + (f": {CAUSE_HINTS[self.result.cause]}{suspect}" if self.result.cause else "")
        return Said(at_s, "result", self.result.cause, text)

    def _next(self, at_s: float) -> list[Said]:
        self._index += 1
        self._since_s, self._warned_g = at_s, 0.0
        step = self._steps[self._index]
        return [Said(at_s, "do", step.kind, step.text, step.load_g, masses=step.parts)]

    def _waits_for_empty(self) -> bool:
        return 0 <= self._index < len(self._steps) and self._steps[self._index].mass is None

    def _broken(self, at_s: float, counts: int, event: ScaleFault | Negative) -> Said:
        falling = counts - self._start_counts < -0.25 * self.plan.stacks[-1].grams * self._span
        if isinstance(event, ScaleFault) and not (event.reason == "out-of-range" and falling):
            return self._refuse(at_s, f"scale.{event.reason}", "The load cell failed: packbench check scale.")
        if self._taken:
            return self._refuse(at_s, "scale.negative", "The platform is lighter than empty: something was taken off "
                                                        "that belongs to it. Begin again.")
        return self._refuse(at_s, "calibration.factor-sign", CAUSE_HINTS["sign"])

    def _unfinished(self, at_s: float, code: str, text: str) -> Said:
        """Refuse for what did not come; a mass that stood there instead is the reason."""
        if self._warned_g:
            step = self._steps[self._index]
            return self._refuse(at_s, "calibration.unknown-mass",
                                f"{step.text}: {self._warned_g / 1000:.2f} kg came. Check the masses, begin again.")
        return self._refuse(at_s, code, text)

    def _refuse(self, at_s: float, code: str, text: str) -> Said:
        self.refused = Said(at_s, "refused", code, text)
        return self.refused


def _ended(said: list[Said]) -> bool:
    return bool(said) and said[-1].what in {"result", "refused"}
