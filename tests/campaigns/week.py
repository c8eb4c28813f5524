"""A simulated week at one station: `python -m tests.campaigns.week [--jobs N] [--days D] [--seed S]`.

Core and store are the real ones, everything around them is simulated on a clock of its own (tests/simulation): crashes,
cut links, lost and doubled receipts, messages out of order, cancels and a mute printer go on all week. The station
forgets each night what ended two days ago, so that its database must stay as large as it was.
"""

from __future__ import annotations

import argparse
import heapq
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from tests.simulation.disk import Disk
from tests.simulation.node import Node, Shell
from tests.simulation.oms import ENDS, Oms, topic_for
from tests.simulation.story import empty_template
from tests.simulation.world import Rates, World

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_MS = 86_400_000
SHIFT_MS = 16 * 3_600_000
KEPT_DAYS = 2
RATES = Rates(crash=0.002, cut=0.01, broker_forgets=0.02, receipt_lost=0.05, receipt_twice=0.05, oms_queue_lost=0.02,
              cancel=0.03, overtake=0.05, printer_mute=0.02, slow=0.02, stall=0.005)


class Week(World):
    """A world whose faults end with the last day; its trace keeps the newest lines alone."""

    def __init__(self, seed: int, days: int) -> None:
        super().__init__(seed)
        self.rates, self.end_ms = RATES, days * DAY_MS

    def bad(self, rate: float) -> bool:
        return rate > 0 and self.now_ms < self.end_ms and self.chance.random() < rate

    def note(self, words: str) -> None:
        super().note(words)
        del self.trace[:-20]

    def run(self, done: Callable[[], bool]) -> None:
        """Let the week happen, and what is left after it."""
        while self._heap:
            at_ms, _, happening = heapq.heappop(self._heap)
            if at_ms > self.end_ms and done():
                return
            self.now_ms = at_ms
            happening()


class SlowNode(Node):
    """A station that looks at its clock and its packer more seldom, so that a week takes minutes."""

    def _every(self, call: Any, period_ms: int) -> None:  # noqa: ANN401 (any happening)
        super()._every(call, period_ms * 6)


def night(world: Week, node: SlowNode, oms: Oms, disk: Disk, rows: list[tuple[float, ...]]) -> None:
    """Forget what is old, as `Chores` does, and note the day."""
    if node.alive:
        with node.store.transaction():
            node.store.forget(world.now_ms, ended_days=KEPT_DAYS, addresses_days=1)
        node.acked_jobs = {job for job in node.acked_jobs if oms.state.get(job) not in ENDS}
    kept = node.store.counts()
    pages = disk.open().execute("PRAGMA page_count").fetchone()[0] - disk.open().execute(
        "PRAGMA freelist_count").fetchone()[0]
    rows.append((world.now_ms / DAY_MS, len(oms.jobs), sum(state in ENDS for state in oms.state.values()),
                 len(node.printer.out), pages * 4, kept["outbox"], node.store.boot))
    if world.now_ms < world.end_ms:
        world.later(DAY_MS, DAY_MS, lambda: night(world, node, oms, disk, rows))


def live(jobs: int, days: int, seed: int) -> tuple[Oms, SlowNode, list[tuple[float, ...]]]:
    """Live through the week; return the OMS, the station, and a row for each night. Raises ViolationError."""
    world, disk = Week(seed, days), Disk(empty_template())
    node = SlowNode(world, "st-1", disk, Shell())

    def send(station: str, leaf: str, body: dict[str, Any]) -> None:
        payload = msgspec.json.encode(body)
        slow = world.bad(world.rates.overtake)
        world.later(1, 8_000 if slow else 50, lambda: node.session.publish(topic_for(station, leaf), payload))

    oms = node.oms = Oms(world, send)
    for number in range(jobs):
        at_ms = number * days // jobs * DAY_MS + world.chance.randint(0, SHIFT_MS)
        world.later(at_ms, at_ms, partial(oms.assign, f"J-{number}", "st-1"))
    rows: list[tuple[float, ...]] = []
    world.later(DAY_MS - 1, DAY_MS - 1, lambda: night(world, node, oms, disk, rows))
    world.run(lambda: len(oms.jobs) == jobs and oms.all_ended() and node.at_rest())
    return oms, node, rows


def faults(oms: Oms, node: SlowNode) -> list[str]:
    """Return what was lost, doubled or is still owed."""
    found = [f"{name} never ended: {oms.state.get(name)}" for name in oms.jobs if oms.state.get(name) not in ENDS]
    packed = [name for name in oms.jobs if oms.packed_by.get(name)]
    ordered = sum(oms.jobs[name]["items"][0]["qty"] for name in packed)
    if oms.stock() != ordered:
        found.append(f"{oms.stock()} pieces were booked, {ordered} packed")
    if len(set(node.printer.out)) < len(node.printer.out):
        found.append("a page came out twice")
    if node.owes():
        found.append(f"{node.owes()} facts are still owed")
    return found


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began_s = time.process_time()
    oms, node, rows = live(asked.jobs, asked.days, asked.seed)
    print(f"{'day':>4} {'jobs':>6} {'ended':>6} {'labels':>7} {'db kB':>6} {'outbox':>6} {'lives':>6}")
    for row in rows:
        print(f"{row[0]:4.0f} {row[1]:6.0f} {row[2]:6.0f} {row[3]:7.0f} {row[4]:6.0f} {row[5]:6.0f} {row[6]:6.0f}")
    wrong = faults(oms, node)
    print(f"{len(oms.jobs)} jobs, {len(oms.packed_by)} packed, {len(oms.cancelled)} cancelled, {node.store.boot} lives:"
          f" {len(wrong)} wrong; {time.process_time() - began_s:.0f} s of CPU")
    print("\n".join(wrong[:20]))
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
