"""Draws textured quadrilaterals as a sensor would collect them: in linear light, averaged over pixel and lens spot.

Edges are a soft step of the spot's width at their true sub-pixel place, so that what is measured from a picture is what
was put in. Textures are averaged to the picture's scale before they are sampled, so that no printed line survives that
the lens would not have resolved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.bench.lens import BEYOND, Lens, coarse_map, straight_map

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Points = NDArray[np.float64]

# A square pixel has the spread of a Gaussian of 1/sqrt(12) pixel.
PIXEL_SPREAD_PX = 0.289
# Things are drawn so many rows at a time, each time as wide as they are there: what is worked on stays in the cache.
STRIP_ROWS = 64
# What a straight side in the world may bow in the picture between its corners, and how far its soft edge reaches.
BOW_PX = 6


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the picture, pixels; `right` and `bottom` are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, pixels: Points, lens: Lens, margin_px: int = 4) -> Region:
        """Return the part of the picture that holds these pixels (n x 2), which may be empty."""
        low = np.floor(pixels.min(axis=0)).astype(int) - margin_px
        high = np.ceil(pixels.max(axis=0)).astype(int) + margin_px + 1
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        return cls(left, top, max(left, min(lens.width_px, int(high[0]))), max(top, min(lens.height_px, int(high[1]))))

    def join(self, other: Region) -> Region:
        """Return the smallest region that holds both."""
        return Region(min(self.left, other.left), min(self.top, other.top),
                      max(self.right, other.right), max(self.bottom, other.bottom))

    @property
    def empty(self) -> bool:
        """True when not one pixel is inside."""
        return self.right <= self.left or self.bottom <= self.top

    def of(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return this part of a whole picture, as a view."""
        return picture[self.top:self.bottom, self.left:self.right]

    def within(self, outer: Region, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return this part of a picture that shows `outer` alone, as a view."""
        top, left = self.top - outer.top, self.left - outer.left
        return picture[top:top + self.bottom - self.top, left:left + self.right - self.left]


class Layer:
    """What one object adds to a part of the picture: light, and how much of each pixel it covers."""

    def __init__(self, lens: Lens, region: Region) -> None:
        self.lens = lens
        self.region = region
        height, width = region.bottom - region.top, region.right - region.left
        self.light: Floats = np.zeros((height, width, 3), np.float32)
        self.cover: Floats = np.zeros((height, width), np.float32)

    def draw(self, corners: Points, texture: Floats, gain: tuple[float, float, float]) -> None:
        """Add a quadrilateral (4 x 3 world points: left bottom, right bottom, right top, left top).

        `texture` is linear reflectance, h x w or h x w x 3, row 0 at the top, already `averaged`; `gain` is the light
        that falls on it, blue green red. A quadrilateral that shows its back is not drawn.
        """
        straight = self.lens.straight(corners)
        if area_px(straight) <= 0:
            return
        map_x, map_y = straight_map(self.lens)
        turn, spread = _texel_turn(straight, texture), spread_px(self.lens)
        lit = texture if texture.ndim == 2 else np.asarray(cv2.multiply(texture, np.array((*gain, 1.0))), np.float32)
        for part in strips(self.lens.pixels(corners), self.region):
            x, y = part.of(map_x), part.of(map_y)
            cover = soft_inside(x, y, straight, spread)
            seen = _looked_up(lit, turn, x, y)
            light = part.within(self.region, self.light)
            light += (cv2.multiply(seen, _three(cover)) if seen.ndim == 3
                      else cv2.merge([cv2.multiply(seen, cover, scale=share) for share in gain]))
            of_cover = part.within(self.region, self.cover)
            of_cover += cover

    def over(self, canvas: Floats, canvas_region: Region) -> None:
        """Put this layer over a part of the picture, in place."""
        below = self.region.within(canvas_region, canvas)
        below *= _three(np.clip(1.0 - self.cover, 0.0, 1.0))
        below += self.light


def _three(channel: Floats) -> Floats:
    """One channel as blue, green and red."""
    return np.asarray(cv2.merge([channel, channel, channel]), np.float32)


def _texel_turn(straight: Points, texture: Floats) -> Points:
    """The homography from the undistorted picture, where the corners are `straight`, to the texture's texels."""
    height, width = texture.shape[:2]
    inside = np.array([[-0.5, height - 0.5], [width - 0.5, height - 0.5], [width - 0.5, -0.5], [-0.5, -0.5]])
    return np.asarray(cv2.getPerspectiveTransform(straight.astype(np.float32), inside.astype(np.float32)))


def _looked_up(texture: Floats, turn: Points, x: Floats, y: Floats) -> Floats:
    """The texture as seen by pixels whose undistorted places are x and y."""
    rows = [cv2.addWeighted(x, float(row[0]), y, float(row[1]), float(row[2])) for row in turn]
    u, v = cv2.divide(rows[0], rows[2]), cv2.divide(rows[1], rows[2])
    return np.asarray(cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)


def smooth(lens: Lens, part: Region, straight: Points, texture: Floats, step_px: int) -> Floats:
    """Return a texture without detail as the pixels of a region see it: looked up every `step_px` pixels, enlarged.

    `straight` are its corners in the undistorted picture.
    """
    wide = slice(part.left // step_px - 1 + BEYOND, -(-part.right // step_px) + 1 + BEYOND)
    high = slice(part.top // step_px - 1 + BEYOND, -(-part.bottom // step_px) + 1 + BEYOND)
    x, y = (np.ascontiguousarray(grid[high, wide]) for grid in coarse_map(lens, step_px))
    seen = _looked_up(texture, _texel_turn(straight, texture), x, y)
    large = cv2.resize(seen, (x.shape[1] * step_px, x.shape[0] * step_px), interpolation=cv2.INTER_LINEAR)
    left, top = part.left - (part.left // step_px - 1) * step_px, part.top - (part.top // step_px - 1) * step_px
    return np.asarray(large[top:top + part.bottom - part.top, left:left + part.right - part.left], np.float32)


def strips(outline: Points, region: Region) -> Iterator[Region]:
    """Yield the parts of a region that a convex outline (n x 2 pixels) can touch, a few rows each."""
    low, high = int(np.floor(outline[:, 1].min())) - BOW_PX, int(np.ceil(outline[:, 1].max())) + BOW_PX + 1
    if high - low <= STRIP_ROWS:
        left, right = int(np.floor(outline[:, 0].min())) - BOW_PX, int(np.ceil(outline[:, 0].max())) + BOW_PX + 1
        whole = clip(Region(left, low, right, high), region)
        if not whole.empty:
            yield whole
        return
    starts, ends = outline, np.roll(outline, -1, axis=0)
    for top in range(max(low, region.top), min(high, region.bottom), STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, high, region.bottom)
        rise = ends[:, 1] - starts[:, 1]
        rise = np.where(np.abs(rise) < 1e-9, 1e-9, rise)
        # Where each side enters and leaves these rows, as a share of its length; a side outside of them has no share.
        shares = np.sort((np.array([[top - BOW_PX], [bottom + BOW_PX]]) - starts[:, 1]) / rise, axis=0)
        first, last = np.maximum(shares[0], 0.0), np.minimum(shares[1], 1.0)
        within = first <= last
        if not within.any():
            continue
        x = np.concatenate([(starts[:, 0] + share * (ends[:, 0] - starts[:, 0]))[within] for share in (first, last)])
        part = clip(Region(int(np.floor(x.min())) - BOW_PX, top, int(np.ceil(x.max())) + BOW_PX + 1, bottom), region)
        if not part.empty:
            yield part


def clip(inner: Region, outer: Region) -> Region:
    """Return what two regions share; empty when nothing."""
    return Region(max(inner.left, outer.left), max(inner.top, outer.top),
                  min(inner.right, outer.right), min(inner.bottom, outer.bottom))


def area_px(corners: Points) -> float:
    """Return the signed area of a polygon in pixels; positive when it shows its outside."""
    x, y = corners[:, 0], corners[:, 1]
    return float(-0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def spread_px(lens: Lens) -> float:
    """Return the standard deviation of pixel and lens spot together, pixels."""
    return float(np.hypot(PIXEL_SPREAD_PX, lens.blur_px))


def soft_inside(x: Floats, y: Floats, corners: Points, sigma_px: float) -> Floats:
    """Return how much of each pixel a convex quadrilateral covers, 0 ... 1.

    Between two opposite sides a blurred strip is the difference of two steps, however narrow it is.
    """
    width = 1.0 / (2 * 1.9 * sigma_px)  # a smoothstep of this width follows the Gaussian step within 2 %
    sides: list[Floats | None] = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = end - start
        size = float(np.hypot(along[0], along[1]))
        if size < 1e-6:
            sides.append(None)
            continue
        a, b = along[1] / size, -along[0] / size
        c = -(a * start[0] + b * start[1])
        step = np.asarray(cv2.addWeighted(x, a * width, y, b * width, c * width + 0.5), np.float32)
        np.clip(step, 0.0, 1.0, out=step)
        step *= np.asarray(cv2.multiply(step, cv2.addWeighted(step, -2.0, step, 0.0, 3.0)), np.float32)
        sides.append(step)
    return np.asarray(cv2.multiply(_between(sides[0], sides[2], x), _between(sides[1], sides[3], x)), np.float32)


def _between(one: Floats | None, other: Floats | None, like: Floats) -> Floats:
    """What lies between two opposite sides; a side without length bounds nothing."""
    if one is None or other is None:
        rest = one if other is None else other
        return np.ones_like(like) if rest is None else rest
    return np.asarray(np.maximum(cv2.addWeighted(one, 1.0, other, 1.0, -1.0), 0.0), np.float32)


def averaged(texture: Floats, lens: Lens, corners: Points) -> Floats:
    """Return a texture blurred by pixel and lens, at about two texels a pixel, for this place in the picture."""
    straight = lens.straight(corners)
    wide = max(np.hypot(*(straight[1] - straight[0])), np.hypot(*(straight[2] - straight[3])), 2.0)
    high = max(np.hypot(*(straight[3] - straight[0])), np.hypot(*(straight[2] - straight[1])), 2.0)
    height, width = texture.shape[:2]
    new_width, new_height = min(width, int(2 * wide)), min(height, int(2 * high))
    if (new_width, new_height) != (width, height):
        texture = np.asarray(cv2.resize(texture, (new_width, new_height), interpolation=cv2.INTER_AREA))
    sigma = spread_px(lens)
    sigma_x, sigma_y = sigma * new_width / wide, sigma * new_height / high
    if max(sigma_x, sigma_y) < 0.25:
        return texture
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), max(sigma_x, 0.1), sigmaY=max(sigma_y, 0.1),
                                       borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
