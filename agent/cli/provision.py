"""`packbench provision`: the station's side (key and request) and the authority's side (issue, take back)."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

import click

from agent.cli.desk import stop

file_argument = click.Path(exists=True, dir_okay=False, path_type=Path)
folder_option = click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("authority"),
                             show_default=True, help="The authority's folder: ca.key, ca.pem, issued/, revoked.pem.")


@click.group()
def group() -> None:
    """Give each station a certificate of its own: request on the Pi, issue at the admin's desk."""


@group.command()
@folder_option
def authority(folder: Path) -> None:
    """Make the fleet's certificate authority, once. Keep its folder off every station and broker."""
    from agent.fleet import identity

    key, certificate = identity.authority(_now())
    _write(folder / "ca.key", key, secret=True)
    _write(folder / "ca.pem", certificate)
    _write(folder / "revoked.pem", identity.revoked([], key, certificate, _now()))
    click.echo(f"{folder}/ca.pem goes to each station and to the broker, revoked.pem to the broker, ca.key nowhere.")


@group.command()
@click.argument("station")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("/etc/packbench/tls"),
              show_default=True, help="Where station.key and station.csr are written.")
def request(station: str, out: Path) -> None:
    """On the Pi: make the key of STATION, which never leaves it, and the request for its certificate."""
    from agent.fleet import identity

    try:
        key, asked = identity.request(station)
    except identity.IdentityError as error:
        stop(2, error.code, error.detail)
    _write(out / "station.key", key, secret=True)
    _write(out / "station.csr", asked)
    click.echo(f"Carry {out}/station.csr to the admin; bring station.pem and ca.pem back into {out}.")


@group.command()
@click.argument("csr", type=file_argument)
@click.argument("name")
@folder_option
@click.option("--days", type=click.IntRange(1, 825), default=397, show_default=True, help="For how long it holds.")
@click.option("--address", "addresses", multiple=True, help="For the broker itself: its host name or IP address.")
@click.option("--service", is_flag=True, help="NAME is admin or oms, which may do more than a station.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: issued/NAME.pem")
def issue(
    csr: Path, name: str, folder: Path, days: int, addresses: tuple[str, ...], service: bool, out: Path | None,
) -> None:
    """At the admin's desk: accept the request CSR, if it is that of NAME."""
    from agent.fleet import identity

    try:
        certificate = identity.issue(
            csr.read_bytes(), _read(folder / "ca.key"), _read(folder / "ca.pem"), _now(), name=name, days=days,
            addresses=addresses, reserved=service)
    except identity.IdentityError as error:
        stop(2, error.code, error.detail)
    target = out or folder / "issued" / f"{name}.pem"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(certificate)
    click.echo(f"{target}: {name}, {days} days.")


@group.command()
@click.argument("certificates", type=file_argument, nargs=-1, required=True)
@folder_option
def revoke(certificates: tuple[Path, ...], folder: Path) -> None:
    """Take certificates back: all that are named, every time. Copy revoked.pem to the broker and reload it."""
    from agent.fleet import identity

    try:
        taken = identity.revoked([path.read_bytes() for path in certificates], _read(folder / "ca.key"),
                                 _read(folder / "ca.pem"), _now())
    except ValueError as error:
        stop(2, "identity.unreadable", f"one of the files is no certificate: {error}.")
    (folder / "revoked.pem").write_bytes(taken)
    click.echo(f"{folder}/revoked.pem: {len(certificates)} taken back.")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        stop(1, "identity.no-file", f"{path}: {error.strerror}.")


def _write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Write a new file; a secret one for its owner alone. Never over one that is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        click.echo(f"{path}: {error.strerror}. (identity.not-written)", err=True)
        sys.exit(1)
