"""Which reads are believed. A reader's check digit is no proof: blurred EAN codes are misread with a right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station.gs1 import gtin14, has_check_digit, sscc_of, upca_from_upce
from agent.vision.barcodes_symbologies import ITF14, RETAIL

if TYPE_CHECKING:
    from collections.abc import Collection

    from agent.vision.barcodes_decoders import Read


def same_text(read: Read, expected: str) -> bool:
    """Return whether a read says what is expected: the same text, or for retail codes the same GTIN."""
    if read.text == expected:
        return True
    if read.symbology not in RETAIL and read.symbology not in {"ITF", ITF14}:
        return False
    wanted = {gtin14(expected), gtin14(upca_from_upce(expected) or "")} - {None}
    return gtin14(read.text) in wanted


def why_not(read: Read, formats: Collection[str], *, corroborated: bool, expecting: bool) -> str:
    """Return why a read that nobody expects is not believed, or an empty string."""
    if read.symbology in RETAIL:
        if not has_check_digit(read.text):
            return "its check digit is wrong"
        if expecting:
            return "it is none of the expected codes, and a retail code's check digit alone proves nothing"
        if not corroborated:
            return "only one look read it, and a retail code's check digit alone proves nothing"
    if read.symbology == "ITF" and "ITF" not in formats and gtin14(read.text.zfill(1)) is None:
        return "it is an ITF of other than 14 digits, which a cut-off code reads as"
    if read.identifier == "]C1" and read.text.startswith("00") and sscc_of(read.text) is None:
        return "the check digit of its SSCC is wrong"
    return ""
