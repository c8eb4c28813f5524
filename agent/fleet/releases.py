"""Releases on this station: what `pbctl` put where, and what the agent may say to it: I am well, and please install.

`pbctl` runs as root, lives outside both release folders and checks everything itself; its files are described in it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OPT = Path("/opt/packbench")
STATE = Path("/var/lib/packbench")
PBCTL = OPT / "pbctl"

State = Literal["current", "on trial", "ready", "unusable"]


@dataclass(frozen=True, slots=True)
class Release:
    """One of the two folders: `a` or `b`, its version, and whether it starts, may be gone back to, or never starts."""

    folder: str
    version: str
    state: State


@dataclass(frozen=True, slots=True)
class Answer:
    """How the last installation ended: a stable code (`upgrade.signature`) and a sentence."""

    code: str
    text: str


def installed(opt: Path = OPT) -> list[Release]:
    """Return the releases on this station, folder a first; empty when packbench runs from a checkout."""
    try:
        current = (opt / "current").readlink().name
    except OSError:
        current = ""
    trial = _first_line(opt / "trial").split(" ")
    found = []
    for folder in ("a", "b"):
        facts = dict(line.split("=", 1) for line in _lines(opt / folder / "RELEASE") if "=" in line)
        if not facts:
            continue
        state: State = "ready" if (opt / folder / ".complete").exists() else "unusable"
        if folder == current:
            state = "on trial" if len(trial) == 4 and trial[2] == folder else "current"
        found.append(Release(folder, facts.get("version", ""), state))
    return found


def last_answer(opt: Path = OPT) -> Answer | None:
    """Return how the last installation ended; None when there was none."""
    code, _, text = _first_line(opt / "answer").partition(" ")
    return Answer(code, text) if code else None


def installation(prefix: Path = Path(sys.prefix)) -> str:
    """Return the ID of the installation that this program runs from; empty for a checkout."""
    return _first_line(prefix.parent / "ID")


def say_well(state: Path = STATE, prefix: Path = Path(sys.prefix)) -> bool:
    """Tell pbctl that the installation this program runs from is well; return False when it runs from a checkout.

    To be called once the queue is open, the configuration valid and the loop ticking, whether printer and broker answer
    or not: a cable must not roll back software. The word names the installation, so none can speak for another.
    Raises OSError when the state folder can't be written.
    """
    own_id = installation(prefix)
    if not own_id:
        return False
    new = state / "healthy.new"
    new.write_text(f"{own_id}\n", encoding="ascii")
    new.replace(state / "healthy")
    return True


def ask(wanted: str, state: Path = STATE) -> None:
    """Leave a request for pbctl: `rollback`, or `install NAME.tar` for a file in the state folder's `upgrade`.

    Raises OSError when this user may not write there.
    """
    new = state / "upgrade" / "request.new"
    new.write_text(f"{wanted}\n", encoding="ascii")
    new.replace(state / "upgrade" / "request")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _first_line(path: Path) -> str:
    return (_lines(path) or [""])[0]
