"""The shipping label: lying on 62x100 (its long code along the feed), standing on 103x164."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.head import language_tag
from agent.papers.logistic_label import LogisticLabel
from agent.papers.page import Media, Paper, PaperError
from agent.papers.parcel_label import ParcelLabel
from agent.papers.typeset import Typesetter

if TYPE_CHECKING:
    from agent.papers.contents import LabelContent
    from agent.papers.fonts import Fonts

PARCEL_LENGTH, LOGISTIC_LENGTH = 1109, 1822
_PARCEL_WIDTHS, _LOGISTIC_WIDTHS = (672, 720), (1164, 1200)


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
        page = ParcelLabel(content, PARCEL_LENGTH if endless else media.max_l, wide, fonts, setter).page()
    elif _LOGISTIC_WIDTHS[0] <= wide <= _LOGISTIC_WIDTHS[1] and media.max_l >= 1600:
        page = LogisticLabel(content, wide, LOGISTIC_LENGTH if endless else media.max_l, fonts, setter).page()
    else:
        raise PaperError(
            "paper.media-mismatch",
            f"A label needs 58.9 x 93.9 mm or 101.6 x 154.3 mm; {media.name} prints {media.printable}.",
            "Load 62x100, 62 mm endless or 103x164, or send labels to another printer.",
        )
    return Paper((page,), tuple(setter.warnings))
