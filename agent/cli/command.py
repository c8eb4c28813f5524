"""`packbench command`: ask a station of the fleet to do one thing, and wait for its answer."""

from __future__ import annotations

import json
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

import click

from agent.cli.desk import Desk, broker_options, stop

if TYPE_CHECKING:
    from agent.cli.desk import Way
    from agent.fleet.commands import Answer


@click.command()
@click.argument("station")
@click.argument("name")
@click.argument("words", nargs=-1)
@broker_options
@click.option("--wait", "wait_s", type=click.FloatRange(min=0.1), default=15.0, show_default=True,
              help="Seconds to wait for the answer; the request expires with it.")
@click.option("--cid", default="", help="The correlation id of a request that is asked again; a new one without it.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer for machines.")
def command(
    way: Way, station: str, name: str, words: tuple[str, ...], wait_s: float, cid: str, as_json: bool,
) -> None:
    """Let STATION do NAME: identify, print-test, reprint, status, bundle, reload, drain or upgrade.

    WORDS are KEY=VALUE, such as seconds=60, role=slip, parcel=J-17/1, on=false, release=1.5.0.tar.
    """
    from agent.fleet.commands import NAMES, read_request
    from agent.messages import topics
    from firmware_config.settings import ConfigError

    if name not in NAMES:
        stop(2, "command.unknown", f"there is no command {name}; there are {', '.join(NAMES)}.")
    cid = cid or f"cli-{secrets.token_hex(8)}"
    asked = {"cid": cid, "exp": int(time.time() + wait_s) + 1, **dict(_word(word) for word in words)}
    payload, answers = json.dumps(asked).encode(), topics.station(station, f"cmd/{name}/rsp")
    try:
        read_request(name, payload, retained=False, reply="", topic=answers, wall_s=None)
    except ConfigError as error:
        for one in error.problems:
            click.echo(f"{one.key}: {one.text} ({one.code})", err=True)
        sys.exit(2)
    with Desk(way) as desk:
        desk.listen(answers)
        desk.say(topics.station(station, f"cmd/{name}/req"), payload)
        answer = desk.answer(cid, time.monotonic() + wait_s)
    if answer is not None:
        _show(answer, as_json)
    stop(1, "command.no-answer", f"{station} has not answered in {wait_s:g} s; the request has expired by now.")


def _word(word: str) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if not equals:
        stop(2, "command.word", f"{word!r} is not KEY=VALUE.")
    try:
        return key, json.loads(text)
    except ValueError:
        return key, text


def _show(answer: Answer, as_json: bool) -> NoReturn:
    from agent.fleet.commands import payload_of

    if as_json:
        click.echo(payload_of(answer).decode())
    else:
        click.echo(f"{answer.state}: {answer.text} ({answer.code})")
        for key, value in answer.found.items():
            click.echo(f"  {key}: {json.dumps(value, ensure_ascii=False)}")
    sys.exit(0 if answer.state == "done" else 1)
