"""The link to the broker: MQTT 5, or 3.1.1 where the broker knows no better, QoS 1 only.

One network thread makes one connection after the other, each with a client of its own, so that nothing of an
old connection leaks into a new one: deliveries and PUBACKs carry the *generation* of their connection. The thread
only puts tuples into the inbox:

    ("up", generation, Broker)                       connected and subscribed
    ("down", generation, code, detail, hint)         lost, or not reached; it goes on trying
    ("message", Delivery, topic, payload, retained)
    ("refused", generation, mid, reason)             the broker did not take a message (MQTT 5, section 2.4)
    ("twin", generation)                             somebody else speaks as this station
    ("room", generation)                             the line is half empty again, or nothing is under way

Everything else is called from the thread that owns the store.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace
from paho.mqtt.client import MQTTv5, MQTTv311

from agent.link.access import Access, LinkError, access_of
from agent.link.connection import BACKLOG, Broker, Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.messages import Presence
    from agent.station.events import Delivery

__all__ = ["Access", "Broker", "Link", "LinkError", "access_of"]

log = logging.getLogger("packbench.link")

FIRST_WAIT_S = 1.0
LAST_WAIT_S = 60.0
FLAP_WAIT_S = 8.0  # after a connection that worked, however short: the broker is there
STEADY_S = 30.0  # a connection that lived for so long was a good one: the next wait is short again
DEAF_S = 120.0  # looking up a name can block for half a minute for each of the resolver's servers
SESSIONS_PER_BOOT = 1_000_000
PACKET_TOO_LARGE = 0x95
PACKET_HEAD = 400  # topic, properties and headers of one PUBLISH, generously


class Outgoing(Protocol):
    """A fact on its way: its topic and its bytes."""

    @property
    def topic(self) -> str: ...

    @property
    def body(self) -> bytes: ...


class Link:
    """The connection of one station. `about` is what the next birth says; assign it when media or abilities change.

    `lives` are the marks of this and earlier lives (`Presence.life`); a presence with any other is a twin's. None
    are known, none is looked for.

    With the state `safe` it hears configuration and commands, and no work: the OMS sends that again later.
    """

    def __init__(
        self, access: Access, *, station: str, site: str, boot: int, about: Presence,
        inbox: Callable[[tuple[Any, ...]], None], lives: frozenset[str] = frozenset(),
    ) -> None:
        self.about = about
        self._lives = lives
        self._access = access
        self._station = station
        self._site = site
        self._boot = boot
        self._inbox = inbox
        self._version = int(MQTTv5)
        self._generation = 0
        self._connection: Connection | None = None
        self._stopping = threading.Event()
        self._beat_s = time.monotonic()
        self._thread = threading.Thread(target=self._live, name="link", daemon=True)
        self._told = ""
        self._leaving = False

    # -- the owner's thread -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def publish(self, row: Outgoing) -> bool:
        """Put a fact in line for the network thread; return whether there is a connection and the line is not full."""
        connection = self._connection
        if connection is None or not connection.up or len(connection.backlog) >= BACKLOG:
            return False
        if self._fits(connection, row.body):
            connection.line_up(row.topic, row.body)
        return True

    def say(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> int:
        """Hand a message to the network thread; return its id, or 0 when there is no connection or no room.

        What the broker would not take for its size is answered with a refusal of reason 149 and id -1 instead of
        being sent: it would cost the connection.
        """
        connection = self._connection
        if connection is None or not connection.up or (qos and self.room <= 0):
            return 0
        if not self._fits(connection, payload):
            return -1
        return connection.publish(topic, payload, qos=qos, retain=retain)

    def announce(self) -> None:
        """Publish the birth again, because `about` changed."""
        connection = self._connection
        if connection is not None and connection.up:
            connection.say_presence(self._birth(connection))

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that a message is on disk; nothing when its connection is over: it comes again."""
        connection = self._connection
        if connection is not None and connection.generation == delivery.generation:
            connection.acknowledge(delivery.mid)

    @property
    def up(self) -> bool:
        """True while connected and subscribed."""
        connection = self._connection
        return connection is not None and connection.up

    @property
    def session(self) -> int:
        """The number of this connection among all that this station ever had; it stands in the presence, too."""
        return self._boot * SESSIONS_PER_BOOT + self._generation

    @property
    def in_flight(self) -> int:
        """The number of messages that the broker has not confirmed on this connection."""
        connection = self._connection
        return 0 if connection is None else connection.published - connection.acked

    @property
    def room(self) -> int:
        """How many more messages the broker takes right now."""
        connection = self._connection
        return connection.window - self.in_flight if connection is not None and connection.up else 0

    @property
    def refill(self) -> int:
        """How many facts may be put in line now: none while the line is over half full, so that they go in lots."""
        connection = self._connection
        if connection is None or not connection.up or len(connection.backlog) > BACKLOG // 2:
            return 0
        return BACKLOG - len(connection.backlog)

    def _fits(self, connection: Connection, payload: bytes) -> bool:
        if len(payload) + PACKET_HEAD <= connection.max_bytes:
            return True
        self._inbox(("refused", connection.generation, -1, PACKET_TOO_LARGE))
        return False

    def drop(self) -> None:
        """Cut the connection as a pulled cable does, and begin anew after the usual wait."""
        connection = self._connection
        if connection is not None:
            connection.cut()

    def alive(self) -> bool:
        """True while the network thread runs and moves; the watchdog asks."""
        return self._thread.is_alive() and time.monotonic() - self._beat_s < DEAF_S

    def stop(self, timeout_s: float) -> None:
        """Say goodbye as far as the time allows, and end the thread."""
        connection = self._connection
        if connection is not None and connection.up:
            connection.say_presence()
            deadline_s = time.monotonic() + timeout_s / 2
            while self.in_flight and self.up and time.monotonic() < deadline_s:
                self._stopping.wait(0.01)
            self._leaving = True
            connection.goodbye()
            self._thread.join(timeout_s / 2)
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s / 2)

    def _birth(self, connection: Connection) -> Presence:
        return replace(self.about, session=connection.about.session)

    # -- the network thread -------------------------------------------------------------------------------------

    def _live(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._connect_once()
            except LinkError as error:
                worked = self._connection is not None and self._connection.worked
                self._connection = None
                if self._leaving or self._stopping.is_set():
                    return
                self._tell_down(error)
                if worked:
                    wait_s = FIRST_WAIT_S if time.monotonic() - began_s > STEADY_S else min(wait_s, FLAP_WAIT_S)
                if error.code == "link.client-id-twice":
                    wait_s = LAST_WAIT_S
            # Jitter, so that a whole fleet does not come back in the same second; never faster than once a second.
            self._pause(max(FIRST_WAIT_S, wait_s * random.uniform(0.75, 1.5)))
            wait_s = min(wait_s * 2, LAST_WAIT_S)

    def _pause(self, wait_s: float) -> None:
        until_s = time.monotonic() + wait_s
        while not self._stopping.is_set() and (left_s := until_s - time.monotonic()) > 0:
            self._beat_s = time.monotonic()
            self._stopping.wait(min(left_s, 1.0))

    def _connect_once(self) -> None:
        """Make one connection and live with it until it ends. Raises LinkError at its end, unless we stop."""
        self._generation += 1
        self._beat_s = time.monotonic()
        connection = Connection(
            self._access, version=self._version, generation=self._generation, station=self._station, site=self._site,
            about=replace(self.about, session=self.session), inbox=self._inbox, lives=self._lives)
        try:
            connection.open()
            self._connection = connection
            born = False
            while not self._stopping.is_set():
                self._beat_s = time.monotonic()
                connection.turn(1.0)
                if connection.up and not born:
                    born = True
                    connection.say_presence(self._birth(connection))
                    self._tell_up(connection)
        except LinkError as error:
            mute = not connection.answered and error.code in ("link.silent", "link.lost", "link.protocol")
            if mute or error.code == "link.version":
                self._version = int(MQTTv311 if self._version == MQTTv5 else MQTTv5)
            raise
        finally:
            connection.close()

    def _tell_up(self, connection: Connection) -> None:
        self._told = ""
        log.info("connected to %s:%d, MQTT %s", self._access.host, self._access.port,
                 "5" if connection.version == MQTTv5 else "3.1.1")

    def _tell_down(self, error: LinkError) -> None:
        """Tell the owner each time, the log once for each reason."""
        if self._told != error.code:
            self._told = error.code
            log.warning("%s", error)
        self._inbox(("down", self._generation, error.code, error.detail, error.hint))
