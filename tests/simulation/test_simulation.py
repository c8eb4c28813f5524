"""Seeds of the simulated station keep every promise, and planted bugs are found."""

from __future__ import annotations

import pytest

from tests.campaigns.simulation import MUTANTS, failures, load
from tests.simulation.story import empty_template, tell


@pytest.fixture(scope="module")
def template() -> bytes:
    return empty_template()


# A short version: `python -m tests.campaigns.simulation` runs 1,000 seeds in memory and 30 on files.
@pytest.mark.parametrize("first", range(0, 120, 60))
def test_seeds_in_memory_keep_every_promise(template: bytes, first: int) -> None:
    assert failures(None, range(first, first + 60), template, on_files=False) == []


def test_seeds_on_files_keep_every_promise_under_power_cuts(template: bytes) -> None:
    assert failures(None, range(12), template, on_files=True) == []


def test_the_same_seed_tells_the_same_story(template: bytes) -> None:
    assert tell(7, template).trace == tell(7, template).trace


@pytest.mark.parametrize("name", [path.stem for path in sorted(MUTANTS.glob("*.py"))])
def test_a_planted_bug_is_found_within_400_seeds(template: bytes, name: str) -> None:
    mutant = load(MUTANTS / f"{name}.py")
    assert any(failures(mutant, [seed], template, on_files=name == "weak_sync") for seed in range(400))
