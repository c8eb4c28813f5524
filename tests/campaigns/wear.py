"""Bytes that one packed job writes to the disk: `python -m tests.campaigns.wear [--jobs N]`.

Core and store go through whole jobs (3 kB, label, proof, receipts), one commit for each thing that happens, as at a
real station's pace; the kernel's own count of this process (`/proc/self/io`, `write_bytes`) is divided by the jobs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import msgspec

from agent.messages import decode
from agent.run import turn
from agent.station.events import AgentStarted, CodesSeen, Delivery, Event, PagePrinted, PlatformCleared, WeightStable
from agent.station.events import FactsReceipted as Receipted
from agent.station.state import State
from agent.station.values import Weight
from agent.store import Store
from tests.builders import settings
from tests.campaigns.delivery import job


def written() -> int:
    """Return the bytes that this process had written to disks so far (proc(5))."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        store = Store(Path(folder), station="st-1")
        state, config, commits, facts = State(), settings(), 0, 0

        def happen(*events: Event) -> None:
            nonlocal state, commits
            state, _ = turn(store, state, list(events), config, wall_ms=1)
            commits += 1

        happen(AgentStarted(at_ms=0, store_id=store.store_id, boot=1))
        before = written()
        for number in range(chosen.jobs):
            work = {**job(number), "items": [{"sku": f"S-{n}", "name": "z" * 120, "qty": 1} for n in range(14)]}
            here = Delivery(1, 1)
            happen(decode("pack/v1/st/st-1/job/assign", msgspec.json.encode(work), station="st-1", site="ams1",
                          retained=False, delivery=here, at_ms=1))
            happen(WeightStable(at_ms=1, gross=Weight(value_g=900, u95_g=2)))
            happen(CodesSeen(at_ms=1, visit=state.visit, codes=(work["job"],)))
            label = state.prints[-1]
            happen(PagePrinted(at_ms=1, print_no=label.no))
            happen(CodesSeen(at_ms=1, visit=state.visit, codes=(label.mark,)))
            happen(CodesSeen(at_ms=1, visit=state.visit, codes=(label.mark,)))
            happen(PlatformCleared(at_ms=1))
            rows = store.due(number, 200)
            facts += len(rows)
            happen(Receipted(at_ms=1, ids=tuple(row.id for row in rows), delivery=here))
            store.resend_all()
        total = written() - before
        print(f"{total / chosen.jobs / 1000:.0f} kB a job, {commits / chosen.jobs:.1f} commits and"
              f" {facts / chosen.jobs:.1f} facts each; 10,000 jobs a day are {total / chosen.jobs / 1e5:.1f} GB")
        store.close()


if __name__ == "__main__":
    main()
