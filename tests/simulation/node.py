"""One simulated station: real core, real store, a link of our own, a printer, and a packer with eyes."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from agent.messages import decode
from agent.run import turn
from agent.station import scans
from agent.station.commands import Card, Command
from agent.station.events import (
    AgentStarted,
    ButtonPressed,
    CodesSeen,
    Delivery,
    LinkChanged,
    PageDoubtful,
    PagePrinted,
    PlatformCleared,
    TimePassed,
    WeightStable,
)
from agent.station.records import Acknowledge, SendPage, Synchronize
from agent.station.state import State
from agent.station.values import Weight
from agent.store import Store
from firmware_config.settings import Scanner
from tests.builders import settings
from tests.simulation.world import MUG, Crash, Printer, Session, ViolationError, leaf

if TYPE_CHECKING:
    from agent.station.events import Event
    from agent.station.records import Effect
    from agent.station.state import Box
    from agent.store import Row
    from firmware_config.settings import Settings
    from tests.simulation.disk import Disk
    from tests.simulation.oms import Oms
    from tests.simulation.world import Message, World

DOUBT_MS = 15_000
GROSS = Weight(value_g=900, u95_g=2)


@cache
def _settings(name: str) -> Settings:
    scanner = Scanner(driver="serial", path="/dev/ttyS0")
    return msgspec.structs.replace(settings(id=name, pool_jobs=3), scanner=(scanner,))


_state = msgspec.json.Decoder(State)


class Shell:
    """What the owner loop does between store, core and link. A mutant overrides one method."""

    def commit(self, node: Node, events: list[Event]) -> list[Effect]:
        """Step the core and commit; return the effects."""
        node.state, effects = turn(node.store, node.state, events, node.config, wall_ms=node.world.now_ms)
        return effects

    def received(self, node: Node, events: list[Event]) -> None:
        """Nothing is done before the commit."""

    def may_acknowledge(self, node: Node, delivery: Delivery) -> bool:
        """Only on the connection that delivered."""
        return node.link_up and delivery.generation == node.generation

    def puback(self, node: Node, row: Row) -> None:
        """PUBACK is flow control only."""

    def synchronize(self, node: Node) -> None:
        """Everything is due again, and the OMS hears what we have."""
        node.store.resend_all()
        for page in node.store.sync_pages(node.generation):
            node.to_oms("sync/req", page)


class Node:
    """A station. Its process may die at any line marked `may_crash`; disk, paper and broker stay."""

    def __init__(self, world: World, name: str, disk: Disk, shell: Shell) -> None:
        self.world = world
        self.name = name
        self.config = _settings(name)
        self.printer = Printer(world)
        self.session = Session(world, self._delivered)
        self.oms: Oms | None = None
        self.generation = 0
        self.link_up = False
        self.alive = False
        self.asked_again = 0
        self.acked_jobs: set[str] = set()
        self._shell = shell
        self._disk = disk
        self._life = 0
        self._inbox: list[Event] = []
        self._at_hand: dict[tuple[int, int], list[Message]] = {}
        self._woken = False
        self._busy = False
        self._counted: dict[str, int] = {}
        self.start()

    # -- the process --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life on what is on the disk."""
        self._life += 1
        self.alive = True
        self._busy = False
        self.store = Store.on(self._disk.open(), station=self.name)
        for job in self.acked_jobs:
            if self.store._ledger.known(job) is None:
                raise ViolationError(f"{self.name}: {job} was acknowledged and is not on the disk")
        blob = self.store.load_state()
        self.state = _state.decode(blob) if blob else State()
        if self._scanned() != self._counted:
            raise ViolationError(f"{self.name}: {self._counted} were scanned, {self._scanned()} are on the disk")
        self.store.apply = self._apply  # type: ignore[method-assign]  # the point of it
        self._at_hand.clear()
        self._inbox = [AgentStarted(at_ms=0, store_id=self.store.store_id, boot=self.store.boot)]
        self._wake()
        self._every(self._tick, 3_000)
        self._every(self._pack, 1_000)
        self.world.later(10, 1_000, self._alive(self._connect))

    def crash(self) -> None:
        """The process is gone; a power cut takes what was not synced, too."""
        self.world.note(f"{self.name} dies")
        self.alive = False
        self._lose_link()
        self._disk.die()
        self.world.later(500, 3_000, self.start)

    def may_crash(self) -> None:
        """The power may go at this line."""
        if self.world.bad(self.world.rates.crash / 4):
            raise Crash

    def _alive(self, call: Any) -> Any:  # noqa: ANN401 (any happening)
        """Return the happening, bound to this life: a dead process's plans are gone."""
        life = self._life
        return lambda: call() if self.alive and self._life == life else None

    def _every(self, call: Any, period_ms: int) -> None:  # noqa: ANN401 (any happening)
        def again() -> None:
            call()
            self.world.later(period_ms, period_ms * 2, self._alive(again))
        self.world.later(period_ms, period_ms, self._alive(again))

    def put(self, event: Event) -> None:
        """Something happened; the owner loop takes it with its next turn."""
        self._inbox.append(event)
        self._wake()

    def _wake(self) -> None:
        if self._inbox and not self._woken:
            self._woken = True
            self.world.later(0, 4_000 if self.world.bad(self.world.rates.stall) else 5, self._work)

    def _work(self) -> None:
        self._woken = False
        if not self.alive or not self._inbox or self._busy:
            return
        events = [msgspec.structs.replace(event, at_ms=self.world.now_ms) for event in self._inbox]
        self._inbox = []
        try:
            self.may_crash()
            self._shell.received(self, events)
            effects = self._shell.commit(self, events)
            self._disk.committed()
            self._counted = self._scanned()
            for event in events:
                if (delivery := getattr(event, "delivery", None)) is not None:
                    self._at_hand[delivery.generation, delivery.mid].pop(0).kept = True
            self.may_crash()
            self._perform_all(effects)
        except Crash:
            self.crash()

    def _perform_all(self, effects: list[Effect]) -> None:
        """Perform effects in their order; the owner may be held up between two of them."""
        self._busy = False
        try:
            for place, effect in enumerate(effects):
                if self.world.bad(self.world.rates.stall):
                    self._busy = True
                    self.world.later(0, 6_000, self._alive(partial(self._perform_all, effects[place:])))
                    return
                self.may_crash()
                self._perform(effect)
            self._publish()
            self._wake()
        except Crash:
            self.crash()

    def _apply(self, records: Any, **when: Any) -> None:  # noqa: ANN401 (as Store.apply)
        """Write records; the process may die between two of them."""
        Store.apply(self.store, records, **when)
        self.may_crash()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Acknowledge(delivery=delivery):
                if self._shell.may_acknowledge(self, delivery):
                    self.acknowledge(delivery.mid)
            case SendPage(print=page):
                answer = self._alive(lambda: self.put(PagePrinted(at_ms=0, print_no=page.no)))
                doubt = self._alive(lambda: self.put(PageDoubtful(at_ms=0, print_no=page.no, code="printer.mute")))
                self.printer.print(page.mark, answer)
                self.world.later(DOUBT_MS, DOUBT_MS, doubt)
            case Synchronize():
                self._shell.synchronize(self)

    def acknowledge(self, mid: int) -> None:
        """Acknowledge at the broker; what is acknowledged must be on the disk."""
        message = self.session.acknowledge(mid)
        if message is None:
            return
        if not message.kept:
            raise ViolationError(f"{self.name}: {message.topic} is acknowledged and not on the disk")
        kind = leaf(message.topic)
        if kind in ("job/assign", "job/cancel"):
            job = msgspec.json.decode(message.payload)["job"]
            known = self.store._ledger.known(job)
            if known is None:
                raise ViolationError(f"{self.name}: {kind} {job} is acknowledged and forgotten")
            self.acked_jobs.add(job)
            if kind == "job/cancel" and known.state != "packed" and self.oms is not None:
                self.oms.cancel_kept.add(job)

    def _tick(self) -> None:
        if self.link_up and self.world.bad(self.world.rates.cut):
            self._lose_link()
            self.world.later(100, 1_500, self._alive(self._connect))
        self.put(TimePassed(at_ms=0, wall_ms=self.world.now_ms, time_ok=True))

    # -- the link -----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if not self.link_up:
            self.generation += 1
            self.link_up = True
            self.put(LinkChanged(at_ms=0, up=True))
            self.session.connect()

    def _lose_link(self) -> None:
        if self.link_up:
            self.world.note(f"{self.name} loses its link")
        self.link_up = self.session.connected = False
        if self.alive:
            self.put(LinkChanged(at_ms=0, up=False))

    def _delivered(self, mid: int, message: Message) -> None:
        generation = self.generation

        def arrives() -> None:
            if generation == self.generation and self.link_up:
                self._at_hand.setdefault((generation, mid), []).append(message)
                self.put(decode(message.topic, message.payload, station=self.name, site="ams1", retained=False,
                                delivery=Delivery(generation, mid), at_ms=self.world.now_ms))
        self.world.later(1, 30, self._alive(arrives))

    def _publish(self) -> None:
        if not self.link_up:
            return
        for row in self.store.due(self.world.now_ms, 20):
            self.to_oms("evt/" + row.topic.rpartition("/")[2], row.body)
            self.store.mark_sent(row, self.world.now_ms)
            self.world.later(5, 40, self._alive(partial(self._confirmed, row)))

    def _confirmed(self, row: Row) -> None:
        try:
            self._shell.puback(self, row)
        except Crash:
            self.crash()

    def to_oms(self, kind: str, payload: bytes) -> None:
        """Publish; the broker says PUBACK whether or not the OMS will ever see it."""
        if self.world.bad(self.world.rates.oms_queue_lost):
            return
        oms = self.oms
        assert oms is not None
        if kind == "sync/req":
            self.world.later(5, 60, lambda: oms.answer_sync(self.name, payload))
        else:
            self.world.later(5, 60, lambda: oms.book(self.name, kind.removeprefix("evt/"), payload))

    # -- the packer ---------------------------------------------------------------------------------------------

    def _pack(self) -> None:
        """Do what a good packer does: settle doubts truthfully, pack an open job, stick its label, show it."""
        doubt, box = self.state.doubt, self.state.box
        if doubt is not None:
            came_out = doubt.mark in self.printer.out
            self.asked_again += not came_out
            self.put(ButtonPressed(at_ms=0, long=not came_out))
        elif box is None:
            job = self._next_job()
            if job:
                self.put(WeightStable(at_ms=0, gross=GROSS))
                self.put(CodesSeen(at_ms=0, visit=self.state.visit + 1, codes=(job,)))
        elif box.job and not box.parcel:
            self._scan(box)
        elif (parcel := self.state.parcel(box.parcel)) is None:
            self.put(PlatformCleared(at_ms=0))
        else:
            page = self.store._db.execute("SELECT mark FROM prints WHERE no=?", (parcel.print_no,)).fetchone()
            if page is not None and page[0] in self.printer.out:
                self.put(CodesSeen(at_ms=0, visit=box.visit, codes=(page[0],)))

    def _scan(self, box: Box) -> None:
        """Scan one more piece into the box that stands there, or say that it is full; else let the camera look."""
        packing = self.state.packing(box.job)
        if packing is None or not scans.missing(self.state, packing):
            self.put(CodesSeen(at_ms=0, visit=box.visit, codes=(box.job,)))
        elif packing.items and self.world.chance.random() < 0.4:
            self.world.note(f"{self.name} packs {box.job} into two boxes")
            self.put(CodesSeen(at_ms=0, visit=0, codes=(Card(Command.NEXT).text,), scanned=True))
        else:
            self.put(CodesSeen(at_ms=0, visit=0, codes=(MUG,), scanned=True))

    def _scanned(self) -> dict[str, int]:
        """Return how many pieces of each job were scanned into boxes that are not closed, as the state says."""
        found = {packing.job: packing.items for packing in self.state.packings if packing.items}
        found |= {parcel.id: parcel.items for parcel in self.state.parcels if parcel.items}
        return {name: sum(piece.qty for piece in pieces) for name, pieces in found.items()}

    def _next_job(self) -> str:
        query = "SELECT id FROM jobs WHERE state='open' AND body IS NOT NULL ORDER BY id"
        rows = self.store._db.execute(query).fetchall()
        return self.world.chance.choice(rows)[0] if rows else ""

    def at_rest(self) -> bool:
        """True when nothing is under way here."""
        return self.alive and not self._inbox and not self.owes() and self.state.doubt is None and not self.state.prints

    def labels_needed(self) -> int:
        """Return how many parcels were ever made here; each needs one label."""
        return int(self.store._db.execute("SELECT count(*) FROM parcels").fetchone()[0])

    def owes(self) -> int:
        """Return how many facts the OMS has not confirmed."""
        return self.store.outbox.waiting
