"""Two releases side by side: one always runs, whatever is pushed and whenever the power goes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.systemd.station_folder import StationFolder, survives

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def first_station(tmp_path_factory: pytest.TempPathFactory) -> StationFolder:
    folder = StationFolder.made_in(tmp_path_factory.mktemp("first"))
    first = folder.pbctl("install", str(folder.release("1.0.0")))
    assert first.returncode == 0, first.stdout + first.stderr
    return folder


@pytest.fixture
def station(first_station: StationFolder, tmp_path: Path) -> StationFolder:
    """Return a station that runs release 1.0.0."""
    return first_station.copied_to(tmp_path)


def test_a_good_release_replaces_the_old_one_which_stays_ready(station: StationFolder) -> None:
    end = station.pbctl("install", str(station.release("1.1.0")))
    assert (end.returncode, station.running(), station.answer()) == (0, "1.1.0", "upgrade.installed")
    assert station.pbctl("versions").stdout.splitlines() == ["a 1.0.0 ready", "b 1.1.0 current"]


@pytest.mark.parametrize("behaviour", ["crash", "mute"])
def test_a_release_that_does_not_come_up_well_is_gone_by_itself(station: StationFolder, behaviour: str) -> None:
    end = station.pbctl("install", str(station.release("1.1.0", behaviour)))
    assert (end.returncode, station.running(), station.answer()) == (75, "1.0.0", "upgrade.rolled-back")
    assert "b 1.1.0 unusable" in station.pbctl("versions").stdout


def test_a_rejected_release_is_not_chosen_when_the_other_is_damaged(station: StationFolder) -> None:
    station.pbctl("install", str(station.release("1.1.0", "crash")))
    (station.root / "opt/packbench/a/.complete").unlink()
    station.pbctl("guard")
    assert (station.root / "opt/packbench/current").readlink().name == "a"


def test_the_old_agent_cannot_speak_for_the_new_release(station: StationFolder) -> None:
    station.pbctl("install", str(station.release("1.1.0")))
    old_word = (station.root / "var/lib/packbench/healthy").read_text()
    end = station.pbctl("install", str(station.release("1.2.0", "mute")))
    assert (station.root / "var/lib/packbench/healthy").read_text() == old_word
    assert (end.returncode, station.running()) == (75, "1.1.0")


def test_a_release_without_its_mark_is_never_started(station: StationFolder) -> None:
    station.pbctl("install", str(station.release("1.1.0")))
    (station.root / "opt/packbench/b/.complete").unlink()
    station.boot()
    assert station.running() == "1.0.0"


@pytest.mark.parametrize("tampered", ["tar", "sig", "no signature", "foreign key"])
def test_what_is_not_signed_changes_nothing(station: StationFolder, tampered: str, tmp_path: Path) -> None:
    release = station.release("6.6.6")
    signature = release.with_name(release.name + ".sig")
    if tampered == "no signature":
        signature.unlink()
    elif tampered == "foreign key":
        foreign = StationFolder.made_in(tmp_path / "foreign").release("6.6.6")
        signature.write_bytes(foreign.with_name(foreign.name + ".sig").read_bytes())
    else:
        changed = release if tampered == "tar" else signature
        changed.write_bytes(bytes([changed.read_bytes()[0] ^ 1]) + changed.read_bytes()[1:])
    before = station.everything()
    end = station.pbctl("install", str(release))
    assert end.returncode == (64 if tampered == "no signature" else 65)
    assert station.everything() == before


@pytest.mark.parametrize("facts", [{"machine": "riscv64"}, {"python": "2.7"}])
def test_a_release_for_another_machine_changes_nothing(station: StationFolder, facts: dict[str, str]) -> None:
    before = station.everything()
    assert station.pbctl("install", str(station.release("1.1.0", **facts))).returncode == 66
    assert station.everything() == before


def test_a_release_that_does_not_start_here_is_never_tried(station: StationFolder) -> None:
    end = station.pbctl("install", str(station.release("1.1.0", "broken")))
    assert (end.returncode, station.running()) == (70, "1.0.0")
    assert "the wheel is torn" in end.stdout


def test_the_way_back_is_one_command(station: StationFolder) -> None:
    assert station.pbctl("rollback").returncode == 64
    station.pbctl("install", str(station.release("1.1.0")))
    assert station.pbctl("rollback").returncode == 0
    assert station.running() == "1.0.0"


def test_a_request_installs_newer_releases_only(station: StationFolder) -> None:
    assert requested(station, station.release("0.9.0")) == (67, "1.0.0", "upgrade.older")
    assert requested(station, station.release("1.10.0")) == (0, "1.10.0", "upgrade.installed")
    assert requested(station, station.release("1.9.0")) == (67, "1.10.0", "upgrade.older")


def requested(station: StationFolder, release: Path) -> tuple[int, str, str]:
    """Return exit code, running version and answer after the agent asked for a release."""
    folder = station.root / "var/lib/packbench/upgrade"
    for path in (release, release.with_name(release.name + ".sig")):
        path.rename(folder / path.name)
    (folder / "request").write_text(f"install {release.name}\n")
    end = station.pbctl("request")
    assert not (folder / "request").exists()
    return end.returncode, station.running(), station.answer()


@pytest.mark.parametrize("line", [
    "", "install ../../etc/passwd.tar", "install a b.tar", "install .hidden.tar", "install x.tar;id", "$(reboot)",
    "guard", "install \x00\xff.tar", "x" * 10_000,
])
def test_a_request_can_ask_for_nothing_else(station: StationFolder, line: str) -> None:
    before = station.everything()
    (station.root / "var/lib/packbench/upgrade/request").write_text(line, encoding="latin-1")
    assert station.pbctl("request").returncode == 64
    assert station.everything() == before


def test_links_that_the_agent_lays_change_nothing_elsewhere(station: StationFolder) -> None:
    secret = station.root / "etc/packbench/secret"
    secret.write_text("of root\n")
    for name in ("upgrade/request", "upgrade/x.tar", "upgrade/x.tar.sig", "healthy"):
        link = station.root / "var/lib/packbench" / name
        link.unlink(missing_ok=True)
        link.symlink_to(secret)
    before = station.everything()
    assert station.pbctl("request").returncode == 64
    (station.root / "var/lib/packbench/upgrade/request").write_text("install x.tar\n")
    assert station.pbctl("request").returncode == 65
    station.pbctl("guard")
    assert (secret.read_text(), station.everything()) == ("of root\n", before)


@pytest.mark.parametrize("trial", ["", "nonsense", "id 3 a a", "id x b a", "id 3 c a", "id -1 b a"])
def test_a_trial_that_makes_no_sense_is_dropped(station: StationFolder, trial: str) -> None:
    (station.root / "opt/packbench/trial").write_text(trial)
    station.boot()
    assert station.running() == "1.0.0"
    assert not (station.root / "opt/packbench/trial").exists()


@pytest.mark.parametrize("behaviour", ["well", "crash", "broken"])
def test_a_release_runs_after_a_power_cut_at_any_step(station: StationFolder, behaviour: str, tmp_path: Path) -> None:
    disks = station.disks_during(station.release("2.0", behaviour), tmp_path / "disks")
    assert len(disks) >= 4
    for disk in disks:
        opt = disk.root / "opt/packbench"
        assert (opt / "current").is_symlink(), disk.root
        for marked in opt.glob("[ab]/.complete"):
            assert (marked.parent / "ID").exists(), disk.root
            assert (marked.parent / "venv/bin/python").exists(), disk.root
        disk.boot()
        assert disk.running() in ({"1.0.0", "2.0"} if behaviour == "well" else {"1.0.0"}), disk.root


def test_a_trial_that_nobody_waits_for_any_more_is_seen_to_its_end(station: StationFolder, tmp_path: Path) -> None:
    for disk in station.disks_during(station.release("2.0", "mute"), tmp_path / "disks"):
        disk.boot()
        disk.pbctl("request")
        assert disk.running() == "1.0.0", disk.root
        assert not (disk.root / "opt/packbench/trial").exists(), disk.root


def test_the_next_upgrade_works_after_a_power_cut(station: StationFolder) -> None:
    station.pbctl("install", str(station.release("1.1")), kill_at="never")
    steps = [f"{step}{half}" for step in range(1, station.steps + 1) for half in ("", ".5")]
    for number, kill_at in enumerate(random.Random("plug").sample(steps, 3)):
        survives(station, f"2.{number}", "well", kill_at)
