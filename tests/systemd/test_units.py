"""The units, users, folders and boot files, read by the programs that will read them on a station."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from agent.demo.shift import MEMORY
from agent.fleet.doctor import UNIT_GROUPS

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
BOOT = SYSTEMD.parent / "firmware_config" / "boot"
UNITS = ("packbench.service", "packbench-upgrade.path", "packbench-upgrade.service")
ANALYZE = shutil.which("systemd-analyze")
DTC = shutil.which("dtc")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed; make setup installs it")
needs_dtc = pytest.mark.skipif(DTC is None, reason="dtc is not installed; make setup installs it")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a folder with the units, their programs replaced by one that is on this machine."""
    for unit in UNITS:
        text = (SYSTEMD / unit).read_text(encoding="utf-8")
        for program in ("/opt/packbench/pbctl", "/opt/packbench/current/venv/bin/python"):
            text = text.replace(program, "/bin/true")
        (tmp_path / unit).write_text(text, encoding="utf-8")
    return tmp_path


def said(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verify(units: Path) -> tuple[int, str]:
    run = said("systemd-analyze", "verify", "--man=no", *(str(units / unit) for unit in UNITS))
    return run.returncode, run.stderr


@needs_systemd
def test_systemd_accepts_the_units_without_a_word(units: Path) -> None:
    assert verify(units) == (0, "")


@needs_systemd
def test_a_misspelt_key_would_be_heard(units: Path) -> None:
    unit = units / "packbench.service"
    unit.write_text(unit.read_text(encoding="utf-8").replace("WatchdogSec", "WatchdogSecs"), encoding="utf-8")
    assert "WatchdogSecs" in verify(units)[1]


@needs_systemd
@pytest.mark.parametrize("unit", ["packbench.service", "packbench-upgrade.service"])
def test_exposure_is_at_most_two(units: Path, unit: str) -> None:
    run = said("systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(units / unit))
    assert run.returncode == 0, run.stdout[-200:]


def test_the_agent_starts_as_itself_behind_the_guard_with_a_watchdog() -> None:
    lines = (SYSTEMD / "packbench.service").read_text(encoding="utf-8").splitlines()
    for line in ("Type=notify", "User=packbench", "Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=20",
                 "ExecStartPre=+/opt/packbench/pbctl guard"):
        assert line in lines
    assert any(line.startswith("ExecStart=/opt/packbench/current/venv/bin/python -I -m agent run") for line in lines)


def test_the_journal_and_what_babbles_are_bounded() -> None:
    journal = dict(line.split("=") for line in (SYSTEMD / "journald.conf").read_text(encoding="utf-8").splitlines()
                   if "=" in line)
    assert (journal["SystemMaxUse"], journal["RuntimeMaxUse"]) == ("64M", "16M")
    unit = (SYSTEMD / "packbench.service").read_text(encoding="utf-8").splitlines()
    assert {"LogRateLimitIntervalSec=30", "LogRateLimitBurst=2000", "MemoryMax=500M", "LimitCORE=0"} <= set(unit)


def test_the_demo_runs_with_the_memory_of_the_unit() -> None:
    unit = (SYSTEMD / "packbench.service").read_text(encoding="utf-8")
    assert f"Environment={' '.join(f'{key}={value}' for key, value in MEMORY.items())}\n" in unit


def test_no_start_limit_can_make_the_station_deaf() -> None:
    for unit in ("packbench.service", "packbench-upgrade.service"):
        assert "StartLimitIntervalSec=0" in (SYSTEMD / unit).read_text(encoding="utf-8").splitlines()


@needs_systemd
def test_user_groups_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = said("systemd-sysusers", f"--root={tmp_path}", str(SYSTEMD / "sysusers.conf"))
    assert made.returncode == 0, made.stderr
    assert "packbench:" in (tmp_path / "etc/passwd").read_text(encoding="utf-8")
    groups = (tmp_path / "etc/group").read_text(encoding="utf-8")
    service = (SYSTEMD / "packbench.service").read_text(encoding="utf-8")
    wanted = next(line for line in service.splitlines() if line.startswith("SupplementaryGroups=")).partition("=")[2]
    assert [group for group in wanted.split() if f"{group}:" not in groups] == []
    assert wanted.split() == list(UNIT_GROUPS)


@needs_dtc
def test_the_overlay_compiles_and_sets_the_pins(tmp_path: Path) -> None:
    base = tmp_path / "base.dts"
    base.write_text('/dts-v1/; / { compatible = "brcm,bcm2835"; gpio: gpio { #gpio-cells = <2>; gpio-controller; }; };')
    for source, blob in ((base, "base.dtb"), (BOOT / "packbench-hx711.dts", "overlay.dtbo")):
        compiled = said("dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", str(tmp_path / blob), str(source))
        assert compiled.returncode == 0, compiled.stderr
    # dtc takes an unknown label for one of the base's; only fdtoverlay finds it missing.
    base_blob, merged, overlay = (str(tmp_path / name) for name in ("base.dtb", "merged.dtb", "overlay.dtbo"))
    laid = said("fdtoverlay", "-i", base_blob, "-o", merged, overlay)
    assert laid.returncode == 0, laid.stderr
    pins = [said("fdtget", merged, "/packbench_hx711", name).stdout.split() for name in ("sck-gpios", "dout-gpios")]
    assert [pin[1] for pin in pins] == ["6", "5"]


def test_the_doctor_asks_for_the_fonts_and_libraries_that_the_installer_installs() -> None:
    installer = (SYSTEMD / "install.sh").read_text(encoding="utf-8")
    setup = (SYSTEMD.parent / "setup.sh").read_text(encoding="utf-8")
    for package in ("libzbar0", "libfribidi0", "libthai0", "fonts-noto-core", "fonts-noto-cjk"):
        assert package in installer
        assert package in setup


@pytest.mark.parametrize("script", [
    "setup.sh", "systemd/pbctl", "systemd/prepare", "systemd/make-release", "systemd/install.sh",
])
def test_scripts_are_plain_posix_shell(script: str) -> None:
    path = SYSTEMD.parent / script
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n", str(path)], check=False).returncode == 0
