"""The shipped broker files keep others out: a real Mosquitto, TLS 1.3, certificates by the shipped commands."""

from __future__ import annotations

import datetime as dt
import os
import queue
import shutil
import signal
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.cli.provision import group
from agent.demo.broker import free_ports, listens
from agent.fleet import identity

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER_FILES = Path(__file__).parents[2] / "firmware_config" / "broker"
PATIENCE_S = 5.0
# How long nothing must come before it counts as refused; a message that is let through takes a millisecond.
QUIET_S = 0.3
NOW = dt.datetime.now(dt.UTC)


@dataclass
class Fleet:
    """A broker that runs by the shipped files, and the authority of its clients."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> None:
        """Run one `packbench provision` command."""
        ended = CliRunner().invoke(group, list(words))
        assert ended.exit_code == 0, ended.output

    def certify(self, name: str, *more: str) -> None:
        """Give `name` a key and a certificate, as a technician and an admin do."""
        own = self.folder / name
        self.command("request", name, "--out", str(own))
        self.command("issue", str(own / "station.csr"), name, "--folder", str(self.folder / "ca"), "--out",
                     str(own / "station.pem"), *more)

    def start(self) -> None:
        """Start Mosquitto with the shipped configuration; only paths and port are this test's."""
        (self.port,) = free_ports(1)
        text = (BROKER_FILES / "mosquitto.conf").read_text(encoding="utf-8")
        for shipped, here in {
            "listener 8883": f"listener {self.port} 127.0.0.1", "/etc/mosquitto/tls/ca.pem": f"{self.folder}/ca/ca.pem",
            "/etc/mosquitto/tls/revoked.pem": f"{self.folder}/ca/revoked.pem",
            "/etc/mosquitto/tls/broker.pem": f"{self.folder}/broker/station.pem",
            "/etc/mosquitto/tls/broker.key": f"{self.folder}/broker/station.key",
            "/etc/mosquitto/stations.acl": str(BROKER_FILES / "stations.acl"), "/var/lib/mosquitto/": f"{self.folder}/",
        }.items():
            assert shipped in text, shipped
            text = text.replace(shipped, here)
        (self.folder / "mosquitto.conf").write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert program
        self.process = subprocess.Popen([program, "-c", str(self.folder / "mosquitto.conf")],
                                        stderr=subprocess.DEVNULL)
        until_s = time.monotonic() + PATIENCE_S
        while not listens(self.port):
            assert self.process.poll() is None
            assert time.monotonic() < until_s


@dataclass
class Client:
    """One MQTT client with somebody's certificate."""

    fleet: Fleet
    name: str
    client_id: str = ""
    files: Path | None = None
    ca_file: Path | None = None
    heard: queue.SimpleQueue[tuple[str, bytes]] = field(default_factory=queue.SimpleQueue)
    told: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)

    def connect(self) -> Client:
        """Connect. Raises OSError or AssertionError when the broker does not let us in."""
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self.client_id or self.name,
                                protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
        files = self.files or self.fleet.folder / self.name
        context = ssl.create_default_context(cafile=self.ca_file or self.fleet.folder / "ca" / "ca.pem")
        if (files / "station.pem").exists():
            context.load_cert_chain(files / "station.pem", files / "station.key")
        self.mqtt.tls_set_context(context)
        self.mqtt.on_connect = lambda _c, _u, _f, reason, _p: self.told.put(str(reason))
        self.mqtt.on_disconnect = lambda *_: self.told.put("gone")
        self.mqtt.on_subscribe = lambda *_: self.told.put("subscribed")
        self.mqtt.on_publish = lambda _c, _u, _m, reason, _p: self.told.put(str(reason))
        self.mqtt.on_message = lambda _c, _u, message: self.heard.put((message.topic, bytes(message.payload)))
        self.mqtt.connect("127.0.0.1", self.fleet.port)
        self.mqtt.loop_start()
        assert self.told.get(timeout=PATIENCE_S) == "Success"
        return self

    def listen(self, *topics: str) -> None:
        self.mqtt.subscribe([(topic, 1) for topic in topics])
        assert self.told.get(timeout=PATIENCE_S) == "subscribed"

    def say(self, topic: str, payload: bytes = b"x") -> str:
        """Publish; return what the broker says to that."""
        self.mqtt.publish(topic, payload, qos=1)
        return self.told.get(timeout=PATIENCE_S)

    def hears(self) -> list[str]:
        """Return the topics of what came until it was quiet."""
        found = []
        while True:
            try:
                found.append(self.heard.get(timeout=QUIET_S)[0])
            except queue.Empty:
                return found

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("security"))
    fleet.command("authority", "--folder", str(fleet.folder / "ca"))
    fleet.certify("broker", "--address", "127.0.0.1", "--address", "localhost")
    for name in ("st-1", "st-2", "st-stolen"):
        fleet.certify(name)
    for name in ("admin", "oms"):
        fleet.certify(name, "--service")
    fleet.start()
    assert fleet.process
    try:
        yield fleet
    finally:
        fleet.process.terminate()
        fleet.process.wait(5)


@pytest.mark.parametrize("topic", [
    "pack/v1/st/st-2/evt/parcel", "pack/v1/st/st-2/presence", "pack/v1/st/st-2/cfg/reported",
    "pack/v1/st/st-1/job/assign",
    "pack/v1/cfg/fleet", "pack/v1/cfg/station/st-1", "pack/v1/oms/state", "pack/v1/st/st-2/cmd/identify/req",
    "pack/v1/st/st-1/cmd/identify/req", "pack/v1/st/st-2/cmd/identify/rsp", "pack/v1/st/st-1/rcpt",
])
def test_a_station_can_not_speak_for_others(fleet: Fleet, topic: str) -> None:
    station = Client(fleet, "st-1").connect()
    assert station.say(topic) == "Not authorized"
    assert station.say("pack/v1/st/st-1/evt/parcel") in ("Success", "No matching subscribers")
    station.close()


def test_a_station_hears_its_own_work_and_nobody_elses_whatever_it_subscribes_to(fleet: Fleet) -> None:
    station, oms, admin = (Client(fleet, name).connect() for name in ("st-1", "oms", "admin"))
    station.listen("pack/v1/st/+/job/+", "#", "pack/v1/st/+/cmd/+/req", "pack/v1/cfg/station/+")
    oms.say("pack/v1/st/st-1/job/assign")
    oms.say("pack/v1/st/st-2/job/assign")
    admin.say("pack/v1/st/st-2/cmd/identify/req")
    admin.say("pack/v1/st/st-1/cmd/identify/req")
    admin.say("pack/v1/cfg/station/st-2")
    assert {topic.split("/")[3] for topic in station.hears()} == {"st-1"}
    assert oms.say("pack/v1/cfg/fleet") == "Not authorized"
    assert oms.say("pack/v1/st/st-1/cmd/identify/req") == "Not authorized"
    assert admin.say("pack/v1/st/st-1/job/assign") == "Not authorized"
    for one in (station, oms, admin):
        one.close()


def test_another_stations_client_id_does_not_throw_it_out(fleet: Fleet) -> None:
    victim = Client(fleet, "st-1").connect()
    thief = Client(fleet, "st-2", client_id="st-1").connect()
    assert victim.say("pack/v1/st/st-1/evt/parcel") in ("Success", "No matching subscribers")
    assert thief.say("pack/v1/st/st-1/evt/parcel") == "Not authorized"
    thief.close()
    victim.close()


# paho leaves a socket whose TLS handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_foreign_certificate_and_none_at_all_stay_outside(fleet: Fleet, tmp_path: Path) -> None:
    key, certificate = identity.authority(NOW)
    own, asked = identity.request("st-1")
    (tmp_path / "station.key").write_bytes(own)
    (tmp_path / "station.pem").write_bytes(identity.issue(asked, key, certificate, NOW, name="st-1"))
    for files in (tmp_path, tmp_path / "nothing"):
        client = Client(fleet, "st-1", files=files)
        with pytest.raises((OSError, queue.Empty, AssertionError)):
            client.connect()
        client.mqtt.loop_stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_certificate_that_was_taken_back_stays_outside_after_a_reload(fleet: Fleet) -> None:
    Client(fleet, "st-stolen").connect().close()
    fleet.command("revoke", str(fleet.folder / "st-stolen" / "station.pem"), "--folder", str(fleet.folder / "ca"))
    assert fleet.process
    fleet.process.send_signal(signal.SIGTERM)
    fleet.process.wait(5)
    fleet.start()
    with pytest.raises((OSError, queue.Empty, AssertionError)):
        Client(fleet, "st-stolen").connect()
    Client(fleet, "st-1").connect().close()


def test_a_key_is_for_its_owner_alone_and_never_overwritten(fleet: Fleet) -> None:
    assert (fleet.folder / "st-1" / "station.key").stat().st_mode & 0o777 == 0o600
    assert CliRunner().invoke(group, ["request", "st-1", "--out", str(fleet.folder / "st-1")]).exit_code == 1


@pytest.mark.parametrize(("name", "expected", "code"), [
    ("st-1", "st-2", "identity.other-name"), ("admin", "admin", "identity.reserved"),
    ("oms", "oms", "identity.reserved"),
])
def test_the_authority_gives_nobody_another_name(name: str, expected: str, code: str) -> None:
    key, certificate = identity.authority(NOW)
    _, asked = identity.request(name)
    with pytest.raises(identity.IdentityError) as caught:
        identity.issue(asked, key, certificate, NOW, name=expected)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "st 1", "x" * 65, "st-1\n"])
def test_a_name_that_is_no_level_of_a_topic_is_refused(name: str) -> None:
    with pytest.raises(identity.IdentityError) as caught:
        identity.request(name)
    assert caught.value.code == "identity.name"


def test_what_is_no_request_is_refused() -> None:
    key, certificate = identity.authority(NOW)
    with pytest.raises(identity.IdentityError) as caught:
        identity.issue(b"nonsense", key, certificate, NOW, name="st-1")
    assert caught.value.code == "identity.unreadable"


def test_a_certificate_says_how_long_it_holds() -> None:
    key, certificate = identity.authority(NOW)
    _, asked = identity.request("st-1")
    pem = identity.issue(asked, key, certificate, NOW, name="st-1", days=30)
    assert 29.9 < identity.days_left(pem, NOW) < 30.1
