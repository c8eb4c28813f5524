"""`packbench carton import` and `clearance`: cartons and SKUs into the station's store, and what did not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.station import socket_option
from agent.cli.store import DIRECTORY, JSON

if TYPE_CHECKING:
    from agent.packing.master import Imported
    from agent.packing.model import PackedCarton
    from agent.store.shelf import Shelf

REQUEST_BYTES = 12_000
"""About how much of a catalogue goes in one request: the station reads no line over 16 kB."""


def load_json(path: Path) -> object:
    """Return the JSON of a file; a clear usage error when it can't be read or is none."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, ValueError) as fault:
        msg = f"{path}: {fault}"
        raise click.UsageError(msg) from None
    return found


@click.command(name="import")
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--check", is_flag=True, help="Only read and report; keep nothing.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Write the cartons as a catalogue file for `carton suggest` instead.")
@click.option("--name", default="site", show_default=True, help="The catalogue's id in --out.")
@socket_option
@DIRECTORY
@JSON
def import_(
    source: Path, *, check: bool, out: Path | None, name: str, socket_path: Path, directory: Path, as_json: bool,
) -> None:
    """Take cartons, SKUs, tares and prices from a CSV or JSON file into the station, over those of the same names.

    Rows whose units are unnamed, mixed or impossible are refused; what is left empty is unknown, never zero. A job that
    is being packed keeps its carton. Exit 0: all rows are good. 1: some were refused (the others stand), or nothing
    could be kept. 2: the file can't be used.
    """
    read = _read(source)
    cartons = [{"id": one.id, "inner": list(one.inner_mm), "outer": list(one.outer_mm), "tare_g": one.tare_g,
                "max_weight_g": one.max_gross_g, "cost": one.cost_cents,
                **({} if one.stock is None else {"stock": one.stock})} for one in read.cartons]
    kept = "nothing was kept"
    if out is not None:
        out.write_text(json.dumps({"catalogues": [{"id": name, "cartons": cartons}]}, indent=1), encoding="utf-8")
        kept = f"written to {out}"
    elif not check:
        kept = _keep(read, socket_path, directory)
    if as_json:
        skus = [{"sku": one.sku, "barcodes": list(one.barcodes), "dims_mm": one.dims_mm and list(one.dims_mm),
                 "weight_g": one.weight_g, "upright": one.upright, "max_load_g": one.max_load_g} for one in read.skus]
        refused = [{"row": one.row, "code": one.reason.code, "sentence": one.reason.sentence} for one in read.refused]
        click.echo(json.dumps({"cartons": cartons, "skus": skus, "refused": refused, "kept": kept}))
    else:
        unknown = sum(one.weight_g is None or one.dims_mm is None for one in read.skus)
        click.echo(f"{len(read.cartons)} cartons, {len(read.skus)} SKUs ({unknown} with unknown size or weight), "
                   f"{len(read.refused)} rows refused; {kept}")
        for one in read.refused:
            click.echo(f"row {one.row}: {one.reason.sentence} [{one.reason.code}]")
    if read.refused:
        raise SystemExit(1)


def _read(source: Path) -> Imported:
    """Return what a file holds; a usage error when it can't be used."""
    from agent.packing.master import from_csv, from_json
    from agent.packing.units import UnitError

    try:
        if source.suffix.lower() == ".json":
            return from_json(load_json(source))
        return from_csv(source.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as fault:
        raise click.UsageError(f"{source}: {fault}") from None
    except UnitError as fault:
        raise click.UsageError(f"{source}: {fault} [{fault.code}]") from None


def _keep(read: Imported, socket_path: Path, directory: Path) -> str:
    """Give the good rows to the running station, or put them into its store; say where they are."""
    from agent.cli.weights import told_or_done
    from agent.messages.catalogue import rows_of

    rows = rows_of(read)

    def here(shelf: Shelf) -> dict[str, object]:
        from agent.advice import Advice
        from agent.adviser import keep_rows

        keep_rows(shelf, Advice(shelf.beliefs(), shelf.catalogue()), rows)
        return {"kept": len(rows)}

    requests: list[dict[str, Any]] = []
    room = 0
    for name, body in rows:
        row = [name, body.decode()]
        size = len(json.dumps(row)) + 2
        if size > room:
            requests.append({"ask": "catalogue", "rows": []})
            room = REQUEST_BYTES
        requests[-1]["rows"].append(row)
        room -= size
    if told_or_done(socket_path, directory, requests, here) is None:
        return f"nothing was kept: no station runs behind {socket_path}, and none has its store in {directory}"
    return "the station has them" if rows else "nothing was kept"


def stored_packing(directory: Path, job: str, number: int) -> PackedCarton:
    """Return one carton of what the station suggested for a job; a usage error when its store has none."""
    import msgspec

    from agent.cartons import packed_of
    from agent.cli.weights import or_end
    from agent.station.values import Suggestion
    from agent.store.shelf import read_shelf

    def body() -> bytes:
        with read_shelf(directory) as shelf:
            return shelf.suggestion(job)

    try:
        cartons = msgspec.json.decode(or_end(body), type=Suggestion).cartons
    except msgspec.DecodeError:  # nothing was suggested, or its row is damaged
        cartons = ()
    if not 0 < number <= len(cartons):
        msg = f"the station suggested no carton {number} for job {job}"
        raise click.UsageError(msg)
    return packed_of(cartons[number - 1])


@click.command()
@DIRECTORY
@JSON
def clearance(directory: Path, as_json: bool) -> None:
    """Show what did not fit, and how much room the station gives because of it, in mm an axis."""
    from agent.advice import Advice
    from agent.cli.weights import or_end
    from agent.packing.clearance import carton_room_mm, item_room_mm
    from agent.store.shelf import read_shelf

    def told() -> dict[str, int]:
        with read_shelf(directory) as shelf:
            return Advice(shelf.beliefs()).misfits

    found = []
    for about, misfits in sorted((about, count) for about, count in or_end(told).items() if count):
        kind, _, name = about.partition(":")
        room_mm = carton_room_mm(misfits) if kind == "carton" else item_room_mm(misfits)
        found.append({"kind": kind, "name": name, "misfits": misfits, "room_mm": room_mm})
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for row in found:
        click.echo(f"{row['kind']:8}{row['name']:24} did not fit {row['misfits']} times: {row['room_mm']} mm more room")
    if not found:
        click.echo("Everything fitted.")
