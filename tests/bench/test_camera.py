from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
import zxingcpp

from agent.bench.camera import LENS, _clean, _with_papers, _with_solids, corners_px, in_view, jpeg, render
from agent.bench.scene import Box, Hand, Light, Scene, Sticker
from agent.bench.surface import linear


def proof_mark(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    page = np.full((1181, 732), 255, np.uint8)  # 62 x 100 mm at 300 dpi
    mark = np.kron(np.array(code.to_image(scale=1)), np.ones((14, 14), np.uint8))
    page[160:160 + mark.shape[0], 160:160 + mark.shape[1]] = mark
    return page


def reads(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> set[str]:
    return {found.text for found in zxingcpp.read_barcodes(picture)}


def test_a_label_on_the_lid_on_the_table_and_in_the_hand_is_readable() -> None:
    box = Box(230, 170, 110, yaw_deg=8)
    lid = Scene(box, (Sticker(proof_mark("LID-1"), "top", rotation_deg=20),))
    table = Scene(None, (Sticker(proof_mark("TABLE-1"), "table", 120, 30, 75),))
    hand = Scene(None, (Sticker(proof_mark("SHOWN-1"), "shown", 0, 30),))
    found = [set[str]().union(*(reads(render(scene, seed)) for seed in range(3))) for scene in (lid, table, hand)]
    assert found == [{"LID-1"}, {"TABLE-1"}, {"SHOWN-1"}]


def test_a_label_on_the_far_side_is_not_seen() -> None:
    scene = Scene(Box(230, 170, 110), (Sticker(proof_mark("BACK"), "back"),))
    assert reads(render(scene, 1)) == set()


def test_a_sticker_on_a_box_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no box"):
        render(Scene(None, (Sticker(proof_mark("X")),)), 1)


def test_the_lid_is_brighter_than_the_platform_exactly_inside_its_corners() -> None:
    box = Box(200, 150, 80, yaw_deg=5, material="white", tape=False)
    difference = cv2.absdiff(render(Scene(box), 3), render(Scene(), 3)).max(axis=2)
    lid = corners_px(box)[4:].astype(np.float32)
    inner, outer = np.zeros_like(difference), np.zeros_like(difference)
    middle = lid.mean(axis=0)
    for mask, grow in ((inner, 0.985), (outer, 1.6)):
        cv2.fillConvexPoly(mask, (middle + (lid - middle) * grow).round().astype(np.int32), 1)
    assert np.mean(difference[inner == 1] > 40) > 0.99
    assert in_view(box)
    assert np.mean(difference[outer == 0] > 40) < 0.05


def test_an_edge_lies_where_the_geometry_puts_it_within_a_seventh_of_a_pixel() -> None:
    straight = replace(LENS, distortion=(0.0, 0.0, 0.0, 0.0))
    box = Box(220, 160, 90, yaw_deg=24 + 90, material="white", tape=False)
    frames = [linear(render(Scene(box), seed, straight)).mean(axis=2) for seed in range(4)]
    picture = np.mean(frames, axis=0)
    start, end = corners_px(box, straight)[4:6]
    along = (end - start) / np.linalg.norm(end - start)
    out = np.array([along[1], -along[0]])
    offsets = np.arange(-8, 8.01, 0.25)
    places = []
    for share in np.linspace(0.2, 0.8, 40):
        line = start + share * (end - start) + offsets[:, None] * out
        profile = cv2.remap(picture.astype(np.float32), line[None, :, 0].astype(np.float32),
                            line[None, :, 1].astype(np.float32), cv2.INTER_LINEAR)[0]
        slope = np.abs(np.gradient(profile))
        near = slope * (np.abs(offsets) < 4)
        places.append(float((near * offsets).sum() / near.sum()))
    assert abs(float(np.median(places))) < 0.15


def test_the_same_seed_gives_the_same_frame_and_another_seed_other_noise() -> None:
    scene = Scene(Box(200, 150, 80))
    assert jpeg(scene, 5) == jpeg(scene, 5)
    assert jpeg(scene, 5) != jpeg(scene, 6)


def test_light_and_hand_change_the_picture() -> None:
    plain = render(Scene(Box(200, 150, 80)), 1)
    dim = render(Scene(Box(200, 150, 80), light=Light(level=0.5)), 1)
    hand = render(Scene(Box(200, 150, 80), hand=Hand(0, 0, 90)), 1)
    assert dim.mean() < 0.85 * plain.mean()
    assert np.mean(cv2.absdiff(hand, plain).max(axis=2) > 40) > 0.03


def test_a_picture_does_not_depend_on_what_was_drawn_before_it() -> None:
    """Only what changed is drawn anew; a hand that comes and goes leaves nothing behind."""
    box, other = Box(230, 170, 110, yaw_deg=8), Box(180, 140, 60, x_mm=-40)
    label = Sticker(proof_mark("A"))
    scenes = [Scene(box), Scene(box, (label,), hand=Hand(0, -40, 125)), Scene(box, (label,)), Scene(other), Scene(),
              Scene(box, (label, Sticker(proof_mark("B"), "shown"))), Scene(box)]
    one_after_another = [render(scene, 1) for scene in scenes]
    for scene, picture in reversed(list(zip(scenes, one_after_another, strict=True))):
        for cache in (_clean, _with_papers, _with_solids):
            cache.cache_clear()
        assert (render(scene, 1) == picture).all()


def test_a_standing_box_costs_little_more_than_its_noise_and_its_jpeg() -> None:
    scene = Scene(Box(230, 170, 110), (Sticker(proof_mark("A")),))
    jpeg(scene, 0)
    began = time.process_time()
    for seed in range(1, 4):
        jpeg(scene, seed)
    standing = (time.process_time() - began) / 3
    began = time.process_time()
    noise = render(scene, 9)
    cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 88])
    alone = time.process_time() - began
    assert standing < 3 * alone
    assert LENS.width_px == 1920
