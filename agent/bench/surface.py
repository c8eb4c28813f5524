"""What things are made of: reflectance textures in linear light, blue green red, about two texels a millimetre."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.bench.scene import Bag, Box, Ground

    Floats = NDArray[np.float32]
    Colour = tuple[float, float, float]

TEXELS_MM = 2.0

# Linear reflectance, blue green red: brown board, bleached board, black mailer board, grey board like bare steel.
BOARD: dict[str, Colour] = {
    "kraft": (0.17, 0.29, 0.42), "white": (0.72, 0.75, 0.76), "dark": (0.035, 0.035, 0.04),
    "two-tone": (0.17, 0.29, 0.42), "glossy": (0.30, 0.22, 0.10), "grey": (0.20, 0.21, 0.21),
}
MAT: dict[str, Colour] = {
    "green": (0.14, 0.20, 0.045), "steel": (0.26, 0.27, 0.27), "felt": (0.07, 0.065, 0.065),
    "wood": (0.16, 0.28, 0.40), "black": (0.02, 0.02, 0.02),
}
TABLE: dict[str, Colour] = {"wood": (0.16, 0.24, 0.34), "grey": (0.18, 0.18, 0.18), "concrete": (0.30, 0.31, 0.32)}


def linear(picture: NDArray[np.uint8]) -> Floats:
    """Return 8-bit sRGB values as linear light, 0 ... 1 (IEC 61966-2-1)."""
    table = (np.arange(256) / 255.0)
    straight = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(straight[picture])


def mottle(shape: tuple[int, int], cells: tuple[float, ...], dice: np.random.Generator) -> Floats:
    """Return smooth random variation with about unit spread, summed over the given cell sizes in texels."""
    total = np.zeros(shape, np.float32)
    for cell in cells:
        grid = dice.standard_normal((max(3, int(shape[0] / cell) + 3), max(3, int(shape[1] / cell) + 3)))
        total += cv2.resize(grid.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return total / np.float32(len(cells) ** 0.5)


def plain(colour: Colour, size_mm: tuple[float, float], dice: np.random.Generator, spread: float = 0.03) -> Floats:
    """Return an even surface of this colour and size (wide, high) with a little cloudiness and grain."""
    shape = (max(4, round(size_mm[1] * TEXELS_MM)), max(4, round(size_mm[0] * TEXELS_MM)))
    cloud = 1 + spread * mottle(shape, (60.0, 25.0, 4.0, 1.5), dice)
    return np.asarray(cv2.merge([cloud * np.float32(part) for part in colour]), np.float32)


def write(texture: Floats, text: str, place: tuple[float, float], height_mm: float, ink: Colour) -> None:
    """Print text on a texture, in place; `place` is the left end of its base line as a share of width and height."""
    height, width = texture.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.putText(mask, text, (int(place[0] * width), int(place[1] * height)), cv2.FONT_HERSHEY_SIMPLEX,
                height_mm * TEXELS_MM / 22.0, 255, max(1, round(height_mm * TEXELS_MM / 7)), cv2.LINE_AA)
    share = mask.astype(np.float32)[:, :, None] / 255.0 * 0.85
    texture *= 1 - share
    texture += share * np.array(ink, np.float32)


@lru_cache(maxsize=24)
def board_face(box: Box, face: str) -> Floats:
    """Return the texture of one face of a carton (top, front, back, left, right), row 0 at its top."""
    wide = box.length_mm if face in {"top", "front", "back"} else box.width_mm
    high = box.width_mm if face == "top" else box.height_mm
    dice = np.random.default_rng([box.seed, ["top", "front", "back", "left", "right"].index(face)])
    texture = plain(BOARD[box.material], (wide, high), dice)
    height, width = texture.shape[:2]
    flutes = 1 + 0.012 * np.sin(np.arange(width) * (2 * np.pi / (7.0 * TEXELS_MM)))
    texture *= flutes.astype(np.float32)[None, :, None]
    if box.material == "two-tone" and face != "top":
        band = int(height * dice.uniform(0.45, 0.75))
        texture[band:] = texture[band:] * np.array((0.9, 0.35, 0.25), np.float32)
    if box.tape:
        half = int(24 * TEXELS_MM)
        middle, tint = height // 2, np.array((0.55, 0.7, 0.85) if box.material != "white" else (0.8, 0.9, 1.0))
        if box.white_tape:
            tint = 0.7 / np.array(BOARD[box.material])
        if face == "top":
            texture[max(0, middle - half):middle + half] *= tint.astype(np.float32)
            texture[middle:middle + 1] *= 0.45
        elif face in {"left", "right"}:
            middle = width // 2
            reach = int(min(60.0, box.height_mm * 0.4) * TEXELS_MM)
            texture[:reach, max(0, middle - half):middle + half] *= tint.astype(np.float32)
    text = box.lid_text if face == "top" else box.print_text
    if text:
        write(texture, text, (0.12, 0.62), min(18.0, high * 0.25), (0.03, 0.03, 0.03))
    if face != "top":
        depth_mm = (height - np.arange(height)) / TEXELS_MM
        dim = 1 - 0.22 * np.exp(-depth_mm / 30.0)  # the platform shades the foot of a wall
        texture *= dim.astype(np.float32)[:, None, None]
    elif box.material == "glossy":
        texture += 0.10 * np.clip(mottle((height, width), (160.0,), dice), 0, 1)[:, :, None]
    return texture


@lru_cache(maxsize=8)
def bag_face(bag: Bag) -> Floats:
    """Return the texture of a mailer's upper side."""
    dice = np.random.default_rng(bag.seed)
    texture = plain((0.60, 0.60, 0.58), (bag.length_mm, bag.width_mm), dice, 0.05)
    return texture * (1 + 0.10 * mottle((texture.shape[0], texture.shape[1]), (30.0, 12.0), dice)[:, :, None])


@lru_cache(maxsize=4)
def mat_face(ground: Ground) -> Floats:
    """Return the platform's texture."""
    dice = np.random.default_rng([ground.seed, 7])
    texture = plain(MAT[ground.mat], ground.platform_mm, dice, 0.02 if ground.mat == "steel" else 0.045)
    if ground.mat == "green":
        for step_mm, gain in ((10, 1.18), (50, 1.9)):
            step = step_mm * TEXELS_MM
            for row in np.arange(step / 2, texture.shape[0], step):
                texture[int(row):int(row) + 1] *= np.float32(gain)
            for column in np.arange(step / 2, texture.shape[1], step):
                texture[:, int(column):int(column) + 1] *= np.float32(gain)
    rim = int((13 if ground.ruler else 5) * TEXELS_MM)
    inner = texture[rim:-rim, rim:-rim].copy()
    texture *= np.float32(0.35)
    if ground.ruler:
        tick = int(2.5 * TEXELS_MM)
        for start in range(rim, max(texture.shape[:2]), int(20 * TEXELS_MM)):
            texture[:, start:start + tick] = texture[start:start + tick] = 0.6
    texture[rim:-rim, rim:-rim] = inner
    return texture


@lru_cache(maxsize=4)
def table_face(ground: Ground, size_mm: tuple[float, float]) -> Floats:
    """Return the table's texture, one texel to two millimetres (it is out of the measuring field)."""
    dice = np.random.default_rng([ground.seed, 11])
    texture = plain(TABLE[ground.table], (size_mm[0] / 4, size_mm[1] / 4), dice, 0.07)
    for _ in range(9):  # tape, pens, a tray: things that lie about
        place = dice.uniform((0, 0), (texture.shape[1], texture.shape[0]))
        extent = dice.uniform(6, 40, 2)
        outline = cv2.boxPoints(((float(place[0]), float(place[1])), (float(extent[0]), float(extent[1])),
                                 float(dice.uniform(0, 180))))
        colour = dice.uniform(0.03, 0.6, 3)
        cv2.fillConvexPoly(texture, outline.astype(np.int32), [float(part) for part in colour])
    _strew(texture, ground.litter, np.random.default_rng([ground.seed, 13]))
    return texture


def _strew(texture: Floats, count: int, dice: np.random.Generator) -> None:
    """Put coloured discs, bars and painted words on the middle half of a table's texture, in place."""
    height, width = texture.shape[:2]
    for _ in range(count):
        across, down = (float(share) for share in dice.uniform(0.22, 0.78, 2))
        x, y = int(across * width), int(down * height)
        blue, green, red = (float(part) for part in dice.uniform(0.02, 0.75, 3))
        colour = (blue, green, red)
        kind, angle = dice.integers(4), float(dice.uniform(0, 180))
        if kind == 0:
            write(texture, f"PACK {dice.integers(10, 100)}", (across, down), float(dice.uniform(6, 16)), colour)
        elif kind == 1:
            cv2.ellipse(texture, (x, y), (int(dice.integers(8, 35)), int(dice.integers(6, 25))), angle, 0, 360, colour,
                        -1, cv2.LINE_AA)
        else:
            long, wide = dice.uniform(20, 110), dice.uniform(3, 10) if kind == 2 else dice.uniform(15, 50)
            outline = cv2.boxPoints(((float(x), float(y)), (float(long), float(wide)), angle))
            cv2.fillConvexPoly(texture, outline.astype(np.int32), colour, cv2.LINE_AA)
