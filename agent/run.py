"""The owner loop: drain, step, one commit, then the effects. Nothing else touches the database."""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from agent import __version__, messages
from agent.admin import TWIN, Admin, is_admins
from agent.adviser import REQUESTS, Adviser
from agent.chores import RECEIPTS_WAIT_S, Chores, can_wait
from agent.clock import wall_is_trusted
from agent.devices import Lamps
from agent.fleet.starts import Starts
from agent.link import Link, access_of
from agent.link.files import FILES, PaperFiles
from agent.local import HungUp, LocalSocket, Request
from agent.service import Pulse, tell_systemd
from agent.station import rolls
from agent.station.events import (
    AgentStarted,
    ButtonPressed,
    CopyWanted,
    Delivery,
    DeviceRecovered,
    Event,
    LinkChanged,
    TimePassed,
)
from agent.station.machine import step
from agent.station.records import Acknowledge, Effect, SendPage, Synchronize
from agent.station.state import Broken, State
from agent.station.view import look, view
from agent.store import Store, StoreError
from agent.trace import brief
from agent.wiring import clock_of, open_bench
from firmware_config.settings import ConfigError

if TYPE_CHECKING:
    from agent.advice import Advice
    from agent.clock import Clock
    from agent.station.view import View
    from agent.wiring import Devices
    from firmware_config.settings import Settings

LOG = logging.getLogger("packbench")

# Events of one commit at the most.
BATCH = 200
TICK_S = 1.0
DECODER = msgspec.json.Decoder(State)


def turn(
    store: Store, state: State, events: list[Event], config: Settings, *, wall_ms: int, advice: Advice | None = None
) -> tuple[State, list[Effect]]:
    """Step the core through some events and commit all that they change at once; return what to do after that.

    Raises StoreError when the commit failed; then nothing happened, and the same events may be tried again.
    """
    before, effects = state, []
    with store.transaction():
        for event in events:
            known = store.attach(event, state)
            state, records, wanted = step(state, advice.about(known, state) if advice else known, config)
            store.apply(records, at_ms=state.now_ms, wall_ms=wall_ms, time_ok=state.time_ok)
            if advice:
                store.shelf.learn(advice.learn(records))
            effects += wanted
        if lasting(state) != lasting(before):
            store.save_state(msgspec.json.encode(lasting(state)))
    return state, effects


def lasting(state: State) -> State:
    """Return the state without what is known anew after each start."""
    return replace(state, now_ms=0, wall_ms=0, time_ok=False, link_up=False, broken=(), bare=False, rolls=(),
                   sights=(), waiting=0, oms="", session_answered=0, next_sync_ms=0, sync_wait_ms=0)


class Agent:
    """One station at work. `run` returns when it was told to stop."""

    def __init__(self, settings: Settings) -> None:
        """Open the store. Raises StoreError; every broken device is told later, and the rest works."""
        self.settings = settings
        self._inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        directory = Path(settings.directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.store, mended = Store.mended(directory, station=settings.station.id)
        if mended:
            LOG.warning("%s", mended)
        self.chores = Chores(self.store, directory)
        self.clock: Clock = clock_of(settings)
        blob = self.store.load_state()
        self.state = DECODER.decode(blob) if blob else State()
        self._retry: list[Event] = [
            AgentStarted(at_ms=self.clock.now_ms(), store_id=self.store.store_id, boot=self.store.boot),
        ]
        self.admin = Admin(self.store, settings, self.clock)
        self.devices: Devices = self._first_bench()
        settings = self.settings  # the file's with what the admin wants
        self.link = Link(
            access_of(settings), station=settings.station.id, site=settings.station.site, boot=self.store.boot,
            about=birth(settings, self.admin.life), inbox=self._inbox.put, lives=self.admin.lives)
        self.adviser = Adviser(self.store, settings)
        self.files = PaperFiles(directory / FILES, settings.keep.file_hosts, self._inbox.put, now_ms=self.clock.now_ms)
        for job in self.store.open_jobs():
            self.files.want(job.job, job.rev, job.papers)
        self.adviser.begin(self.devices.cartons)
        self.local = LocalSocket(Path(settings.socket), self._inbox.put)
        self._pulse = Pulse(Starts(directory))
        self._shown: View | None = None
        self._lamps: Lamps | None = None
        self._next_tick_s = self._committed_s = 0.0
        self._stopping = threading.Event()
        self._fatal: BaseException | None = None
        self._why_down, self._refused_for, self._alive = "", 0, False
        self.trouble: StoreError | None = None

    def _first_bench(self) -> Devices:
        """Return the bench of the admin's settings, not first the file's: that may kill us. Raises ConfigError."""
        try:
            devices = open_bench(self.admin.settings, self._inbox.put)
        except ConfigError as error:
            self.admin.cannot_open(error)
            return open_bench(self.settings, self._inbox.put)
        self.settings = self.admin.settings
        return devices

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; return the exit code. A bug ends the program, and systemd starts it anew."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        threading.excepthook = lambda args: self._die(args.exc_value)
        try:
            self.link.start()
            self.local.start()
            self.devices.start()
            self._alive = True
            tell_systemd("READY=1")
            while not self._stopping.is_set():
                self._once()
        except Exception as error:  # noqa: BLE001 (the one catch-all of the program)
            self._fatal = error
        finally:
            self._close()
        if self._fatal is not None:
            LOG.critical("a bug; the program ends and is started again", exc_info=self._fatal)
            return 1
        return 0

    def _stop(self) -> None:
        self._stopping.set()
        self._inbox.put(None)

    def _die(self, error: BaseException | None) -> None:
        """A thread met a bug: the owner ends the program."""
        self._fatal = error
        self._stop()

    def _close(self) -> None:
        tell_systemd("STOPPING=1")
        self.local.close()
        self.devices.stop()
        self.files.stop()
        self.link.stop(0.7)
        self.store.close()

    def _once(self) -> None:
        """One round: what happened, one commit, then the effects."""
        items = self._drain()
        requests = [item for item in items if isinstance(item, Request)]
        events = self._retry + [event for item in items if (event := self._event_of(item)) is not None]
        now_s = self.clock.now_s()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + TICK_S
            events.append(
                TimePassed(at_ms=self.clock.now_ms(), wall_ms=self.clock.wall_ms(), time_ok=wall_is_trusted()))
        events += [event for request in requests if (event := self._asked(request)) is not None]
        self._turn(events)
        if self.admin.turn(events, self.state, self.devices, self.link, self.status, self._inbox.put):
            self._refit()
        for request in requests:
            request.answer(self._answer(request))
        self._publish()
        self._keep_house()
        self._show()
        self._pulse.beat(self.devices.workers, link_alive=self.link.alive())

    def _drain(self) -> list[object]:
        """Return what came in, after waiting for the first of it until something is due."""
        wait_s = max(0.0, self.clock.real_s(self._next_tick_s - self.clock.now_s()))
        items: list[object] = []
        try:
            items.append(self._inbox.get(timeout=min(wait_s, 1.0)))
            while len(items) < BATCH:
                items.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        return items

    def _event_of(self, item: object) -> Event | None:
        match item:
            case Event():
                return item
            case ("message", Delivery() as delivery, str() as topic, bytes() as payload, bool() as retained):
                if is_admins(topic, self.settings.station.id):
                    return self.admin.receive(topic, payload, delivery, retained=retained, time_ok=self.state.time_ok)
                return messages.decode(
                    topic, payload, station=self.settings.station.id, site=self.settings.station.site,
                    retained=retained, delivery=delivery, at_ms=self.clock.now_ms(),
                )
            case ("twin", _):
                return self.admin.twin()
            case ("refused", _, _, int() as reason):
                if reason != self._refused_for:
                    LOG.warning("the broker refuses a fact (reason 0x%02X); it is sent again later", reason)
                self._refused_for = reason
            case HungUp(caller=caller):
                self.devices.take_back(caller)
            case ("up", *_):
                return LinkChanged(at_ms=self.clock.now_ms(), up=True)
            case ("down", _, str() as code, _, str() as hint):
                self._why_down = f"{code}: {hint}"
                if code == TWIN:
                    self._inbox.put(self.admin.twin())
                return LinkChanged(at_ms=self.clock.now_ms(), up=False)
            case _:
                pass
        return None

    def _turn(self, events: list[Event]) -> None:
        if not events or (can_wait(events) and time.monotonic() - self._committed_s < RECEIPTS_WAIT_S):
            self._retry = events
            return
        self._committed_s = time.monotonic()
        try:
            if self.trouble is not None:
                self.adviser.recall()
            self.state, effects = turn(self.store, self.state, events, self.settings, wall_ms=self.clock.wall_ms(),
                                       advice=self.adviser.advice)
        except StoreError as error:
            if self.trouble is None:
                LOG.warning("%s: %s %s", error.code, error.detail, error.hint)
            self.chores.trouble(error)
            self.trouble = error
            self.state = replace(self.state, broken=(Broken("store", error.code, error.hint), *self._broken_devices()))
            self._retry = [event for event in events if not isinstance(event, TimePassed)]
            return
        if self.trouble is not None:
            LOG.warning("the store works again")
            self.state = replace(self.state, broken=self._broken_devices())
        self.trouble, self._retry = None, []
        for event in events:
            self.files.notice(event)
            self.adviser.notice(event, self.devices.cartons)
            if not isinstance(event, TimePassed):
                LOG.info("%s", brief(event))
        for effect in effects:
            self._perform(effect)

    def _broken_devices(self) -> tuple[Broken, ...]:
        return tuple(one for one in self.state.broken if one.device != "store")

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Acknowledge(delivery=delivery):
                self.link.acknowledge(delivery)
            case SendPage(print=page):
                LOG.info("%s", brief(effect))
                self.devices.print(page, self.store)
            case Synchronize():
                self.store.resend_all()
                for request in self.store.sync_pages(self.link.session):
                    self.link.say(messages.topics.station(self.settings.station.id, "sync/req"), request)

    def _publish(self) -> None:
        """Send facts that are due, as many as may be under way."""
        now_ms, room = self.clock.now_ms(), self.link.refill
        if room <= 0:
            return
        for row in self.store.due(now_ms, room):
            if not self.link.publish(row):
                return
            self.store.mark_sent(row, now_ms)

    def _keep_house(self) -> None:
        """Once a minute tell how we are (QoS 0), once a day forget what is old."""
        try:
            telemetry = self.chores.due(self.clock.now_ms(), self.clock.wall_ms(), time_ok=self.state.time_ok,
                                        keep=self.settings.keep)
        except StoreError as error:
            LOG.warning("%s: %s %s", error.code, error.detail, error.hint)
            return
        if telemetry:
            self.link.say(messages.topics.station(self.settings.station.id, "tel"), telemetry, qos=0)

    def _show(self) -> None:
        """Lamps, screen and cameras follow the state."""
        now = view(self.state, self.settings)
        if now != self._shown:
            self._shown = now
            LOG.info("shows: %s %s", now.sentence, now.hint)
            tell_systemd(f"STATUS={now.sentence}")
        lamps = self.admin.lamps() or Lamps(now.green, now.amber, now.red, "warn" if now.buzzer else "")
        if lamps != self._lamps:
            self._lamps = lamps
            self.devices.show(lamps)
        self.devices.ask(look(self.state, self.settings))

    def _refit(self) -> None:
        """Work by what the admin's settings say from now on; devices whose settings they change are opened anew."""
        settings = self.admin.settings
        if settings == self.settings:
            return
        try:
            devices = open_bench(settings, self._inbox.put)
        except ConfigError as error:
            self.admin.cannot_open(error)
            return
        kept = devices.follow(self.devices)
        self.devices, self._lamps = devices, None
        for one in self.state.broken:  # a new driver says it again where it is still so
            if one.device not in kept:
                self._inbox.put(DeviceRecovered(at_ms=self.clock.now_ms(), device=one.device))
        if self._alive:
            devices.start()
        self.settings, self.link.about = settings, birth(settings, self.admin.life)
        self.adviser.follow(settings)
        self.files.allow(settings.keep.file_hosts)
        self.link.announce()

    def _asked(self, request: Request) -> Event | None:
        """Return what a request from the local socket makes happen."""
        if request.ask == "press":
            return ButtonPressed(at_ms=self.clock.now_ms(), long=bool(request.more.get("long")))
        if request.ask == "print-again":
            return CopyWanted(at_ms=self.clock.now_ms(), parcel=str(request.more.get("parcel", "")))
        return None

    def _answer(self, request: Request) -> dict[str, object]:
        if request.ask in ("view", "press"):
            shown = self._shown or view(self.state, self.settings)
            return {"view": msgspec.to_builtins(shown), "live_g": self.devices.live_g}
        if request.ask == "status":
            return self.status()
        if request.ask == "borrow":
            return self.devices.lend(str(request.more.get("device", "")), request.caller)
        if request.ask == "config":
            return self.admin.explain(str(request.more.get("key", "")))
        if request.ask == "print-again":
            parcel = self.state.parcel(str(request.more.get("parcel", "")))
            if parcel is None or parcel.state != "open":
                return {"error": "print.no-label: this parcel has no label that could be printed again; "
                                 "`packbench status` lists the parcels that have not ended."}
            return {"parcel": parcel.id, "state": "the label is printed again, marked as a copy; the first is void"}
        if request.ask in REQUESTS:
            return self._keep(request)
        known = "view, status, press, print-again, borrow, config, catalogue, forget-weight"
        return {"error": f"no request {request.ask!r}; there are {known}."}

    def _keep(self, request: Request) -> dict[str, object]:
        try:
            return self.adviser.answer(request, self.devices.cartons)
        except StoreError as error:
            return {"error": f"{error.code}: {error.detail} {error.hint}"}

    def status(self) -> dict[str, object]:
        """Return what the station is and does, for people and machines."""
        return {
            "station": self.settings.station.id, "site": self.settings.station.site, "boot": self.store.boot,
            "link": "up" if self.state.link_up else "down", "why_down": "" if self.state.link_up else self._why_down,
            "view": msgspec.to_builtins(view(self.state, self.settings)),
            "live_g": self.devices.live_g, "rolls": self.devices.rolls(), "printers": self.devices.printers(),
            "measures": self.devices.measures, "short": msgspec.to_builtins(rolls.short(self.state, self.settings)),
            "broken": msgspec.to_builtins(self.state.broken),
            "parcels": [{"parcel": one.id, "state": one.state, "reasons": list(one.reasons)}
                        for one in self.state.parcels],
            "pages": [{"mark": one.mark, "role": one.role, "job": one.job, "state": one.state}
                      for one in self.state.prints],
            "store": self.store.counts(), "refused": self.store.refused(), **self.chores.status(),
        }


def birth(settings: Settings, life: str) -> messages.Presence:
    """Return what the station says of itself when it comes: contract, agent, media loaded, what it can do."""
    return messages.Presence(
        "ready", 0, messages.CONTRACT, __version__, tuple(f"{'+'.join(p.role)}:{p.media}" for p in settings.printer),
        (*(f"scale:{one.driver}" for one in settings.scale),
         *(f"camera:{'+'.join(one.role)}" for one in settings.camera)), life,
    )
