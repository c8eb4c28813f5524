"""Batches of labels with one fault each, judged by what the printer journalled; and printing beside brother_ql.

`python -m tests.campaigns.printing [--seeds N]` runs N batches of 50 pages in virtual time and prints one line for
each class of fault; `--beside` runs the ten fault situations and the conversion beside brother_ql, in real time.
A batch is judged by the printer's journal alone: every page must have come out whole and in order, once, unless it
was named as doubtful before it was printed again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

from agent.devices import InDoubt, Printed, PrintProgress, Suspended, raster
from agent.devices.ql_media import model_named
from tests.campaigns.printing_bench import HANDS, MOMENTS_S, PACKETS, PLACES, Bench, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PAGES = 50
ATTEMPTS = 6
MODELS = ("QL-700", "QL-820NWB", "QL-1110NWB")
STATEMENTS = 4000  # more lines than the driver runs for one page


class Killed(BaseException):
    """The process dies at this statement."""


@cache
def rendered(model: str) -> tuple[tuple[bytes, str], ...]:
    """Fifty different small pages: job and the hash of its pixels. Drawn once, used by every batch."""
    import hashlib

    from PIL import Image, ImageDraw

    height = max(150, int(model_named(model).min_max_length_dots[0]))
    pages = []
    for number in range(PAGES):
        picture = Image.new("1", (696, height), 1)
        ImageDraw.Draw(picture).rectangle((10 + 10 * number, 10, 60 + 10 * number, height - 10), fill=0)
        job = raster.encode(picture, model=model, media="62")
        pages.append((job, hashlib.sha256(picture.tobytes()).hexdigest()))
    return tuple(pages)


@dataclass
class Verdict:
    """What a batch came to."""

    fault: str
    lost: int = 0
    silent_doubles: int = 0
    out_of_order: int = 0
    lies: int = 0  # an end that the journal does not bear out
    named: int = 0
    unended: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.silent_doubles or self.out_of_order or self.lies or self.unended)


def draw_fault(chance: Random) -> Fault:
    kind = chance.choice((*HANDS, *PACKETS, "kill", "kill", "kill"))
    return Fault(kind, chance.choice(PLACES), chance.choice(MOMENTS_S), chance.randrange(STATEMENTS), chance)


def batch(seed: int) -> Verdict:
    """Print one batch with one fault in it, mending and settling as a packer would."""
    chance = Random(seed)
    bench = Bench(chance.choice(MODELS), chance, spoken=chance.random() < 0.75)
    fault, faulty = draw_fault(chance), chance.randrange(PAGES)
    verdict = Verdict(fault.name)
    doubtful = set()
    for number, (job, digest) in enumerate(rendered(bench.model)):
        for attempt in range(ATTEMPTS):
            before = bench.came_out(digest) if attempt else 0
            end = one_page(bench, job, fault if number == faulty and not attempt else None)
            out = bench.came_out(digest) - before if isinstance(end, Printed) or number == faulty else 1
            if isinstance(end, Printed):
                verdict.lies += out != 1
                break
            bench.mend()
            if isinstance(end, InDoubt):
                doubtful.add(digest)
                bench.settle()
                if bench.came_out(digest) > before:
                    break
            else:
                bench.settle()
                verdict.lies += bench.came_out(digest) != before
        else:
            verdict.unended += 1
    judge(bench, verdict, doubtful)
    return verdict


def one_page(bench: Bench, job: bytes, fault: Fault | None) -> PrintProgress:
    """Print a page and return its end; the station that is killed in it finds its intent on disk: in doubt."""
    if fault is None:
        bench.fault = Fault()
        return last_of(bench, job)
    bench.arm(fault, job)
    try:
        with killed_at(fault.statement if fault.kind == "kill" else None):
            end = last_of(bench, job)
    except Killed:
        bench.printer = bench.started()
        if bench.connected and bench.hears_hang_up:
            bench.engine.hang_up()
        return InDoubt("station.killed", "The station was stopped while it printed.")
    if fault.kind == "close":
        bench.printer = bench.started()
    return end


def last_of(bench: Bench, job: bytes) -> PrintProgress:
    for progress in bench.printer.print_page(job):
        if not isinstance(progress, Suspended):
            return progress
        bench.mend()
    raise AssertionError("a page without an end")


class killed_at:  # noqa: N801 (reads as a statement)
    """Raise Killed at the n-th line that the driver runs."""

    def __init__(self, statement: int | None) -> None:
        self._left = statement

    def __enter__(self) -> None:
        if self._left is not None:
            sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if "/agent/devices/ql_" not in frame.f_code.co_filename:
            return None
        if event == "line" and self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._left = None
                sys.settrace(None)
                raise Killed
        return self._trace


def judge(bench: Bench, verdict: Verdict, doubtful: set[str]) -> None:
    """Read the journal, and believe nothing else."""
    bench.settle()
    order = [digest for _, digest in rendered(bench.model)]
    whole = [line["pixels_sha256"] for line in bench.journal if line["kind"] == "printed"]
    times = Counter(whole)
    verdict.named = len(doubtful)
    verdict.lost = sum(not times[digest] for digest in order)
    verdict.silent_doubles = sum(times[digest] > 1 for digest in order if digest not in doubtful)
    verdict.lies += sum(digest not in order for digest in whole)  # something else came out for a page
    whole = [digest for digest in whole if digest in order]
    verdict.out_of_order = sum(order.index(this) < order.index(last) for last, this in pairwise(whole))


def campaign(seeds: range) -> Iterator[tuple[int, Verdict]]:
    for seed in seeds:
        yield seed, batch(seed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--beside", action="store_true")
    asked = parser.parse_args()
    if asked.beside:
        from tests.campaigns.printing_beside import beside

        return beside()
    return faults(range(asked.first, asked.first + asked.seeds))


def faults(seeds: range) -> int:
    begun_s = time.process_time()
    rows: dict[str, list[Verdict]] = defaultdict(list)
    bad = []
    for seed, verdict in campaign(seeds):
        rows[verdict.fault].append(verdict)
        if not verdict.clean:
            bad.append((seed, verdict))
        if (seed + 1 - seeds.start) % 100 == 0:
            print(f"{seed + 1 - seeds.start} of {len(seeds)}, {len(bad)} not clean", file=sys.stderr, flush=True)
    columns = ("batches", "pages", "lost", "silent doubles", "wrong order", "untrue ends", "named")
    print("".join((f"{'fault':<24}", *(f"{name:>{len(name) + 2}}" for name in columns))))
    for name, verdicts in sorted(rows.items()):
        counted = ("lost", "silent_doubles", "out_of_order", "lies", "named")
        sums = [sum(getattr(verdict, count) for verdict in verdicts) for count in counted]
        cells = zip(columns, [len(verdicts), PAGES * len(verdicts), *sums], strict=True)
        print("".join((f"{name:<24}", *(f"{value:>{len(title) + 2}}" for title, value in cells))))
    print(f"{len(seeds)} batches, {len(bad)} not clean, {time.process_time() - begun_s:.0f} s CPU")
    for seed, verdict in bad[:20]:
        print(f"seed {seed}: {verdict}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
