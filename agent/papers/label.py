"""The shipping label: lying on 62x100 (its long code along the feed), standing on 103x164."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import LINEAR, SMALLEST_MODULE, Encoded, Symbol, encode, sscc_digits
from agent.papers.head import GAP, MARGIN, MARK_MODULE, draw_band, draw_mark, duplicate_words, language_tag, must_fit
from agent.papers.page import Media, Page, Paper, PaperError, dots, millimetres
from agent.papers.sheet import Sheet, too_wide
from agent.papers.typeset import Typesetter
from agent.papers.words import word

if TYPE_CHECKING:
    from agent.papers.contents import Address, LabelContent
    from agent.papers.fonts import Fonts
    from agent.papers.page import Box
    from agent.papers.typeset import Block

PARCEL_LENGTH, LOGISTIC_LENGTH = 1109, 1822
_PARCEL_WIDTHS, _LOGISTIC_WIDTHS = (672, 720), (1164, 1200)
_SSCC_MODULE, _TRACKING_MODULE, _SMALL_MODULE = 6, 5, 6
_SMALLEST_PT, _SMALLEST_CJK_PT = 8, 9
_BAR_HEIGHTS, _GOOD_SIZE, _SENDER_LINES = (150, 120, 96, 80), 42, 3
_DUPLICATE_W, _BESIDE_CODE, _ROW_MODULE = 64, 170, 4


def label(content: LabelContent, media: Media, fonts: Fonts) -> Paper:
    """Return a label of one page for this media; endless media get a page of the die-cut label's length.

    Raises PaperError: `paper.media-mismatch`, `paper.sscc-wrong`, `paper.address-too-long`, `paper.address-missing`,
    `paper.glyph-missing`, `paper.part-wrong`, `paper.code-too-wide`, `paper.code-not-encodable`.
    """
    if not any(line.strip() for line in content.recipient.lines):
        raise PaperError("paper.address-missing", "The label has no recipient.", "Send ship_to with at least one line.")
    if content.parcels and not 1 <= content.parcel <= content.parcels:
        raise PaperError(
            "paper.part-wrong",
            f"Parcel {content.parcel} of {content.parcels} does not exist.",
            "Correct the numbers of the job.",
        )
    setter = Typesetter(fonts, language_tag(content.language))
    wide, endless = media.dots_w, media.kind == "endless"
    if _PARCEL_WIDTHS[0] <= wide <= _PARCEL_WIDTHS[1] and media.max_l >= 900:
        page = _ParcelLabel(content, PARCEL_LENGTH if endless else media.max_l, wide, fonts, setter).page()
    elif _LOGISTIC_WIDTHS[0] <= wide <= _LOGISTIC_WIDTHS[1] and media.max_l >= 1600:
        page = _LogisticLabel(content, wide, LOGISTIC_LENGTH if endless else media.max_l, fonts, setter).page()
    else:
        raise PaperError(
            "paper.media-mismatch",
            f"A label needs 58.9 x 93.9 mm or 101.6 x 154.3 mm; {media.name} prints {media.printable}.",
            "Load 62x100, 62 mm endless or 103x164, or send labels to another printer.",
        )
    return Paper((page,), tuple(setter.warnings))


class _Label:
    """What both sizes share: codes made, addresses set, numbers drawn."""

    def __init__(self, content: LabelContent, width: int, height: int, fonts: Fonts, setter: Typesetter) -> None:
        self.content, self.setter = content, setter
        self.sheet = Sheet(width, height, fonts)
        digits = sscc_digits(content.sscc) if content.sscc else ""
        self.sscc_text = f"(00) {digits[0]} {digits[1:8]} {digits[8:17]} {digits[17:]}" if digits else ""
        self.sscc = encode(Symbol.GS1_128, f"(00){digits}") if digits else None
        self.tracking = encode(content.tracking_symbol, content.tracking) if content.tracking else None

    def address(self, address: Address, field: str, width: int, height: int, largest: int) -> Block:
        """Return the address at the largest size that fits the box; an address is never cut."""
        language = language_tag(address.language) if address.language else ""
        lines = [self.setter.drawable(line, field, "refuse", language) for line in address.lines]
        lines = [line for line in (*lines, self.setter.drawable(address.country, field, "refuse").upper()) if line]
        smallest = _SMALLEST_CJK_PT if any(ord(c) >= 0x2E80 for line in lines for c in line) else _SMALLEST_PT

        block = self.setter.fit(lines, (smallest, largest), width, height, language=language, tight=True)
        if block is None:
            raise PaperError(
                "paper.address-too-long",
                f"{field}: {len(lines)} lines do not fit {millimetres(width)} x {millimetres(height)} mm "
                f"at {smallest} pt.",
                "Shorten the address, or use a larger label; addresses are never cut.",
            )
        return block

    def draw_code(
        self, encoded: Encoded, text: str, left: int, top: int, width: int, height: int, largest: int, size_pt: float
    ) -> Box:
        """Draw a symbol in the middle of a field with its text below; return the bars' box."""
        caption = self.setter.block(text, size_pt, width)
        if encoded.symbol in LINEAR:
            module = encoded.largest_module(width, largest=largest)
            bars = height - caption.height - 8
        else:
            module = encoded.largest_module(width, height - caption.height - 4, largest=largest)
            bars = 0
        if module < SMALLEST_MODULE:
            raise too_wide(encoded, width)
        quiet = 0 if encoded.symbol in LINEAR else encoded.quiet * module
        box = self.sheet.code(encoded, left + (width - encoded.width * module) // 2, top + quiet, module, bars)
        self.sheet.text(caption, left, box[3] + max(8, quiet), width, align="centre")
        return box

    def fitted(self, text: str, largest: int, smallest: int, width: int, height: int, field: str) -> Block:
        """Return one short text as large as its box allows."""
        text = self.setter.drawable(text, field, "name")
        return must_fit(self.setter.fit([text], (smallest, largest), width, height), field, text)

    @property
    def count(self) -> str:
        """Return the parcel's number of how many."""
        content = self.content
        return (
            f"{content.parcel}/{content.parcels}" if content.parcels else f"#{content.parcel}" if content.parcel else ""
        )

    @property
    def carrier(self) -> str:
        """Return carrier and service on one line."""
        return " ".join(text for text in (self.content.carrier, self.content.service) if text)

    @property
    def weight(self) -> str:
        """Return the weight in kilograms, to the 10 g that a label needs."""
        return f"{self.content.weight_g / 1000:.2f} kg" if self.content.weight_g else ""


class _ParcelLabel(_Label):
    """A label of 94 x 59 mm, read lying: address left, what a packer compares right, the code to be scanned below."""

    def __init__(self, content: LabelContent, length: int, across: int, fonts: Fonts, setter: Typesetter) -> None:
        super().__init__(content, length, across, fonts, setter)

    def page(self) -> Page:
        """Return the label, turned so that its long side runs along the feed."""
        content, sheet = self.content, self.sheet
        right_left = self._right_column()
        left = MARGIN + _DUPLICATE_W + GAP if content.duplicate else MARGIN
        width = right_left - left - MARGIN
        top = self._sender(left, MARGIN, width)
        row, strip, block = self._shared_out(top, width)
        sheet.text(block, left, top, width)
        self._row(left, sheet.height - MARGIN - strip - row, row, width)
        if content.duplicate:
            self._duplicate(sheet.height - 2 * MARGIN - strip)
        if strip:
            self._strip(sheet.height - MARGIN - strip, strip)
        return sheet.page(1, 1, turned=True)

    def _shared_out(self, top: int, width: int) -> tuple[int, int, Block]:
        """Return the heights of row and strip, and the address between them: long addresses get shorter bars."""
        *taller, last = _BAR_HEIGHTS
        recipient, room = self.content.recipient, self.sheet.height - MARGIN - GAP - top
        for bars in taller:
            row, strip = self._foot_heights(bars)
            try:
                block = self.address(recipient, "recipient", width, room - row - strip, 14)
            except PaperError as error:
                if error.code != "paper.address-too-long":
                    raise
                continue
            if block.size >= _GOOD_SIZE or not strip:
                return row, strip, block
        row, strip = self._foot_heights(last)
        return row, strip, self.address(recipient, "recipient", width, room - row - strip, 14)

    def _right_column(self) -> int:
        content, sheet = self.content, self.sheet
        quiet = 2 * MARK_MODULE
        mark_left, bottom = draw_mark(sheet, content.mark, sheet.width - quiet, quiet)
        left = min(mark_left - quiet, sheet.width - 280)
        width = sheet.width - left - MARGIN
        pair = self.fitted(content.pair, 30, 24, width, 110, "pair")
        y = sheet.text(pair, left, bottom + quiet, width, align="centre") + 14
        facts = [text for text in (self.count, self.weight) if text]
        for text, largest in zip(facts, (20, 10), strict=False):
            y = sheet.text(self.fitted(text, largest, 7, width, 80, "number"), left, y, width, align="centre") + 10
        return left

    def _sender(self, left: int, top: int, width: int) -> int:
        address = self.content.sender
        text = ", ".join(line for line in (*address.lines, address.country.upper()) if line.strip())
        if not text:
            return top
        text = f"{word(self.content.language, 'from')}: {self.setter.drawable(text, 'sender', 'refuse')}"
        block = self.setter.block(text, 7, width, weight="regular")
        if len(block.lines) > _SENDER_LINES:
            raise PaperError(
                "paper.address-too-long", f"sender: {text!r} needs {len(block.lines)} lines.", "Shorten it."
            )
        bottom = self.sheet.text(block, left, top, width)
        return self.sheet.rule(left, bottom + 8, left + width, 2) + 10

    def _foot_heights(self, bars: int) -> tuple[int, int]:
        both = self.sscc is not None and self.tracking is not None
        main = self.sscc or self.tracking
        strip = bars + 56 if main and main.symbol in LINEAR else 200 if main else 0
        return (132 if both else 76 if self.carrier or self.content.flags else 0), strip

    def _row(self, left: int, top: int, height: int, width: int) -> None:
        content, sheet = self.content, self.sheet
        if not height:
            return
        right = left + width
        if self.sscc and self.tracking:
            whole = self.tracking.width + 2 * self.tracking.quiet
            across = whole * max(
                self.tracking.largest_module(width - _BESIDE_CODE, largest=_ROW_MODULE), SMALLEST_MODULE
            )
            if across > width - _BESIDE_CODE:
                raise too_wide(self.tracking, width - _BESIDE_CODE)
            across = max(across, 300)
            self.draw_code(self.tracking, content.tracking, left, top + 6, across, height - 12, _ROW_MODULE, 8)
            left += across + GAP
        room = right - left
        if content.flags and self.sscc and self.tracking:
            draw_band(sheet, self.setter, " ".join(content.flags), left, top + height - 66, right, 60)
        elif content.flags:
            draw_band(sheet, self.setter, " ".join(content.flags), left + room // 2, top, right, 68)
            room = room // 2 - GAP
        if self.carrier:
            block = self.fitted(self.carrier, 24, 7, room, 60, "carrier")
            sheet.text(block, left, top + (64 - block.height) // 2, room, align="left")

    def _duplicate(self, bottom: int) -> None:
        """Stand DUPLICATE on end at the left edge, where it costs the address no line."""
        block = self.fitted(
            duplicate_words(self.content.language), 24, 7, bottom - 2 * MARGIN, _DUPLICATE_W - 6, "duplicate"
        )
        self.sheet.standing_band(block, (0, MARGIN, _DUPLICATE_W, bottom))

    def _strip(self, top: int, height: int) -> None:
        width = self.sheet.width
        if self.sscc:
            self.draw_code(self.sscc, self.sscc_text, 0, top, width, height, _SSCC_MODULE, 10)
        elif self.tracking:
            self.draw_code(self.tracking, self.content.tracking, 0, top, width, height, _TRACKING_MODULE, 10)


class _LogisticLabel(_Label):
    """A label of 102 x 154 mm after the GS1 logistic label guideline: text above, codes below, the SSCC lowest."""

    def page(self) -> Page:
        """Return the label, upright."""
        content, sheet, setter = self.content, self.sheet, self.setter
        right_left = self._top_right()
        width = sheet.width - 2 * MARGIN
        top = MARGIN
        if content.duplicate:
            top = draw_band(sheet, setter, duplicate_words(content.language), MARGIN, top, right_left - GAP, 96) + GAP
        top = max(self._sender(top, right_left - 2 * MARGIN), self._corner_bottom) + GAP
        top = sheet.rule(MARGIN, top, sheet.width - MARGIN) + GAP
        codes_top = self._codes()
        facts_top = self._facts(codes_top)
        block = self.address(content.recipient, "recipient", width, facts_top - GAP - top, 18)
        sheet.text(block, MARGIN, top, width)
        return sheet.page(1, 1)

    def _top_right(self) -> int:
        sheet = self.sheet
        quiet = 2 * MARK_MODULE
        mark_left, bottom = draw_mark(sheet, self.content.mark, sheet.width - quiet, quiet)
        width = 330
        left = mark_left - quiet - width
        pair = self.fitted(self.content.pair, 34, 28, width, 120, "pair")
        y = sheet.text(pair, left, quiet, width, align="right") + GAP
        if self.count:
            y = sheet.text(self.fitted(self.count, 24, 12, width, 90, "number"), left, y, width, align="right")
        self._corner_bottom = max(bottom + quiet, y)
        return left

    def _sender(self, top: int, width: int) -> int:
        if not any(self.content.sender.lines):
            return top
        caption = self.setter.block(word(self.content.language, "from"), 7, width, weight="regular")
        top = self.sheet.text(caption, MARGIN, top, width) + 6
        return self.sheet.text(self.address(self.content.sender, "sender", width, 230, 9), MARGIN, top, width)

    def _codes(self) -> int:
        """Draw the codes from the bottom up and return the upper edge of all of them."""
        sheet, y = self.sheet, self.sheet.height - MARGIN
        named = [(self.sscc, self.sscc_text, _SSCC_MODULE), (self.tracking, self.content.tracking, _TRACKING_MODULE)]
        lowest = True
        for encoded, text, largest in named:
            if encoded is None:
                continue
            linear = encoded.symbol in LINEAR
            height = (dots(32) if lowest else dots(18)) + 68 if linear else 300
            self.draw_code(
                encoded, text, 0, y - height, sheet.width, height, largest if linear else _SMALL_MODULE + 2, 12
            )
            y -= height + GAP
            lowest = False
        return sheet.rule(MARGIN, y - 3, sheet.width - MARGIN) - 3 if y < sheet.height - MARGIN else y

    def _facts(self, bottom: int) -> int:
        """Draw flags, carrier, routing, weight and references above the codes; return their upper edge."""
        content, sheet, setter = self.content, self.sheet, self.setter
        width, y = sheet.width - 2 * MARGIN, bottom - GAP
        if content.flags:
            y = (
                draw_band(sheet, setter, "   ".join(content.flags), MARGIN, y - 110, sheet.width - MARGIN, 110)
                - 110
                - GAP
            )
        small = "   ".join(text for text in (self.weight, *content.references) if text)
        if small:
            block = setter.block(setter.drawable(small, "references", "name"), 9, width)
            y -= block.height
            sheet.text(block, MARGIN, y, width)
            y -= GAP
        if self.carrier or content.routing:
            room = width if not content.routing else width * 3 // 5
            left = self.fitted(self.carrier or " ", 26, 10, room, 120, "carrier") if self.carrier else None
            right = (
                self.fitted(content.routing, 40, 14, width - room - GAP, 150, "routing") if content.routing else None
            )
            y -= max(block.height for block in (left, right) if block)
            if left:
                sheet.text(left, MARGIN, y, room, align="left")
            if right:
                sheet.text(right, MARGIN + room + GAP, y, width - room - GAP, align="right")
            y -= GAP
        return sheet.rule(MARGIN, y - 3, sheet.width - MARGIN) - 3 if y < bottom - GAP else bottom
