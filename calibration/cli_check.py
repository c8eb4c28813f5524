"""`packbench calibrate check-weight`: once a shift, one mass on, one line of the scale's own history."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_args

import click

from agent.devices import DeviceError
from agent.devices.scales import Driver

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 60.0


@click.command()
@click.argument("mass", metavar="MASS")
@click.option("--directory", type=click.Path(path_type=Path), default=Path("/var/lib/packbench/calibration"),
              show_default=True, help="Where scale.json and the log of checks are.")
@click.option("--capacity", type=click.FloatRange(100.0, 1e6), default=30_000.0, show_default=True, help="Grams.")
@click.option("--division", type=float, help="Scale interval in grams; capacity / 3000 when not given.")
@click.option("--rate", type=float, default=80.0, show_default=True, help="Samples a second.")
@click.option("--driver", type=click.Choice(get_args(Driver)), default="spi", show_default=True)
@click.option("--path", default="", help="The driver's SPI device, bench folder or recording.")
@click.option("--json", "as_json", is_flag=True)
def check_weight(mass: str, directory: Path, capacity: float, division: float | None, rate: float, driver: Driver,
                 path: str, as_json: bool) -> None:
    """Put MASS (as 10kg) on the empty scale; its error joins the log and is judged with those before it.

    Exit status 3 when the scale is out of its limit or drifts.
    """
    from calibration.check_weight import judged_checks
    from calibration.masses import from_words

    e_g = division or capacity / 3000.0
    try:
        [reference] = from_words([mass])
        gross_g = _weighed(reference.nominal_g, directory, (rate, capacity, e_g), driver, path)
        log = directory / "check-weights.jsonl"
        errors_g = [*_errors_before(log, reference.nominal_g), gross_g - reference.nominal_g]
        state = judged_checks(errors_g, reference.nominal_g, e_g)
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "mass_g": reference.nominal_g,
                "error_g": round(errors_g[-1], 3), "verdict": state.verdict}
        with log.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
    except DeviceError as error:
        _stop(error)
    except OSError as error:
        _stop(DeviceError("check-weight.not-written", f"{directory}: {error.strerror}.", "Check the folder's rights."))
    text = (f"{state.verdict}: error {state.error_g:+.1f} g, smoothed {state.ewma_g:+.2f} g "
            f"of {state.limit_g:.2f} g. {state.text}")
    click.echo(json.dumps(asdict(state)) if as_json else text)
    if state.verdict != "well":
        sys.exit(3)


def _weighed(mass_g: float, directory: Path, figures: tuple[float, float, float], driver: Driver, path: str) -> float:
    from agent.weighing import Weigher, WeightStable
    from calibration.record import Folder
    from firmware_config.scale import ScaleSettings

    calibration = Folder(directory).current
    if calibration is None:
        raise DeviceError("scale.not-calibrated", f"there is no calibration in {directory}.",
                          "Run: packbench calibrate scale")
    rate, capacity_g, e_g = figures
    weigher = Weigher(ScaleSettings(rate_sps=rate, capacity_g=capacity_g, division_g=e_g), calibration)
    for at_s, counts in _conversions(driver, path):
        for event in weigher.feed(at_s, counts):
            if isinstance(event, WeightStable):
                if abs(event.gross_g - mass_g) > 0.05 * mass_g:
                    raise DeviceError("check-weight.other-mass", f"this weighs {event.gross_g:.0f} g.",
                                      "Put the named mass on, alone.")
                return event.gross_g
    raise DeviceError("check-weight.nothing", "no mass came to rest.", "Empty the scale, then put the mass on.")


def _conversions(driver: Driver, path: str) -> Iterator[tuple[float, int]]:
    from agent.devices.scales import open_scale

    end_s = time.monotonic() + PATIENCE_S
    device = open_scale(driver, path, time.monotonic, time.sleep)
    try:
        while time.monotonic() < end_s:
            yield from ((sample.at_s, sample.counts) for sample in device.read(0.5))
    except DeviceError as error:
        if error.code != "scale.trace-ended":
            raise
    finally:
        device.close()


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


def _stop(error: DeviceError) -> NoReturn:
    click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
    sys.exit(1)
