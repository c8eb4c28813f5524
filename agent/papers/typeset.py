"""Text to lines of runs: one run is what one font draws in one direction.

Shaping is HarfBuzz inside Pillow (raqm), one call a run; direction and order of the runs come from `bidi`. Lines are
broken by the sum of advances measured once at a reference size, then measured as a whole.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agent.papers import bidi, thai
from agent.papers.page import Box, PaperError, PaperWarning, points
from agent.papers.text import ZWJ, ZWNJ, ZWSP, break_places, clean, clusters, leading, named, needs_shaping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.papers.fonts import Face, Fonts, Weight

Missing = Literal["refuse", "name"]

_REFERENCE = 64
_TIGHT, _GAP = 1.1, 2
_JOINERS = frozenset({ZWJ, ZWNJ, ZWSP})
_RTL_LANGUAGES = frozenset({"ar", "he", "fa", "ur", "yi"})
# What may be left out of a text without a glyph: symbols, their modifiers, marks, formats, private use.
_SYMBOLS = frozenset({"So", "Sk", "Mn", "Me", "Cf", "Co"})
_MOST_CHARACTERS, _CALMER_PT = 2_000, 3


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


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """A paragraph in clusters: face, level, reference advance of each; which ones may begin a line."""

    units: tuple[str, ...]
    faces: tuple[Face, ...]
    levels: tuple[int, ...]
    advances: tuple[float, ...]
    breaks: frozenset[int]
    rtl: bool


def shaping(language: str, *, rtl: bool) -> dict[str, Any]:
    """Return Pillow's shaping options, none without libfribidi (Pillow's raqm loads it when it runs)."""
    return {"direction": "rtl" if rtl else "ltr", "language": language or "en"} if bidi.available() else {}


class Typesetter:
    """Sets the fields of one paper in its language and collects what could not be drawn."""

    def __init__(self, fonts: Fonts, language: str) -> None:
        self.fonts = fonts
        self.language = language
        self.warnings: list[PaperWarning] = []
        self._paragraphs: dict[tuple[str, str, Weight], _Paragraph] = {}

    def drawable(self, text: str, field: str, missing: Missing, language: str = "") -> str:
        """Return the cleaned text with every character that some font can draw.

        Symbols and emoji without a glyph are left out with a warning. A letter without one raises PaperError
        `paper.glyph-missing` (`refuse`), or is written as `[U+9DD7]` with a warning (`name`). Scripts that need shaping
        raise `paper.shaping-missing` when libfribidi is not installed. Names are cut at 2,000 characters, with a
        warning.
        """
        kept: list[str] = []
        if len(text) > _MOST_CHARACTERS:
            if missing == "refuse":
                raise PaperError("paper.text-too-long", f"{field} has {len(text)} characters.", "Shorten it.")
            self.warn("paper.text-cut", f"{field} has {len(text)} characters; the first {_MOST_CHARACTERS} were set.")
            text = text[:_MOST_CHARACTERS]
        for cluster in clusters(clean(text)):
            if needs_shaping(cluster[0]) and not bidi.available():
                script = unicodedata.name(cluster[0], "this").split()[0].capitalize()
                raise PaperError(
                    "paper.shaping-missing",
                    f"{field}: {script} script needs libfribidi, which is missing.",
                    "Install it: apt-get install libfribidi0.",
                )
            lost = [c for c in cluster if c not in _JOINERS and not self._face(c, language)]
            if not lost:
                kept.append(cluster)
            elif all(unicodedata.category(c) in _SYMBOLS for c in lost):
                self.warn("paper.symbol-left-out", f"{field}: {named(lost)} has no glyph and was left out.")
            elif missing == "refuse":
                raise PaperError(
                    "paper.glyph-missing",
                    f"{field}: no installed font draws {named(lost)}.",
                    "Install fonts-noto-core and fonts-noto-cjk, or send the text in another spelling.",
                )
            else:
                self.warn("paper.glyph-missing", f"{field}: {named(lost)} has no glyph; its number is printed.")
                kept += [f"[U+{ord(c):04X}]" if c in lost else c for c in cluster]
        return clean("".join(kept))

    def warn(self, code: str, detail: str) -> None:
        """Remember a warning once."""
        warning = PaperWarning(code, detail)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def block(
        self, text: str, size_pt: float, width: int, *, weight: Weight = "bold", max_lines: int = 0, language: str = ""
    ) -> Block:
        """Return drawable text broken into lines of at most `width` dots.

        Breaks after blanks and hyphens and between ideographs, else inside a word between clusters. More than
        `max_lines` (0 is no limit) ends with an ellipsis and `cut` set.
        """
        size, language = points(size_pt), language or self.language
        paragraph = self._paragraph(text, language, weight)
        lines, cut = self._lines(paragraph, size, width, language, max_lines)
        return _block(lines, size, leading(text), rtl=paragraph.rtl, language=language, cut=cut)

    def stack(
        self, texts: Sequence[str], size_pt: float, width: int, *, language: str = "", tight: bool = False
    ) -> Block:
        """Return several paragraphs, such as the lines of an address, on one even grid and aligned to one side.

        `tight` sets them with a tenth of the size between lines: for what would not fit otherwise.
        """
        size, language = points(size_pt), language or self.language
        paragraphs = [self._paragraph(text, language, "bold") for text in texts]
        lines = [line for paragraph in paragraphs for line in self._lines(paragraph, size, width, language, 0)[0]]
        spacing = max((leading(text) for text in texts), default=1.0)
        return _block(
            lines,
            size,
            min(spacing, _TIGHT) if tight else spacing,
            language=language,
            rtl=any(paragraph.rtl for paragraph in paragraphs),
        )

    def fit(
        self,
        texts: Sequence[str],
        sizes_pt: tuple[int, int],
        width: int,
        height: int,
        *,
        language: str = "",
        tight: bool = False,
        whole: bool = False,
    ) -> Block | None:
        """Return the paragraphs at the largest whole point size of (smallest, largest) that fits the box, or None.

        A size up to 3 points smaller is taken when fewer lines need breaking. `tight` permits tight leading at the
        smallest size; `whole` forbids to break paragraphs.
        """
        smallest, largest = sizes_pt
        language = language or self.language
        low, high = smallest, largest
        while low < high:
            middle = (low + high + 1) // 2
            if self._guessed_height(texts, points(middle), width, language) <= height:
                low = middle
            else:
                high = middle - 1
        calmer = range(low, max(smallest, low - _CALMER_PT) - 1, -1)
        start = min(calmer, key=lambda size: (self._guessed_lines(texts, points(size), width, language), -size))
        attempts = [(size, False) for size in range(start, smallest - 1, -1)] + ([(smallest, True)] if tight else [])
        for size, close in attempts:
            block = self.stack(texts, size, width, language=language, tight=close)
            unbroken = not whole or len(block.lines) == len(texts)
            if block.height <= height and block.width <= width and unbroken:
                return block
        return None

    def _guessed_lines(self, texts: Sequence[str], size: int, width: int, language: str) -> int:
        room = width * _REFERENCE / size
        return sum(len(_spans(self._paragraph(text, language, "bold"), room)) for text in texts)

    def _guessed_height(self, texts: Sequence[str], size: int, width: int, language: str) -> float:
        count = self._guessed_lines(texts, size, width, language)
        return size + (count - 1) * size * max((leading(text) for text in texts), default=1.0)

    def _paragraph(self, text: str, language: str, weight: Weight) -> _Paragraph:
        key = (text, language, weight)
        if key not in self._paragraphs:
            rtl = bidi.base_level(text, rtl=language[:2] in _RTL_LANGUAGES and bidi.has_rtl(text)) == 1
            units = clusters(text)
            levels = bidi.levels(text, rtl=rtl)
            faces = self._faces(units, language, weight)
            advances = [self.fonts.advance(unit, face, _REFERENCE) for unit, face in zip(units, faces, strict=True)]
            starts = [0]
            for unit in units:
                starts.append(starts[-1] + len(unit))
            words = thai.word_breaks(text)
            breaks = break_places(units) | {index for index, at in enumerate(starts[:-1]) if at in words}
            at_starts = tuple(levels[at] for at in starts[:-1])
            self._paragraphs[key] = _Paragraph(tuple(units), tuple(faces), at_starts, tuple(advances), breaks, rtl)
        return self._paragraphs[key]

    def _face(self, character: str, language: str, weight: Weight = "bold") -> Face | None:
        return self.fonts.face_for(character, language or self.language, weight)

    def _faces(self, units: list[str], language: str, weight: Weight) -> list[Face]:
        faces: list[Face] = []
        for unit in units:
            needed = [c for c in unit if c not in _JOINERS]
            options = [face for c in needed or " " if (face := self._face(c, language, weight)) is not None]
            if not options:
                raise PaperError(
                    "paper.glyph-missing",
                    f"no installed font draws {named([unit])}.",
                    "Install fonts-noto-core and fonts-noto-cjk.",
                )
            face = next((face for face in options if all(face.covers(c) for c in needed)), options[0])
            faces.append(faces[-1] if unit == " " and faces else face)
        return faces

    def _lines(
        self, paragraph: _Paragraph, size: int, width: int, language: str, max_lines: int
    ) -> tuple[list[Line], bool]:
        room = width
        while True:
            spans = _spans(paragraph, room * _REFERENCE / size)
            cut = bool(max_lines) and len(spans) > max_lines
            spans = spans[:max_lines] if cut else spans
            lines = [self._line(paragraph, span, size, language, ellipsis=cut and span == spans[-1]) for span in spans]
            excess = max((line.width for line in lines), default=0) - width
            if excess <= 0 or room <= width // 2:
                return lines, cut
            room -= excess  # shaped text was wider than its parts; an ellipsis needs room too

    def _line(self, paragraph: _Paragraph, span: tuple[int, int], size: int, language: str, *, ellipsis: bool) -> Line:
        first, last = span
        while last > first and paragraph.units[last - 1] in {" ", ZWSP}:
            last -= 1
        units, faces = list(paragraph.units[first:last]), list(paragraph.faces[first:last])
        levels = list(paragraph.levels[first:last])
        if ellipsis and (face := self._face("…", language)) is not None:
            units, faces, levels = [*units, "…"], [*faces, face], [*levels, int(paragraph.rtl)]
        x, runs, ink = 0, [], (1 << 30, 1 << 30, -(1 << 30), -(1 << 30))
        for text, face, level in _in_visual_order(units, faces, levels):
            font, options = self.fonts.sized(face, size), shaping(language, rtl=level % 2 == 1)
            left, top, right, bottom = font.getbbox(text, mode="1", anchor="ls", **options)
            runs.append(Run(text, face, x, level % 2 == 1))
            if right > left and bottom > top:
                ink = (
                    min(ink[0], int(x + left)),
                    min(ink[1], int(top)),
                    max(ink[2], int(x + right)),
                    max(ink[3], int(bottom)),
                )
            x += round(font.getlength(text, mode="1", **options))
        ink = ink if ink[2] > ink[0] else (0, 0, 0, 0)
        return Line(tuple(runs), max(x, ink[2]) - min(ink[0], 0), ink, "".join(units))


def _in_visual_order(units: list[str], faces: list[Face], levels: list[int]) -> list[tuple[str, Face, int]]:
    pieces: list[tuple[str, Face, int]] = []
    for unit, face, level in zip(units, faces, levels, strict=True):
        text = unit.replace(ZWSP, "")
        if pieces and pieces[-1][1] is face and pieces[-1][2] == level:
            pieces[-1] = (pieces[-1][0] + text, face, level)
        elif text:
            pieces.append((text, face, level))
    return [pieces[index] for index in bidi.visual_order([level for _, _, level in pieces])]


def _spans(paragraph: _Paragraph, width: float) -> list[tuple[int, int]]:
    """Return (first, last) of each line's clusters when lines are `width` reference units wide."""
    units, advances = paragraph.units, paragraph.advances
    spans: list[tuple[int, int]] = []
    first, at, used, opportunity = 0, 0, 0.0, 0
    while at < len(units):
        if at > first and at in paragraph.breaks:
            opportunity = at
        if units[at] != " " and used + advances[at] > width and at > first:
            cut = opportunity if opportunity > first else at
            spans.append((first, cut))
            first, at, used = cut, cut, 0.0
            continue
        used += advances[at]
        at += 1
    if first < len(units):
        spans.append((first, len(units)))
    return spans


def _block(lines: list[Line], size: int, spacing: float, *, rtl: bool, language: str, cut: bool = False) -> Block:
    """Put lines on an even grid, opened where the ink of two lines would touch."""
    baselines: list[int] = []
    for i, line in enumerate(lines):
        if i == 0:
            baselines.append(max(round(size * 0.8), -line.ink[1]))
            continue
        needed = lines[i - 1].ink[3] - line.ink[1] + _GAP
        baselines.append(baselines[-1] + max(round(size * spacing), needed))
    height = max(baselines[-1] + lines[-1].ink[3], baselines[-1] + round(size * 0.2)) if lines else 0
    width = max((line.width for line in lines), default=0)
    return Block(tuple(lines), tuple(baselines), size, width, height, rtl, language, cut)
