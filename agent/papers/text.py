"""Text before it is set: cleaning, pieces that must not be torn, places where a line may end, leading by script."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Marks and overrides of direction, byte order mark, soft hyphen: a field's letters give its one direction.
_STRIPPED = {*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C, 0xFEFF, 0x00AD, 0x2060}
ZWSP, ZWNJ, ZWJ = "\u200b", "\u200c", "\u200d"
_BLANKS = frozenset("\t\n\r\v\f\u2028\u2029\u3000 ")
_VIRAMA, _WORD, _LONGEST = 9, 3, 16
_NO_START = frozenset(
    "、。，．・：；？！）］｝〕〉》」』】ー々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ％゛゜”’…‥"
    ",.:;?!)]}%°"
)
_NO_END = frozenset("（［｛〔〈《「『【“‘([{＃#$€£￥¥")
_HYPHENS = frozenset("-\u2010/,;")
# Scripts whose letters join, stack or move: without shaping they would be wrong, not only ugly.
_SHAPED = ((0x0590, 0x08FF), (0x0900, 0x0DFF), (0x0E00, 0x0EFF), (0x0F00, 0x109F), (0x1780, 0x17FF), (0x1800, 0x18AF))
_LEADING = {"latin": 1.24, "cjk": 1.26, "shaped": 1.5}
_CJK_RANGES = (
    (0x1100, 0x11FF),
    (0x2E80, 0xA4CF),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFFEF),
    (0x20000, 0x3FFFF),
)


def _in(code_point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= code_point <= end for start, end in ranges)


def is_cjk(character: str) -> bool:
    """Return whether lines may break on both sides of this character (Hangul breaks at spaces).

    >>> is_cjk("区"), is_cjk("가"), is_cjk("a")
    (True, False, False)
    """
    code_point = ord(character)
    return code_point >= 0x2E80 and _in(code_point, _CJK_RANGES) and not 0xAC00 <= code_point <= 0xD7FF


def clean(text: str) -> str:
    r"""Return the text in NFC on one line: no control characters, no direction marks, blanks folded.

    >>> clean("a\u202eb\x00  c\n d")
    'ab c d'
    """
    kept = (
        " " if character in _BLANKS else character
        for character in unicodedata.normalize("NFC", text)
        if character in _BLANKS or not (ord(character) in _STRIPPED or unicodedata.category(character) == "Cc")
    )
    return " ".join(part for part in "".join(kept).split(" ") if part)


def clusters(text: str) -> list[str]:
    """Return the text in pieces that must never be torn: base, marks, joiners, Indic conjuncts.

    >>> clusters("é".encode().decode()), clusters("กำ")
    (['é'], ['กำ'])
    """
    found: list[str] = []
    for character in text:
        last = found[-1] if found else ""
        joins = last and (
            unicodedata.category(character) in {"Mn", "Mc", "Me"}
            or character in {ZWJ, ZWNJ, "\u0e33", "\u0eb3"}
            or 0xFE00 <= ord(character) <= 0xFE0F
            or 0x1F3FB <= ord(character) <= 0x1F3FF
            or last[-1] == ZWJ
            or (unicodedata.combining(last[-1]) == _VIRAMA and unicodedata.category(character) == "Lo")
        )
        if joins and last != " " and len(last) < _LONGEST:
            found[-1] += character
        else:
            found.append(character)
    return found


def may_break(before: str, after: str) -> bool:
    """Return whether a line may end between two clusters.

    >>> may_break("Haupt ", "s"), may_break("区", "西"), may_break("京", "。"), may_break("a", "b")
    (True, True, False, False)
    """
    last, first = before[-1], after[0]
    if first in {" ", "\u00a0"} or last == "\u00a0":
        return False
    if last in {" ", ZWSP} or before[0] == " ":
        return True
    if last in _HYPHENS:
        return not first.isdigit()
    if first in _NO_START or last in _NO_END:
        return False
    return is_cjk(before[0]) or is_cjk(first)


def break_places(units: Sequence[str]) -> frozenset[int]:
    """Return the indexes of the clusters with which a new line may begin.

    A hyphen ends a line only between two parts of three letters and more: Saint-Rémy, not USB-C.

    >>> sorted(break_places(list("Saint-Rémy, USB-C")))
    [6, 12]
    """
    places = {at for at in range(1, len(units)) if may_break(units[at - 1], units[at])}
    return frozenset(at for at in places if units[at - 1][-1] not in _HYPHENS or _stands_between_words(units, at))


def _stands_between_words(units: Sequence[str], at: int) -> bool:
    before, after = units[max(0, at - 1 - _WORD) : at - 1], units[at : at + _WORD]
    return all(len(part) == _WORD and all(unit[0].isalpha() for unit in part) for part in (before, after))


def needs_shaping(character: str) -> bool:
    """Return whether letters of this character's script join, stack or move.

    >>> needs_shaping("ش"), needs_shaping("ß")
    (True, False)
    """
    return character >= "\u0590" and _in(ord(character), _SHAPED)


def leading(text: str) -> float:
    """Return the distance of baselines in type sizes that suits the scripts of a text.

    >>> leading("Straße"), leading("直"), leading("ชื่อ")
    (1.24, 1.26, 1.5)
    """
    if text.isascii():
        return _LEADING["latin"]
    if any(needs_shaping(character) for character in text):
        return _LEADING["shaped"]
    return _LEADING["cjk"] if any(character >= "\u2e80" for character in text) else _LEADING["latin"]


def named(characters: list[str]) -> str:
    """Return code points in words.

    >>> named(["é"])
    'U+00E9'
    """
    return ", ".join(f"U+{ord(character):04X}" for text in characters for character in text)
