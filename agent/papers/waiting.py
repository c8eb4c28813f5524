"""The slip that a parcel wears while its label is not there yet: who it is, what it weighed, why it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.head import GAP, MARGIN, draw_band, draw_field, draw_head, draw_job_code, language_tag
from agent.papers.page import Media, Paper, PaperError, dots
from agent.papers.sheet import Sheet
from agent.papers.typeset import Typesetter
from agent.papers.words import word

if TYPE_CHECKING:
    from agent.papers.contents import WaitingContent
    from agent.papers.fonts import Fonts

_LONGEST_MM, _NARROWEST_MM = 90, 45


def waiting(content: WaitingContent, media: Media, fonts: Fonts) -> Paper:
    """Return one page. Raises PaperError `paper.media-mismatch`, `paper.text-too-long`, `paper.code-too-wide`."""
    if media.dots_w < dots(_NARROWEST_MM) or media.max_l < dots(_LONGEST_MM):
        raise PaperError(
            "paper.media-mismatch",
            f"A waiting slip needs 50 x 90 mm; {media.name} prints {media.printable}.",
            "Load 62 mm endless or 62x100.",
        )
    setter = Typesetter(fonts, language_tag(content.language))
    limit = media.max_l if media.kind == "die_cut" else dots(200)
    sheet = Sheet(media.dots_w, limit, fonts)
    width = media.dots_w - 2 * MARGIN
    own, english = word(content.language, "waiting"), word("en", "waiting")
    y = draw_band(sheet, setter, own, 0, 0, sheet.width)
    if own != english:
        y = draw_band(sheet, setter, english, 0, y, sheet.width, 60)
    y, _ = draw_head(
        sheet, setter, content.pair, content.mark, (content.parcel, content.parcels), paged=False, top=y + GAP
    )
    y = draw_job_code(sheet, setter, content.job, y + GAP) + GAP
    y = sheet.rule(MARGIN, y, sheet.width - MARGIN) + GAP
    weight = f"{content.weight_g / 1000:.2f} kg" if content.weight_g else ""
    column = (width - GAP) // 2
    right = MARGIN + column + GAP
    order, carton = (setter.drawable(text, "order", "name") for text in (content.order, content.carton))
    below = draw_field(sheet, setter, "weight", weight, MARGIN, y, column)
    y = max(below, draw_field(sheet, setter, "order", order, right if weight else MARGIN, y, column))
    text = " · ".join(part for part in (carton, setter.drawable(content.reason, "reason", "name")) if part)
    if text:
        y = sheet.text(setter.block(text, 9, width, max_lines=4), MARGIN, y, width) + GAP
    if y > limit:
        raise PaperError("paper.text-too-long", "The waiting slip is longer than its label.", "Use endless media.")
    return Paper((sheet.page(1, 1, height=limit if media.kind == "die_cut" else y),), tuple(setter.warnings))
