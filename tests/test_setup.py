"""The set-up on machines where something is wrong: its own exit code and one line that says what to do."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = ("setup.sh", "pyproject.toml", "build.lock", "requirements.lock")
TOOLS = ("awk", "cat", "cksum", "cp", "dirname", "env", "grep", "head", "ln", "mkdir", "mktemp", "rm", "sed", "sh",
         "tail", "tr")

# A Python that makes a venv of itself; its pip says what the test wants.
PYTHON = """#!/bin/sh
case "$*" in
    *"import ensurepip"*) exit 0 ;;
    "-c "*) echo {version} ;;
    "-m venv "*) for last; do :; done; {venv}; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
    "-m pip "*) {pip} ;;
esac
"""


@dataclass
class Machine:
    """A folder with the set-up in it, and the only programs that it can find."""

    folder: Path

    def has(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def has_python(self, version: str = "3.11", venv: str = ":", pip: str = ":") -> None:
        self.has("python3", PYTHON.format(version=version, venv=venv, pip=pip).partition("\n")[2])

    def set_up(self) -> tuple[int, list[str]]:
        """Return the exit code and the lines that were said."""
        run = subprocess.run(["/bin/sh", str(self.folder / "setup.sh")], env={"PATH": str(self.folder / "bin")},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False)
        return run.returncode, run.stderr.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine on which the set-up works: 64-bit Debian, root, every package there."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    made = Machine(tmp_path)
    made.has("uname", '[ "$1" = -s ] && echo Linux || echo x86_64')
    made.has("getconf", "echo 64")
    made.has("df", "echo; echo disk 9999999 0 5000000 0% /")
    made.has("dpkg-query", "printf installed")
    made.has("apt-get", "exit 100")
    made.has("id", "echo 0")
    made.has_python()
    return made


def test_the_second_run_starts_no_program_but_the_checksum(machine: Machine) -> None:
    assert machine.set_up()[0] == 0
    for name in ("uname", "df", "dpkg-query", "apt-get", "python3"):
        (machine.folder / "bin" / name).unlink()
    assert machine.set_up() == (0, [])


def test_another_lock_is_another_set_up(machine: Machine) -> None:
    machine.set_up()
    with (machine.folder / "requirements.lock").open("a") as lock:
        lock.write("# newer\n")
    assert machine.set_up()[1][-1] == "setup: ready: .venv"


@pytest.mark.parametrize(("program", "script", "code", "says"), [
    ("uname", '[ "$1" = -s ] && echo Linux || echo i686', 3, "64-bit"),
    ("uname", '[ "$1" = -s ] && echo Linux || echo armv7l', 3, "take the 64-bit image"),
    ("getconf", "echo 32", 3, "64-bit"),
    ("uname", "echo Darwin", 3, "64-bit Linux"),
    ("df", "echo; echo disk 9999999 0 500000 0% /", 4, "1 GiB"),
    ("dpkg-query", "exit 1", 6, "apt could not install"),
])
def test_a_machine_that_does_not_suit_is_told_so(
    machine: Machine, program: str, script: str, code: int, says: str,
) -> None:
    machine.has(program, script)
    exit_code, lines = machine.set_up()
    assert exit_code == code
    assert says in lines[-1]


def test_elsewhere_than_on_debian_the_packages_are_named(machine: Machine) -> None:
    (machine.folder / "bin" / "apt-get").unlink()
    code, lines = machine.set_up()
    assert (code, "libzbar0" in lines[0]) == (3, True)


def test_without_root_and_sudo_the_command_is_said(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    machine.has("dpkg-query", '[ "$3" = libzbar0 ] || printf installed')
    code, lines = machine.set_up()
    assert code == 5
    assert lines[0].startswith("setup: may not install packages; as root run: apt-get install")
    assert lines[0].endswith(" libzbar0")


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.14", "2.7"])
def test_another_python_is_refused_before_anything_is_made(machine: Machine, version: str) -> None:
    machine.has_python(version)
    code, lines = machine.set_up()
    assert (code, "make PY=" in lines[0], (machine.folder / ".venv").exists()) == (7, True, False)


def test_a_venv_that_fails_says_why(machine: Machine) -> None:
    machine.has_python(venv="echo no room for wheels; exit 1")
    code, lines = machine.set_up()
    assert (code, "no room for wheels" in lines[0]) == (8, True)


@pytest.mark.parametrize(("said", "says"), [
    ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not what requirements.lock pins"),
    ("NewConnectionError: Temporary failure in name resolution", "no network"),
    ("SSLError(CERTIFICATE_VERIFY_FAILED)", "certificate"),
    ("ERROR: disk quota exceeded", "disk quota exceeded"),
])
def test_a_failing_pip_leaves_no_stamp_and_one_line(machine: Machine, said: str, says: str) -> None:
    machine.has_python(pip=f"echo '{said}'; exit 1")
    code, lines = machine.set_up()
    assert (code, says in lines[-1]) == (9, True)
    assert list((machine.folder / ".venv").glob(".stamp-*")) == []
    machine.has_python()
    assert machine.set_up()[0] == 0
