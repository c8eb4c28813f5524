"""Twenty minutes at a packing scale whose zero moves by 2 to 8 d: many boxes, each a scenario of its own.

    python -m tests.campaigns.weighing_drift [--runs 8] [--rate 10] [--first 0]

Missed: no right value while the box stood there. Wrong: a value off by more than 1 d (1.5 d above 2000 d).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from random import Random

from agent.bench.scale import ScalePhysics
from agent.weighing import Weigher, WeightStable
from firmware_config.calibration import ScaleCalibration
from firmware_config.scale import ScaleSettings
from tests.campaigns.weighing_scenarios import box_mass_g, put, shop_rig

RUN_S = 1200.0


@dataclass(slots=True)
class Shift:
    """What became of the boxes of some runs."""

    boxes: int = 0
    missed: int = 0
    wrong: int = 0
    errors_d: list[float] = field(default_factory=list)


def weigh_a_shift(seed: int, rate_sps: float, shift: Shift, run_s: float = RUN_S) -> None:
    """Put boxes on and off for `run_s` while zero drifts, and add what the weigher made of them to `shift`."""
    random = Random(f"drift/{seed}/{rate_sps}")
    rig = shop_rig(random, rate_sps, "drift")
    d = rig.capacity_g / 3000.0
    rig = replace(rig, zero_drift_g_per_s=random.choice((-1.0, 1.0)) * random.uniform(2.0, 8.0) * d / RUN_S)
    physics = ScalePhysics(random.getrandbits(32), rig)
    weigher = Weigher(ScaleSettings(rate_sps=rate_sps, capacity_g=rig.capacity_g, division_g=d),
                      ScaleCalibration(zero_counts=rig.zero_counts, counts_per_gram=rig.counts_per_gram))
    at_s = random.uniform(5.0, 20.0)
    while at_s < run_s:
        for when_s, code in physics.conversions(at_s):
            shift.wrong += sum(isinstance(event, WeightStable) for event in weigher.feed(when_s, code))
        mass_g = box_mass_g(physics, random)
        off_s = put(physics, random, mass_g, at_s) + random.uniform(5.0, 9.0)
        physics.lift(off_s, mass_g)
        limit_d = 1.0 if mass_g <= 2000.0 * d else 1.5
        errors_d = [(event.gross_g - mass_g) / d for when_s, code in physics.conversions(off_s)
                    for event in weigher.feed(when_s, code) if isinstance(event, WeightStable)]
        right_d = [error_d for error_d in errors_d if abs(error_d) <= limit_d]
        shift.boxes += 1
        shift.missed += not right_d
        shift.wrong += len(errors_d) - len(right_d)
        shift.errors_d += right_d
        at_s = off_s + random.uniform(3.0, 40.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    shift = Shift()
    for seed in range(options.first, options.first + options.runs):
        weigh_a_shift(seed, options.rate, shift)
    rms_d = (sum(error * error for error in shift.errors_d) / max(1, len(shift.errors_d))) ** 0.5
    print(f"{options.rate:g} SPS: {shift.boxes} boxes in {options.runs} x {RUN_S / 60.0:g} min, missed {shift.missed}, "
          f"wrong {shift.wrong}, error rms {rms_d:.3f} d")


if __name__ == "__main__":
    main()
