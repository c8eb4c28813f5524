"""Pushes and commands to a whole station on the simulated bench: it can't be bricked, and it answers."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from agent.demo.audit import audit
from agent.demo.packer import Size
from agent.demo.shift import MUG, Demo
from tests.fleet.admin import SCOPES, Admin

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = Size(1_120, 260, 190, 80)
FLEET, SITE, STATION = SCOPES
# Each of these breaks a device that worked before.
BREAKING: dict[str, dict[str, Any]] = {
    "printer elsewhere": {"printer": {"driver": "tcp", "host": "127.0.0.1", "port": 9}},
    "camera that is not there": {"camera": {"driver": "v4l2", "path": "/dev/packbench-none"}},
    "scanner that is not there": {"scanner": {"driver": "serial", "path": "/dev/packbench-none"}},
}


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """An admin, and a station at work that trusts the admin's key."""
    demo = Demo(tmp_path_factory.mktemp("fleet") / "shift", 8.0, lambda line: None, broker_kind="mosquitto")
    demo.root.mkdir()
    admin = Admin(demo)
    admin.trust()
    try:
        demo.start()
        admin.sit_down()
        yield admin
        admin.stand_up()
    finally:
        demo.close()


def test_a_push_in_mid_job_is_held_until_the_job_is_done_and_then_kept(admin: Admin) -> None:
    demo, packer = admin.demo, admin.demo.packer
    job = demo.order(1, SMALL, [MUG])
    packer.pack(job, SMALL, job)
    label = packer.paper(demo.label_code(job))
    rev = admin.push(FLEET, {"signals": {"long_press_s": 2.0}})
    held = admin.until("held", FLEET, rev)
    assert [one["code"] for one in held["errors"]] == ["trial.held"]
    assert held["have"] == {}
    packer.stick(label, SMALL)
    packer.finish()
    assert admin.until("applied", FLEET, rev)["have"] == {FLEET: rev}
    assert admin.explained("signals.long_press_s")["value"] == 2.0
    demo.settle()
    found = audit(demo)
    assert (found.lost, found.doubled, found.wrong, found.packed) == ([], [], [], 1)


@pytest.mark.parametrize("kind", BREAKING)
def test_a_push_that_breaks_a_device_is_rolled_back_with_its_reason(admin: Admin, kind: str) -> None:
    rev = admin.push(SITE, BREAKING[kind])
    failed = admin.until("failed", SITE, rev)
    again = admin.push(SITE, {})
    after = admin.until("applied", SITE, again)
    assert [(one["key"], one["code"]) for one in failed["errors"]] == [(next(iter(BREAKING[kind])), "trial.device")]
    assert failed["have"].get(SITE) != rev
    assert after["hash"] == after["good"]


def test_a_push_signed_by_a_stranger_changes_nothing_and_is_told_to_the_admin(admin: Admin) -> None:
    from agent.fleet.signing import make_key

    stranger, _ = make_key()
    admin.push(STATION, {"station": {"proof": "off"}}, key=stranger)
    dead = admin.heard_on("evt/dead", code="config.signature")
    assert dead["topic"].endswith("cfg/station/demo-1")
    assert admin.explained("station.proof")["value"] == "required"


def test_an_emptied_topic_is_said_and_changes_nothing(admin: Admin) -> None:
    rev = admin.push(STATION, {"printer": {"doubt_after_s": 40.0}})
    admin.until("applied", STATION, rev)
    admin.desk.say(f"pack/v1/cfg/{STATION}", b"", retain=True)
    while STATION not in admin.last["cleared"]:
        admin.last = admin.heard_on("cfg/reported")
    assert admin.explained("printer.doubt_after_s")["value"] == 40.0


def test_commands_are_done_once_and_answered_each_time(admin: Admin) -> None:
    admin.ask("identify", "c-1", seconds=2)
    first = admin.heard_on("cmd/identify/rsp", cid="c-1")
    admin.ask("print-test", "c-2")
    assert admin.heard_on("cmd/print-test/rsp", cid="c-2")["found"] == {"printer": "printer"}
    admin.ask("status", "c-3")
    assert admin.heard_on("cmd/status/rsp", cid="c-3")["found"]["link"] == "up"
    admin.ask("identify", "c-4", seconds=2, retain=True)
    admin.ask("identify", "c-1", seconds=3)
    assert admin.heard_on("cmd/identify/rsp", cid="c-1")["code"] == "command.cid-twice"
    assert first["code"] == "command.identifying"


def test_a_crash_loop_on_trial_ends_with_what_was_known_to_be_good(admin: Admin) -> None:
    """The OMS says nothing, so that the trial stays open, and the process dies in it twice."""
    demo = admin.demo
    demo.oms.stop()
    rev = admin.push(STATION, {"camera": {"driver": "v4l2", "path": "/dev/packbench-gone"}})
    admin.until("trial", STATION, rev)
    for _ in range(2):
        demo.kill_agent()
        demo.start_agent()
    failed = admin.until("failed", STATION, rev)
    assert [one["code"] for one in failed["errors"]] == ["trial.crash-loop"]
    assert admin.explained("camera")["value"]["driver"] == "bench"
    assert admin.explained("printer.doubt_after_s")["value"] == 40.0


def test_a_damaged_row_of_layers_costs_the_layers_and_not_the_start(admin: Admin) -> None:
    demo = admin.demo
    demo.kill_agent()
    with sqlite3.connect(demo.root / "station" / "packbench.db") as database:
        database.execute("UPDATE state SET body=x'00' WHERE id=2")
    database.close()
    demo.start_agent()
    began_s = time.monotonic()
    demo.packer.wait("the station to be up again", lambda: demo.packer.status().get("link") == "up")
    assert time.monotonic() - began_s < 20
    assert admin.explained("printer.doubt_after_s")["value"] == 30.0
