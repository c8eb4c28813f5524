"""From light to JPEG: Bayer mosaic, shot and read noise, demosaicing, camera gamma, compression.

Noise model: variance = light / full well + read noise squared (EMVA 1288), carried through the sRGB curve, so that it
can be added to 8-bit values; one noise field is drawn once and shifted for each frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

LEVELS = 4096
SPARE_PX = 64
ROWS = 32


@dataclass(frozen=True, slots=True)
class Sensor:
    """A small rolling-shutter sensor: electrons at full scale, read noise in electrons, JPEG quality 0 ... 100."""

    full_well_e: float = 5000.0
    read_noise_e: float = 7.0
    jpeg_quality: int = 88


@lru_cache(maxsize=1)
def _gamma() -> Picture:
    light = np.arange(LEVELS) / (LEVELS - 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(curve * 255), dtype=np.uint8)


def developed(light: NDArray[np.float32]) -> Picture:
    """Return linear light (1.0 is full scale) as 8-bit sRGB; what is brighter than full scale clips."""
    picture = np.empty(light.shape, np.uint8)
    for top in range(0, len(light), ROWS):  # a few rows at a time stay in the cache
        index = np.asarray(cv2.multiply(light[top:top + ROWS], np.full(4, LEVELS - 1.0), dtype=cv2.CV_16U), np.uint16)
        np.take(_gamma(), index, mode="clip", out=picture[top:top + ROWS])
    return picture


@lru_cache(maxsize=4)
def _noise_spread(sensor: Sensor) -> NDArray[np.float32]:
    """The standard deviation of an 8-bit value, for each value."""
    value = np.arange(256) / 255.0
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    slope = np.where(light <= 0.0031308, 12.92, 1.055 / 2.4 * np.maximum(light, 0.0031308) ** (1 / 2.4 - 1))
    variance = light / sensor.full_well_e + (sensor.read_noise_e / sensor.full_well_e) ** 2
    return np.asarray(np.sqrt(variance) * slope * 255.0, dtype=np.float32)


@lru_cache(maxsize=4)
def _noise_field(height: int, width: int) -> NDArray[np.float32]:
    dice = np.random.default_rng(20_24)
    return dice.standard_normal((height + SPARE_PX, width + SPARE_PX), dtype=np.float32)


def exposed(clean: Picture, seed: int, sensor: Sensor) -> Picture:
    """Return what the sensor makes of a noise-free picture; the same seed gives the same noise."""
    height, width = clean.shape[:2]
    mosaic = np.empty((height, width), np.uint8)  # red top left, blue bottom right of each 2 x 2 cell
    mosaic[0::2, 0::2] = clean[0::2, 0::2, 2]
    mosaic[0::2, 1::2] = clean[0::2, 1::2, 1]
    mosaic[1::2, 0::2] = clean[1::2, 0::2, 1]
    mosaic[1::2, 1::2] = clean[1::2, 1::2, 0]
    dice = np.random.default_rng(seed)
    down, across = (int(shift) for shift in dice.integers(0, SPARE_PX, 2))
    field = _noise_field(height, width)[down:down + height, across:across + width]
    noise = cv2.multiply(field, cv2.LUT(mosaic, _noise_spread(sensor)), scale=float(dice.choice((-1.0, 1.0))))
    noisy = cv2.add(mosaic, noise, dtype=cv2.CV_8U)
    return np.asarray(cv2.cvtColor(noisy, cv2.COLOR_BayerBG2BGR), dtype=np.uint8)


def compressed(picture: Picture, quality: int) -> bytes:
    """Return a picture (BGR) as JPEG."""
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("the picture could not be written as JPEG")
    return encoded.tobytes()
