"""A label that was just stuck on is proven within a second, one that lies elsewhere never.

    python -m tests.campaigns.proof [--seeds 20] [--first 0] [--rows top side]

The bench's camera (1080p over 60 x 40 cm) looks at a box of random size, place, turn and board. It is fitted once as it
stands there without its label; then the label comes, at any rotation, and pictures are looked at until two of them
prove it or a second of processor time of one core is over: decoding the JPEG, reading, and asking where the box
stands, as the station does. In the rows with `no fit` the box's size was refused, and the outline of what hides the
platform must do. A row is a place of the label; only the first four should be proven.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from time import monotonic, process_time
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.bench import solid
from agent.bench.camera import LENS, in_view, jpeg, render
from agent.bench.scene import Box, Face, Ground, Light, Mat, Material, Scene, Sticker
from agent.papers.fonts import Fonts
from agent.vision import dimensions
from agent.vision.barcodes import read_codes
from agent.vision.standing import Standing
from tests.campaigns.paper_camera import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

SIDES: tuple[Face, ...] = ("front", "back", "left", "right")
BOARDS: tuple[Material, ...] = ("kraft", "white", "dark", "two-tone", "glossy", "grey")
MATS: tuple[Mat, ...] = ("green", "steel", "felt", "wood", "black")
# A side faces the camera when its normal is within so many degrees of the line of sight.
FACING_DEG = 65.0
PROOFS_NEEDED = 2
# A face on which a label fits at any rotation is so wide and high.
DIAGONAL_MM = 118.0
WITHIN_S = 1.0
PATIENCE_S = 20.0
SHOULD = ("top", "side", "top, no fit", "pushed")
SHOULD_NOT = ("table", "table, no fit", "other's label", "held beside")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A box on its bench, the label that belongs on it with its mark, and another parcel's label."""

    box: Box
    ground: Ground
    light: Light
    label: Picture
    mark: str
    other: Picture
    dice: np.random.Generator

    def scene(self, *stickers: Sticker, box: Box | None = None) -> Scene:
        """Return the box with these papers."""
        return Scene(box or self.box, stickers, light=self.light, ground=self.ground)


def case(seed: int) -> Case:
    """Return the case that a seed gives."""
    dice = np.random.default_rng([seed, 7])
    fonts = Fonts.installed()
    labels = [shown(2 * number + 1, fonts) for number in (seed, seed + 5_000)]
    pictures = [np.asarray(page.image.convert("L")) for page, _, _ in labels]
    while True:
        box = Box(dice.uniform(170, 280), dice.uniform(140, 200), dice.uniform(70, 150), dice.uniform(-30, 30),
                  dice.uniform(-30, 30), dice.uniform(0, 360), BOARDS[dice.integers(len(BOARDS))], seed=seed)
        if in_view(box):
            break
    light = Light(dice.uniform(0.8, 1.1), dice.uniform(-0.05, 0.05), dice.uniform(0, 360), dice.uniform(55, 80))
    return Case(box, Ground(MATS[dice.integers(len(MATS))], "grey", seed=seed), light, pictures[0], labels[0][1],
                pictures[1], dice)


def facing(box: Box) -> Face | None:
    """Return the side of a box that looks most towards the camera, if one does."""
    best, angle_deg = None, FACING_DEG
    for face in SIDES:
        corners = solid.on_face(box, face, np.array([-1.0, 1.0, 1.0]), np.array([-1.0, -1.0, 1.0]))
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        sight = LENS.eye() - corners.mean(axis=0)
        cosine = float(normal @ sight / np.linalg.norm(normal) / np.linalg.norm(sight))
        if (turned := float(np.degrees(np.arccos(cosine)))) < angle_deg:
            best, angle_deg = face, turned
    return best


def on_table(one: Case, picture: Picture) -> Sticker | None:
    """Return a label that lies on the table where the camera sees all of it and no part of the box."""
    hull = cv2.convexHull(LENS.pixels(_corners(one.box)).astype(np.float32))
    for _ in range(200):
        x, y = one.dice.uniform(-270, 270), one.dice.uniform(-190, 190)
        reach = np.array([[x + dx, y + dy, 0] for dx in (-62, 0, 62) for dy in (-62, 0, 62)])
        points = LENS.pixels(reach)
        inside = (points > 0).all() and (points < (LENS.width_px, LENS.height_px)).all()
        if inside and all(cv2.pointPolygonTest(hull, (float(u), float(v)), measureDist=False) < 0 for u, v in points):
            return Sticker(picture, "table", x, y, one.dice.uniform(0, 360))
    return None


def _corners(box: Box) -> NDArray[np.float64]:
    half = np.array([box.length_mm, box.width_mm]) / 2
    local = np.array([[x * half[0], y * half[1], z] for z in (0, box.height_mm) for x in (-1, 1) for y in (-1, 1)])
    return np.asarray(solid.standing(local, box.x_mm, box.y_mm, box.yaw_deg))


def scenes(one: Case) -> dict[str, Scene]:
    """Return what may be seen after the label came out, by the name of its row."""
    box, turn = one.box, one.dice.uniform(0, 360)
    x, y = one.dice.uniform(-1, 1, 2) * (box.length_mm / 2 - 62, box.width_mm / 2 - 62)
    top = Sticker(one.label, "top", x, y, turn)
    found = {"top": one.scene(top), "top, no fit": one.scene(top), "pushed": one.scene(
        top, box=replace(box, x_mm=box.x_mm + one.dice.uniform(-25, 25), yaw_deg=box.yaw_deg + 9))}
    face = facing(box)
    if face is not None:
        fits = min(box.length_mm, box.width_mm, box.height_mm) > DIAGONAL_MM
        found["side"] = one.scene(Sticker(one.label, face, 0, 0, turn if fits else float(one.dice.choice((90, 270)))))
    aside = on_table(one, one.label)
    if aside is not None:
        found |= {"table": one.scene(aside), "table, no fit": one.scene(aside),
                  "other's label": one.scene(replace(aside, picture=one.label), replace(top, picture=one.other))}
    far = Sticker(one.label, "shown", float(one.dice.choice((-120, 120))), 0, turn)
    found["held beside"] = one.scene(far)
    return found


def proven(standing: Standing, mark: str, scene: Scene, seed: int) -> tuple[bool, int, int]:
    """Return whether the mark was proven on the box within a second, the pictures taken and those that read it."""
    pictures, read, proofs, began_s, drawing_s = 0, 0, 0, process_time(), 0.0
    while proofs < PROOFS_NEEDED and process_time() - began_s - drawing_s < WITHIN_S:
        drew_s = process_time()
        raw = jpeg(scene, seed * 100 + pictures)
        drawing_s += process_time() - drew_s
        picture = np.asarray(cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        codes = [code for code in read_codes(picture, budget_s=0.3, now=process_time) if code.accepted]
        beside = standing.beside(1, codes, picture)
        seen = any(code.text == mark for code in codes)
        pictures, read, proofs = pictures + 1, read + seen, proofs + (seen and mark not in beside)
    return proofs >= PROOFS_NEEDED, pictures, read


def play(seed: int, rows: tuple[str, ...], tally: Counter[tuple[str, str]]) -> None:
    """Look at one box with its label in the places of these rows."""
    one = case(seed)
    empty = render(Scene(light=one.light, ground=one.ground), seed)
    before = render(one.scene(), seed + 1)
    found = dimensions.measure([dimensions.Look(LENS.calibration(), empty, (before,))])
    tally["box", "fitted"] += isinstance(found, dimensions.Dimensions)
    tally["box", "all"] += 1
    for row, scene in scenes(one).items():
        if row not in rows:
            continue
        standing = Standing(None if row.endswith("no fit") else LENS.calibration(), empty)
        if not row.endswith("no fit"):
            if not isinstance(found, dimensions.Dimensions):
                continue
            standing.fitted(1, found.box, before)
        if row == "pushed":  # the first pictures make it fit the box anew; they are not counted
            _settled(standing, one.mark, scene, seed)
        done, pictures, read = proven(standing, one.mark, scene, seed)
        tally[row, "all"] += 1
        tally[row, "proven"] += done
        tally[row, "pictures"] += pictures
        tally[row, "read"] += read


def _settled(standing: Standing, mark: str, scene: Scene, seed: int) -> None:
    picture = render(scene, seed)
    codes = read_codes(picture, expect={mark}, budget_s=WITHIN_S, now=process_time)
    until_s = monotonic() + PATIENCE_S
    while standing.beside(1, codes, picture) and monotonic() < until_s:
        pass


def main() -> None:
    """Print how many labels were proven, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rows", nargs="+", default=[*SHOULD, *SHOULD_NOT], help="only these places of the label")
    asked = parser.parse_args()
    tally: Counter[tuple[str, str]] = Counter()
    for seed in range(asked.first, asked.first + asked.seeds):
        play(seed, tuple(asked.rows), tally)
    print(f"{tally['box', 'fitted']} of {tally['box', 'all']} boxes fitted")
    print(f"{'label':16} {'boxes':>6} {'proven in 1 s':>14} {'should be':>10} {'mark read, a picture':>21}")
    for row in asked.rows:
        boxes, pictures = tally[row, "all"], max(1, tally[row, "pictures"])
        print(f"{row:16} {boxes:>6} {tally[row, 'proven'] / max(1, boxes):>14.0%} "
              f"{'all' if row in SHOULD else 'none':>10} {tally[row, 'read'] / pictures:>21.0%}")


if __name__ == "__main__":
    main()
