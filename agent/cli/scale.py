"""`packbench scale` and `packbench check scale`: the load cell, watched, recorded, replayed and diagnosed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from agent.cli.scale_wire import Wire, findable, wired
from agent.devices import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.devices.trace import Trace
    from agent.weighing import WeighingEvent
    from agent.weighing.diagnosis import Diagnosis
    from firmware_config.calibration import ScaleCalibration
    from firmware_config.scale import ScaleSettings

BAD_INPUT, OUT_OF_TOLERANCE = 2, 3
NOMINAL_SPS = ((9.0, 12.0, 10.0), (70.0, 95.0, 80.0))
"""An HX711's own oscillator is up to 15 % off the rate that its RATE pin names."""
SLOWEST_SPS, FASTEST_SPS = 5.0, 2000.0
LONG_RECORDING = 200_000


@click.group()
def group() -> None:
    """Watch, record and replay the load cell."""


@group.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rate", type=float, help="Nominal samples a second (10 or 80); measured from the times when not given.")
@click.option("--division", type=float, help="Scale interval d in grams; capacity / 3000 when not given.")
@click.option("--capacity", type=float, help="Capacity in grams; 3000 divisions when not given, or 30000.")
@click.option("--counts-per-gram", type=float, help="For a recording in counts: counts for one gram.")
@click.option("--zero", type=float, default=0.0, show_default=True, help="For a recording in counts: counts of zero.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the trace and its events (PNG).")
def replay(file: Path, rate: float | None, division: float | None, capacity: float | None,
           counts_per_gram: float | None, zero: float, as_json: bool, plot: Path | None) -> None:
    """Run a recording through the detector: one line for each event.

    FILE is a CSV with a time (t_s) and grams, or counts with --counts-per-gram and --zero.
    """
    from agent.devices.trace import read_trace
    from agent.weighing.replay import replayed
    try:
        trace = read_trace(file)
        settings = _settings(trace, rate, division, capacity)
        calibration = _calibration(trace, counts_per_gram, zero)
    except DeviceError as error:
        _refuse(error)
    events: list[WeighingEvent] = []
    for event in replayed(settings, calibration, _counted(trace)):
        events.append(event)
        click.echo(json.dumps(row(event)) if as_json else line(event))
    click.echo(_summary(trace, settings, events), err=True)
    if plot is not None:
        from agent.cli.scale_plot import draw
        grams = trace.values if calibration is None else [calibration.grams(code) for code in trace.values]
        try:
            draw(trace.at_s, grams, events, settings, plot)
        except (OSError, ValueError) as error:
            _refuse(DeviceError("plot.not-written", f"{plot}: {error}.", "Give a PNG file in a folder that exists."))


@group.command()
@wired
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop after so long; until Ctrl-C when not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, events only.")
def watch(wire: Wire, seconds: float | None, as_json: bool) -> None:
    """Show the weight live, and every event as a line."""
    try:
        with wire.weighing() as scale:
            for events in wire.batches(scale.read, seconds):
                for event in events:
                    click.echo(json.dumps(row(event)) if as_json else "\r" + line(event).ljust(60))
                if not as_json and sys.stdout.isatty():
                    click.echo(f"\r{scale.live_g:12.1f} g", nl=False)
    except DeviceError as error:
        _stop(error)


@group.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@wired
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop after so long; until Ctrl-C when not given.")
def record(file: Path, wire: Wire, seconds: float | None) -> None:
    """Write what the load cell says to FILE (columns t_s, counts), for `replay` and for calibration."""
    count = 0
    try:
        with wire.opened() as scale, file.open("x", encoding="ascii") as out:
            out.write("t_s,counts\n")
            for samples in wire.batches(scale.read, seconds):
                out.writelines(f"{sample.at_s:.5f},{sample.counts}\n" for sample in samples)
                count += len(samples)
    except FileExistsError:
        _refuse(DeviceError("record.exists", f"{file} is there already.", "Choose another name."))
    except OSError as error:
        _refuse(DeviceError("record.not-written", f"{file}: {error.strerror}.", "Choose another place."))
    except DeviceError as error:
        if error.code != "scale.trace-ended":
            _stop(error)
    click.echo(f"{count} conversions in {file}", err=True)


@click.command()
@wired
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(2.5))
@click.option("--json", "as_json", is_flag=True)
@findable
def check(wire: Wire, seconds: float, as_json: bool) -> None:
    """Look at the empty platform for ten seconds: rate, noise, spikes, hum, ring, what each means, what to do.

    Of a scale that weighs by itself: what it says, and whether that suffices.

    Exit status 3 when something is to be mended.
    """
    if wire.instrument is not None:
        from agent.cli.scale_instrument import check_instrument
        check_instrument(wire, seconds, as_json=as_json)
        return
    from agent.weighing.diagnosis import diagnose
    at_s: list[float] = []
    counts: list[int] = []
    try:
        with wire.opened() as scale:
            for samples in wire.batches(scale.read, seconds):
                at_s += [sample.at_s for sample in samples]
                counts += [sample.counts for sample in samples]
    except DeviceError as error:
        if error.code != "scale.trace-ended":
            _stop(error)
    calibration = wire.calibration
    seen = diagnose(at_s, counts, rate_sps=wire.settings.rate_sps, division_g=wire.settings.division_g,
                    counts_per_gram=calibration.counts_per_gram if calibration is not None else None)
    if as_json:
        click.echo(json.dumps(asdict(seen)))
    else:
        _say(seen)
    if seen.findings:
        sys.exit(OUT_OF_TOLERANCE)


def _say(seen: Diagnosis) -> None:
    noise = "" if seen.noise_g is None else f" ({seen.noise_g:.2f} g)"
    click.echo(f"rate       {seen.rate_sps:.1f} a second")
    click.echo(f"noise      {seen.noise_counts:.1f} counts{noise}")
    click.echo(f"spikes     {seen.spikes}")
    click.echo(f"saturated  {seen.saturated}")
    click.echo(f"unique     {seen.unique} of {seen.samples}")
    click.echo(f"drift      {seen.drift_counts:+.0f} counts")
    click.echo(f"hum        {seen.hum_counts:.1f} counts")
    click.echo("ring       none" if seen.ring_hz is None else f"ring       {seen.ring_hz:.1f} Hz")
    for finding in seen.findings:
        click.echo(f"{finding.code}: {finding.meaning} {finding.hint}")
    click.echo("not well" if seen.findings else "all well")


def row(event: WeighingEvent) -> dict[str, object]:
    """Return an event as JSON's own types: `kind`, `t_s`, and its figures rounded to a thousandth."""
    from agent.weighing.events import KINDS
    values = asdict(event)
    found: dict[str, object] = {"kind": KINDS[type(event)], "t_s": round(values.pop("at_s"), 4)}
    if "cause" in values:
        values["reason"] = values.pop("cause")
    return found | {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}


def line(event: WeighingEvent) -> str:
    """Return an event as a line for people."""
    found = row(event)
    parts = [f"{found['t_s']:>10.3f} s  {found['kind']:<10}"]
    for name in ("gross_g", "level_g", "delta_g"):
        if name in found:
            sign = "+" if name == "delta_g" else ""
            parts.append(f"{name.removesuffix('_g')} {found[name]:{sign}.1f} g")
    if "u95_g" in found:
        parts.append(f"± {found['u95_g']:.1f} g")
    parts += [str(found[name]) for name in ("quality", "reason") if name in found]
    if "revision" in found:
        parts.append(f"revision {found['revision']}")
    return "  ".join(parts)


def _counted(trace: Trace) -> Iterator[tuple[float, float]]:
    """Yield the samples; a long recording tells a terminal how far it is."""
    count = len(trace.values)
    tells = count >= LONG_RECORDING and sys.stderr.isatty()
    for i, sample in enumerate(zip(trace.at_s, trace.values, strict=True)):
        if tells and i % (count // 50) == 0:
            click.echo(f"\r{100 * i // count:3d} %\r", nl=False, err=True)
        yield sample


def _settings(trace: Trace, rate: float | None, division: float | None, capacity: float | None) -> ScaleSettings:
    from firmware_config.scale import ScaleSettings
    if rate is None:
        rate = trace.rate_sps
        if not SLOWEST_SPS <= rate <= FASTEST_SPS:
            count, span_s = len(trace.values), trace.at_s[-1] - trace.at_s[0]
            raise DeviceError("trace.no-rate", f"{count} samples in {span_s:g} s: no load cell is like that.",
                              "Times are seconds unless the column is named t_ms or t_us; --rate says it otherwise.")
        rate = next((nominal for low, high, nominal in NOMINAL_SPS if low <= rate <= high), rate)
    if capacity is None:
        capacity = 3000.0 * division if division is not None else 30_000.0
    settings = ScaleSettings(rate_sps=rate, capacity_g=capacity,
                             division_g=division if division is not None else capacity / 3000.0)
    problems = settings.problems()
    if problems:
        raise DeviceError("scale.bad-settings", " ".join(f"{key}: {text}" for key, text in problems),
                          "Give --rate, --division and --capacity that fit the recording.")
    return settings


def _calibration(trace: Trace, counts_per_gram: float | None, zero: float) -> ScaleCalibration | None:
    from firmware_config.calibration import ScaleCalibration
    if trace.unit == "grams":
        return None
    if not counts_per_gram:
        raise DeviceError("trace.needs-calibration", "the recording holds counts, not grams.",
                          "Give --counts-per-gram (and --zero).")
    return ScaleCalibration(zero_counts=zero, counts_per_gram=counts_per_gram)


def _summary(trace: Trace, settings: ScaleSettings, events: list[WeighingEvent]) -> str:
    from agent.weighing import ScaleFault, WeightStable
    stable = sum(isinstance(event, WeightStable) for event in events)
    faults = sum(isinstance(event, ScaleFault) for event in events)
    text = (f"{len(trace.values)} samples in {trace.at_s[-1] - trace.at_s[0]:.1f} s, as {settings.rate_sps:g} SPS, "
            f"d {settings.division_g:g} g, capacity {settings.capacity_g:g} g: {stable} stable, {faults} faults")
    mended = [f"{count} {name}" for count, name in (
        (trace.backward, "backward times"), (trace.repeated, "repeated times"), (trace.skipped, "rows without a value"),
    ) if count]
    return f"{text} ({', '.join(mended)})" if mended else text


def _stop(error: DeviceError) -> NoReturn:
    click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
    sys.exit(1)


def _refuse(error: DeviceError) -> NoReturn:
    click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
    sys.exit(BAD_INPUT)
