"""What stands in front of the bench's camera, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Material = Literal["kraft", "white", "dark", "two-tone", "glossy", "grey"]
Mat = Literal["green", "steel", "felt", "wood", "black"]
Table = Literal["wood", "grey", "concrete"]
Face = Literal["top", "front", "back", "left", "right", "table", "shown"]


@dataclass(frozen=True, slots=True)
class Box:
    """A carton: edge dimensions, place of its footprint's middle on the platform, yaw, material and its defects.

    `print_text` is on the walls, `lid_text` on the lid. `bulge_mm` is how far the middle of sides and lid stands out;
    `radius_mm` rounds the edges; `taper_mm` makes the top narrower than the base; `skew_mm` shears the footprint.
    """

    length_mm: float
    width_mm: float
    height_mm: float
    x_mm: float = 0.0
    y_mm: float = 0.0
    yaw_deg: float = 0.0
    material: Material = "kraft"
    tape: bool = True
    white_tape: bool = False
    print_text: str = ""
    lid_text: str = ""
    radius_mm: float = 0.0
    bulge_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    taper_mm: tuple[float, float] = (0.0, 0.0)
    skew_mm: float = 0.0
    seed: int = 0

    @property
    def plain(self) -> bool:
        """True when every face is flat and every edge sharp."""
        return not (self.radius_mm or any(self.bulge_mm) or any(self.taper_mm) or self.skew_mm)


@dataclass(frozen=True, slots=True)
class Bag:
    """A soft mailer: its outer length, width and height, lying on the platform."""

    length_mm: float
    width_mm: float
    height_mm: float
    x_mm: float = 0.0
    y_mm: float = 0.0
    yaw_deg: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Sticker:
    """A printed page, stuck on a face of the box, lying on the table, or shown to the camera without a box.

    `picture` is grey (0 black, 255 white) or 1-bit (True white) at 300 dpi, row 0 on top. `x_mm`, `y_mm` is its middle
    from the middle of the face (of the platform for the table, of the view for `shown`), `rotation_deg`
    turns it anticlockwise as seen from outside. Two stickers are equal only when they are the same object.
    """

    picture: NDArray[np.uint8] | NDArray[np.bool_]
    face: Face = "top"
    x_mm: float = 0.0
    y_mm: float = 0.0
    rotation_deg: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A stiff board with a print on it, held over the platform or lying there; `picture` is grey, row 0 on top.

    The middle of the print is at x, y, z; it faces up, is turned anticlockwise by `turn_deg` as seen from above, and
    leans by `tilt_deg` so that the side towards `down_deg` (0 is +x) is the lower one.
    """

    picture: NDArray[np.uint8]
    size_mm: tuple[float, float]
    x_mm: float = 0.0
    y_mm: float = 0.0
    z_mm: float = 0.0
    tilt_deg: float = 0.0
    down_deg: float = 0.0
    turn_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Hand:
    """A forearm that reaches in from the table's edge; the finger tips are at the given point."""

    x_mm: float
    y_mm: float
    z_mm: float
    from_deg: float = 215.0


@dataclass(frozen=True, slots=True)
class Light:
    """The lamp: where it is, how large it is, how strong and how warm.

    `level` 1.0 is what the fixed exposure was set for. `size_mm` is the lamp's diameter at two metres: a small one
    throws hard shadows. `warmth` -0.2 ... 0.2 shifts from blue to red.
    """

    level: float = 1.0
    warmth: float = 0.0
    azimuth_deg: float = 200.0
    elevation_deg: float = 66.0
    size_mm: float = 700.0
    ambient: float = 0.5


@dataclass(frozen=True, slots=True)
class Ground:
    """What the platform and the table look like.

    `litter` is how many coloured things, words and bars lie round the platform; `ruler` gives the mat the dark rim with
    white ticks of a cutting mat.
    """

    mat: Mat = "green"
    table: Table = "wood"
    platform_mm: tuple[float, float] = (480.0, 420.0)
    seed: int = 1
    litter: int = 0
    ruler: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the camera sees at one moment; `stickers` on a box belong to `box`."""

    box: Box | None = None
    stickers: tuple[Sticker, ...] = ()
    hand: Hand | None = None
    light: Light = field(default_factory=Light)
    others: tuple[Box | Bag, ...] = ()
    ground: Ground = field(default_factory=Ground)
    panel: Panel | None = None
