"""`packbench demo`: a shift in a minute on simulated hardware, with an audit at its end."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import click


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("demo-out"), show_default=True,
              help="Where pictures, logs and databases go; emptied first.")
@click.option("--speed", default=6.0, show_default=True, help="Bench seconds per real second.")
def demo(out: Path, speed: float) -> None:
    """Pack a dozen boxes on simulated hardware, with everything that can go wrong, and audit the result.

    The real agent runs against a real broker, a small OMS and the simulated bench, each a process of its own.
    Exit code 1 when anything was lost, doubled or wrong.
    """
    from agent.demo.audit import audit
    from agent.demo.broker import BrokerError
    from agent.demo.packer import StuckError
    from agent.demo.shift import Demo, play

    root = out.resolve()
    if (root / "station.toml").exists() or not any(root.glob("*")):
        shutil.rmtree(root, ignore_errors=True)
    else:
        raise click.UsageError(f"{out} holds other things; name an empty folder with --out.")
    root.mkdir(parents=True)
    click.echo(f"packbench demo: one station at {speed:g} times life speed; pictures in {out}")
    shift = Demo(root, speed, click.echo)
    try:
        shift.start()
        play(shift)
        shift.settle()
        result = audit(shift)
    except (BrokerError, StuckError) as error:
        click.echo(f"The demo stopped: {error} Logs are in {out}.", err=True)
        raise SystemExit(1) from None
    finally:
        shift.close()
    frames = draw_frames(root, result.photos)
    click.echo("\nAudit of the bench's journal, the OMS's database and the printed pages")
    for line in result.lines():
        click.echo(f"  {line}")
    click.echo(f"  took {time.monotonic() - shift.began_s:.0f} s; labels and slips in {out}/bench/printed, "
               f"{frames} frames with what was read in {out}/frames")
    click.echo("PASSED: nothing lost, nothing doubled." if result.passed else "FAILED.")
    sys.exit(0 if result.passed else 1)


def draw_frames(root: Path, photos: list[str]) -> int:
    """Draw what was read into each closed parcel's frame; return how many there are."""
    found = [path for name in photos if (path := root / "station" / "photos" / f"{name}.jpg").exists()]
    words = [sys.executable, "-I", "-m", "agent", "barcode", "read", "--budget-s", "0.2", "--draw", "frames"]
    readers = [subprocess.Popen([*words, *half], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
               for half in (found[::2], found[1::2]) if half]  # the shift is over: both processors are free
    for reader in readers:
        reader.wait()
    return len(found)
