"""Random walks through the core keep the promises about boxes; a long version is `python -m tests.campaigns.walks`."""

from __future__ import annotations

import pytest

from agent.station import items, scans
from tests.campaigns.walks import Walk, WalkError


def test_walks_with_scans_cards_and_boxes_keep_the_promises() -> None:
    closed = 0
    for seed in range(70):
        walk = Walk(seed)
        walk.run()
        closed += len(walk.closed())
    assert closed > 20


def test_a_walk_notices_contents_that_were_not_ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "in_box", lambda packing: items.plus(dict(packing.rest), {"CUP": 1}))
    with pytest.raises(WalkError):  # noqa: PT012 (some seed finds it)
        for seed in range(20):
            Walk(seed).run()
