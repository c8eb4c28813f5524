"""A recorded load cell: a CSV file of times and grams or counts, played back as if it were wired."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from itertools import chain
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Literal, Protocol

from agent.devices import DeviceError, Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIME_COLUMNS = {"t_s": 1.0, "time_s": 1.0, "t": 1.0, "time": 1.0, "seconds": 1.0, "at_s": 1.0, "t_ms": 1e-3,
                "time_ms": 1e-3, "ms": 1e-3, "t_us": 1e-6, "time_us": 1e-6, "timestamp": 1.0}
GRAM_COLUMNS = {"grams": 1.0, "g": 1.0, "gross_g": 1.0, "weight_g": 1.0, "mass_g": 1.0, "kg": 1000.0,
                "weight_kg": 1000.0, "mass_kg": 1000.0}
COUNT_COLUMNS = ("counts", "count", "raw", "code")
JUMP_S = 1.0
"""A clock that goes back by less is jitter of the host; by more, it was set."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A recording: seconds that never go back, and as many values in grams or counts.

    `backward` and `repeated` count the time stamps that had to be mended or stood still, `skipped` the rows
    without a value.
    """

    unit: Literal["grams", "counts"]
    at_s: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    backward: int = 0
    repeated: int = 0
    skipped: int = 0

    @property
    def rate_sps(self) -> float:
        """Samples a second while samples came: the median over whole seconds, so gaps do not count."""
        buckets: dict[int, int] = {}
        for at_s in self.at_s:
            buckets[int(at_s)] = buckets.get(int(at_s), 0) + 1
        inner = sorted(buckets)[1:-1]
        if not inner:
            span_s = self.at_s[-1] - self.at_s[0]
            return (len(self.at_s) - 1) / span_s if span_s > 0.0 else 0.0
        return float(median(buckets[second] for second in inner))


def read_trace(path: Path) -> Trace:
    """Return the recording in a CSV file.

    The first row names the columns: a time (`t_s`, `t_ms`, or `timestamp` as seconds or ISO 8601) and `grams` or
    `counts`; other columns are passed over. A file without names holds seconds and grams. Columns are parted by commas,
    semicolons, tabs or blanks; numbers may have a decimal comma where no comma parts them; lines with a `#` in front
    are remarks. Rows without a value are skipped, and so is a last row that was cut off. Raises DeviceError for
    anything that is not such a file.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DeviceError("trace.missing", f"{path}: {error.strerror}.", "Check the file's name.") from error
    if b"\0" in raw:
        raise DeviceError("trace.not-text", f"{path} is not a text file.", "Give a CSV file in UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # a remark in an older logger's letters; numbers are the same in both
    head = next((line for line in StringIO(text) if line.strip() and not line.startswith("#")), "")
    if not head:
        raise DeviceError("trace.empty", f"{path} holds no rows.", "Record again: `packbench scale record FILE`.")
    delimiter = max(",;\t", key=head.count)
    if delimiter not in head:
        delimiter = " "
    rows = csv.reader(StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        return _parsed(rows, path, whole=text.endswith(("\n", "\r")), decimal_comma=delimiter != ",")
    except csv.Error as error:
        raise DeviceError("trace.not-text", f"{path} is not a CSV file: {error}.", "Give a CSV file.") from error


def _parsed(rows: Reader, path: Path, *, whole: bool, decimal_comma: bool) -> Trace:
    header = next((row for row in rows if any(row) and not row[0].startswith("#")), [])
    names = [_plain(name) for name in header]
    first: list[list[str]] = []
    if _numeric(header, decimal_comma=decimal_comma):
        first, names = [header], ["t_s", "grams"]
    time_index, value_index, time_scale, value_scale, unit = _columns(names, path)
    trace = _Builder(unit)
    wrong: DeviceError | None = None
    for row in chain(first, rows):
        if wrong is not None:
            raise wrong  # it was not the last row
        if not any(row) or row[0].startswith("#") or (len(row) > value_index and not row[value_index].strip()):
            trace.skipped += bool(row)
            continue
        try:
            at_s = _seconds(row[time_index], decimal_comma=decimal_comma) * time_scale
            value = _number(row[value_index], decimal_comma=decimal_comma) * value_scale
        except (ValueError, IndexError):
            at_s = value = float("nan")
        if isfinite(at_s) and isfinite(value):
            trace.add(at_s, value)
        else:
            wrong = DeviceError("trace.bad-number", f"{path} line {rows.line_num}: {','.join(row)[:60]!r} is not a "
                                "time and a number.", "Take the line out, or record again.")
    if wrong is not None:
        if whole:
            raise wrong
        trace.skipped += 1
    return trace.built(path)


def _plain(name: str) -> str:
    """Return a column's name as this module writes it: `Weight [g]` is `weight_g`."""
    return "_".join(name.lower().replace("(", " ").replace("[", " ").replace(")", " ").replace("]", " ").split())


class Reader(Protocol):
    """Rows of cells, and the number of the line that was read last; what `csv.reader` returns."""

    line_num: int

    def __iter__(self) -> Reader: ...

    def __next__(self) -> list[str]: ...


class _Builder:
    """Collects rows and mends their times."""

    def __init__(self, unit: Literal["grams", "counts"]) -> None:
        self._unit = unit
        self._at_s: list[float] = []
        self._values: list[float] = []
        self._shift_s = 0.0
        self._backward = 0
        self._repeated = 0
        self.skipped = 0

    def add(self, at_s: float, value: float) -> None:
        at_s += self._shift_s
        if self._at_s:
            before_s = self._at_s[-1]
            if at_s < before_s:
                self._backward += 1
                if at_s < before_s - JUMP_S:
                    self._shift_s += before_s - at_s
                at_s = before_s
            elif at_s == before_s:
                self._repeated += 1
        self._at_s.append(at_s)
        self._values.append(value)

    def built(self, path: Path) -> Trace:
        if not self._at_s:
            raise DeviceError("trace.empty", f"{path} holds no samples.",
                              "Record again: `packbench scale record FILE`.")
        return Trace(self._unit, self._at_s, self._values, self._backward, self._repeated, self.skipped)


def _columns(names: list[str], path: Path) -> tuple[int, int, float, float, Literal["grams", "counts"]]:
    time = next((name for name in TIME_COLUMNS if name in names), None)
    grams = next((name for name in GRAM_COLUMNS if name in names), None)
    counts = next((name for name in COUNT_COLUMNS if name in names), None)
    if time is not None and grams is not None:
        return names.index(time), names.index(grams), TIME_COLUMNS[time], GRAM_COLUMNS[grams], "grams"
    if time is not None and counts is not None:
        return names.index(time), names.index(counts), TIME_COLUMNS[time], 1.0, "counts"
    raise DeviceError("trace.no-column", f"{path} has the columns {', '.join(names)[:120]}.",
                      "It needs a time (t_s) and grams or counts.")


def _numeric(cells: list[str], *, decimal_comma: bool) -> bool:
    try:
        return len([_number(cell, decimal_comma=decimal_comma) for cell in cells[:2]]) == 2
    except ValueError:
        return False


def _number(cell: str, *, decimal_comma: bool) -> float:
    return float(cell.replace(",", ".") if decimal_comma else cell)


def _seconds(cell: str, *, decimal_comma: bool) -> float:
    try:
        return _number(cell, decimal_comma=decimal_comma)
    except ValueError:
        return datetime.fromisoformat(cell.strip()).timestamp()


class TraceScale:
    """A scale that plays a recording once, at the speed of `clock`.

    Grams become counts by `counts_per_gram` and `zero_counts`, the figures of the station's calibration. `clock`
    returns the station's seconds and `sleep` waits that many of them.
    """

    def __init__(self, path: Path, *, counts_per_gram: float, zero_counts: float, clock: Callable[[], float],
                 sleep: Callable[[float], None]) -> None:
        trace = read_trace(path)
        if trace.unit == "grams":
            self._codes = [round(zero_counts + value * counts_per_gram) for value in trace.values]
        else:
            self._codes = [round(value) for value in trace.values]
        self._offsets_s = [at_s - trace.at_s[0] for at_s in trace.at_s]
        self._clock, self._sleep = clock, sleep
        self._began_s = clock()
        self._next = 0

    def read(self, timeout_s: float) -> list[Sample]:
        """Return the samples that are due; see `agent.devices.Scale`.

        Raises DeviceError `scale.trace-ended` behind the last one.
        """
        if self._next >= len(self._codes):
            raise DeviceError("scale.trace-ended", "the recording has ended.",
                              "The recording has ended: start again, or wire a scale.")
        due_s = self._began_s + self._offsets_s[self._next]
        now_s = self._clock()
        if due_s > now_s:
            self._sleep(min(timeout_s, due_s - now_s))
            now_s = self._clock()
        found: list[Sample] = []
        while self._next < len(self._codes) and self._began_s + self._offsets_s[self._next] <= now_s:
            found.append(Sample(self._began_s + self._offsets_s[self._next], self._codes[self._next]))
            self._next += 1
        return found

    def close(self) -> None:
        """Give nothing back; a file needs no closing."""
