"""The record of a calibration: written once, chained by hash, and installed only by the last yes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from agent.devices import DeviceError
from calibration.masses import Reference
from calibration.scale import Result, Row
from firmware_config.calibration import ScaleCalibration

if TYPE_CHECKING:
    from pathlib import Path

    from calibration.scale import Line, Verdict

STATEMENT = "Not legal for trade. Not an accredited calibration."
RULE = ("PASS: |E| + U <= limit. PASS (conditional): |E| <= limit < |E| + U, inside but not proven. FAIL: |E| > limit. "
        "Limits: OIML R 76-1, class III, initial verification. U: EURAMET cg-18, k = 2.")


class ScaleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All of one calibration, as ISO/IEC 17025 asks for it as far as a station can know it."""

    number: int
    previous: str
    """SHA-256 of the record before this one; empty for the first."""
    made: datetime
    station: str
    technician: str
    cell: str
    capacity_g: float
    division_g: float
    rate_sps: float
    software: str
    masses: tuple[Reference, ...]
    override: str
    old: ScaleCalibration | None
    as_found: tuple[Row, ...]
    as_left: Result
    new: ScaleCalibration
    counts_sha256: str
    """Of the conversions that all this follows from, `scale-0001.csv`; `--replay` runs the dialogue from them again."""
    degrees: tuple[float, ...] = ()
    """Degrees C beside the scale at the beginning and at the end; empty without a thermometer."""
    rule: str = RULE
    statement: str = STATEMENT


class Folder:
    """A station's calibrations: `scale.json` is in force, `scale-0001.json` and so on are the records."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def current(self) -> ScaleCalibration | None:
        """The calibration in force; None before the first. Raises DeviceError `calibration.damaged`."""
        try:
            return msgspec.json.decode((self._path / "scale.json").read_bytes(), type=ScaleCalibration)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DeviceError("calibration.damaged", f"{self._path / 'scale.json'}: {error}.",
                              "Move it away and calibrate anew.") from error

    def records(self) -> list[ScaleRecord]:
        """Return the records, oldest first. Raises DeviceError `calibration.broken-chain` when one was changed."""
        found: list[ScaleRecord] = []
        previous = ""
        for path in sorted(self._path.glob("scale-[0-9][0-9][0-9][0-9].json")):
            content = path.read_bytes()
            try:
                record = msgspec.json.decode(content, type=ScaleRecord)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise _broken(path, str(error)) from error
            if record.previous != previous or record.number != len(found) + 1:
                raise _broken(path, "it does not follow the record before it")
            previous = hashlib.sha256(content).hexdigest()
            found.append(record)
        return found

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of each record, oldest first."""
        return [hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(self._path.glob("scale-[0-9][0-9][0-9][0-9].json"))]

    @property
    def last_hash(self) -> str:
        """SHA-256 of the newest record; empty before the first."""
        return next(reversed(self.hashes), "")

    def install(self, record: ScaleRecord, conversions: bytes) -> ScaleCalibration:
        """Write conversions, certificate and record, then put the calibration in force, in this order; return it.

        A crash before the last step leaves the old calibration in force. Raises DeviceError
        `calibration.not-written`, also when another calibration took this record's number meanwhile.
        """
        from calibration.certificate import certificate

        content = msgspec.json.format(msgspec.json.encode(record), indent=1)
        sha256 = hashlib.sha256(content).hexdigest()
        new = msgspec.structs.replace(record.new, record=sha256)
        path = self._path / f"scale-{record.number:04}"
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            _draft(path.with_suffix(".csv"), conversions).replace(path.with_suffix(".csv"))
            _draft(path.with_suffix(".html"), certificate(record, sha256).encode()).replace(path.with_suffix(".html"))
            draft = _draft(path.with_suffix(".json"), content)
            os.link(draft, path.with_suffix(".json"))  # fails where a record stands already
            draft.unlink()
            _draft(self._path / "scale.json", msgspec.json.encode(new)).replace(self._path / "scale.json")
            folder = os.open(self._path, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            raise DeviceError("calibration.not-written", f"{self._path}: {error.strerror}.",
                              "The old calibration is still in force. Make room, or check the rights.") from error
        return new


def as_found(old: ScaleCalibration, left: Result, rows_counts: tuple[float, ...],
             zero_counts: float) -> tuple[Row, ...]:
    """Return the rows as the old calibration would have shown them, net of today's zero."""
    found: list[Row] = []
    base_g = old.grams(zero_counts)
    for row, counts in zip(left.rows, rows_counts, strict=True):
        error_g = old.grams(zero_counts + counts) - base_g - row.load_g
        # In service the limit is twice that of the initial verification (OIML R 76-1).
        limit_g = 2.0 * row.limit_g
        verdict: Verdict = ("FAIL" if abs(error_g) > limit_g else
                            "PASS" if abs(error_g) + row.u_g <= limit_g else "PASS (conditional)")
        found.append(replace(row, indication_g=row.load_g + error_g, error_g=error_g, limit_g=limit_g, verdict=verdict))
    return tuple(found)


def calibration_of(line: Line, zero_counts: float, left: Result) -> ScaleCalibration:
    """Return the figures for the daemon; the span's uncertainty is that of the largest load."""
    top = max(left.rows, key=lambda row: row.load_g)
    return ScaleCalibration(zero_counts=zero_counts, counts_per_gram=1.0 / line.a, curvature_g_per_count2=line.q,
                            u95_rel=top.u_g / top.load_g)


def _draft(path: Path, content: bytes) -> Path:
    """Write a file beside its final name, on disk and read-only; return it."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with draft.open("xb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.chmod(0o444)
    return draft


def _broken(path: Path, why: str) -> DeviceError:
    return DeviceError("calibration.broken-chain", f"{path}: {why}.",
                       "A record was changed or lost: keep the folder, and start a new one for new records.")
