"""`packbench config`: keys, signed layers, pushing them and hearing who applied, held, failed and why."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from agent.cli.desk import Desk, broker_options, stop
from agent.cli.station import socket_option

if TYPE_CHECKING:
    from agent.cli.desk import Way

FINAL = ("applied", "failed")
HOLDS = ("held", "pending", "trial")
file_argument = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def group() -> None:
    """Sign, push and explain configuration layers: fleet < site < station < nothing else."""


@group.command()
@click.argument("key_id")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), show_default=True)
def keygen(key_id: str, folder: Path) -> None:
    """Make a key named KEY_ID: KEY_ID.key stays with the admin, KEY_ID.pub goes into each station's [fleet] keys."""
    from agent.fleet.signing import make_key

    private, public = make_key()
    secret = folder / f"{key_id}.key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(secret, "xb", opener=_private) as file:
            file.write(private)
        (folder / f"{key_id}.pub").write_bytes(public)
    except FileExistsError:
        stop(2, "config.key-exists", f"{secret} is there already; a key is never overwritten.")
    except OSError as error:
        stop(1, "config.key-unwritten", f"{error.filename}: {error.strerror}.")
    click.echo(f"{secret}: keep it off the stations. {key_id}.pub: copy it into /etc/packbench/config-keys of each.")


@group.command()
@click.argument("body", type=file_argument)
@click.option("--key", "key_file", type=file_argument, required=True, help="The private key; its name is the key id.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: BODY.signed")
def sign(body: Path, key_file: Path, out: Path | None) -> None:
    """Check BODY, a JSON file, as a station would, and sign it.

    BODY is {"scope": "site/ams1", "rev": 8, "exp": 1795999999, "stable": {"camera": {"rate_hz": 5}}}: for whom (fleet,
    site/ID or station/ID), a number above the last one's, until when it may be taken (seconds since 1970), and the keys
    of station.toml that change. `config explain KEY` says what a key means.
    """
    from agent.fleet.signing import sign as signed
    from firmware_config.settings import ConfigError

    try:
        read = _body(body)
        wrapper = signed(body.read_bytes(), key_file.stem, key_file.read_bytes())
    except ConfigError as error:
        _problems(error)
    except ValueError as error:
        stop(2, "config.key", f"{key_file}: {error}.")
    target = out or body.with_name(body.name + ".signed")
    target.write_bytes(wrapper)
    click.echo(f"{target}: revision {read.rev} for {read.scope}, signed by {key_file.stem}.")


@group.command()
@click.argument("signed", type=file_argument)
@broker_options
@click.option("--station", "stations", multiple=True,
              help="Wait for this station; may be given several times. Without it: for all that answer.")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=90.0, show_default=True,
              help="Seconds to wait for answers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a station.")
def push(way: Way, signed: Path, stations: tuple[str, ...], wait_s: float, as_json: bool) -> None:
    """Push a signed layer, wait for the stations' answers, print who applied, held, failed and why.

    Exit code 0: all applied; 3: some still hold it for a job boundary; 1: some failed, refused or did not answer.
    """
    import hashlib

    from agent.messages import topics

    wrapper = signed.read_bytes()
    scope, rev = _scope_of(wrapper)
    answers: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    with Desk(way) as desk:
        desk.listen(topics.station("+", "cfg/reported"))
        desk.say(topics.config(scope), wrapper, retain=True)
        mark = hashlib.sha256(wrapper).hexdigest()
        for topic, payload, retained in desk.heard(time.monotonic() + wait_s):
            if retained:  # what it said before this push
                continue
            station = topic.split("/")[3]
            verdict = _verdict(payload, scope, rev, mark)
            if verdict is None or (stations and station not in stations):
                continue
            if answers.get(station, ("",))[0] != verdict[0] and not as_json:
                click.echo(_line(station, verdict))
            answers[station] = verdict
            if stations and all(answers.get(one, ("",))[0] in (*FINAL, "refused") for one in stations):
                break
    for station in stations:
        answers.setdefault(station, ("no answer", []))
    if as_json:
        for station, (state, why) in sorted(answers.items()):
            click.echo(json.dumps({"station": station, "state": state, "why": why}))
    _close(answers)


def _close(answers: dict[str, tuple[str, list[dict[str, Any]]]]) -> None:
    """Say the sum and end with its exit code."""
    states = [state for state, _ in answers.values()]
    click.echo(", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "no station answered",
               err=True)
    if not states or any(state not in ("applied", *HOLDS) for state in states):
        sys.exit(1)
    sys.exit(3 if any(state in HOLDS for state in states) else 0)


@group.command()
@click.argument("station")
@broker_options
@click.option("--json", "as_json", is_flag=True, help="The document as it is.")
def show(way: Way, station: str, as_json: bool) -> None:
    """Show what STATION reports: what is wanted, what runs, and why not."""
    from agent.messages import topics

    with Desk(way) as desk:
        desk.listen(topics.station(station, "cfg/reported"))
        found = next((payload for _, payload, _ in desk.heard(time.monotonic() + 3.0)), None)
    if found is None:
        stop(1, "config.nothing-reported", f"{station} has never said anything of its configuration at this broker.")
    report = json.loads(found)
    click.echo(json.dumps(report) if as_json else _report(report))
    sys.exit(0 if report["state"] in ("applied", "off") else 3)


@group.command()
@click.argument("layer", type=file_argument)
@broker_options
def diff(way: Way, layer: Path) -> None:
    """Say what LAYER (signed or not) would change against what is pushed for the same scope now."""
    from agent.fleet.signing import MAX_BYTES
    from agent.messages import topics

    wrapper = layer.read_bytes()[:MAX_BYTES + 1]
    new = _unsigned(wrapper)
    with Desk(way) as desk:
        desk.listen(topics.config(str(new.get("scope"))))
        found = next((payload for _, payload, _ in desk.heard(time.monotonic() + 1.0)), b"")
    before, after = dict(_leaves(_unsigned(found))) if found else {}, dict(_leaves(new))
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    for key in changed:
        click.echo(f"{key}: {before.get(key, 'not said')} -> {after.get(key, 'not said')}")
    if not changed:
        click.echo("nothing changes.")


@group.command()
@click.argument("key", default="")
@socket_option
@click.option("--json", "as_json", is_flag=True, help="The whole answer for machines.")
def explain(key: str, socket_path: Path, as_json: bool) -> None:
    """Say what KEY (such as printer.media) is on this station, and which layers say so; without KEY, how it stands."""
    from agent.local import LocalError, Station

    try:
        station = Station(socket_path)
        try:
            answer: dict[str, Any] = station.ask("config", key=key)
        finally:
            station.close()
    except LocalError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(answer))
        return
    if not key:
        click.echo(_report(answer["reported"]))
        return
    click.echo(f"{key} = {json.dumps(answer['value'])}")
    click.echo(f"  station's own file: {json.dumps(answer['local'])}")
    for row in answer["layers"]:
        click.echo(f"  {row['layer']} revision {row['rev']}: {json.dumps(row['value'])}")


def _private(path: str, flags: int) -> int:
    import os

    return os.open(path, flags, 0o600)


def _body(path: Path) -> Any:  # noqa: ANN401 (agent.fleet.layers.Body, which is imported late)
    """Return the body in a file. Raises ConfigError with all that a station would say of it by itself."""
    from agent.fleet.layers import Body, Candidate, forbidden
    from agent.fleet.signing import strict_json
    from firmware_config.settings import ConfigError, Problem, read_section

    problems: list[Problem] = []
    body = read_section(Body, strict_json(path.read_bytes(), str(path)), "", problems)
    if body is not None:
        problems += forbidden(body.stable, "stable")
        if body.candidate is not None:
            candidate = read_section(Candidate, body.candidate, "candidate", problems)
            problems += forbidden(candidate.body, "candidate.body") if candidate is not None else []
        if body.exp < time.time():
            problems.append(Problem("exp", "config.expired", "it has expired already."))
    if problems:
        raise ConfigError(str(path), problems)
    return body


def _problems(error: Any) -> NoReturn:  # noqa: ANN401 (ConfigError, which is imported late)
    for one in error.problems:
        click.echo(f"{error.source}: {one.key}: {one.text} ({one.code})", err=True)
    sys.exit(2)


def _unsigned(wrapper: bytes) -> dict[str, Any]:
    """Return the body in a wrapper, or the body itself; the signature is the stations' business."""
    import base64
    import binascii

    from agent.fleet.signing import strict_json
    from firmware_config.settings import ConfigError

    try:
        outer = strict_json(wrapper, "layer")
        return strict_json(base64.b64decode(outer["p"]), "layer") if "p" in outer else outer
    except ConfigError as error:
        _problems(error)
    except (binascii.Error, TypeError):
        stop(2, "config.wrapper", "it is neither a layer nor a signed one.")


def _scope_of(wrapper: bytes) -> tuple[str, int]:
    body = _unsigned(wrapper)
    scope, rev = body.get("scope"), body.get("rev")
    if not isinstance(scope, str) or not isinstance(rev, int):
        stop(2, "config.scope", "the layer has no scope and revision.")
    return scope, rev


def _verdict(payload: bytes, scope: str, rev: int, mark: str) -> tuple[str, list[dict[str, Any]]] | None:
    """Return (state, why) when a station's report speaks of this push, else None."""
    try:
        report = json.loads(payload)
        refused = report["refused"].get(scope, {})
        if refused.get("sha256") == mark:
            return "refused", refused["faults"]
        if report["want"].get(scope) == rev:
            return report["state"], report["errors"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # not one of our stations
    return None


def _line(station: str, verdict: tuple[str, list[dict[str, Any]]]) -> str:
    state, why = verdict
    return "\n".join([f"{station:<16} {state}", *(f"    {one['key']}: {one['text']} ({one['code']})" for one in why)])


def _report(report: dict[str, Any]) -> str:
    since = "" if report["state"] == "off" else f" since {report['since']}"
    lines = [f"{report['state']}{since}, agent {report['agent']}",
             f"wanted: {report['want'] or 'nothing'}   runs: {report['have'] or 'nothing'}"]
    if report["candidate"]:
        lines.append(f"takes part in: {report['candidate']}")
    lines += [f"{one['key']}: {one['text']} ({one['code']})" for one in report["errors"]]
    for scope, refused in report["refused"].items():
        lines += [f"refused for {scope}: {one['key']}: {one['text']} ({one['code']})" for one in refused["faults"]]
    lines += [f"{scope}: its topic was emptied; what was signed last stays" for scope in report["cleared"]]
    lines.append(f"trusted keys: {', '.join(report['keys']) or 'none, no push is taken'}")
    return "\n".join(lines)


def _leaves(value: object, key: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict) and value:
        return [leaf for name, inner in value.items() for leaf in _leaves(inner, f"{key}.{name}" if key else name)]
    return [(key, value)]
