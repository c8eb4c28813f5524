"""How good calibrations are, and how often a bad one is refused with the right cause.

    python -m tests.campaigns.scale_calibration [--scales 500]

Simulated cells: nonlinearity (a bow, an S-shape up to a quarter of what it leaves) and hysteresis up to 0.05 % of
capacity each, corners to 0.3 e, M1 masses within their
tolerance, 30 kg / 10 g. `inside` is the share whose error stays within the permitted one at every load.
"""

from __future__ import annotations

import argparse
from collections import Counter
from random import Random

from calibration.scale import Line, Mass, Observations, Point, Result, Scale, judged, permitted_g

MAX_G, E_G, COUNTS_PER_GRAM = 30_000.0, 10.0, 143.0
LOADS_G = (5000.0, 10_000.0, 15_000.0, 20_000.0, 30_000.0)
CORNER_G, REPEAT_G, VERIFY_G = 10_000.0, 15_000.0, 25_000.0
FAULTS = ("", "wrong-mass", "sticking", "corner", "drift", "sign")


class Cell:
    """One cell: its curve, up and down, and what is wrong with it."""

    def __init__(self, random: Random, fault: str) -> None:
        self.random, self.fault = random, fault
        self.bow = random.uniform(-0.0005, 0.0005)
        self.s_shape = (0.0005 - abs(self.bow)) * random.uniform(-0.25, 0.25)
        self.hysteresis = random.uniform(0.0, 0.0005) if fault != "sticking" else random.uniform(0.002, 0.006)
        self.corners = [random.gauss(0.0, 1.0) for _ in range(4)]
        if fault == "corner":
            self.corners[random.randrange(4)] += random.choice((-1, 1)) * random.uniform(15.0, 60.0)
        self.sign = -1.0 if fault == "sign" else 1.0
        self.gain = COUNTS_PER_GRAM * random.uniform(0.97, 1.03)
        drifts_g = random.choice((-1, 1)) * random.uniform(8.0, 40.0)
        self.zero_drift_g = drifts_g if fault == "drift" else random.gauss(0.0, 0.6)

    def counts(self, grams: float, *, rising: bool = True, progress: float = 0.0, noise_g: float = 0.3) -> float:
        """What the cell gives above the zero at the beginning."""
        x = grams / MAX_G
        s_shape = self.s_shape * 20.0 * x * (1.0 - x) * (0.5 - x)
        bent = MAX_G * (self.bow * 4.0 * x * (1.0 - x) + s_shape)
        late = 0.0 if rising else self.hysteresis * MAX_G * 4.0 * x * (1.0 - x)
        noisy = grams + bent + late + self.zero_drift_g * progress + self.random.gauss(0.0, noise_g)
        return self.sign * self.gain * noisy


def mass(random: Random, grams: float) -> tuple[Mass, float]:
    """A mass by its name, and what it really is."""
    tolerance_g = grams * 50e-6
    return Mass(grams, tolerance_g), grams + random.uniform(-tolerance_g, tolerance_g)


def session(random: Random, fault: str) -> tuple[Cell, Result]:
    cell = Cell(random, fault)
    masses = {grams: mass(random, grams) for grams in (*LOADS_G, VERIFY_G)}
    wrong_g = random.choice(LOADS_G[:-1])
    factor = random.choice((0.5, 0.9, 1.1, 0.98)) if fault == "wrong-mass" else 1.0
    true = {grams: real * (factor if grams == wrong_g else 1.0) for grams, (_, real) in masses.items()}
    order = [(grams, True) for grams in LOADS_G] + [(grams, False) for grams in reversed(LOADS_G[:-1])]
    points = tuple(Point(masses[grams][0], cell.counts(true[grams], rising=rising, progress=i / len(order)), rising)
                   for i, (grams, rising) in enumerate(order))
    corner = [0.0, *cell.corners, 0.0]
    seen = Observations(
        points=points, repeats=tuple(cell.counts(masses[REPEAT_G][1], progress=1.0) for _ in range(6)),
        repeat_mass=masses[REPEAT_G][0],
        corners=tuple(cell.counts(masses[CORNER_G][1] + off, progress=1.0) for off in corner),
        corner_mass=masses[CORNER_G][0], zero_return=cell.counts(0.0, progress=1.0), noise_counts=0.3 * COUNTS_PER_GRAM,
        verify=Point(masses[VERIFY_G][0], cell.counts(masses[VERIFY_G][1], progress=1.0)))
    return cell, judged(seen, Scale(E_G, MAX_G, COUNTS_PER_GRAM))


def inside(cell: Cell, line: Line) -> bool:
    """Tell whether the calibrated scale is right everywhere, loads going up."""
    return all(abs(line.grams(cell.counts(grams, noise_g=0.0)) - grams) <= permitted_g(grams, E_G)
               for grams in (200.0 + 298.0 * i for i in range(101)))


def run(scales: int) -> dict[str, Counter[str]]:
    """Return by fault how often each verdict or cause came; "inside" counts good scales that are right everywhere."""
    table: dict[str, Counter[str]] = {}
    for fault in FAULTS:
        tally = table[fault or "good"] = Counter()
        for seed in range(scales):
            cell, result = session(Random(f"{fault}/{seed}"), fault)
            tally[result.cause or result.verdict] += 1
            tally["refused"] += result.verdict == "FAIL"
            if not fault:
                tally["inside"] += inside(cell, result.line)
                tally["accepted inside"] += result.verdict != "FAIL" and inside(cell, result.line)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scales", type=int, default=500)
    for fault, tally in run(parser.parse_args().scales).items():
        print(f"{fault:12} {dict(tally.most_common())}")


if __name__ == "__main__":
    main()
