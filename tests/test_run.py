"""The whole agent as a process, against a real Mosquitto and the simulated bench: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from agent.admin import Memory
from agent.demo.audit import audit
from agent.demo.packer import Size
from agent.demo.shift import MUG, TEA, Demo, killed, plain
from agent.fleet.trial import Standing
from agent.local import LocalError, Station
from agent.run import Agent, turn
from agent.station.events import AgentStarted, Delivery, JobAssigned
from agent.station.records import SendPage
from agent.station.state import State
from agent.store import Store, StoreError
from agent.trace import brief
from firmware_config.settings import parse
from tests.builders import a_job, job_payload, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = Size(1_120, 260, 190, 80)


@pytest.fixture
def shift(tmp_path: Path) -> Iterator[Demo]:
    """A station at work on a simulated bench, with a real broker."""
    demo = Demo(tmp_path / "shift", 8.0, lambda line: None, broker_kind="mosquitto")
    demo.root.mkdir()
    try:
        demo.start()
        yield demo
    finally:
        demo.close()


def test_boxes_are_packed_and_a_kill_in_mid_label_loses_and_doubles_nothing(shift: Demo) -> None:
    plain(shift, shift.order(1, SMALL, [MUG, TEA]), "plain")
    killed(shift, shift.order(2, SMALL, [MUG]))
    shift.settle()

    found = audit(shift)
    assert (found.lost, found.doubled, found.wrong) == ([], [], [])
    assert (found.packed, found.in_doubt) == (2, 1)

    shift.agent.send_signal(signal.SIGTERM)
    assert shift.agent.wait(30) == 0, "how long it takes is measured by the footprint campaign"
    with pytest.raises(LocalError, match="No station runs"):
        Station(shift.root / "packbench.sock")


def agent(*words: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run([sys.executable, "-I", "-m", "agent", *words], check=False, capture_output=True, text=True,
                          timeout=30)


def test_a_recording_a_photo_and_a_folder_are_a_station_too(tmp_path: Path) -> None:
    """Driver trace, driver folder, driver png: a box that is lifted before the proof ends unproven, or closed."""
    from PIL import Image

    from agent.papers.codes import Symbol, encode

    (tmp_path / "pictures").mkdir()
    picture = Image.new("L", (900, 500), 255)
    picture.paste(encode(Symbol.CODE128, "TOTE-7").drawn(4, 200), (150, 150))
    picture.save(tmp_path / "pictures" / "tote.png")
    rows = [f"{n / 80:.4f},{(1500 if 160 < n < 560 else 0) + n * 7 % 11 * 0.1:.1f}" for n in range(1_000)]
    (tmp_path / "trace.csv").write_text("t_s,grams\n" + "\n".join(rows) + "\n")
    for proof, ends in (("required", "unproven"), ("off", "closed")):
        assert _ends(tmp_path, proof) == ends


def _ends(root: Path, proof: str) -> str:
    """Run a station on a recording until its parcel came to rest; return the parcel's state at the OMS."""
    from agent.demo.broker import running_broker
    from agent.demo.oms import ReferenceOms, wait_for

    (root / "station.toml").write_text(f"""
directory = "{root}/state-{proof}"
socket = "{root}/{proof}.sock"
[station]
id = "st-1"
site = "ams1"
proof = "{proof}"
[broker]
url = "URL"
[scale]
driver = "trace"
path = "{root}/trace.csv"
[camera]
driver = "folder"
path = "{root}/pictures"
[printer]
driver = "png"
path = "{root}/paper-{proof}"
""")
    (root / f"state-{proof}" / "calibration").mkdir(parents=True)
    figures = '{"zero_counts": 84210, "counts_per_gram": 143}'
    (root / f"state-{proof}" / "calibration" / "scale.json").write_text(figures)
    with running_broker(root, "mosquitto") as broker:
        path = root / "station.toml"
        path.write_text(path.read_text().replace("URL", broker.url))
        oms = ReferenceOms(broker.url, root / f"{proof}.db")
        oms.start()
        oms.assign(job_payload("J-1", match=["TOTE-7"]))
        process = subprocess.Popen([sys.executable, "-I", "-m", "agent", "run", "--config", str(path)])
        try:
            rest = ("unproven", "closed")
            wait_for(oms, lambda report: report["parcels"].get("J-1/1", {}).get("state") in rest, 25)
            return str(oms.report()["parcels"].get("J-1/1", {}).get("state", "nothing"))
        finally:
            process.terminate()
            process.wait(5)
            oms.stop()


@pytest.mark.parametrize(("content", "says"), [
    ("[station]\nid='x'\n", "station.site: this key is needed"),
    ("not toml at all", "can't be read as TOML"),
    ("bench='/nowhere'\ndirectory='DIR'\n[station]\nid='x'\nsite='y'\n[broker]\nurl='mqtt://localhost'\n[scale]\ndriver='bench'\n",
     "no bench runs in /nowhere"),
    ("directory='DIR'\n[station]\nid='x'\nsite='y'\n[broker]\nurl='mqtt://localhost'\n[scale]\ndriver='trace'\npath='x'\n",
     "the scale was never calibrated"),
])
def test_a_station_that_cannot_start_says_why_in_one_line_each(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "station.toml"
    path.write_text(content.replace("DIR", str(tmp_path / "state")))
    ended = agent("run", "--config", str(path))
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_station_that_is_not_there_is_said_so() -> None:
    ended = agent("status", "--socket", "/nowhere/packbench.sock")
    assert ended.returncode == 1
    assert "No station runs behind" in ended.stderr


def test_nothing_happens_when_the_commit_fails_and_the_same_events_work_later(tmp_path: Path) -> None:
    store = Store(tmp_path, station="st-1")
    events = [AgentStarted(at_ms=1, store_id=store.store_id, boot=1),
              JobAssigned(at_ms=2, job=a_job(), digest="d", delivery=Delivery(1, 7))]
    try:
        store._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError):
            turn(store, State(), [*events, *_many()], settings(), wall_ms=0)
        store._db.execute("PRAGMA max_page_count = 1000000")
        assert store.job("J-1") is None
        state, effects = turn(store, State(), list(events), settings(), wall_ms=0)
    finally:
        store.close()
    assert [page.job for page in state.prints] == ["J-1"]
    assert any(isinstance(effect, SendPage) for effect in effects)


def test_a_database_that_somebody_holds_is_told_on_the_screen_and_forgotten_when_it_is_free(tmp_path: Path) -> None:
    agent = Agent(parse({"station": {"id": "st-1", "site": "ams1"}, "broker": {"url": "mqtt://127.0.0.1:1"},
                         "directory": str(tmp_path), "socket": str(tmp_path / "socket")}, "test"))
    other = sqlite3.connect(tmp_path / "packbench.db")
    try:
        other.execute("BEGIN IMMEDIATE")
        agent._once()
        assert [one.code for one in agent.state.broken] == ["store.locked"]
        assert agent._shown is not None
        assert agent._shown.sentence == "Mend the store first."
        other.rollback()
        agent._once()
        assert agent.state.broken == ()
    finally:
        agent._close()
        other.close()


def test_what_the_fleet_pushed_for_files_and_weights_is_in_force_in_the_next_life(tmp_path: Path) -> None:
    patch = {"keep": {"file_hosts": ["labels.example"]}, "packing": {"false_stops_per_1000": 9.0}}
    store = Store(tmp_path, station="st-1")
    with store.transaction():
        store.save_fleet(msgspec.json.encode(Memory(standing=Standing(good=(patch,), have={"fleet": 1}))))
    store.close()
    agent = Agent(parse({"station": {"id": "st-1", "site": "ams1"}, "broker": {"url": "mqtt://127.0.0.1:1"},
                         "directory": str(tmp_path), "socket": str(tmp_path / "socket")}, "test"))
    try:
        assert agent.files._hosts == {"labels.example"}
        assert agent.adviser.advice._alertness.budget_per_1000 == 9.0
    finally:
        agent._close()


def _many() -> list[JobAssigned]:
    """Enough jobs for a page that the database does not have yet."""
    return [JobAssigned(at_ms=3, job=a_job(f"K-{n}", service="x" * 200), digest="d", delivery=Delivery(1, n))
            for n in range(100)]


def test_the_trace_is_one_readable_line_a_thing() -> None:
    line = brief(JobAssigned(at_ms=2, job=a_job(), digest="d", delivery=Delivery(1, 7)))
    assert line == "JobAssigned job=J-1/1 digest=d"
    assert json.dumps(line)
    assert os.linesep not in line
