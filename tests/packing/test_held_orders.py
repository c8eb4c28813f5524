"""The published orders: a short run of the carton campaign (all of them: `python -m tests.campaigns.cartons`)."""

from __future__ import annotations

import pytest

from tests.campaigns.cartons import cases, ours, recordings, score, written_otherwise


def test_a_sample_of_the_published_orders_is_packed_well() -> None:
    folder = recordings()
    if folder is None:
        pytest.skip("PACKBENCH_RECORDINGS names no folder with cartonization/")
    found = cases(folder, every=8)
    scores = score(found, ours(50.0))
    assert all(score.valid == score.orders for score in scores.values())
    least = {"print": 0.98, "retail": 0.90, "tight": 0.40, "bulk": 0.75}
    assert {name: round(score.best / score.orders, 2) for name, score in scores.items()
            if score.best / score.orders < least[name]} == {}
    assert max(scores["retail"].ms) < 100
    assert written_otherwise(found[::4], 50.0) == 0
