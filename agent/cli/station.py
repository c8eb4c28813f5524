"""`packbench run`, `watch`, `status`, `press`: the daemon, and what it says to people beside it."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from firmware_config.settings import ConfigError

SETTINGS = "/etc/packbench/station.toml"
SOCKET = "/run/packbench/packbench.sock"

socket_option = click.option(
    "--socket", "socket_path", type=click.Path(path_type=Path), default=Path(SOCKET), show_default=True,
    help="The daemon's socket.",
)
LAMPS = {"green": "32", "amber": "33", "red": "31"}


@click.command()
@click.option("--config", type=click.Path(path_type=Path), default=Path(SETTINGS), show_default=True,
              help="The station's settings.")
@click.option("--verbose", "-v", is_flag=True, help="One line for each event and effect.")
def run(config: Path, verbose: bool) -> None:
    """Run the station until stopped. systemd starts this. After five bad ends in a row: safe mode."""
    import logging

    from agent.fleet.starts import Starts
    from agent.run import Agent
    from agent.safe import SafeStation
    from agent.store import StoreError
    from firmware_config.settings import ConfigError, load

    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr,
                        format="%(levelname).1s %(name)s %(message)s")
    try:
        settings = load(config)
    except ConfigError as error:
        raise SystemExit(_problems(error)) from None
    starts = Starts(Path(settings.directory))
    whole, fault = starts.begin(), True
    try:
        with starts.watched():
            code = (Agent(settings) if whole else SafeStation(settings)).run()
        fault = code != 0
    except ConfigError as error:
        code = _problems(error)
    except StoreError as error:
        click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
        code, fault = 1, False  # safe mode needs the store, too
    except OSError as error:
        click.echo(f"config.directory: {error.filename}: {error.strerror}. Give the service its directory.", err=True)
        code, fault = 1, False
    finally:
        if fault:
            starts.bad()
    if whole and code == 0:
        starts.good()
    raise SystemExit(code)


def _problems(error: ConfigError) -> int:
    """Print every problem; return the exit code."""
    for problem in error.problems:
        click.echo(f"{error.source}: {problem.key}: {problem.text} ({problem.code})", err=True)
    return 2


@click.command()
@socket_option
@click.option("--json", "as_json", is_flag=True, help="The whole answer for machines.")
def status(socket_path: Path, as_json: bool) -> None:
    """Say how the station is: link, devices, parcels and pages that have not ended, what waits in the store."""
    answer = _ask(socket_path, "status")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    click.echo(f"station {answer['station']} of site {answer['site']}, life {answer['boot']}; link {answer['link']}"
               + (f" ({answer['why_down']})" if answer.get("why_down") else ""))
    click.echo(f"now: {answer['view']['sentence']} {answer['view']['hint']}".rstrip())
    for broken in answer["broken"]:
        click.echo(f"broken: {broken['device']}: {broken['code']}. {broken['hint']}")
    for name, roll in answer.get("rolls", {}).items():
        about = "about" if roll["known"] else "at most"
        click.echo(f"{name}: {roll['media']} mm roll, {about} {roll['labels_left']} labels left")
    for name, short in answer.get("short", {}).items():
        click.echo(f"{name}: the roll lasts for about {short['lasts_for']} of {short['papers']} papers that wait")
    for parcel in answer["parcels"]:
        click.echo(f"parcel {parcel['parcel']}: {parcel['state']} {', '.join(parcel['reasons'])}".rstrip())
    for page in answer["pages"]:
        click.echo(f"page {page['mark']}: {page['role']} of {page['job']} {page['state']}")
    for one in answer.get("refused", ()):
        at = datetime.fromtimestamp(one["wall_ms"] / 1000, UTC)
        click.echo(f"refused: {one['topic']}: {one['code']}, {one['count']} times, last {at:%Y-%m-%d %H:%M} UTC")
    click.echo("store: " + ", ".join(f"{count} {name}" for name, count in answer["store"].items()))


@click.command()
@socket_option
@click.option("--once", is_flag=True, help="Show one moment and end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each change.")
def watch(socket_path: Path, once: bool, as_json: bool) -> None:
    """Show the packer what to do now, in one big sentence, with the weight live. Ctrl-C ends it."""
    last = ""
    try:
        while True:
            answer = _ask(socket_path, "view")
            if as_json:
                line = json.dumps(answer["view"], ensure_ascii=False)
                if line != last:
                    click.echo(line)
                last = line
            else:
                click.echo(_screen(answer, plain=once or not sys.stdout.isatty()))
            if once:
                return
            time.sleep(0.25)
    except KeyboardInterrupt:
        return


@click.command()
@socket_option
@click.option("--long", "is_long", is_flag=True, help="Hold it: no, print a new one.")
def press(socket_path: Path, is_long: bool) -> None:
    """Press the packer's button from here."""
    click.echo(_ask(socket_path, "press", long=is_long)["view"]["sentence"])


def _ask(socket_path: Path, ask: str, **more: object) -> dict[str, Any]:
    from agent.local import LocalError, Station

    try:
        station = Station(socket_path)
        try:
            return station.ask(ask, **more)
        finally:
            station.close()
    except LocalError as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None


def _screen(answer: dict[str, Any], *, plain: bool) -> str:
    """Return the packer's screen: lamps, the sentence in big letters, the hint, the weight."""
    view, live_g = answer["view"], answer["live_g"]
    weight = "  --  " if live_g is None else f"{live_g / 1000:z.3f} kg"
    lamps = [name for name in LAMPS if view[name]]
    if plain:
        code = f" ({view['code']})" if view["code"] else ""
        return f"[{' '.join(lamps) or 'dark'}] {weight}  {view['sentence']} {view['hint']}{code}".rstrip()
    colour = LAMPS[lamps[-1]] if lamps else "0"
    lit = "  ".join(f"\x1b[{LAMPS[name]}m●\x1b[0m {name}" if view[name] else f"○ {name}" for name in LAMPS)
    # DEC double-height lines (ESC # 3 and ESC # 4): the console of a Pi and every xterm know them.
    big = "".join(f"\x1b#{half}\x1b[1;{colour}m{view['sentence'][:38]}\x1b[0m\r\n" for half in (3, 4))
    lines = ["\x1b[H\x1b[2J" + lit, "", big, view["sentence"], view["hint"], "", weight, view["code"], ""]
    return "\r\n".join(lines)
