"""What the station knows outlives damage, is forgotten with its job, and is kept without a life of its own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from agent.station.records import SaveCatalogue, SaveJob, SaveSuggestion
from agent.station.values import SuggestedCarton, Suggestion
from agent.store import Store, StoreError, care
from agent.store.shelf import read_shelf, shelf_of
from tests.builders import a_job

if TYPE_CHECKING:
    from pathlib import Path

DAY_MS = 86_400_000
SUGGESTION = Suggestion(cartons=(SuggestedCarton(carton="S", inner_mm=(200, 150, 100), outer_mm=(208, 158, 110),
                                                 contents=(("MUG", 2),)),))


def filled(directory: Path) -> None:
    store = Store(directory, station="st-1")
    with store.transaction():
        store.apply([SaveJob("J-1", 1, "open", "d", a_job()), SaveSuggestion("J-1", 1, SUGGESTION),
                     SaveCatalogue((("carton:S", b"{}"), ("sku:MUG", b"{}")))], at_ms=0, wall_ms=0, time_ok=True)
        store.shelf.learn({"sku:MUG": b"{}", "fill": b"{}"})
    store.close()


def test_a_suggestion_comes_with_its_job_for_its_own_revision_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    store = Store(tmp_path, station="st-1")
    assert store.suggestion("J-1", 1) == SUGGESTION
    assert store.suggestion("J-1", 2) is None
    store.close()


def test_cartons_and_lessons_are_salvaged_from_a_damaged_store(tmp_path: Path) -> None:
    filled(tmp_path)
    saved = care.salvage(tmp_path, station="st-1")
    assert {table: saved.rows[table] for table in ("beliefs", "catalogue", "suggestions")} == {
        "beliefs": 2, "catalogue": 2, "suggestions": 1}
    with read_shelf(tmp_path) as shelf:
        assert sorted(shelf.beliefs()) == ["fill", "sku:MUG"]
        assert sorted(shelf.catalogue()) == ["carton:S", "sku:MUG"]


def test_the_suggestion_goes_with_its_job_and_what_was_learned_stays(tmp_path: Path) -> None:
    filled(tmp_path)
    store = Store(tmp_path, station="st-1")
    with store.transaction():
        store.apply([SaveJob("J-1", 1, "packed")], at_ms=0, wall_ms=0, time_ok=True)
        gone = store.forget(91 * DAY_MS, ended_days=90, addresses_days=30)
    assert (gone["suggestions"], store.suggestion("J-1", 1)) == (1, None)
    assert sorted(store.shelf.beliefs()) == ["fill", "sku:MUG"]
    store.close()


def test_a_shelf_is_read_while_the_station_runs_and_written_only_while_it_does_not(tmp_path: Path) -> None:
    store = Store(tmp_path, station="st-1")
    with read_shelf(tmp_path) as shelf:
        assert shelf.beliefs() == {}
    with pytest.raises(StoreError, match=r"store\.locked"), shelf_of(tmp_path):
        pass
    store.close()
    with suppress(ZeroDivisionError), shelf_of(tmp_path) as shelf:
        shelf.learn({"fill": b"{}"})
        raise ZeroDivisionError
    with shelf_of(tmp_path) as shelf:
        assert shelf.beliefs() == {}, "what was broken off is not there"
