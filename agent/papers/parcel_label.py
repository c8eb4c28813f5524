"""The parcel label of 94 x 59 mm, for 62 mm rolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import LINEAR, SMALLEST_MODULE
from agent.papers.head import GAP, MARGIN, draw_band, draw_mark, duplicate_words, must_fit
from agent.papers.label_sheet import SMALLEST_PT, SSCC_MODULE, TRACKING_MODULE, LabelSheet
from agent.papers.page import PaperError
from agent.papers.sheet import too_wide
from agent.papers.words import word

if TYPE_CHECKING:
    from agent.papers.codes import Encoded
    from agent.papers.contents import LabelContent
    from agent.papers.fonts import Fonts
    from agent.papers.page import Page
    from agent.papers.typeset import Block, Typesetter

_BAR_HEIGHTS, _GOOD_SIZE, _SENDER_LINES = (140, 120, 96, 80, 64), 42, 4
_MARK, _SMALL_MARK, _SMALL_FACT = 200, 170, 52
_MATRIX_MODULE, _SMALLEST_MATRIX = 10, 200
_DUPLICATE_W, _RIGHT_W, _BEHIND_CODE, _ROW_MODULE = 64, 300, 300, 4


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
        bottom = sheet.height - MARGIN - strip
        if self.two_codes:
            self._row_with_tracking(left, bottom - row, row)
        elif row:
            self._row(left, bottom - row, width)
        if strip:
            self._strip(bottom, strip, left, width)
        if content.duplicate:
            self._duplicate(bottom - MARGIN)
        return sheet.page(1, 1, turned=True)

    @property
    def _bar_heights(self) -> tuple[int, ...]:
        return _BAR_HEIGHTS[2:] if self.two_codes else _BAR_HEIGHTS

    @property
    def two_codes(self) -> bool:
        """Return whether the tracking number needs a row of its own above the SSCC."""
        return self.sscc is not None and self.tracking is not None

    def _shared_out(self, top: int, width: int) -> tuple[int, int, Block]:
        """Return the heights of row and strip, and the address between them: long addresses get shorter bars."""
        *taller, last = self._bar_heights
        recipient, room = self.content.recipient, self.sheet.height - MARGIN - GAP - top
        smallest = SMALLEST_PT - 1 if self.content.duplicate else SMALLEST_PT  # its band must not refuse a reprint
        for bars in taller:
            row, strip = self._foot_heights(bars)
            try:
                block = self.address(recipient, "recipient", width, room - row - strip, 14, smallest)
            except PaperError as error:
                if error.code != "paper.address-too-long":
                    raise
                continue
            if block.size >= _GOOD_SIZE or not strip:
                return row, strip, block
        row, strip = self._foot_heights(last)
        return row, strip, self.address(recipient, "recipient", width, room - row - strip, 14, smallest)

    def _right_column(self) -> int:
        """Draw proof mark, pair code, number and weight at the right, above the highest that row or strip can reach."""
        content, sheet = self.content, self.sheet
        mark_left, y, _ = draw_mark(sheet, content.mark, sheet.width, 0, _SMALL_MARK if self.two_codes else _MARK)
        left = min(mark_left, sheet.width - _RIGHT_W)
        width = sheet.width - left - MARGIN
        row, strip = self._foot_heights(self._bar_heights[0])
        beside = self.sscc is None and self.tracking is not None and self.tracking.symbol not in LINEAR
        limit = sheet.height - MARGIN - (0 if beside else strip) - (row if self.two_codes else 0) - GAP
        facts = [(content.pair, 25, 20)]
        facts += [(self.count, 20, 8)] if self.count else []
        facts += [(self.weight, 10, 7)] if self.weight and not self.two_codes else []
        for i, (text, largest, smallest) in enumerate(facts):
            room = limit - y - _SMALL_FACT * (len(facts) - 1 - i)
            block = must_fit(self.setter.fit([text], (smallest, largest), width, room, whole=True), "number", text)
            y = sheet.text(block, left, y, width, align="centre") + 10
        return left

    def _sender(self, left: int, top: int, width: int) -> int:
        address = self.content.sender
        text = ", ".join(line for line in (*address.lines, address.country.upper()) if line.strip())
        if not text:
            return top
        caption = self.setter.block(word(self.content.language, "from"), 7, width // 3)
        self.sheet.text(caption, left, top, caption.width, align="left")
        beside = left + caption.width + GAP
        room = left + width - beside
        block = self.setter.block(self.setter.drawable(text, "sender", "refuse"), 7, room, weight="regular")
        if len(block.lines) > _SENDER_LINES:
            raise PaperError(
                "paper.address-too-long", f"sender: {text!r} needs {len(block.lines)} lines.", "Shorten it."
            )
        bottom = max(self.sheet.text(block, beside, top, room), top + caption.height)
        return self.sheet.rule(left, bottom + 8, left + width, 2) + 10

    def _foot_heights(self, bars: int) -> tuple[int, int]:
        main = self.sscc or self.tracking
        strip = bars + 56 if main and main.symbol in LINEAR else max(_SMALLEST_MATRIX, 2 * bars + 56) if main else 0
        return (132 if self.two_codes else 76 if self.carrier or self.content.flags else 0), strip

    def _row(self, left: int, top: int, width: int) -> None:
        flags = " ".join(self.content.flags)
        room = width // 2 - GAP if flags else width
        if flags:
            draw_band(self.sheet, self.setter, flags, left + width // 2, top, left + width, 68)
        if self.carrier:
            block = self.fitted(self.carrier, 24, 7, room, 64, "carrier")
            self.sheet.text(block, left, top + (68 - block.height) // 2, room, align="left")

    def _row_with_tracking(self, left: int, top: int, height: int) -> None:
        """Draw the tracking number and, behind it, carrier, weight and flags."""
        right = self.sheet.width - MARGIN
        if self.tracking:
            left = self._tracking_at(self.tracking, left, top, height, right - left)
        flags = " ".join(self.content.flags)
        if flags:
            draw_band(self.sheet, self.setter, flags, left, top + height - 64, right, 58)
        text = " ·\u00a0".join(part for part in (self.carrier, self.weight) if part)
        if text:
            block = self.fitted(
                text, 20 if self.carrier else 10, 7, right - left, height - (68 if flags else 14), "carrier"
            )
            self.sheet.text(block, left, top, right - left, align="left")

    def _tracking_at(self, encoded: Encoded, left: int, top: int, height: int, width: int) -> int:
        """Draw the tracking number at the left and return where the room behind it starts."""
        text, room = self.content.tracking, width - _BEHIND_CODE
        if encoded.symbol in LINEAR:
            module = encoded.largest_module(room, largest=_ROW_MODULE)
            if module < SMALLEST_MODULE:
                raise too_wide(encoded, room)
            across = max((encoded.width + 2 * encoded.quiet) * module, 300)
            self.draw_code(encoded, text, left, top + 6, across, height - 12, _ROW_MODULE, 8)
            return left + across + GAP
        module = encoded.largest_module(room // 2, height, largest=6)
        if module < SMALLEST_MODULE:
            raise too_wide(encoded, room // 2)
        quiet = encoded.quiet * module
        box = self.sheet.code(encoded, left + quiet, top + quiet, module)
        behind = box[2] + quiet + GAP
        caption = self.fitted(text, 9, 7, left + room - behind, height, "tracking")
        self.sheet.text(caption, behind, top + (height - caption.height) // 2, caption.width)
        return behind + caption.width + 2 * GAP

    def _duplicate(self, bottom: int) -> None:
        """Stand DUPLICATE on end at the left edge, where it costs the address no line."""
        block = self.fitted(
            duplicate_words(self.content.language), 24, 7, bottom - 2 * MARGIN, _DUPLICATE_W - 6, "duplicate"
        )
        self.sheet.standing_band(block, (0, MARGIN, _DUPLICATE_W, bottom))

    def _strip(self, top: int, height: int, left: int, width: int) -> None:
        """Draw the code to be scanned: bars across the whole label, a matrix under the address."""
        across = self.sheet.width
        if self.sscc:
            self.draw_code(self.sscc, self.sscc_text, 0, top, across, height, SSCC_MODULE, 10)
        elif self.tracking and self.tracking.symbol in LINEAR:
            self.draw_code(self.tracking, self.content.tracking, 0, top, across, height, TRACKING_MODULE, 10)
        elif self.tracking:
            self.draw_code(self.tracking, self.content.tracking, left, top, width, height, _MATRIX_MODULE, 10)
