"""What a frame shows that the empty platform did not: edges, and for each pixel whether it is still the platform.

A shadow changes the brightness smoothly and all colours alike; a box brings its own colour and hides the platform's
texture. Nothing here is measured: the maps say where to look and what to believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.dimensions_view import View

    Floats = NDArray[np.float32]
    Points = NDArray[np.float64]
    Picture = NDArray[np.uint8]

# A constant added before the logarithm: what black reads on a lit sensor.
PEDESTAL = 6.0
COARSE = 4
# Light, 0 ... 255, of an 8-bit value by the 2.2 power law, and how steeply values follow light there.
VALUES = np.arange(256) / 255.0
LIGHT = (255.0 * VALUES ** 2.2).astype(np.float32)
SLOPE = (1.0 / (2.2 * VALUES ** 1.2 + 0.02)).astype(np.float32)
MARGIN_PX = 36
# Change of brightness or of colour, in logarithms.
SURE, FAINT = (0.16, 0.10), (0.06, 0.04)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The changed part of one frame. `left`, `top` is its place in the picture; all maps have its height and width.

    `tensor`, `tensor_empty`: gradient products gxx gxy gyy over five channels, of the frame and of the empty platform;
    `chroma`, `chroma_empty`: those of the two channels that shadows leave alone.
    `platform`: 0 ... 1, how likely a pixel shows the platform, lit or shaded. `certain_px` is the share of changed
    pixels. `noise` is the spread of a grey value.
    """

    view: View
    left: int
    top: int
    tensor: Floats
    tensor_empty: Floats
    chroma: Floats
    chroma_empty: Floats
    platform: Floats
    grey: Picture
    grey_empty: Picture
    noise: float
    border: bool
    gain: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the maps, pixels."""
        return self.platform.shape[0], self.platform.shape[1]


def evidence(view: View, frame: Picture, empty: Picture) -> Evidence | None:
    """Return what changed between the empty platform and the frame (both BGR, same size); None when nothing did."""
    small, small_empty = (cv2.resize(picture, None, fx=1 / COARSE, fy=1 / COARSE, interpolation=cv2.INTER_AREA)
                          for picture in (frame, empty))
    ratio = log_ratio(small.astype(np.float32), small_empty.astype(np.float32), (0.0, 0.0, 0.0))
    gain = lamp_change(ratio)
    region = changed_region(ratio - np.array(gain, np.float32))
    if region is None:
        return None
    left, top, right, bottom = region
    height, width = frame.shape[:2]
    border = left <= 0 or top <= 0 or right * COARSE >= width - 2 or bottom * COARSE >= height - 2
    left, top = max(0, left * COARSE - MARGIN_PX), max(0, top * COARSE - MARGIN_PX)
    right, bottom = min(width, right * COARSE + MARGIN_PX), min(height, bottom * COARSE + MARGIN_PX)
    part, part_empty = frame[top:bottom, left:right], empty[top:bottom, left:right]
    noise = grain(frame)
    soft, soft_empty = (blurred(picture.astype(np.float32), 0.7) for picture in (part, part_empty))
    chroma, chroma_empty = chroma_tensor(soft, noise), chroma_tensor(soft_empty, noise)
    return Evidence(view, left, top, light_tensor(part) + chroma, light_tensor(part_empty) + chroma_empty, chroma,
                    chroma_empty,
                    platform_map(soft, soft_empty, gain, noise),
                    np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.uint8),
                    np.asarray(cv2.cvtColor(part_empty, cv2.COLOR_BGR2GRAY), np.uint8),
                    noise, border, gain)


def blurred(values: Floats, sigma_px: float) -> Floats:
    """Return a map after a Gaussian blur of this standard deviation, pixels."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)


def log_ratio(frame: Floats, empty: Floats, gain: tuple[float, float, float]) -> Floats:
    """Return the logarithm of frame over empty platform, channel by channel, less the lamp's change."""
    ratio = cv2.log(frame + np.float32(PEDESTAL)) - cv2.log(empty + np.float32(PEDESTAL))
    return np.asarray(ratio - np.array(gain, np.float32), np.float32)


def lamp_change(ratio: Floats) -> tuple[float, float, float]:
    """Return the commonest log ratio of each channel: what the lamp did, whatever else changed."""
    peaks = []
    for channel in range(3):
        values = ratio[:, :, channel].ravel()
        counts, edges = np.histogram(values, bins=160, range=(-1.6, 1.6))
        smooth = np.convolve(counts, (1, 2, 3, 2, 1), "same")
        peak = edges[int(smooth.argmax())] + 0.01
        near = values[np.abs(values - peak) < 0.05]
        peaks.append(float(np.median(near)) if near.size else 0.0)
    return peaks[0], peaks[1], peaks[2]


def changed_region(ratio: Floats) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom (coarse pixels) of all that changed, shadows included; None when nothing did."""
    most = np.abs(ratio).max(axis=2)
    spread = ratio.max(axis=2) - ratio.min(axis=2)
    square = np.ones((3, 3), np.uint8)
    sure, faint = (cv2.morphologyEx(((most > level) | (spread > tint)).astype(np.uint8), cv2.MORPH_OPEN, square)
                   for level, tint in (SURE, FAINT))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(sure)
    for index in range(1, count):
        if stats[index][cv2.CC_STAT_AREA] < 60:
            sure[labels == index] = 0
    # a lid in front of its own colour changes little, but it hangs together with the walls
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.max(sure, faint))
    kept = np.unique(labels[sure == 1])
    if len(kept) == 0:
        return None
    boxes = stats[kept]
    return (int(boxes[:, 0].min()), int(boxes[:, 1].min()), int((boxes[:, 0] + boxes[:, 2]).max()),
            int((boxes[:, 1] + boxes[:, 3]).max()))


def grain(frame: Picture) -> float:
    """Return the noise of a grey value: the median of neighbour differences (Immerkaer's mask, 1996), grey levels."""
    grey = cv2.cvtColor(frame[::1, ::1], cv2.COLOR_BGR2GRAY)[::3]
    across = grey[:, :-2].astype(np.int16) - 2 * grey[:, 1:-1].astype(np.int16) + grey[:, 2:].astype(np.int16)
    return float(max(0.5, 1.4826 * np.median(np.abs(across)) / 6 ** 0.5))


def light_tensor(part: Picture) -> Floats:
    """Return gxx, gxy, gyy (h x w x 3) summed over blue, green and red.

    Lens and pixel blur light, not its sRGB value; between a bright and a dark surface the steepest value lies up to
    half a pixel on the dark side. So slopes are those of light, scaled to values by the curve's slope there.
    """
    light = blurred(np.asarray(cv2.LUT(part, LIGHT), np.float32), 0.7)
    slope = np.asarray(cv2.LUT(cv2.GaussianBlur(part, (0, 0), 3.0), SLOPE), np.float32)
    return _products(light, slope)


def chroma_tensor(soft: Floats, noise: float) -> Floats:
    """Return gxx, gxy, gyy (h x w x 3) summed over two chroma channels.

    Chroma, the logarithm of a colour's ratio to green, does not change in a shadow and tells brown from grey where grey
    values do not; in the dark it is only noise, and is damped.
    """
    logs = cv2.log(soft + np.float32(PEDESTAL))
    green = logs[:, :, 1]
    trust = soft[:, :, 1] / (soft[:, :, 1] + np.float32(18.0 + 8 * noise)) * np.float32(90.0)
    chroma = cv2.merge([(logs[:, :, 2] - green) * trust, (logs[:, :, 0] - green) * trust])
    return _products(blurred(np.asarray(chroma, np.float32), 1.1), None)


def _products(stack: Floats, scale: Floats | None) -> Floats:
    """Gradient products summed over the channels of a picture."""
    across = cv2.Scharr(stack, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(stack, cv2.CV_32F, 0, 1, scale=1 / 32)
    if scale is not None:
        across, down = cv2.multiply(across, scale), cv2.multiply(down, scale)
    return np.asarray(cv2.merge([summed(cv2.multiply(one, other)) for one, other in
                                 ((across, across), (across, down), (down, down))]), np.float32)


def summed(stack: Floats | cv2.typing.MatLike) -> Floats:
    """Return the sum over a picture's channels."""
    return np.asarray(cv2.transform(stack, np.ones((1, stack.shape[2]), np.float32)), np.float32)


def platform_map(soft: Floats, soft_empty: Floats, gain: tuple[float, float, float], noise: float) -> Floats:
    """Return how likely each pixel is the empty platform, lit or in shadow: 0 ... 1."""
    wide, wide_empty = blurred(soft, 1.2), blurred(soft_empty, 1.2)
    ratio = log_ratio(wide, wide_empty, gain)
    third = np.float32(1 / 3)
    level = summed(ratio) * third
    light = summed(wide) * third + np.float32(PEDESTAL)
    doubt = np.float32(noise * 0.35) / light  # what noise alone does to a log ratio after the blur
    spread = np.maximum(summed(cv2.multiply(ratio, ratio)) * third - level * level, 0)
    rough = level - blurred(level, 2.5)
    fine = blurred(rough * rough, 1.5)
    alike = cv2.exp(np.float32(-0.5) * (spread + fine) / (np.float32(0.035 ** 2) + doubt * doubt))
    dark = (level < 0.12) & (level > -1.6)
    return np.asarray(alike * dark, np.float32)
