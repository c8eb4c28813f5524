"""`packbench print`: ask a label printer how it is, print a test page, and say what a status packet means.

Without an address they mean the station's own printers: a running station says what it knows, and lends its printer for
a test page. With one they talk straight to that printer.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from agent.devices import DeviceError

if TYPE_CHECKING:
    from agent.devices import Printer, PrinterStatus, PrintProgress
    from agent.devices.ql_printer import QlPrinter
    from agent.devices.ql_status import Status
    from agent.devices.usblp import UsbNode

FAILED, BAD_INPUT = 1, 2

_address = click.argument("printer", default="")
_model = click.option("--model", default="", help="Such as QL-820NWB; what the printer says when not given.")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_config = click.option("--config", type=click.Path(path_type=Path), default=Path("/etc/packbench/station.toml"),
                       show_default=True, help="The settings that name the station's printers, for no PRINTER.")


@click.group()
def group() -> None:
    """Ask a printer, print a test page.

    PRINTER is usb: (the first Brother on USB), usb:/dev/usb/lp0, tcp:HOST or tcp:HOST:PORT; a test page can also go to
    files with png:FOLDER. Without one it is the station's own.
    """


@group.command()
@_address
@_model
@_config
@_json
def status(printer: str, model: str, config: Path, as_json: bool) -> None:
    """Say which printer it is, which roll is in, and what keeps it from printing."""
    if not printer:
        from agent.cli.print_station import status_of_all

        sys.exit(status_of_all(config, as_json))
    if printer == "usb:" and len(there := _on_usb()) > 1:
        found = [(f"{one.node}, serial number {one.serial}", one) for one in there]
        sys.exit(max(_say(f"usb:{one.node}", one.model, as_json, name, one.serial) for name, one in found))
    sys.exit(_say(printer, model, as_json))


def _say(address: str, model: str, as_json: bool, name: str = "", serial: str = "") -> int:
    """Say how one printer is, with its name where there are several; return the exit code."""
    try:
        said = opened(address, model).status()
    except DeviceError as error:
        refuse(error, as_json)
    if as_json:
        click.echo(json.dumps(asdict(said) | ({"serial": serial} if serial else {})))
    else:
        click.echo(f"{name}: {sentence(said)}" if name else sentence(said))
    return FAILED if said.code else 0


@group.command()
@click.argument("parcel")
@click.option("--socket", "socket_path", type=click.Path(path_type=Path), default=Path("/run/packbench/packbench.sock"),
              show_default=True, help="The daemon's socket.")
@_json
def again(parcel: str, socket_path: Path, as_json: bool) -> None:
    """Print the label of PARCEL (such as J-17/1) once more: marked as a copy, and the first one is void."""
    from agent.local import LocalError, Station

    try:
        station = Station(socket_path)
        try:
            answer = station.ask("print-again", parcel=parcel)
            click.echo(json.dumps(answer) if as_json else f"{parcel}: {answer['state']}.")
        finally:
            station.close()
    except LocalError as error:
        click.echo(str(error), err=True)
        sys.exit(FAILED)


@group.command()
@_address
@_model
@click.option("--media", default="", help="Roll, such as 62 or 62x100; the one that is in when not given.")
@click.option("--pages", type=click.IntRange(1, 50), default=1, show_default=True, help="How many.")
@click.option("--role", type=click.Choice(["slip", "label"]), default="label", show_default=True,
              help="For no PRINTER: the station's printer for these papers.")
@_config
@_json
def test(printer: str, model: str, media: str, pages: int, role: str, config: Path, as_json: bool) -> None:
    """Print test pages and say the truth about each: printed, not printed, or in doubt."""
    if not printer:
        from agent.cli.print_station import test_on_station

        sys.exit(test_on_station(config, role, pages, as_json))
    try:
        device = opened(printer, model)
        if not (media and model):
            said = device.status()
            media, model = media or said.media or "62", model or _first(said.model)
        came_out = print_test(device, model, media, pages, as_json)
    except DeviceError as error:
        refuse(error, as_json)
    sys.exit(0 if came_out == pages else FAILED)


def print_test(device: Printer, model: str, media: str, pages: int, as_json: bool) -> int:
    """Print test pages until one does not come out; return how many did. Raises DeviceError."""
    from agent.devices import Printed, raster
    from agent.devices.test_page import picture

    came_out = 0
    for number in range(1, pages + 1):
        job = raster.encode(picture(model, media, f"{number}/{pages}"), model=model, media=media)
        for progress in device.print_page(job):
            _tell(number, progress, as_json)
            came_out += isinstance(progress, Printed)
        if came_out < number:
            break
    return came_out


@group.command()
@click.argument("printer")
@_model
def awake(printer: str, model: str) -> None:
    """Tell the printer never to switch itself off; it remembers that."""
    from agent.devices.ql_printer import QlPrinter

    try:
        device = opened(printer, model)
        if not isinstance(device, QlPrinter):
            raise click.BadParameter("files do not sleep.", param_hint="PRINTER")
        device.keep_awake()
    except DeviceError as error:
        refuse(error, as_json=False)
    click.echo("The printer stays on.")


@group.command()
@click.argument("packet", nargs=-1, required=True)
@_json
def decode(packet: tuple[str, ...], as_json: bool) -> None:
    """Say what a status packet means: its bytes in hex, or the text of an array of them."""
    from agent.devices.ql_status import from_text

    found = from_text(" ".join(packet))
    if not found:
        click.echo("printer.no-packet: no 32 bytes from 80 20 42 on were found.", err=True)
        sys.exit(BAD_INPUT)
    for said in found:
        click.echo(json.dumps(facts(said)) if as_json else "\n".join(f"{name:<12}{value}" for name, value in
                                                                     facts(said).items()))  # fmt: skip


def opened(address: str, model: str) -> Printer:
    """Return the driver for `usb:`, `tcp:` or `png:`. Raises DeviceError, or click's own error for another word."""
    kind, _, rest = address.partition(":")
    rest = rest.removeprefix("//")
    match kind:
        case "usb":
            return _usb(rest, model)
        case "tcp" if rest:
            from agent.devices.tcp9100 import TcpPrinter

            host, _, port = rest.partition(":")
            if port and not port.isdigit():
                raise click.BadParameter(f"{port!r} is no port number.", param_hint="PRINTER")
            return TcpPrinter(host, int(port or 9100), model=model or "QL-820NWB")
        case "png" if rest:
            from agent.devices.png_printer import PngPrinter

            return PngPrinter(rest)
        case _:
            raise click.BadParameter(f"{address!r} is none of usb:, tcp:HOST, png:FOLDER.", param_hint="PRINTER")


def _on_usb() -> list[UsbNode]:
    from agent.devices import usblp

    return usblp.nodes()


def _usb(node: str, model: str) -> QlPrinter:
    from agent.devices.usblp import UsbPrinter

    there = [one.model for one in _on_usb() if node in ("", one.node)]
    return UsbPrinter(node, model=model or next(iter(there), "QL-820NWB"))


def sentence(said: PrinterStatus) -> str:
    """One line for a person, such as `QL-820NWB: 62 mm endless, ready`."""
    from agent.devices.ql_words import roll_words

    roll = roll_words(said.media) if said.media else "no roll seen"
    if said.code:
        return f"{said.model}: {roll}. {said.code}: {said.hint}"
    return f"{said.model}: {roll}, {'printing' if said.printing else 'ready'}."


def facts(said: Status) -> dict[str, object]:
    """The values of a packet by their names."""
    from agent.devices.ql_words import problem

    found = problem(said)
    return {
        "model": said.model, "media": said.media_type, "width_mm": said.width_mm, "length_mm": said.length_mm,
        "errors": ", ".join(said.errors), "status": said.status_type, "phase": said.phase, "ready": said.ready,
        "two_color": said.two_color, "code": found.code if found else "", "hint": found.hint if found else "",
    }  # fmt: skip


def _first(models: str) -> str:
    """Old models share their bytes: any of them takes the same page. Files take what the widest model takes."""
    return "QL-1110NWB" if models == "PNG" else models.partition("/")[0]


def _tell(number: int, progress: PrintProgress, as_json: bool) -> None:
    words = {"Printed": "printed", "NotPrinted": "not printed", "InDoubt": "in doubt", "Suspended": "waits"}
    state = words[type(progress).__name__]
    code, hint = getattr(progress, "code", ""), getattr(progress, "hint", "")
    if as_json:
        click.echo(json.dumps({"page": number, "state": state, "code": code, "hint": hint}))
    else:
        click.echo(f"page {number}: {state}{f', {code}: {hint}' if code else '.'}")


def refuse(error: DeviceError, as_json: bool) -> NoReturn:
    """Say why a printer can't be used, and end: with 2 where the question makes no sense, else with 1."""
    if as_json:
        click.echo(json.dumps({"code": error.code, "detail": error.detail, "hint": error.hint}))
    else:
        click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
    unusable = error.code in ("printer.unknown-model", "printer.unknown-media", "printer.media-not-for-model")
    sys.exit(BAD_INPUT if unusable else FAILED)
