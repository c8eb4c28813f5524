"""The ChArUco board: squares to print, corners to find.

8 x 5 squares of 50 mm with markers of 38 mm fill a sheet of A3. OpenCV's own board layout since 4.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import cv2.aruco
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Points = NDArray[np.float64]

PIXELS_MM = 10
DPI = 254.0
SHEET_MM = (420, 297)
DICTIONARIES = ("DICT_4X4_50", "DICT_4X4_100", "DICT_5X5_50", "DICT_5X5_100", "DICT_6X6_50", "DICT_6X6_100")


@dataclass(frozen=True, slots=True)
class Board:
    """A printed board: squares across and down, sides of square and marker as measured (mm), dictionary, thickness."""

    across: int = 8
    down: int = 5
    square_mm: float = 50.0
    marker_mm: float = 38.0
    dictionary: str = "DICT_4X4_100"
    thickness_mm: float = 0.0

    def fault(self) -> str:
        """Return why there can be no such board, or an empty text."""
        if self.dictionary not in DICTIONARIES:
            return f"the dictionary {self.dictionary} is none of {', '.join(DICTIONARIES)}."
        if not (3 <= self.across <= 30 and 3 <= self.down <= 30):
            return f"a board has 3 to 30 squares a side, not {self.across} x {self.down}."
        markers, known = self.across * self.down // 2, int(self.dictionary.rsplit("_", 1)[1])
        if markers > known:
            return f"{self.across} x {self.down} squares need {markers} markers, {self.dictionary} has {known}."
        if not 0 < self.marker_mm < self.square_mm:
            return "a marker is smaller than its square."
        return ""

    def layout(self) -> cv2.aruco.CharucoBoard:
        """Return OpenCV's description of the board, in millimetres. The board has no `fault`."""
        import cv2

        words = cv2.aruco.getPredefinedDictionary(int(getattr(cv2.aruco, self.dictionary)))
        return cv2.aruco.CharucoBoard((self.across, self.down), self.square_mm, self.marker_mm, words)

    @property
    def middle_mm(self) -> tuple[float, float]:
        """The board's middle, from its upper left corner."""
        return self.across * self.square_mm / 2, self.down * self.square_mm / 2

    @property
    def corners(self) -> int:
        """How many inner corners the board has."""
        return (self.across - 1) * (self.down - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The board's corners in one picture: name, corner numbers, board points (n x 3, mm), pixels (n x 2)."""

    name: str
    numbers: NDArray[np.int32]
    board: Points
    pixels: Points


def find(board: Board, name: str, picture: Picture) -> Sighting | None:
    """Return the board's corners in a picture (BGR or grey); None when fewer than six are seen."""
    import cv2

    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    layout = board.layout()
    # OpenCV's types do not say that both are None in a picture without the board
    pixels, numbers = cast("tuple[NDArray[np.float32] | None, NDArray[np.int32] | None]",
                           cv2.aruco.CharucoDetector(layout).detectBoard(grey)[:2])
    if numbers is None or pixels is None or len(numbers) < 6:
        return None
    return Sighting(name, numbers.ravel(), np.asarray(layout.getChessboardCorners(), float)[numbers.ravel()],
                    pixels.reshape(-1, 2).astype(float))


def write_pdf(board: Board, path: Path) -> None:
    """Write the board as a PDF page of A3 at true size, with a ruler to check the printer's scale.

    Raises OSError when the file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = round(board.across * board.square_mm * PIXELS_MM), round(board.down * board.square_mm * PIXELS_MM)
    sheet = Image.new("L", (SHEET_MM[0] * PIXELS_MM, SHEET_MM[1] * PIXELS_MM), 255)
    left = (sheet.width - width) // 2
    sheet.paste(Image.fromarray(np.asarray(board.layout().generateImage((width, height), None, 0, 1))), (left, 60))
    pen = ImageDraw.Draw(sheet)
    base = 60 + height + 110
    for mark in range(11):
        x = left + mark * 10 * PIXELS_MM
        pen.line((x, base, x, base - (60 if mark % 5 == 0 else 30)), fill=0, width=4)
    pen.line((left, base, left + 100 * PIXELS_MM, base), fill=0, width=4)
    text = (f"100 mm. Print at 100 %, glue to glass or board, measure a square: {board.square_mm:g} mm? "
            "Enter what you measured.")
    pen.text((left + 105 * PIXELS_MM, base - 60), text, fill=0, font=ImageFont.load_default(52))
    sheet.convert("1").save(path, "PDF", resolution=DPI)
