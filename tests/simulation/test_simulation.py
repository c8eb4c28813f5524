"""Seeds of the simulated station keep every promise, and planted bugs are found."""

from __future__ import annotations

import pytest

from tests.campaigns.simulation import MUTANTS, failures, load
from tests.simulation.oms import SilentOms
from tests.simulation.story import empty_template, tell


@pytest.fixture(scope="module")
def template() -> bytes:
    return empty_template()


@pytest.mark.parametrize("first", range(0, 1000, 200))
def test_seeds_in_memory_keep_every_promise(template: bytes, first: int) -> None:
    assert failures(None, range(first, first + 200), template, on_files=False) == []


def test_seeds_on_files_keep_every_promise_under_power_cuts(template: bytes) -> None:
    assert failures(None, range(30), template, on_files=True) == []


def test_stock_is_exact_when_no_receipt_comes_for_an_hour_and_then_all_do_shuffled_and_doubled(template: bytes) -> None:
    for seed in range(15):
        assert tell(seed, template, oms_kind=SilentOms).now_ms >= SilentOms.SILENT_MS


def test_some_seeds_scan_their_items_into_two_boxes(template: bytes) -> None:
    assert sum(any("into two boxes" in line for line in tell(seed, template).trace) for seed in range(12)) >= 3


def test_the_same_seed_tells_the_same_story(template: bytes) -> None:
    assert tell(7, template).trace == tell(7, template).trace


@pytest.mark.parametrize("name", [path.stem for path in sorted(MUTANTS.glob("*.py"))])
def test_a_planted_bug_is_found_within_400_seeds(template: bytes, name: str) -> None:
    mutant = load(MUTANTS / f"{name}.py")
    assert any(failures(mutant, [seed], template, on_files=name == "weak_sync") for seed in range(400))
