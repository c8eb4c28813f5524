"""Every code in a picture, at any angle: cheap looks first, dear ones only until the expected codes are there.

`read_codes` is the whole of it. A *look* makes views of the picture and lets a reader read them; the looks stand in the
table `LOOKS` in the order in which they earn their time. What was read is judged in `barcodes_acceptance`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision.barcodes_acceptance import Code, all_expected, judged
from agent.vision.barcodes_looks import LOOKS, Picture
from agent.vision.barcodes_symbologies import DEFAULT, LINEAR, MATRIX

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from agent.vision.barcodes_decoders import Read

__all__ = ["DEFAULT", "Code", "read_codes"]


def read_codes(
    image: NDArray[np.uint8],
    *,
    expect: Collection[str] = (),
    formats: Collection[str] = DEFAULT,
    budget_s: float = 0.3,
    now: Callable[[], float],
) -> list[Code]:
    """Return the codes in a BGR or grey picture (uint8), the accepted ones first.

    Looks go on until every text of `expect` was read, or `budget_s` is over on the clock `now`; the first look always
    runs. Without `expect` the whole budget may be spent, since nothing says that all codes are there. Raises
    ValueError for an array that is no picture.
    """
    picture = Picture(grey_of(image), frozenset(formats) & LINEAR, frozenset(formats) & MATRIX)
    deadline_s = now() + budget_s
    reads: list[Read] = []
    for look in LOOKS:
        for found in look(picture):
            reads += found
            picture.read = tuple(reads)
            if all_expected(reads, expect):
                return judged(reads, expect, formats)
            if look is not LOOKS[0] and now() >= deadline_s:
                return judged(reads, expect, formats)
    return judged(reads, expect, formats)


def grey_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture as grey bytes, height x width. Raises ValueError for another shape or type."""
    if image.dtype != np.uint8 or image.size == 0 or image.ndim not in {2, 3}:
        raise ValueError(f"a picture is uint8 of height x width (x 3), not {image.dtype} of {image.shape}")
    if image.ndim == 2:
        return np.ascontiguousarray(image)
    if image.shape[2] != 3:
        raise ValueError(f"a colour picture has 3 channels (blue, green, red), not {image.shape[2]}")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
