"""Upgrade, roll back and versions from the command line, in front of the real pbctl."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agent.__main__ import packbench
from agent.fleet import releases
from tests.systemd.station_folder import PBCTL, StationFolder, executable

if TYPE_CHECKING:
    from pathlib import Path

# What the path unit does: wait for a request, then let pbctl see to it.
PATH_UNIT = 'until [ -e "$0" ]; do sleep 0.05; done; exec "$1" request'


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StationFolder:
    """Return a station that runs release 1.0.0, and that the commands take for this machine."""
    folder = StationFolder.made_in(tmp_path)
    folder.pbctl("install", str(folder.release("1.0.0")))
    monkeypatch.setenv("PATH", f"{folder.stand_ins}:{os.environ['PATH']}")
    for name, value in (("PACKBENCH_ROOT", folder.root), ("PBCTL", PBCTL), ("PACKBENCH_PATIENCE", 1)):
        monkeypatch.setenv(name, str(value))
    opt, state = folder.root / "opt/packbench", folder.root / "var/lib/packbench"
    executable(opt / "pbctl", f'#!/bin/sh\nexec "{PBCTL}" "$@"\n')
    monkeypatch.setattr(releases, "OPT", opt)
    monkeypatch.setattr(releases, "STATE", state)
    monkeypatch.setattr(releases, "PBCTL", opt / "pbctl")
    monkeypatch.setattr(releases.installed, "__defaults__", (opt,))
    monkeypatch.setattr(releases.last_answer, "__defaults__", (opt,))
    monkeypatch.setattr(releases.ask, "__defaults__", (state,))
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(packbench, list(words))


def test_root_upgrades_and_rolls_back(station: StationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert run("upgrade", str(station.release("1.1.0"))).exit_code == 0
    assert station.running() == "1.1.0"
    assert run("rollback").exit_code == 0
    assert station.running() == "1.0.0"


def test_exit_codes_tell_bad_input_from_failure(station: StationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    unsigned = station.release("1.1.0")
    unsigned.write_bytes(unsigned.read_bytes() + b"x")
    assert run("upgrade", str(unsigned)).exit_code == 2
    assert run("upgrade", str(station.root / "nothing.tar")).exit_code == 2
    assert run("upgrade", str(station.release("1.2.0", "crash"))).exit_code == 1


def test_a_member_of_the_group_asks_and_is_answered(station: StationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    request = station.root / "var/lib/packbench/upgrade/request"
    with subprocess.Popen(["sh", "-c", PATH_UNIT, str(request), str(PBCTL)], stdout=subprocess.DEVNULL) as path_unit:
        ended = run("upgrade", str(station.release("1.1.0")))
        assert (ended.exit_code, "(upgrade.installed)" in ended.output) == (0, True), ended.output
        assert path_unit.wait(10) == 0
    assert station.running() == "1.1.0"


def test_versions_are_told_to_people_and_programs(station: StationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    run("upgrade", str(station.release("1.1.0", "crash")))
    assert "a  1.0.0        current" in run("versions").output
    told = json.loads(run("versions", "--json").output)
    states = {each["version"]: each["state"] for each in told["releases"]}
    assert states == {"1.0.0": "current", "1.1.0": "unusable"}
    assert told["last"]["code"] == "upgrade.rolled-back"


def test_the_doctor_answers_programs_and_says_by_its_exit_code_whether_something_is_bad(tmp_path: Path) -> None:
    ended = run("doctor", "--json", "--config", str(tmp_path / "none.toml"))
    findings = json.loads(ended.output)
    assert findings[0]["code"] == "config.missing"
    assert ended.exit_code == 3
