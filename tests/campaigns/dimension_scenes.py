"""Stations and parcels for the dimension campaign: drawn from seeds, rendered by the bench's camera.

`write(folder, seeds)` makes station folders of the format that `packbench camera measure --station` reads, with their
`truth.json`. The conditions are those that upset a camera in a warehouse; nothing here knows how they are measured.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.bench import camera
from agent.bench.lens import Lens
from agent.bench.scene import Bag, Box, Face, Ground, Hand, Light, Mat, Material, Scene, Sticker, Table
from agent.bench.sensor import Sensor, compressed

if TYPE_CHECKING:
    from pathlib import Path

# cameras, elevation in degrees, rows of the picture
KINDS = {"single-49": (1, 49.0, 720), "single-42": (1, 42.0, 720), "single-54": (1, 54.0, 1080),
         "pair": (2, 49.0, 720), "overhead": (1, 77.0, 720)}
CONDITIONS = ("plain", "plain", "aligned", "aligned", "flat", "small", "large", "dark", "same-colour", "glossy",
              "bulge", "non-square", "two-tone", "light-change", "hard-shadow", "low-light", "motion", "nudge", "hand",
              "partial", "two-boxes", "empty", "bag")
MUST_REFUSE = {"partial", "two-boxes", "empty"}
MAY_REFUSE = {"hand", "bag", "low-light", "same-colour", "nudge", "dark"}
MATS: tuple[Mat, ...] = ("green", "green", "felt", "wood", "steel", "black")
TABLES: tuple[Table, ...] = ("wood", "grey", "concrete")
BOARDS: tuple[Material, ...] = ("kraft", "kraft", "kraft", "white", "grey")
OWN_BOARDS: dict[str, Material] = {"dark": "dark", "glossy": "glossy", "two-tone": "two-tone"}
WORDS = ("", "FRAGILE", "KEEP DRY", "ACME 40", "THIS SIDE UP")
# a box on a mat of its own colour
ALIKE: tuple[tuple[Material, Mat], ...] = (
    ("glossy", "green"), ("dark", "felt"), ("kraft", "wood"), ("two-tone", "wood"), ("grey", "steel"),
    ("dark", "black"))


@dataclass
class Station:
    """A place with one or two cameras, its light, and what its calibration believes."""

    name: str
    lenses: list[Lens]
    believed: list[dict[str, Any]]
    ground: Ground
    light: Light
    sensor: Sensor
    backgrounds: list[list[Any]] = field(default_factory=list)


def station(kind: str, seed: int) -> Station:
    """Return the station that this seed gives."""
    dice = np.random.default_rng([seed, list(KINDS).index(kind)])
    count, elevation, rows = KINDS[kind]
    width, height = (1280, 720) if rows == 720 else (1920, 1080)
    first = dice.uniform(20, 42) * dice.choice((-1, 1))
    lenses = []
    for number in range(count):
        focal = width / 2 / math.tan(math.radians(dice.uniform(30.0, 34.5)))
        lenses.append(Lens(
            width, height, focal, (width / 2 + dice.uniform(-12, 12), height / 2 + dice.uniform(-12, 12)),
            (dice.uniform(-0.12, -0.04), dice.uniform(0, 0.06), dice.uniform(-5e-4, 5e-4), dice.uniform(-5e-4, 5e-4)),
            first + number * dice.uniform(80, 100), elevation + dice.uniform(-1.5, 1.5), dice.uniform(980, 1080),
            dice.uniform(-1.5, 1.5), (dice.uniform(-15, 15), dice.uniform(-15, 15), dice.uniform(20, 70)),
            dice.uniform(0.5, 0.8)))
    mat = MATS[dice.integers(len(MATS))]
    platform_mm = (float(dice.uniform(480, 640)), float(dice.uniform(430, 540)))
    ground = Ground(mat, TABLES[dice.integers(len(TABLES))], platform_mm, seed, int(dice.choice((0, 25, 60))),
                    ruler=mat == "green" and bool(dice.random() < 0.7))
    light = Light(dice.uniform(0.9, 1.3), dice.uniform(-0.05, 0.05), dice.uniform(0, 360), dice.uniform(55, 80),
                  dice.uniform(500, 1100), dice.uniform(0.45, 0.65))
    sensor = Sensor(dice.uniform(3000, 9000), dice.uniform(5, 11), int(dice.integers(80, 93)))
    return Station(f"{kind}-{seed}", lenses, [believed(lens, dice) for lens in lenses], ground, light, sensor)


def believed(lens: Lens, dice: np.random.Generator) -> dict[str, Any]:
    """Return a calibration as 12 board pictures give it: focal length 0.05 %, centre 0.5 px, pose 0.8 mm, 0.02 deg."""
    matrix = lens.matrix()
    matrix[0, 0] *= 1 + dice.normal(0, 5e-4)
    matrix[1, 1] = matrix[0, 0]
    matrix[:2, 2] += dice.normal(0, 0.5, 2)
    small = dice.normal(0, 2.5e-4, 3)
    turn = np.array([[1, -small[2], small[1]], [small[2], 1, -small[0]], [-small[1], small[0], 1]])
    left, _, right = np.linalg.svd(turn)
    rotation = left @ right @ lens.rotation()
    # the pose is fitted to the board on the platform: what turns the camera also moves it
    target = np.array([*lens.aim_mm[:2], 0.0])
    centre = lens.rotation() @ target + lens.translation()
    move = dice.normal(0, 0.5, 3)
    return {"rms_px": 0.1, "K": matrix.tolist(), "dist": [*lens.distortion, 0.0],
            "R_world_to_cam": rotation.tolist(), "t": (centre - rotation @ target + move).tolist()}


def shape(condition: str, place: Station, dice: np.random.Generator) -> Box:
    """Return the carton of a condition, wholly in view of all cameras of the station."""
    material = OWN_BOARDS.get(condition, BOARDS[dice.integers(len(BOARDS))])
    if condition == "same-colour":
        material = next(board for board, mat in ALIKE if mat == place.ground.mat)
    low, high = {"small": (100, 160), "large": (300, 400)}.get(condition, (140, 340))
    for _ in range(400):
        sides = sorted((dice.uniform(low, high), dice.uniform(low * 0.8, high * 0.85)), reverse=True)
        height = dice.uniform(50, 75) if condition == "flat" else dice.uniform(60, min(300.0, sides[0] * 1.1))
        yaw = dice.normal(0, 1.5) + 90 * dice.integers(0, 2) if condition == "aligned" else dice.uniform(0, 180)
        box = Box(sides[0], sides[1], height, dice.uniform(-50, 50), dice.uniform(-40, 40), yaw,
                  material, bool(dice.random() < 0.7), bool(dice.random() < 0.3),
                  str(dice.choice(WORDS)), str(dice.choice(WORDS)) if dice.random() < 0.5 else "", dice.uniform(1, 3),
                  seed=int(dice.integers(1 << 30)))
        if condition == "bulge":
            box = replace(box, bulge_mm=tuple(dice.uniform(1, 4, 3)))
        if condition == "non-square":
            box = replace(box, skew_mm=0.006 * sides[0], taper_mm=(0.006 * sides[0], 0.006 * sides[1]))
        if all(camera.in_view(box, lens) for lens in place.lenses):
            return box
    raise ValueError("no box of this kind fits into the view")


def sticker(dice: np.random.Generator, box: Box, face: Face = "top") -> Sticker:
    """Return a shipping label with bars, somewhere on a face, square to it or turned."""
    across, upwards = {"top": (box.length_mm, box.width_mm), "front": (box.length_mm, box.height_mm),
                       "back": (box.length_mm, box.height_mm)}.get(face, (box.width_mm, box.height_mm))
    wide, high = int(min(75.0, across * 0.6) * camera.DOTS_MM), int(min(90.0, upwards * 0.7) * camera.DOTS_MM)
    page = np.full((high, wide), 255, np.uint8)
    bars = np.repeat(dice.integers(0, 2, max(4, wide // 6 - 20)), 6)[:wide - 120] * 255
    page[high // 5:high // 2, 60:60 + len(bars)] = bars
    turn = float(dice.choice([0, 180, *((90, dice.uniform(0, 360)) if face == "top" else ())]))
    room = np.array([across - wide / camera.DOTS_MM, upwards - high / camera.DOTS_MM]) / 2 - 7
    x, y = dice.uniform(-room.clip(0), room.clip(0)) if turn in {0, 180} else dice.uniform(-room / 2, room / 2)
    return Sticker(page, face, float(x), float(y), turn)


def scene(condition: str, place: Station, dice: np.random.Generator) -> Scene:
    """Return what stands in front of the cameras."""
    if condition == "empty":
        return Scene(ground=place.ground, light=place.light)
    if condition == "bag":
        bag = Bag(dice.uniform(220, 330), dice.uniform(160, 240), dice.uniform(35, 80), dice.uniform(-30, 30),
                  dice.uniform(-30, 30), dice.uniform(0, 180), int(dice.integers(1 << 30)))
        return Scene(ground=place.ground, light=place.light, others=(bag,))
    box = shape("small" if condition == "two-boxes" else condition, place, dice)
    faces: tuple[Face, ...] = ("top", "front", "right", "back", "left")
    stickers = tuple(sticker(dice, box, face) for face, share in zip(faces, (0.6, 0.3, 0.3, 0.3, 0.3), strict=True)
                     if dice.random() < share and not any(box.bulge_mm) and not any(box.taper_mm))
    whole = Scene(box, stickers, None, place.light, (), place.ground)
    if condition == "hand":
        reach = dice.uniform(0, 360)
        edge = 0.35 * box.length_mm * np.array([math.cos(math.radians(reach)), math.sin(math.radians(reach))])
        return replace(whole, hand=Hand(box.x_mm + edge[0], box.y_mm + edge[1], box.height_mm + 10, reach))
    if condition == "partial":
        lens = place.lenses[0]
        out = np.array([math.cos(math.radians(lens.azimuth_deg)), -math.sin(math.radians(lens.azimuth_deg))])
        for far in range(200, 700, 10):
            moved = replace(box, x_mm=out[0] * far, y_mm=out[1] * far)
            corners = camera.corners_px(moved, lens)
            if np.mean((corners[:, 0] > lens.width_px - 1) | (corners[:, 0] < 0)) >= 0.25:
                return replace(whole, box=moved)
    if condition == "two-boxes":
        second = shape("small", place, dice)
        apart = 0.5 * (math.hypot(box.length_mm, box.width_mm) + math.hypot(second.length_mm, second.width_mm))
        angle = dice.uniform(0, 2 * math.pi)
        second = replace(second, x_mm=box.x_mm + apart * math.cos(angle), y_mm=box.y_mm + apart * math.sin(angle))
        return replace(whole, others=(second,))
    level = place.light.level
    plain = replace(place.light, level=level * dice.uniform(0.94, 1.06))
    other = replace(place.light, level=level * dice.uniform(0.7, 1.25), warmth=dice.uniform(-0.1, 0.1))
    light = {"light-change": other, "low-light": replace(place.light, level=0.18 * level),
             "hard-shadow": replace(place.light, size_mm=60, ambient=0.35, elevation_deg=50)}.get(condition, plain)
    return replace(whole, light=light)


def frames(condition: str, seen: Scene, place: Station, dice: np.random.Generator) -> list[Any]:
    """Return one picture for each camera."""
    pictures = []
    for fixed in place.lenses:
        lens = nudged(fixed, dice) if condition == "nudge" else fixed
        noise = int(dice.integers(1 << 30))
        if condition == "motion" and seen.box is not None:
            ways = [replace(seen, box=replace(seen.box, x_mm=seen.box.x_mm + step, y_mm=seen.box.y_mm + 0.4 * step))
                    for step in np.linspace(-1.5, 1.5, 5)]
            pictures.append(camera.moving(ways, noise, lens, place.sensor))
        else:
            pictures.append(camera.render(seen, noise, lens, place.sensor))
    return pictures


def nudged(lens: Lens, dice: np.random.Generator) -> Lens:
    """Return a camera that somebody knocked: turned by 0.2 to 0.9 degrees about its own centre, and rolled a little."""
    turn = math.radians(dice.uniform(0.2, 0.9))
    angle = dice.uniform(0, 2 * math.pi)
    aim = np.array(lens.aim_mm) + lens.slant_mm * turn * np.array([math.cos(angle), math.sin(angle), 0.0])
    back = lens.eye() - aim
    slant = float(np.linalg.norm(back))
    return replace(lens, aim_mm=(float(aim[0]), float(aim[1]), float(aim[2])), slant_mm=slant,
                   azimuth_deg=math.degrees(math.atan2(-back[0], -back[1])),
                   elevation_deg=math.degrees(math.asin(back[2] / slant)),
                   roll_deg=lens.roll_deg + dice.uniform(-0.15, 0.15))


def outer(box: Box) -> list[float]:
    """Return the outermost extents with bulge and skew: length, width, height."""
    return [box.length_mm + 2 * box.bulge_mm[0] + 2 * abs(box.skew_mm), box.width_mm + 2 * box.bulge_mm[1],
            box.height_mm + box.bulge_mm[2]]


def write(folder: Path, kind: str, seed: int, conditions: tuple[str, ...] = CONDITIONS) -> None:
    """Write one station's folder: pictures, manifest.json, truth.json."""
    folder.mkdir(parents=True, exist_ok=True)
    place = station(kind, seed)
    dice = np.random.default_rng([seed, 99])
    empty = Scene(ground=place.ground, light=place.light)
    manifest: dict[str, Any] = {"units": "mm", "cameras": {}, "measurements": []}
    truth: dict[str, Any] = {"cameras": {}, "measurements": {}}
    for number, lens in enumerate(place.lenses):
        truth["cameras"][f"c{number}"] = {
            "K": lens.matrix().tolist(), "dist": [*lens.distortion, 0.0], "R_world_to_cam": lens.rotation().tolist(),
            "t": lens.translation().tolist()}
        names = []
        for shot in range(3):
            names.append(f"c{number}_bg{shot}.jpg")
            picture = camera.render(empty, int(dice.integers(1 << 30)), lens, place.sensor)
            (folder / names[-1]).write_bytes(compressed(picture, place.sensor.jpeg_quality))
        manifest["cameras"][f"c{number}"] = {"size": [lens.width_px, lens.height_px], "background": names,
                                             "estimate": place.believed[number]}
    for number, condition in enumerate(conditions):
        seen = scene(condition, place, dice)
        views = []
        for eye, picture in enumerate(frames(condition, seen, place, dice)):
            name = f"m{number:02d}_c{eye}.jpg"
            (folder / name).write_bytes(compressed(picture, place.sensor.jpeg_quality))
            views.append({"camera": f"c{eye}", "file": name})
        row: dict[str, Any] = {"id": f"m{number:02d}", "views": views}
        alike = seen.box is not None and (seen.box.material, place.ground.mat) in ALIKE
        expect = "may_refuse" if condition in MAY_REFUSE or alike else "measure"
        expect = "refuse" if condition in MUST_REFUSE else expect
        if kind == "overhead":
            expect = "refuse" if expect == "refuse" else "may_refuse"
            if seen.box is not None:
                reading = 1100 - seen.box.height_mm + dice.normal(0, 8)
                row["range"] = {"empty_mm": 1100.0, "reading_mm": reading, "repeat_sd_mm": 5.0}
        manifest["measurements"].append(row)
        box = seen.box
        truth["measurements"][row["id"]] = {
            "tags": [condition], "expect": expect, "soft": condition == "bag", "mat": place.ground.mat,
            "colour": box.material if box else "",
            "edge_mm": [box.length_mm, box.width_mm, box.height_mm] if box else None,
            "outer_mm": outer(box) if box else None}
        if box is not None:
            truth["measurements"][row["id"]] |= {
                "pose": {"x": box.x_mm, "y": box.y_mm, "yaw": math.radians(box.yaw_deg)}, "edge_radius": box.radius_mm,
                "dims_LWH": [box.length_mm, box.width_mm, box.height_mm]}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    (folder / "truth.json").write_text(json.dumps(truth, indent=1))
