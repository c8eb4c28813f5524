"""What happens on a packing scale, as seeded scenarios: classes of the weighing benchmark, with the truth beside."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from random import Random

from agent.bench.scale import ScalePhysics, ScaleRig

AFTER_S = 6.0
KINDS = ("place", "held", "slide", "pack", "vib", "double", "bump", "faults", "light")
WITH_HAND = ("held", "bump")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Conversions of one scenario and its truth: (seconds, grams on the platform) and when the hands were gone.

    `free_s` is None where nothing is to be weighed.
    """

    kind: str
    rig: ScaleRig
    conversions: list[tuple[float, int]]
    truth: list[tuple[float, float]]
    free_s: float | None

    @property
    def division_g(self) -> float:
        return self.rig.capacity_g / 3000.0

    def mass_g(self, at_s: float) -> float:
        """Return what stood on the platform then."""
        return next((mass for since_s, mass in reversed(self.truth) if since_s <= at_s), 0.0)

    def right(self, at_s: float, gross_g: float) -> bool:
        """Tell whether a value is a weight: there is a load, and it is right within 1 d (1.5 d above 2000 d)."""
        return any(mass_g > 0.0 and abs(gross_g - mass_g) <= (1.0 if mass_g <= 2000.0 * self.division_g else 1.5)
                   * self.division_g for mass_g in {self.mass_g(at_s), self.mass_g(at_s - self.lag_s)})

    @property
    def lag_s(self) -> float:
        """What the converter's filter and the guard are late: a value given now may be the load of just before."""
        return 6.0 / self.rig.rate_sps

    def nearest_g(self, at_s: float, gross_g: float) -> float:
        """Return the load, now or a moment ago, that a value means."""
        return min(self.mass_g(at_s), self.mass_g(at_s - self.lag_s), key=lambda mass_g: abs(gross_g - mass_g))


def scenario(kind: str, seed: int, rate_sps: float) -> Scenario:
    """Return the scenario of this kind and seed."""
    random = Random(f"{kind}/{seed}/{rate_sps}")
    rig = shop_rig(random, rate_sps, kind)
    physics = ScalePhysics(random.getrandbits(32), rig)
    begin_s = random.uniform(1.6, 2.6)
    truth, free_s = _SCRIPTS[kind](physics, random, begin_s)
    until_s = (free_s if free_s is not None else begin_s + 4.0) + AFTER_S
    conversions = _late(random, physics.conversions(until_s)) if kind == "faults" else physics.conversions(until_s)
    return Scenario(kind, rig, conversions, truth, free_s)


def shop_rig(random: Random, rate_sps: float, kind: str) -> ScaleRig:
    """Return a scale as it may stand in a shop; `vib` stands beside a conveyor and `slide` at the end of one."""
    shakes = {"vib": (random.uniform(8.0, 60.0), random.uniform(1.4, 7.1)), "slide": (random.uniform(1.0, 6.0), 0.3)}
    total, sway = shakes.get(kind, (random.uniform(0.0, 1.0), random.uniform(0.0, 0.2)))
    motor = random.uniform(0.5, 0.97)
    return ScaleRig(
        capacity_g=random.choice((6000.0, 15_000.0, 30_000.0)), rate_sps=rate_sps,
        clock_error=random.uniform(0.0, 0.15), ring_hz=exp(random.uniform(log(6.0), log(24.0))),
        damping=exp(random.uniform(log(0.008), log(0.08))),
        rocking_share=random.uniform(0.05, 0.3) if random.random() < 0.5 else 0.0,
        rocking_ratio=random.uniform(1.5, 3.0), noise_nv=(50.0 if rate_sps < 30 else 90.0) * random.uniform(1.0, 3.0),
        flicker_nv=random.uniform(5.0, 40.0), hum_nv=random.uniform(0.0, 100.0) if random.random() < 0.3 else 0.0,
        motor_hz=random.uniform(5.0, 40.0), motor_mm_s2=total * motor, band_mm_s2=total * (1.0 - motor ** 2) ** 0.5,
        sway_mm_s2=sway, sway_hz=random.uniform(0.7, 4.0), creep=random.uniform(0.0002, 0.0005),
        slips=10.0 ** random.uniform(-3.0, -1.7) if kind == "faults" else 0.0,
    )


def _steadiness(random: Random) -> float:
    """Return the unrest of a hand. Range over 0.5 s to level: 4.9 % in the middle, 1.2 % at the 5th percentile."""
    return 0.026 * exp(0.8 * random.gauss(0.0, 1.0))


def put(physics: ScalePhysics, random: Random, mass_g: float, at_s: float) -> float:
    """Put one thing on as people do; return when the hands are gone."""
    handover_s = random.uniform(0.08, 0.5)
    physics.place(mass_g, at_s, speed_mm_s=exp(random.uniform(log(2.0), log(40.0))), handover_s=handover_s)
    physics.hand(random.uniform(-0.1, 0.1) * mass_g, at_s, at_s + handover_s, unrest=_steadiness(random) * 4.0)
    return at_s + handover_s


def box_mass_g(physics: ScalePhysics, random: Random, low: float = 0.02, high: float = 0.9) -> float:
    """Return the mass of some box, as a share of the capacity between two; light ones are as many as heavy ones."""
    return physics.rig.capacity_g * exp(random.uniform(log(low), log(high)))


Script = tuple[list[tuple[float, float]], float | None]


def _place(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    mass_g = box_mass_g(physics, random)
    return [(at_s, mass_g)], put(physics, random, mass_g, at_s)


def _light(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    mass_g = physics.rig.capacity_g / 3000.0 * random.uniform(21.0, 100.0)
    return [(at_s, mass_g)], put(physics, random, mass_g, at_s)


def _held(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    mass_g = box_mass_g(physics, random, 0.03, 0.8)
    free_s = put(physics, random, mass_g, at_s) + random.uniform(0.4, 3.5)
    force_g = physics.rig.capacity_g * random.uniform(0.002, 0.12)
    if random.random() < 0.5:
        force_g = -min(force_g, 0.8 * mass_g)
    physics.hand(force_g, at_s, free_s, unrest=_steadiness(random))
    return [(at_s, mass_g)], free_s


def _slide(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    mass_g = box_mass_g(physics, random)
    took_s = random.uniform(0.3, 1.0)
    physics.place(mass_g, at_s, speed_mm_s=random.uniform(2.0, 25.0), handover_s=took_s)
    physics.hand(random.uniform(-0.05, 0.05) * mass_g, at_s, at_s + took_s, unrest=0.3)
    return [(at_s, mass_g)], at_s + took_s


def _pack(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    truth: list[tuple[float, float]] = []
    total_g, free_s = 0.0, at_s
    for _ in range(random.randint(3, 7)):
        mass_g = box_mass_g(physics, random, 0.01, 0.12)
        total_g += mass_g
        truth.append((at_s, total_g))
        free_s = put(physics, random, mass_g, at_s)
        at_s = free_s + random.uniform(0.25, 2.5)
    return truth, free_s


def _double(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    first_g, second_g = box_mass_g(physics, random, 0.03, 0.45), box_mass_g(physics, random, 0.03, 0.45)
    next_s = put(physics, random, first_g, at_s) + random.uniform(0.8, 3.0)
    return [(at_s, first_g), (next_s, first_g + second_g)], put(physics, random, second_g, next_s)


def _bump(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    if random.random() < 0.6:
        force_g = physics.rig.capacity_g * exp(random.uniform(log(0.008), log(0.2)))
        physics.hand(force_g, at_s, at_s + random.uniform(0.5, 4.0), unrest=_steadiness(random))
    else:
        for _ in range(random.randint(1, 3)):
            physics.knock(at_s, physics.rig.capacity_g * random.uniform(0.002, 0.02))
            at_s += random.uniform(0.3, 1.5)
    return [], None


def _faults(physics: ScalePhysics, random: Random, at_s: float) -> Script:
    truth, free_s = _place(physics, random, at_s)
    for _ in range(random.randint(0, 2)):
        physics.gap(random.uniform(0.5, at_s + 3.0), random.uniform(0.1, 0.6))
    return truth, free_s


def _late(random: Random, conversions: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return the conversions with late stamps: the host was busy now and then, and stamped a batch at once."""
    found: list[tuple[float, int]] = []
    busy_until_s = 0.0
    for at_s, code in conversions:
        if random.random() < 0.004:
            busy_until_s = at_s + random.uniform(0.03, 0.15)
        found.append((max(at_s, busy_until_s), code))
    return found


_SCRIPTS = {"place": _place, "held": _held, "slide": _slide, "pack": _pack, "vib": _place, "double": _double,
            "bump": _bump, "faults": _faults, "light": _light}
