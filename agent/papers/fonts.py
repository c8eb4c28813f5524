"""Font files: which characters each can draw (read from its cmap table), and sized faces kept for the next line.

Pillow draws a hollow box for a missing glyph and says nothing, so coverage is asked before drawing.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageFont

Weight = Literal["bold", "regular"]

FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
# One sized CJK face costs 3 MB of memory, the others some tens of kB.
_KEPT_BIG, _KEPT_SMALL, _BIG_BYTES = 3, 48, 4_000_000
_KEPT_ADVANCES = 20_000
# The order of asking. Arabic, Thai, Hebrew and Devanagari are named so that they are found before rarer scripts.
_LATIN = {"bold": "NotoSans-Bold.ttf", "regular": "NotoSans-Regular.ttf"}
_CJK = "NotoSansCJK-Bold.ttc"
_NEXT = ("NotoSansArabic-Bold.ttf", "NotoSansThai-Bold.ttf", "NotoSansHebrew-Bold.ttf", "NotoSansDevanagari-Bold.ttf")
_SPARE_LATIN = {"bold": "DejaVuSans-Bold.ttf", "regular": "DejaVuSans.ttf"}
_CJK_LANGUAGES = ("zh", "ja", "ko")
_FIRST_CJK = "\u2000"


class Face:
    """One font file (the first face of a collection)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        self.is_big = path.stat().st_size > _BIG_BYTES

    @cached_property
    def _ranges(self) -> tuple[list[int], list[int]]:
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return coverage(view)

    def covers(self, character: str) -> bool:
        """Return whether the file has a glyph for this character."""
        starts, ends = self._ranges
        code_point = ord(character)
        i = bisect_right(starts, code_point) - 1
        return i >= 0 and code_point <= ends[i]

    def __repr__(self) -> str:
        return f"Face({self.name})"


def coverage(font: bytes | mmap.mmap) -> tuple[list[int], list[int]]:
    """Return the first and last code points of the ranges that a TrueType or OpenType file maps to glyphs.

    Reads the best Unicode subtable of `cmap`, format 12 before format 4 (OpenType specification, "cmap").
    """
    offset = struct.unpack_from(">I", font, 12)[0] if bytes(font[:4]) == b"ttcf" else 0
    tables = struct.unpack_from(">H", font, offset + 4)[0]
    cmap = 0
    for tag, _, start, _ in struct.iter_unpack(">4sIII", bytes(font[offset + 12 : offset + 12 + 16 * tables])):
        if tag == b"cmap":
            cmap = start
    subtables = struct.unpack_from(">H", font, cmap + 2)[0]
    best: tuple[int, int] = (0, 0)
    for platform, _, relative in struct.iter_unpack(">HHI", bytes(font[cmap + 4 : cmap + 4 + 8 * subtables])):
        form = struct.unpack_from(">H", font, cmap + relative)[0]
        if platform in {0, 3} and form in {4, 12}:
            best = max(best, (form, cmap + relative))
    form, at = best
    pairs = _format_12(font, at) if form == 12 else _format_4(font, at) if form == 4 else iter(())
    return _merged(pairs)


def _format_12(font: bytes | mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
    groups = struct.unpack_from(">I", font, at + 12)[0]
    for start, end, _ in struct.iter_unpack(">III", bytes(font[at + 16 : at + 16 + 12 * groups])):
        yield start, end


def _format_4(font: bytes | mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
    n = struct.unpack_from(">H", font, at + 6)[0] // 2
    ends, starts, _, ranges = (
        struct.unpack_from(f">{n}H", font, at + start + 2 * n * i) for i, start in enumerate((14, 16, 16, 16))
    )
    for i in range(n):
        if starts[i] == 0xFFFF:
            continue
        if ranges[i] == 0:
            yield starts[i], ends[i]
            continue
        for code_point in range(starts[i], ends[i] + 1):
            glyph_at = at + 16 + 6 * n + 2 * i + ranges[i] + 2 * (code_point - starts[i])
            if struct.unpack_from(">H", font, glyph_at)[0]:
                yield code_point, code_point


def _merged(pairs: Iterator[tuple[int, int]]) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    ends: list[int] = []
    for start, end in pairs:
        if ends and start == ends[-1] + 1:
            ends[-1] = end
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


class Fonts:
    """The font files of a station, in the order in which they are asked for a character."""

    def __init__(self, files: list[Path]) -> None:
        by_name = {path.name: Face(path) for path in files}
        self._latin = {weight: self._first(by_name, _LATIN[weight], _SPARE_LATIN[weight]) for weight in _LATIN}
        self._cjk = by_name.get(_CJK)
        rest = [name for name in sorted(by_name) if name.startswith("NotoSans") and name.endswith("-Bold.ttf")]
        self._next = [
            by_name[name] for name in (*(n for n in _NEXT if n in by_name), *(n for n in rest if n not in _NEXT))
        ]
        self._sized: tuple[OrderedDict[tuple[str, int], ImageFont.FreeTypeFont], ...] = (OrderedDict(), OrderedDict())
        self._chosen: dict[tuple[str, bool, str], Face | None] = {}
        self._advances: dict[tuple[str, str, int], float] = {}

    @staticmethod
    def _first(by_name: dict[str, Face], *names: str) -> Face | None:
        return next((by_name[name] for name in names if name in by_name), None)

    @classmethod
    def installed(cls, folders: tuple[Path, ...] = FOLDERS) -> Fonts:
        """Return the Noto (else DejaVu) files below these folders; Debian: fonts-noto-core, fonts-noto-cjk."""
        found = [
            path
            for folder in folders
            for pattern in ("Noto*.tt[fc]", "DejaVuSans*.ttf")
            for path in sorted(folder.rglob(pattern))
        ]
        return cls(found)

    def face_for(self, character: str, language: str, weight: Weight) -> Face | None:
        """Return the file that draws this character in a text of this language, or None when no file can."""
        cjk_first = language[:2] in _CJK_LANGUAGES and character >= _FIRST_CJK
        key = (character, cjk_first, weight)
        if key not in self._chosen:
            self._chosen[key] = self._search(character, weight, cjk_first=cjk_first)
        return self._chosen[key]

    def _search(self, character: str, weight: Weight, *, cjk_first: bool) -> Face | None:
        order: list[Face | None] = [self._latin[weight], self._latin["bold"]]
        order = [self._cjk, *order] if cjk_first else [*order, self._cjk]
        return next((face for face in (*order, *self._next) if face is not None and face.covers(character)), None)

    def advance(self, text: str, face: Face, size: int) -> float:
        """Return how far a cluster moves the pen, in dots, at this many dots to the em."""
        key = (text, face.name, size)
        if key not in self._advances:
            if len(self._advances) >= _KEPT_ADVANCES:
                self._advances.clear()
            self._advances[key] = self.sized(face, size).getlength(text)
        return self._advances[key]

    def sized(self, face: Face, size: int) -> ImageFont.FreeTypeFont:
        """Return the face at this many dots to the em; the least recently used ones are given up."""
        from PIL import ImageFont

        kept = self._sized[face.is_big]
        key = (str(face.path), size)
        font = kept.pop(key, None)
        if font is None:
            font = ImageFont.truetype(str(face.path), size)
            if len(kept) >= (_KEPT_BIG if face.is_big else _KEPT_SMALL):
                kept.popitem(last=False)
        kept[key] = font
        return font
