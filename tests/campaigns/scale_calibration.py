"""How good calibrations are, and how often a bad one is refused with the right cause.

    python -m tests.campaigns.scale_calibration [--scales 500]

Simulated cells of 30 kg / 10 g: nonlinearity (a bow, an S-shape up to a quarter of what it leaves) and hysteresis up to
0.05 % of capacity each, corners to 0.3 e, two M1 masses of 5 kg and two of 10 kg within their tolerance. `inside` is
the share whose error stays within the permitted one at every load. Each fault comes large and small (just above what is
permitted), so that causes are not named by size alone:

    wrong load      one stack is not what was asked for: half, double, 10 %, 2 %, 0.5 % off
    wrong mass      one mass of the set is not what it is named: 4 %, 2 %, 1 % off, in all stacks that hold it
    sticking        hysteresis of 0.1 to 0.6 %
    corner          one corner off by 12 to 60 g (10 g are permitted)
    drift           zero moves by 6 to 40 g during the calibration (5 g are permitted)
    sign            the signal falls with load
"""

from __future__ import annotations

import argparse
from collections import Counter
from random import Random

from calibration.masses import from_words, stacks_of
from calibration.scale import Line, Mass, Observations, Point, Result, Scale, judged, permitted_g

MAX_G, E_G, COUNTS_PER_GRAM = 30_000.0, 10.0, 143.0
STACKS, VERIFY = stacks_of(from_words(("5kg", "5kg", "10kg", "10kg")), MAX_G)
CORNER, REPEAT = STACKS[1], STACKS[2]
FAULTS = ("", "wrong load", "wrong mass", "sticking", "corner", "drift", "sign")
CAUSES = {"wrong load": "wrong-mass", "wrong mass": "wrong-mass"}


class Cell:
    """One cell: its curve, up and down, and what is wrong with it."""

    def __init__(self, random: Random, fault: str) -> None:
        self.random, self.fault = random, fault
        self.bow = random.uniform(-0.0005, 0.0005)
        self.s_shape = (0.0005 - abs(self.bow)) * random.uniform(-0.25, 0.25)
        self.hysteresis = random.uniform(0.0, 0.0005) if fault != "sticking" else random.uniform(0.001, 0.006)
        self.corners = [random.gauss(0.0, 1.0) for _ in range(4)]
        if fault == "corner":
            self.corners[random.randrange(4)] += random.choice((-1, 1)) * random.uniform(12.0, 60.0)
        self.sign = -1.0 if fault == "sign" else 1.0
        self.gain = COUNTS_PER_GRAM * random.uniform(0.97, 1.03)
        drifts_g = random.choice((-1, 1)) * random.uniform(6.0, 40.0)
        self.zero_drift_g = drifts_g if fault == "drift" else random.gauss(0.0, 0.6)

    def counts(self, grams: float, *, rising: bool = True, progress: float = 0.0, noise_g: float = 0.3) -> float:
        """What the cell gives above the zero at the beginning."""
        x = grams / MAX_G
        s_shape = self.s_shape * 20.0 * x * (1.0 - x) * (0.5 - x)
        bent = MAX_G * (self.bow * 4.0 * x * (1.0 - x) + s_shape)
        late = 0.0 if rising else self.hysteresis * MAX_G * 4.0 * x * (1.0 - x)
        noisy = grams + bent + late + self.zero_drift_g * progress + self.random.gauss(0.0, noise_g)
        return self.sign * self.gain * noisy


def session(random: Random, fault: str) -> tuple[Cell, Result]:
    """One calibration of one cell, without the dialogue."""
    cell = Cell(random, fault)
    sizes = {part: float(part.partition("kg")[0]) * 1000.0 for part in STACKS[-1].parts}
    real = {part: grams * (1.0 + random.uniform(-50e-6, 50e-6)) for part, grams in sizes.items()}
    if fault == "wrong mass":
        real[random.choice(sorted(real))] *= 1.0 + random.choice((-1, 1)) * random.choice((0.04, 0.02, 0.01))
    wrong, factor = random.choice(STACKS[:-1]), random.choice((0.5, 2.0, 0.9, 1.1, 0.98, 1.02, 0.995, 1.005))

    def counts(mass: Mass, off_g: float = 0.0, *, rising: bool = True, progress: float = 1.0) -> float:
        grams = sum(real[part] for part in mass.parts) * (factor if fault == "wrong load" and mass is wrong else 1.0)
        return cell.counts(grams + off_g, rising=rising, progress=progress)

    order = [(mass, True) for mass in STACKS] + [(mass, False) for mass in reversed(STACKS[:-1])]
    seen = Observations(
        points=tuple(Point(mass, counts(mass, rising=rising, progress=i / len(order)), rising)
                     for i, (mass, rising) in enumerate(order)),
        repeats=tuple(counts(REPEAT) for _ in range(6)), repeat_mass=REPEAT,
        corners=tuple(counts(CORNER, off_g) for off_g in (0.0, *cell.corners, 0.0)), corner_mass=CORNER,
        zero_return=cell.counts(0.0, progress=1.0), noise_counts=0.3 * COUNTS_PER_GRAM,
        verify=Point(VERIFY, counts(VERIFY)))
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
            tally["right"] += bool(fault) and result.cause == CAUSES.get(fault, fault)
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
