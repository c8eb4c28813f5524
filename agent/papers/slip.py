"""The packing slip: what a packer takes, ticks off and lays on the box. Never prices, payment or telephone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.papers.codes import Symbol, encode
from agent.papers.head import (
    GAP,
    MARGIN,
    draw_band,
    draw_field,
    draw_head,
    draw_job_code,
    draw_number,
    duplicate_words,
    language_tag,
    must_fit,
)
from agent.papers.page import Media, Page, Paper, PaperError, dots
from agent.papers.sheet import Sheet
from agent.papers.typeset import Typesetter
from agent.papers.words import both, word

if TYPE_CHECKING:
    from agent.papers.contents import Item, SlipContent
    from agent.papers.fonts import Fonts
    from agent.papers.typeset import Block

MOST_LINES, MOST_QUANTITY, _MOST_PAGES = 400, 9_999, 10
_PAGE_LENGTH = dots(300)
_NARROWEST = 554
_QUANTITY_W, _TICK = dots(10.5), 52
_TOTALS_H, _RETURNS_MODULE = 180, 6
_ROOMY_MM, _ONE_LINE = 150, 26
_ROW_GAP = 11


@dataclass(frozen=True, slots=True)
class _Row:
    quantity: Block
    name: Block
    number: Block | None

    @property
    def height(self) -> int:
        text = self.name.height + (self.number.height + 6 if self.number else 0)
        return max(text, self.quantity.height, _TICK) + 2 * _ROW_GAP


def slip(content: SlipContent, media: Media, fonts: Fonts) -> Paper:
    """Return the pages of a slip, at most 300 mm each on endless media, else as long as the label.

    Page n > 1 wears the proof mark `mark.n`. Raises PaperError: `paper.media-mismatch`, `paper.too-many-lines`,
    `paper.quantity-wrong`, `paper.part-wrong`, `paper.glyph-missing`, `paper.text-too-long`, `paper.code-too-wide`.
    """
    _check(content, media)
    setter = Typesetter(fonts, language_tag(content.language))
    rows = [_row(item, setter, media.dots_w, compact=False) for item in content.items]
    limit = media.max_l if media.kind == "die_cut" else _PAGE_LENGTH
    if sum(row.height for row in rows) > _MOST_PAGES * (limit - dots(40)):
        rows = [_row(item, setter, media.dots_w, compact=True) for item in content.items]
    layout = _Pages(content, media, fonts, setter, limit)
    for row in rows:
        layout.add(row)
    layout.packing()
    return Paper(layout.finished(), tuple(setter.warnings))


def _check(content: SlipContent, media: Media) -> None:
    if media.dots_w < _NARROWEST or media.max_l < dots(80):
        raise PaperError(
            "paper.media-mismatch",
            f"A slip needs 50 mm across; {media.name} prints {media.printable}.",
            "Load 62 mm endless, or send slips to another printer.",
        )
    if len(content.items) > MOST_LINES:
        raise PaperError(
            "paper.too-many-lines",
            f"{len(content.items)} lines; a slip has at most {MOST_LINES}.",
            "Split the job into several.",
        )
    for n, of, what in ((content.parcel, content.parcels, "Parcel"), (content.part, content.parts, "Part")):
        if n < 0 or of < 0 or (of and not 1 <= n <= of):
            raise PaperError(
                "paper.part-wrong", f"{what} {n} of {of} does not exist.", "Correct the numbers of the job."
            )
    for number, item in enumerate(content.items, 1):
        if not 1 <= item.quantity <= MOST_QUANTITY:
            raise PaperError(
                "paper.quantity-wrong",
                f"Line {number} asks for {item.quantity} pieces.",
                f"Send 1 to {MOST_QUANTITY} pieces a line.",
            )


def _row(item: Item, setter: Typesetter, width: int, *, compact: bool) -> _Row:
    room = width - 2 * MARGIN - _QUANTITY_W - _TICK - 2 * GAP
    language = language_tag(item.language) if item.language else ""
    name = setter.drawable(item.name, "item name", "name", language) or setter.drawable(item.sku, "SKU", "name") or "?"
    numbers = " · ".join(
        text for text in (setter.drawable(each, "SKU", "name") for each in (item.sku, item.gtin)) if text
    )
    quantity = must_fit(
        setter.fit([str(item.quantity)], (9, 14), _QUANTITY_W - GAP, 100), "quantity", str(item.quantity)
    )
    return _Row(
        quantity,
        setter.block(name, 8 if compact else 9, room, max_lines=1 if compact else 3, language=language),
        setter.block(numbers, 7, room, weight="regular") if numbers else None,
    )


class _Pages:
    """Rows flow down a page; a row is never split; the page numbers are stamped when their count is known."""

    def __init__(self, content: SlipContent, media: Media, fonts: Fonts, setter: Typesetter, limit: int) -> None:
        self._content, self._media, self._fonts, self._setter, self._limit = content, media, fonts, setter, limit
        self._done: list[tuple[Sheet, int, tuple[int, int, int]]] = []
        self._start()

    def _start(self, *, table: bool = True) -> None:
        content, setter = self._content, self._setter
        number = len(self._done) + 1
        sheet = Sheet(self._media.dots_w, self._limit, self._fonts)
        y = MARGIN
        if content.duplicate:
            y = draw_band(sheet, setter, duplicate_words(content.language), 0, y, sheet.width) + GAP
        flags = content.flags if number == 1 else ()
        for flag in flags if self._roomy else (" · ".join(flags),) if flags else ():
            y = draw_band(sheet, setter, flag, 0, y, sheet.width) + GAP
        mark = content.mark if number == 1 else f"{content.mark}.{number}"
        y, self._stamp = draw_head(
            sheet, setter, content.pair, mark, (content.parcel, content.parcels), paged=True, top=y
        )
        self._sheet = sheet
        self._y = self._facts(y + GAP) if number == 1 else self._order_only(y + GAP)
        if table:
            self._table_head()
        if self._y > self._limit:
            raise PaperError(
                "paper.media-mismatch",
                f"A slip with all this on top does not fit on {self._media.name}.",
                "Load 62 mm endless, or send slips to another printer.",
            )

    @property
    def _roomy(self) -> bool:
        return self._limit > dots(_ROOMY_MM)

    def _order_only(self, y: int) -> int:
        order = self._setter.drawable(self._content.order or self._content.job, "order", "refuse")
        return draw_field(self._sheet, self._setter, "order", order, MARGIN, y, self._sheet.width - 2 * MARGIN)

    def _facts(self, y: int) -> int:
        content, setter, sheet = self._content, self._setter, self._sheet
        width = sheet.width - 2 * MARGIN
        y = draw_job_code(sheet, setter, content.job, y) + GAP
        if content.parts > 1:
            text = word(content.language, "part", n=content.part, of=content.parts)
            y = sheet.text(setter.block(text, 14, width), MARGIN, y, width) + GAP
        y = sheet.rule(MARGIN, y, sheet.width - MARGIN) + GAP
        column = (width - GAP) * 3 // 5
        order = setter.drawable(content.order, "order", "refuse")
        date = setter.drawable(content.date, "date", "name")
        below = draw_field(sheet, setter, "order", order, MARGIN, y, column if date else width)
        y = max(below, draw_field(sheet, setter, "date", date, MARGIN + column + GAP, y, width - column - GAP))
        most = 2 if self._roomy else 1
        name, *place = [setter.drawable(line, "ship-to", "name") for line in content.ship_to] or [""]
        if sum(map(len, place)) + len(name) < _ONE_LINE:
            name, place = ", ".join(part for part in (name, *place) if part), []
        y = draw_field(sheet, setter, "ship_to", name, MARGIN, y, width, most)
        if any(place):
            where = setter.block(", ".join(part for part in place if part), 10, width, max_lines=most)
            y = sheet.text(where, MARGIN, y - GAP + 6, width) + GAP
        carrier = " ".join(text for text in (content.carrier, content.service) if text)
        return draw_field(sheet, setter, "carrier", setter.drawable(carrier, "carrier", "name"), MARGIN, y, width, most)

    def _table_head(self) -> None:
        if not self._content.items:
            return
        sheet, setter = self._sheet, self._setter
        left = MARGIN + _QUANTITY_W
        quantity = setter.block(word(self._content.language, "quantity"), 7, _QUANTITY_W - 8, weight="regular")
        item = setter.block(both(self._content.language, "item"), 7, sheet.width - left - MARGIN, weight="regular")
        sheet.text(quantity, MARGIN, self._y, _QUANTITY_W - 8, align="left")
        sheet.text(item, left, self._y, sheet.width - left - MARGIN, align="left")
        self._y = sheet.rule(MARGIN, self._y + max(quantity.height, item.height) + 6, sheet.width - MARGIN)

    def add(self, row: _Row) -> None:
        """Put a row on this page or on the next."""
        if self._y + row.height + 2 > self._limit - MARGIN:
            self._close()
            self._start()
        if self._y + row.height > self._limit:
            raise PaperError(
                "paper.text-too-long",
                f"{row.name.lines[0].text!r} does not fit on {self._media.name}.",
                "Shorten the item's name, or use endless media.",
            )
        sheet, y = self._sheet, self._y + _ROW_GAP
        sheet.text(row.quantity, MARGIN, y, _QUANTITY_W - GAP, align="right")
        left = MARGIN + _QUANTITY_W
        room = sheet.width - left - MARGIN - _TICK - GAP
        below = sheet.text(row.name, left, y, room)
        if row.number:
            sheet.text(row.number, left, below + 6, room)
        sheet.frame((sheet.width - MARGIN - _TICK, y, sheet.width - MARGIN, y + _TICK))
        self._y = sheet.rule(MARGIN, self._y + row.height, sheet.width - MARGIN, 1)

    def packing(self) -> None:
        """Draw which carton to take and how to fill it, where that fits on the page; the items matter more."""
        content, setter, sheet = self._content, self._setter, self._sheet
        if not content.carton:
            return
        width = sheet.width - 2 * MARGIN
        title = setter.block(setter.drawable(content.carton, "carton", "name"), 14, width, max_lines=1)
        moves = [setter.block(setter.drawable(f"{number}. {step}", "step", "name"), 8, width, max_lines=3)
                 for number, step in enumerate(content.steps, 1)]
        drawn = content.packing.height + GAP if content.packing is not None else 0
        height = drawn + sum(move.height + _ROW_GAP for move in moves)
        if self._y + title.height + height + _TOTALS_H + 4 * GAP > self._limit:
            return
        y = sheet.text(title, MARGIN, self._y + GAP, width) + GAP
        if content.packing is not None:
            y = sheet.picture(content.packing, MARGIN + (width - content.packing.width) // 2, y)[3] + GAP
        for move in moves:
            y = sheet.text(move, MARGIN, y, width) + _ROW_GAP
        self._y = sheet.rule(MARGIN, y, sheet.width - MARGIN, 1)

    def _close(self) -> None:
        self._done.append((self._sheet, self._y, self._stamp))

    def _foot(self) -> None:
        """Draw totals and returns, on a page of their own when this one is full."""
        content, setter = self._content, self._setter
        width = self._media.dots_w - 2 * MARGIN
        code = encode(Symbol.QR, content.returns_url) if content.returns_url else None
        module = code.largest_module(width // 2, largest=_RETURNS_MODULE) if code else 0
        side = (code.width + 2 * code.quiet) * module if code else 0
        text = setter.drawable(content.returns, "returns", "name")
        returns = setter.block(text, 8, width - side) if text else None
        if self._y + _TOTALS_H + max(returns.height if returns else 0, side) + 3 * GAP > self._limit:
            self._close()
            self._start(table=False)
        sheet, y = self._sheet, self._totals(width)
        if not returns and not code:
            self._y = y
            return
        y = sheet.rule(MARGIN, y, sheet.width - MARGIN) + GAP
        caption = setter.block(both(content.language, "returns"), 7, width - side, weight="regular")
        below = sheet.text(caption, MARGIN, y, width - side, align="right" if returns and returns.rtl else "left") + 5
        below = sheet.text(returns, MARGIN, below, width - side) if returns else below
        if code:
            quiet = code.quiet * module
            box = sheet.code(code, sheet.width - MARGIN - side + quiet, y + quiet, module)
            below = max(below, box[3] + quiet)
        self._y = below + GAP

    def _totals(self, width: int) -> int:
        items = self._content.items
        column = (width - GAP) // 2
        y = self._y + GAP
        draw_field(self._sheet, self._setter, "lines", str(len(items)), MARGIN, y, column)
        pieces = str(sum(item.quantity for item in items))
        return draw_field(self._sheet, self._setter, "pieces", pieces, MARGIN + column + GAP, y, column)

    def finished(self) -> tuple[Page, ...]:
        """Draw totals and returns, stamp the page numbers, and return the pages."""
        self._foot()
        self._close()
        of = len(self._done)
        pages = []
        for number, (sheet, y, (left, top, width)) in enumerate(self._done, 1):
            draw_number(sheet, self._setter, "page", f"{number}/{of}", left, top, width)
            length = self._limit if self._media.kind == "die_cut" else max(y, self._media.min_l)
            pages.append(sheet.page(number, of, height=min(length, self._limit)))
        return tuple(pages)
