"""What the fleet's admin wants of this station: layers and commands, taken, tried and answered.

`receive` looks at a message, `turn` commits what came of all of them at once and then acts: acknowledges, does
commands, says `cfg/reported`. What the bench shall be is `settings`; the owner opens it anew when they change.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agent import __version__
from agent.deeds import Deeds
from agent.devices import Lamps
from agent.fleet import commands, layers, reported, trial
from agent.fleet.commands import Answer, Done, Request
from agent.fleet.renewal import Renewal
from agent.fleet.signing import trusted_keys
from agent.fleet.trial import Fault, Look, Refused, Standing
from agent.messages import rfc3339, topics
from agent.station.events import Delivery, Event, MessageRefused, SyncAnswered
from agent.store import StoreError
from firmware_config.settings import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.clock import Clock
    from agent.fleet.renewal import OwnCertificate
    from agent.link import Link
    from agent.station.state import State
    from agent.store import Store
    from agent.wiring import Devices
    from firmware_config.settings import Settings

LOG = logging.getLogger("packbench.fleet")
# So many refusals are told apart in the log.
LOGGED = 200
LIVES_KEPT = 20
TWIN = "link.client-id-twice"


class Memory(Struct, frozen=True, omit_defaults=True):
    """What is on disk: how the configuration stands, the commands of late, whether it is drained, its last lives."""

    standing: Standing = Standing()
    done: tuple[Done, ...] = ()
    drained: bool = False
    lives: tuple[str, ...] = ()


class Admin:
    """The fleet's admin, seen from one station."""

    def __init__(self, store: Store, local: Settings, clock: Clock, *, safe: bool = False) -> None:
        """Begin a life: take up what was wanted, go back from what did not live. Raises StoreError for a full disk.

        `safe` is the admin of safe mode: no trial goes on from before, and only commands that mend it are done.
        """
        self._store, self._local, self._clock = store, local, clock
        self.station = local.station.id
        self._order = layers.scopes(local.station.id, local.station.site)
        self._stored = self._memory = self._load()
        self._acknowledge: list[Delivery] = []
        self._to_do: list[tuple[str, Request]] = []
        self._answers: list[tuple[str, bytes]] = []
        self._keys = trusted_keys(Path(local.fleet.keys))
        self._said: tuple[Standing, OwnCertificate | None] | None = None
        self._renewal = Renewal(local)
        self._heard = self._oms_there = self._reloaded = False
        self._safe = safe
        self._logged: deque[bytes] = deque(maxlen=LOGGED)
        self._deeds = Deeds(Path(local.directory), clock, self._renewal)
        began = Look(now_ms=clock.now_ms(), wall_ms=clock.wall_ms())
        standing = trial.booted(self._memory.standing, began, 0 if safe else trial.LIVES)
        self.life = secrets.token_hex(4)
        # On a new database the last presence at the broker may be our own of before: nobody can tell.
        self.lives = frozenset((*self._memory.lives, self.life)) if self._memory.lives else frozenset()
        self._memory = replace(self._memory, standing=standing, done=commands.cut_short(self._memory.done),
                               lives=(*self._memory.lives, self.life)[-LIVES_KEPT:])
        self._commit()
        self._running = trial.running(self._memory.standing)
        self._whole = self._effective()
        self.settings = self._drained(self._whole)

    # -- a message ----------------------------------------------------------------------------------------------

    def receive(self, topic: str, payload: bytes, delivery: Delivery, *, retained: bool, time_ok: bool) -> Event | None:
        """Return the event of a message that was refused, None for one that was taken; `turn` acknowledges those."""
        wall_s = self._clock.wall_ms() // 1000 if time_ok else None
        scope, name = topics.scope_of(topic), topics.command_of(topic, station_id=self.station)
        try:
            if scope:
                self._push(scope, payload, wall_s)
            else:
                self._order_of(name, payload, delivery, retained=retained, wall_s=wall_s)
        except ConfigError as error:
            first = error.problems[0]
            self._log_once(topic, payload, error)
            if scope:
                self._turn_away(scope, payload, error)
            else:
                self._answer(commands.refusal(name, payload, error), name)
            detail = "; ".join(f"{one.key}: {one.text}" for one in error.problems)
            return MessageRefused(at_ms=self._clock.now_ms(), topic=topic, payload=payload, code=first.code,
                                  detail=detail[:500], delivery=delivery)
        self._acknowledge.append(delivery)
        return None

    def _push(self, scope: str, payload: bytes, wall_s: int | None) -> None:
        """Take one layer. Raises ConfigError."""
        self._said = None  # who pushes waits for the report, also when it says what it said before
        standing = self._memory.standing
        if not payload:
            self._memory = replace(self._memory, standing=trial.cleared(standing, scope))
            return
        self._keys = trusted_keys(Path(self._local.fleet.keys))
        layer = layers.read_layer(payload, scope=scope, station=self.station, agent=__version__, wall_s=wall_s,
                                  keys=self._keys)
        if not layers.check_order(layer, standing.layers.get(scope), standing.newest.get(scope, 0)):
            return
        standing = trial.accepted(standing, layer, self._clock.wall_ms())
        layers.effective(self._local, trial.wanted(standing, self._order))
        self._memory = replace(self._memory, standing=standing)

    def _log_once(self, topic: str, payload: bytes, error: ConfigError) -> None:
        """Write a refusal into the log, the same bytes once in a life."""
        mark = hashlib.sha256(payload).digest()
        if mark not in self._logged:
            self._logged.append(mark)
            LOG.warning("refused: %s: %s", topic, "; ".join(f"{one.key}: {one.text} ({one.code})"
                                                            for one in error.problems)[:500])

    def _turn_away(self, scope: str, payload: bytes, error: ConfigError) -> None:
        if scope in self._order:
            refused = Refused(hashlib.sha256(payload).hexdigest(), self._faults(error)[:50])
            standing = trial.turned_away(self._memory.standing, scope, refused)
            self._memory = replace(self._memory, standing=standing)

    def _faults(self, error: ConfigError) -> tuple[Fault, ...]:
        kept = self._memory.standing.layers
        return tuple(Fault(one.key[:128], one.code, one.text[:300], layers.origin(one.key, kept, self._order))
                     for one in error.problems)

    def _order_of(self, name: str, payload: bytes, delivery: Delivery, *, retained: bool, wall_s: int | None) -> None:
        """Take one command. Raises ConfigError."""
        if not payload:
            return
        request = commands.read_request(name, payload, retained=retained, reply=delivery.reply, wall_s=wall_s,
                                        topic=topics.station(self.station, f"cmd/{name}/rsp"))
        if self._safe and name not in commands.IN_SAFE_MODE:
            text = f"in safe mode a station does {', '.join(commands.IN_SAFE_MODE)} alone."
            raise ConfigError(name, [Problem("name", "command.safe-mode", text)])
        answer = commands.known(self._memory.done, request.cid, payload)
        if answer is not None:
            self._answer(answer, name)
            return
        taken = Answer(request.cid, name, "taken", "command.taken", "it is being done.")
        self._memory = replace(self._memory, done=commands.remembered(self._memory.done, taken, payload))
        self._to_do.append((name, request))

    # -- a moment -----------------------------------------------------------------------------------------------

    def turn(self, events: Sequence[Event], state: State, devices: Devices, link: Link,
             status: Callable[[], dict[str, Any]], post: Callable[[Event], None]) -> bool:
        """Commit what came, then act on it; return whether `settings` changed."""
        self._heard |= any(isinstance(event, SyncAnswered) for event in events)
        before = self._memory
        standing = trial.step(before.standing, self._order, self._look(state, devices, link))
        self._memory = replace(before, standing=standing)
        try:
            self._commit()
        except StoreError:  # the owner's own commit tells it; ours is tried again in the next round
            return False
        if self._memory.standing.phase != before.standing.phase:
            self._tell_log()
        if self._memory.standing.trial is not None and before.standing.trial is None:
            self._begin_round_trip(state, link)
        for delivery in self._acknowledge:
            link.acknowledge(delivery)
        self._acknowledge.clear()
        self._work(devices, status, post)
        self._speak(link)
        return self._refit()

    def twin(self) -> MessageRefused:
        """Return, for the admin and the dead letters, that somebody else came as this station; told once a day."""
        payload = f"{TWIN} {rfc3339(self._clock.wall_ms())[:10]}".encode()
        words = ConfigError(self.station, [Problem("station", TWIN, (
            "somebody else came as this station: two agents run, an old backup was brought back, or the card was "
            "copied: then take its certificate back (packbench provision revoke) and give it a new one."))])
        topic = topics.station(self.station, "presence")
        self._log_once(topic, payload, words)
        return MessageRefused(at_ms=self._clock.now_ms(), topic=topic, delivery=Delivery(0, 0), payload=payload,
                              code=TWIN, detail=words.problems[0].text)

    @property
    def wants_start(self) -> bool:
        """True when something came that only a whole station can try: a configuration on trial, or `reload`."""
        return self._reloaded or self._memory.standing.trial is not None

    def cannot_open(self, error: ConfigError) -> None:
        """The bench can't even be opened with these settings (a camera that was never calibrated): roll back."""
        standing = trial.rolled_back(self._memory.standing, self._faults(error), self._clock.wall_ms())
        self._memory = replace(self._memory, standing=standing)

    def lamps(self) -> Lamps | None:
        """Return how the lamps blink while somebody looks for this station, None at all other times."""
        now_ms = self._clock.now_ms()
        if now_ms >= self._deeds.identify_until_ms:
            return None
        on = now_ms // 500 % 2 == 0
        return Lamps(on, on, on, "")

    def explain(self, key: str) -> dict[str, object]:
        """Return, for the local commands, what `cfg/reported` says, and who says what about a dotted key."""
        rows = reported.explained(self._memory.standing, self._order, key)
        return {"reported": msgspec.json.decode(self._report()), "value": _leaf(layers.document(self.settings), key),
                "local": _leaf(layers.document(self._local), key), "layers": rows}

    def _look(self, state: State, devices: Devices, link: Link) -> Look:
        busy = ""
        if state.box is not None:
            busy = "a box is on the platform"
        elif any(page.state == "sending" for page in state.prints):
            busy = "a page is at the printer"
        elif devices.lent:
            busy = f"a technician works with the {devices.lent[0]}"
        round_trip = self._heard if self._oms_there else link.up and link.in_flight == 0
        return Look(
            now_ms=self._clock.now_ms(), wall_ms=self._clock.wall_ms(), busy=busy, round_trip=round_trip,
            broken={one.device: one.code for one in state.broken},
            silent=tuple(worker.device for worker in devices.workers if not worker.answers))

    def _begin_round_trip(self, state: State, link: Link) -> None:
        """Ask the OMS to compare, as on a new connection: its answer is the way there and back."""
        self._heard, self._oms_there = False, state.oms == "ready" and state.link_up
        if self._oms_there:
            for request in self._store.sync_pages(link.session):
                link.say(topics.station(self.station, "sync/req"), request)

    def _refit(self) -> bool:
        """Work out the settings anew when what shall run changed; return whether they did."""
        running = trial.running(self._memory.standing)
        if running != self._running:
            self._running = running
            self._whole = self._effective()
        before, self.settings = self.settings, self._drained(self._whole)
        return before != self.settings

    def _drained(self, settings: Settings) -> Settings:
        """Return the settings as they are while the station shall claim no more jobs."""
        return replace(settings, station=replace(settings.station, pool_jobs=0)) if self._memory.drained else settings

    def _effective(self) -> Settings:
        """Return the settings of what shall run; the station's own file alone where the two no longer fit."""
        try:
            return layers.effective(self._local, self._running)
        except ConfigError as error:
            LOG.warning("the station's file and the fleet's layers do not fit; the file alone runs: %s", error)
            standing = self._memory.standing
            faults = (Fault("file", "config.local-conflict", "the station's own file runs alone."),
                      *self._faults(error))
            rolled = trial.rolled_back(standing, faults, self._clock.wall_ms())
            self._memory = replace(self._memory, standing=replace(rolled, faults=faults, phase="failed"))
            return self._local

    def _work(self, devices: Devices, status: Callable[[], dict[str, Any]], post: Callable[[Event], None]) -> None:
        """Do the commands that were taken; each is on disk by now."""
        for name, request in self._to_do:
            answer = self._deeds.do(name, request, devices=devices, settings=self.settings, status=status, post=post,
                                    reported=msgspec.json.decode(self._report()))
            if answer.code == "command.reloaded":
                standing = trial.again(self._memory.standing, self._clock.wall_ms())
                self._memory = replace(self._memory, standing=standing)
                self._reloaded = True
            if isinstance(request, commands.Drain):
                self._memory = replace(self._memory, drained=request.on)
            LOG.info("command %s %s: %s", name, request.cid, answer.code)
            self._memory = replace(self._memory, done=commands.remembered(self._memory.done, answer))
            self._answer(answer, name)
        self._to_do.clear()

    def _answer(self, answer: Answer, name: str) -> None:
        if name in commands.NAMES:
            self._answers.append((topics.station(self.station, f"cmd/{name}/rsp"), commands.payload_of(answer)))

    def _speak(self, link: Link) -> None:
        """Say what waits to be said; what finds no room waits on."""
        if not link.up:
            self._said = None
            return
        while self._answers and link.say(*self._answers[0]):
            self._answers.pop(0)
        now = self._memory.standing, self._certificate()
        if now != self._said and link.say(topics.station(self.station, "cfg/reported"), self._report(), retain=True):
            self._said = now

    def _report(self) -> bytes:
        standing = self._memory.standing
        return reported.reported(standing, self._order, keys=self._keys, agent=__version__,
                                 since=rfc3339(standing.since_ms), certificate=self._certificate())

    def _certificate(self) -> OwnCertificate | None:
        return self._renewal.said(self._clock.now_ms(), self._clock.wall_ms())

    def _tell_log(self) -> None:
        standing = self._memory.standing
        why = "; ".join(f"{one.key}: {one.text} ({one.code})" for one in standing.faults)
        level = logging.WARNING if standing.phase == "failed" else logging.INFO
        LOG.log(level, "configuration %s %s %s", standing.phase, trial.revisions(standing), why)

    # -- the store ----------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        """Write what changed. Raises StoreError; then nothing happened."""
        if self._memory == self._stored:
            return
        with self._store.transaction():
            self._store.save_fleet(msgspec.json.encode(self._memory))
        self._stored = self._memory

    def _load(self) -> Memory:
        """Return what is on disk. A damaged row costs the layers, never the start: the broker keeps them, too."""
        try:
            blob = self._store.load_fleet()
            return msgspec.json.decode(blob, type=Memory) if blob else Memory()
        except (StoreError, msgspec.DecodeError) as error:
            LOG.warning("the fleet's layers can't be read from the database and are taken anew: %s", error)
            return Memory()


def _leaf(value: object, key: str) -> object:
    for name in key.split(".") if key else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_admins(topic: str, station: str) -> bool:
    """Return whether a topic is the fleet admin's: a layer or a command."""
    return bool(topics.scope_of(topic) or topics.command_of(topic, station_id=station))

