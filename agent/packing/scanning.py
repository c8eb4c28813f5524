"""Items scanned into a parcel: checked against the job, counted, serial and lot numbers kept, weight steps compared.

All functions take the state and return the next one with what happened; nothing here knows a scanner or a scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLEAR_SD = 4.0
"""A weight step names an item when it is this many sd away from zero and from every other open item."""
STEP_WINDOW_MS = 4_000
"""How long a scan may wait for its weight step, and a step for its scan."""


class Outcome(StrEnum):
    """What a scan was."""

    COUNTED = "counted"
    WRONG_ITEM = "wrong-item"
    OVER_PICK = "over-pick"
    NOT_A_PRODUCT = "not-a-product"
    SERIAL_WANTED = "serial-wanted"
    LOT_WANTED = "lot-wanted"
    SERIAL_TWICE = "serial-twice"


@dataclass(frozen=True, slots=True)
class Line:
    """One SKU of a job: units ordered, the barcodes that mean it with the units each stands for, what to capture."""

    sku: str
    qty: int
    barcodes: Mapping[str, int]
    capture: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scan:
    """One barcode as read. `code`: GTIN (AI 01) or any other product code; serial is AI 21, lot AI 10."""

    code: str
    serial: str | None = None
    lot: str | None = None


@dataclass(frozen=True, slots=True)
class Captured:
    """A serial or lot number that went into the parcel."""

    sku: str
    units: int
    serial: str | None
    lot: str | None


@dataclass(frozen=True, slots=True)
class Scanning:
    """How far a parcel is: units counted and units given up as short, by SKU."""

    lines: tuple[Line, ...]
    counted: Mapping[str, int] = field(default_factory=dict)
    short: Mapping[str, int] = field(default_factory=dict)
    captured: tuple[Captured, ...] = ()
    scans_waiting: tuple[tuple[str, int], ...] = ()
    """SKU and time of scans that no weight step has answered."""
    steps_waiting: tuple[tuple[str, int], ...] = ()
    """SKU and time of clear weight steps that no scan has answered."""

    @property
    def complete(self) -> bool:
        return not self.open

    @property
    def open(self) -> dict[str, int]:
        """Units that are neither counted nor given up, by SKU."""
        left = {line.sku: line.qty - self.counted.get(line.sku, 0) - self.short.get(line.sku, 0) for line in self.lines}
        return {sku: count for sku, count in left.items() if count > 0}

    @property
    def shipped(self) -> dict[str, int]:
        """Units that really go out, by SKU: what the inventory movements say."""
        return {sku: count for sku, count in self.counted.items() if count}


def gtin14(code: str) -> str | None:
    """Return a GTIN-8, -12, -13 or -14 as 14 digits, or None when it is none or its check digit is wrong.

    GS1 General Specifications 7.9: weights 3 and 1 in turn from the right, the sum with the check digit divisible
    by 10.

    >>> gtin14("4006381333931")
    '04006381333931'
    >>> gtin14("4006381333932") is None
    True
    """
    if len(code) not in {8, 12, 13, 14} or not (code.isascii() and code.isdecimal()):
        return None
    digits = code.zfill(14)
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(digits))
    return digits if total % 10 == 0 else None


def _same(code: str, barcode: str) -> bool:
    return code == barcode or (gtin14(code) is not None and gtin14(code) == gtin14(barcode))


def scan(state: Scanning, read: Scan, at_ms: int) -> tuple[Scanning, Outcome, str]:
    """Return the state after a scan, what the scan was, and the SKU that it is about (empty for a stranger).

    Only COUNTED changes anything. A code of no line is a wrong item when it is a GTIN, else not a product at all.
    """
    found = [(line, units) for line in state.lines for barcode, units in line.barcodes.items()
             if _same(read.code, barcode)]
    if not found:
        return state, Outcome.WRONG_ITEM if gtin14(read.code) else Outcome.NOT_A_PRODUCT, ""
    line, units = next(((one, n) for one, n in found if state.open.get(one.sku, 0) >= n), found[0])
    if state.open.get(line.sku, 0) < units:
        return state, Outcome.OVER_PICK, line.sku
    if "serial" in line.capture and not read.serial:
        return state, Outcome.SERIAL_WANTED, line.sku
    if "lot" in line.capture and not read.lot:
        return state, Outcome.LOT_WANTED, line.sku
    if read.serial and any((one.sku, one.serial) == (line.sku, read.serial) for one in state.captured):
        return state, Outcome.SERIAL_TWICE, line.sku
    kept = Captured(line.sku, units, read.serial if "serial" in line.capture else None,
                    read.lot if "lot" in line.capture else None)
    counted = {**state.counted, line.sku: state.counted.get(line.sku, 0) + units}
    state = replace(state, counted=counted, captured=(*state.captured, kept) if line.capture else state.captured)
    answered = _without(state.steps_waiting, line.sku)
    if answered is not None:
        return replace(state, steps_waiting=answered), Outcome.COUNTED, line.sku
    return replace(state, scans_waiting=(*state.scans_waiting, (line.sku, at_ms))), Outcome.COUNTED, line.sku


def give_up(state: Scanning, sku: str, units: int) -> Scanning:
    """Return the state with units of a SKU declared short: they are not in stock and will not come."""
    units = min(units, state.open.get(sku, 0))
    return replace(state, short={**state.short, sku: state.short.get(sku, 0) + units}) if units > 0 else state


def clear_item(step_g: float, sd_g: float, unit_g: Mapping[str, float], open_skus: Iterable[str]) -> str | None:
    """Return the one open SKU whose unit weight explains a weight step, or None when it is not clear.

    `unit_g` holds the weights that are known well enough. Clear: within 3 sd of that SKU, 4 sd from nothing and from
    every other; an open SKU of unknown weight makes every step unclear.
    """
    names = list(open_skus)
    if any(sku not in unit_g for sku in names) or abs(step_g) < CLEAR_SD * sd_g:
        return None
    ranked = sorted(names, key=lambda sku: abs(unit_g[sku] - step_g))
    if not ranked or abs(unit_g[ranked[0]] - step_g) > 3 * sd_g:
        return None
    if len(ranked) > 1 and abs(unit_g[ranked[1]] - step_g) < CLEAR_SD * sd_g:
        return None
    return ranked[0]


def weight_step(state: Scanning, sku: str | None, at_ms: int) -> Scanning:
    """Return the state after a weight step that `clear_item` named; an unclear one (None) changes nothing."""
    if sku is None:
        return state
    answered = _without(state.scans_waiting, sku)
    if answered is not None:
        return replace(state, scans_waiting=answered)
    return replace(state, steps_waiting=(*state.steps_waiting, (sku, at_ms)))


def overdue(state: Scanning, at_ms: int, clear_skus: Iterable[str]) -> tuple[Scanning, list[str], list[str]]:
    """Return the state without what waited too long, the SKUs placed but not scanned, and those scanned but not placed.

    Only SKUs in `clear_skus`, whose steps the scale would have seen, are told as not placed.
    """
    late = at_ms - STEP_WINDOW_MS
    visible = set(clear_skus)
    not_scanned = [sku for sku, since in state.steps_waiting if since <= late]
    not_placed = [sku for sku, since in state.scans_waiting if since <= late and sku in visible]
    return replace(
        state,
        steps_waiting=tuple(one for one in state.steps_waiting if one[1] > late),
        scans_waiting=tuple(one for one in state.scans_waiting if one[1] > late),
    ), not_scanned, not_placed


def _without(waiting: tuple[tuple[str, int], ...], sku: str) -> tuple[tuple[str, int], ...] | None:
    """Return what waits without the oldest entry of a SKU, or None when it has none."""
    for at, (name, _) in enumerate(waiting):
        if name == sku:
            return waiting[:at] + waiting[at + 1:]
    return None
