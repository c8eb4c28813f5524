from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from agent.bench.camera import corners_px, render
from agent.bench.lens import Lens
from agent.bench.scene import Bag, Box, Ground, Hand, Light, Scene
from agent.vision.dimensions import Dimensions, Look, Refused, measure
from firmware_config.camera import CameraCalibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

LENS = Lens(1280, 720, 970.0, (636.0, 365.0), (-0.08, 0.03, 0.0003, -0.0002), 31.0, 49.0, 1030.0, 0.5, (0, 0, 40))
SECOND = replace(LENS, azimuth_deg=121.0, elevation_deg=47.0)
GROUND = Ground("green", "grey", (600, 500), 3)
BOX = Box(262, 191, 148, 12, -9, 17, "kraft", print_text="KEEP DRY", radius_mm=1.8, seed=4)
SIDES = (262.0, 191.0, 148.0)


def calibration(lens: Lens) -> CameraCalibration:
    def rows(matrix: NDArray[np.float64]) -> tuple[tuple[float, float, float], ...]:
        return tuple((float(row[0]), float(row[1]), float(row[2])) for row in matrix)

    first, second, third = rows(lens.matrix())
    one, two, three = rows(lens.rotation())
    x, y, z = (float(value) for value in lens.translation())
    return CameraCalibration(width_px=lens.width_px, height_px=lens.height_px, matrix=(first, second, third),
                             distortion=(*lens.distortion, 0.0), rotation=(one, two, three),
                             translation_mm=(x, y, z), rms_px=0.1)


@cache
def empty(lens: Lens) -> Picture:
    return render(Scene(ground=GROUND), 1, lens)


def frame(scene: Scene, seed: int = 2, lens: Lens = LENS) -> Picture:
    return render(replace(scene, ground=GROUND), seed, lens)


def look(*frames: Picture, lens: Lens = LENS) -> Look:
    return Look(calibration(lens), empty(lens), frames)


def code(answer: Dimensions | Refused) -> str:
    return answer.code if isinstance(answer, Refused) else ""


def assert_measured(answer: Dimensions | Refused, tolerance_mm: float) -> Dimensions:
    assert isinstance(answer, Dimensions), answer
    for extent, true in zip((answer.length, answer.width, answer.height), SIDES, strict=True):
        assert abs(extent.value_mm - true) < tolerance_mm
        assert abs(extent.value_mm - true) <= extent.u95_mm
    return answer


def test_one_oblique_camera_measures_a_carton_within_its_uncertainty() -> None:
    answer = assert_measured(measure([look(frame(Scene(BOX)))]), 3.0)
    assert answer.length.u95_mm < 3
    assert answer.nudged_px == 0


def test_two_cameras_agree_on_one_box() -> None:
    looks = [look(frame(Scene(BOX), 5)), look(frame(Scene(BOX), 6, SECOND), lens=SECOND)]
    assert_measured(measure(looks), 2.0)


def test_a_box_that_moves_between_frames_is_refused() -> None:
    moved = replace(BOX, length_mm=BOX.length_mm + 9)  # as a lid that opens
    assert code(measure([look(frame(Scene(BOX)), frame(Scene(moved), 3))])) == "dimensions.unsteady"


def test_a_camera_almost_straight_above_tells_length_and_width_alone() -> None:
    above = replace(LENS, elevation_deg=77.0)
    low = replace(BOX, length_mm=180, width_mm=130, height_mm=60)
    answer = measure([look(frame(Scene(low), 9, above), lens=above)])
    assert isinstance(answer, Refused)
    assert answer.code == "dimensions.height-not-observable"
    assert answer.length is not None
    assert answer.width is not None
    assert abs(answer.length.value_mm - 180) <= answer.length.u95_mm
    assert abs(answer.width.value_mm - 130) <= answer.width.u95_mm


def test_an_empty_platform_has_no_dimensions() -> None:
    assert code(measure([look(frame(Scene(), 7))])) == "dimensions.empty"


def test_two_boxes_are_not_one() -> None:
    second = Box(110, 90, 80, 190, 90, 40, "white", radius_mm=1.5)
    small = replace(BOX, length_mm=180, width_mm=120, x_mm=-60)
    assert code(measure([look(frame(Scene(small, others=(second,))))])).startswith("dimensions.")


def test_a_second_box_in_the_colour_of_the_mat_is_seen_by_its_edges() -> None:
    steel = replace(GROUND, mat="steel")
    hidden = Box(150, 110, 80, 150, -60, 55, "grey", tape=False, radius_mm=1.5)
    small = replace(BOX, length_mm=180, width_mm=120, x_mm=-80, material="white")
    pictures = [render(replace(scene, ground=steel), 3, LENS) for scene in (Scene(), Scene(small, others=(hidden,)))]
    found = measure([Look(calibration(LENS), pictures[0], pictures[1:])])
    assert code(found) in {"dimensions.two-objects", "dimensions.not-a-box"}


def test_a_bag_is_told_about_and_never_measured() -> None:
    bag = Bag(300, 210, 55, 10, 5, 35, 9)
    answer = measure([look(frame(Scene(others=(bag,))))])
    assert isinstance(answer, Refused)
    assert answer.about_mm is not None
    assert np.abs(np.array(answer.about_mm) - (300, 210)).max() < 40


def test_a_box_that_leaves_the_picture_is_refused() -> None:
    away = replace(BOX, x_mm=480.0, y_mm=-270.0)
    assert (corners_px(away, LENS)[:, 0] > LENS.width_px).any()
    assert code(measure([look(frame(Scene(away)))])).startswith("dimensions.")


def test_a_hand_on_the_box_is_refused_or_does_no_harm() -> None:
    answer = measure([look(frame(Scene(BOX, hand=Hand(60, 40, 150, 60))))])
    if isinstance(answer, Dimensions):
        assert_measured(answer, 5.0)
    else:
        assert answer.code in {"dimensions.hand-in-view", "dimensions.partial"}


def turned(lens: Lens, degrees: float) -> Lens:
    """The same camera, turned about its own centre in its upright plane."""
    back = lens.eye() - np.array([0.0, 0.0, lens.aim_mm[2]])
    raised = math.asin(back[2] / np.linalg.norm(back)) + math.radians(degrees)
    flat = np.linalg.norm(back[:2])
    reach = flat - lens.eye()[2] / math.tan(raised)
    aim = back[:2] / flat * reach
    rest = lens.eye() - np.array([aim[0], aim[1], 0.0])
    return replace(lens, aim_mm=(float(aim[0]), float(aim[1]), 0.0), slant_mm=float(np.linalg.norm(rest)),
                   elevation_deg=math.degrees(math.asin(rest[2] / np.linalg.norm(rest))))


def test_a_small_nudge_is_corrected_and_a_large_one_refused() -> None:
    start = turned(LENS, 0.0)
    background = render(Scene(ground=GROUND), 1, start)
    small, large = turned(LENS, 0.35), turned(LENS, 4.0)
    knocked = Look(calibration(start), background, [render(Scene(BOX, ground=GROUND), 8, small)])
    answer = assert_measured(measure([knocked]), 5.0)
    assert 3 < answer.nudged_px < 12
    fallen = Look(calibration(start), background, [render(Scene(BOX, ground=GROUND), 8, large)])
    assert code(measure([fallen])) == "camera.moved"


def test_a_range_sensor_can_only_contradict() -> None:
    picture = look(frame(Scene(BOX)))
    assert code(measure([picture], 200.0)) == "dimensions.range-disagrees"
    assert isinstance(measure([picture], 141.0), Dimensions)


def test_a_picture_of_another_size_never_becomes_a_number() -> None:
    assert code(measure([look(np.zeros((480, 640, 3), np.uint8))])) == "camera.wrong-size"


def test_a_lamp_that_is_off_is_no_measurement() -> None:
    dark = frame(Scene(BOX, light=Light(level=0.004)))
    assert code(measure([look(dark)])) == "camera.too-dark"


def test_every_refusal_says_what_to_do() -> None:
    answer = measure([look(frame(Scene(), 7))])
    assert isinstance(answer, Refused)
    assert answer.hint.endswith(".")
    assert "Put the box on it" in answer.hint
