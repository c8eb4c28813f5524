"""The looks at a picture, each one cheaper or likelier than the next.

zxing-cpp searches linear codes along rows and columns only, and matrix codes well only from about four pixels a
module. So after one fast pass the places that look like codes are found, rectified, enlarged and read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from agent.vision.barcodes_decoders import Read, read_zbar, read_zxing
from agent.vision.barcodes_regions import TENSOR_SIDE_PX, lattice_angle, linear_regions, matrix_regions, tensor
from agent.vision.barcodes_retail import read_retail
from agent.vision.barcodes_symbologies import RETAIL
from agent.vision.barcodes_views import bands, contrast, enlarged, rectified, sharpened, turned, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.vision.barcodes_regions import Blob, Tensor
    from agent.vision.barcodes_views import Grey, Quad, View

FAST_MATRIX_PX = 4_000_000
"""Above this size the fast look leaves matrix codes to the blobs: they would take most of a still's time."""
ENLARGED_PX = 2_600_000
"""Above this size the whole picture is not enlarged."""
CLOSER_MARGIN_PX = 40
BLOB_SIDE_PX = 900
"""A blob's view is never larger than this."""


@dataclass
class Picture:
    """A grey picture, the symbologies asked for, and what was read in it so far."""

    grey: Grey
    linear: frozenset[str]
    matrix: frozenset[str]
    read: tuple[Read, ...] = ()

    @cached_property
    def tensor(self) -> Tensor:
        return tensor(self.grey)

    def settled(self, place: Quad) -> bool:
        """Return whether a code that needs no second opinion was read round the middle of a place."""
        x, y = place.mean(axis=0)
        return any(read.symbology not in RETAIL and read.surrounds(float(x), float(y)) for read in self.read)


def _fast(picture: Picture) -> Iterator[list[Read]]:
    view = whole(picture.grey)
    yield read_zxing(view, picture.linear, rotate=True)
    if picture.grey.size <= FAST_MATRIX_PX:
        yield read_zxing(view, picture.matrix)


def _regions(picture: Picture) -> Iterator[list[Read]]:
    """Linear codes at any angle; PDF417 is found as they are, since its rows are bars too."""
    if not picture.linear and "PDF417" not in picture.matrix:
        return
    for quad in linear_regions(picture.tensor):
        if not picture.settled(quad):
            yield _region(picture, quad) or _region(picture, np.roll(quad, 1, axis=0))


def _closer(picture: Picture) -> Iterator[list[Read]]:
    """The regions of a large picture at its full resolution: codes close together look like one from afar."""
    if max(picture.grey.shape) <= TENSOR_SIDE_PX or not picture.linear:
        return
    for region in linear_regions(picture.tensor):
        left, top = np.maximum(region.min(axis=0) - CLOSER_MARGIN_PX, 0).astype(int)
        right, bottom = (region.max(axis=0) + CLOSER_MARGIN_PX).astype(int)
        for quad in linear_regions(tensor(picture.grey[top:bottom, left:right])):
            there = quad + np.array([left, top], np.float32)
            if not picture.settled(there):
                yield _region(picture, there)


# How many bands of averaged rows, and how much they are sharpened.
_BANDS = ((12, 0.0), (12, 2.0), (12, 4.0), (3, 0.0), (3, 4.0))


def _region(picture: Picture, quad: Quad) -> list[Read]:
    strip = rectified(picture.grey, quad, "regions")
    if strip is None:
        return []
    if reads := read_zxing(strip, picture.linear):
        return reads
    if "PDF417" in picture.matrix:
        block = rectified(picture.grey, quad, "regions", upward=2.0)
        if block is not None and (reads := read_zxing(block, {"PDF417"})):
            return reads
    for count, sharpen in _BANDS:
        if reads := read_zxing(bands(strip, count, "bands", sharpen=sharpen), picture.linear):
            return reads
    return []


# A blob is tried as it is, then with its lattice along the rows: scale, whether to turn, sigma of the sharpening in
# pixels of the view. zxing-cpp's DataMatrix finder likes enlarged, upright and sharp.
_BLOB_VIEWS = (
    (2.0, False, 0.0),
    (3.0, True, 3.6),
    (2.0, True, 0.0),
    (1.5, False, 1.5),
    (3.0, True, 2.4),
    (2.0, True, 2.4),
)


def _blobs(picture: Picture) -> Iterator[list[Read]]:
    if not picture.matrix:
        return
    for blob in matrix_regions(picture.tensor):
        if not picture.settled(np.array([blob.middle])):
            yield _blob(picture, blob)


def _blob(picture: Picture, blob: Blob) -> list[Read]:
    half = 1.25 * max(blob.half) + 8
    angle = lattice_angle(picture.grey, blob)
    for scale, turn, sigma_px in _BLOB_VIEWS:
        fitting = min(scale, BLOB_SIDE_PX / (2 * half))
        view = turned(picture.grey, blob.middle, half, angle if turn else 0.0, fitting, "blobs")
        if reads := read_zxing(sharpened(view, sigma_px) if sigma_px else view, picture.matrix, rotate=True):
            return reads
    return []


def _contrast(picture: Picture) -> Iterator[list[Read]]:
    yield read_zxing(contrast(whole(picture.grey), "contrast"), picture.linear, rotate=True)


def _grey(picture: Picture) -> Iterator[list[Read]]:
    """EAN-13 and UPC-A from grey values, where too few pixels a module leave no edges to find."""
    if not picture.linear & {"EAN13", "UPCA"}:
        return
    for quad in linear_regions(picture.tensor):
        if not picture.settled(quad) and (strip := rectified(picture.grey, quad, "grey")) is not None:
            yield _grey_rows(picture, strip)


def _grey_rows(picture: Picture, strip: View) -> list[Read]:
    height, width = strip.pixels.shape
    for top, bottom in ((0.1, 0.9), (0.1, 0.37), (0.37, 0.63), (0.63, 0.9)):
        rows = strip.pixels[int(top * height) : max(int(top * height) + 1, int(bottom * height))]
        found = read_retail(rows.mean(axis=0))
        if found is None:
            continue
        symbology = "UPCA" if found.digits[0] == "0" and "UPCA" in picture.linear else "EAN13"
        if symbology not in picture.linear:
            return []
        left, right = found.left * width, found.right * width
        corners = strip.in_picture([(left, 0), (right, 0), (right, height), (left, height)])
        text = found.digits[1:] if symbology == "UPCA" else found.digits
        return [Read(text, found.digits.encode(), symbology, "]E0", corners, "grey")]
    return []


def _enlarged(picture: Picture) -> Iterator[list[Read]]:
    if picture.matrix and picture.grey.size <= ENLARGED_PX:
        yield read_zxing(sharpened(enlarged(picture.grey, 1.5, "enlarged"), 1.5), picture.matrix, rotate=True)


def _every(picture: Picture) -> Iterator[list[Read]]:
    """Inverted codes, very large modules, glare; in a large picture as it is from afar, and what no look could read."""
    formats = picture.linear | picture.matrix
    yield read_zxing(contrast(_from_afar(picture.grey, "every"), "every"), formats, every=True)
    if picture.grey.size > ENLARGED_PX and picture.matrix:
        for blob in matrix_regions(picture.tensor):
            if not picture.settled(np.array([blob.middle])):
                half = min(1.25 * max(blob.half) + 8, BLOB_SIDE_PX / 2)
                view = turned(picture.grey, blob.middle, half, 0.0, 1.0, "every")
                yield read_zxing(view, picture.matrix, every=True)


def _zbar(picture: Picture) -> Iterator[list[Read]]:
    """What is left: all of a small picture, and what looks like a linear code in a large one."""
    if picture.grey.size <= ENLARGED_PX:
        yield read_zbar(contrast(whole(picture.grey), "zbar"), picture.linear)
        return
    for quad in linear_regions(picture.tensor):
        if not picture.settled(quad) and (strip := rectified(picture.grey, quad, "zbar", upward=2.0)) is not None:
            yield read_zbar(contrast(strip, "zbar"), picture.linear)


def _from_afar(grey: Grey, stage: str) -> View:
    """The picture, reduced where it is large."""
    return enlarged(grey, (ENLARGED_PX / grey.size) ** 0.5, stage) if grey.size > ENLARGED_PX else whole(grey)


LOOKS: tuple[Callable[[Picture], Iterator[list[Read]]], ...] = (
    _fast,
    _regions,
    _closer,
    _blobs,
    _contrast,
    _grey,
    _enlarged,
    _every,
    _zbar,
)
"""In the order in which they run."""
