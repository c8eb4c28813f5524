"""What the owner asks the search for: each job that it took, once, in this life or the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agent.adviser import Adviser
from agent.local import Request
from agent.messages.catalogue import rows_of
from agent.packing.master import from_json
from agent.packing.weights import first_sight
from agent.station.events import CatalogueCame, Delivery, JobAssigned
from agent.station.records import SaveJob, SaveSuggestion
from agent.station.values import Suggestion
from agent.store import Store, StoreError
from tests.builders import a_job, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.station.values import Job

ROWS = rows_of(from_json([{"carton": "S", "inner_mm": [200, 150, 100], "outer_mm": [208, 158, 110], "tare_g": 120,
                           "max_weight_g": 9000, "cost_cents": 40}]))


class Asked:
    """What `Cartons` is asked, instead of being found."""

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.known: dict[tuple[str, int], Suggestion] = {}
        self.rows: list[str] = []

    def stock(self, rows: Any) -> None:  # noqa: ANN401 (rows of any iterable)
        self.rows += [name for name, _ in rows]

    def want(self, job: Job, misfits: dict[str, int]) -> None:
        assert misfits == {}
        self.wanted.append(job.job)

    def of(self, job: Job) -> Suggestion | None:
        return self.known.get((job.job, job.rev))

    def know(self, job: str, rev: int, suggestion: Suggestion) -> None:
        self.known[job, rev] = suggestion


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, station="st-1")
    with store.transaction():
        store.apply([SaveJob("J-1", 1, "open", "d", a_job("J-1")), SaveJob("J-2", 1, "open", "d", a_job("J-2")),
                     SaveSuggestion("J-2", 1, Suggestion(larger="L"))], at_ms=0, wall_ms=0, time_ok=True)
        store.shelf.stock(ROWS)
    yield store
    store.close()


def came(job: Job) -> JobAssigned:
    return JobAssigned(at_ms=1, job=job, digest="d", delivery=Delivery(1, 1))


def test_a_new_life_asks_for_the_jobs_without_a_suggestion_and_knows_the_others(store: Store) -> None:
    asked = Asked()
    Adviser(store, settings()).begin(asked)  # type: ignore[arg-type]  # the part of Cartons that is used
    assert (asked.wanted, asked.rows) == (["J-1"], ["carton:S"])
    assert asked.known == {("J-2", 1): Suggestion(larger="L")}


def test_a_job_is_asked_for_when_it_was_taken_and_not_when_it_was_refused(store: Store) -> None:
    asked, adviser = Asked(), Adviser(store, settings())
    asked.know("J-2", 1, Suggestion())
    for job in (a_job("J-1"), a_job("J-1", carrier="another content"), a_job("J-2"), a_job("J-9")):
        adviser.notice(came(job), asked)  # type: ignore[arg-type]  # the part of Cartons that is used
    assert asked.wanted == ["J-1"]
    adviser.notice(CatalogueCame(at_ms=2, rows=ROWS), asked)  # type: ignore[arg-type]  # as above
    assert asked.rows == ["carton:S"]


def test_a_catalogue_that_the_disk_does_not_take_is_as_if_it_had_never_come(
        store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise StoreError("store.disk-full", "the disk is full.", "Make room.")

    with store.transaction():
        store.shelf.stock(rows_of(from_json([{"sku": "MUG", "weight_g": 300}])))
        store.shelf.learn({"sku:MUG": msgspec.json.encode(first_sight(300, 300))})
    adviser, asked = Adviser(store, settings()), Asked()
    heavier = rows_of(from_json([{"sku": "MUG", "weight_g": 500}, {"sku": "TEA"}]))
    request = Request("catalogue", {"rows": [[name, body.decode()] for name, body in heavier]})
    with monkeypatch.context() as broken:
        broken.setattr(store.shelf, "learn", full)
        with pytest.raises(StoreError):
            adviser.answer(request, asked)  # type: ignore[arg-type]  # the part of Cartons that is used
    assert adviser.answer(request, asked) == {"kept": 2}  # type: ignore[arg-type]  # as above
    assert msgspec.json.decode(store.shelf.beliefs()["sku:MUG"])["grams"] == 500
