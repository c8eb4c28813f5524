"""The real agent killed over a batch of labels, in small: `python -m tests.campaigns.printing_kill` is the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.campaigns.printing_kill import killed, pages_of

if TYPE_CHECKING:
    from pathlib import Path


def test_kills_over_a_batch_lose_no_page_double_none_in_silence_and_keep_its_order(tmp_path: Path) -> None:
    verdict = killed(tmp_path, labels=4, kills=2, wire="usb", seed=1)
    assert verdict.clean, verdict
    assert (verdict.kills, verdict.pages >= pages_of(4)) == (2, True)
