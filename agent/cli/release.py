"""`packbench upgrade | rollback | versions`: front ends of `pbctl`, which checks and does everything itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click

WAIT_S = 300.0


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
def upgrade(release: Path) -> None:
    """Install RELEASE, a signed tar with its .sig beside it; go back by itself if it does not come up well.

    As root pbctl runs here; a member of the group packbench leaves a request and waits for its end.
    """
    signature = release.with_name(release.name + ".sig")
    for path in (release, signature):
        if not path.is_file():
            _end(2, "upgrade.missing", f"there is no {path}.")
    if os.geteuid() == 0:
        _run_pbctl("install", str(release))
    from agent.fleet.releases import STATE

    try:
        for path in (release, signature):
            shutil.copyfile(path, STATE / "upgrade" / path.name)
    except OSError as error:
        _end(1, "upgrade.forbidden", f"{error}. Use sudo, or join the group packbench.")
    _request(f"install {release.name}")


@click.command()
def rollback() -> None:
    """Go back to the release in the other folder."""
    if os.geteuid() == 0:
        _run_pbctl("rollback")
    _request("rollback")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def versions(as_json: bool) -> None:
    """Show the releases on this station, and how the last installation ended."""
    from agent import __version__
    from agent.fleet.releases import installed, last_answer

    found, answer = installed(), last_answer()
    if as_json:
        last = asdict(answer) if answer else None
        shown = {"this": __version__, "releases": [asdict(each) for each in found], "last": last}
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(f"this program is {__version__}")
    for each in found:
        click.echo(f"{each.folder}  {each.version:<12} {each.state}")
    if not found:
        click.echo("no release is installed here; this is a checkout")
    if answer:
        click.echo(f"last: {answer.text} ({answer.code})")


def _run_pbctl(*words: str) -> NoReturn:
    from agent.fleet.releases import PBCTL

    if not PBCTL.exists():
        _end(1, "upgrade.not-installed", f"there is no {PBCTL}: make install first makes this machine a station.")
    code = subprocess.run([str(PBCTL), *words], check=False).returncode
    sys.exit(0 if code == 0 else 2 if code in range(64, 68) else 1)


def _request(wanted: str) -> None:
    """Leave a request and wait for the answer that comes after it."""
    from agent.fleet.releases import OPT, ask, last_answer

    before = _stamp(OPT / "answer")
    try:
        ask(wanted)
    except OSError as error:
        _end(1, "upgrade.forbidden", f"{error}. Use sudo, or join the group packbench.")
    deadline = time.monotonic() + WAIT_S
    while _stamp(OPT / "answer") == before:
        if time.monotonic() > deadline:
            _end(1, "upgrade.no-answer", "pbctl has not answered: journalctl -u packbench-upgrade.")
        click.echo(".", nl=False, err=True)
        time.sleep(1)
    click.echo(err=True)
    answer = last_answer()
    if answer is None:
        _end(1, "upgrade.no-answer", "pbctl left no answer: journalctl -u packbench-upgrade.")
    good = answer.code in {"upgrade.installed", "upgrade.went-back"}
    _end(0 if good else 1, answer.code, answer.text)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_ino, status.st_mtime_ns)


def _end(code: int, name: str, text: str) -> NoReturn:
    click.echo(f"{text} ({name})", err=code != 0)
    sys.exit(code)
