"""`packbench simulate-fleet`: what a fleet of N stations costs a broker and itself."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click


@click.command()
@click.argument("stations", type=click.IntRange(1, 2_000))
@click.option("--broker", "url", default="", help="mqtt://host:port; without it, a local broker is started.")
@click.option("--jobs", "jobs_each", type=click.IntRange(1, 1_000), default=5, show_default=True,
              help="Jobs a station.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def simulate_fleet(stations: int, url: str, jobs_each: int, as_json: bool) -> None:
    """Run STATIONS light stations (real link, store and core, no hardware) with a reconnect storm in the middle."""
    import msgspec

    from agent.demo.broker import BrokerError, running_broker
    from agent.demo.fleet import FleetFigures, simulate

    def show(words: str) -> None:
        click.echo(words, err=True)

    try:
        if url:
            figures: FleetFigures = simulate(url, stations, jobs_each, show=show)
        else:
            with tempfile.TemporaryDirectory() as folder, running_broker(Path(folder), "mosquitto") as broker:
                figures = simulate(broker.url, stations, jobs_each, show=show)
    except (TimeoutError, BrokerError) as error:
        raise click.ClickException(f"{error}. Name a running broker with --broker. (fleet.no-broker)") from error
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(figures)))
    else:
        for name, value in msgspec.to_builtins(figures).items():
            click.echo(f"{name:24s} {value}")
    if figures.lost or figures.doubled:
        raise SystemExit(3)
