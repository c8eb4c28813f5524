"""The two readers, zxing-cpp and zbar, brought to one form: `Read`.

Their names for symbologies, orders of corners and ways to hide FNC1 differ; nothing above this file needs to know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from agent.station.gs1 import upca_from_upce
from agent.vision.barcodes_symbologies import ITF14, MATRIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from agent.vision.barcodes_views import View

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""Four points in pixels of the picture, top left first as the code is read, then clockwise."""


@dataclass(frozen=True, slots=True)
class Read:
    """One text that one reader got from one view; not yet believed.

    `raw` is the symbol's bytes, `identifier` the AIM symbology identifier (ISO/IEC 15424) such as `]C1`, or empty where
    the reader does not tell it.
    """

    text: str
    raw: bytes
    symbology: str
    identifier: str
    corners: Corners
    stage: str

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of its corners."""
        return sum(x for x, _ in self.corners) / 4, sum(y for _, y in self.corners) / 4

    @property
    def length_px(self) -> float:
        """The longer side."""
        a, b, _, d = self.corners
        return max(math.dist(a, b), math.dist(a, d))

    @property
    def is_thin(self) -> bool:
        """Whether the corners span little more than one scan line, and so do not tell how high the code is."""
        a, b, _, d = self.corners
        return min(math.dist(a, b), math.dist(a, d)) < 0.06 * self.length_px

    def surrounds(self, x: float, y: float) -> bool:
        """Return whether a point of the picture lies within the corners."""
        sides = zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)
        turns = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for (ax, ay), (bx, by) in sides]
        return all(turn >= 0 for turn in turns) or all(turn <= 0 for turn in turns)


def read_zxing(view: View, formats: Collection[str], *, rotate: bool = False, every: bool = False) -> list[Read]:
    """Return what zxing-cpp reads in `view`.

    `rotate` also tries the view turned by 90 degrees; `every` also inverted and reduced (six times the time).
    """
    import zxingcpp

    wanted = _zxing_formats(frozenset(formats))
    if not wanted:
        return []
    barcodes = zxingcpp.read_barcodes(
        view.pixels,
        formats=wanted,
        try_rotate=rotate or every,
        try_invert=every,
        try_downscale=every,
        text_mode=zxingcpp.TextMode.Plain,
    )
    return [_from_zxing(barcode, view) for barcode in barcodes]


def read_zbar(view: View, formats: Collection[str]) -> list[Read]:
    """Return what zbar reads in `view`; nothing where pyzbar or Debian's libzbar0 is missing.

    zbar drops a leading FNC1, so its Code 128 has no identifier: GS1-128 and plain Code 128 cannot be told apart.
    """
    zbar = _zbar()
    if zbar is None:
        return []
    wanted = [getattr(zbar.ZBarSymbol, zbar_name) for zbar_name, name in _ZBAR_NAMES.items() if name in formats]
    return list(_from_zbar(zbar.decode(view.pixels, symbols=wanted), view)) if wanted else []


@cache
def _zbar() -> Any:  # noqa: ANN401 (pyzbar has no types)
    try:
        from pyzbar import pyzbar
    except ImportError:  # also raised where the shared library is missing
        return None
    return pyzbar


@cache
def _zxing_formats(names: frozenset[str]) -> Any:  # noqa: ANN401 (the binding's own type)
    import zxingcpp

    return [getattr(zxingcpp.BarcodeFormat, "ITF" if name == ITF14 else name) for name in sorted(names)]


_ZXING_NAMES = {
    "Code 128": "Code128",
    "Code 39": "Code39",
    "Code 93": "Code93",
    "EAN-13": "EAN13",
    "EAN-8": "EAN8",
    "UPC-A": "UPCA",
    "UPC-E": "UPCE",
    "QR Code": "QRCode",
    "Data Matrix": "DataMatrix",
}
_ZBAR_NAMES = {
    "CODE128": "Code128",
    "CODE39": "Code39",
    "CODE93": "Code93",
    "EAN13": "EAN13",
    "EAN8": "EAN8",
    "UPCA": "UPCA",
    "UPCE": "UPCE",
    "CODABAR": "Codabar",
    "I25": "ITF",
}
# The identifiers that follow from the symbology alone; zbar tells no others.
_ZBAR_IDENTIFIERS = {"EAN13": "]E0", "UPCA": "]E0", "UPCE": "]E0", "EAN8": "]E4", "ITF": "]I0", "Codabar": "]F0"}


def _from_zxing(barcode: Any, view: View) -> Read:  # noqa: ANN401 (the binding's own type)
    name = str(barcode.format)
    symbology = _ZXING_NAMES.get(name, name)
    at = barcode.position
    points = [(p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)]
    read = Read(
        barcode.text, bytes(barcode.bytes), symbology, barcode.symbology_identifier, view.in_picture(points), view.stage
    )
    if symbology in MATRIX:
        return read
    return replace(read, text=_as_printed(read.text, symbology), symbology=_retail_name(read.text, symbology))


def _from_zbar(symbols: list[Any], view: View) -> Iterator[Read]:
    for symbol in symbols:
        symbology = _ZBAR_NAMES.get(symbol.type)
        if symbology is None:
            continue
        raw = bytes(symbol.data)
        text = raw.decode("utf-8", errors="replace")
        # zbar tells the hull of its scan lines; its upright box would reach over a turned code's neighbours.
        hull = np.array([(point.x, point.y) for point in symbol.polygon] or [symbol.rect[:2]], np.float32)
        points = [(float(x), float(y)) for x, y in cv2.boxPoints(cv2.minAreaRect(hull))]
        yield Read(
            _as_printed(text, symbology),
            raw,
            _retail_name(text, symbology),
            _ZBAR_IDENTIFIERS.get(symbology, ""),
            view.in_picture(points),
            view.stage,
        )


def _as_printed(text: str, symbology: str) -> str:
    """A GTIN-12 comes as 13 digits with a leading zero, a UPC-E from zbar as 8; people write the 12."""
    if symbology == "UPCE" and len(text) == 8:
        return upca_from_upce(text) or text
    return text[1:] if symbology in {"EAN13", "UPCA", "UPCE"} and len(text) == 13 and text[0] == "0" else text


def _retail_name(text: str, symbology: str) -> str:
    return "UPCA" if symbology == "EAN13" and len(text) == 13 and text[0] == "0" else symbology
