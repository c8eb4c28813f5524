"""`packbench calibrate check-weight`: once a shift, one mass on, one line of the scale's own history."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import click

from agent.devices import DeviceError
from agent.warmth import degrees_of
from calibration.source import Source, scale_options, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.weighing import WeighingEvent
    from calibration.check_weight import CheckState, Warmth

PATIENCE_S = 60.0
# Notes of warmth, one in five minutes.
TWO_DAYS = 576


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the scale said of the mass; the zero's distance from the calibration's, where the scale tells it."""

    gross_g: float
    zero_g: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """The check-weights of one mass since the last calibration, oldest first."""

    errors_g: tuple[float, ...]
    warm: tuple[tuple[float, float], ...]
    """Degrees C and error in grams of those at which the temperature was measured."""


@click.command()
@click.argument("mass", metavar="MASS")
@scale_options
@click.option("--new-series", is_flag=True, help="Begin anew: a scale that weighs by itself was calibrated.")
@click.option("--json", "as_json", is_flag=True)
def check_weight(mass: str, new_series: bool, as_json: bool, **rest: object) -> None:
    """Put MASS (as 10kg) on the empty scale; its error joins the log and is judged with those before it.

    Exit status 3 when the scale is out of its limit or drifts.
    """
    from calibration.check_weight import judged_checks, span_and_warmth, zero_and_warmth
    from calibration.masses import from_words

    try:
        source = source_of(rest)
        [reference] = from_words([mass])
        calibration = "" if source.instrument is not None else _record_in_force(source)
        weighed = _weighed(reference.nominal_g, source, quiet=as_json)
        log = source.directory / "check-weights.jsonl"
        before = Series((), ()) if new_series else _series(log, reference.nominal_g, calibration)
        error_g = weighed.gross_g - reference.nominal_g
        step_g = source.division_g if source.instrument is not None else 0.0
        state = judged_checks([*before.errors_g, error_g], reference.nominal_g, source.division_g, step_g)
        degrees = degrees_of(source.thermometer) if source.thermometer is not None else None
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "mass_g": reference.nominal_g,
                "error_g": round(error_g, 3), "verdict": state.verdict, "calibration": calibration}
        line |= {"new_series": True} if new_series else {}
        line |= {"degrees": degrees} if degrees is not None else {}
        line |= {"zero_g": round(weighed.zero_g, 2)} if weighed.zero_g is not None else {}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
    except DeviceError as error:
        _stop(error)
    except OSError as error:
        _stop(DeviceError("check-weight.not-written", f"{error.filename}: {error.strerror}.",
                          "Check the folder's rights."))
    warm = before.warm if degrees is None else (*before.warm, (degrees, error_g))
    warmth = {"zero": zero_and_warmth(_warmth_of(source.directory)), "span": span_and_warmth(warm)}
    if as_json:
        found = {name: asdict(one) for name, one in warmth.items() if one is not None}
        click.echo(json.dumps(asdict(state) | line | ({"warmth": found} if found else {})))
    else:
        click.echo(_words(state, weighed, source, warmth))
    if state.verdict != "well":
        sys.exit(3)


def _words(state: CheckState, weighed: Weighed, source: Source, warmth: dict[str, Warmth | None]) -> str:
    from agent.weighing.zero import RANGE_SHARE

    chart = f"error {state.error_g:+.1f} g, smoothed {state.ewma_g:+.2f} g of {state.limit_g:.2f} g."
    lines = [f"{state.verdict}: {chart} {state.text} Not legal for trade."]
    range_g = RANGE_SHARE * source.capacity_g
    if weighed.zero_g is not None and abs(weighed.zero_g) > 0.5 * range_g:
        lines.append(f"Zero stands {weighed.zero_g:+.0f} g from the calibration's; beyond {range_g:.0f} g the scale "
                     "can't be zeroed. Clean it, look for what touches the tray, then calibrate.")
    for name, one in warmth.items():
        if one is not None:
            sure = "" if one.usable else " (too little to be sure)"
            lines.append(f"The {name} moves {one.g_per_kelvin:+.1f} g a degree "
                         f"over {one.span_kelvin:.0f} degrees{sure}.")
    return "\n".join(lines)


def _record_in_force(source: Source) -> str:
    from calibration.record import Folder

    calibration = Folder(source.directory).current
    if calibration is None:
        raise DeviceError("scale.not-calibrated", f"there is no calibration in {source.directory}.",
                          "Run: packbench calibrate scale")
    return calibration.record


def _weighed(mass_g: float, source: Source, *, quiet: bool) -> Weighed:
    from agent.weighing import LoadAppeared, NotEmpty, PlatformCleared, ScaleFault, WeightStable

    def say(text: str) -> None:
        if not quiet:
            click.echo(text)

    zero_g = None
    for event, offset_g in _events(source):
        match event:
            case NotEmpty():
                say("Take everything off first.")
            case PlatformCleared():
                say(f"Put {mass_g / 1000:g} kg on.")
            case LoadAppeared():
                zero_g = offset_g
            case ScaleFault(reason=reason):
                raise DeviceError(f"scale.{reason}", "the load cell failed.", "See: packbench check scale.")
            case WeightStable(gross_g=gross_g):
                if abs(gross_g - mass_g) > 0.05 * mass_g:
                    raise DeviceError("check-weight.other-mass", f"this weighs {gross_g:.0f} g.",
                                      "Put the named mass on, alone.")
                return Weighed(gross_g, zero_g)
            case _:
                pass
    raise DeviceError("check-weight.nothing", "no mass came to rest.", "Empty the scale, then put the mass on.")


def _events(source: Source) -> Iterator[tuple[WeighingEvent, float | None]]:
    """Yield what happens on the platform for a minute, each event with the zero's offset in grams if it is known."""
    from agent.weighing import Phase, PlatformCleared, Weigher
    from calibration.record import Folder
    from firmware_config.scale import ScaleSettings

    with source.lent() as loan:
        if source.instrument is not None:
            from agent.clock import Clock
            from agent.scale import Instrument, instrument_of

            until_s = time.monotonic() + PATIENCE_S
            instrument = Instrument(instrument_of(source.instrument), source.instrument, Clock())
            try:
                while time.monotonic() < until_s:
                    yield from ((event, None) for event in instrument.read(0.5))
                    loan.check()
            finally:
                instrument.close()
            return
        weigher = Weigher(ScaleSettings(rate_sps=source.rate_sps, capacity_g=source.capacity_g,
                                        division_g=source.division_g), Folder(source.directory).current)
        was_empty = False
        try:
            for at_s, counts in source.conversions(loan, PATIENCE_S):
                yield from ((event, weigher.zero.offset_g) for event in weigher.feed(at_s, counts))
                if not was_empty and weigher.phase is Phase.EMPTY:
                    was_empty = True
                    yield PlatformCleared(at_s), weigher.zero.offset_g
        except DeviceError as error:
            if error.code != "scale.trace-ended":
                raise


def _series(log: Path, mass_g: float, calibration: str) -> Series:
    """Return the checks of this mass by this calibration so far; a line that a power cut left half is passed over."""
    errors_g: list[float] = []
    warm: list[tuple[float, float]] = []
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Series((), ())
    for line in lines:
        try:
            row = json.loads(line)
            if row["mass_g"] != mass_g or row.get("calibration", "") != calibration:
                continue
            if row.get("new_series"):
                errors_g, warm = [], []
            errors_g.append(float(row["error_g"]))
            warm += [(float(row["degrees"]), errors_g[-1])] if "degrees" in row else []
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return Series(tuple(errors_g), tuple(warm))


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
