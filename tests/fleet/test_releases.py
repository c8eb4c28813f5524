"""What the agent says to pbctl and reads from it, against the real pbctl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.fleet import releases
from tests.systemd.station_folder import StationFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def station(tmp_path: Path) -> StationFolder:
    folder = StationFolder.made_in(tmp_path)
    folder.pbctl("install", str(folder.release("1.0.0")))
    return folder


def test_a_checkout_has_no_releases_and_no_word_to_say(tmp_path: Path) -> None:
    assert releases.installed(tmp_path) == []
    assert releases.last_answer(tmp_path) is None
    assert not releases.say_well(tmp_path, tmp_path / "venv")


def test_releases_are_shown_as_pbctl_has_them(station: StationFolder) -> None:
    opt = station.root / "opt/packbench"
    station.pbctl("install", str(station.release("1.1.0", "crash")))
    assert releases.installed(opt) == [
        releases.Release("a", "1.0.0", "current"), releases.Release("b", "1.1.0", "unusable"),
    ]
    answer = releases.last_answer(opt)
    assert answer is not None
    assert answer.code == "upgrade.rolled-back"


def test_the_word_of_the_agent_ends_the_trial_of_its_own_release_only(station: StationFolder) -> None:
    opt, state = station.root / "opt/packbench", station.root / "var/lib/packbench"
    (opt / "trial").write_text(f"{(opt / 'a/ID').read_text().strip()} 2 a b\n")
    assert releases.installed(opt)[0].state == "on trial"
    (state / "healthy").write_text("another installation\n")
    station.pbctl("guard")
    assert (opt / "trial").read_text().split(" ")[1] == "1"
    assert releases.say_well(state, opt / "a" / "venv")
    station.pbctl("guard")
    assert not (opt / "trial").exists()


def test_what_the_agent_asks_for_is_what_pbctl_does(station: StationFolder) -> None:
    station.pbctl("install", str(station.release("1.1.0")))
    releases.ask("rollback", station.root / "var/lib/packbench")
    assert station.pbctl("request").returncode == 0
    assert station.running() == "1.0.0"
