"""A real Mosquitto with the shipped files, the authority of its clients, and clients with somebody's certificate."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.cli.provision import group
from agent.demo.broker import free_ports, listens
from agent.fleet.signing import make_key

SETTINGS = """directory = "{root}/station"
socket = "{root}/packbench.sock"
[station]
id = "st-1"
site = "ams1"
[fleet]
keys = "{root}/config-keys"
[broker]
url = "mqtts://127.0.0.1:{port}"
ca_file = "{root}/ca/ca.pem"
cert_file = "{root}/st-1/station.pem"
key_file = "{root}/st-1/station.key"
"""
BROKER_FILES = Path(__file__).parents[2] / "firmware_config" / "broker"
PATIENCE_S = 20.0
# How long nothing must come before it counts as refused; a message that is let through takes a millisecond.
QUIET_S = 0.3


@dataclass
class Fleet:
    """A broker that runs by the shipped files, and the authority of its clients."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str, says: str = "") -> str:
        """Run one `packbench provision` command, and say something to it; return what it printed."""
        ended = CliRunner().invoke(group, list(words), input=says)
        assert ended.exit_code == 0, ended.output
        return ended.output

    def certify(self, name: str, *more: str) -> None:
        """Give `name` a key and a certificate, as a technician and an admin do."""
        own = self.folder / name
        self.command("request", name, "--no-token", "--tls", str(own))
        self.command("issue", str(own / "station.csr"), name, "--folder", str(self.folder / "ca"), "--out",
                     str(own / "station.pem"), *more)

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.folder / "broker.log"

    def station_toml(self, more: str = "") -> Path:
        """Write the settings of station st-1 at this broker, who trusts a key that nobody has; return the file."""
        (self.folder / "config-keys").mkdir()
        (self.folder / "config-keys" / "cfg-1.pub").write_bytes(make_key()[1])
        path = self.folder / "station.toml"
        path.write_text(SETTINGS.format(root=self.folder, port=self.port) + more, encoding="utf-8")
        return path

    def stop(self) -> None:
        """Stop the broker."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)

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
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([program, "-c", str(self.folder / "mosquitto.conf")], stderr=log)
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
