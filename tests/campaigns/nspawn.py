"""Upgrades under a real systemd: `python -m tests.campaigns.nspawn TREE [--suite bookworm] [--kills N]`, as root.

TREE is a Debian tree that may be spoilt; it is made by debootstrap when it is not there. The station's own installer,
units and `pbctl` run in it, booted by systemd-nspawn; the releases are stubs whose agent behaves well or badly. Needs
systemd-container and debootstrap. Prints one row an upgrade: what the new release does, pbctl's exit code, which
release runs then, and how long it took.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.systemd.station_folder import StationFolder

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("systemd,systemd-sysv,openssl,python3,python3-venv,"
            "libzbar0,libfribidi0,libthai0,fonts-noto-core,fonts-noto-cjk")

# Impatient, so that a campaign takes a minute: the unit's own values are 30 s and 20 s.
DROP_INS = {
    "packbench.service": "[Service]\nTimeoutStartSec=3\nWatchdogSec=2\nRestartSec=0.2\n",
    "packbench-upgrade.service": "[Service]\nEnvironment=PACKBENCH_PATIENCE=8\n",
}

AGENT = """#!/usr/bin/python3
import os, socket, sys, time
from pathlib import Path

folder = Path(sys.argv[0]).resolve().parents[2]
behaviour = (folder / "behaviour").read_text().strip()

def tell(word):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(word.encode(), os.environ["NOTIFY_SOCKET"])

if behaviour == "crash":
    sys.exit(1)
if behaviour == "never ready":
    time.sleep(60)
tell("READY=1")
if behaviour == "late death":
    time.sleep(0.7)
    os.abort()
if behaviour == "no watchdog":
    time.sleep(60)
time.sleep(0.5)
if behaviour == "well":
    new = Path("/var/lib/packbench/healthy.new")
    new.write_text((folder / "ID").read_text())
    new.replace("/var/lib/packbench/healthy")
while True:
    tell("WATCHDOG=1")
    time.sleep(0.3)
"""

# What the new release does, pbctl's exit code, and whether the new release stays.
CASES = (("well", 0, True), ("crash", 75, False), ("never ready", 75, False), ("no watchdog", 75, False),
         ("late death", 75, False), ("runs without a word", 75, False), ("broken", 70, False))


class Container:
    """A booted tree; `run` runs a command in it."""

    def __init__(self, tree: Path) -> None:
        command = ["systemd-nspawn", "--quiet", "--directory", str(tree), "--boot", "--register=no", "--keep-unit",
                   "--resolv-conf=off", "--console=pipe"]
        self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        deadline = time.monotonic() + 60
        while self.run("systemctl", "is-system-running").stdout.strip() not in {"running", "degraded"}:
            if time.monotonic() > deadline or self._nspawn.poll() is not None:
                self.close()
                raise SystemExit(f"{tree} does not boot")
            time.sleep(0.3)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Return how the command ended; exit code 1 while the container has not begun."""
        leader = self._leader()
        if not leader:
            return subprocess.CompletedProcess(command, 1, "", "")
        inside = ["nsenter", "-t", leader[0], "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "env", "-i",
                  "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PACKBENCH_PATIENCE=12", *command]
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=120, start_new_session=True)

    def _leader(self) -> list[str]:
        """Return the process id of the container's own systemd; nothing before it began and after it ended."""
        try:
            return Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        except OSError:
            return []

    def close(self) -> None:
        """End the container at once; a station's power goes the same way."""
        for leader in self._leader():  # it would outlive nspawn, and all that it started with it
            os.kill(int(leader), signal.SIGKILL)
        self._nspawn.send_signal(signal.SIGKILL)
        self._nspawn.wait()


class Station:
    """The station in the container, and the stub releases that it is given."""

    def __init__(self, tree: Path, scratch: Path) -> None:
        self.tree = tree
        self._releases = StationFolder.made_in(scratch)
        lay_sources(tree)
        (tree / "src/dist").mkdir()
        (tree / "src/dist/release.pub").write_bytes((self._releases.root / "etc/packbench/release.pub").read_bytes())
        (tree / "etc/packbench").mkdir(exist_ok=True)
        (tree / "etc/packbench/station.toml").write_text("# the stub agent reads nothing\n")
        for unit, text in DROP_INS.items():
            drop_in = tree / f"etc/systemd/system/{unit}.d/impatient.conf"
            drop_in.parent.mkdir(exist_ok=True)
            drop_in.write_text(text)
        self.container = Container(tree)

    def release(self, version: str, behaviour: str) -> str:
        """Return the path, in the container, of a signed release with that stub agent."""
        series = next((self.tree / "usr/lib").glob("python3.*")).name.removeprefix("python")
        made = self._releases.release(version, behaviour, python=series, agent=AGENT)
        for path in (made, made.with_name(made.name + ".sig")):
            (self.tree / "src/dist" / path.name).write_bytes(path.read_bytes())
        return f"/src/dist/{made.name}"

    def running(self) -> str:
        """Return the version that runs and is well after at most 15 s; else an empty string."""
        deadline = time.monotonic() + 15
        opt, healthy = self.tree / "opt/packbench", self.tree / "var/lib/packbench/healthy"
        while time.monotonic() < deadline:
            folder = opt / (opt / "current").readlink()
            active = self.container.run("systemctl", "is-active", "packbench").stdout.strip() == "active"
            if active and healthy.exists() and healthy.read_text() == (folder / "ID").read_text():
                return (folder / "RELEASE").read_text().split("\n")[0].removeprefix("version=")
            time.sleep(0.2)
        return ""


def lay_sources(tree: Path) -> None:
    """Copy what the installer needs into the tree, in place of what an earlier campaign left."""
    for part in ("src", "etc/packbench", "opt/packbench", "var/lib/packbench"):
        shutil.rmtree(tree / part, ignore_errors=True)
    for part in ("systemd", "firmware_config"):
        shutil.copytree(ROOT / part, tree / "src" / part)


def upgrades(station: Station) -> int:
    """Print a row for each case; return how many went wrong."""
    wrong = 0
    print(f"{'new release':<20} {'exit':>4} {'runs':>6} {'s':>6}")
    for number, (behaviour, code, stays) in enumerate(CASES, 1):
        before, version = station.running(), f"2.{number}"
        began = time.monotonic()
        end = station.container.run("/opt/packbench/pbctl", "install", station.release(version, behaviour))
        took_s = time.monotonic() - began
        now = station.running()
        good = end.returncode == code and now == (version if stays else before)
        wrong += not good
        print(f"{behaviour:<20} {end.returncode:>4} {now or '-':>6} {took_s:>6.1f}", "" if good else end.stdout)
    return wrong


def request(station: Station) -> int:
    """Let the agent's user ask for a release, which root's path unit installs; return 1 when it does not run then."""
    path = station.release("2.9", "well")
    script = f"cp {path} {path}.sig /var/lib/packbench/upgrade && echo 'install {path.rpartition('/')[2]}' > $0"
    began = time.monotonic()
    station.container.run("setpriv", "--reuid=packbench", "--regid=packbench", "--clear-groups", "sh", "-c", script,
                          "/var/lib/packbench/upgrade/request")
    deadline = began + 30
    while station.running() != "2.9" and time.monotonic() < deadline:
        time.sleep(0.3)
    took_s, good = time.monotonic() - began, station.running() == "2.9"
    print(f"asked for by the agent's own user: {'runs' if good else 'does not run'} after {took_s:.1f} s")
    return int(not good)


def power_cut(station: Station) -> int:
    """Cut the power while a release that never says a word is on trial; return 1 when the old one is not back."""
    before, path = station.running(), station.release("2.95", "runs without a word")
    station.container.run("sh", "-c", f"setsid /opt/packbench/pbctl install {path} >/dev/null 2>&1 & sleep 2")
    on_trial = (station.tree / "opt/packbench/trial").exists()
    station.container.close()
    station.container = Container(station.tree)
    began = time.monotonic()
    while station.running() != before and time.monotonic() < began + 40:
        time.sleep(0.3)
    took_s, good = time.monotonic() - began, on_trial and station.running() == before
    print(f"power cut in mid trial: {'the old release is back' if good else 'WRONG'} {took_s:.1f} s after the boot")
    return int(not good)


def random_kills(station: Station, kills: int, chance: random.Random) -> int:
    """Kill pbctl and the agent at random moments of an upgrade; return how often no release ran afterwards."""
    lost = 0
    for number in range(kills):
        path = station.release(f"3.{number}", "well")
        delay_s = chance.uniform(0, 0.6)
        script = (f"setsid /opt/packbench/pbctl install {path} & sleep {delay_s:.3f}; kill -9 -- -$! 2>/dev/null;"
                  "systemctl kill -s KILL packbench 2>/dev/null; systemctl restart --no-block packbench")
        station.container.run("sh", "-c", script)
        lost += not station.running()
    print(f"{kills} kills of pbctl and agent at 0 to 600 ms: {lost} without a running release")
    return lost


def main() -> int:
    """Return 1 when an upgrade ended otherwise than it should or a kill left no release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    if not wanted.tree.exists():
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}"]
        subprocess.run([*bootstrap, wanted.suite, str(wanted.tree)], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        station = Station(wanted.tree, Path(scratch))
        try:
            first = station.release("1.0", "well")
            installed = station.container.run("/src/systemd/install.sh", first, "/src/dist/release.pub")
            version = station.container.run("systemctl", "--version").stdout.split("\n")[0]
            if installed.returncode:
                print(installed.stdout + installed.stderr)
                return 1
            print(f"{version}: installed {station.running()}")
            verified = station.container.run("systemd-analyze", "verify", "--man=no", "packbench.service")
            exposed = station.container.run("systemd-analyze", "security", "--no-pager", "packbench.service").stdout
            print(f"verify: {verified.stderr.strip() or 'silent'}; {exposed.strip().splitlines()[-1]}")
            wrong = upgrades(station) + request(station) + power_cut(station)
            return 1 if wrong + random_kills(station, wanted.kills, random.Random(wanted.seed)) else 0
        finally:
            station.container.close()


if __name__ == "__main__":
    sys.exit(main())
