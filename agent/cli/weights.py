"""`packbench weights`: what the station has learned of weights; beginning anew with one SKU."""

from __future__ import annotations

import json
from contextlib import suppress
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.station import socket_option
from agent.cli.store import DIRECTORY, JSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.store.shelf import Shelf


@click.group()
def group() -> None:
    """Show, export and reset what the station has learned of weights."""


def learned(directory: Path) -> list[dict[str, Any]]:
    """Return each learned weight: kind, name, grams, standard deviation, spread from unit to unit, how often seen."""
    import msgspec

    from agent.packing.weights import Weight
    from agent.store.shelf import read_shelf

    rows = []
    with read_shelf(directory) as shelf:
        for name, body in sorted(shelf.beliefs().items()):
            kind, _, about = name.partition(":")
            if kind not in ("sku", "carton", "fill", "constant"):
                continue
            with suppress(msgspec.DecodeError):  # a damaged one is none to the station either
                weight = msgspec.json.decode(body, type=Weight)
                rows.append({"kind": kind, "name": about, "grams": round(weight.grams, 2),
                             "sd_g": round(sqrt(weight.variance), 2), "spread": round(weight.spread, 4),
                             "seen": weight.seen})
    return rows


@group.command()
@DIRECTORY
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A CSV file; else the screen.")
@JSON
def export(directory: Path, out: Path | None, as_json: bool) -> None:
    """Export learned weights of SKUs, cartons (tare), fill (per litre) and constant (tape, label, slip) in grams."""
    rows = or_end(lambda: learned(directory))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, ("kind", "name", "grams", "sd_g", "spread", "seen"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if out is None:
        click.echo(text.getvalue(), nl=False)
    else:
        out.write_text(text.getvalue(), encoding="utf-8")
        click.echo(f"{len(rows)} weights in {out}")


@group.command()
@click.argument("sku")
@socket_option
@DIRECTORY
@JSON
def reset(sku: str, socket_path: Path, directory: Path, as_json: bool) -> None:
    """Begin SKU's weight anew: with the catalogue's, or a very unsure one. No configuration ever does this."""
    def here(shelf: Shelf) -> dict[str, object]:
        from agent.advice import Advice
        from agent.adviser import forget_weight

        return forget_weight(shelf, Advice(shelf.beliefs(), shelf.catalogue()), sku)

    answer = told_or_done(socket_path, directory, [{"ask": "forget-weight", "sku": sku}], here)
    if answer is None:
        click.echo(f"No station runs behind {socket_path}, and none has its store in {directory}. (store.missing)",
                   err=True)
        raise SystemExit(1)
    if as_json:
        click.echo(json.dumps(answer))
        return
    begins = json.loads(str(answer["begins_with"]))
    click.echo(f"{sku} begins with {begins['grams']:.0f} g, give or take {sqrt(begins['variance']):.0f} g.")


def told_or_done(socket_path: Path, directory: Path, requests: list[dict[str, Any]],
                 here: Callable[[Shelf], dict[str, object]]) -> dict[str, object] | None:
    """Ask the running station, one request after the other; without one do it `here`, in its store.

    Return the last answer, or None when there is neither. Ends the command when it is refused.
    """
    from agent.local import LocalError, NoStationError, Station
    from agent.store.opening import FILE
    from agent.store.shelf import shelf_of

    answer: dict[str, object] = {}
    try:
        station = Station(socket_path)
    except NoStationError:
        if not (directory / FILE).exists():
            return None

        def done() -> dict[str, object]:
            with shelf_of(directory) as shelf:
                return here(shelf)

        answer = or_end(done)
    except LocalError as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None
    else:
        try:
            for request in requests:
                answer = station.ask(**request)
        except LocalError as error:
            click.echo(str(error), err=True)
            raise SystemExit(1) from None
        finally:
            station.close()
    if "error" in answer:
        click.echo(str(answer["error"]), err=True)
        raise SystemExit(1)
    return answer


def or_end(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 (what was asked)
    """Return what `ask` returns; end the command with code and hint when the store can't be used."""
    from agent.store import StoreError

    try:
        return ask()
    except StoreError as error:
        click.echo(f"{error.detail} {error.hint} ({error.code})", err=True)
        raise SystemExit(1) from None
