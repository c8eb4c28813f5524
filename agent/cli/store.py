"""`packbench store`: check the database, save what can be read of a damaged one, export it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import click

DIRECTORY = click.option("--directory", type=click.Path(file_okay=False, path_type=Path),
                         default=Path("/var/lib/packbench"), show_default=True, help="The station's state directory.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def group() -> None:
    """Look after packbench.db."""


@group.command()
@DIRECTORY
@JSON
def check(directory: Path, as_json: bool) -> None:
    """Check file and rows; exit code 3 when something is damaged. The station may run meanwhile."""
    import msgspec

    from agent.store.care import check as look
    from agent.store.opening import FILE

    findings = look(directory / FILE)
    if as_json:
        click.echo(json.dumps({"findings": msgspec.to_builtins(findings)}))
    else:
        for finding in findings:
            click.echo(f"{finding.code}: {finding.table + ': ' if finding.table else ''}{finding.detail}")
        missing = any(finding.code == "store.missing" for finding in findings)
        click.echo("Every row is what was written." if not findings else
                   "Name the state directory with --directory." if missing else
                   "Stop the station, then run `packbench store salvage`: what can be read is kept.")
    if findings:
        raise SystemExit(1 if findings[0].code == "store.missing" else 3)


@group.command()
@DIRECTORY
@click.option("--station", required=True, help="The station's id, as in its settings.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
def salvage(directory: Path, station: str, yes: bool, as_json: bool) -> None:
    """Move a damaged database aside and save what can be read of it, unconfirmed facts first."""
    import msgspec

    from agent.store import StoreError
    from agent.store.care import salvage as save

    if not yes:
        click.confirm("The database is replaced by what can be read of it; the old file is kept. Go on?", abort=True)
    try:
        saved = save(directory, station=station)
    except StoreError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(saved)))
        return
    for table, rows in saved.rows.items():
        click.echo(f"{table:14s} {rows} rows saved")
    click.echo(f"{saved.unsent} facts will still reach the OMS. The broken file is kept as {saved.kept_as}.")


@group.command()
@DIRECTORY
@click.option("--table", "tables", multiple=True, help="Only this table; may be given several times.")
def export(directory: Path, tables: tuple[str, ...]) -> None:
    """Print the rows as JSON lines, for a support case or another program. Addresses are in the job bodies."""
    from sqlite_utils import Database

    from agent.store.opening import FILE

    path = directory / FILE
    if not path.exists():
        raise click.ClickException(f"{path} is not there. Name the state directory with --directory. (store.missing)")
    database = Database(sqlite3.connect(f"file:{path}?mode=ro", uri=True))
    names = database.table_names()
    unknown = set(tables) - set(names)
    if unknown:
        raise click.BadParameter(f"there is no table {', '.join(sorted(unknown))}; there are {', '.join(names)}.")
    try:
        for table in tables or names:
            for row in database.table(table).rows:
                click.echo(json.dumps({"table": table, **{name: _plain(value) for name, value in row.items()}}))
    except sqlite3.DatabaseError as error:
        raise click.ClickException(f"{error}. Run `packbench store check`. (store.damaged)") from error
    finally:
        database.close()


def _plain(value: object) -> object:
    """Return a column as JSON can say it: bodies are JSON themselves, hashes are hexadecimal."""
    if not isinstance(value, bytes):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value.hex()
