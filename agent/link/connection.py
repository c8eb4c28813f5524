"""One connection to the broker, from CONNECT to its end, with a paho client of its own.

paho's callbacks run on the network thread and only put tuples into the inbox. Its own automatic reconnecting is
not used: it would send again what was on the way, in the old order, before we could say a word.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.link.access import LinkError, refused, unreachable
from agent.messages import Presence, life_of, presence, topics
from agent.station.events import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.reasoncodes import ReasonCode

    from agent.link.access import Access

CONNACK_S = 5.0  # a v5 client on a port that speaks 3.1.1 alone often gets no answer at all
SUBACK_S = 10.0
SESSION_S = 7 * 24 * 3600  # the broker keeps our queue over a long weekend
WINDOW = 100  # messages on the way to us, and to a broker that does not say what it takes (AWS IoT Core: 100)
BACKLOG = 400  # facts that wait in line here, so that the network thread need not wait for the owner
WINDOW_OUT = 200  # to a broker that says so
ESSENTIAL = 2  # the first filters (work, receipts): without them there is no use in being connected


@dataclass(frozen=True, slots=True)
class Broker:
    """What the broker told of itself: MQTT version (5 or 4 for 3.1.1), and what it takes."""

    version: int
    session_present: bool
    window: int
    max_bytes: int


class CloudEvent(Properties):
    """The properties of every fact (CloudEvents over MQTT 5, structured mode), packed once and not for each."""

    def __init__(self) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's
        self.ContentType = "application/cloudevents+json"
        packed: bytes = super().pack()  # type: ignore[no-untyped-call]  # paho's
        object.__setattr__(self, "pack", lambda: packed)  # past paho's own __setattr__, which knows only properties


class Connection:
    """One connection. `published` counts on the owner's thread, `acked` on the network's; neither needs a lock."""

    def __init__(
        self, access: Access, *, version: int, generation: int, about: Presence, station: str, site: str,
        inbox: Callable[[tuple[Any, ...]], None], lives: frozenset[str],
    ) -> None:
        self.generation = generation
        self.about = about
        self.version = version
        self.up = False
        self.worked = False
        self.answered = False
        self.backlog: deque[tuple[str, bytes]] = deque()
        self.published = 0
        self.acked = 0
        self.window = WINDOW
        self.max_bytes = 1 << 28
        self._access = access
        self._inbox = inbox
        # What the session of before holds is work: in safe mode it would fill the window and hide the admin's words.
        self._clean = about.state == "safe"
        self._filters = () if self._clean else topics.subscriptions(station, site)
        self._fleet_filters = topics.fleet_subscriptions(station, site)
        self._first_mid: int | None = None
        self._presence_topic = topics.station(station, "presence")
        self._lives = lives
        if lives:
            self._fleet_filters = (*self._fleet_filters, self._presence_topic)
        self._present = False
        self._end: LinkError | None = None
        self._began_s = time.monotonic()
        self._content_type = CloudEvent()
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        v5 = self.version == mqtt.MQTTv5
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._access.client_id, clean_session=None if v5 else self._clean,
            protocol=MQTTProtocolVersion(self.version), reconnect_on_failure=False, manual_ack=True)
        client.max_inflight_messages_set(WINDOW_OUT)
        client.connect_timeout = CONNACK_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        # With this set, publish() and ack() only queue and wake the network thread; without it they would write to
        # the socket from the owner's thread, beside the loop.
        client.on_socket_register_write = _wake_only
        client.will_set(self._presence_topic, presence(self._word("lost")), qos=1, retain=True)
        if self._access.username:
            client.username_pw_set(self._access.username, self._access.password())
        if self._access.tls:
            client.tls_set_context(self._access.tls_context())
        return client

    # -- the network thread -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect the socket and send CONNECT. Raises LinkError."""
        properties = None
        if self.version == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
            properties.SessionExpiryInterval = SESSION_S
            properties.ReceiveMaximum = WINDOW
        clean_start: Any = self._clean if self.version == mqtt.MQTTv5 else mqtt.MQTT_CLEAN_START_FIRST_ONLY
        try:
            self._client.connect(self._access.host, self._access.port, self._access.keepalive_s,
                                 clean_start=clean_start, properties=properties)
        except OSError as error:
            raise unreachable(self._access, error) from error

    def turn(self, timeout_s: float) -> None:
        """Move bytes for up to `timeout_s`. Raises LinkError when the connection is over."""
        try:
            rc = self._client.loop(timeout_s)
        except (ValueError, IndexError, KeyError, MQTTException, OSError) as error:
            raise LinkError("link.protocol", f"the broker sent what is not MQTT: {error}.",
                            "Check that this port is an MQTT port; look into the broker's log.") from error
        if self._end is not None:
            raise self._end
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkError("link.lost", f"the connection ended: {mqtt.error_string(rc)}",
                            "Nothing to do here; it is tried again by itself.")
        waited_s = time.monotonic() - self._began_s
        if not self.answered and waited_s > CONNACK_S:
            raise LinkError("link.silent", "the broker took the connection and did not answer.",
                            "Check that this port is an MQTT port; the other MQTT version is tried next.")
        if not self.up and waited_s > CONNACK_S + SUBACK_S:
            raise LinkError("link.silent", "the broker does not answer our subscription.",
                            "Look into the broker's log.")

    def close(self) -> None:
        """Close the socket and let the client go."""
        self.up = False
        sock = self._client.socket()
        if sock is not None:
            sock.close()
        for callback in ("on_connect", "on_disconnect", "on_subscribe", "on_message", "on_publish"):
            setattr(self._client, callback, None)

    def _on_connect(self, client: mqtt.Client, _user: object, flags: mqtt.ConnectFlags, reason: ReasonCode,
                    properties: Properties | None) -> None:
        self.answered = True
        if reason.is_failure:
            self._end = refused(reason.value, str(reason))
            return
        self._present = bool(flags.session_present)
        if self.version == mqtt.MQTTv5:  # absent means 65,535 (MQTT 5, 3.2.2.3.3)
            self.window = min(getattr(properties, "ReceiveMaximum", WINDOW_OUT), WINDOW_OUT)
        self.max_bytes = getattr(properties, "MaximumPacketSize", self.max_bytes)
        mids = [self._subscribe(client, filters)[1] for filters in (self._filters, self._fleet_filters) if filters]
        self._first_mid = mids[0]

    def _subscribe(self, client: mqtt.Client, filters: tuple[str, ...]) -> tuple[MQTTErrorCode, int | None]:
        if self.version == mqtt.MQTTv5:
            return client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in filters])
        return client.subscribe([(topic, 1) for topic in filters])

    def _on_subscribe(self, _client: mqtt.Client, _user: object, mid: int, reasons: list[ReasonCode],
                      _properties: Properties | None) -> None:
        if mid != self._first_mid:  # without the fleet's own topics a station works as it did
            return
        denied = [topic for topic, reason in zip(self._filters, reasons, strict=False) if reason.is_failure]
        if any(topic in self._filters[:ESSENTIAL] for topic in denied):
            self._end = LinkError("link.subscribe-denied", f"the broker denies {', '.join(denied)}.",
                                  "Give the station the right to read its own topics.")
            return
        self.up = self.worked = True
        self._inbox(("up", self.generation, Broker(self.version, self._present, self.window, self.max_bytes)))

    def _on_disconnect(self, _client: mqtt.Client, _user: object, flags: mqtt.DisconnectFlags,
                       reason: ReasonCode, _properties: Properties | None) -> None:
        if flags.is_disconnect_packet_from_server and self._end is None:
            self._end = refused(reason.value, str(reason))

    def _on_message(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == self._presence_topic:
            self._client.ack(message.mid, message.qos)
            if (life := life_of(bytes(message.payload))) and life not in self._lives:
                self._inbox(("twin", self.generation))
            return
        reply = str(getattr(message.properties, "ResponseTopic", "")) if self.version == mqtt.MQTTv5 else ""
        delivery = Delivery(self.generation, message.mid if message.qos else 0, reply)
        self._inbox(("message", delivery, message.topic, bytes(message.payload), bool(message.retain)))

    def _on_publish(self, _client: mqtt.Client, _user: object, mid: int, reason: ReasonCode,
                    _properties: Properties | None) -> None:
        self.acked += 1
        if reason.is_failure:
            self._inbox(("refused", self.generation, mid, reason.value))
        self._pump()
        if len(self.backlog) == BACKLOG // 2 or self.published == self.acked:
            self._inbox(("room", self.generation))

    # -- the owner's thread -------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, event: bool = False) -> int:
        """Queue a message and return its id. Sizes were checked before."""
        properties = self._content_type if event and self.version == mqtt.MQTTv5 else None
        self.published += 1  # paho says on_publish for QoS 0, too: once it is written
        return self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties).mid

    def line_up(self, topic: str, payload: bytes) -> None:
        """Queue a fact behind those under way; the network thread sends it as soon as the broker has room."""
        self.backlog.append((topic, payload))
        self._pump()

    def _pump(self) -> None:
        """Send from the backlog up to the window. Both threads come here, without a lock that paho's could meet.

        A fact is taken by one of them; the one place in the window that is kept free is for the moment in which
        both see the same room.
        """
        while self.up and self.published - self.acked < max(self.window - 1, 1):
            try:
                topic, payload = self.backlog.popleft()
            except IndexError:
                return
            self.publish(topic, payload, event=True)

    def _word(self, state: Literal["lost", "disconnected"]) -> Presence:
        return Presence(state, self.about.session, life=self.about.life)

    def say_presence(self, word: Presence | None = None) -> int:
        """Queue the retained word on the station, without one its goodbye, and return its message id."""
        word = word or self._word("disconnected")
        return self.publish(self._presence_topic, presence(word), retain=True)

    def acknowledge(self, mid: int) -> None:
        """Tell the broker that the message is on disk."""
        if mid:
            self._client.ack(mid, 1)

    def cut(self) -> None:
        """Shut the socket down under the network thread, which then finds the connection lost."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def goodbye(self) -> None:
        """Queue DISCONNECT."""
        self._client.disconnect()


def _wake_only(_client: mqtt.Client, _user: object, _sock: object) -> None:
    """The network thread is woken by paho's own socket pair."""
