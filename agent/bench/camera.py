"""The bench's camera: what a fixed 1080p camera over the platform sees of a scene, as JPEG frames.

Light is added up in linear values: background with shadows, boxes, stickers, hand; then the sensor makes a picture.
The noise-free picture of the last scenes is kept, so that a box that stands still costs only noise and compression.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.bench import hand as hands
from agent.bench import light as lamps
from agent.bench import sensor as chip
from agent.bench import solid, surface
from agent.bench.lens import Lens
from agent.bench.raster import Layer, Region, averaged, clip, smooth
from agent.bench.scene import Bag, Box, Ground, Hand, Light, Panel, Scene, Sticker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Points = NDArray[np.float64]
    Picture = NDArray[np.uint8]

DOTS_MM = 300 / 25.4
PAPER, INK = 0.82, 0.035
TABLE_MM = (1800.0, 1800.0)
FLOOR = 0.06
# A slip is shown this far in front of the lens, tilted a little as a hand holds it.
SHOWN_MM = 700.0

LENS = Lens()
SENSOR = chip.Sensor()


def render(scene: Scene, seed: int, lens: Lens = LENS, sensor: chip.Sensor = SENSOR) -> Picture:
    """Return one frame (BGR, height x width x 3) before compression; `seed` picks its noise.

    Raises ValueError when a sticker is on a face of a box that is not there.
    """
    return chip.exposed(_clean(scene, lens), seed, sensor)


def jpeg(scene: Scene, seed: int, lens: Lens = LENS, sensor: chip.Sensor = SENSOR) -> bytes:
    """Return one frame as the camera sends it."""
    return chip.compressed(render(scene, seed, lens, sensor), sensor.jpeg_quality)


def moving(scenes: list[Scene], seed: int, lens: Lens = LENS, sensor: chip.Sensor = SENSOR) -> Picture:
    """Return one frame exposed while the scene went through these states."""
    total = np.zeros((lens.height_px, lens.width_px, 3), np.float32)
    for scene in scenes:
        total += surface.linear(_clean(scene, lens))
    return chip.exposed(chip.developed(total / np.float32(len(scenes))), seed, sensor)


def corners_px(box: Box, lens: Lens = LENS) -> Points:
    """Return where the eight corners of the sharp box are in the picture (8 x 2): base, then lid."""
    half_x, half_y = box.length_mm / 2, box.width_mm / 2
    local = np.array([[x, y, z] for z in (0.0, box.height_mm)
                      for x, y in ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))])
    return lens.pixels(solid.standing(local, box.x_mm, box.y_mm, box.yaw_deg))


def in_view(box: Box, lens: Lens = LENS) -> bool:
    """Return whether the whole box is inside the picture."""
    corners = corners_px(box, lens)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return bool(low.min() >= 4 and high[0] <= lens.width_px - 5 and high[1] <= lens.height_px - 5)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the camera sees so far without noise: linear light where it differs from `below`, and all, developed."""

    region: Region
    light: Floats
    picture: Picture
    below: _Seen | None = None

    def part(self, region: Region) -> Floats:
        """Return a copy of the linear light in a part of the picture."""
        if self.below is None:
            return region.of(self.light).copy()
        found = self.below.part(region)
        shared = clip(region, self.region)
        if not shared.empty:
            shared.within(region, found)[:] = shared.within(self.region, self.light)
        return found

    def under(self, layers: list[Layer], shades: Sequence[_Shade] = ()) -> _Seen:
        """Return this with shadows on it, and then things over them."""
        regions = [layer.region for layer in layers] + [shade.region for shade in shades]
        if not regions:
            return self
        region = reduce(Region.join, regions)
        light = self.part(region)
        for shade in shades:
            lit = shade.region.within(region, light)
            lit *= shade.ratio()
        for layer in layers:
            layer.over(light, region)
        picture = self.picture.copy()
        picture[region.top:region.bottom, region.left:region.right] = chip.developed(light)
        return _Seen(region, light, picture, self)


@lru_cache(maxsize=3)
def _ground(ground: Ground, lens: Lens, light: Light) -> _Seen:
    """The empty bench."""
    whole = Region(0, 0, lens.width_px, lens.height_px)
    canvas = np.full((lens.height_px, lens.width_px, 3), FLOOR * light.level, np.float32)
    gain = lamps.gain(light, np.array([0.0, 0.0, 1.0]))
    wide, high = ground.platform_mm
    for size, texture in ((TABLE_MM, surface.table_face(ground, TABLE_MM)), ((wide, high), surface.mat_face(ground))):
        corners = np.array([[x * size[0] / 2, y * size[1] / 2, 0.0] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
        layer = Layer(lens, whole)
        layer.draw(corners, averaged(texture, lens, corners), gain)
        layer.over(canvas, whole)
    return _Seen(whole, canvas, chip.developed(canvas))


@lru_cache(maxsize=2)
def _with_solids(ground: Ground, light: Light, solids: tuple[Box | Bag, ...], lens: Lens) -> _Seen:
    """The bench with what stands on it; the furthest first, the nearer ones over it."""
    shades = [shade for thing in solids if not (shade := _shadow(thing, light, lens)).region.empty]
    layers = [layer for thing in sorted(solids, key=lambda thing: -_distance_mm(thing, lens))
              if (layer := _solid_layer(thing, lens, light)) is not None]
    return _ground(ground, lens, light).under(layers, shades)


@lru_cache(maxsize=2)
def _with_papers(scene: Scene, lens: Lens) -> _Seen:
    """All but what hands hold."""
    solids = tuple(thing for thing in (scene.box, *scene.others) if thing is not None)
    layers = [layer for sticker in scene.stickers if (layer := _sticker_layer(sticker, scene, lens)) is not None]
    return _with_solids(scene.ground, scene.light, solids, lens).under(layers)


@lru_cache(maxsize=6)
def _clean(scene: Scene, lens: Lens) -> Picture:
    """The frame without noise. What did not change since the last scenes is not drawn again."""
    held = tuple(sticker for sticker in scene.stickers if sticker.face == "shown")
    lying = tuple(sticker for sticker in scene.stickers if sticker.face != "shown")
    panels = [_panel_layer(scene.panel, scene.light, lens)] if scene.panel is not None else []
    layers = [layer for layer in (*panels, *(_sticker_layer(sticker, scene, lens) for sticker in held))
              if layer is not None]
    layers += [layer for hand in _hands(scene, lens)
               if (layer := hands.draw(lens, hand, scene.light.level)) is not None]
    return _with_papers(replace(scene, stickers=lying, hand=None, panel=None), lens).under(layers).picture


def _distance_mm(thing: Box | Bag, lens: Lens) -> float:
    return float(lens.depth_mm(np.array([[thing.x_mm, thing.y_mm, 0.0]]))[0])


# A shadow has no detail finer than this many pixels: its texels are 2 mm, about six pixels.
SHADE_STEP_PX = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Shade:
    """How much darker something makes the platform in a part of the picture."""

    lens: Lens
    region: Region
    texture: Floats
    corners: Points

    def ratio(self) -> Floats:
        """Return the brightness ratio of each pixel of the region (h x w x 3)."""
        return smooth(self.lens, self.region, self.lens.straight(self.corners), self.texture, SHADE_STEP_PX)


def _shadow(thing: Box | Bag, light: Light, lens: Lens) -> _Shade:
    inset = 0.0 if isinstance(thing, Box) else 0.12
    half_x, half_y = thing.length_mm / 2, thing.width_mm / 2
    base = np.array([[-half_x, -half_y, 0], [half_x, -half_y, 0], [half_x, half_y, 0], [-half_x, half_y, 0]])
    lid = base * (1 - 2 * inset) + np.array([0, 0, thing.height_mm])
    outline = solid.standing(np.concatenate([base, lid]), thing.x_mm, thing.y_mm, thing.yaw_deg)
    colour = surface.BOARD[thing.material] if isinstance(thing, Box) else (0.6, 0.6, 0.6)
    reach = 0.5 * max(thing.length_mm, thing.width_mm) + 1.1 * thing.height_mm + 120
    texture, corners = lamps.shadow(light, outline, outline[:4, :2], colour, reach)
    return _Shade(lens, Region.around(lens.pixels(corners), lens), texture, corners)


def _solid_layer(thing: Box | Bag, lens: Lens, light: Light) -> Layer | None:
    patches = solid.box_patches(thing) if isinstance(thing, Box) else solid.bag_patches(thing)
    points = np.concatenate([patch.corners for patch in patches])
    region = Region.around(lens.pixels(points), lens)
    if region.empty:
        return None
    layer = Layer(lens, region)
    ready: dict[str, Floats] = {}
    eye = lens.eye()
    for patch in patches:
        if float(patch.normal @ (eye - patch.corners[0])) <= 0:
            continue
        if patch.face not in ready:
            ready[patch.face] = _face_texture(thing, patch.face, lens)
        texture = ready[patch.face]
        height, width = texture.shape[:2]
        u0, v0, u1, v1 = patch.share
        left, right = int(u0 * width), max(int(u0 * width) + 2, int(np.ceil(u1 * width)))
        top, bottom = int((1 - v1) * height), max(int((1 - v1) * height) + 2, int(np.ceil((1 - v0) * height)))
        layer.draw(patch.corners, texture[max(0, min(top, height - 2)):bottom, max(0, min(left, width - 2)):right],
                   lamps.gain(light, patch.normal))
    return layer


def _face_texture(thing: Box | Bag, face: str, lens: Lens) -> Floats:
    if isinstance(thing, Bag):
        half = np.array([thing.length_mm / 2, thing.width_mm / 2])
        flat = np.array([[x * half[0], y * half[1], 0] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
        return averaged(surface.bag_face(thing), lens, solid.standing(flat, thing.x_mm, thing.y_mm, thing.yaw_deg))
    _, _, _, wide, high = solid.face_frame(thing, face)
    corners = solid.on_face(thing, face, np.array([-1, 1, 1, -1]) * wide / 2, np.array([-1, -1, 1, 1]) * high / 2)
    return averaged(surface.board_face(thing, face), lens, corners)


def _sticker_layer(sticker: Sticker, scene: Scene, lens: Lens) -> Layer | None:
    return _paper_layer(sticker.picture, _sticker_corners(sticker, scene, lens), scene.light, lens)


def _panel_layer(panel: Panel, light: Light, lens: Lens) -> Layer | None:
    wide, high = panel.size_mm
    flat = np.array([[x * wide / 2, y * high / 2, 0] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    down, tilt = np.radians(panel.down_deg), np.radians(panel.tilt_deg)
    lean, _ = cv2.Rodrigues(tilt * np.array([-np.sin(down), np.cos(down), 0.0]))
    corners = solid.standing(flat, 0, 0, panel.turn_deg) @ np.asarray(lean).T + (panel.x_mm, panel.y_mm, panel.z_mm)
    return _paper_layer(panel.picture, corners, light, lens)


def _paper_layer(picture: NDArray[np.uint8] | NDArray[np.bool_], corners: Points, light: Light,
                 lens: Lens) -> Layer | None:
    """Printed paper with these world corners; None where it shows its back or is out of view."""
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal /= np.linalg.norm(normal)
    region = Region.around(lens.pixels(corners), lens)
    if region.empty or float(normal @ (lens.eye() - corners[0])) <= 0:
        return None
    grey = picture.astype(np.float32) * np.float32(1.0 if picture.dtype == np.bool_ else 1 / 255)
    paper = grey * np.float32(PAPER - INK) + np.float32(INK)
    layer = Layer(lens, region)
    layer.draw(corners, averaged(paper, lens, corners), lamps.gain(light, normal))
    return layer


def _sticker_corners(sticker: Sticker, scene: Scene, lens: Lens) -> Points:
    """The sticker's world corners: left bottom, right bottom, right top, left top."""
    rows, columns = sticker.picture.shape[:2]
    half_x, half_y = columns / DOTS_MM / 2, rows / DOTS_MM / 2
    turn = np.radians(sticker.rotation_deg)
    across = np.array([-half_x, half_x, half_x, -half_x])
    upwards = np.array([-half_y, -half_y, half_y, half_y])
    x = sticker.x_mm + across * np.cos(turn) - upwards * np.sin(turn)
    y = sticker.y_mm + across * np.sin(turn) + upwards * np.cos(turn)
    if sticker.face == "table":
        return np.stack([x, y, np.full(4, 0.2)], axis=1)
    if sticker.face == "shown":
        local = np.stack([x, -y, SHOWN_MM + 0.16 * x + 0.12 * y], axis=1)
        return np.asarray((local - lens.translation()) @ lens.rotation())
    if scene.box is None:
        raise ValueError(f"a sticker is on the {sticker.face} of a box, but there is no box")
    box = scene.box
    bulge = box.bulge_mm[{"top": 2, "front": 1, "back": 1}.get(sticker.face, 0)]
    return solid.on_face(box, sticker.face, x, y, 0.2 + bulge)


def _hands(scene: Scene, lens: Lens) -> list[Hand]:
    shown = [sticker for sticker in scene.stickers if sticker.face == "shown"]
    found = [scene.hand] if scene.hand is not None else []
    for sticker in shown:
        corners = _sticker_corners(sticker, scene, lens)
        grip = 0.25 * corners[2] + 0.65 * corners[1] + 0.1 * corners[0]
        found.append(Hand(float(grip[0]), float(grip[1]), float(grip[2]), 300.0))
    return found
