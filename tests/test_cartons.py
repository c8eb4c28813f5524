"""The carton that the station suggests on the slip, from a catalogue that may change, break or be missing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from agent.cartons import CartonBook, words
from tests.builders import a_job

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"id": "S", "inner": [200, 150, 100], "outer": [208, 158, 110], "tare_g": 120,
         "max_weight_g": 9_000, "cost": 40}
LARGE = {"id": "L", "inner": [400, 300, 200], "outer": [410, 310, 214], "tare_g": 380,
         "max_weight_g": 20_000, "cost": 95}
TEA = {"sku": "TEA", "name": "Tea", "qty": 2, "weight_g": 128, "dims_mm": [110, 70, 60]}


def write(path: Path, *cartons: dict[str, Any], at_ns: int) -> None:
    path.write_text(json.dumps({"catalogues": [{"id": "site", "cartons": list(cartons)}]}))
    os.utime(path, ns=(at_ns, at_ns))


def names(book: CartonBook) -> list[str] | None:
    plan = book.plan(a_job(items=[TEA]))
    return None if plan is None else [packed.carton.id for packed in plan.cartons]


def test_the_cheapest_carton_that_holds_the_items_is_named_with_words(tmp_path: Path) -> None:
    write(tmp_path / "catalogue.json", SMALL, LARGE, at_ns=1)
    plan = CartonBook(tmp_path / "catalogue.json").plan(a_job(items=[TEA]))
    assert plan is not None
    assert [packed.carton.id for packed in plan.cartons] == ["S"]
    assert all("TEA" in sentence for sentence in words(plan.cartons[0]))


def test_a_changed_catalogue_counts_from_the_next_job_and_a_broken_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    book = CartonBook(path)
    assert names(book) is None
    write(path, LARGE, at_ns=1)
    assert names(book) == ["L"]
    write(path, SMALL, LARGE, at_ns=2)
    assert names(book) == ["S"]
    path.write_text("{ half a file")
    assert names(book) == ["S"]


def test_an_unknown_size_is_no_suggestion_and_never_a_zero(tmp_path: Path) -> None:
    write(tmp_path / "catalogue.json", SMALL, at_ns=1)
    unknown = {key: value for key, value in TEA.items() if key != "dims_mm"}
    assert CartonBook(tmp_path / "catalogue.json").plan(a_job(items=[TEA, {**unknown, "sku": "X"}])) is None


def test_what_fits_nowhere_has_a_reason(tmp_path: Path) -> None:
    write(tmp_path / "catalogue.json", SMALL, at_ns=1)
    plan = CartonBook(tmp_path / "catalogue.json").plan(a_job(items=[{**TEA, "dims_mm": [900, 70, 60]}]))
    assert plan is not None
    assert (plan.found, plan.reasons[0].code) == (False, "item.too-big")
