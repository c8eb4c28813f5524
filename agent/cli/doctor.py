"""`packbench doctor`: what is wrong with this machine as a station, and how to mend it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.option("--config", type=click.Path(path_type=Path), default=Path("/etc/packbench/station.toml"),
              show_default=True, help="The station's file; its devices are looked for.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
def doctor(config: Path, as_json: bool) -> None:
    """Look at supply, card, disk, clock, rights, devices, libraries and packages; change nothing.

    Exits 0 when nothing is bad, 3 when something is.
    """
    from agent.fleet.doctor import Finding, examine
    from firmware_config.settings import ConfigError, load

    findings = []
    try:
        settings = load(config)
    except ConfigError as error:
        settings = None
        findings = [Finding(p.code, "bad", f"{error.source}: {p.key}: {p.text}", "packbench init writes a first file.")
                    for p in error.problems]
    findings += examine(Path("/"), settings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.level:<5} {finding.code:<24} {finding.text}")
            if finding.level != "ok":
                click.echo(f"{'':<30} -> {finding.mend}")
    sys.exit(3 if any(finding.level == "bad" for finding in findings) else 0)
