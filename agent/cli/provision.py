"""`packbench provision`: the station's side (key, request, install) and the admin's (invite, accept, renew, revoke)."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from agent.cli.desk import Desk, broker_options, stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.cli.desk import Way

file_argument = click.Path(exists=True, dir_okay=False, path_type=Path)
folder_option = click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("authority"),
                             show_default=True, help="The authority's folder: ca.key, ca.pem, issued/, revoked.pem.")
days_option = click.option("--days", type=click.IntRange(1, 825), default=397, show_default=True,
                           help="For how long the certificate holds.")
tls_option = click.option("--tls", type=click.Path(file_okay=False, path_type=Path), show_default=True,
                          default=Path("/etc/packbench/tls"), help="The station's folder: keys and certificates.")
HEAR_S = 3.0
T = TypeVar("T")


@click.group()
def group() -> None:
    """Give each station a certificate of its own. On the Pi: request, install, show; at the admin's desk: the rest."""


# -- on the Pi --------------------------------------------------------------------------------------------------


@group.command()
@click.argument("station")
@tls_option
@click.option("--no-token", is_flag=True, help="For the broker, admin and oms, whose request goes to `issue`.")
def request(station: str, tls: Path, no_token: bool) -> None:
    """On the Pi: make the key of STATION, which never leaves it, and the request for its certificate.

    Asks for the one-time token that `invite` showed; it is on no command line.
    """
    from agent.fleet import identity
    from agent.fleet.enrolment import proven

    key_file = tls / "station.key"
    if key_file.exists() and (tls / "station.pem").exists():
        stop(2, "identity.key-exists", f"{key_file} has its certificate; to begin anew move both away.")
    token = "" if no_token else click.prompt("The one-time token")
    try:
        if key_file.exists():  # an earlier request was never answered
            asked = identity.request_again(station, _read(key_file))
        else:
            key, asked = identity.request(station)
            _write(key_file, key, secret=True)
    except identity.IdentityError as error:
        stop(2, error.code, error.detail)
    _write(tls / "station.csr", proven(asked, token) if token else asked, over=True)
    click.echo(f"the key is {identity.fingerprint(asked)}")
    click.echo(f"next: carry {tls}/station.csr to the admin, who tells you whether the key is the same;")
    click.echo("then: packbench provision install STATION.pem ca.pem")


@group.command()
@click.argument("certificate", type=file_argument)
@click.argument("ca", type=file_argument)
@tls_option
def install(certificate: Path, ca: Path, tls: Path) -> None:
    """On the Pi: lay down the CERTIFICATE that came back and the authority's own, if they belong to the key here."""
    from agent.fleet import identity

    pem, authority_pem = _read(certificate), _read(ca)
    try:
        name = identity.fits(pem, _read(tls / "station.key"), authority_pem)
    except identity.IdentityError as error:
        stop(2, error.code, error.detail)
    _write(tls / "ca.pem", authority_pem, over=True)
    _write(tls / "station.pem", pem, over=True)
    click.echo(f"{tls}/station.pem: {name}, {identity.days_left(pem, _now()):.0f} days. systemctl restart packbench")


@group.command()
@tls_option
def show(tls: Path) -> None:
    """On the Pi: how far this station is, and for how long its certificate holds."""
    from agent.fleet import identity

    if not (tls / "station.key").exists():
        stop(3, "identity.no-key", f"there is no key in {tls}: packbench provision request STATION")
    if not (tls / "station.pem").exists():
        found = _kept(lambda: identity.fingerprint(_read(tls / "station.csr")))
        stop(3, "identity.pending", f"the request of key {found} waits for the admin's yes.")
    pem = _read(tls / "station.pem")
    try:
        name = identity.fits(pem, _read(tls / "station.key"), _read(tls / "ca.pem"))
    except identity.IdentityError as error:
        stop(3, error.code, error.detail)
    click.echo(f"{name}, key {identity.fingerprint(pem)}, {identity.days_left(pem, _now()):.0f} days left.")


# -- at the admin's desk ----------------------------------------------------------------------------------------


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
@folder_option
def invite(station: str, folder: Path) -> None:
    """Show the one-time token with which STATION may ask; it holds for a week. Tell it to the technician alone."""
    from agent.fleet.enrolment import Enrolment

    token = _kept(lambda: Enrolment(folder).invite(station, _now()))
    click.echo(f"{token}\nnext, on the Pi: sudo packbench provision request {station}")


@group.command()
@click.argument("csr", type=file_argument)
@folder_option
def receive(csr: Path, folder: Path) -> None:
    """Take the request CSR of an invited station: it is pending then, and its token spent."""
    from agent.fleet.enrolment import Enrolment

    found = _kept(lambda: Enrolment(folder).receive(_read(csr), _now()))
    click.echo(f"{found.name} is pending; its key is {found.fingerprint}")
    click.echo(f"next: compare that with what the Pi said; packbench provision accept {found.name}")


@group.command()
@folder_option
def waiting(folder: Path) -> None:
    """List the stations that were invited or are pending."""
    from agent.fleet.enrolment import Enrolment

    for one in _kept(Enrolment(folder).waiting):
        click.echo(f"{one.name:<24} {one.state:<8} {one.fingerprint}".rstrip())


@group.command()
@click.argument("station")
@folder_option
@days_option
def accept(station: str, folder: Path, days: int) -> None:
    """Sign the pending request of STATION."""
    from agent.fleet.enrolment import Enrolment

    enrolment = Enrolment(folder)
    target = _issue(folder, _kept(lambda: enrolment.pending(station)), station, days)
    enrolment.settle(station)
    click.echo(f"{target}: {station}, {days} days. next: carry it and {folder}/ca.pem to the Pi;")
    click.echo("there: sudo packbench provision install STATION.pem ca.pem")


@group.command()
@click.argument("station")
@folder_option
def refuse(station: str, folder: Path) -> None:
    """Throw the pending request of STATION away."""
    from agent.fleet.enrolment import Enrolment

    enrolment = Enrolment(folder)
    _kept(lambda: enrolment.pending(station))
    enrolment.settle(station)
    click.echo(f"the request of {station} is gone; another needs another token.")


@group.command()
@click.argument("csr", type=file_argument)
@click.argument("name")
@folder_option
@days_option
@click.option("--address", "addresses", multiple=True, help="For the broker itself: its host name or IP address.")
@click.option("--service", is_flag=True, help="NAME is admin or oms, which may do more than a station.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: issued/NAME.pem")
def issue(
    csr: Path, name: str, folder: Path, days: int, addresses: tuple[str, ...], service: bool, out: Path | None,
) -> None:
    """Sign a request that lies on this desk, without a token: for the broker, admin and oms."""
    target = _issue(folder, _read(csr), name, days, addresses=addresses, reserved=service, out=out)
    click.echo(f"{target}: {name}, {days} days.")


@group.command()
@click.argument("stations", nargs=-1)
@folder_option
@days_option
@broker_options
def renew(way: Way, stations: tuple[str, ...], folder: Path, days: int) -> None:
    """Sign and send the next certificate of STATIONS, or of all that ask, over the broker.

    A station asks when two thirds of its certificate's life are over. Only a key that was accepted before gets another.
    """
    from agent.messages import topics

    failed = False
    with Desk(way) as desk:
        desk.listen(*(topics.station(one, "cfg/reported") for one in stations or ("+",)),
                    topics.station("+", "cmd/certificate/rsp"))
        asking, silent = {}, set(stations)
        for topic, payload, _ in desk.heard(time.monotonic() + HEAR_S):
            name = topic.split("/")[3]
            silent.discard(name)
            if pem := _asked(payload):
                asking[name] = pem
            if stations and not silent:
                break
        for name, pem in sorted(asking.items()):
            failed |= not _renew(desk, folder, days, name, pem.encode())
    for name in stations:
        if name not in asking:
            click.echo(f"{name} does not ask; packbench config show {name} tells until when it holds.")
    if not asking:
        click.echo("no station asks for a certificate.")
    raise SystemExit(1 if failed else 0)


@group.command()
@click.argument("who", nargs=-1, required=True, metavar="NAME|FILE...")
@folder_option
def revoke(who: tuple[str, ...], folder: Path) -> None:
    """Take certificates back: stations by NAME, or certificates by FILE. What was taken back before stays so."""
    from agent.fleet import identity

    taken, authority_key, authority_pem = folder / "revoked", _read(folder / "ca.key"), _read(folder / "ca.pem")
    taken.mkdir(exist_ok=True)
    for one in who:
        path = Path(one) if Path(one).is_file() else folder / "issued" / f"{one}.pem"
        pem = _read(path)
        (taken / f"{_kept(partial(identity.serial, pem))}.pem").write_bytes(pem)
        if path.parent == folder / "issued":
            path.unlink()  # a key that was taken back is not renewed
    pems = [path.read_bytes() for path in sorted(taken.glob("*.pem"))]
    (folder / "revoked.pem").write_bytes(
        identity.revoked(pems, authority_key, authority_pem, _now()))
    click.echo(f"{folder}/revoked.pem: {len(pems)} taken back. next: copy it to the broker's /etc/mosquitto/tls;")
    click.echo("there: systemctl restart mosquitto (a reload would leave the connections of before open)")


def _asked(payload: bytes) -> str:
    """Return the request in a station's report; empty where it asks for nothing."""
    try:
        return str(json.loads(payload)["certificate"]["asks"])
    except (ValueError, KeyError, TypeError):
        return ""


def _renew(desk: Desk, folder: Path, days: int, name: str, asked: bytes) -> bool:
    """Sign and send one station's next certificate; return whether it took it."""
    from agent.fleet import identity
    from agent.messages import topics

    issued = folder / "issued" / f"{name}.pem"
    try:
        if not issued.exists() or identity.fingerprint(issued.read_bytes()) != identity.fingerprint(asked):
            click.echo(f"{name}: this key was never accepted here, or was taken back. (identity.other-key)")
            return False
        pem = identity.issue(asked, _read(folder / "ca.key"), _read(folder / "ca.pem"), _now(), name=name, days=days)
    except identity.IdentityError as error:  # what one station asks ends no other one's renewal
        click.echo(f"{name}: {error.detail} ({error.code})")
        return False
    cid = f"renew-{secrets.token_hex(8)}"
    body = {"cid": cid, "exp": int(time.time()) + 60, "pem": pem.decode()}
    desk.say(topics.station(name, "cmd/certificate/req"), json.dumps(body).encode())
    answer = desk.answer(cid, time.monotonic() + 15)
    if answer is None:
        click.echo(f"{name}: no answer in 15 s. (command.no-answer)")
        return False
    click.echo(f"{name}: {answer.text} ({answer.code})")
    if answer.state == "done":
        new = issued.with_suffix(".new")
        _write(new, pem, over=True)
        new.replace(issued)
    return answer.state == "done"


def _issue(
    folder: Path, asked: bytes, name: str, days: int, *, addresses: tuple[str, ...] = (), reserved: bool = False,
    out: Path | None = None,
) -> Path:
    """Sign a request; return where the certificate is."""
    from agent.fleet import identity

    certificate = _kept(lambda: identity.issue(
        asked, _read(folder / "ca.key"), _read(folder / "ca.pem"), _now(), name=name, days=days, addresses=addresses,
        reserved=reserved))
    target = out or folder / "issued" / f"{name}.pem"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(certificate)
    return target


def _kept(call: Callable[[], T]) -> T:
    """Return what a call returns; end the command with what an IdentityError or OSError says."""
    from agent.fleet.identity import IdentityError

    try:
        return call()
    except IdentityError as error:
        stop(2, error.code, error.detail)
    except OSError as error:
        stop(1, "identity.no-file", f"{error.filename}: {error.strerror}.")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        stop(1, "identity.no-file", f"{path}: {error.strerror}.")


def _write(path: Path, content: bytes, *, secret: bool = False, over: bool = False) -> None:
    """Write a file; a secret one for its owner alone. Never over one that is there, unless told so."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if over else os.O_EXCL)
        descriptor = os.open(path, flags, 0o600 if secret else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        stop(1, "identity.not-written", f"{path}: {error.strerror}.")
