"""Frames of printed labels as an oblique colour camera takes them: known texts, known geometry, everything from a seed.

The sheet is drawn at `DOTS` dots a module, projected by a pinhole camera with twice the frame's resolution,
area-sampled, blurred by lens and motion, mosaiced (Bayer), given shot and read noise, demosaiced and compressed as
JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp

from agent.station.gs1 import check_digit, sscc

if TYPE_CHECKING:
    from numpy.typing import NDArray

DOTS = 8
KRAFT = 150


@dataclass(frozen=True)
class Sheet:
    """A printed label: grey pixels at `DOTS` a module, and the text of each code by its kind."""

    pixels: NDArray[np.uint8]
    texts: dict[str, str]


@dataclass(frozen=True)
class Shot:
    """How a sheet is photographed. `module_px` is counted face-on at the sheet's middle."""

    module_px: float
    rotation_deg: float
    tilt_deg: float
    tilt_axis_deg: float
    size: tuple[int, int] = (1280, 960)
    blur_px: float = 0.8
    motion_px: float = 0.0
    motion_deg: float = 0.0
    noise: float = 4.0
    glare: float = 0.0
    exposure: float = 1.0
    at: tuple[float, float] = (0.5, 0.5)
    quality: int = 80


def symbol(text: str, symbology: str, *, gs1: bool = False, height_modules: int = 0) -> NDArray[np.uint8]:
    """Return one symbol at `DOTS` dots a module with no quiet zone; linear ones `height_modules` high."""
    barcode = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology), gs1=gs1)
    image = np.array(barcode.to_image(scale=DOTS, add_quiet_zones=False))
    if height_modules:
        image = np.repeat(image[:1], height_modules * DOTS, axis=0)
    return np.asarray(image, np.uint8)


def label(rng: np.random.Generator) -> Sheet:
    """Return a shipping label with GS1-128 (SSCC), EAN-13, QR and GS1 DataMatrix, all of one module size."""
    code = sscc(3, "4012345", int(rng.integers(0, 10**9)))
    body = "40" + "".join(str(d) for d in rng.integers(0, 10, 10))
    ean = body + str(check_digit(body))
    lot = "".join(rng.choice(list("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"), 8))
    url = f"https://example.com/t/{lot.lower()}"
    parts = [
        ("gs1-128", symbol(f"(00){code}", "Code128", gs1=True, height_modules=64), (10, 10)),
        ("ean-13", symbol(ean, "EAN13", height_modules=60), (12, 90)),
        ("qr", symbol(url, "QRCode"), (10, 166)),
        ("datamatrix", symbol(f"(01)0{ean}(10){lot}", "DataMatrix", gs1=True), (130, 100)),
    ]
    pixels = np.full((210 * DOTS, 176 * DOTS), 245, np.uint8)
    for _, image, (x, y) in parts:
        pixels[y * DOTS : y * DOTS + image.shape[0], x * DOTS : x * DOTS + image.shape[1]] = np.clip(image, 20, 245)
    return Sheet(pixels, {"gs1-128": "00" + code, "ean-13": ean, "qr": url, "datamatrix": f"010{ean}10{lot}"})


def oblique(rng: np.random.Generator, module_px: float) -> Shot:
    """Return a shot at any rotation, tilted by 10 to 45 degrees about any axis, moving, half of them with glare."""
    return Shot(
        module_px,
        float(rng.uniform(0, 360)),
        float(rng.uniform(10, 45)),
        float(rng.uniform(0, 360)),
        motion_px=float(rng.uniform(0, 2)),
        motion_deg=float(rng.uniform(0, 180)),
        glare=float(rng.integers(0, 2) * rng.uniform(60, 250)),
    )


def photograph(sheet: Sheet, shot: Shot, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the frame, BGR."""
    width, height = shot.size
    fine = 2 if width * height < 4_000_000 else 1
    backdrop = cv2.resize(
        rng.normal(KRAFT, 6, (height // 4, width // 4)).astype(np.float32),
        (width * fine, height * fine),
        interpolation=cv2.INTER_CUBIC,
    )
    h = _homography(sheet, shot, fine)
    # Prefilter, since the warp samples points: one sheet pixel covers `module_px * fine / DOTS` of a fine pixel.
    spread = max(0.0, DOTS / (shot.module_px * fine) - 1) * 0.35
    soft = cv2.GaussianBlur(sheet.pixels, (0, 0), spread) if spread > 0.2 else sheet.pixels
    scene = cv2.warpPerspective(
        soft.astype(np.float32),
        h,
        (width * fine, height * fine),
        backdrop.copy(),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    light = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
    light = cv2.GaussianBlur(light, (0, 0), shot.blur_px)
    if shot.motion_px > 0.3:
        light = cv2.filter2D(light, -1, _streak(shot.motion_px, shot.motion_deg))
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    light *= 0.85 + 0.25 * (xs / width * np.cos(shot.tilt_axis_deg) + ys / height * np.sin(shot.tilt_axis_deg)).astype(
        np.float32
    )
    if shot.glare:
        x, y = width * shot.at[0] + rng.normal(0, 120), height * shot.at[1] + rng.normal(0, 120)
        light += shot.glare * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 60.0**2)).astype(np.float32)
    return _sensor(light * shot.exposure, shot, rng)


def _homography(sheet: Sheet, shot: Shot, fine: int) -> NDArray[np.float64]:
    width, height = (side * fine for side in shot.size)
    focal = 1.2 * width
    tilt, axis, turn = np.radians([shot.tilt_deg, shot.tilt_axis_deg, shot.rotation_deg])
    lean, _ = cv2.Rodrigues(np.array([np.cos(axis), np.sin(axis), 0.0]) * tilt)
    spin, _ = cv2.Rodrigues(np.array([0.0, 0.0, turn]))
    pose = np.asarray(lean @ spin, np.float64)
    distance = focal / (shot.module_px * fine) * DOTS
    rows, columns = sheet.pixels.shape
    middle = np.array([[1, 0, -columns / 2], [0, 1, -rows / 2], [0, 0, 1.0]])
    lens = np.array([[focal, 0, width * shot.at[0]], [0, focal, height * shot.at[1]], [0, 0, 1.0]])
    return np.asarray(lens @ np.column_stack([pose[:, 0], pose[:, 1], [0, 0, distance]]) @ middle, np.float64)


def _streak(length_px: float, angle_deg: float) -> NDArray[np.float32]:
    kernel = np.zeros((7, 7), np.float32)
    for step in np.linspace(-length_px / 2, length_px / 2, 41):
        x, y = 3 + step * np.cos(np.radians(angle_deg)), 3 + step * np.sin(np.radians(angle_deg))
        x0, y0 = int(x), int(y)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            kernel[y0 + dy, x0 + dx] += (1 - abs(x - x0 - dx)) * (1 - abs(y - y0 - dy))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _sensor(light: NDArray[np.float32], shot: Shot, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Mosaic, noise (a tenth of it read noise, the rest shot noise at mid grey), gain, demosaic, JPEG."""
    colour = np.array([0.86, 0.97, 1.0], np.float32)  # blue, green, red of warm light before white balance
    mosaic = light.copy()
    mosaic[0::2, 0::2] *= colour[0]
    mosaic[1::2, 1::2] *= colour[2]
    mosaic += (
        rng.standard_normal(light.shape, np.float32) * shot.noise * np.sqrt(0.1 + 0.9 * np.clip(mosaic, 0, 255) / 128)
    )
    mosaic /= shot.exposure
    mosaic[0::2, 0::2] /= colour[0]
    mosaic[1::2, 1::2] /= colour[2]
    bgr = cv2.cvtColor(np.clip(mosaic, 0, 255).astype(np.uint8), cv2.COLOR_BayerRGGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, shot.quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
