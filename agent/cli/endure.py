"""`packbench endure`: box after box with faults between them, and a report with curves."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--boxes", default=300, show_default=True, type=click.IntRange(min=1))
@click.option("--speed", default=8.0, show_default=True, help="Bench seconds per real second.")
@click.option("--seed", default=1, show_default=True, help="The same faults come with the same seed.")
def endure(out: Path, boxes: int, speed: float, seed: int) -> None:
    """Pack box after box on simulated hardware, a fault with every third, and write OUT/report.html.

    The agent's memory, files, threads and database are noted after each box. Exit code 1 when anything was lost,
    doubled or wrong, a packer waited in vain, or the agent held more in the end.
    """
    from agent.demo import endurance_report
    from agent.demo.audit import audit
    from agent.demo.broker import BrokerError
    from agent.demo.endurance import endure as pack_all
    from agent.demo.packer import StuckError
    from agent.demo.shift import Demo

    root = out.resolve()
    if root.exists() and any(root.iterdir()):
        raise click.UsageError(f"{out} is not empty.")
    root.mkdir(parents=True, exist_ok=True)
    demo = Demo(root, speed, click.echo)
    try:
        run = pack_all(demo, boxes, seed, root / "samples.csv")
        demo.settle()
        found = audit(demo)
    except (BrokerError, StuckError) as error:
        click.echo(f"The run stopped: {error} Logs are in {out}.", err=True)
        sys.exit(1)
    finally:
        demo.close()
    rows = endurance_report.read(root / "samples.csv")
    (root / "report.html").write_text(endurance_report.page(rows, found.lines(), run.stuck), encoding="utf-8")
    for line in (*found.lines(), *run.stuck):
        click.echo(f"  {line}")
    grown = endurance_report.growths(rows)
    for each in grown:
        click.echo(f"  {each.name}: {each.early:.1f} to {each.late:.1f}{'' if each.held else ' GREW'}")
    click.echo(f"{out}/report.html")
    sys.exit(0 if found.passed and not run.stuck and all(each.held for each in grown) else 1)
