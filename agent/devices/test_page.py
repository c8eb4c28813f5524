"""A test page: what it is printed on, a ruler, lines of 1 to 4 dots; it belongs to no job and to no ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class TestPage:
    """An order for one test page. Number 0 is no page of the ledger's, so nobody waits for its end."""

    no: int = 0

    @property
    def page(self) -> TestPage:
        """Itself: an order names its page."""
        return self


def picture(model: str, media: str, number: str) -> Image.Image:
    """A test page: the names, a ruler in millimetres along the feed, lines of 1 to 4 dots, and the page's edge."""
    from PIL import Image, ImageDraw, ImageFont

    from agent.devices.ql_media import printable_dots
    from agent.devices.raster import DOTS_PER_MM

    width, height = printable_dots(media)
    page = Image.new("1", (width, height or 700), 1)
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, page.width - 1, page.height - 1), outline=0, width=2)
    font = ImageFont.load_default(size=max(12, width // 16))
    pen.multiline_text((width // 8, 12), f"packbench {number}\n{model}\n{media}", fill=0, font=font)
    for millimetre in range(1, int(page.height / DOTS_PER_MM)):
        y = round(millimetre * DOTS_PER_MM)
        pen.line((2, y, 2 + width // (16 if millimetre % 10 == 0 else 32), y), fill=0)
    for thickness in range(1, 5):
        x = width - 20 * thickness
        pen.rectangle((x, page.height // 2, x + thickness - 1, page.height - 12), fill=0)
    return page
