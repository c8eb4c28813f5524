"""What labels of both sizes share: their codes made, addresses set whole, numbers as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import LINEAR, SMALLEST_MODULE, Encoded, Symbol, encode, sscc_digits
from agent.papers.head import fit_or_cut, language_tag
from agent.papers.page import PaperError, millimetres
from agent.papers.sheet import Sheet, too_wide
from agent.papers.words import word

if TYPE_CHECKING:
    from agent.papers.contents import Address, LabelContent
    from agent.papers.fonts import Fonts
    from agent.papers.page import Box
    from agent.papers.typeset import Block, Typesetter

SSCC_MODULE, TRACKING_MODULE = 6, 5
SMALLEST_PT, _JOINABLE = 8, 4


class LabelSheet:
    """What both sizes share: codes made, addresses set, numbers drawn."""

    def __init__(self, content: LabelContent, width: int, height: int, fonts: Fonts, setter: Typesetter) -> None:
        self.content, self.setter = content, setter
        self.sheet = Sheet(width, height, fonts)
        digits = sscc_digits(content.sscc) if content.sscc else ""
        self.sscc_text = f"(00) {digits}" if digits else ""
        self.sscc = encode(Symbol.GS1_128, f"(00){digits}") if digits else None
        self.tracking = encode(content.tracking_symbol, content.tracking) if content.tracking else None

    def address(
        self, address: Address, field: str, width: int, height: int, largest: int, smallest: int = SMALLEST_PT
    ) -> Block:
        """Return the address at the largest size that fits the box; an address is never cut.

        One that does not fit has its middle lines joined with commas, the first and the last two kept, with a warning.
        """
        language = language_tag(address.language) if address.language else ""
        lines = [self.setter.drawable(line, field, "refuse", language) for line in address.lines]
        lines = [line for line in (*lines, self.setter.drawable(address.country, field, "refuse").upper()) if line]
        block = self.setter.fit(lines, (smallest, largest), width, height, language=language, tight=True)
        if block is None and len(lines) > _JOINABLE:
            joined = [lines[0], ", ".join(lines[1:-2]), *lines[-2:]]
            block = self.setter.fit(joined, (smallest, largest), width, height, language=language, tight=True)
            if block is not None:
                self.setter.warn("paper.lines-joined", f"{field}: {len(lines)} lines; those in the middle were joined.")
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
        """Return a text as large as its box allows, cut with a warning where even the smallest size is too long."""
        return fit_or_cut(
            self.setter, self.setter.drawable(text, field, "name"), (smallest, largest), width, height, field
        )

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
    def part(self) -> str:
        """Return which part of an order that is split over sites this is, in words; nothing for a whole order."""
        content = self.content
        return word(content.language, "part", n=content.part, of=content.parts) if content.parts > 1 else ""

    @property
    def weight(self) -> str:
        """Return the weight in kilograms, to the 10 g that a label needs."""
        return f"{self.content.weight_g / 1000:.2f}\u00a0kg" if self.content.weight_g else ""
