"""The layout campaign in short, and proof that its eyes see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from agent.papers.page import Placed, media
from agent.papers.slip import slip
from tests.campaigns.paper_orders import TONGUES, random_slip
from tests.campaigns.papers import KINDS, Tally, campaign, clipped, empty_text, judge, stray_ink, unread
from tests.papers.test_slip_and_label import fonts


@pytest.mark.parametrize("kind", KINDS)
def test_random_orders_in_every_language_are_set_without_a_fault(kind: str) -> None:
    (tally,) = campaign(range(7_000, 7_000 + len(TONGUES)), (kind,)).values()
    assert tally.faults == []
    assert not tally.unread
    assert set(tally.refused) <= {"paper.address-too-long"}
    assert tally.papers >= len(TONGUES) - 2


def test_the_campaign_sees_stray_ink_clipped_and_vanished_text_and_lost_codes() -> None:
    page = slip(random_slip(3, 2), media("62"), fonts()).pages[0]
    assert (stray_ink(page), clipped(page), empty_text(page), unread(page)) == (0, [], [], [])
    spoilt: Image.Image = page.image.copy()
    white = next(
        (x, y)
        for y in range(page.image.height)
        for x in range(0, 696, 7)
        if not any(thing.ink[0] <= x < thing.ink[2] and thing.ink[1] <= y < thing.ink[3] for thing in page.placed)
    )
    spoilt.putpixel(white, 0)
    assert stray_ink(replace(page, image=spoilt)) == 1
    blank = replace(page, image=Image.new("1", page.image.size, 255))
    assert empty_text(blank)
    assert unread(blank)
    outside = Placed("text", (0, 5, 40, 20), (0, 5, 40, 20), "outside")
    assert clipped(replace(page, placed=(outside,))) == ["outside"]
    tally = Tally()
    judge(replace(page, placed=(*page.placed, outside)), tally, "x")
    assert tally.faults
