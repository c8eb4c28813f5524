"""A station without hardware: real core, store and link; boxes pack themselves and paper is a line in a file.

It is what the fleet simulation runs by the hundred, and what the delivery campaigns kill. `checkpoint` is called with
`received`, `committed`, `acked`, `printed` and `sent` at the lines where a process may die.
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

import msgspec

from agent import messages
from agent.chores import RECEIPTS_WAIT_S, can_wait
from agent.link import Link, access_of
from agent.run import turn
from agent.station.events import (
    AgentStarted,
    ButtonPressed,
    CodesSeen,
    Delivery,
    Event,
    LinkChanged,
    PagePrinted,
    PlatformCleared,
    TimePassed,
    WeightStable,
)
from agent.station.records import Acknowledge, SendPage, Synchronize
from agent.station.state import State
from agent.station.values import Weight
from agent.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.station.records import Effect
    from firmware_config.settings import Settings

BATCH = 200
TICK_S = 1.0
GROSS = Weight(value_g=900.0, u95_g=2.0)
_state = msgspec.json.Decoder(State)


def nothing(_where: str) -> None:
    """Go on."""


class LightStation:
    """One station; call `once` again and again, then `close`. `paper` gets one line for each page that came out."""

    def __init__(
        self, settings: Settings, directory: Path, *, checkpoint: Callable[[str], None] = nothing, packs: bool = True,
    ) -> None:
        self.settings = settings
        self.store = Store(directory, station=settings.station.id)
        self.paper = directory / "paper.txt"
        self.downs = 0
        blob = self.store.load_state()
        self.state = _state.decode(blob) if blob else State()
        self._checkpoint = checkpoint
        self._packs = packs
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._events: list[Event] = [AgentStarted(at_ms=_now_ms(), store_id=self.store.store_id, boot=self.store.boot)]
        self._next_tick_s = 0.0
        self._committed_s = 0.0
        self.link = Link(access_of(settings), station=settings.station.id, site=settings.station.site,
                         boot=self.store.boot, about=messages.Presence("ready", 0, messages.CONTRACT, "light"),
                         inbox=self._inbox.put)
        self.link.start()

    def once(self, timeout_s: float) -> None:
        """One round of the owner loop: drain, step, one commit, effects, publish."""
        events, self._events = self._events, []
        for item in self._drain(0.0 if events and not can_wait(events) else timeout_s):
            event = self._event_of(item)
            if event is not None:
                events.append(event)
        self._checkpoint("received")
        if time.monotonic() >= self._next_tick_s:
            self._next_tick_s = time.monotonic() + TICK_S
            events.append(TimePassed(at_ms=_now_ms(), wall_ms=_wall_ms(), time_ok=True))
        if self._packs:
            events += self._pack()
        if can_wait(events) and time.monotonic() - self._committed_s < RECEIPTS_WAIT_S:
            self._events = events
        elif events:
            self._committed_s = time.monotonic()
            self.state, effects = turn(self.store, self.state, events, self.settings, wall_ms=_wall_ms())
            self._checkpoint("committed")
            for effect in effects:
                self._perform(effect)
        now_ms = _now_ms()
        room = self.link.refill
        for row in self.store.due(now_ms, room) if room else ():
            if not self.link.publish(row):
                break
            self._checkpoint("sent")
            self.store.mark_sent(row, now_ms)

    def close(self) -> None:
        """Say goodbye and close."""
        self.link.stop(1.0)
        self.store.close()

    def _drain(self, timeout_s: float) -> list[Any]:
        items: list[Any] = []
        try:
            items.append(self._inbox.get(timeout=timeout_s) if timeout_s else self._inbox.get_nowait())
            while len(items) < BATCH:
                items.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        return items

    def _event_of(self, item: tuple[Any, ...]) -> Event | None:
        match item:
            case ("message", Delivery() as delivery, str() as topic, bytes() as payload, bool() as retained):
                ours = self.settings.station
                return messages.decode(topic, payload, station=ours.id, site=ours.site, retained=retained,
                                       delivery=delivery, at_ms=_now_ms())
            case ("up", *_):
                return LinkChanged(at_ms=_now_ms(), up=True)
            case ("down", *_):
                self.downs += 1
                return LinkChanged(at_ms=_now_ms(), up=False)
            case _:
                return None

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Acknowledge(delivery=delivery):
                self.link.acknowledge(delivery)
                self._checkpoint("acked")
            case SendPage(print=page):
                with self.paper.open("a", encoding="ascii") as paper:
                    paper.write(f"{page.mark} {page.parcel or page.job} {page.role}\n")
                self._checkpoint("printed")
                self._events.append(PagePrinted(at_ms=_now_ms(), print_no=page.no))
            case Synchronize():
                self.store.resend_all()
                for request in self.store.sync_pages(self.link.session):
                    self.link.say(messages.topics.station(self.settings.station.id, "sync/req"), request)

    def _pack(self) -> list[Event]:
        """Return what a good packer would do now: settle a doubt by looking, pack an open job, show its label."""
        at_ms, state = _now_ms(), self.state
        if state.doubt is not None:
            came_out = self.paper.exists() and state.doubt.mark in self.paper.read_text(encoding="ascii")
            return [ButtonPressed(at_ms=at_ms, long=not came_out)]
        box = state.box
        if box is None:
            job = self.store.next_open_job()
            seen = CodesSeen(at_ms=at_ms, visit=state.visit + 1, codes=(job,))
            return [WeightStable(at_ms=at_ms, gross=GROSS), seen] if job else []
        parcel = state.parcel(box.parcel)
        if parcel is None:
            return [PlatformCleared(at_ms=at_ms)]
        mark = self.store.mark_of(parcel.print_no) if parcel.print_no else ""
        look = CodesSeen(at_ms=at_ms, visit=box.visit, codes=(mark,))
        return [look, look, PlatformCleared(at_ms=at_ms)] if mark else []


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
