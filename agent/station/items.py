"""Items: what a code says of a product, which line of a job it means, what a parcel holds, what a weight step names.

Pure questions about values; what becomes of a scan is in `scans.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.station.gs1 import FNC1, GS1_IDENTIFIERS, elements, gtin14, symbology_identifier, upca_from_upce
from agent.station.values import Piece

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from agent.station.values import Item, Job

Pieces = dict[str, int]
"""How many of each SKU."""

NEAR_SD, APART_SD = 3.0, 4.0
"""A weight step names a SKU within so many sd of its unit weight, and so many from nothing and from every other SKU."""

_LINK = re.compile(r"https?://[^\s?#]*?/01/(\d{14})((?:/\d{2,4}/[^/?#\s]+)*)", re.IGNORECASE)
_PART = re.compile(r"/(\d{2,4})/([^/]+)")


@dataclass(frozen=True, slots=True)
class Read:
    """One code taken apart. `gtins` are the forms in which its product number may stand in a job; `marked` is True when
    serial and lot came under their application identifiers (GS1 General Specifications, 3: 21 serial, 10 batch or lot).
    """

    text: str
    gtins: frozenset[str] = frozenset()
    serial: str = ""
    lot: str = ""
    marked: bool = False


def read(text: str, *, gs1: bool = False) -> Read:
    """Return what a code says of a product: retail code, GS1 element string, GS1 Digital Link, or any other text.

    `gs1` says that its carrier is a GS1 one: `21S-7` is then a serial number, and else may be any text.

    >>> read("010400638133393121S-7")
    Read(text='010400638133393121S-7', gtins=frozenset({'04006381333931'}), serial='S-7', lot='', marked=True)
    >>> sorted(read("4006381333931").gtins), read("https://id.gs1.org/01/04006381333931/10/L7").lot
    (['04006381333931'], 'L7')
    """
    link = _LINK.match(text)
    if link is not None:
        parts = dict(_PART.findall(link[2]))
        return Read(text, _gtins(link[1]), parts.get("21", ""), parts.get("10", ""), marked=True)
    identifier, plain = symbology_identifier(text)
    found = _gtins(plain)
    if found and not gs1:
        return Read(plain, found)
    told = elements(plain)
    number = told.get("01")
    marked = gs1 or identifier in GS1_IDENTIFIERS or number is not None or FNC1 in plain
    if not marked or not told.pairs:
        return Read(plain)
    return Read(plain, _gtins(number or ""), told.get("21") or "", told.get("10") or "", marked=True)


def _gtins(text: str) -> frozenset[str]:
    """Return the GTIN-14 forms of a number: its own, and that of the UPC-A that a UPC-E stands for."""
    return frozenset(number for form in (text, upca_from_upce(text)) if form and (number := gtin14(form)))


def lines_of(job: Job, code: Read) -> list[Item]:
    """Return the lines of a job that a code means: by SKU, by one of the line's barcodes, or by the same GTIN."""
    return [line for line in job.items if line.qty and any(
        code.text == own or (code.gtins and code.gtins & _gtins(own)) for own in (line.sku, *line.barcodes))]


def captured(job: Job, sku: str) -> frozenset[str]:
    """Return what is wanted of each piece of a SKU: `serial`, `lot`, both, or nothing."""
    return frozenset(wanted for line in job.items if line.sku == sku for wanted in line.capture)


def pieces(items: Iterable[Piece]) -> Pieces:
    """Return how many of each SKU were scanned."""
    found: Pieces = {}
    for piece in items:
        found[piece.sku] = found.get(piece.sku, 0) + piece.qty
    return found


def plus(one: Mapping[str, int], other: Mapping[str, int]) -> Pieces:
    """Return both together.

    >>> plus({"a": 1}, {"a": 1, "b": 2})
    {'a': 2, 'b': 2}
    """
    return {sku: one.get(sku, 0) + other.get(sku, 0) for sku in (*one, *(sku for sku in other if sku not in one))}


def minus(one: Mapping[str, int], other: Mapping[str, int]) -> Pieces:
    """Return what is left of one without the other, never below nothing.

    >>> minus({"a": 2, "b": 1}, {"a": 1, "b": 3})
    {'a': 1}
    """
    return {sku: left for sku, count in one.items() if (left := count - other.get(sku, 0)) > 0}


def counted(items: tuple[Piece, ...], piece: Piece) -> tuple[Piece, ...]:
    """Return the scanned items with one more; equal ones are one entry."""
    for place, one in enumerate(items):
        if (one.sku, one.serial, one.lot) == (piece.sku, piece.serial, piece.lot):
            more = Piece(sku=one.sku, qty=one.qty + piece.qty, serial=one.serial, lot=one.lot)
            return (*items[:place], more, *items[place + 1:])
    return (*items, piece)


def manifest(contents: Mapping[str, int], items: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return a parcel's contents for the OMS: each serial or lot number by itself, the rest of a SKU together."""
    numbered = [piece for piece in items if piece.serial or piece.lot]
    rest = minus(contents, pieces(numbered))
    return (*numbered, *(Piece(sku=sku, qty=count) for sku, count in rest.items()))


def words(found: Mapping[str, int]) -> str:
    """Return some pieces as the packer reads them, not too many.

    >>> words({"MUG": 2, "TEA": 1})
    '2 x MUG, 1 x TEA'
    """
    said = [f"{count} x {sku}" for sku, count in found.items()]
    return ", ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def named(step_g: float, sd_g: float, units: Iterable[tuple[str, float, float]], skus: Collection[str]) -> str:
    """Return the one SKU of `skus` whose unit weight explains a weight step up, or an empty text: it is not clear.

    `units` are (SKU, grams, sd) of the weights that are known well enough; a SKU without one makes every step unclear.

    >>> named(101, 2, [("tea", 100, 1), ("cup", 300, 3)], ["tea", "cup"])
    'tea'
    >>> named(101, 2, [("tea", 100, 1)], ["tea", "cup"])
    ''
    """
    known = {sku: (grams, (sd_g**2 + unit_sd_g**2) ** 0.5) for sku, grams, unit_sd_g in units}
    if any(sku not in known for sku in skus) or step_g < APART_SD * sd_g:
        return ""
    off = sorted((abs(known[sku][0] - step_g) / known[sku][1], sku) for sku in set(skus))
    if not off or off[0][0] > NEAR_SD or any(far < APART_SD for far, _ in off[1:]):
        return ""
    return off[0][1]
