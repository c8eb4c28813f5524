"""Master data from a file: cartons and SKUs from CSV or JSON, row by row, with units named or refused."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent.packing.clearance import BY_SOURCE_MM
from agent.packing.intake import LONGEST_MM
from agent.packing.model import Carton, Reason, Triple
from agent.packing.units import UnitError, amount, column

T = TypeVar("T")

LIGHTEST_G_PER_L, HEAVIEST_G_PER_L = 5, 23_000
"""From a bag of foam to above lead and gold ware: outside, the unit of a size or weight is wrong."""

TRUE, FALSE = {"1", "true", "yes", "y", "x"}, {"", "0", "false", "no", "n", "none"}


@dataclass(frozen=True, slots=True)
class Sku:
    """What master data say of a SKU. None is unknown."""

    sku: str
    barcodes: tuple[str, ...]
    dims_mm: Triple | None
    weight_g: int | None
    upright: bool
    max_load_g: int | None
    size_from: str = ""
    """Where the size came from: `dimensioner`, `supplier` or `typed`; empty: nobody said."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not taken: its number in the file (the header is row 1 of a CSV) and why."""

    row: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file holds: the good rows, and the others with their reasons."""

    cartons: tuple[Carton, ...]
    skus: tuple[Sku, ...]
    refused: tuple[Refused, ...]


class _Row:
    """One row by plain column name, with the unit that each column names."""

    def __init__(self, cells: Mapping[str, object], units: Mapping[str, str]) -> None:
        self._cells: dict[str, tuple[object, str | None]] = {}
        self._default = units
        for name, value in cells.items():
            plain, unit = column(str(name))
            if value is None or value == "":
                self._cells.setdefault(plain, (None, unit))
            elif self._cells.get(plain, (None, None))[0] is not None:
                raise UnitError("unit.mixed", f"{plain} is given twice, in different units: keep one.")
            else:
                self._cells[plain] = (value, unit)

    def text(self, name: str) -> str:
        value = self._cells.get(name, (None, None))[0]
        return "" if value is None else str(value).strip()

    def has(self, name: str) -> bool:
        return name in self._cells

    def length(self, name: str, *, up: bool) -> int | None:
        value, unit = self._cells.get(name, (None, None))
        found = amount(value, "length", unit or self._default.get("length"), "up" if up else "down", name)
        if found is not None and not 1 <= found <= LONGEST_MM:
            raise UnitError("unit.range", f"{name} is {found} mm: outside 1 to {LONGEST_MM} mm. Is the unit right?")
        return found

    def weight(self, name: str) -> int | None:
        value, unit = self._cells.get(name, (None, None))
        found = amount(value, "weight", unit or self._default.get("weight"), "near", name)
        return None if found is None else max(found, 1)

    def money(self, name: str) -> int | None:
        value, unit = self._cells.get(name, (None, None))
        return amount(value, "money", unit or self._default.get("money"), "near", name)

    def edges(self, prefix: str, *, up: bool) -> Triple | None:
        """Return three edges from `{prefix}` (a list) or `{prefix}_length`, `_width`, `_height`; None when unknown."""
        value, unit = self._cells.get(prefix or "dims", (None, None))
        names = [f"{prefix}_{edge}" if prefix else edge for edge in ("length", "width", "height")]
        if isinstance(value, Sequence) and not isinstance(value, str):
            if len(value) != 3:
                raise UnitError("size.three-edges", f"{prefix or 'dims'} must be three edges.")
            parts = dict(zip(names, value, strict=True))
            listed = _Row({f"{name}_{unit}" if unit else name: part for name, part in parts.items()}, self._default)
            return listed.edges(prefix, up=up)
        found = [self.length(name, up=up) for name in names]
        if all(edge is None for edge in found):
            return None
        if any(edge is None for edge in found):
            raise UnitError("size.three-edges", f"{' '.join(names)}: all three edges or none.")
        length, width, height = (edge for edge in found if edge is not None)
        return length, width, height

    def flag(self, name: str) -> bool:
        text = self.text(name).lower()
        if text in TRUE:
            return True
        if text in FALSE:
            return False
        raise UnitError("row.flag", f"{name} is {text!r:.20}: say yes or no, or leave it empty.")


def _sku(row: _Row) -> Sku:
    name = row.text("sku")
    if not name:
        raise UnitError("row.sku", "A row without a sku.")
    dims, weight_g = row.edges("", up=True), row.weight("weight")
    if dims is not None and weight_g is not None:
        g_per_l = weight_g * 1_000_000 // (dims[0] * dims[1] * dims[2])
        if not LIGHTEST_G_PER_L <= g_per_l <= HEAVIEST_G_PER_L and weight_g > 5:
            shown = "x".join(map(str, dims))
            raise UnitError("unit.density", f"{name}: {weight_g} g in {shown} mm is {g_per_l} g/l; one of the units "
                            "must be wrong.")
    max_load_g = 0 if row.flag("fragile") else row.weight("max_load")
    barcodes = tuple(code for code in row.text("barcodes").replace(";", " ").split() or row.text("barcode").split())
    source = row.text("size_from").lower()
    if source and source not in BY_SOURCE_MM:
        raise UnitError("row.size-from", f"{name}: size_from is {source!r:.20}: say {', '.join(BY_SOURCE_MM)}, or "
                        "leave it empty.")
    return Sku(name, barcodes, dims, weight_g, row.flag("upright"), max_load_g, source)


def _carton(row: _Row) -> Carton:
    name = row.text("carton") or row.text("id")
    inner, outer = row.edges("inner", up=False), row.edges("outer", up=True)
    if not name:
        raise UnitError("carton.id", "A row without a carton id.")
    if inner is None or outer is None:
        raise UnitError("carton.size-unknown", f"Carton {name}: inner and outer size are both needed.")
    if any(out < into for out, into in zip(outer, inner, strict=True)):
        raise UnitError("carton.outer-smaller", f"Carton {name} is smaller outside than inside.")
    tare_g, max_gross_g = row.weight("tare"), row.weight("max_weight")
    if tare_g is None or max_gross_g is None:
        raise UnitError("carton.weight-unknown", f"Carton {name}: tare and max_weight are both needed.")
    cost = row.money("cost")
    if cost is None:
        raise UnitError("carton.cost-unknown", f"Carton {name}: cost is unknown; without it no carton is the cheapest.")
    stock = row.text("stock")
    if stock and not stock.isdecimal():
        raise UnitError("carton.number", f"Carton {name}: stock must be a whole number or empty.")
    return Carton(name, inner, outer, tare_g, max_gross_g, cost, int(stock) if stock else None)


def from_rows(rows: Sequence[tuple[int, Mapping[str, object]]], units: Mapping[str, str]) -> Imported:
    """Return cartons and SKUs from numbered rows. `units` names what columns leave out, such as `{"length": "mm"}`.

    A row with `sku` is a SKU, one with `carton` or an inner size a carton. Of rows with the same id none is taken.
    """
    cartons: list[tuple[int, Carton]] = []
    skus: list[tuple[int, Sku]] = []
    refused: list[Refused] = []
    for number, cells in rows:
        try:
            row = _Row(cells, units)
            if row.has("sku"):
                skus.append((number, _sku(row)))
            else:
                cartons.append((number, _carton(row)))
        except UnitError as fault:
            about = str(cells.get("sku") or cells.get("carton") or cells.get("id") or "")
            refused.append(Refused(number, Reason(fault.code, str(fault), about)))
    kept_cartons = _once([(number, carton.id, carton) for number, carton in cartons], refused)
    kept_skus = _once([(number, sku.sku, sku) for number, sku in skus], refused)
    return Imported(tuple(kept_cartons), tuple(kept_skus), tuple(sorted(refused, key=lambda one: one.row)))


def _once(rows: Sequence[tuple[int, str, T]], refused: list[Refused]) -> list[T]:
    times: dict[str, int] = {}
    for _, name, _ in rows:
        times[name] = times.get(name, 0) + 1
    refused += [Refused(number, Reason("row.duplicate", f"{name} is in the file {times[name]} times.", name))
                for number, name, _ in rows if times[name] > 1]
    return [one for _, name, one in rows if times[name] == 1]


def from_csv(text: str) -> Imported:
    """Return what a CSV file holds; separator comma, semicolon or tab, header in row 1.

    Raises UnitError when the file has no header or the header names a column twice.
    """
    lines = text.lstrip("\ufeff").splitlines()
    if not lines:
        raise UnitError("file.empty", "The file is empty.")
    separator = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=separator)
    header = [name.strip() for name in next(reader)]
    if len(set(header)) != len(header):
        raise UnitError("file.header", "The header names a column twice.")
    rows = [(number, dict(zip(header, cells, strict=False))) for number, cells in enumerate(reader, 2) if any(cells)]
    return from_rows([(number, dict(cells)) for number, cells in rows], {})


def from_json(raw: object) -> Imported:
    """Return what a JSON file holds: a list of rows, or `{"units": {...}, "cartons": [...], "skus": [...]}`.

    `units` names the unit of each kind for columns that do not: `{"length": "mm", "weight": "g", "money": "cents"}`.
    Raises UnitError when the file is of another shape.
    """
    units: Mapping[str, str] = {}
    listed: list[object] = []
    if isinstance(raw, Mapping):
        named = raw.get("units", {})
        if not isinstance(named, Mapping) or not set(named) <= {"length", "weight", "money"}:
            raise UnitError("file.units", 'units must name "length", "weight" or "money".')
        units = {str(kind): str(unit) for kind, unit in named.items()}
        for part in ("cartons", "skus"):
            rows = raw.get(part, [])
            listed += rows if isinstance(rows, list) else [rows]
    elif isinstance(raw, list):
        listed = raw
    if not listed:
        raise UnitError("file.shape", "The file holds no list of cartons or skus.")
    good = [(at, row) for at, row in enumerate(listed, 1) if isinstance(row, Mapping)]
    read = from_rows(good, units)
    bad = tuple(Refused(at, Reason("row.shape", "A row must be an object.")) for at, row in enumerate(listed, 1)
                if not isinstance(row, Mapping))
    return Imported(read.cartons, read.skus, read.refused + bad)
