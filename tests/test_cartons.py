"""The cartons that the station suggests: from its catalogue or the job's, found beside the owner loop."""

from __future__ import annotations

import os
import queue
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from agent.cartons import KEPT, Cartons, Packer, question, suggestion_of, words
from agent.cartons import packed_of as packed
from agent.messages.catalogue import Catalogue, rows_of
from agent.packing.master import from_json
from agent.packing.model import Reason
from agent.station.events import CartonSuggested, Event
from agent.station.values import Suggestion
from firmware_config.settings import Packing
from tests.builders import a_job

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = {"length": "mm", "weight": "g", "money": "cents"}
SMALL = {"id": "S", "inner": [200, 150, 100], "outer": [208, 158, 110], "tare": 120, "max_weight": 9_000, "cost": 40}
LARGE = {"id": "L", "inner": [400, 300, 200], "outer": [410, 310, 214], "tare": 380, "max_weight": 20_000, "cost": 95}
TEA = {"sku": "TEA", "name": "Tea", "qty": 2, "weight_g": 128, "dims_mm": [110, 70, 60]}


def rows(*cartons: dict[str, Any], skus: tuple[dict[str, Any], ...] = ()) -> tuple[tuple[str, bytes], ...]:
    """A catalogue as the store keeps it."""
    read = from_json({"units": UNITS, "cartons": list(cartons), "skus": list(skus)})
    assert not read.refused
    return rows_of(read)


def suggested(job: Any, *cartons: dict[str, Any], settings: Packing | None = None,  # noqa: ANN401 (a job)
              misfits: dict[str, int] | None = None, skus: tuple[dict[str, Any], ...] = ()) -> Suggestion:
    """What is suggested for a job, asked and answered in this process."""
    from agent.packing.suggest import suggest

    asked = question(job, Catalogue().with_rows(rows(*cartons, skus=skus) if cartons or skus else ()),
                     settings or Packing(), misfits or {})
    if asked.reasons:
        return suggestion_of(Packer().plan(asked))
    return suggestion_of(suggest(asked.items, asked.cartons, asked.rules, lambda: 0.0, 10.0))


def names(suggestion: Suggestion) -> list[str]:
    return [box.carton for box in suggestion.cartons]


@pytest.fixture
def cartons() -> Iterator[tuple[Cartons, queue.SimpleQueue[Event]]]:
    """The real thread and its process, with what they post."""
    posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
    found = Cartons(Packing(), posted.put, lambda: 7)
    found.start()
    yield found, posted
    found.stop()
    found.join(10)
    assert not found.is_alive()


def test_a_job_gets_its_carton_from_the_process_and_the_slip_can_wait_for_it(
        cartons: tuple[Cartons, queue.SimpleQueue[Event]]) -> None:
    book, posted = cartons
    book.stock(rows(SMALL, LARGE))
    job = a_job(items=[TEA])
    assert book.of(job) is None
    book.want(job, {})
    waited = book.of(job, 30)
    event = posted.get(timeout=30)
    assert isinstance(event, CartonSuggested)
    assert (event.job, event.rev, event.suggestion) == ("J-1", 1, waited)
    assert names(event.suggestion) == ["S"]
    assert event.suggestion.larger == "L"
    assert all("TEA" in sentence for sentence in words(packed(event.suggestion.cartons[0])))

    book.stock(rows({**SMALL, "inner": [50, 50, 50]}))
    assert book.of(job) == waited, "a job that is being packed keeps its carton"
    book.want(a_job("J-2", items=[TEA]), {})
    second = posted.get(timeout=30)
    assert isinstance(second, CartonSuggested)
    assert names(second.suggestion) == ["L"], "the change counts from the next job on"


def test_without_cartons_only_a_label_that_waits_for_its_weight_gets_an_answer(
        cartons: tuple[Cartons, queue.SimpleQueue[Event]]) -> None:
    book, posted = cartons
    book.want(a_job("J-1", items=[TEA]), {})
    assert book.of(a_job("J-1")) is not None, "and no slip waits for it"
    book.want(a_job("J-2", items=[TEA], label_when="before_packing"), {})
    event = posted.get(timeout=30)
    assert isinstance(event, CartonSuggested)
    assert (event.job, event.suggestion.cartons) == ("J-2", ())


def test_ctrl_c_is_no_matter_of_the_process() -> None:
    packer = Packer()
    asked = question(a_job(items=[TEA]), Catalogue().with_rows(rows(SMALL)), Packing(), {})
    try:
        assert names(suggestion_of(packer.plan(asked))) == ["S"]
        process = packer._process
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
        assert names(suggestion_of(packer.plan(asked))) == ["S"]
        assert packer._process is process
    finally:
        packer.close()


def test_a_job_that_comes_twice_is_looked_for_once_and_a_forgotten_one_is_not_waited_for() -> None:
    book = Cartons(Packing(), lambda _: None, lambda: 7)  # not started: nothing is found yet
    book.stock(rows(SMALL))
    for number in (1, 1, 2):
        book.want(a_job(f"J-{number}", items=[TEA]), {})
    assert book._questions.qsize() == 2
    assert book.of(a_job("J-1")) is None
    for number in range(KEPT + 1):
        book.know(f"J-{number}", 1, Suggestion())
    began_s = time.monotonic()
    assert book.of(a_job("J-0"), wait_s=30.0) is None, "the oldest was forgotten"
    assert time.monotonic() - began_s < 15


def test_a_process_that_dies_is_started_anew() -> None:
    packer = Packer()
    asked = question(a_job(items=[TEA]), Catalogue().with_rows(rows(SMALL)), Packing(), {})
    try:
        assert names(suggestion_of(packer.plan(asked))) == ["S"]
        assert packer._process is not None
        packer._process.kill()
        packer._process.join()
        assert names(suggestion_of(packer.plan(asked))) == ["S"]
    finally:
        packer.close()


def test_unknown_sizes_and_weights_are_all_named_and_never_zero() -> None:
    unknown = {"name": "?", "qty": 1}
    told = suggested(a_job(items=[TEA, {**unknown, "sku": "X"}, {**unknown, "sku": "Y", "weight_g": 5}]), SMALL)
    assert told.cartons == ()
    assert [code for code, _ in told.reasons] == ["item.size-unknown", "item.weight-unknown", "item.size-unknown"]
    assert [sentence.split()[3] for _, sentence in told.reasons] == ["X", "X", "Y"]


def test_no_catalogue_and_what_fits_nowhere_are_reasons() -> None:
    assert [code for code, _ in suggested(a_job(items=[TEA])).reasons] == ["carton.none"]
    told = suggested(a_job(items=[{**TEA, "dims_mm": [900, 70, 60]}]), SMALL)
    assert (told.cartons, told.reasons[0][0]) == ((), "item.too-big")


def test_the_catalogue_fills_in_what_the_job_leaves_out_and_the_job_wins() -> None:
    sku = {"sku": "TEA", "dims": [110, 70, 60], "weight": 128, "size_from": "supplier", "fragile": "yes"}
    bare = {"sku": "TEA", "name": "Tea", "qty": 2}
    asked = question(a_job(items=[bare]), Catalogue().with_rows(rows(SMALL, skus=(sku,))), Packing(fragile_mm=3), {})
    assert (asked.items[0].dims_mm, asked.items[0].max_load_g, asked.items[0].clearance_mm) == ((110, 70, 60), 0, 8)
    told = a_job(items=[{**bare, "dims_mm": [90.2, 70, 60], "weight_g": 100, "size_from": "dimensioner"}])
    asked = question(told, Catalogue().with_rows(rows(SMALL, skus=(sku,))), Packing(), {})
    assert (asked.items[0].dims_mm, asked.items[0].weight_g, asked.items[0].clearance_mm) == ((91, 70, 60), 100, 2)


def test_a_job_may_bring_its_own_cartons() -> None:
    own = {"id": "OWN", "inner_mm": [300, 200.5, 150], "outer_mm": [308, 208.2, 164], "tare_g": 150,
           "max_gross_g": 9000, "cost_cents": 10}
    told = suggested(a_job(items=[TEA], cartons=[own]), SMALL)
    assert names(told) == ["OWN"]
    assert (told.cartons[0].inner_mm, told.cartons[0].outer_mm) == ((300, 200, 150), (308, 209, 164))


def test_what_is_wrong_with_a_jobs_cartons_is_told_and_the_good_ones_serve() -> None:
    good = {"id": "OWN", "inner_mm": [300, 200, 150], "outer_mm": [308, 208, 164], "tare_g": 150,
            "max_gross_g": 9000, "cost_cents": 10}
    job = a_job(items=[TEA], cartons=[good, {**good, "id": "FLAT", "inner_mm": [300, 200, 0.5]},
                                      {**good, "id": "TWICE"}, {**good, "id": "TWICE"},
                                      {**good, "id": "IN", "outer_mm": [100, 100, 100]}])
    asked = question(job, Catalogue(), Packing(), {})
    assert [carton.id for carton in asked.cartons] == ["OWN"]
    assert [note.code for note in asked.notes] == ["size.out-of-range", "carton.outer-smaller", "carton.duplicate"]
    packer = Packer()
    try:
        plan = packer.plan(asked)
    finally:
        packer.close()
    assert ([packed.carton.id for packed in plan.cartons], len(plan.reasons)) == (["OWN"], 3)
    none = question(a_job(items=[TEA], cartons=[{**good, "inner_mm": [0.5, 1, 1]}]), Catalogue(), Packing(), {})
    assert [one.code for one in Packer().plan(none).reasons] == ["carton.none", "size.out-of-range"]


def test_what_did_not_fit_gets_more_room_within_bounds() -> None:
    snug = {**TEA, "dims_mm": [100, 75, 96], "qty": 2, "size_from": "dimensioner", "flags": ["this-side-up"]}
    job, loose = a_job(items=[snug]), Packing(max_fill=1.0)
    roomy = {**SMALL, "inner": [206, 158, 100]}
    assert names(suggested(job, roomy, LARGE, settings=loose)) == ["S"]
    assert names(suggested(job, roomy, LARGE, settings=loose, misfits={"sku:TEA": 1})) == ["S"], "one may be chance"
    assert names(suggested(job, roomy, LARGE, settings=loose, misfits={"sku:TEA": 3})) == ["L"]
    assert names(suggested(job, roomy, LARGE, settings=loose, misfits={"carton:S": 2})) == ["S"]
    assert names(suggested(job, roomy, LARGE, settings=loose, misfits={"carton:S": 9})) == ["L"]
    assert names(suggested(job, LARGE, settings=loose, misfits={"sku:TEA": 99, "carton:L": 99})) == ["L"], "bounded"


def test_the_settings_rule_support_fill_and_objective() -> None:
    full = {**TEA, "dims_mm": [100, 75, 100], "qty": 4, "size_from": "dimensioner"}
    job = a_job(items=[full])
    snug = {**SMALL, "inner": [204, 154, 102]}
    assert names(suggested(job, snug, LARGE, settings=Packing(max_fill=1.0))) == ["S"]
    assert names(suggested(job, snug, LARGE, settings=Packing(max_fill=0.9))) != ["S"]
    asked = question(job, Catalogue(), Packing(support=0.8, objective="parcels", budget_ms=20), {})
    assert (asked.rules.support_permille, asked.rules.objective, asked.budget_ms) == (800, "parcels", 20)
    assert asked.reasons == (Reason("carton.none", asked.reasons[0].sentence),)
