"""Pull the plug at every step of an upgrade: `python -m tests.campaigns.power_cuts [--kills N]`.

Each kill ends pbctl and all its programs at one step, before or after it is done; then the station boots, must run a
release that is well, must have its data, and must take the next release. Steps are every program that pbctl starts.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.systemd.station_folder import StationFolder, survives


def main() -> int:
    """Print one row a behaviour; return 1 when a kill left a station that does not run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at least this many; every step comes first")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    chance = random.Random(wanted.seed)
    bad = 0
    print(f"{'new release':<12} {'steps':>6} {'kills':>6} {'bad':>4} {'s':>6}")
    for behaviour in ("well", "crash", "broken"):
        with tempfile.TemporaryDirectory() as folder:
            first = StationFolder.made_in(Path(folder))
            first.pbctl("install", str(first.release("1.0.0")))
            count = first.copied_to(Path(folder) / "count")
            count.pbctl("install", str(first.release("1.1", behaviour)), kill_at="never")
            steps = count.steps
            points = [f"{step}{half}" for step in range(1, steps + 1) for half in ("", ".5")]
            points += chance.choices(points, k=max(0, wanted.kills // 3 - len(points)))
            began = time.monotonic()
            lost = 0
            for number, kill_at in enumerate(points):
                try:
                    survives(first, f"2.{number}", behaviour, kill_at)
                except AssertionError as error:
                    lost += 1
                    print(f"  {error}", file=sys.stderr)
            print(f"{behaviour:<12} {steps:>6} {len(points):>6} {lost:>4} {time.monotonic() - began:>6.0f}", flush=True)
            bad += lost
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
