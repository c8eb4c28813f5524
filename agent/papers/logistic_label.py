"""The logistic label of 102 x 154 mm, for 102 and 103 mm rolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import LINEAR
from agent.papers.head import GAP, MARGIN, draw_band, draw_mark, duplicate_words
from agent.papers.label_sheet import SSCC_MODULE, TRACKING_MODULE, LabelSheet
from agent.papers.page import dots
from agent.papers.words import word

if TYPE_CHECKING:
    from agent.papers.page import Page

_MATRIX_MODULE = 8


class LogisticLabel(LabelSheet):
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
        mark_left, bottom, quiet = draw_mark(sheet, self.content.mark, sheet.width, 0)
        width = 330
        left = mark_left - width
        pair = self.fitted(self.content.pair, 34, 24, width, 120, "pair")
        y = sheet.text(pair, left, quiet, width, align="right") + GAP
        if self.count:
            y = sheet.text(self.fitted(self.count, 24, 12, width, 90, "number"), left, y, width, align="right")
        self._corner_bottom = max(bottom, y)
        return left

    def _sender(self, top: int, width: int) -> int:
        if not any(self.content.sender.lines):
            return top
        caption = self.setter.block(word(self.content.language, "from"), 7, width, weight="regular")
        top = self.sheet.text(caption, MARGIN, top, width) + 6
        return self.sheet.text(self.address(self.content.sender, "sender", width, 330, 9, 7), MARGIN, top, width)

    def _codes(self) -> int:
        """Draw the codes from the bottom up and return the upper edge of all of them."""
        sheet, y = self.sheet, self.sheet.height - MARGIN
        named = [(self.sscc, self.sscc_text, SSCC_MODULE), (self.tracking, self.content.tracking, TRACKING_MODULE)]
        lowest = True
        for encoded, text, largest in named:
            if encoded is None:
                continue
            linear = encoded.symbol in LINEAR
            height = (dots(32) if lowest else dots(18)) + 68 if linear else 300
            self.draw_code(encoded, text, 0, y - height, sheet.width, height, largest if linear else _MATRIX_MODULE, 12)
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
        small = " · ".join(text for text in (self.weight, self.part, *content.references) if text)
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
