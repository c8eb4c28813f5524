"""A folder that looks like a station's disk to pbctl, stub releases, and a stand-in for systemd that starts them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

PBCTL = Path(__file__).resolve().parents[2] / "systemd" / "pbctl"
SHIMMED = ("cat", "flock", "head", "ln", "mkdir", "mv", "openssl", "readlink", "rm", "sed", "tail", "tar")

# A release says in `behaviour` what its agent does: come up well, crash at once, or run and never say that it is well.
SYSTEMCTL = """#!/bin/sh
case "$*" in *restart*) ;; *) exit 0 ;; esac
starts=0
while [ "$starts" -lt 6 ]; do
    "$PBCTL" guard
    folder=$PACKBENCH_ROOT/opt/packbench/current
    [ -e "$folder/.complete" ] || exit 1
    read -r behaviour <"$folder/behaviour"
    case $behaviour in
        well) /bin/cp "$folder/ID" "$PACKBENCH_ROOT/var/lib/packbench/healthy"; exit 0 ;;
        mute) exit 0 ;;
    esac
    starts=$((starts + 1))
done
exit 1
"""

# Counts the programs that pbctl starts. Pulls the plug before or after the one whose turn it is (KILL_AT=7 or 7.5), or
# keeps what the disk looks like after each (SNAPSHOTS=folder).
SHIM = """#!/bin/sh
read -r count <"$STEPS"
count=$((count + 1))
echo "$count" >"$STEPS"
[ "$KILL_AT" != "$count" ] || kill -9 0
"{program}" "$@"
code=$?
[ "$KILL_AT" != "$count.5" ] || kill -9 0
[ -z "$SNAPSHOTS" ] || /bin/cp -a "$PACKBENCH_ROOT" "$SNAPSHOTS/$count"
exit "$code"
"""


PREPARE = "mkdir -p venv/bin; mv agent venv/bin/python; chmod 755 venv/bin/python\n"


@dataclass(frozen=True)
class StationFolder:
    """`root` is the station's /, `shims` stand before PATH, `key` signs releases."""

    root: Path

    @classmethod
    def made_in(cls, folder: Path) -> StationFolder:
        station = cls(folder / "root")
        for part in ("opt/packbench", "var/lib/packbench/upgrade", "etc/packbench"):
            (station.root / part).mkdir(parents=True)
        openssl("genpkey", "-algorithm", "ed25519", "-out", str(station.key))
        openssl("pkey", "-in", str(station.key), "-pubout", "-out", str(station.root / "etc/packbench/release.pub"))
        station.shims.mkdir()
        station.stand_ins.mkdir()
        executable(station.stand_ins / "systemctl", SYSTEMCTL)
        for name in SHIMMED:
            executable(station.shims / name, SHIM.format(program=shutil.which(name)))
        # A killed process loses nothing that it wrote, so waiting for the disk would prove nothing here.
        executable(station.stand_ins / "sync", "#!/bin/sh\n")
        executable(station.shims / "sync", SHIM.format(program=station.stand_ins / "sync"))
        return station

    def copied_to(self, folder: Path) -> StationFolder:
        """Return a station of the same content that can be spoiled."""
        shutil.copytree(self.root.parent, folder, symlinks=True, dirs_exist_ok=True)
        return StationFolder(folder / "root")

    @property
    def key(self) -> Path:
        return self.root.parent / "release.key"

    @property
    def shims(self) -> Path:
        return self.root.parent / "shims"

    @property
    def stand_ins(self) -> Path:
        return self.root.parent / "stand-ins"

    @property
    def steps(self) -> int:
        """Return how many programs the last counted run started."""
        return int((self.root.parent / "steps").read_text())

    def release(self, version: str, behaviour: str = "well", *, agent: str = "", **facts: str) -> Path:
        """Return the path of a signed release whose agent does as told; `agent` is its program where one is run."""
        series = subprocess.run(["python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                                capture_output=True, text=True, check=True).stdout.strip()
        named = {"version": version, "python": series, "machine": os.uname().machine, **facts}
        files = {
            "RELEASE": "".join(f"{name}={value}\n" for name, value in named.items()),
            "behaviour": f"{behaviour}\n",
            "prepare": "echo the wheel is torn >&2; exit 1\n" if behaviour == "broken" else PREPARE,
            "agent": agent,
        }
        path = self.root.parent / f"packbench-{version}.tar"
        with tarfile.open(path, "w") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        openssl("pkeyutl", "-sign", "-inkey", str(self.key), "-rawin", "-in", str(path), "-out", f"{path}.sig")
        return path

    def pbctl(
        self, *words: str, kill_at: str = "", snapshots: str = "", patience_s: int = 1,
    ) -> subprocess.CompletedProcess[str]:
        """Return how pbctl ended.

        With `kill_at` its programs are counted and its whole process group dies at that step; `never` only counts. With
        `snapshots` each step leaves a copy of the disk in that folder.
        """
        (self.root.parent / "steps").write_text("0\n")
        plain = f"{self.stand_ins}:{os.environ['PATH']}"
        environment = {
            "PATH": f"{self.shims}:{plain}" if kill_at or snapshots else plain,
            "PACKBENCH_ROOT": str(self.root), "PBCTL": str(PBCTL),
            "STEPS": str(self.root.parent / "steps"), "KILL_AT": kill_at, "SNAPSHOTS": snapshots,
            "PACKBENCH_PATIENCE": str(patience_s),
        }
        return subprocess.run([str(PBCTL), *words], env=environment, start_new_session=True, capture_output=True,
                              text=True, timeout=30, check=False)

    def disks_during(self, release: Path, folder: Path) -> list[StationFolder]:
        """Install a release, and return the station as it was on the disk after each step, each different disk once."""
        folder.mkdir()
        self.pbctl("install", str(release), snapshots=str(folder))
        different: dict[str, StationFolder] = {}
        for number in sorted(int(path.name) for path in folder.iterdir()):
            disk = StationFolder(folder / f"{number}" / "root")
            (folder / f"{number}").rename(folder / f"{number}.root")
            (folder / f"{number}").mkdir()
            (folder / f"{number}.root").rename(disk.root)
            for name in ("shims", "stand-ins", "release.key"):
                (folder / f"{number}" / name).symlink_to(self.root.parent / name)
            different.setdefault(repr(disk.everything()), disk)
        return list(different.values())

    def boot(self) -> None:
        """Start the station as systemd would after power came back."""
        environment = {"PATH": f"{self.stand_ins}:{os.environ['PATH']}", "PACKBENCH_ROOT": str(self.root),
                       "PBCTL": str(PBCTL)}
        subprocess.run([str(self.stand_ins / "systemctl"), "restart"], env=environment, check=True, timeout=30)

    def running(self) -> str:
        """Return the version that is current, complete and has said of itself that it is well; else an empty string."""
        folder = self.root / "opt/packbench/current"
        healthy = self.root / "var/lib/packbench/healthy"
        well = (folder / ".complete").exists() and healthy.exists()
        if not well or healthy.read_text() != (folder / "ID").read_text():
            return ""
        return (folder / "RELEASE").read_text().split("\n")[0].removeprefix("version=")

    def answer(self) -> str:
        """Return the stable code of the last installation's end."""
        return (self.root / "opt/packbench/answer").read_text().split(" ")[0]

    def everything(self) -> dict[str, bytes | str]:
        """Return each file and link below /opt/packbench, the answer and the lock left out."""
        folder = self.root / "opt/packbench"
        return {str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
                for path in folder.rglob("*")
                if (path.is_symlink() or path.is_file()) and path.name not in {"answer", ".lock", "prepare.log"}}


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def survives(station: StationFolder, version: str, behaviour: str, kill_at: str) -> None:
    """Install with the plug pulled at a step, boot, and check that a release runs and the next installation works."""
    before = station.running()
    database = station.root / "var/lib/packbench/packbench.db"
    database.write_bytes(b"parcels")
    killed = station.pbctl("install", str(station.release(version, behaviour)), kill_at=kill_at)
    station.boot()
    expected = {before, version} if behaviour == "well" else {before}
    assert station.running() in expected, f"killed at {kill_at}: {killed.stdout}{killed.stderr}"
    assert database.read_bytes() == b"parcels"
    again = station.pbctl("install", str(station.release(f"{version}.1")))
    assert (again.returncode, station.running()) == (0, f"{version}.1"), f"after a kill at {kill_at}: {again.stdout}"
