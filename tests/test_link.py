"""The link against a real broker: nothing is acknowledged early or twice, and every trouble has a name."""

from __future__ import annotations

import datetime as dt
import gc
import json
import queue
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.broker import free_ports
from agent.link import Access, Link
from agent.messages import Presence, topics
from agent.station.events import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agent.demo.broker import DemoBroker

PATIENCE_S = 10.0


class Station:
    """A link and its inbox."""

    def __init__(self, url: str, name: str, *, boot: int = 1, **access: Any) -> None:  # noqa: ANN401 (fields of Access)
        self.name = name
        self.inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.kept: list[tuple[Any, ...]] = []
        about = Presence("ready", 0, contract="1.0", capabilities=("scale:bench",))
        self.link = Link(Access(url, name, **access), station=name, site="ams1", boot=boot, about=about,
                         inbox=self.inbox.put)
        self.link.start()

    def wait(self, kind: str, timeout_s: float = PATIENCE_S) -> tuple[Any, ...]:
        """Return the next item of this kind; others before it are kept for later."""
        until_s = time.monotonic() + timeout_s
        while not any(item[0] == kind for item in self.kept):
            self.kept.append(self.inbox.get(timeout=max(0.001, until_s - time.monotonic())))
        return self.kept.pop(next(place for place, item in enumerate(self.kept) if item[0] == kind))


class Observer:
    """The other side: publishes work, sees what the broker gives out."""

    def __init__(self, url: str, *filters: str) -> None:
        self.seen: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = lambda _c, _u, message: self.seen.put((message.topic, bytes(message.payload)))
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", int(url.rpartition(":")[2]))
        self.client.loop_start()
        self.client.subscribe([(topic, 1) for topic in filters] or "nothing")
        assert ready.wait(PATIENCE_S)

    def publish(self, topic: str, payload: str) -> None:
        self.client.publish(topic, payload, qos=1).wait_for_publish(PATIENCE_S)

    def presence(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.seen.get(timeout=PATIENCE_S)[1])
        return found

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def station(mosquitto: DemoBroker, request: pytest.FixtureRequest) -> Iterator[Callable[..., Station]]:
    made: list[Station] = []

    def make(name: str = "", **more: int) -> Station:
        made.append(Station(mosquitto.url, name or f"st-{abs(hash(request.node.name)) % 10**8}", **more))
        return made[-1]

    yield make
    for one in made:
        one.link.stop(1.0)


@pytest.fixture
def observe(mosquitto: DemoBroker) -> Iterator[Callable[..., Observer]]:
    made: list[Observer] = []

    def make(*filters: str) -> Observer:
        made.append(Observer(mosquitto.url, *filters))
        return made[-1]

    yield make
    for one in made:
        one.close()


Stations = "Callable[..., Station]"


def test_work_that_was_not_acknowledged_comes_again_on_the_next_connection(
        station: Callable[..., Station], observe: Callable[..., Observer]) -> None:
    first = station()
    first.wait("up")
    work = topics.station(first.name, "job/assign")
    other = observe()
    other.publish(work, "one")
    other.publish(work, "two")
    early = first.wait("message")
    first.wait("message")
    first.link.acknowledge(early[1])
    first.link.stop(1.0)
    second = station(first.name)
    assert second.wait("up")[2].session_present
    assert second.wait("message")[3] == b"two"


def test_an_acknowledgement_of_an_old_connection_is_not_given_to_the_new_one(
        station: Callable[..., Station], observe: Callable[..., Observer]) -> None:
    first = station()
    first.wait("up")
    observe().publish(topics.station(first.name, "job/assign"), "one")
    _, delivery, *_ = first.wait("message")
    first.link.acknowledge(Delivery(delivery.generation + 1, delivery.mid))
    first.link.stop(1.0)
    assert station(first.name).wait("message")[3] == b"one"


def test_work_that_comes_while_the_agent_is_away_waits_at_the_broker(
        station: Callable[..., Station], observe: Callable[..., Observer]) -> None:
    first = station()
    first.wait("up")
    first.link.stop(1.0)
    observe().publish(topics.station(first.name, "job/assign"), "later")
    assert station(first.name).wait("message")[3] == b"later"


def test_presence_says_ready_then_disconnected_with_the_same_session(
        station: Callable[..., Station], observe: Callable[..., Observer]) -> None:
    watcher = observe("pack/v1/st/st-presence/presence")
    here = station("st-presence", boot=3)
    born = watcher.presence()
    assert (born["state"], born["contract"], born["capabilities"]) == ("ready", "1.0", ["scale:bench"])
    here.link.stop(1.0)
    gone = watcher.presence()
    assert (gone["state"], gone["session"]) == ("disconnected", born["session"])


def test_a_later_connection_has_a_higher_session_number_also_after_a_restart(
        station: Callable[..., Station], observe: Callable[..., Observer]) -> None:
    watcher = observe("pack/v1/st/st-sessions/presence")
    sessions = []
    for boot in (4, 5):
        here = station("st-sessions", boot=boot)
        sessions.append(watcher.presence()["session"])
        here.link.stop(1.0)
        watcher.presence()
    assert sessions[0] < sessions[1]


def test_more_than_the_brokers_window_is_never_under_way(
        station: Callable[..., Station], observe: Callable[..., Observer]) -> None:
    here = station()
    window = here.wait("up")[2].window
    topic = topics.station(here.name, "evt/job")
    watcher = observe(topic)
    sent: list[int] = []
    while len(sent) < 500:
        if here.link.say(topic, b"%d" % len(sent)):
            sent.append(len(sent))
            assert here.link.in_flight <= window
        else:
            here.wait("room")
    assert [int(watcher.seen.get(timeout=PATIENCE_S)[1]) for _ in sent] == sent


def test_what_the_broker_would_not_take_is_answered_without_costing_the_connection(
        station: Callable[..., Station]) -> None:
    here = station()
    here.wait("up")
    connection = here.link._connection
    assert connection is not None
    connection.max_bytes = 1_000
    assert here.link.say(topics.station(here.name, "evt/job"), b"x" * 2_000) == -1
    assert here.wait("refused")[2:] == (-1, 0x95)
    assert here.link.up


def test_telemetry_leaves_the_count_of_what_is_under_way_as_it_was(mosquitto: DemoBroker) -> None:
    """Its QoS is 0, so no acknowledgement comes; counted as one, the window would grow with every minute."""
    here = Station(mosquitto.url, "st-tel")
    here.wait("up")
    for _ in range(50):
        here.link.say("pack/v1/st/st-tel/tel", b"{}", qos=0)
    here.link.say("pack/v1/st/st-tel/evt/last", b"{}")
    while here.link.in_flight > 0:
        here.wait("room")
    assert here.link.in_flight == 0
    here.link.stop(1.0)


def test_a_killed_broker_is_told_as_down_and_found_again_when_it_is_back(own_mosquitto: DemoBroker) -> None:
    here = Station(own_mosquitto.url, "st-kill")
    generation = here.wait("up")[1]
    own_mosquitto.kill()
    assert here.wait("down")[2] in ("link.lost", "link.closed-by-broker", "link.refused")
    own_mosquitto.start()
    assert here.wait("up")[1] > generation
    assert here.link.alive()
    here.link.stop(1.0)
    assert not here.link.alive()


def test_a_port_that_speaks_only_the_older_version_is_found_out() -> None:
    (port,) = free_ports(1)
    listener = socket.create_server(("127.0.0.1", port))
    versions: list[int] = []

    def old_broker() -> None:
        for _ in range(2):
            peer, _ = listener.accept()
            with peer:
                packet = peer.recv(500)
                versions.append(packet[8])  # MQTT 3.1.1, section 3.1.2.2: protocol level
                if versions[-1] == 4:
                    peer.sendall(b"\x20\x02\x00\x00")
                    wire = peer.makefile("rb")
                    while (kind := wire.read(1)) == b"\x82":  # SUBSCRIBE, 3.8: packet id, then filters with a QoS each
                        body = wire.read(remaining_length(wire))
                        place, count = 2, 0
                        while place < len(body):
                            place += 3 + int.from_bytes(body[place:place + 2], "big")
                            count += 1
                        peer.sendall(bytes((0x90, 2 + count)) + body[:2] + b"\x01" * count)
                    assert kind
                    wire.close()
                else:
                    peer.sendall(b"\x20\x02\x00\x01")

    thread = threading.Thread(target=old_broker, daemon=True)
    thread.start()
    here = Station(f"mqtt://127.0.0.1:{port}", "st-old")
    assert here.wait("down")[2] == "link.version"
    assert here.wait("up")[2].version == 4
    here.link.stop(0.2)
    thread.join(PATIENCE_S)
    listener.close()
    assert versions == [5, 4]


def remaining_length(wire: BinaryIO) -> int:
    """Return the length of the packet that follows (MQTT 3.1.1, section 2.2.3)."""
    length, shift = 0, 0
    while (byte := wire.read(1)[0]) >= 0x80:
        length |= (byte & 0x7F) << shift
        shift += 7
    return length | byte << shift


# paho leaves a socket whose TLS handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(("days", "name", "code"), [
    ((1, 9), "127.0.0.1", "link.clock"),
    ((-9, -1), "127.0.0.1", "link.certificate-expired"),
    ((-1, 1), "127.0.0.2", "link.certificate-name"),
])
def test_a_certificate_that_does_not_fit_is_told_by_its_reason(
        tmp_path: Path, days: tuple[int, int], name: str, code: str) -> None:
    certificate, key = certificate_for(name, days, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def greet() -> None:
        peer, _ = listener.accept()
        try:
            with context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False) as wrapped:
                wrapped.do_handshake()
        except OSError:
            pass

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    here = Station(f"mqtts://127.0.0.1:{port}", "st-tls", ca_file=certificate)
    assert here.wait("down")[2] == code
    here.link.stop(0.2)
    del here
    gc.collect()
    thread.join(PATIENCE_S)
    listener.close()


def test_missing_files_and_unknown_names_are_told_by_their_reason(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    for url, more, code in (
        (f"mqtts://127.0.0.1:{port}", {"ca_file": tmp_path / "none.pem"}, "link.files"),
        (f"mqtt://127.0.0.1:{port}", {"username": "a", "password_file": tmp_path / "none"}, "link.files"),
        (f"mqtt://127.0.0.1:{port}", {}, "link.refused"),
        ("mqtt://no.such.name.invalid:1883", {}, "link.dns"),
    ):
        here = Station(url, "st-bad", **more)
        down = here.wait("down", 60)
        here.link.stop(0.2)
        assert down[2] == code
        assert down[4]


def certificate_for(address: str, days: tuple[int, int], directory: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for an IP address, valid between two days from now, and its key."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    now = dt.datetime.now(dt.UTC)
    first, last = (now + dt.timedelta(days=day) for day in days)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(first).not_valid_after(last)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .sign(key, hashes.SHA256()))
    pem, key_pem = directory / "cert.pem", directory / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()))
    return pem, key_pem
