"""Text to lines: cleaning, grapheme clusters, break opportunities, and lines of runs that one font can draw.

Shaping is HarfBuzz inside Pillow (raqm), one call a run; direction and order of the runs come from `bidi`.
"""

from __future__ import annotations

from dataclasses import dataclass
import unicodedata
from typing import TYPE_CHECKING, Literal

from agent.papers import bidi
from agent.papers.page import Box, PaperError, PaperWarning, points

if TYPE_CHECKING:
    from agent.papers.fonts import Face, Fonts, Weight

Missing = Literal["refuse", "name"]

# Marks and overrides of direction, byte order mark, soft hyphen: a field has one direction, and it is found from its letters.
_STRIPPED = {*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C, 0xFEFF, 0x00AD, 0x2060}
_ZWSP, _ZWNJ, _ZWJ = "\u200b", "\u200c", "\u200d"
_VIRAMA = 9
_NO_START = frozenset("、。，．・：；？！）］｝〕〉》」』】ー々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ％゛゜”’…‥,.:;?!)]}%°")
_NO_END = frozenset("（［｛〔〈《「『【“‘([{＃#$€£￥¥")
_HYPHENS = frozenset("-\u2010/,;")
# Scripts whose letters join, stack or move: without shaping they would be wrong, not only ugly.
_SHAPED = ((0x0590, 0x08FF), (0x0900, 0x0DFF), (0x0E00, 0x0EFF), (0x0F00, 0x109F), (0x1780, 0x17FF), (0x1800, 0x18AF))
_LEADING = {"latin": 1.24, "cjk": 1.26, "shaped": 1.5}
_CJK_RANGES = ((0x1100, 0x11FF), (0x2E80, 0xA4CF), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F),
               (0xFF00, 0xFFEF), (0x20000, 0x3FFFF))
_TIGHT, _GAP = 1.1, 2


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
    """Return the text in NFC on one line: no control characters, no direction marks, blanks folded.

    >>> clean("a\\u202eb\\x00  c\\n d")
    'ab c d'
    """
    text = unicodedata.normalize("NFC", text)
    kept = [" " if character in "\t\n\r\v\f\u2028\u2029\u3000" else character for character in text
            if ord(character) not in _STRIPPED
            and (character in "\t\n\r\v\f\u2028\u2029" or unicodedata.category(character) != "Cc")]
    return " ".join("".join(kept).split(" ")).strip() if "  " not in "".join(kept) else " ".join("".join(kept).split())


def clusters(text: str) -> list[str]:
    """Return the text in pieces that must never be torn: base, marks, joiners, Indic conjuncts.

    >>> clusters("é".encode().decode()), clusters("กำ")
    (['é'], ['กำ'])
    """
    found: list[str] = []
    for character in text:
        last = found[-1] if found else ""
        joins = last and (
            unicodedata.category(character) in {"Mn", "Mc", "Me"} or character in {_ZWJ, _ZWNJ, "\u0e33", "\u0eb3"}
            or 0xFE00 <= ord(character) <= 0xFE0F or 0x1F3FB <= ord(character) <= 0x1F3FF
            or last[-1] == _ZWJ or (unicodedata.combining(last[-1]) == _VIRAMA and unicodedata.category(character) == "Lo"))
        if joins and last != " ":
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
    if last in {" ", _ZWSP} or before[0] == " ":
        return True
    if last in _HYPHENS:
        return not first.isdigit()
    if first in _NO_START or last in _NO_END:
        return False
    return is_cjk(before[0]) or is_cjk(first)


@dataclass(frozen=True, slots=True)
class Run:
    """Text that one font draws in one direction, and where it starts from the line's left edge."""

    text: str
    face: Face
    x: int
    rtl: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One set line: runs from left to right, its advance, and its ink relative to (left, baseline)."""

    runs: tuple[Run, ...]
    width: int
    ink: Box
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one field at one size; `baselines` count from the block's top. `cut` says that text was left out."""

    lines: tuple[Line, ...]
    baselines: tuple[int, ...]
    size: int
    width: int
    height: int
    rtl: bool
    language: str
    cut: bool = False


class Typesetter:
    """Sets the fields of one paper in its language and collects what could not be drawn."""

    def __init__(self, fonts: Fonts, language: str) -> None:
        self.fonts = fonts
        self.language = language
        self.warnings: list[PaperWarning] = []
        self._widths: dict[tuple[str, str, int], int] = {}

    def drawable(self, text: str, field: str, missing: Missing, language: str = "") -> str:
        """Return the cleaned text with every character that some font can draw.

        Symbols and emoji without a glyph are left out with a warning. A letter without one raises PaperError
        `paper.glyph-missing` (`refuse`), or is written as `[U+9DD7]` with a warning (`name`). Scripts that need shaping
        raise `paper.shaping-missing` when libfribidi is not installed.
        """
        kept: list[str] = []
        for cluster in clusters(clean(text)):
            self._check_shaping(cluster, field)
            lost = [c for c in cluster if c not in {_ZWJ, _ZWNJ, _ZWSP} and not self._face(c, language)]
            if not lost:
                kept.append(cluster)
            elif all(unicodedata.category(c) in {"So", "Sk", "Mn", "Me", "Cf", "Co"} for c in lost):
                self._warn("paper.symbol-left-out", f"{field}: {_named(lost)} has no glyph and was left out.")
            elif missing == "refuse":
                raise PaperError("paper.glyph-missing", f"{field}: no installed font draws {_named(lost)}.",
                                 "Install fonts-noto-core and fonts-noto-cjk, or send the text in another spelling.")
            else:
                self._warn("paper.glyph-missing", f"{field}: {_named(lost)} has no glyph; its number is printed.")
                kept += [*"".join(f"[U+{ord(c):04X}]" if c in lost else c for c in cluster)]
        return clean("".join(kept))

    def _warn(self, code: str, detail: str) -> None:
        warning = PaperWarning(code, detail)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _face(self, character: str, language: str, weight: Weight = "bold") -> Face | None:
        return self.fonts.face_for(character, language or self.language, weight)

    def _check_shaping(self, cluster: str, field: str) -> None:
        if _in(ord(cluster[0]), _SHAPED) and not bidi.available():
            script = unicodedata.name(cluster[0], "this").split()[0].capitalize()
            raise PaperError("paper.shaping-missing", f"{field}: {script} script needs libfribidi, which is not installed.",
                             "Install it: apt-get install libfribidi0.")

    def block(self, text: str, size_pt: float, width: int, *, weight: Weight = "bold", max_lines: int = 0,
              language: str = "") -> Block:
        """Return drawable text broken into lines of at most `width` dots.

        Breaks after blanks and hyphens and between ideographs, else inside a word between clusters. More than `max_lines`
        (0 is no limit) ends with an ellipsis and `cut` set.
        """
        lines, rtl, cut = self._paragraph(text, points(size_pt), width, weight, max_lines, language or self.language)
        return _block(lines, points(size_pt), _leading(text), rtl=rtl, language=language or self.language, cut=cut)

    def stack(self, texts: list[str], size_pt: float, width: int, *, language: str = "", tight: bool = False) -> Block:
        """Return several paragraphs, such as the lines of an address, on one even grid and aligned to one side.

        `tight` sets them with a tenth of the size between lines: for what would not fit otherwise.
        """
        language = language or self.language
        lines: list[Line] = []
        rtl = False
        for text in texts:
            more, to_left, _ = self._paragraph(text, points(size_pt), width, "bold", 0, language)
            lines += more
            rtl = rtl or to_left
        leading = max((_leading(text) for text in texts), default=1.0)
        return _block(lines, points(size_pt), min(leading, _TIGHT) if tight else leading, rtl=rtl, language=language)

    def _paragraph(self, text: str, size: int, width: int, weight: Weight, max_lines: int,
                   language: str) -> tuple[list[Line], bool, bool]:
        rtl = bidi.base_level(text, rtl=language[:2] in {"ar", "he", "fa", "ur"} and bidi.has_rtl(text)) == 1
        units = clusters(text)
        levels = bidi.levels(text, rtl=rtl)
        faces = self._faces(units, language, weight)
        advance = [self._advance(unit, face, size, language) for unit, face in zip(units, faces, strict=True)]
        spans = self._break(units, advance, width)
        cut = bool(max_lines) and len(spans) > max_lines
        if cut:
            spans = spans[:max_lines]
        starts = _starts(units)
        lines = []
        for i, (first, last) in enumerate(spans):
            ellipsis = cut and i == len(spans) - 1
            lines.append(self._fitted(units, faces, levels, starts, first, last, size, language, width, ellipsis=ellipsis))
        return lines, rtl, cut

    def fit(self, text: str, largest_pt: int, smallest_pt: int, width: int, height: int, **options: object) -> Block | None:
        """Return the block at the largest whole point size that fits the box, or None when the smallest does not."""
        low, high, best = smallest_pt, largest_pt, None
        while low <= high:
            middle = (low + high + 1) // 2
            block = self.block(text, middle, width, **options)  # type: ignore[arg-type]
            if block.height <= height and block.width <= width and not block.cut:
                best, low = block, middle + 1
            else:
                high = middle - 1
        return best

    def _faces(self, units: list[str], language: str, weight: Weight) -> list[Face]:
        faces: list[Face] = []
        for unit in units:
            face = self._face(unit[0], language, weight)
            if face is None or not all(face.covers(c) for c in unit if c not in {_ZWJ, _ZWNJ, _ZWSP}):
                options = [f for c in unit if (f := self._face(c, language, weight)) is not None]
                face = next((f for f in options if all(f.covers(c) for c in unit if c not in {_ZWJ, _ZWNJ, _ZWSP})),
                            options[0] if options else face)
            if face is None:
                raise PaperError("paper.glyph-missing", f"no installed font draws {_named([unit])}.",
                                 "Install fonts-noto-core and fonts-noto-cjk.")
            if unit == " " and faces:
                face = faces[-1]
            faces.append(face)
        return faces

    def _advance(self, unit: str, face: Face, size: int, language: str) -> int:
        key = (unit, face.name, size)
        if key not in self._widths:
            font = self.fonts.sized(face, size)
            self._widths[key] = round(font.getlength(unit, language=_tag(language)) if bidi.available() else font.getlength(unit))
        return self._widths[key]

    def _break(self, units: list[str], advance: list[int], width: int) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        first, used, at = 0, 0, 0
        opportunity = -1
        while at < len(units):
            if at > first and may_break(units[at - 1], units[at]):
                opportunity = at
            if units[at] != " " and used + advance[at] > width and at > first:
                cut = opportunity if opportunity > first else at
                spans.append((first, cut))
                first, at, used, opportunity = cut, cut, 0, -1
                continue
            used += advance[at]
            at += 1
        if first < len(units):
            spans.append((first, len(units)))
        return spans

    def _fitted(self, units: list[str], faces: list[Face], levels: list[int], starts: list[int], first: int, last: int,
                size: int, language: str, width: int, *, ellipsis: bool) -> Line:
        """Set units first..last; the sum of single advances was a guess, so the line is measured and tightened."""
        while last > first and units[last - 1] in {" ", _ZWSP}:
            last -= 1
        while True:
            chosen = list(range(first, last))
            line = self._line([units[i] for i in chosen], [faces[i] for i in chosen], [levels[starts[i]] for i in chosen],
                              size, language, ellipsis=ellipsis)
            if line.width <= width or last - first <= 1 or not ellipsis:
                return line
            last -= 1

    def _line(self, units: list[str], faces: list[Face], levels: list[int], size: int, language: str, *,
              ellipsis: bool) -> Line:
        if ellipsis and (dots_face := self._face("…", language)) is not None:
            units, faces, levels = [*units, "…"], [*faces, dots_face], [*levels, min(levels, default=0)]
        pieces: list[tuple[str, Face, int]] = []
        for unit, face, level in zip(units, faces, levels, strict=True):
            unit = unit.replace(_ZWSP, "")  # noqa: PLW2901 (a break opportunity has no ink)
            if pieces and pieces[-1][1] is face and pieces[-1][2] == level:
                pieces[-1] = (pieces[-1][0] + unit, face, level)
            else:
                pieces.append((unit, face, level))
        x, runs, ink = 0, [], (1 << 30, 1 << 30, -(1 << 30), -(1 << 30))
        for index in bidi.visual_order([level for _, _, level in pieces]):
            text, face, level = pieces[index]
            if not text:
                continue
            rtl = level % 2 == 1
            font = self.fonts.sized(face, size)
            options = _options(language, rtl=rtl)
            left, top, right, bottom = font.getbbox(text, mode="1", anchor="ls", **options)
            runs.append(Run(text, face, x, rtl))
            if right > left and bottom > top:
                ink = (min(ink[0], int(x + left)), min(ink[1], int(top)), max(ink[2], int(x + right)), max(ink[3], int(bottom)))
            x += round(font.getlength(text, mode="1", **options))
        if ink[2] < ink[0]:
            ink = (0, 0, 0, 0)
        return Line(tuple(runs), max(x, ink[2]), ink, "".join(units))


def _options(language: str, *, rtl: bool) -> dict[str, str]:
    """Return Pillow's shaping options, none without raqm."""
    return {"direction": "rtl" if rtl else "ltr", "language": _tag(language)} if bidi.available() else {}


run_options = _options


def _tag(language: str) -> str:
    return language or "en"


def _starts(units: list[str]) -> list[int]:
    starts, at = [], 0
    for unit in units:
        starts.append(at)
        at += len(unit)
    return starts


def _leading(text: str) -> float:
    if any(_in(ord(c), _SHAPED) for c in text):
        return _LEADING["shaped"]
    return _LEADING["cjk"] if any(ord(c) >= 0x2E80 for c in text) else _LEADING["latin"]


def _block(lines: list[Line], size: int, leading: float, *, rtl: bool, language: str, cut: bool = False) -> Block:
    baselines, height = _baselines(lines, size, leading)
    return Block(tuple(lines), baselines, size, max((line.width for line in lines), default=0), height, rtl, language, cut)


def _baselines(lines: list[Line], size: int, leading: float) -> tuple[tuple[int, ...], int]:
    """Return baselines on an even grid, opened where the ink of two lines would touch, and the block's height."""
    found: list[int] = []
    for i, line in enumerate(lines):
        if i == 0:
            found.append(max(round(size * 0.8), -line.ink[1]))
            continue
        needed = lines[i - 1].ink[3] - line.ink[1] + _GAP
        found.append(found[-1] + max(round(size * leading), needed))
    height = max(found[-1] + lines[-1].ink[3], found[-1] + round(size * 0.2)) if lines else 0
    return tuple(found), height


def _named(characters: list[str]) -> str:
    return ", ".join(f"U+{ord(c):04X}" for text in characters for c in text)
