"""A sheet: the one place where ink is put down. It remembers what it drew where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agent.papers.page import Box, Code, Page, PaperError, Placed, millimetres
from agent.papers.typeset import Block, shaping

if TYPE_CHECKING:
    from PIL.Image import Image

    from agent.papers.codes import Encoded
    from agent.papers.fonts import Fonts

Align = Literal["start", "left", "centre", "right"]


class Sheet:
    """A white picture in mode "1" and everything that was put on it."""

    def __init__(self, width: int, height: int, fonts: Fonts) -> None:
        from PIL import Image, ImageDraw

        self.width, self.height = width, height
        self.image = Image.new("1", (width, height), 255)
        self._draw = ImageDraw.Draw(self.image)
        self._draw.fontmode = "1"
        self._fonts = fonts
        self.placed: list[Placed] = []
        self.codes: list[Code] = []

    def text(
        self, block: Block, left: int, top: int, width: int, *, align: Align = "start", white: bool = False
    ) -> int:
        """Draw a block in a field of this width and return the field's bottom. `start` is the reading side."""
        bottom = top + block.height
        for line, baseline in zip(block.lines, block.baselines, strict=True):
            side = ("right" if block.rtl else "left") if align == "start" else align
            slack = {"left": 0, "centre": (width - line.width) // 2, "right": width - line.width}[side]
            x, y = left + slack - min(line.ink[0], 0), top + baseline
            for run in line.runs:
                font = self._fonts.sized(run.face, block.size)
                self._draw.text(
                    (x + run.x, y),
                    run.text,
                    font=font,
                    fill=255 if white else 0,
                    anchor="ls",
                    **shaping(block.language, rtl=run.rtl),
                )
            ink = (x + line.ink[0], y + line.ink[1], x + line.ink[2], y + line.ink[3])
            if ink[2] > ink[0]:
                self.placed.append(Placed("text", ink, (left, top, left + width, bottom), line.text))
        return bottom

    def code(self, encoded: Encoded, left: int, top: int, module: int, height: int = 0) -> Box:
        """Draw a symbol, its bars' corner at (left, top), and return the box of its bars."""
        picture = encoded.drawn(module, height)
        self.image.paste(picture, (left, top))
        box = (left, top, left + picture.width, top + picture.height)
        quiet = encoded.quiet * module
        linear = encoded.modules.height == 1
        around = 0 if linear else quiet
        self.codes.append(Code(encoded.ident, encoded.content, box, module, quiet, linear))
        self.placed.append(
            Placed(
                "code",
                box,
                (left - quiet, top - around, box[2] + quiet, box[3] + around),
                encoded.content.decode(errors="replace"),
            )
        )
        return box

    def picture(self, image: Image, left: int, top: int) -> Box:
        """Put a 1-bit picture down and return its box."""
        self.image.paste(image, (left, top))
        box = (left, top, left + image.width, top + image.height)
        self.placed.append(Placed("text", box, box, "picture"))
        return box

    def rule(self, left: int, top: int, right: int, thickness: int = 3) -> int:
        """Draw a horizontal rule and return its lower edge."""
        return self.band(left, top, right, top + thickness)

    def band(self, left: int, top: int, right: int, bottom: int) -> int:
        """Draw a black band and return its lower edge; white text may stand on it."""
        self._draw.rectangle((left, top, right - 1, bottom - 1), fill=0)
        self.placed.append(Placed("shape", (left, top, right, bottom), (left, top, right, bottom)))
        return bottom

    def standing_band(self, block: Block, box: Box) -> None:
        """Draw a block in white on a black band, read from bottom to top."""
        from PIL import Image

        length, across = box[3] - box[1], box[2] - box[0]
        lying = Sheet(length, across, self._fonts)
        lying.band(0, 0, length, across)
        lying.text(block, 0, (across - block.height) // 2, length, align="centre", white=True)
        self.image.paste(lying.image.transpose(Image.Transpose.ROTATE_90), (box[0], box[1]))
        for thing in lying.placed:
            ink, field = (
                (b[1] + box[0], box[3] - b[2], b[3] + box[0], box[3] - b[0]) for b in (thing.ink, thing.field)
            )
            self.placed.append(Placed(thing.kind, ink, field, thing.text))

    def frame(self, box: Box, thickness: int = 3) -> None:
        """Draw a hollow rectangle, such as a tick box."""
        self._draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), outline=0, width=thickness)
        self.placed.append(Placed("shape", box, box))

    def page(self, number: int, of: int, *, turned: bool = False, height: int = 0) -> Page:
        """Return the sheet as a page, cut to `height` and, when `turned`, turned left by a quarter."""
        from PIL import Image

        image = self.image.crop((0, 0, self.width, height)) if height else self.image
        width = image.width

        def moved(box: Box) -> Box:
            return (box[1], width - box[2], box[3], width - box[0]) if turned else box

        image = image.transpose(Image.Transpose.ROTATE_90) if turned else image
        codes = tuple(Code(c.ident, c.content, moved(c.box), c.module, c.quiet, c.linear) for c in self.codes)
        placed = tuple(Placed(p.kind, moved(p.ink), moved(p.field), p.text) for p in self.placed)
        return Page(image, millimetres(image.width), millimetres(image.height), number, of, codes, placed)


def too_wide(encoded: Encoded, width: int) -> PaperError:
    """Return the refusal of a code that does not fit at 3 dots a module."""
    text = encoded.content.decode(errors="replace")
    return PaperError(
        "paper.code-too-wide",
        f"{encoded.symbol.value} {text!r} needs {millimetres((encoded.width + 2 * encoded.quiet) * 3)} mm; "
        f"there are {millimetres(width)} mm.",
        "Use wider media, a shorter number, or a QR code.",
    )
