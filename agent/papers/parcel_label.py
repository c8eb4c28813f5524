"""The parcel label of 94 x 59 mm, for 62 mm rolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import LINEAR, SMALLEST_MODULE
from agent.papers.head import GAP, MARGIN, MARK_MODULE, draw_band, draw_mark, duplicate_words
from agent.papers.label_sheet import SSCC_MODULE, TRACKING_MODULE, LabelSheet
from agent.papers.page import PaperError
from agent.papers.sheet import too_wide
from agent.papers.words import word

if TYPE_CHECKING:
    from agent.papers.codes import Encoded
    from agent.papers.contents import LabelContent
    from agent.papers.fonts import Fonts
    from agent.papers.page import Page
    from agent.papers.typeset import Block, Typesetter

_BAR_HEIGHTS, _GOOD_SIZE, _SENDER_LINES = (150, 120, 96, 80), 42, 3
_DUPLICATE_W, _BESIDE_CODE, _ROW_MODULE = 64, 170, 4


class ParcelLabel(LabelSheet):
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
        """Draw carrier and flags between address and strip, behind the tracking number when the strip is the SSCC's."""
        content, sheet, right = self.content, self.sheet, left + width
        if not height:
            return
        flags = " ".join(content.flags)
        if self.sscc and self.tracking:
            left = self._tracking_beside(self.tracking, left, top, height, width)
            if flags:
                draw_band(sheet, self.setter, flags, left, top + height - 66, right, 60)
        room = right - left
        if flags and not (self.sscc and self.tracking):
            draw_band(sheet, self.setter, flags, left + room // 2, top, right, 68)
            room = room // 2 - GAP
        if self.carrier:
            block = self.fitted(self.carrier, 24, 7, room, 60, "carrier")
            sheet.text(block, left, top + (64 - block.height) // 2, room, align="left")

    def _tracking_beside(self, encoded: Encoded, left: int, top: int, height: int, width: int) -> int:
        """Draw the tracking number at the left and return where the room behind it starts."""
        text, room = self.content.tracking, width - _BESIDE_CODE
        if encoded.symbol in LINEAR:
            across = (encoded.width + 2 * encoded.quiet) * encoded.largest_module(room, largest=_ROW_MODULE)
            if not SMALLEST_MODULE * encoded.width <= across <= room:
                raise too_wide(encoded, room)
            self.draw_code(encoded, text, left, top + 6, max(across, 300), height - 12, _ROW_MODULE, 8)
            return left + max(across, 300) + GAP
        module = encoded.largest_module(room // 2, height, largest=6)
        if module < SMALLEST_MODULE:
            raise too_wide(encoded, room // 2)
        quiet = encoded.quiet * module
        box = self.sheet.code(encoded, left + quiet, top + quiet, module)
        beside = box[2] + quiet + GAP
        caption = self.fitted(text, 9, 7, left + width - beside - _BESIDE_CODE, height, "tracking")
        self.sheet.text(caption, beside, top + (height - caption.height) // 2, caption.width)
        return beside + caption.width + 2 * GAP

    def _duplicate(self, bottom: int) -> None:
        """Stand DUPLICATE on end at the left edge, where it costs the address no line."""
        block = self.fitted(
            duplicate_words(self.content.language), 24, 7, bottom - 2 * MARGIN, _DUPLICATE_W - 6, "duplicate"
        )
        self.sheet.standing_band(block, (0, MARGIN, _DUPLICATE_W, bottom))

    def _strip(self, top: int, height: int) -> None:
        width = self.sheet.width
        if self.sscc:
            self.draw_code(self.sscc, self.sscc_text, 0, top, width, height, SSCC_MODULE, 10)
        elif self.tracking:
            self.draw_code(self.tracking, self.content.tracking, 0, top, width, height, TRACKING_MODULE, 10)
