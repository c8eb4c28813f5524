"""Ten seconds of an empty platform, judged: what the converter, the wiring and the mount say of themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import cos, pi, sin, sqrt
from statistics import median
from typing import TYPE_CHECKING

from agent.weighing.guard import NEVER
from agent.weighing.stillness import notched

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA_SHEET_NV = {10: 50.0, 80: 90.0}
NV_PER_COUNT = 16.797e6 / 0x7FFFFF
"""Input nanovolts of one count at gain 128 and 4.3 V: full scale is half the supply over the gain."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: a stable code, what it means, and what to do."""

    code: str
    meaning: str
    hint: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a stretch of conversions shows. Noise in counts (and grams where a calibration is known) is the scatter
    from sample to sample; `hum_counts` the amplitude at the mains' alias; `ring_hz` None when nothing rings.
    """

    rate_sps: float
    samples: int
    saturated: int
    spikes: int
    unique: int
    noise_counts: float
    noise_g: float | None
    drift_counts: float
    hum_counts: float
    ring_hz: float | None
    findings: tuple[Finding, ...]


def diagnose(at_s: Sequence[float], counts: Sequence[int], *, rate_sps: float, division_g: float,
             counts_per_gram: float | None) -> Diagnosis:
    """Return the diagnosis of at least two seconds of an untouched, empty platform. Times in seconds, ascending."""
    span_s = at_s[-1] - at_s[0] if len(at_s) > 1 else 0.0
    rate = (len(at_s) - 1) / span_s if span_s > 0.0 else 0.0
    saturated = sum(code in NEVER for code in counts)
    good = [float(code) for code in counts if code not in NEVER]
    noise, spikes, drift, hum, ring_hz = 0.0, 0, 0.0, 0.0, None
    if rate > 0.0 and len(good) >= 2.0 * rate_sps:
        middle = [median(good[i - 1:i + 2]) for i in range(1, len(good) - 1)]
        away = [abs(x - m) for x, m in zip(good[1:-1], middle, strict=True)]
        steps = [b - a for a, b in pairwise(good)]
        noise = 1.4826 * median(abs(step) for step in steps) / sqrt(2.0)
        limit = max(8.0 * noise, 8.0)
        spikes = sum(distance > limit for distance in away)
        clean = [m if distance > limit else x for x, m, distance in zip(good[1:-1], middle, away, strict=True)]
        tenth = max(1, len(good) // 10)
        drift = median(good[-tenth:]) - median(good[:tenth])
        aliases = [abs(mains - round(mains / rate) * rate) for mains in (50.0, 60.0)]
        hum = max(_amplitude(clean, alias / rate) for alias in aliases)
        still, ring = notched(clean[-round(3 * rate_sps):])
        hums = any(abs(ring * rate - alias) < 1.5 for alias in aliases)
        if ring and not hums and _sd(still) < 0.5 * _sd(clean):
            ring_hz = ring * rate
    noise_g = noise / abs(counts_per_gram) if counts_per_gram else None
    found = Diagnosis(rate, len(counts), saturated, spikes, len(set(counts)), noise, noise_g, drift, hum, ring_hz, ())
    return replace(found, findings=tuple(_findings(found, rate_sps, division_g, counts_per_gram)))


def _findings(seen: Diagnosis, rate_sps: float, division_g: float, counts_per_gram: float | None) -> list[Finding]:
    if seen.samples < rate_sps:
        return [Finding("scale.few-samples", f"only {seen.samples} conversions came.",
                        "Check supply, DOUT and PD_SCK, and that nothing else reads the chip.")]
    found: list[Finding] = []

    def note(wrong: bool, code: str, meaning: str, hint: str) -> None:  # noqa: FBT001 (it reads as a sentence)
        if wrong:
            found.append(Finding(code, meaning, hint))

    note(not 0.8 * rate_sps <= seen.rate_sps <= 1.25 * rate_sps, "scale.rate",
         f"{seen.rate_sps:.1f} conversions a second instead of {rate_sps:g}.",
         "RATE pin high is 80, low is 10; set rate_sps to what is wired. Far too many: DOUT floats.")
    note(seen.saturated > 0, "scale.saturated", f"{seen.saturated} of {seen.samples} conversions are no measurement.",
         "A bridge wire is off or swapped: measure E+ to E- and A+ to A-.")
    note(seen.unique < min(10, seen.samples // 4), "scale.stuck-code", f"only {seen.unique} different codes.",
         "The chip hangs or is not there: check supply and DOUT.")
    note(seen.spikes > max(1.0, seen.samples / 500), "scale.spikes",
         f"{seen.spikes} spikes in {seen.samples} conversions.",
         "PD_SCK is disturbed or clocked too slowly: use the SPI wiring, short wires, a common ground.")
    sheet = DATA_SHEET_NV[10 if rate_sps < 30 else 80] / NV_PER_COUNT
    note(seen.noise_counts > 6.0 * sheet, "scale.noise",
         f"noise of {seen.noise_counts:.0f} counts, the data sheet has {sheet:.0f}.",
         "Try 3.3 V instead of 5 V, a capacitor at the board, and a shielded cable away from motors.")
    per_d = division_g * abs(counts_per_gram) if counts_per_gram else None
    note(per_d is not None and seen.noise_counts > 0.5 * per_d, "scale.noise-in-d",
         "the noise is above half a scale interval.", "Choose a larger interval or a smaller cell.")
    note(per_d is not None and abs(seen.drift_counts) > per_d, "scale.drift",
         "zero moved by more than one interval in ten seconds.",
         "Let it warm up for 15 minutes; nothing may touch the platform, no wind.")
    note(seen.hum_counts > max(0.5 * seen.noise_counts, 0.2 * (per_d or 0.0), 3.0 * sheet), "scale.hum",
         f"mains hum of {seen.hum_counts:.0f} counts.", "Earth the frame; keep mains cables and supplies away.")
    note(seen.ring_hz is not None and seen.ring_hz < 6.0, "scale.soft-mount",
         f"the platform swings at {seen.ring_hz or 0.0:.1f} Hz.", "Put the station on something stiffer.")
    return found


def _amplitude(samples: list[float], cycles: float) -> float:
    """Return the amplitude at a frequency in cycles a sample (one bin of a Fourier transform, Hann window)."""
    count = len(samples)
    mean = sum(samples) / count
    real = imaginary = 0.0
    for i, x in enumerate(samples):
        weight = (x - mean) * (1.0 - cos(2.0 * pi * i / (count - 1)))
        real += weight * cos(2.0 * pi * cycles * i)
        imaginary += weight * sin(2.0 * pi * cycles * i)
    return 2.0 * sqrt(real * real + imaginary * imaginary) / count


def _sd(samples: list[float]) -> float:
    mean = sum(samples) / len(samples)
    return sqrt(sum((x - mean) ** 2 for x in samples) / len(samples))
