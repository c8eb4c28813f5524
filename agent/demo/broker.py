"""A broker for the demo, on a free port of this machine alone: iotcore from the demo extra, else mosquitto."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_S = 5.0
_IOTCORE = """id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5-1"
listen = "127.0.0.1:{v5}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 70000
max_inflight_count = 100
dynamic_filters = true
[v4.1]
name = "v4-1"
listen = "127.0.0.1:{v4}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 70000
max_inflight_count = 100
dynamic_filters = true
"""
_MOSQUITTO = """listener {v5} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
autosave_interval 1
max_queued_messages 100000
"""


class BrokerError(Exception):
    """No broker could be started; the sentence says what to install."""


class DemoBroker:
    """A running broker. `port` speaks MQTT 5 (mosquitto: both versions), `port_v4` speaks 3.1.1."""

    def __init__(self, kind: str, port: int, port_v4: int, command: list[str], log: Path) -> None:
        self.kind = kind
        self.port = port
        self.port_v4 = port_v4
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, as the settings want it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens. Raises BrokerError."""
        with self._log.open("ab") as log:  # a pipe that nobody reads would stop the broker once it is full
            process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
        self._process = process
        deadline_s = time.monotonic() + START_S
        while not all(listens(port) for port in {self.port, self.port_v4}):
            if process.poll() is not None or time.monotonic() > deadline_s:
                process.kill()
                process.communicate()
                words = self._log.read_text(encoding="utf-8", errors="replace").strip()
                self._process = None
                raise BrokerError(f"{self.kind} does not start: {words.splitlines()[-1] if words else 'no words'}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it in good order. May be called twice."""
        self._end(kill=False)

    def kill(self) -> None:
        """Kill it as a power cut would; `start` brings it back with what it kept."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def make_broker(directory: Path, kind: str = "") -> DemoBroker:
    """Return a broker, not started, that keeps its files in `directory`; `kind` is `iotcore`, `mosquitto` or either.

    Raises BrokerError when neither is installed.
    """
    v5, v4 = free_ports(2)
    if kind in ("", "iotcore") and find_spec("iotcore") is not None:
        config = directory / "iotcore.toml"
        config.write_text(_IOTCORE.format(v5=v5, v4=v4))
        # Its own command binds 0.0.0.0 and speaks 3.1.1 alone; with this file it is loopback and both.
        serve = "import json, sys; from iotcore._serve import main; main()"
        options = json.dumps({"config_path": str(config)})
        return DemoBroker("iotcore", v5, v4, [sys.executable, "-I", "-c", serve, options], directory / "broker.log")
    # Debian puts it into /usr/sbin, which is not on a plain user's path.
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if kind in ("", "mosquitto") and program:
        config = directory / "mosquitto.conf"
        config.write_text(_MOSQUITTO.format(v5=v5, directory=directory) + ("user root\n" if os.geteuid() == 0 else ""))
        return DemoBroker("mosquitto", v5, v5, [program, "-c", str(config)], directory / "broker.log")
    raise BrokerError("there is no broker here: install the demo extra (iotcore) or the package mosquitto.")


@contextmanager
def running_broker(directory: Path, kind: str = "") -> Iterator[DemoBroker]:
    """Start a broker for the time of a `with` block. Raises BrokerError."""
    broker = make_broker(directory, kind)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody has right now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def listens(port: int) -> bool:
    """True when something accepts connections on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0

