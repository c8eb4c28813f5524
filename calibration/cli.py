"""`packbench calibrate scale`: the dialogue at the terminal, or one JSON line a step."""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from agent.devices import DeviceError
from agent.warmth import degrees_of
from calibration.source import Source, scale_options, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from calibration.masses import Reference
    from calibration.plan import Plan
    from calibration.record import Folder, ScaleRecord
    from calibration.scale import Result
    from calibration.session import Said, Session
    from firmware_config.calibration import ScaleCalibration

SHARE_OF_FULL_SCALE = 8.6 / 16.797 * 0x7FFFFF
"""Counts at capacity of a cell with 2 mV/V on a 4.3 V supply, gain 128: what recognises masses the first time."""
LARGE_CHANGE = 0.01
WARM_S = 900.0
UPTIME = Path("/proc/uptime")
MARKS = {"do": ">", "done": "ok", "wrong-load": "?", "unrest": "?", "refused": "!", "precheck": "pre-check",
         "result": "=>"}


@dataclass
class Options:
    """What the technician said on the command line."""

    replay: Path | None
    source: Source
    technician: str
    station: str
    cell: str
    new_cell: bool
    override: str
    force: str
    yes: bool
    as_json: bool
    taken: list[tuple[float, int]] = field(default_factory=list)
    degrees: list[float] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """True when somebody may watch the weight at a terminal."""
        return self.replay is None and not self.as_json and sys.stdout.isatty()

    def note_degrees(self) -> None:
        """Note the temperature beside the scale, if it is measured."""
        degrees = degrees_of(self.source.thermometer) if self.source.thermometer is not None else None
        self.degrees += [] if degrees is None else [degrees]


@click.command()
@click.option("--mass", "words", multiple=True, metavar="5kg:M1", help="A reference mass; once for each.")
@click.option("--set", "mass_file", type=click.Path(path_type=Path), help="Or a TOML file of [[mass]] tables.")
@scale_options
@click.option("--replay", type=click.Path(path_type=Path), help="Run the dialogue from recorded counts (CSV).")
@click.option("--technician", default="", help="Who does it; goes on the record.")
@click.option("--station", default="", help="Which station and where; goes on the record.")
@click.option("--cell", default="", help="The load cell's serial number.")
@click.option("--new-cell", is_flag=True, help="The load cell was exchanged.")
@click.option("--override", default="", metavar="REASON", help="Use a mass whose certificate ran out, and say why.")
@click.option("--force", default="", metavar="REASON", help="Accept a change of the span above 1 %, and say why.")
@click.option("--yes", is_flag=True, help="Give the last yes beforehand.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a step; the default without a terminal.")
def scale(words: tuple[str, ...], mass_file: Path | None, **rest: object) -> None:
    """Zero, span, corners and repeatability of the load cell. Not legal for trade.

    The masses come and go by hand; the scale sees them, nobody presses Enter. Nothing changes until the last yes. A
    running station lends its scale meanwhile and weighs by the new calibration when it has it back. Exit
    status 1 when it was refused or not accepted, 3 when the scale failed.
    """
    from calibration.record import Folder
    from calibration.session import Session

    try:
        options = Options(source=source_of(rest), **rest)  # type: ignore[arg-type]  # click checked them
        options.as_json = options.as_json or not sys.stdout.isatty()
        if options.replay is None:
            options.source.refuse_instrument()
        folder = Folder(options.source.directory)
        masses = _masses(words, mass_file, options)
        records = folder.records()
        _refuse_other_cell(records, options)
        old = None if options.new_cell else folder.current
        _refuse_copied(folder, old)
        session = Session(_plan(masses, options, old))
        recorded = _recorded(options.replay) if options.replay is not None else None
    except DeviceError as error:
        _stop(error, 2)
    try:
        # The loan lasts until the new calibration is in force: the station opens its scale by it.
        with options.source.lent() if recorded is None else nullcontext() as loan:
            _converse(session, options, recorded if loan is None else options.source.conversions(loan))
            _close(session, folder, masses, options, old, records)
    except (KeyboardInterrupt, click.Abort):
        _stop(DeviceError("calibration.aborted", "stopped by Ctrl-C.", "The old calibration is still in force."), 1)
    except DeviceError as error:
        _stop(error, 1)


def _masses(words: tuple[str, ...], mass_file: Path | None, options: Options) -> list[Reference]:
    from calibration.masses import from_words, read_set, refuse_unfit

    masses = (read_set(mass_file) if mass_file is not None else []) + from_words(words)
    refuse_unfit(masses, max_g=options.source.capacity_g, e_g=options.source.division_g, today=datetime.now(UTC).date(),
                 override=options.override)
    return masses


def _refuse_other_cell(records: list[ScaleRecord], options: Options) -> None:
    if records and options.cell and records[-1].cell and records[-1].cell != options.cell and not options.new_cell:
        raise DeviceError("calibration.other-cell",
                          f"the last record is of cell {records[-1].cell}, not {options.cell}.",
                          "Check the number, or give --new-cell when it was exchanged.")


def _refuse_copied(folder: Folder, old: ScaleCalibration | None) -> None:
    if old is not None and old.record and old.record not in folder.hashes:
        raise DeviceError("calibration.other-cell", "scale.json comes from no record in its folder: it was copied.",
                          "Give --new-cell to calibrate without it.")


def _plan(masses: list[Reference], options: Options, old: ScaleCalibration | None) -> Plan:
    from calibration.plan import plan_for
    from firmware_config.scale import ScaleSettings

    source = options.source
    settings = ScaleSettings(rate_sps=source.rate_sps, capacity_g=source.capacity_g, division_g=source.division_g)
    problems = settings.problems()
    if problems:
        raise DeviceError("scale.bad-settings", " ".join(f"{key}: {text}" for key, text in problems), "")
    span = abs(old.counts_per_gram) if old is not None else SHARE_OF_FULL_SCALE / source.capacity_g
    return plan_for(masses, settings, span, known=old is not None)


def _recorded(replay: Path) -> list[tuple[float, int]]:
    from agent.devices.trace import read_trace

    trace = read_trace(replay)
    if trace.unit != "counts":
        raise DeviceError("calibration.not-counts", f"{replay} holds grams.",
                          "Record counts: packbench scale record FILE.")
    return list(zip(trace.at_s, (round(code) for code in trace.values), strict=True))


def _warn_cold(options: Options) -> None:
    """Warn of a cell that was switched on with this machine a moment ago: it drifts until it is warm."""
    try:
        up_s = float(UPTIME.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return
    if up_s < WARM_S:
        _tell(options, "cold", f"calibration.cold: switched on {up_s / 60:.0f} minutes ago; a load cell drifts for 15. "
                               "Wait, or check its zero afterwards.")


def _converse(session: Session, options: Options, conversions: Iterable[tuple[float, int]] | None) -> None:
    at_s = shown_s = 0.0
    if options.replay is None:
        _warn_cold(options)
        _tell(options, "precheck", "Leave the platform empty for five seconds. Then do what > says: the scale sees it.")
    top_g = session.plan.stacks[-1].grams
    if top_g < 0.5 * options.source.capacity_g:
        _tell(options, "small", f"calibration.small-masses: {top_g / 1000:g} kg are put on at the most; heavier boxes "
                                "are not covered. Take more masses, up to the heaviest box.")
    options.note_degrees()
    for at_s, counts in conversions or ():
        options.taken.append((at_s, counts))
        for said in session.feed(at_s, counts):
            _say(said, session, options)
        if session.over:
            options.note_degrees()
            return
        if options.live and at_s - shown_s > 0.25:
            shown_s = at_s
            click.echo(f"\r{round(session.live_g) + 0:12} g ", nl=False)
    for said in session.end(at_s):
        _say(said, session, options)


def _say(said: Said, session: Session, options: Options) -> None:
    done, steps = session.progress
    if options.as_json:
        click.echo(json.dumps(asdict(said) | {"step": done, "steps": steps}))
        return
    code = f"  ({said.code})" if said.what == "refused" else ""
    masses = f"  ({said.masses})" if said.what == "do" and said.masses else ""
    line = f"[{done}/{steps}] {MARKS[said.what]:9} {said.text}{masses}{code}"
    click.echo(f"\r{line:<40}" if options.live else line)


def _close(session: Session, folder: Folder, masses: list[Reference], options: Options,
           old: ScaleCalibration | None, records: list[ScaleRecord]) -> None:
    from agent import __version__
    from calibration.record import ScaleRecord, as_found, calibration_of

    result = session.result
    if result is None:
        sys.exit(1)
    new = calibration_of(result.line, session.zero_counts, result)
    change = _show(result, options, old, new)
    if result.verdict == "FAIL":
        sys.exit(3)
    if abs(change) > LARGE_CHANGE and not options.force:
        _stop(DeviceError("calibration.large-change", f"the span changes by {100.0 * change:+.2f} %.",
                          "Find out why, then give --force with the reason. The old calibration is still in force."), 1)
    if not options.yes and (options.as_json or not click.confirm("Accept the new calibration?", default=False)):
        _tell(options, "kept", "not accepted: the old calibration is still in force")
        sys.exit(1)
    counts = b"t_s,counts\n" + "".join(f"{at_s:.5f},{code}\n" for at_s, code in options.taken).encode()
    known_cell = records[-1].cell if records and not options.new_cell else ""
    record = ScaleRecord(
        number=len(records) + 1, previous=folder.last_hash, made=datetime.now(UTC),
        station=options.station or options.source.station, technician=options.technician,
        cell=options.cell or known_cell,
        capacity_g=options.source.capacity_g, division_g=options.source.division_g, rate_sps=options.source.rate_sps,
        software=__version__, masses=tuple(masses),
        override="; ".join(reason for reason in (options.override, options.force) if reason), old=old,
        as_found=as_found(old, result, session.row_counts, session.zero_counts) if old is not None else (),
        as_left=result, new=new, counts_sha256=hashlib.sha256(counts).hexdigest(), degrees=tuple(options.degrees))
    installed = folder.install(record, counts)
    path = options.source.directory / f"scale-{record.number:04}"
    _tell(options, "accepted", f"record {path}.json, SHA-256 {installed.record}\nto print: {path}.html",
          record=f"{path}.json", certificate=f"{path}.html", sha256=installed.record)


def _show(result: Result, options: Options, old: ScaleCalibration | None, new: ScaleCalibration) -> float:
    """Say what was found, at which load, by how much, and what it would change; return the change of the span."""
    from firmware_config.calibration import ScaleCalibration

    change = new.counts_per_gram / old.counts_per_gram - 1.0 if old is not None else 0.0
    lines = [f"{'load':>9} {'going':<6} {'E':>9} {'U':>7} {'limit':>7}  verdict"]
    lines += [f"{row.load_g:>7g} g {row.going:<6} {round(row.error_g, 1) + 0.0:>+7.1f} g {row.u_g:>5.1f} g "
              f"{row.limit_g:>5g} g  {row.verdict}" for row in result.rows]
    lines += [f"{one.name}: {one.value_g:+.1f} g, limit {one.limit_g:g} g  {'PASS' if one.ok else 'FAIL'}"
              for one in result.outcomes]
    was = f"old {old.counts_per_gram:.4f}, new" if old is not None else "first calibration:"
    share = f" ({100.0 * change:+.2f} %)" if old is not None else ""
    lines.append(f"{was} {new.counts_per_gram:.4f} counts/g{share}. Not legal for trade.")
    _tell(options, "change", "\n".join(lines), verdict=result.verdict, cause=result.cause, suspect=result.suspect,
          old_counts_per_gram=old.counts_per_gram if isinstance(old, ScaleCalibration) else None,
          new_counts_per_gram=new.counts_per_gram, change=change, rows=[asdict(row) for row in result.rows],
          outcomes=[asdict(one) for one in result.outcomes])
    return change


def _tell(options: Options, what: str, text: str, **more: object) -> None:
    click.echo(json.dumps({"what": what, "text": text} | more) if options.as_json else text)


def _stop(error: DeviceError, status: int) -> NoReturn:
    click.echo(f"{error.code}: {error.detail} {error.hint}", err=True)
    sys.exit(status)
