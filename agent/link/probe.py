"""Which delivery guarantees a broker keeps: small experiments with clients of our own, in words and figures.

The probe makes sessions under `packbench-probe-...` and topics under `pack/v1/probe/...` and clears both behind it. It
can't see what happens when the broker itself loses power; that stands in its configuration.
"""

from __future__ import annotations

import queue
import secrets
import time
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
from msgspec import Struct
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.link.access import Access, LinkError, refused, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.reasoncodes import ReasonCode

ANSWER_S = 5.0
QUIET_S = 1.0
REDELIVERY_S = 35.0  # NATS gives again what was not acknowledged for 30 s, not at once on the next connection
OFFLINE = 1_500  # Mosquitto's default queue ends at 1,000


class Guarantee(Struct, frozen=True):
    """One property: `kept`, what that means for a station, and whether we rely on it (`needed`)."""

    name: str
    kept: bool
    needed: bool
    words: str


class Peer:
    """A paho client with its inbox."""

    def __init__(
        self, access: Access, name: str, version: int, *, clean: bool = False, manual_ack: bool = False,
    ) -> None:
        v5 = version == mqtt.MQTTv5
        self.messages: queue.SimpleQueue[mqtt.MQTTMessage] = queue.SimpleQueue()
        self.present = False
        self._up: queue.SimpleQueue[LinkError | None] = queue.SimpleQueue()
        self._subscribed: queue.SimpleQueue[list[bool]] = queue.SimpleQueue()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=None if v5 else clean, manual_ack=manual_ack,
            protocol=MQTTProtocolVersion(version), reconnect_on_failure=False)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: self._subscribed.put(
            [not reason.is_failure for reason in reasons])
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        if access.username:
            self.client.username_pw_set(access.username, access.password())
        if access.tls:
            self.client.tls_set_context(access.tls_context())
        properties = None
        if v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
            properties.SessionExpiryInterval = 0 if clean else 300
        try:
            if v5:
                self.client.connect(access.host, access.port, 30, clean_start=clean, properties=properties)
            else:
                self.client.connect(access.host, access.port, 30)
        except OSError as error:
            raise unreachable(access, error) from error
        self.client.loop_start()
        try:
            refusal = self._up.get(timeout=ANSWER_S)
        except queue.Empty:
            words = f"no MQTT {'5' if v5 else '3.1.1'} here."
            refusal = LinkError("link.silent", words, "Try the other version or port.")
        if refusal is not None:
            self.close()
            raise refusal

    def _connected(
        self, _client: mqtt.Client, _user: object, flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: object,
    ) -> None:
        self.present = bool(flags.session_present)
        self._up.put(refused(reason.value, str(reason)) if reason.is_failure else None)

    def subscribe(self, topic: str, qos: int = 1) -> bool:
        """Subscribe and return whether it was granted."""
        self.client.subscribe(topic, qos)
        try:
            return all(self._subscribed.get(timeout=ANSWER_S))
        except queue.Empty:
            return False

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Publish and return whether the broker confirmed it."""
        try:
            sent = self.client.publish(topic, payload, qos=qos, retain=retain)
            sent.wait_for_publish(ANSWER_S)
            return sent.is_published()
        except (RuntimeError, ValueError):
            return False

    def collect(self, count: int, first_s: float = QUIET_S) -> list[mqtt.MQTTMessage]:
        """Return up to `count` messages, waiting `first_s` for the first and then until none came for a second."""
        found: list[mqtt.MQTTMessage] = []
        while len(found) < count:
            try:
                found.append(self.messages.get(timeout=QUIET_S if found else first_s))
            except queue.Empty:
                break
        return found

    def vanish(self) -> None:
        """Drop the connection without DISCONNECT, as a pulled cable does."""
        sock = self.client.socket()
        if sock is not None:
            sock.close()
        self.client.loop_stop()

    def close(self) -> None:
        """Disconnect in good order."""
        self.client.disconnect()
        self.client.loop_stop()


class Probe:
    """Experiments on one broker."""

    def __init__(self, access: Access, version: int) -> None:
        self._access = access
        self._version = version
        self._run = secrets.token_hex(4)
        self._sender = self.peer("sender", clean=True)

    def peer(self, name: str, *, clean: bool = False, manual_ack: bool = False) -> Peer:
        """Return a client of this run."""
        full_name = f"packbench-probe-{self._run}-{name}"
        return Peer(self._access, full_name, self._version, clean=clean, manual_ack=manual_ack)

    def topic(self, name: str) -> str:
        """Return a topic of this run."""
        return f"pack/v1/probe/{self._run}/{name}"

    def run(self) -> list[Guarantee]:
        """Return every guarantee with its verdict."""
        experiments: tuple[Callable[[], Guarantee], ...] = (
            self.queued, self.long_queue, self.redelivered, self.quality, self.retained, self.large, self.will)
        results = [experiment() for experiment in experiments]
        self._sender.close()
        return results

    def _waits(self, count: int) -> tuple[int, bool]:
        """Return how many of `count` messages to an absent session arrive, and whether the session was there."""
        topic = self.topic(f"queue{count}")
        away = self.peer(f"away{count}")
        away.subscribe(topic)
        away.close()
        for number in range(count):
            self._sender.client.publish(topic, b"%d" % number, qos=1)
        self._sender.publish(topic + "-end", b"")
        back = self.peer(f"away{count}")
        present, found = back.present, len(back.collect(count, ANSWER_S))
        back.close()
        self.peer(f"away{count}", clean=True).close()
        return found, present

    def queued(self) -> Guarantee:
        found, present = self._waits(50)
        return Guarantee("queue-for-absent", found == 50 and present, needed=True,
                         words=f"{found} of 50 jobs reached a station that was away when they were sent.")

    def long_queue(self) -> Guarantee:
        found, _ = self._waits(OFFLINE)
        kept = found == OFFLINE
        more = "" if kept else " The rest is gone without a word; comparing on every connection brings it back."
        return Guarantee("long-queue", kept, needed=False,
                         words=f"{found} of {OFFLINE} jobs waited for an absent station.{more}")

    def redelivered(self) -> Guarantee:
        topic = self.topic("unacked")
        first = self.peer("unacked", manual_ack=True)
        first.subscribe(topic)
        self._sender.publish(topic, b"1")
        given = len(first.collect(1, ANSWER_S))
        first.vanish()
        second = self.peer("unacked", manual_ack=True)
        again = second.collect(1, REDELIVERY_S)
        second.close()
        self.peer("unacked", clean=True).close()
        words = "A job that was not acknowledged comes again." if again else \
            "A job that was not acknowledged is lost when the connection drops. Do not use this broker for jobs."
        return Guarantee("redelivery", bool(given and again), needed=True, words=words)

    def quality(self) -> Guarantee:
        reader = self.peer("quality", clean=True)
        reader.subscribe(self.topic("qos"))
        self._sender.publish(self.topic("qos"), b"0", qos=0)
        found = reader.collect(1)
        reader.close()
        kept = bool(found) and found[0].qos == 0
        return Guarantee("lower-quality-kept", kept, needed=False,
                         words="Telemetry sent with QoS 0 arrives as that." if kept else
                         "Telemetry sent with QoS 0 arrives with another QoS, or not; nothing depends on it.")

    def retained(self) -> Guarantee:
        topic = self.topic("retained")
        self._sender.publish(topic, b"kept", retain=True)
        reader = self.peer("retained", clean=True)
        reader.subscribe(topic)
        found = reader.collect(1)
        reader.close()
        self._sender.publish(topic, b"", retain=True)
        kept = bool(found) and bool(found[0].retain)
        return Guarantee("retained", kept, needed=True,
                         words="Presence and configuration reach whoever comes later." if kept else
                         "Retained messages do not arrive: nobody who comes later sees presence or configuration.")

    def large(self) -> Guarantee:
        topic = self.topic("large")
        reader = self.peer("large", clean=True)
        reader.subscribe(topic)
        sender = self.peer("large-sender", clean=True)
        sender.publish(topic, b"x" * 65_536)
        found = reader.collect(1)
        reader.close()
        sender.close()
        kept = bool(found) and len(found[0].payload) == 65_536
        return Guarantee("payload-64kB", kept, needed=True,
                         words="The largest message of the contract passes." if kept else
                         "A message of 64 kB does not pass: raise the broker's size limit.")

    def will(self) -> Guarantee:
        topic = self.topic("will")
        reader = self.peer("will-reader", clean=True)
        reader.subscribe(topic)
        mortal = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"packbench-probe-{self._run}-mortal",
                             protocol=MQTTProtocolVersion(self._version), reconnect_on_failure=False)
        mortal.will_set(topic, b"lost", qos=1)
        if self._access.username:
            mortal.username_pw_set(self._access.username, self._access.password())
        if self._access.tls:
            mortal.tls_set_context(self._access.tls_context())
        mortal.connect(self._access.host, self._access.port, 5)
        mortal.loop_start()
        until_s = time.monotonic() + ANSWER_S
        while not mortal.is_connected() and time.monotonic() < until_s:
            time.sleep(0.01)
        sock = mortal.socket()
        if sock is not None:
            sock.close()
        mortal.loop_stop()
        found = reader.collect(1)
        reader.close()
        return Guarantee("will", bool(found), needed=True,
                         words="A station that vanishes is told as lost." if found else
                         "A station that vanishes is not told as lost.")


def probe(access: Access) -> tuple[str, list[Guarantee]]:
    """Return the MQTT version that was used (5 where it is offered) and every guarantee. Raises LinkError."""
    try:
        experiments = Probe(access, mqtt.MQTTv5)
        version = "5"
    except LinkError as error:
        if error.code not in ("link.silent", "link.version"):
            raise
        experiments = Probe(access, mqtt.MQTTv311)
        version = "3.1.1"
    return version, experiments.run()
