"""`packbench check scale` for a scale that weighs by itself: what it says, and whether that suffices."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from agent.devices import DeviceError

if TYPE_CHECKING:
    from agent.cli.scale_wire import Wire
    from agent.devices.scale_frames import Reading

OUT_OF_TOLERANCE = 3


def check_instrument(wire: Wire, seconds: float, *, as_json: bool) -> None:
    """Listen for so long and say what came. Exits with 3 when something is to be mended, 1 when nothing can be read."""
    readings: list[Reading] = []
    try:
        with wire.said() as instrument:
            for batch in wire.batches(instrument.read, seconds):
                readings += batch
    except DeviceError as error:
        _stop(error)
    seen = summary(readings, seconds)
    wrong = findings(readings, wire.settings.division_g)
    if as_json:
        click.echo(json.dumps(seen | {"findings": [{"code": one.code, "hint": one.hint} for one in wrong]}))
    else:
        for name, value in seen.items():
            click.echo(f"{name.partition('_')[0]:<10} {value}")
        for one in wrong:
            click.echo(f"{one.code}: {one.detail} {one.hint}")
        click.echo("not well" if wrong else "all well")
    if wrong:
        sys.exit(OUT_OF_TOLERANCE)


def summary(readings: list[Reading], seconds: float) -> dict[str, object]:
    """Return what was said: how often, the last weight and its step, how many said stable or moving, errors."""
    weights = [reading for reading in readings if reading.value is not None]
    last = weights[-1] if weights else None
    return {
        "rate_per_s": round(len(readings) / seconds, 1),
        "weight_g": last.grams if last is not None else None,
        "step_g": last.resolution_g if last is not None else None,
        "unit": last.unit if last is not None else None,
        "marked_stable_or_moving": sum(reading.stable is not None for reading in weights),
        "errors": ", ".join(sorted({reading.error for reading in readings if reading.error})) or "none",
    }


def findings(readings: list[Reading], division_g: float) -> list[DeviceError]:
    """Return what keeps these readings from being weights, or makes them coarser than the settings say."""
    weights = [reading for reading in readings if reading.value is not None]
    found = []
    if not weights:
        found.append(DeviceError("scale.no-weight", "no weight came.",
                                 "Put something on it (many scales sleep), then check protocol and output mode."))
    if any(reading.unit is None for reading in weights):
        found.append(DeviceError("scale.no-unit", "it sends no unit.", "Set [scale] unit to what it shows."))
    if any(reading.mode == "net" for reading in weights):
        found.append(DeviceError("scale.net", "it shows a net weight.", "Empty it and clear its tare."))
    step_g = max((reading.resolution_g or 0.0 for reading in weights), default=0.0)
    if step_g > 1.001 * division_g:
        found.append(DeviceError("scale.coarse", f"its step is {step_g:g} g, the settings say {division_g:g} g.",
                                 "Set [scale] division_g to the step on the scale's plate."))
    return found


def _stop(error: DeviceError) -> NoReturn:
    click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
    sys.exit(1)
