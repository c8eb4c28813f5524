"""Random walks through the core with scans, cards, boxes and faults: `python -m tests.campaigns.walks [--seeds N]`.

Where the exhaustive exploration is short and complete, a walk is long and wide: two jobs of every kind, codes of every
kind, by camera and by hand, weights that fit and that don't. After each step the promises about contents are checked.
"""

from __future__ import annotations

import argparse
import random
import time
from typing import TYPE_CHECKING, Any, get_args

from msgspec.structs import replace

from agent.station import items, rules
from agent.station.commands import WITH_VALUE, Card, Command
from agent.station.events import (
    Delivery,
    DeviceRecovered,
    PageDoubtful,
    PageNotPrinted,
    PagePrinted,
    PlatformCleared,
    RestDecided,
    TimePassed,
)
from agent.station.facts import StockMoved
from agent.station.values import Finding, RestVerdict, Vouching
from agent.station.view import look, view
from firmware_config.settings import Scanner
from tests.builders import Bench, a_job, settings

if TYPE_CHECKING:
    from agent.station.values import Job, Parcel

TEA, CUP, MILK = "4006381333931", "96385074", "4012345678901"
UNSURE = Vouching(to_scan=("MILK",), units=(("TEA", 100.0, 1.0), ("CUP", 300.0, 2.0), ("MILK", 1_000.0, 5.0)))
GROSS_G = (300, 400, 500, 700, 900, 1_000, 1_300, 2_000)
STEPS = 160


class WalkError(AssertionError):
    """A promise about the boxes was broken."""


class Walk:
    """One station, two jobs, and a packer who does anything."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        choice = self.chance.choice
        config = settings(scan_items=choice(("asked", "unvouched")), waiting_slip=choice((True, False)))
        if choice((True, False)):
            config = replace(config, scanner=(Scanner(driver="serial", path="/dev/ttyS0"),))
        if self.chance.random() < 0.2:
            config = replace(config, camera=())
        self.bench = Bench(config)
        self.jobs = [self._job(name) for name in ("J-1", "J-2")]
        for job in self.jobs:
            self.bench.assign(job)

    def _job(self, name: str) -> Job:
        choice, chance = self.chance.choice, self.chance
        lines = [
            {"sku": "TEA", "name": "Tea", "qty": chance.randint(0, 3), "barcodes": [TEA]},
            {"sku": "CUP", "name": "Cup", "qty": chance.randint(1, 2), "barcodes": [CUP],
             "capture": choice(([], ["serial"], ["serial", "lot"]))},
            {"sku": "MILK", "name": "Milk", "qty": chance.randint(0, 2), "barcodes": [MILK, TEA],
             "capture": choice(([], ["lot"]))},
        ]
        verify: dict[str, Any] = {"scan": chance.random() < 0.6, "proof": choice(("required", "preferred", "off"))}
        if chance.random() < 0.4:
            verify["weight"] = {"expected_g": 900, "tolerance_g": 40}
        numbered = [{"id": f"label-{letter}", "role": "label", "data": {"tracking": f"{letter}-{name}"}}
                    for letter in "TU"]
        labels = choice(([], [{"id": "label", "role": "label"}], numbered[:1], numbered))
        return a_job(name, items=lines, verify=verify, papers=[{"id": "slip", "role": "slip"}, *labels],
                     label_when=choice(("after_weighing", "before_packing", "on_request")))

    def run(self, steps: int = STEPS) -> None:
        """Take so many steps. Raises WalkError."""
        for _ in range(steps):
            self.bench.now_ms += self.chance.choice((10, 500, 3_000))
            self._step()
            view(self.bench.state, self.bench.config)
            look(self.bench.state, self.bench.config)
            for job in self.jobs:
                self._check(job)
        known: dict[str, object] = {}
        for fact in self.bench.facts:
            if known.setdefault(fact.key, fact) != fact:
                raise WalkError(f"{fact.key} was told with other content")

    def _step(self) -> None:
        chance, bench = self.chance, self.bench
        does = (self._scan, self._see, self._weigh, self._print, self._decide, self._rarely)
        does[chance.choices(range(len(does)), weights=(22, 35, 18, 15, 4, 6))[0]]()
        if chance.random() < 0.05:
            bench.send(DeviceRecovered(at_ms=0, device="printer"))

    def _code(self) -> str:
        """Return any code that may come before a reader."""
        card = self.chance.choice(list(Command))
        marks = [page.mark for page in self.bench.pages.values()]
        serial = self.chance.randint(1, 4)
        return self.chance.choice((
            TEA, TEA, CUP, MILK, "4006381333900", "x", "21S1", f"01{CUP.zfill(14)}21S{serial}",
            f"01{MILK.zfill(14)}10L1", "J-1", "J-1", "J-2", *marks[-3:],
            Card(card, "M2" if card in WITH_VALUE else "").text))

    def _scan(self) -> None:
        self.bench.see(self._code(), visit=0, scanned=True, vouching=self.chance.choice((None, UNSURE)))

    def _see(self) -> None:
        codes = {self._code() for _ in range(self.chance.randint(0, 2))}
        doubt = Finding(finding="check", off_g=self.chance.choice((-128, 100)), sd_g=4, wrong=0.9, words="Check TEA.")
        self.bench.see(*sorted(codes), vouching=self.chance.choice((None, UNSURE)),
                       measuring=self.chance.random() < 0.3, finding=doubt if self.chance.random() < 0.2 else None)

    def _weigh(self) -> None:
        if self.chance.random() < 0.35:
            self.bench.send(PlatformCleared(at_ms=0))
        else:
            self.bench.weigh(self.chance.choice(GROSS_G))

    def _print(self) -> None:
        for page in [one for one in self.bench.state.prints if one.state == "sending"][:1]:
            fate = self.chance.random()
            if fate < 0.7:
                self.bench.send(PagePrinted(at_ms=0, print_no=page.no))
            else:
                kind = PageDoubtful if fate < 0.85 else PageNotPrinted
                self.bench.send(kind(at_ms=0, print_no=page.no, code="printer.silent"))

    def _decide(self) -> None:
        """The OMS sends a label, decides about a held parcel or about a rest."""
        bench, chance = self.bench, self.chance
        for parcel in bench.state.parcels:
            if parcel.waiting:
                bench.send_label(parcel.id, f"TRK-{chance.randint(1, 10**9)}")
            elif parcel.state == "held":
                bench.decide(parcel.id, chance.choice(("release", "repack")))
        job = chance.choice(("J-1", "J-2", "J-9"))
        bench.send(RestDecided(at_ms=0, job=job, rest=chance.choice(get_args(RestVerdict)), delivery=Delivery(1, 9),
                               known=bench.jobs.get(job)))

    def _rarely(self) -> None:
        fate = self.chance.random()
        if fate < 0.2:
            self.bench.restart()
        elif fate < 0.55:
            self.bench.press(long=fate < 0.3)
        elif fate < 0.95:
            self.bench.send(TimePassed(at_ms=self.bench.now_ms + 5_000, wall_ms=0, time_ok=False))
        else:
            self.bench.cancel("J-1", 2)

    def _check(self, job: Job) -> None:
        mine = [parcel for parcel in self.bench.parcels.values() if parcel.job == job.job]
        packed: dict[str, int] = {}
        for parcel in mine:
            if parcel.state != "void":
                packed = items.plus(packed, dict(parcel.contents))
            if not parcel.contents or items.minus(items.pieces(parcel.items), dict(parcel.contents)):
                raise WalkError(f"{parcel.id} holds {parcel.contents}, scanned were {parcel.items}")
        if too_many := items.minus(packed, dict(rules.contents(job))):
            raise WalkError(f"{job.job} holds {too_many} more than ordered")
        closed = [parcel for parcel in mine if parcel.state == "closed"]
        moved = [fact for fact in self.bench.told(StockMoved) if fact.job == job.job]
        if sum(fact.qty for fact in moved) != sum(count for parcel in closed for _, count in parcel.contents):
            raise WalkError(f"{job.job}: what left is not what its closed parcels hold")
        numbers = [parcel.tracking for parcel in closed if parcel.tracking]
        if len(set(numbers)) < len(numbers):
            raise WalkError(f"{job.job}: two parcels with one tracking number")

    def closed(self) -> list[Parcel]:
        """Return the parcels that were closed."""
        return [parcel for parcel in self.bench.parcels.values() if parcel.state == "closed"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    began_s, closed, split, broken = time.process_time(), 0, 0, []
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        walk = Walk(seed)
        try:
            walk.run()
        except WalkError as error:
            broken.append(f"seed {seed}: {error}")
        jobs = [parcel.job for parcel in walk.closed()]
        closed += len(jobs)
        split += len(jobs) - len(set(jobs))
    print(f"walks {chosen.seeds}, steps {chosen.seeds * STEPS}, parcels closed {closed}, second boxes {split},"
          f" broken {len(broken)}, CPU {time.process_time() - began_s:.0f} s")
    for line in broken[:10]:
        print(line)
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
