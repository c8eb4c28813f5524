"""Which reads are believed. A reader's check digit is no proof: blurred EAN codes are misread with a right one.

What is expected comes first. Anything else must stand by itself: a right check digit where its kind has one, a second
look that agrees for retail codes, and no other text in the same place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.station.gs1 import gtin14, has_check_digit, sscc_of, upca_from_upce
from agent.vision.barcodes_symbologies import MATRIX, RETAIL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from agent.vision.barcodes_decoders import Corners, Read

_GTIN_CARRIERS = RETAIL | {"ITF"}
_TRUSTED = {"regions", "bands", "grey"}
"""Looks at a rectified code, enlarged or averaged: they do not make the misreads of a whole picture's scan lines."""
_PIECES = RETAIL | {"ITF", "Codabar", "Code39", "Code93"}
"""Symbologies as which pieces of another code can be read."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code in a picture.

    `text` is spelled as in the expected set where it is expected. `raw` is what the symbol holds, `identifier` its AIM
    symbology identifier (`]C1` is GS1-128; empty where unknown), `corners` four points in pixels of the picture,
    `stage` the look that read it. `accepted` is whether it may be acted upon; else `why_not` says what speaks against
    it.
    """

    text: str
    raw: bytes
    symbology: str
    identifier: str
    corners: Corners
    stage: str
    accepted: bool
    why_not: str = ""

    def lies_within(self, outline: Sequence[tuple[float, float]]) -> bool:
        """Return whether all its corners lie within a convex outline (in order, in pixels of the same picture).

        This is how a label proves that it is on a box: its code within the outline of the box's face, not beside it.

        >>> square = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
        >>> Code("A", b"A", "Code128", "]C0", ((1, 1), (8, 1), (8, 2), (1, 2)), "fast", True).lies_within(square)
        True
        >>> Code("A", b"A", "Code128", "]C0", ((1, 1), (12, 1), (12, 2), (1, 2)), "fast", True).lies_within(square)
        False
        """
        sides = list(zip(outline, (*outline[1:], *outline[:1]), strict=True))
        for x, y in self.corners:
            turns = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for (ax, ay), (bx, by) in sides]
            if min(turns) < 0 < max(turns):
                return False
        return len(sides) > 2


def same_text(read: Read, expected: str) -> bool:
    """Return whether a read says what is expected: the same text, or for retail codes and ITF-14 the same GTIN."""
    return read.text == expected or (read.symbology in _GTIN_CARRIERS and key(read) in _keys(expected))


def key(read: Read) -> str:
    """Return what makes two reads the same: the GTIN-14 of retail codes, else the text."""
    return (gtin14(read.text) if read.symbology in _GTIN_CARRIERS else None) or read.text


def all_expected(reads: Sequence[Read], expect: Collection[str]) -> bool:
    """Return whether something is expected and all of it was read."""
    return bool(expect) and all(any(same_text(read, text) for read in reads) for text in expect)


def judged(reads: Sequence[Read], expect: Collection[str], formats: Collection[str]) -> list[Code]:
    """Return each different text once, by the first read that has it, the accepted ones first."""
    codes: dict[tuple[str, str], Code] = {}
    for place in _places(reads):
        expected = {key(read): text for read in place for text in expect if same_text(read, text)}
        for read in place:
            text = expected.get(key(read), read.text)
            reason = "" if key(read) in expected else _why_not(read, place, expected, formats, expecting=bool(expect))
            known = codes.get(((read.symbology in MATRIX and read.symbology) or "", key(read)))
            if known is None or (not known.accepted and not reason):
                codes[((read.symbology in MATRIX and read.symbology) or "", key(read))] = Code(
                    text, read.raw, read.symbology, read.identifier, read.corners, read.stage, not reason, reason
                )
    return sorted(codes.values(), key=lambda code: not code.accepted)


def _keys(expected: str) -> set[str]:
    """The GTIN-14 that an expected text can mean: 8 digits may be a GTIN-8 or a UPC-E."""
    return {number for number in (gtin14(expected), gtin14(upca_from_upce(expected) or "")) if number}


def _places(reads: Iterable[Read]) -> list[list[Read]]:
    """Reads grouped by where they are: a read joins the first group that has one in the same place."""
    places: list[list[Read]] = []
    for read in reads:
        for place in places:
            if any(_together(read, other) for other in place):
                place.append(read)
                break
        else:
            places.append([read])
    return places


def _together(a: Read, b: Read) -> bool:
    """Two reads are of one place when one's middle lies in the other.

    A linear code that was read along one slanting scan line has thin corners; then near is enough.
    """
    if a.surrounds(*b.middle) or b.surrounds(*a.middle):
        return True
    near = math.dist(a.middle, b.middle) < 0.3 * min(a.length_px, b.length_px)
    return near and (a.is_thin or b.is_thin)


def _why_not(
    read: Read, place: list[Read], expected: dict[str, str], formats: Collection[str], *, expecting: bool
) -> str:
    if expected:
        return "in its place an expected code was read"
    if any(
        key(other) != key(read) and not (other.symbology in _PIECES and read.symbology not in _PIECES)
        for other in place
    ):
        return "two different texts were read in its place"
    if read.identifier == "]C1" and read.text.startswith("00") and sscc_of(read.text) is None:
        return "the check digit of its SSCC is wrong"
    if read.symbology == "ITF" and "ITF" not in formats and (len(read.text) != 14 or not has_check_digit(read.text)):
        return "an ITF of other than 14 digits is what a cut-off code reads as"
    if read.symbology not in RETAIL:
        return ""
    if gtin14(read.text) is None:
        return "its check digit is wrong"
    if expecting:
        return "it is not expected, and a retail code's check digit alone proves nothing"
    looks = {other.stage for other in place if key(other) == key(read)}
    return (
        ""
        if len(looks) > 1 or looks & _TRUSTED
        else "only one look read it, and a retail code's check digit alone proves nothing"
    )
