"""Safe mode with a real process, a real broker and a camera library that kills the agent at every start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.cli.desk import Desk, Way
from agent.demo.broker import running_broker
from agent.fleet.signing import make_key, sign
from agent.fleet.starts import BAD_ENDS, Starts
from agent.local import Station
from agent.messages import topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.demo.broker import DemoBroker

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[2]
SETTINGS = """directory = "{root}/station"
socket = "{root}/packbench.sock"
[station]
id = "st-1"
site = "ams1"
[fleet]
keys = "{root}/keys"
[broker]
url = "{url}"
[[camera]]
driver = "folder"
path = "{root}"
"""


@dataclass
class Life:
    """A station whose camera kills it, systemd's ear, and an admin's desk."""

    root: Path
    broker: DemoBroker
    ear: socket.socket
    key: bytes
    desk: Desk
    process: subprocess.Popen[bytes] | None = None
    told: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start the agent, as systemd would."""
        with (self.root / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fleet.crashing_agent", "run", "--config",
                 str(self.root / "station.toml")], cwd=ROOT, stderr=log,
                env={"NOTIFY_SOCKET": str(self.root / "notify"), "PATH": "/usr/bin:/bin"})

    def ended(self) -> int:
        """Return the exit code."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def said(self, leaf: str, **fields: object) -> dict[str, Any]:
        """Return the first message on a topic of the station with these fields."""
        for topic, payload, _ in self.desk.heard(time.monotonic() + PATIENCE_S):
            if topic == topics.station("st-1", leaf):
                body: dict[str, Any] = json.loads(payload)
                if all(body.get(name) == value for name, value in fields.items()):
                    return body
        raise AssertionError(f"nothing on {leaf} with {fields}")

    def hear(self) -> None:
        """Hear the agent as systemd does, until the ear is closed: a full socket would hold it up."""
        with suppress(OSError):
            while word := self.ear.recv(500):
                self.told.append(word.decode())

    def ask(self, ask: str) -> dict[str, Any]:
        """Ask over the local socket."""
        station = Station(self.root / "packbench.sock")
        try:
            return station.ask(ask)
        finally:
            station.close()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    root = tmp_path_factory.mktemp("safe")
    key, public = make_key()
    (root / "keys").mkdir()
    (root / "keys" / "cfg-1.pub").write_bytes(public)
    with running_broker(root, "mosquitto") as broker, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        (root / "station.toml").write_text(SETTINGS.format(root=root, url=broker.url))
        ear.bind(str(root / "notify"))
        with Desk(Way(broker.url, None, None, None)) as desk:
            desk.listen(*(topics.station("st-1", leaf) for leaf in ("presence", "cfg/reported", "cmd/+/rsp")))
            life = Life(root, broker, ear, key, desk)
            listener = threading.Thread(target=life.hear)
            listener.start()
            try:
                yield life
            finally:
                if life.process is not None and life.process.poll() is None:
                    life.process.terminate()
                    life.process.wait(PATIENCE_S)
                ear.shutdown(socket.SHUT_RDWR)
                listener.join(PATIENCE_S)


def test_after_five_bad_starts_link_and_configuration_run_and_everybody_is_told(life: Life) -> None:
    for _ in range(BAD_ENDS):
        life.start()
        assert life.ended() == -signal.SIGABRT
    life.start()
    assert life.said("presence", state="safe")["agent"]
    status = life.ask("status")
    assert status["broken"][0]["code"] == "safe.mode"
    assert "Safe mode" in life.ask("view")["view"]["sentence"]
    assert any("STATUS=Safe mode" in word for word in life.told)


def test_in_safe_mode_only_commands_that_mend_are_done(life: Life) -> None:
    for name, code in (("status", "command.status"), ("print-test", "command.safe-mode")):
        asked = {"cid": f"c-{name}", "exp": int(time.time()) + 60}
        life.desk.say(topics.station("st-1", f"cmd/{name}/req"), json.dumps(asked).encode())
        assert life.said(f"cmd/{name}/rsp", cid=f"c-{name}", code=code)


def test_a_configuration_without_the_camera_ends_it_and_proves_itself(life: Life) -> None:
    body = {"scope": "station/st-1", "rev": 1, "exp": 2**33, "stable": {"camera": []}}
    life.desk.say(topics.config("station/st-1"), sign(json.dumps(body).encode(), "cfg-1", life.key), retain=True)
    assert life.said("cfg/reported", state="trial")["want"] == {"station/st-1": 1}
    assert life.ended() == 0
    life.start()
    assert life.said("presence", state="ready")
    assert life.said("cfg/reported", state="applied")["have"] == {"station/st-1": 1}


def test_a_new_release_and_a_good_life_begin_to_count_anew(tmp_path: Path) -> None:
    def starts(release: str) -> Starts:
        (tmp_path / release).mkdir(exist_ok=True)
        (tmp_path / release / "ID").write_text(f"id-of-{release}\n")
        return Starts(tmp_path / "station", tmp_path / release / "venv")

    def whole_starts(release: str) -> int:
        count = 0
        for _ in range(BAD_ENDS + 2):
            count += starts(release).begin()
            starts(release).bad()
        return count

    assert whole_starts("a") == BAD_ENDS
    assert starts("b").begin()
    starts("b").good()
    assert whole_starts("b") == BAD_ENDS
    starts("b").once_more()
    assert whole_starts("b") == 1


def test_a_power_cut_or_a_kill_says_nothing_of_the_program(tmp_path: Path) -> None:
    life = "import sys, os, signal; from pathlib import Path; from agent.fleet.starts import Starts\n"
    life += "starts = Starts(Path(sys.argv[1])); print(starts.begin(), flush=True)\n"
    life += "with starts.watched(): os.kill(os.getpid(), int(sys.argv[2]))"
    for number, whole in ((signal.SIGKILL, [True] * (BAD_ENDS + 2)),
                          (signal.SIGSEGV, [True] * BAD_ENDS + [False])):
        ended = [subprocess.run([sys.executable, "-c", life, str(tmp_path), str(int(number))], cwd=ROOT, check=False,
                                capture_output=True, text=True).stdout for _ in whole]
        assert [each == "True\n" for each in ended] == whole
