"""Boxes measured on stations that nobody has seen: `python -m tests.campaigns.dimensions [--seeds N] [--from SEED]`.

Each seed is a new station of each kind (`dimension_scenes`), with every condition once. Printed per kind: the share of
measurable boxes that were measured, the largest error of a box's three dimensions (95th percentile and maximum of the
accepted), answers that are wrong by more than 10 mm or should have been refused, how often the uncertainty covers the
error, and CPU time of one thread for three pictures. The error is the distance to the interval between edge and outer
dimension.

The peer in the same run is what most camera rulers do: what changed is laid on the platform by one homography, and the
smallest rectangle round it is length and width.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from msgspec.structs import replace

from agent.vision.dimensions import Dimensions
from agent.vision.dimensions_evidence import evidence
from agent.vision.dimensions_soft import footprint_mm
from agent.vision.dimensions_station import load_station, read_picture
from agent.vision.dimensions_view import View
from tests.campaigns.dimension_scenes import CONDITIONS, KINDS, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.dimensions_station import Measurement, Station

WRONG_MM = 10.0


@dataclass
class Tally:
    """What became of one kind's measurements; errors are mm."""

    measurable: int = 0
    measured: int = 0
    worst_mm: list[float] = field(default_factory=list)
    peer_mm: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)


def error_mm(sides: NDArray[np.float64], truth: dict[str, Any]) -> NDArray[np.float64]:
    """Return the distances (3) from the interval between edge and outer dimensions; longer side first."""
    low, high = (np.array([*sorted(truth[key][:2], reverse=True), truth[key][2]]) for key in ("edge_mm", "outer_mm"))
    return np.asarray(np.maximum(np.maximum(low - sides, sides - high), 0.0))


def peer(station: Station, row: Measurement) -> NDArray[np.float64] | None:
    """Return length and width as the smallest rectangle round the changed pixels, laid on the platform."""
    view = row.views[0]
    picture = read_picture(station.folder / view.file)
    lens = View.of(station.calibrations[view.camera])
    seen = None if picture is None else evidence(lens, picture, station.empty[view.camera])
    return footprint_mm(seen, 0.0) if seen is not None else None


def judge(tally: Tally, name: str, station: Station, row: Measurement, truth: dict[str, Any]) -> None:
    """Measure once, as a station does with three pictures, and count the answer."""
    began = time.process_time()
    answer = station.measure(replace(row, views=row.views * 3))
    tally.cpu_s.append(time.process_time() - began)
    tally.measurable += truth["expect"] == "measure"
    if not isinstance(answer, Dimensions):
        tally.refusals[answer.code] += 1
        return
    tally.measured += truth["expect"] == "measure"
    if truth["edge_mm"] is None or truth["expect"] == "refuse":
        tally.wrong.append(f"{name} {truth['tags'][0]}")
        return
    extents = (answer.length, answer.width, answer.height)
    error = error_mm(np.array([extent.value_mm for extent in extents]), truth)
    tally.worst_mm.append(float(error.max()))
    tally.covered += [bool(miss <= extent.u95_mm) for miss, extent in zip(error, extents, strict=True)]
    if error.max() > WRONG_MM:
        tally.wrong.append(f"{name} {truth['tags'][0]}")
    naive = peer(station, row)
    if naive is not None:
        tally.peer_mm.append(float(np.abs(naive - sorted(truth["edge_mm"][:2], reverse=True)).max()))


def run(kind: str, seed: int, conditions: tuple[str, ...], tally: Tally, folder: Path | None = None) -> None:
    """Render one station and measure all that stands on it; `folder` keeps the pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        place = (folder or Path(scratch)) / f"{kind}-{seed}"
        write(place, kind, seed, conditions)
        truth = json.loads((place / "truth.json").read_text())["measurements"]
        station = load_station(place / "manifest.json")
        for row in station.manifest.measurements:
            judge(tally, f"{kind}-{seed}/{row.id}", station, row, truth[row.id])


def line(kind: str, tally: Tally) -> str:
    """Return one row of the table."""
    worst = np.array(tally.worst_mm or [np.nan])
    ratio = np.median(tally.peer_mm) / max(float(np.median(worst)), 0.1) if tally.peer_mm else np.nan
    share = tally.measured / tally.measurable if tally.measurable else np.nan
    return (f"{kind:<10} {len(tally.cpu_s):>4} {share:>9.2f} {len(tally.worst_mm):>9} {np.percentile(worst, 95):>7.1f} "
            f"{worst.max():>7.1f} {len(tally.wrong):>6} {np.mean(tally.covered) if tally.covered else np.nan:>9.3f} "
            f"{np.median(tally.cpu_s):>7.2f} {np.percentile(tally.cpu_s, 95):>7.2f} {ratio:>7.0f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--from", type=int, default=1000, dest="first")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--keep", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{'kind':<10} {'n':>4} {'measured':>9} {'accepted':>9} {'p95 mm':>7} {'max mm':>7} {'wrong':>6} "
          f"{'u95 cover':>9} {'cpu s':>7} {'p95 s':>7} {'peer x':>7}")
    for kind in wanted.kinds:
        tally = Tally()
        for seed in range(wanted.first, wanted.first + wanted.seeds):
            run(kind, seed, CONDITIONS, tally, wanted.keep)
        print(line(kind, tally), flush=True)
        for name in tally.wrong:
            print(f"  wrong: {name}")
        print("  refused: " + ", ".join(f"{code} {count}" for code, count in tally.refusals.most_common()), flush=True)


if __name__ == "__main__":
    main()
