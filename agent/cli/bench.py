"""`packbench bench`: the simulated bench as a process of its own; `packbench hands`: do something at it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import click

# What stays text even if it looks like a number.
TEXTS = ("box", "page", "code", "media")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--speed", default=1.0, show_default=True, help="Bench seconds per real second.")
@click.option("--seed", default=1, show_default=True, help="Noise and landings repeat with it.")
@click.option("--roll-mm", default=30_480.0, show_default=True, help="Paper in the printer.")
def bench(directory: Path, speed: float, seed: int, roll_mm: float) -> None:
    """Simulate a station's hardware in DIRECTORY until stopped: scale, camera, printer, lamps, hands."""
    from agent.bench.bench import Bench
    from agent.bench.wires import Wires

    wires = Wires(Bench(directory, seed=seed, speed=speed, roll_mm=roll_mm))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: wires.stop())
    wires.serve(lambda: click.echo(f"The bench is ready in {directory}; Ctrl-C stops it."))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("word")
@click.argument("more", nargs=-1, metavar="[KEY=VALUE]...")
def hands(directory: Path, word: str, more: tuple[str, ...]) -> None:
    """Do one thing at the bench in DIRECTORY, as agent/bench/README.md shows.

    Words: make, put, lift, stick, peel, show, hide, scan, press, roll, cover, power, mute, board, board-away,
    look-around.

    \b
    packbench hands DIR make box=A mass_g=1200 length_mm=300 width_mm=200 height_mm=120
    packbench hands DIR put box=A
    """  # noqa: D301 (click looks for the backspace itself)
    from agent.bench.bench import HandsError
    from agent.bench.wires import Hands

    try:
        pair = Hands(directory)
        try:
            answer = pair.do(word, **dict(_pair(one) for one in more))
        finally:
            pair.close()
    except HandsError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        click.echo(f"No bench runs in {directory} ({error.strerror}). Start one: packbench bench {directory}", err=True)
        raise SystemExit(1) from error
    click.echo(json.dumps(answer))


def _pair(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    if key in TEXTS:
        return key, value
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value
