"""The station's own printers: what a running station knows of them, and a test page on one that it lends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from agent.cli.print import BAD_INPUT, FAILED, print_test, refuse, sentence
from agent.devices import DeviceError, PrinterStatus

if TYPE_CHECKING:
    from pathlib import Path

    from firmware_config.settings import Printer, Settings


def status_of_all(config: Path, as_json: bool) -> int:
    """Say how each printer of the station is; return the exit code."""
    settings = _settings(config)
    known = _from_station(settings) or {name: _asked(one, settings) for name, one in _printers(settings)}
    if not known:
        click.echo(f"{config} names no [printer].", err=True)
        return FAILED
    wrong = 0
    for name, (wanted, said) in known.items():
        wrong += bool(said.code)
        if as_json:
            click.echo(json.dumps({"printer": name, "wanted": wanted, "model": said.model, "media": said.media,
                                   "code": said.code, "hint": said.hint, "printing": said.printing}))
        else:
            click.echo(f"{name}: {sentence(said)}")
    return FAILED if wrong else 0


def _from_station(settings: Settings) -> dict[str, tuple[str, PrinterStatus]]:
    """Return what a running station knows of its printers, by name; nothing where none runs."""
    from pathlib import Path

    from agent.local import LocalError, Station

    try:
        station = Station(Path(settings.socket))
        try:
            answer: dict[str, Any] = station.ask("status")
        finally:
            station.close()
    except LocalError:
        return {}
    broken = {one["device"]: one for one in answer["broken"]}
    found = {}
    for name, said in answer.get("printers", {}).items():
        mend = broken.get(name, {"code": "", "hint": ""})
        found[name] = (said["wanted"], PrinterStatus(said.get("model", "printer"), said.get("media", ""), mend["code"],
                                                     mend["hint"], printing=said.get("printing", False)))
    return found


def _asked(one: Printer, settings: Settings) -> tuple[str, PrinterStatus]:
    """Return what a printer says itself, where no station runs that could have it."""
    from agent.clock import Clock
    from agent.devices.ql_words import wrong_roll
    from agent.printing import open_printer

    try:
        said = open_printer(one, settings, Clock(), lambda: None).status()
    except DeviceError as error:
        return one.media, PrinterStatus(one.model, "", error.code, error.hint)
    wrong = wrong_roll(said.media, one.media) if said.media and not said.code else None
    if wrong is not None:
        said = PrinterStatus(said.model, said.media, wrong.code, wrong.hint)
    return one.media, said


def test_on_station(config: Path, role: str, pages: int, as_json: bool) -> int:
    """Print test pages on the station's printer for a role, borrowed from the station if it runs; the exit code."""
    from pathlib import Path

    from agent.clock import Clock
    from agent.local import LocalError, borrowed
    from agent.printing import open_printer

    settings = _settings(config)
    name, one = next(((name, one) for name, one in _printers(settings) if role in one.role), ("", None))
    if one is None:
        click.echo(f"{config} names no printer with the role {role}.", err=True)
        return BAD_INPUT
    try:
        with borrowed(Path(settings.socket), name):
            device = open_printer(one, settings, Clock(), lambda: None)
            came_out = print_test(device, one.model, one.media, pages, as_json)
    except LocalError as error:
        click.echo(str(error), err=True)
        return FAILED
    except DeviceError as error:
        refuse(error, as_json)
    return 0 if came_out == pages else FAILED


def _settings(config: Path) -> Settings:
    from firmware_config.settings import ConfigError, load

    try:
        return load(config)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"{error.source}: {problem.key}: {problem.text} ({problem.code})", err=True)
        click.echo("Or name the printer: usb:, tcp:HOST.", err=True)
        raise SystemExit(BAD_INPUT) from None


def _printers(settings: Settings) -> list[tuple[str, Printer]]:
    from agent.station.pages import printers

    return list(zip(printers(settings), settings.printer, strict=False))
