"""`packbench check broker`: which delivery guarantees a broker keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("url")
@click.option("--username", default="", help="Where the broker wants one.")
@click.option("--password-file", type=FILE, help="The file that holds the password.")
@click.option("--ca-file", type=FILE, help="The certificate authority, for mqtts://.")
@click.option("--cert-file", type=FILE, help="A client certificate.")
@click.option("--key-file", type=FILE, help="Its key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(
    url: str, username: str, password_file: Path | None, ca_file: Path | None, cert_file: Path | None,
    key_file: Path | None, as_json: bool,
) -> None:
    """Probe the broker at URL (mqtt://host:port or mqtts://host:port); exit code 3 when a needed guarantee is missing.

    It takes about ten seconds, and makes its own sessions and topics below pack/v1/probe.
    """
    import msgspec

    from agent.link import Access, LinkError
    from agent.link.probe import probe
    from firmware_config.settings import BROKER_URL

    access = Access(url, "packbench-probe", ca_file, cert_file, key_file, username, password_file)
    if not re.match(BROKER_URL, url):
        raise click.BadParameter(f"{url!r} is no broker's address; write mqtt://host:port or mqtts://host:port.")
    try:
        version, guarantees = probe(access)
    except LinkError as error:
        raise click.ClickException(f"{error.detail} {error.hint} ({error.code})") from error
    missing = [one for one in guarantees if one.needed and not one.kept]
    if as_json:
        click.echo(json.dumps({"url": url, "mqtt": version, "guarantees": msgspec.to_builtins(guarantees)}))
    else:
        click.echo(f"{url}: MQTT {version}")
        for one in guarantees:
            click.echo(f"{'yes' if one.kept else 'NO ' if one.needed else 'no '}  {one.name:20s} {one.words}")
        click.echo(f"Not for jobs: {len(missing)} needed guarantees are missing." if missing else
                   "All that packbench needs is kept. What survives a power cut stands in the broker's settings.")
    if missing:
        raise SystemExit(3)
