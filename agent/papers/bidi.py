"""Right-to-left text: embedding levels from libfribidi (Unicode Annex 9), and the visual order of a line."""

from __future__ import annotations

import ctypes
import unicodedata
from functools import cache

# FriBidiParType of fribidi-bidi-types.h: weak directions, so that the first strong letter decides.
_WEAK_LTR, _WEAK_RTL = 0x20, 0x21
_RTL_CLASSES = frozenset({"R", "AL", "AN"})


@cache
def _library() -> ctypes.CDLL | None:
    for name in ("libfribidi.so.0", "libfribidi.0.dylib", "fribidi-0.dll"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def available() -> bool:
    """Return whether libfribidi is installed; without it right-to-left and stacked scripts are refused."""
    return _library() is not None


def has_rtl(text: str) -> bool:
    """Return whether any letter or digit runs from right to left.

    >>> has_rtl("Straße 7"), has_rtl("شارع 7")
    (False, True)
    """
    return any(character >= "\u0590" and unicodedata.bidirectional(character) in _RTL_CLASSES for character in text)


def levels(text: str, *, rtl: bool) -> list[int]:
    """Return one embedding level a character (odd runs right to left) and decide ties by `rtl`.

    The text is one paragraph; its first strong letter gives the direction. Without a right-to-left letter all are 0.
    """
    if not has_rtl(text) and not rtl:
        return [0] * len(text)
    library = _library()
    if library is None:
        return [0] * len(text)
    n = len(text)
    characters = (ctypes.c_uint32 * n)(*map(ord, text))
    types = (ctypes.c_uint32 * n)()
    brackets = (ctypes.c_uint32 * n)()
    found = (ctypes.c_int8 * n)()
    base = ctypes.c_uint32(_WEAK_RTL if rtl else _WEAK_LTR)
    library.fribidi_get_bidi_types(characters, n, types)
    library.fribidi_get_bracket_types(characters, n, types, brackets)
    library.fribidi_get_par_embedding_levels_ex(types, brackets, n, ctypes.byref(base), found)
    return list(found)


def base_level(text: str, *, rtl: bool) -> int:
    """Return the paragraph's own level: 1 when its first strong letter runs right to left.

    >>> base_level("2 x شارع", rtl=False)
    0
    """
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind == "L":
            return 0
        if kind in {"R", "AL"}:
            return 1
    return 1 if rtl else 0


def visual_order(run_levels: list[int]) -> list[int]:
    """Return the indexes of runs from left to right (rule L2: reverse from the highest level down).

    >>> visual_order([0, 1, 2, 1, 0])
    [0, 3, 2, 1, 4]
    """
    order = list(range(len(run_levels)))
    for level in range(max(run_levels, default=0), 0, -1):
        start = 0
        while start < len(order):
            if run_levels[order[start]] < level:
                start += 1
                continue
            end = start
            while end < len(order) and run_levels[order[end]] >= level:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = end
    return order
