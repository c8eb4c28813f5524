"""What a printed thing is: media, pages, codes, warnings and the one error of this folder.

Dots are the printer's own: 300 to the inch, both ways. Boxes are (left, top, right, bottom) in dots of the final
picture, right and bottom just outside, as in Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

DOTS_PER_INCH = 300
Box = tuple[int, int, int, int]


def dots(length_mm: float) -> int:
    """Return the whole dots nearest to a length.

    >>> dots(25.4)
    300
    """
    return round(length_mm * DOTS_PER_INCH / 25.4)


def points(size_pt: float) -> int:
    """Return a type size in whole dots (72 points to the inch).

    >>> points(9)
    38
    """
    return round(size_pt * DOTS_PER_INCH / 72)


def millimetres(length_dots: int) -> float:
    """Return a length in millimetres, to a tenth.

    >>> millimetres(696)
    58.9
    """
    return round(length_dots * 25.4 / DOTS_PER_INCH, 1)


class PaperError(Exception):
    """A paper that must not be printed. `code` is stable, `detail` says what is wrong, `hint` what to do next."""

    def __init__(self, code: str, detail: str, hint: str) -> None:
        super().__init__(f"{code}: {detail} {hint}")
        self.code = code
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True, slots=True)
class PaperWarning:
    """Something that was left out or changed on a paper that does print."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Media:
    """A roll: its name as the printer's maker counts it, printable dots across, and how long a page may be."""

    name: str
    kind: Literal["endless", "die_cut"]
    dots_w: int
    min_l: int
    max_l: int

    @property
    def printable(self) -> str:
        """Return the printable size in words.

        >>> media("62x100").printable
        '58.9 x 93.9 mm'
        """
        if self.kind == "endless":
            return f"{millimetres(self.dots_w)} mm wide, any length"
        return f"{millimetres(self.dots_w)} x {millimetres(self.max_l)} mm"


# Printable dots of the DK rolls at 300 dpi: Brother QL-800/1100 raster command references, "Page size".
# Endless pages: 12.7 to 1,000 mm.
_ENDLESS = {"29": 306, "38": 413, "50": 554, "54": 590, "62": 696, "62red": 696, "102": 1164, "103": 1200, "104": 1200}
_DIE_CUT = {
    "29x90": (306, 991),
    "39x90": (413, 991),
    "39x48": (425, 495),
    "52x29": (578, 271),
    "60x86": (672, 954),
    "62x29": (696, 271),
    "62x100": (696, 1109),
    "102x51": (1164, 526),
    "102x152": (1164, 1660),
    "103x164": (1200, 1822),
}
MEDIA: dict[str, Media] = {
    name: Media(name, "endless", width, dots(12.7), dots(1000)) for name, width in _ENDLESS.items()
}
MEDIA |= {name: Media(name, "die_cut", width, length, length) for name, (width, length) in _DIE_CUT.items()}


def media(name: str) -> Media:
    """Return the roll of this name. Raises PaperError `paper.media-unknown` with the names that exist."""
    if name not in MEDIA:
        raise PaperError(
            "paper.media-unknown", f"{name!r} is no roll that packbench knows.", f"Use one of {', '.join(MEDIA)}."
        )
    return MEDIA[name]


@dataclass(frozen=True, slots=True)
class Code:
    """A printed code: AIM symbology identifier, the exact bytes, its bars without quiet zone, dots a module.

    `quiet` is the white that it needs on each side, in dots; `linear` codes need it at both ends only.
    """

    ident: str
    content: bytes
    box: Box
    module: int
    quiet: int
    linear: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """One thing on a page: what kind, the box that its ink fills, the box that it was given, and its text."""

    kind: Literal["text", "code", "shape"]
    ink: Box
    field: Box
    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One print job: a picture in mode "1" (0 is ink), exactly as wide as the media's printable dots."""

    image: Image.Image
    width_mm: float
    length_mm: float
    number: int
    of: int
    codes: tuple[Code, ...]
    placed: tuple[Placed, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Paper:
    """All pages of one slip or label, in printing order, and what had to be left out."""

    pages: tuple[Page, ...]
    warnings: tuple[PaperWarning, ...] = ()
