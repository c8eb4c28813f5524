"""`packbench oms`: the small reference OMS against any broker, for integrators to start and watch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--broker", required=True, help="mqtt://host:port")
@click.option("--db", "database", type=click.Path(dir_okay=False, path_type=Path), default=Path("oms.db"),
              show_default=True)
@click.option("--jobs", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A job, or a list of jobs, to assign at the start; may be given several times.")
@click.option("--verdict", type=click.Choice(["release", "repack", "cancel"]),
              help="Answer every held parcel with this.")
@click.option("--seconds", type=float, help="End after this time; without it, at Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print every fact as one line of JSON.")
def oms(
    broker: str, database: Path, jobs: tuple[Path, ...], verdict: str | None, seconds: float | None, as_json: bool,
) -> None:
    """Run the small reference OMS: give jobs, answer every fact with a receipt, print what comes."""
    import threading

    from agent.demo.oms import ReferenceOms
    from firmware_config.settings import BROKER_URL

    if not re.match(BROKER_URL, broker) or broker.startswith("mqtts"):
        raise click.BadParameter(f"{broker!r} is no broker's address; write mqtt://host:port.", param_hint="--broker")

    def show(kind: str, fact: dict[str, Any]) -> None:
        click.echo(json.dumps({"kind": kind, **fact}) if as_json else f"{kind:13s} {_line(fact)}")

    orders = [job for path in jobs for job in _jobs_in(path)]
    system = ReferenceOms(broker, database, verdict_for=(lambda _: verdict) if verdict else None, on_fact=show)
    try:
        system.start()
    except TimeoutError as error:
        hint = "Start a broker there that takes anybody, or name another one."
        raise click.ClickException(f"{error}. {hint} (oms.no-broker)") from error
    for job in orders:
        system.assign(job)
    try:
        threading.Event().wait(seconds)
    except KeyboardInterrupt:
        pass
    finally:
        system.stop()
    summary = system.report()
    click.echo(json.dumps(summary) if as_json else _summary(summary))


def _jobs_in(path: Path) -> list[dict[str, Any]]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise click.BadParameter(f"{path} is not JSON: {error}. Give a job or a list of jobs.") from error
    found = body if isinstance(body, list) else [body]
    for job in found:
        if not isinstance(job, dict) or not {"job", "rev", "station"} <= job.keys():
            raise click.BadParameter(f"{path}: a job needs at least `job`, `rev` and `station`.")
    return found


def _line(fact: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fact.items() if value not in ("", [], {}))


def _summary(summary: dict[str, Any]) -> str:
    states: dict[str, int] = {}
    for job in summary["jobs"].values():
        states[job["state"]] = states.get(job["state"], 0) + 1
    return (f"jobs: {states}  parcels: {len(summary['parcels'])}  facts: {sum(summary['facts'].values())}"
            f"  copies: {summary['copies']}  conflicts: {len(summary['conflicts'])}")
