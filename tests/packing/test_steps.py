"""Packing steps can be done from above, and the picture hides nothing that stands in front."""

from __future__ import annotations

import random
from xml.etree import ElementTree as ET

from agent.packing.isometric import back_to_front, draw, svg
from agent.packing.model import Carton, Item, PackedCarton, Placement, Rules
from agent.packing.steps import in_packing_order, steps
from agent.packing.suggest import suggest
from agent.papers.packing_picture import packing_picture

CARTON = Carton("C", (300, 200, 150), (306, 206, 162), 100, 9000, 400)
PACKED = PackedCarton(CARTON, (
    Placement("top", (0, 0, 50), (100, 60, 20)), Placement("slab", (0, 0, 0), (150, 200, 50)),
    Placement("post", (260, 160, 0), (40, 40, 120)), Placement("post", (220, 160, 0), (40, 40, 120))), 900)


def test_steps_are_moves_in_words() -> None:
    assert [step.words for step in steps(PACKED)] == [
        "slab: left side, lying flat, long side front to back, on the floor",
        "2 x post: right front corner, standing on end, on the floor",
        "top: left back corner, lying flat, long side left to right, on slab",
    ]


def test_each_unit_can_be_lowered_from_above() -> None:
    chance = random.Random(4)
    for _ in range(10):
        items = [Item(f"K{at}", (chance.randint(20, 180), chance.randint(20, 140), chance.randint(20, 90)), 100, 2)
                 for at in range(6)]
        plan = suggest(items, (Carton("X", (500, 400, 400), (510, 410, 412), 100, 90_000, 900),), Rules(),
                       lambda: 0.0, 5)
        ordered = in_packing_order(plan.cartons[0].placements)
        for at, one in enumerate(ordered):
            for before in ordered[:at]:
                over = all(before.pos_mm[axis] < one.pos_mm[axis] + one.dims_mm[axis]
                           and one.pos_mm[axis] < before.pos_mm[axis] + before.dims_mm[axis] for axis in (0, 1))
                assert not over or before.pos_mm[2] + before.dims_mm[2] <= one.pos_mm[2]


def test_what_stands_behind_is_drawn_first() -> None:
    front = Placement("front", (0, 100, 0), (100, 100, 100))
    right = Placement("right", (100, 0, 0), (100, 100, 100))
    back = Placement("back", (0, 0, 0), (100, 100, 100))
    above = Placement("above", (0, 0, 100), (100, 100, 100))
    names = [one.sku for one in back_to_front([above, front, right, back])]
    assert names[0] == "back"


def test_only_the_asked_step_is_marked() -> None:
    drawing = draw(PACKED, 3, 2)
    assert len(drawing.faces) == 9
    assert sum(face.marked for face in drawing.faces) == 6
    assert not any(face.marked for face in draw(PACKED).faces)


def test_each_unit_has_the_number_of_its_step_where_it_can_be_seen() -> None:
    assert sorted(caption.text for caption in draw(PACKED).captions) == ["1", "2", "2", "3"]
    low, cover = Placement("low", (0, 0, 0), (300, 200, 40)), Placement("cover", (0, 0, 40), (300, 200, 40))
    captions = draw(PackedCarton(CARTON, (low, cover), 0)).captions
    assert [caption.text for caption in captions] == ["1", "2"], "the lower one is numbered on its front"
    assert captions[0].at[1] > captions[1].at[1]
    hidden = Placement("hidden", (0, 0, 0), (100, 60, 40))
    around = (Placement("front", (0, 60, 0), (300, 140, 100)), Placement("side", (100, 0, 0), (200, 60, 100)),
              Placement("lid", (0, 0, 40), (100, 60, 60)))
    assert "1" not in {caption.text for caption in draw(PackedCarton(CARTON, (hidden, *around), 0)).captions}


def test_the_drawing_stays_on_its_sheet() -> None:
    drawing = draw(PACKED)
    points = [point for face in (drawing.floor, *drawing.faces) for point in face.points]
    assert all(-0.01 <= x <= drawing.width + 0.01 and -0.01 <= y <= drawing.height + 0.01 for x, y in points)


def test_svg_is_well_formed_whatever_the_sku_is_called() -> None:
    root = ET.fromstring(svg(draw(PACKED, 2), 'a <b> & "c"', ["<script>"]))  # noqa: S314 (our own text)
    assert root.tag.endswith("svg")
    assert "<script>" in [element.text for element in root.iter()]


def test_the_slip_picture_has_only_black_and_white_and_hatches_the_next_item() -> None:
    plain = packing_picture(draw(PACKED), 300, one_bit=True)
    marked = packing_picture(draw(PACKED, 4, 1), 300, one_bit=True)
    assert plain.mode == "1"
    assert plain.size[0] == 300
    assert marked.histogram()[0] > plain.histogram()[0] + 100
