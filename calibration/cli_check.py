"""`packbench calibrate check-weight`: once a shift, one mass on, one line of the scale's own history."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import click

from agent.devices import DeviceError
from calibration.source import Source, scale_options, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 60.0
# Notes of warmth, one in five minutes.
TWO_DAYS = 576


@click.command()
@click.argument("mass", metavar="MASS")
@scale_options
@click.option("--json", "as_json", is_flag=True)
def check_weight(mass: str, as_json: bool, **rest: object) -> None:
    """Put MASS (as 10kg) on the empty scale; its error joins the log and is judged with those before it.

    Exit status 3 when the scale is out of its limit or drifts.
    """
    from calibration.check_weight import judged_checks, zero_and_warmth
    from calibration.masses import from_words

    try:
        source = source_of(rest)
        e_g = source.division_g
        [reference] = from_words([mass])
        gross_g = _weighed(reference.nominal_g, source)
        log = source.directory / "check-weights.jsonl"
        errors_g = [*_errors_before(log, reference.nominal_g), gross_g - reference.nominal_g]
        state = judged_checks(errors_g, reference.nominal_g, e_g)
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "mass_g": reference.nominal_g,
                "error_g": round(errors_g[-1], 3), "verdict": state.verdict}
        with log.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
    except DeviceError as error:
        _stop(error)
    except OSError as error:
        _stop(DeviceError("check-weight.not-written", f"{error.filename}: {error.strerror}.",
                          "Check the folder's rights."))
    warmth = zero_and_warmth(_warmth_of(source.directory))
    text = (f"{state.verdict}: error {state.error_g:+.1f} g, smoothed {state.ewma_g:+.2f} g "
            f"of {state.limit_g:.2f} g. {state.text}")
    if warmth is not None:
        sure = "" if warmth.usable else " (too little to be sure)"
        text += f" Zero moves {warmth.g_per_kelvin:+.1f} g a degree over {warmth.span_kelvin:.0f} degrees{sure}."
    found = asdict(state) | ({"warmth": asdict(warmth)} if warmth is not None else {})
    click.echo(json.dumps(found) if as_json else text)
    if state.verdict != "well":
        sys.exit(3)


def _weighed(mass_g: float, source: Source) -> float:
    from agent.weighing import Weigher, WeightStable
    from calibration.record import Folder
    from firmware_config.scale import ScaleSettings

    calibration = Folder(source.directory).current
    if calibration is None:
        raise DeviceError("scale.not-calibrated", f"there is no calibration in {source.directory}.",
                          "Run: packbench calibrate scale")
    weigher = Weigher(ScaleSettings(rate_sps=source.rate_sps, capacity_g=source.capacity_g,
                                    division_g=source.division_g), calibration)
    for at_s, counts in _conversions(source):
        for event in weigher.feed(at_s, counts):
            if isinstance(event, WeightStable):
                if abs(event.gross_g - mass_g) > 0.05 * mass_g:
                    raise DeviceError("check-weight.other-mass", f"this weighs {event.gross_g:.0f} g.",
                                      "Put the named mass on, alone.")
                return event.gross_g
    raise DeviceError("check-weight.nothing", "no mass came to rest.", "Empty the scale, then put the mass on.")


def _conversions(source: Source) -> Iterator[tuple[float, int]]:
    try:
        with source.lent() as loan:
            yield from source.conversions(loan, PATIENCE_S)
    except DeviceError as error:
        if error.code != "scale.trace-ended":
            raise


def _errors_before(log: Path, mass_g: float) -> list[float]:
    """Return the errors of this mass so far; a line that a power cut left half is passed over."""
    found: list[float] = []
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            row = json.loads(line)
            if row["mass_g"] == mass_g:
                found.append(float(row["error_g"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _warmth_of(directory: Path) -> list[tuple[float, float, float]]:
    """Return the last two days of what the station noted of warmth and zero; half a line is passed over."""
    found = []
    try:
        lines = (directory / "warmth.csv").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines[-TWO_DAYS:]:
        try:
            at_s, degrees, zero_g = (float(cell) for cell in line.split(","))
        except ValueError:
            continue
        found.append((at_s, degrees, zero_g))
    return found


def _stop(error: DeviceError) -> NoReturn:
    click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
    sys.exit(1)
