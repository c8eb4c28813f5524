"""Thai writes no blanks between words: breaks come from libthai's dictionary, without it only from blanks."""

from __future__ import annotations

import ctypes
from functools import cache

_FIRST, _LAST = "\u0e01", "\u0e5b"


@cache
def _library() -> tuple[ctypes.CDLL, int] | None:
    try:
        library = ctypes.CDLL("libthai.so.0")
    except OSError:
        return None
    library.th_brk_new.restype = ctypes.c_void_p
    library.th_brk_new.argtypes = [ctypes.c_char_p]
    library.th_brk_find_breaks.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.POINTER(ctypes.c_int),
        ctypes.c_size_t,
    ]
    brk = library.th_brk_new(None)
    return (library, brk) if brk else None


def word_breaks(text: str) -> frozenset[int]:
    """Return the positions at which a Thai word begins inside a run of Thai letters; empty without libthai.

    >>> word_breaks("Straße")
    frozenset()
    """
    found: set[int] = set()
    start = 0
    while start < len(text):
        end = start
        while end < len(text) and _FIRST <= text[end] <= _LAST:
            end += 1
        if end - start > 1:
            found |= {start + position for position in _breaks(text[start:end])}
        start = end + 1
    return frozenset(found)


def _breaks(word: str) -> list[int]:
    library = _library()
    if library is None:
        return []
    positions = (ctypes.c_int * len(word))()
    count = library[0].th_brk_find_breaks(library[1], word.encode("iso8859-11", "replace"), positions, len(word))
    return [position for position in positions[:count] if 0 < position < len(word)]
