"""A whole station in one thread under a seed: core and store are real, everything around them is simulated.

The heap holds what will happen, on a clock of its own; every fault is drawn from rates that the seed draws first, so
that some seeds are quiet but for one fault. Two phases: faults, then calm; what must be true is asked after the calm.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from agent.messages import topics
from agent.station.values import Job

if TYPE_CHECKING:
    from collections.abc import Callable

_job = msgspec.json.Decoder(Job)
FAULTS_MS = 40_000
CALM_MS = 6_000_000  # longer than an hour without receipts and the longest wait between two attempts


class ViolationError(AssertionError):
    """A promise was broken."""


class Crash(Exception):  # noqa: N818 (nothing is wrong with the program: its power is gone)
    """The agent's process ends here and now."""


@dataclass
class Rates:
    """How often things go wrong, 0 to 1; each rate is nought in most seeds."""

    crash: float = 0.0
    cut: float = 0.0
    broker_forgets: float = 0.0
    receipt_lost: float = 0.0
    receipt_twice: float = 0.0
    oms_queue_lost: float = 0.0
    cancel: float = 0.0
    overtake: float = 0.0
    printer_mute: float = 0.0
    slow: float = 0.0
    stall: float = 0.0

    @classmethod
    def drawn(cls, chance: random.Random) -> Rates:
        rates = cls()
        for name in vars(rates):
            if chance.random() < 0.5:
                setattr(rates, name, chance.choice((0.02, 0.1, 0.3)))
        return rates


@dataclass
class World:
    """The clock, the chance, and what happened (a trace that the same seed repeats)."""

    seed: int
    chance: random.Random = field(init=False)
    rates: Rates = field(init=False)
    now_ms: int = 0
    trace: list[str] = field(default_factory=list)
    _heap: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.rates = Rates.drawn(self.chance)

    def later(self, low_ms: int, high_ms: int, happening: Callable[[], None]) -> None:
        """Let something happen after a while."""
        delay_ms = self.chance.randint(low_ms, high_ms)
        if self.bad(self.rates.slow):
            delay_ms += 2_000
        self._count += 1
        heapq.heappush(self._heap, (self.now_ms + delay_ms, self._count, happening))

    def bad(self, rate: float) -> bool:
        """Draw whether a fault happens; never in the calm."""
        return rate > 0 and self.now_ms < FAULTS_MS and self.chance.random() < rate

    def note(self, words: str) -> None:
        """Write into the trace."""
        self.trace.append(f"{self.now_ms:>9} {words}")

    def run(self, done: Callable[[], bool]) -> None:
        """Let things happen until the calm is over, or everything is done."""
        while self._heap:
            at_ms, _, happening = heapq.heappop(self._heap)
            if at_ms > FAULTS_MS + CALM_MS or (at_ms > FAULTS_MS and done()):
                return
            self.now_ms = at_ms
            happening()


@dataclass(eq=False)
class Message:
    """A message at the broker; `kept` once the station has it on its disk."""

    topic: str
    payload: bytes
    kept: bool = False


class Session:
    """A broker's memory of one station: what waits for it, and what it was given but did not acknowledge."""

    WINDOW = 5

    def __init__(self, world: World, deliver: Callable[[int, Message], None]) -> None:
        self._world = world
        self._deliver = deliver
        self._queue: list[Message] = []
        self.given: dict[int, Message] = {}
        self.connected = False

    def publish(self, topic: str, payload: bytes) -> None:
        """Take a message for the station."""
        place = len(self._queue)
        if self._queue and self._world.bad(self._world.rates.overtake):
            place -= 1
        self._queue.insert(place, Message(topic, payload))
        self._pump()

    def connect(self) -> None:
        """A connection begins: what was not acknowledged is given again, under message ids that were used before."""
        again = list(self.given.values())
        self.given.clear()
        self._queue = again + self._queue
        if self._world.bad(self._world.rates.overtake):
            self._world.chance.shuffle(self._queue)
        if self._world.bad(self._world.rates.broker_forgets):
            self._world.note("broker forgot the session")
            self._queue.clear()
        self.connected = True
        self._pump()

    def acknowledge(self, mid: int) -> Message | None:
        """Forget a message; return what it was."""
        message = self.given.pop(mid, None)
        self._pump()
        return message

    def _pump(self) -> None:
        while self.connected and self._queue and len(self.given) < self.WINDOW:
            mid = next(number for number in range(1, self.WINDOW + 1) if number not in self.given)
            self.given[mid] = self._queue.pop(0)
            self._deliver(mid, self.given[mid])


class Printer:
    """Paper comes out also when the agent is dead; the answer may get lost."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.out: list[str] = []

    def print(self, mark: str, answer: Callable[[], None]) -> None:
        """Print a page and answer after a while, or never."""
        def comes_out() -> None:
            self.out.append(mark)
            if not self._world.bad(self._world.rates.printer_mute):
                self._world.later(50, 400, answer)
        self._world.later(100, 900, comes_out)


MUG = "4006381333931"


def job_for(name: str, station: str, *, rev: int = 1, qty: int = 1, scan: bool = False) -> Job:
    """Return a job whose label comes from its own papers; `scan`: each piece must be scanned, into one box or more."""
    data = {} if scan else {"tracking": f"T{name}"}
    return _job.decode(msgspec.json.encode({
        "job": name, "rev": rev, "station": station, "site": "ams1", "order": {"id": f"O-{name}"},
        "ship_to": {"name": "Ada", "city": "Amsterdam", "country": "NL"},
        "items": [{"sku": "MUG", "name": "Mug", "qty": qty, "barcodes": [MUG]}], "verify": {"scan": scan},
        "papers": [{"id": "label", "role": "label", "data": data}], "match": [name],
    }))


def leaf(topic: str) -> str:
    """Return what a topic is to its station."""
    return topics.leaf_of(topic, station_id=topic.split("/")[3], site_id="ams1")
