"""The simulated load cell: what a box, hands and a conveyor do to an HX711's codes.

Time is passed in; nothing here looks at a clock. A platform is two oscillators (the cell's own ring and a rocking
of the tray) driven by the force on it, in grams; the HX711 averages that with a sinc^4 filter of four conversions
(50 ms at 80 SPS and 400 ms at 10 SPS, as its data sheet states for settling) and adds noise.
Pure Python: 640 steps per simulated second cost about 2 ms of CPU.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from math import cos, exp, pi, sin, sqrt
from operator import mul
from random import Random
from typing import NamedTuple

G_MM_S2 = 9806.65
STEPS_PER_S = 640
FULL_SCALE = 0x7FFFFF
EMPTY_CODE = 84_210


@dataclass(frozen=True, slots=True)
class ScaleRig:
    """One mounted load cell. Frequencies in Hz, accelerations in mm/s2 (rms), the rest as the names say.

    `noise_nv` is 50 at 10 SPS and 90 at 80 SPS in the HX711's data sheet at gain 128; cheap boards make one to three
    times that. `counts_per_gram` follows from 2 mV/V at 4.3 V: the capacity is 8.6 mV of the converter's 33.6 mV.
    """

    capacity_g: float = 30_000.0
    rate_sps: float = 80.0
    clock_error: float = 0.0
    ring_hz: float = 14.0
    damping: float = 0.02
    rocking_ratio: float = 2.0
    rocking_share: float = 0.0
    noise_nv: float = 90.0
    flicker_nv: float = 10.0
    hum_nv: float = 0.0
    zero_counts: int = EMPTY_CODE
    motor_hz: float = 18.0
    motor_mm_s2: float = 0.0
    band_mm_s2: float = 0.0
    sway_mm_s2: float = 0.0
    sway_hz: float = 1.5
    creep: float = 0.0003
    zero_drift_g_per_s: float = 0.0
    slips: float = 0.0
    """Share of words that lose or gain bits on the wire."""

    @property
    def counts_per_gram(self) -> float:
        """Counts for one gram: 24 bits over +-0.5 AVDD / 128."""
        return 8.6 / 16.797 * FULL_SCALE / self.capacity_g

    @property
    def dead_load_g(self) -> float:
        """Mass of the tray, which rings with the box."""
        return 0.05 * self.capacity_g


@dataclass(slots=True)
class _Oscillator:
    """A damped mass on a spring, stepped exactly for a constant force."""

    hz: float
    damping: float
    y: float = 0.0
    v: float = 0.0
    matrix: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 1.0)

    def tune(self, mass_ratio: float) -> None:
        """Set the frequency for a moving mass of so many times the reference."""
        omega = 2.0 * pi * self.hz / sqrt(mass_ratio)
        zeta, dt = self.damping, 1.0 / STEPS_PER_S
        damped = omega * sqrt(1.0 - zeta * zeta)
        decay, c, s = exp(-zeta * omega * dt), cos(damped * dt), sin(damped * dt)
        self.matrix = (
            decay * (c + zeta * omega / damped * s), decay * s / damped,
            -decay * omega * omega / damped * s, decay * (c - zeta * omega / damped * s),
        )

    def step(self, force: float) -> float:
        a, b, c, d = self.matrix
        e = self.y - force
        self.y, self.v = force + a * e + b * self.v, c * e + d * self.v
        return self.y


class _Ramp(NamedTuple):
    """A force that goes from 0 to `grams` between two times, evenly; it stays."""

    start_s: float
    end_s: float
    grams: float

    def at(self, t_s: float) -> float:
        if t_s >= self.end_s:
            return self.grams
        if t_s <= self.start_s:
            return 0.0
        return self.grams * (t_s - self.start_s) / (self.end_s - self.start_s)


@dataclass(slots=True)
class _Hand:
    """A hand that presses (grams > 0) or carries (< 0); `unrest` is the share of the force that it varies by."""

    start_s: float
    end_s: float
    grams: float
    unrest: float
    wander: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    phase: float = 0.0

    def at(self, t_s: float, random: Random) -> float:
        """Return the force now: slow and quick wander plus a tremor of 9 Hz, let go within 40 ms."""
        for i, tau_s in enumerate((1.5, 0.4, 0.1)):
            pull = 1.0 / (STEPS_PER_S * tau_s)
            self.wander[i] += -pull * self.wander[i] + sqrt(2.0 * pull) * random.gauss(0.0, 1.0)
        self.phase += 2.0 * pi * 9.0 / STEPS_PER_S * (1.0 + 0.3 * random.gauss(0.0, 1.0))
        varies = 0.7 * self.wander[0] + 0.55 * self.wander[1] + 0.3 * self.wander[2] + 0.15 * sin(self.phase)
        grip = min(1.0, (t_s - self.start_s) / 0.04, (self.end_s - t_s) / 0.04)
        return self.grams * max(0.0, grip) * max(0.0, 1.0 + self.unrest * varies)


class ScalePhysics:
    """A station's platform. Say what is done to it and when; take the conversions.

    Everything that is asked for must lie in the future of the last conversion; what lies in the past happens at
    once. `mass_g` is the truth: what stands on the platform at the last conversion.
    """

    def __init__(self, seed: int, rig: ScaleRig | None = None) -> None:
        self.rig = rig if rig is not None else ScaleRig()
        self.mass_g = 0.0
        self.connected = True
        self._random = Random(seed)
        rig = self.rig
        self._ring = _Oscillator(rig.ring_hz, rig.damping)
        self._rock = _Oscillator(rig.ring_hz * rig.rocking_ratio, 1.5 * rig.damping)
        self._reference_g = rig.dead_load_g + 0.3 * rig.capacity_g
        self._tune()
        self._pending: list[tuple[float, float, float]] = []
        self._ramps: list[_Ramp] = []
        self._hands: list[_Hand] = []
        self._static_g = 0.0
        self._crept_g = 0.0
        self._steps = 0
        per_conversion = STEPS_PER_S / (rig.rate_sps * (1.0 + rig.clock_error))
        self._per_conversion = per_conversion
        self._next_conversion = per_conversion
        self._filter = _sinc4(round(per_conversion))
        self._history: deque[float] = deque([0.0] * (len(self._filter) + 1), maxlen=len(self._filter) + 1)
        self._motor_phase = self._random.random() * 2 * pi
        self._sway_phase = self._random.random() * 2 * pi
        self._band = (0.0, 0.0, 0.0, 0.0)
        self._flicker = [0.0] * 5
        self._shakes = rig.motor_mm_s2 > 0.0 or rig.band_mm_s2 > 0.0 or rig.sway_mm_s2 > 0.0
        self._saturated_until_s = self._stuck_until_s = -1.0
        self._gaps: list[tuple[float, float]] = []
        self._last_code = rig.zero_counts

    # -- what people do ------------------------------------------------------------------------------------------

    def place(self, mass_g: float, at_s: float, *, speed_mm_s: float = 60.0, handover_s: float = 0.2) -> None:
        """Put a mass on: it lands with this speed, and the hands give its weight over within `handover_s`."""
        self._pending.append((at_s, mass_g, speed_mm_s))
        self._pending.sort()
        self._ramps.append(_Ramp(at_s, at_s + max(0.002, handover_s), mass_g))

    def lift(self, at_s: float, mass_g: float | None = None, *, over_s: float = 0.15) -> None:
        """Take a mass off, or all that stands there (with what is asked for up to then)."""
        if mass_g is None:
            mass_g = self.mass_g + sum(mass for when, mass, _ in self._pending if when <= at_s)
        self._ramps.append(_Ramp(at_s, at_s + over_s, -mass_g))
        self._pending.append((at_s + over_s, -mass_g, 0.0))
        self._pending.sort()

    def hand(self, grams: float, from_s: float, to_s: float, *, unrest: float = 0.05) -> None:
        """Press on the platform (or lift the box a little, grams < 0) for a while."""
        self._hands.append(_Hand(from_s, to_s, grams, unrest))

    def knock(self, at_s: float, momentum_g_s: float) -> None:
        """Hit the bench once: `momentum_g_s` is force in grams times seconds."""
        self._hands.append(_Hand(at_s, at_s + 0.08, momentum_g_s / 0.04, 0.0))

    # -- what breaks ---------------------------------------------------------------------------------------------

    def saturate(self, until_s: float) -> None:
        """Break a bridge wire until then: the code is full scale."""
        self._saturated_until_s = until_s

    def stick(self, until_s: float) -> None:
        """Freeze the code until then."""
        self._stuck_until_s = until_s

    def gap(self, from_s: float, length_s: float) -> None:
        """Give no conversions for a while, and wrong ones for four more: a restarted converter."""
        self._gaps.append((from_s, from_s + length_s))

    # -- what the converter says -----------------------------------------------------------------------------------

    def conversions(self, until_s: float) -> list[tuple[float, int]]:
        """Run to `until_s` and return (seconds, code) of each conversion on the way."""
        found: list[tuple[float, int]] = []
        last_step = int(until_s * STEPS_PER_S)
        while self._steps < last_step:
            self._steps += 1
            self._history.append(self._step(self._steps / STEPS_PER_S))
            if self._steps >= self._next_conversion:
                t_s = self._next_conversion / STEPS_PER_S
                code = self._code(t_s, since_step=self._next_conversion - (self._steps - 1))
                self._next_conversion += self._per_conversion
                if self.connected and not any(start <= t_s <= end for start, end in self._gaps):
                    found.append((t_s, code))
        return found

    def _step(self, t_s: float) -> float:
        while self._pending and self._pending[0][0] <= t_s:
            _, mass_g, speed_mm_s = self._pending.pop(0)
            self.mass_g = max(0.0, self.mass_g + mass_g)
            self._tune()
            if mass_g > 0.0:
                self._land(mass_g, speed_mm_s)
        force = self._static_g
        if self._ramps:
            for ramp in self._ramps:
                force += ramp.at(t_s)
            self._settle_ramps(t_s)
        if self._hands:
            force += sum(hand.at(t_s, self._random) for hand in self._hands if hand.start_s <= t_s <= hand.end_s)
            self._hands = [hand for hand in self._hands if hand.end_s > t_s]
        if self._shakes:
            force += (self.rig.dead_load_g + self.mass_g) * self._acceleration_mm_s2(t_s) / G_MM_S2
        share = self.rig.rocking_share
        level = self._ring.step(force)
        return level if share == 0.0 else (1.0 - share) * level + share * self._rock.step(force)

    def _settle_ramps(self, t_s: float) -> None:
        still = [ramp for ramp in self._ramps if ramp.end_s > t_s]
        if len(still) < len(self._ramps):
            self._static_g += sum(ramp.grams for ramp in self._ramps if ramp.end_s <= t_s)
            self._ramps = still

    def _land(self, mass_g: float, speed_mm_s: float) -> None:
        """An inelastic landing keeps the momentum: in grams of spring force that is omega^2 m v / g a second."""
        for oscillator in (self._ring, self._rock):
            omega2 = (2.0 * pi * oscillator.hz) ** 2 * self._reference_g / (self.rig.dead_load_g + self.mass_g)
            oscillator.v += omega2 * mass_g * speed_mm_s / G_MM_S2

    def _tune(self) -> None:
        ratio = (self.rig.dead_load_g + self.mass_g) / self._reference_g
        self._ring.tune(ratio)
        self._rock.tune(ratio)

    def _acceleration_mm_s2(self, t_s: float) -> float:
        """A motor's line, a band around 15 Hz, and a slow sway of the table."""
        rig = self.rig
        self._motor_phase += 2.0 * pi * rig.motor_hz / STEPS_PER_S * (1.0 + 0.05 * self._random.gauss(0.0, 1.0))
        self._sway_phase += 2.0 * pi * rig.sway_hz / STEPS_PER_S * (1.0 + 0.5 * self._random.gauss(0.0, 1.0))
        # Band noise of unit rms: white noise through a band-pass from 5 to 40 Hz. A table that stays where it is has
        # no mean acceleration, so nothing may be left at 0 Hz.
        y1, y2, w1, w2 = self._band
        w = self._random.gauss(0.0, 0.382)
        y = w - w2 + 1.6918 * y1 - 0.7083 * y2
        self._band = (y, y1, w, w1)
        return (rig.motor_mm_s2 * sqrt(2.0) * sin(self._motor_phase) + rig.band_mm_s2 * y
                + rig.sway_mm_s2 * sqrt(2.0) * sin(self._sway_phase))

    def _code(self, t_s: float, since_step: float) -> int:
        """Return the code of a conversion that ends between two steps: its clock does not know the steps'."""
        rig, random = self.rig, self._random
        newest: float = sum(map(mul, self._filter, islice(self._history, 1, None)))
        before: float = sum(map(mul, self._filter, self._history)) if since_step < 1.0 else newest
        grams = before + since_step * (newest - before)
        # Creep towards `creep` of the load with a time constant of ten minutes.
        self._crept_g += (rig.creep * self.mass_g - self._crept_g) / (600.0 * rig.rate_sps)
        grams += self._crept_g + rig.zero_drift_g_per_s * t_s
        noise_nv = random.gauss(0.0, rig.noise_nv)
        for i in range(5):  # a ladder of random walks, one a factor of four slower than the one before, is 1/f
            pull = 1.0 / (1 << (2 * i + 2))
            self._flicker[i] += -self._flicker[i] * pull + random.gauss(0.0, 1.4 * sqrt(pull))
            noise_nv += rig.flicker_nv * self._flicker[i]
        if rig.hum_nv:
            noise_nv += rig.hum_nv * sin(2.0 * pi * 50.0 * t_s)
        code = round(rig.zero_counts + grams * rig.counts_per_gram + noise_nv / 16.797e6 * FULL_SCALE)
        code = max(-FULL_SCALE - 1, min(FULL_SCALE, code))
        if t_s <= self._saturated_until_s:
            return FULL_SCALE
        if t_s <= self._stuck_until_s:
            return self._last_code
        self._last_code = code
        if any(end < t_s < end + 3.5 / rig.rate_sps for _, end in self._gaps):
            code = round(rig.zero_counts + (code - rig.zero_counts) * random.random())
        if rig.slips and random.random() < rig.slips:
            return _slipped(code, random)
        return code


def _sinc4(length: int) -> list[float]:
    """Return the weights of a sinc^4 filter: four boxcars of `length` steps, one after the other."""
    weights = [1.0]
    for _ in range(4):
        weights = [sum(weights[max(0, i - length + 1):i + 1]) / length for i in range(len(weights) + length - 1)]
    return weights


def _slipped(code: int, random: Random) -> int:
    """Return a word as a disturbed read leaves it: bits lost and ones behind, or one bit too many."""
    if random.random() < 0.7:
        return _signed((code & 0xFFFFFF) | ((1 << random.randint(3, 23)) - 1))
    return _signed(code << 1 & 0xFFFFFF)


def _signed(word: int) -> int:
    return word - 0x1000000 if word & 0x800000 else word
