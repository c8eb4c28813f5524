"""Every code in a picture, at any angle: cheap looks first, dear ones only until the expected codes are there.

`read_codes` is the whole of it. A *look* makes a view of the picture and lets a reader read it; the looks stand in the table
`LOOKS`, in the order in which they earn their time. What was read is then judged in `barcodes_acceptance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision.barcodes_acceptance import same_text, why_not
from agent.vision.barcodes_decoders import read_zbar, read_zxing
from agent.vision.barcodes_regions import linear_regions
from agent.vision.barcodes_symbologies import DEFAULT, LINEAR, MATRIX
from agent.vision.barcodes_views import contrast, rectified, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from agent.vision.barcodes_decoders import Corners, Read

__all__ = ["DEFAULT", "Code", "read_codes"]


@dataclass(frozen=True, slots=True)
class Code:
    """One code in a picture.

    `text` is spelled as in `expect` where it is expected. `raw` is what the symbol holds, `identifier` its AIM symbology
    identifier (`]C1` is GS1-128; empty where unknown), `corners` four points in pixels of the picture, `stage` the look that
    read it. `accepted` is whether it may be acted upon; else `why_not` says what speaks against it.
    """

    text: str
    raw: bytes
    symbology: str
    identifier: str
    corners: Corners
    stage: str
    accepted: bool
    why_not: str = ""


def read_codes(
    image: NDArray[np.uint8], *, expect: Collection[str] = (), formats: Collection[str] = DEFAULT, budget_s: float = 0.3,
    now: Callable[[], float],
) -> list[Code]:
    """Return the codes in a BGR or grey picture, the accepted ones first.

    Looks go on until every text of `expect` was read, or `budget_s` is over on the clock `now`; the first look always runs.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image, np.uint8)
    deadline_s = now() + budget_s
    linear, matrix = frozenset(formats) & LINEAR, frozenset(formats) & MATRIX
    reads: list[Read] = []
    for look in (_fast, _contrast, _regions, _every, _zbar):
        reads += look(grey, linear, matrix)
        if now() >= deadline_s or (expect and all(any(same_text(read, text) for read in reads) for text in expect)):
            break
    return _judged(reads, expect, formats)


def _fast(grey: NDArray[np.uint8], linear: frozenset[str], matrix: frozenset[str]) -> list[Read]:
    return read_zxing(whole(grey), linear, rotate=True) + read_zxing(whole(grey), matrix)


def _contrast(grey: NDArray[np.uint8], linear: frozenset[str], matrix: frozenset[str]) -> list[Read]:
    del matrix
    return read_zxing(contrast(whole(grey), "contrast"), linear, rotate=True)


def _regions(grey: NDArray[np.uint8], linear: frozenset[str], matrix: frozenset[str]) -> list[Read]:
    del matrix
    views = [rectified(grey, quad, "regions") for quad in linear_regions(grey)]
    return [read for view in views if view for read in read_zxing(view, linear)]


def _every(grey: NDArray[np.uint8], linear: frozenset[str], matrix: frozenset[str]) -> list[Read]:
    return read_zxing(contrast(whole(grey), "every"), linear | matrix, every=True)


def _zbar(grey: NDArray[np.uint8], linear: frozenset[str], matrix: frozenset[str]) -> list[Read]:
    del matrix
    return read_zbar(contrast(whole(grey), "zbar"), linear)


def _judged(reads: list[Read], expect: Collection[str], formats: Collection[str]) -> list[Code]:
    codes: dict[tuple[str, str], Code] = {}
    for read in reads:
        text = next((text for text in expect if same_text(read, text)), read.text)
        stages = {other.stage for other in reads if other.text == read.text}
        reason = "" if text in expect else why_not(read, formats, corroborated=len(stages) > 1, expecting=bool(expect))
        codes.setdefault((read.symbology, text), Code(
            text, read.raw, read.symbology, read.identifier, read.corners, read.stage, not reason, reason))
    return sorted(codes.values(), key=lambda code: not code.accepted)
