"""`packbench bundle`: one file that helps to find a fault, and holds no secret and no customer."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import click

from agent.cli.desk import stop
from agent.cli.station import SETTINGS, socket_option

# What matters to a fault, and is not ours.
LIBRARIES = ("paho-mqtt", "msgspec", "Pillow", "zxing-cpp", "opencv-python-headless", "numpy", "cryptography")


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), default=Path(SETTINGS), show_default=True,
              help="The station's settings.")
@socket_option
def bundle(out: Path, config: Path, socket_path: Path) -> None:
    """Write a support bundle to OUT (a ZIP file): settings, status, configuration, doctor, versions.

    Only values that are known to be no secret and no person's get in. It works without the daemon, too.
    """
    import platform

    from agent import __version__
    from agent.fleet.bundle import pack
    from agent.fleet.doctor import examine
    from firmware_config.settings import ConfigError, load

    try:
        settings = load(config)
    except ConfigError as error:
        for one in error.problems:
            click.echo(f"{error.source}: {one.key}: {one.text} ({one.code})", err=True)
        raise SystemExit(2) from None
    status, reported = _ask(socket_path)
    findings = [(one.code, one.level, one.text) for one in examine(Path("/"), settings)]
    versions = {"packbench": __version__, "python": platform.python_version(), "machine": platform.machine(),
                **{name: _version(name) for name in LIBRARIES}}
    try:
        out.write_bytes(pack(settings, status, reported, findings, versions))
    except OSError as error:
        stop(1, "bundle.not-written", f"{out}: {error.strerror}.")
    click.echo(f"{out}: {out.stat().st_size} bytes{'' if status else '; no station answered, so without its status'}.")


def _ask(socket_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the daemon's status and its configuration; both empty while none runs."""
    from agent.local import LocalError, Station

    try:
        station = Station(socket_path)
        try:
            status: dict[str, Any] = station.ask("status")
            reported: Any = station.ask("config")["reported"]
        finally:
            station.close()
    except LocalError:
        return {}, {}
    return status, reported


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
