"""The printing campaign in small: batches with a fault in them, judged by the printer's own journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.devices import NotPrinted, Printed, PrintProgress
from agent.devices.ql_page import Page
from tests.campaigns.printing import batch

if TYPE_CHECKING:
    from agent.devices.ql_words import Problem

SEEDS = range(8)
# Batches of which one leaves a page broken off where a careless driver would print it again.
BROKEN = range(59, 140)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_with_a_fault_loses_no_page_and_doubles_none_in_silence(seed: int) -> None:
    assert batch(seed).clean


def test_the_judge_catches_a_driver_that_calls_every_broken_page_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(_: Page, why: Problem) -> PrintProgress:
        return NotPrinted(why.code, why.hint)

    monkeypatch.setattr(Page, "_end", careless)
    assert any(not batch(seed).clean for seed in BROKEN)


def test_the_judge_catches_a_driver_that_takes_sent_for_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def hopeful(page: Page, _: float) -> PrintProgress | None:
        return Printed() if page.sent else None

    monkeypatch.setattr(Page, "tick", hopeful)
    assert any(not batch(seed).clean for seed in range(10))
