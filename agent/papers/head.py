"""The top that slip and waiting slip share: bands, pair code, numbers, proof mark, job code, titled fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import SMALLEST_MODULE, Symbol, encode
from agent.papers.page import PaperError
from agent.papers.sheet import too_wide
from agent.papers.words import both, known, word

if TYPE_CHECKING:
    from agent.papers.codes import Encoded
    from agent.papers.sheet import Sheet
    from agent.papers.typeset import Block, Typesetter

MARGIN = 12
GAP = 16
MARK_MODULE, _LARGEST_MODULE, MARK_SIDE = 14, 18, 252
MARK_LONGEST = 16
JOB_MODULE = 4
_BAND = 104
_TITLE_PT, _VALUE_PT, _FAR_PT, _NEAR_PT = 7, 10, 24, 14
_PAIR_PT = 44
_BARS = 118


def must_fit(block: Block | None, field: str, text: str) -> Block:
    """Return the block; raises PaperError `paper.text-too-long` for a text that may not be cut and does not fit."""
    if block is None:
        raise PaperError("paper.text-too-long", f"{field}: {text!r} does not fit.", "Shorten it, or use wider media.")
    return block


def fit_or_cut(setter: Typesetter, text: str, sizes_pt: tuple[int, int], width: int, height: int, field: str) -> Block:
    """Return words as large as their box allows; what is too long ends with an ellipsis and a warning."""
    block = setter.fit([text], sizes_pt, width, height, tight=True)
    lines = 8
    while block is None or block.height > height:
        block = setter.block(text, sizes_pt[0], width, max_lines=lines)
        setter.warn("paper.text-cut", f"{field}: {text!r} is too long and was cut.")
        if lines == 1:
            break
        lines -= 1
    return block


def draw_band(sheet: Sheet, setter: Typesetter, text: str, left: int, top: int, right: int, height: int = _BAND) -> int:
    """Draw white text on a black band, legible at two metres, and return the band's bottom."""
    text = setter.drawable(text, "band", "name")
    inside = right - left - 2 * MARGIN
    block = fit_or_cut(setter, text, (7, _FAR_PT), inside, height - 8, "band")
    sheet.band(left, top, right, top + height)
    sheet.text(block, left + MARGIN, top + (height - block.height) // 2, inside, align="centre", white=True)
    return top + height


def duplicate_words(language: str) -> str:
    """Return DUPLICATE in the order's language and in English.

    >>> duplicate_words("de")
    'DUPLIKAT · DUPLICATE'
    """
    own, english = word(language, "duplicate"), word("en", "duplicate")
    return own if own == english else f"{own} · {english}"


def mark_module(encoded: Encoded, side: int) -> int:
    """Return the dots a module of a proof mark that may be `side` dots large: 14 to 18.

    14 dots are 1.2 mm, 3.2 pixels for a 1080p camera over a field of 60 x 40 cm: what a DataMatrix needs at any angle.
    18 dots are 4.1 pixels; more brings nothing.
    """
    return max(MARK_MODULE, min(_LARGEST_MODULE, side // encoded.width))


def draw_mark(sheet: Sheet, text: str, right: int, top: int, side: int = MARK_SIDE) -> tuple[int, int, int]:
    """Draw the proof mark, its quiet zone in the corner (right, top); return left, bottom and the quiet zone's width.

    Left and bottom are those of the quiet zone.
    """
    if len(text) > MARK_LONGEST:
        raise PaperError(
            "paper.mark-too-long",
            f"proof mark {text!r} has more than {MARK_LONGEST} characters.",
            "Give a short one: the mark is read from afar.",
        )
    encoded = encode(Symbol.DATAMATRIX, text)
    module = mark_module(encoded, side)
    quiet = encoded.quiet * module
    box = sheet.code(encoded, right - quiet - encoded.width * module, top + quiet, module)
    return box[0] - quiet, box[3] + quiet, quiet


def draw_job_code(sheet: Sheet, setter: Typesetter, job: str, top: int) -> int:
    """Draw the job code across the paper at 4 dots a module, 3 if need be, a QR code if longer; return the bottom."""
    symbol = Symbol.CODE128 if job.isascii() else Symbol.QR
    encoded = encode(symbol, job)
    width = sheet.width
    module = encoded.largest_module(width, largest=JOB_MODULE)
    if module < SMALLEST_MODULE and symbol is Symbol.CODE128:
        setter.warn("paper.code-as-qr", f"job code {job!r} is too long for bars and became a QR code.")
        encoded = encode(Symbol.QR, job)
    if encoded.symbol is Symbol.QR:
        module = encoded.largest_module(width, largest=8)
    if module < SMALLEST_MODULE:
        raise too_wide(encoded, width)
    top += encoded.quiet * module if encoded.symbol is Symbol.QR else 0
    box = sheet.code(encoded, (width - encoded.width * module) // 2, top, module, _BARS)
    below = box[3] + (6 if encoded.symbol is Symbol.CODE128 else encoded.quiet * module)
    text = setter.drawable(job, "job", "name")
    return sheet.text(setter.block(text, 9, width - 2 * MARGIN), MARGIN, below, width - 2 * MARGIN, align="centre")


def draw_number(sheet: Sheet, setter: Typesetter, title: str, value: str, left: int, top: int, width: int) -> int:
    """Draw a small title over a number that is read at one metre; return the bottom of their fixed height."""
    caption = setter.block(both(setter.language, title), _TITLE_PT, width, weight="regular")
    sheet.text(caption, left, top, width, align="left")
    block = must_fit(setter.fit([value], (9, _FAR_PT), width, 86, whole=True), title, value)
    sheet.text(block, left, top + max(caption.height, 34) + 8, width, align="left")
    return top + max(caption.height, 34) + 8 + 86


def draw_field(
    sheet: Sheet,
    setter: Typesetter,
    title: str,
    value: str,
    left: int,
    top: int,
    width: int,
    most_lines: int = 0,
) -> int:
    """Draw a titled field, its value wrapped; return the bottom. Empty values draw nothing.

    More than `most_lines` (0 is no limit) end with an ellipsis and a warning.
    """
    if not value:
        return top
    block = setter.block(value, _VALUE_PT, width, max_lines=most_lines)
    if block.cut:
        setter.warn("paper.text-cut", f"{title}: {value!r} is too long and was cut.")
    caption = setter.block(both(setter.language, title), _TITLE_PT, width, weight="regular")
    top = sheet.text(caption, left, top, width, align="right" if block.rtl else "left")
    return sheet.text(block, left, top + 5, width) + GAP


def draw_head(
    sheet: Sheet, setter: Typesetter, pair: str, mark: str, parcel: tuple[int, int], *, paged: bool, top: int
) -> tuple[int, tuple[int, int, int]]:
    """Draw pair code, parcel number and proof mark; return the bottom and (left, top, width) for the page number."""
    mark_left, mark_bottom, _ = draw_mark(sheet, mark, sheet.width, top)
    width = mark_left - 2 * MARGIN
    block = must_fit(
        setter.fit([setter.drawable(pair, "pair", "refuse")], (24, _PAIR_PT), width, 160, whole=True), "pair", pair
    )
    y = sheet.text(block, MARGIN, top + MARGIN, width, align="left") + GAP
    half = width // 2
    if parcel[0]:
        text = f"{parcel[0]}/{parcel[1]}" if parcel[1] else str(parcel[0])
        draw_number(sheet, setter, "parcel", text, MARGIN, y, half - GAP)
    bottom = y + 128 if parcel[0] or paged else y
    return max(bottom, mark_bottom), (MARGIN + (half if parcel[0] else 0), y, half)


def language_tag(language: str) -> str:
    """Return the tag given to the shaper: region forms of ideographs follow it.

    >>> language_tag("zh-TW")
    'zh-Hant'
    """
    return known(language) if language[:2] == "zh" else language or "en"
