"""Scanned items: the right ones count, all others are named, and the scale is asked where it is clear."""

from __future__ import annotations

import pytest

from agent.packing.scanning import (
    Line,
    Outcome,
    Scan,
    Scanning,
    clear_item,
    give_up,
    gtin14,
    overdue,
    scan,
    weight_step,
)

TEA, CUP = "4006381333931", "96385074"
JOB = Scanning((Line("tea", 2, {TEA: 1, "CASE-TEA": 2}), Line("cup", 1, {CUP: 1}, frozenset({"serial"})),
                Line("milk", 1, {"4012345678901": 1}, frozenset({"lot"}))))


def read(state: Scanning, code: str, serial: str | None = None, lot: str | None = None,
         ) -> tuple[Scanning, Outcome, str]:
    return scan(state, Scan(code, serial, lot), 0)


def test_items_count_until_the_job_is_complete() -> None:
    state = JOB
    for code, serial, lot in ((TEA, None, None), (TEA, None, None), (CUP, "S1", None), ("4012345678901", None, "L7")):
        assert not state.complete
        state, outcome, _ = read(state, code, serial, lot)
        assert outcome is Outcome.COUNTED
    assert state.complete
    assert state.shipped == {"tea": 2, "cup": 1, "milk": 1}
    assert [(one.sku, one.serial, one.lot) for one in state.captured] == [("cup", "S1", None), ("milk", None, "L7")]


@pytest.mark.parametrize(("code", "serial", "outcome", "sku"), [
    ("4006381333900", None, Outcome.WRONG_ITEM, ""),
    ("https://example.com", None, Outcome.NOT_A_PRODUCT, ""),
    (CUP, None, Outcome.SERIAL_WANTED, "cup"),
    ("4012345678901", None, Outcome.LOT_WANTED, "milk"),
])
def test_a_scan_that_does_not_count_changes_nothing(code: str, serial: str | None, outcome: Outcome, sku: str) -> None:
    assert read(JOB, code, serial) == (JOB, outcome, sku)


def test_one_too_many_is_an_over_pick() -> None:
    state, _, _ = read(JOB, "CASE-TEA")
    assert state.open["cup"] == 1
    assert "tea" not in state.open
    assert read(state, TEA)[1] is Outcome.OVER_PICK
    one, _, _ = read(JOB, TEA)
    assert read(one, "CASE-TEA")[1] is Outcome.OVER_PICK


def test_a_serial_number_counts_once() -> None:
    two = Scanning((Line("cup", 2, {CUP: 1}, frozenset({"serial"})),))
    state, _, _ = read(two, CUP, "S1")
    assert read(state, CUP, "S1")[1] is Outcome.SERIAL_TWICE
    assert read(state, CUP, "S2")[1] is Outcome.COUNTED


def test_gtins_are_the_same_with_and_without_leading_zeros() -> None:
    assert read(JOB, "0" + TEA)[1] is Outcome.COUNTED
    assert gtin14("12345670") == "00000012345670"
    assert gtin14("12345678") is None


def test_what_is_short_is_not_shipped() -> None:
    state, _, _ = read(JOB, TEA)
    state = give_up(give_up(state, "tea", 5), "cup", 1)
    assert state.short == {"tea": 1, "cup": 1}
    assert state.open == {"milk": 1}
    assert state.shipped == {"tea": 1}


def test_a_weight_step_names_an_item_only_when_it_is_clear() -> None:
    grams = {"tea": 100.0, "cup": 300.0, "milk": 305.0}
    assert clear_item(101, 2, grams, ["tea", "cup"]) == "tea"
    assert clear_item(302, 2, grams, ["cup", "milk"]) is None
    assert clear_item(200, 2, grams, ["tea", "cup"]) is None
    assert clear_item(4, 2, {"tag": 4.0}, ["tag"]) is None
    assert clear_item(101, 2, grams, ["tea", "unknown"]) is None
    assert clear_item(101, 2, grams, []) is None


def test_scan_and_weight_step_answer_each_other_in_either_order() -> None:
    scanned, _, _ = read(JOB, TEA)
    assert weight_step(scanned, "tea", 500).scans_waiting == ()
    placed = weight_step(JOB, "tea", 0)
    answered, _, _ = scan(placed, Scan(TEA), 800)
    assert (answered.steps_waiting, answered.scans_waiting) == ((), ())
    assert weight_step(JOB, None, 0) is JOB


def test_placed_but_not_scanned_and_scanned_but_not_placed_are_told_once() -> None:
    state, _, _ = read(weight_step(JOB, "milk", 0), TEA)
    state, _, _ = scan(state, Scan(CUP, "S1"), 0)
    assert overdue(state, 3000, ["tea"])[1:] == ([], [])
    state, not_scanned, not_placed = overdue(state, 5000, ["tea"])
    assert (not_scanned, not_placed) == (["milk"], ["tea"])
    assert overdue(state, 9000, ["tea"])[1:] == ([], [])
