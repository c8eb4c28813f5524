"""Who may not, does not: a whole agent and a real Mosquitto with the shipped files. Refused, logged once, told once."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.fleet.signing import make_key, sign
from agent.local import Station
from tests.fleet.broker import PATIENCE_S, Client, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "pack/v1/st/st-1"


@dataclass
class Scene:
    """A station at work, its admin, and a thief with another station's certificate."""

    fleet: Fleet
    admin: Client
    thief: Client
    agent: subprocess.Popen[bytes] | None = None
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def start_agent(self, config: Path | None = None) -> None:
        """Start the agent."""
        words = [sys.executable, "-m", "agent", "run", "--config", str(config or self.fleet.folder / "station.toml")]
        with (self.fleet.folder / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(words, stderr=log, cwd=Path(__file__).parents[2])

    def stop_agent(self) -> None:
        """Stop it as systemd does."""
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        self.agent.wait(PATIENCE_S)

    def until(self, leaf: str, **fields: object) -> dict[str, Any]:
        """Return the first thing the admin hears of the station on a topic, with these fields."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            for topic, said in self.heard:
                if topic == f"{OURS}/{leaf}" and all(said.get(name) == value for name, value in fields.items()):
                    return said
            self.hear(until_s - time.monotonic())
        raise AssertionError(f"nothing on {leaf} with {fields}: {self.heard}")

    def hear(self, timeout_s: float) -> None:
        """Take one thing that the admin hears."""
        try:
            topic, payload = self.admin.heard.get(timeout=timeout_s)
        except queue.Empty:
            return
        body = json.loads(payload)
        self.heard.append((topic, body.get("data", body)))

    def ask(self, name: str, payload: dict[str, Any], properties: Properties | None = None) -> None:
        """Send a command."""
        self.admin.mqtt.publish(f"{OURS}/cmd/{name}/req", json.dumps(payload), 1, properties=properties)
        assert self.admin.told.get(timeout=PATIENCE_S) == "Success"

    def dead(self, code: str) -> int:
        """Return how often a refusal was told, once the station has nothing more to tell."""
        cid = f"after-{code}-{len(self.heard)}"
        self.ask("status", {"cid": cid, "exp": int(time.time()) + 60})
        self.until("cmd/status/rsp", cid=cid, state="done")
        return len({said["at"]["seq"] for topic, said in self.heard  # without an OMS, facts are sent again
                    if topic == f"{OURS}/evt/dead" and said["code"] == code})

    def beside(self, code: str) -> int:
        """Return how often the technician is told that it came."""
        station = Station(self.fleet.folder / "packbench.sock")
        try:
            refused: Any = station.ask("status")["refused"]
        finally:
            station.close()
        return sum(int(one["count"]) for one in refused if one["code"] == code)

    def logged(self, code: str) -> int:
        """Return how many lines of the log tell of it."""
        lines = (self.fleet.folder / "agent.log").read_text(encoding="utf-8").splitlines()
        return sum(code in line for line in lines)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    fleet = Fleet(tmp_path_factory.mktemp("unauthorised"))
    fleet.command("authority", "--folder", str(fleet.folder / "ca"))
    fleet.certify("broker", "--address", "127.0.0.1")
    for name in ("st-1", "st-2"):
        fleet.certify(name)
    fleet.certify("admin", "--service")
    fleet.start()
    fleet.station_toml()
    admin = Client(fleet, "admin").connect()
    admin.listen(f"{OURS}/#")
    thief = Client(fleet, "st-2").connect()
    scene = Scene(fleet, admin, thief)
    scene.start_agent()
    try:
        scene.until("presence", state="ready")
        yield scene
    finally:
        scene.stop_agent()
        admin.close()
        thief.close()
        fleet.stop()


def test_what_another_station_says_on_our_topics_never_comes(scene: Scene) -> None:
    for leaf in ("job/assign", "cmd/identify/req", "rcpt", "evt/parcel", "presence"):
        assert scene.thief.say(f"{OURS}/{leaf}") == "Not authorized"
    assert scene.thief.say("pack/v1/cfg/station/st-1") == "Not authorized"
    assert scene.beside("message.not-json") == 0


def test_an_unsigned_layer_is_refused_logged_once_and_told_once(scene: Scene) -> None:
    body = json.dumps({"scope": "station/st-1", "rev": 1, "exp": 2**33, "stable": {"station": {"proof": "off"}}})
    wrapper = sign(body.encode(), "cfg-1", make_key()[0])
    for _ in range(3):
        assert scene.admin.say("pack/v1/cfg/station/st-1", wrapper) == "Success"
    scene.until("evt/dead", code="config.signature")
    report = scene.until("cfg/reported", state="applied")
    assert report["want"] == {}
    assert scene.dead("config.signature") == 1
    assert scene.beside("config.signature") == 3
    assert scene.logged("config.signature") == 1


def test_a_replayed_command_is_answered_again_and_done_once_and_another_under_its_name_refused(scene: Scene) -> None:
    asked = {"cid": "c-1", "exp": int(time.time()) + 60, "on": True}
    scene.ask("drain", asked)
    scene.until("cmd/drain/rsp", cid="c-1", state="done")
    scene.ask("drain", asked)
    scene.ask("drain", {**asked, "on": False})
    scene.ask("drain", {**asked, "on": False})
    scene.until("cmd/drain/rsp", cid="c-1", code="command.cid-twice")
    assert scene.dead("command.cid-twice") == 1
    answers = [said["code"] for topic, said in scene.heard if topic == f"{OURS}/cmd/drain/rsp"]
    assert answers.count("command.drained") == 2
    assert "command.undrained" not in answers
    assert scene.beside("command.cid-twice") == 2
    assert scene.logged("command.cid-twice") == 1


def test_a_command_that_wants_its_answer_elsewhere_is_refused_logged_once_and_told_once(scene: Scene) -> None:
    elsewhere = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's
    elsewhere.ResponseTopic = "pack/v1/st/st-2/job/assign"
    code, asked = "command.reply-elsewhere", {"cid": "c-3", "exp": int(time.time()) + 60}
    scene.thief.listen("pack/v1/st/st-2/job/+")
    for _ in range(2):
        scene.ask("identify", asked, elsewhere)
    scene.until("evt/dead", code=code)
    assert (scene.dead(code), scene.beside(code), scene.logged(code)) == (1, 2, 1)
    assert scene.thief.hears() == []


def test_a_copied_card_is_noticed_and_told(scene: Scene, tmp_path: Path) -> None:
    """The copy has certificate, key and database, so the broker must take it for us; it does not stay unseen."""
    code, root = "link.client-id-twice", scene.fleet.folder
    scene.stop_agent()
    shutil.copytree(root / "station", tmp_path / "station")
    text = (root / "station.toml").read_text().replace(f"{root}/station", f"{tmp_path}/station")
    (tmp_path / "copy.toml").write_text(text.replace(f"{root}/packbench.sock", f"{tmp_path}/packbench.sock"))
    scene.heard.clear()
    scene.start_agent(tmp_path / "copy.toml")
    copy = scene.until("presence", state="ready")["life"]
    scene.stop_agent()
    assert (scene.logged(code), code) == (0, code)
    scene.heard.clear()
    scene.start_agent()
    assert scene.until("presence", state="ready")["life"] != copy
    assert scene.until("evt/dead", code=code)["topic"] == f"{OURS}/presence"
    assert (scene.beside(code), scene.logged(code)) == (1, 1)
