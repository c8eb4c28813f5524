"""Items scanned while packing: the right ones count, all others are named, and the scale is asked where it is clear."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agent.station import items
from agent.station.commands import Card, Command
from agent.station.events import DeviceFailed, PagePrinted, PlatformCleared, TimePassed
from agent.station.facts import ParcelChanged, StockMoved
from agent.station.state import Told
from agent.station.values import Piece, Vouching
from agent.station.view import look, view
from firmware_config.settings import Scanner
from tests.builders import Bench, a_job, settings

TEA, CUP, MILK, OTHER = "4006381333931", "96385074", "4012345678901", "4006381333900"
LINES: list[dict[str, Any]] = [
    {"sku": "TEA", "name": "Tea", "qty": 2, "barcodes": [TEA]},
    {"sku": "CUP", "name": "Cup", "qty": 1, "barcodes": [CUP], "capture": ["serial"]},
    {"sku": "MILK", "name": "Milk", "qty": 1, "barcodes": [MILK], "capture": ["lot"]},
]
ONLY_TEA = [LINES[0]]
UNITS = Vouching(to_scan=(), units=(("TEA", 100.0, 1.0), ("CUP", 300.0, 2.0), ("MILK", 1_000.0, 5.0)))


def by_hand() -> Bench:
    """Return a station with a hand scanner."""
    return Bench(replace(settings(), scanner=(Scanner(driver="serial", path="/dev/ttyS0"),)))


def scan_job(lines: list[dict[str, Any]] = LINES, **more: Any) -> Any:  # noqa: ANN401 (fields of a job)
    """Return a job of which each item must be scanned."""
    return a_job("J-1", items=lines, verify={"scan": True}, **more)


def begun(bench: Bench, job: Any) -> Bench:  # noqa: ANN401 (a job)
    """Give a station a job, print its slip, and return the station."""
    bench.assign(job)
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    return bench


def sentence(bench: Bench) -> str:
    return view(bench.state, bench.config).sentence


def told(bench: Bench) -> str:
    return bench.state.told.code if bench.state.told is not None else ""


def pack_and_prove(bench: Bench, gross_g: float, job: str = "J-1") -> None:
    """Weigh a box, show its slip, print its label and show it on the box."""
    bench.weigh(gross_g)
    bench.see(job)
    prove(bench, job)


def prove(bench: Bench, job: str = "J-1") -> None:
    """Print the newest label of a job and show it on its box; then the box leaves."""
    page = bench.page_of(job, "label")
    while bench.page_state(page.no) != "printed":
        bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.see(page.mark)
    bench.see(page.mark)
    bench.send(PlatformCleared(at_ms=0))


def test_items_are_counted_with_their_numbers_and_go_into_the_parcels_fact() -> None:
    bench = begun(by_hand(), scan_job())
    bench.scan("J-1")
    assert sentence(bench) == "Scan 2 x TEA, 1 x CUP, 1 x MILK."
    bench.scan(TEA)
    bench.scan("0" + TEA)
    bench.scan(f"01{CUP.zfill(14)}21S-1")
    bench.scan(MILK)
    assert sentence(bench) == "Scan the serial or lot number of MILK."
    bench.scan("L-77")
    assert sentence(bench) == "Put the box on the scale."
    pack_and_prove(bench, 900)
    closed = bench.told(ParcelChanged)[-1]
    assert (closed.state, closed.contents) == ("closed", (
        Piece(sku="CUP", qty=1, serial="S-1"), Piece(sku="MILK", qty=1, lot="L-77"), Piece(sku="TEA", qty=2)))
    assert {(fact.sku, fact.qty) for fact in bench.told(StockMoved)} == {("TEA", 2), ("CUP", 1), ("MILK", 1)}
    assert bench.job_state("J-1") == "packed"
    assert bench.state.packings == ()


@pytest.mark.parametrize(("code", "notice"), [
    (OTHER, "items.wrong-item"), ("https://example.com", "items.unknown-code"),
])
def test_what_is_not_of_the_job_is_told_and_not_counted(code: str, notice: str) -> None:
    bench = begun(by_hand(), scan_job())
    bench.scan("J-1")
    bench.scan(code)
    shown = view(bench.state, bench.config)
    alarm = notice == "items.wrong-item"
    assert (told(bench), shown.red, shown.buzzer) == (notice, alarm, alarm)
    packing = bench.state.packing("J-1")
    assert packing is not None
    assert packing.items == ()


def test_one_too_many_and_a_serial_number_twice_are_told_and_not_counted() -> None:
    bench = begun(by_hand(), scan_job([LINES[0], {**LINES[1], "qty": 2}]))
    bench.scan("J-1")
    for _ in range(3):
        bench.scan(TEA)
    assert told(bench) == "items.over-pick"
    bench.scan(f"01{CUP.zfill(14)}21S-1")
    bench.scan(f"01{CUP.zfill(14)}21S-1")
    assert told(bench) == "items.serial-twice"
    packing = bench.state.packing("J-1")
    assert packing is not None
    assert items.pieces(packing.items) == {"TEA": 2, "CUP": 1}


def test_a_number_that_is_wanted_comes_before_the_next_item() -> None:
    bench = begun(by_hand(), scan_job())
    bench.scan("J-1")
    bench.scan(CUP)
    bench.scan(TEA)
    assert told(bench) == "items.number-wanted"
    bench.scan("S-9")
    packing = bench.state.packing("J-1")
    assert packing is not None
    assert packing.items == (Piece(sku="CUP", qty=1, serial="S-9"),)


def test_a_box_waits_until_its_items_are_scanned_and_scans_survive_a_crash() -> None:
    bench = begun(by_hand(), scan_job(ONLY_TEA))
    bench.weigh(500)
    bench.see("J-1")
    assert sentence(bench) == "Scan 2 x TEA."
    assert bench.parcels == {}
    bench.scan(TEA)
    bench.restart()
    bench.weigh(500)
    bench.see("J-1")
    assert sentence(bench) == "Scan 1 x TEA."
    bench.scan(TEA)
    assert bench.parcels == {}, "the last one may still be on its way into the box"
    bench.now_ms += 5_000
    bench.see("J-1")
    assert bench.parcel_state("J-1/1") == "open"


def test_a_station_without_a_camera_judges_the_box_with_its_last_scan() -> None:
    config = replace(settings(), scanner=(Scanner(driver="serial", path="/dev/ttyS0"),), camera=())
    bench = begun(Bench(config), scan_job(ONLY_TEA))
    bench.weigh(500)
    for code in ("J-1", TEA, TEA):
        bench.scan(code)
    assert bench.parcel_state("J-1/1") == "open"
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.scan(bench.page_of("J-1", "label").mark)
    assert bench.job_state("J-1") == "packed"


def test_a_label_that_was_printed_first_waits_for_the_scans_too() -> None:
    bench = by_hand()
    bench.assign(a_job(items=ONLY_TEA, label_when="before_packing",
                       verify={"scan": True, "weight": {"expected_g": 900, "tolerance_g": 40}}))
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    mark = bench.page_of("J-1", "label").mark
    bench.weigh(900)
    for _ in range(3):
        bench.see(mark)
    assert (bench.parcel_state("J-1/1"), sentence(bench)) == ("labelled", "Scan 2 x TEA.")
    bench.scan(TEA)
    bench.scan(TEA)
    bench.now_ms += 5_000
    for _ in range(2):
        bench.see(mark)
    assert bench.parcel_state("J-1/1") == "closed"
    assert bench.parcels["J-1/1"].items == (Piece(sku="TEA", qty=2),)


def test_the_camera_counts_an_item_once_for_each_time_that_it_is_shown() -> None:
    bench = Bench()
    bench.send(PlatformCleared(at_ms=0))
    bench.assign(scan_job(ONLY_TEA))
    bench.scan("J-1")
    asked = look(bench.state, bench.config)
    assert asked is not None
    assert not asked.empty, "the camera looks for items"
    bench.see()
    for _ in range(5):
        bench.now_ms += 100
        bench.see(TEA)
    assert sentence(bench) == "Scan 1 x TEA."
    for _ in range(2):  # a picture or two in which the code can't be read is no absence
        bench.now_ms += 1_000
        bench.see()
    bench.see(TEA)
    assert sentence(bench) == "Scan 1 x TEA."
    for _ in range(3):
        bench.now_ms += 1_000
        bench.see()
    bench.see(TEA)
    assert sentence(bench) == "Put the box on the scale."
    for _ in range(3):
        bench.now_ms += 1_000
        bench.see()
    bench.see(TEA)
    assert told(bench) == "items.over-pick"


def test_what_the_camera_sees_first_after_a_crash_is_nothing_new() -> None:
    bench = begun(Bench(), scan_job(ONLY_TEA))
    bench.scan("J-1")
    bench.see()
    bench.see(TEA)
    bench.restart()
    bench.see(TEA)
    assert sentence(bench) == "Scan 1 x TEA."


def test_an_item_that_lies_in_the_open_box_is_counted_again_only_when_the_scale_says_so() -> None:
    bench = begun(Bench(), scan_job(ONLY_TEA))
    bench.weigh(300)
    bench.see("J-1", vouching=UNITS)
    bench.weigh(400)
    bench.see(TEA, "J-1")
    for _ in range(4):
        bench.now_ms += 1_000
        bench.see()
    bench.see(TEA)
    assert sentence(bench) == "Scan 1 x TEA.", "a hand was in between"
    bench.weigh(500)
    bench.see(TEA)
    bench.now_ms += 5_000
    bench.see("J-1")
    assert bench.parcels["J-1/1"].items == (Piece(sku="TEA", qty=2),)


def test_a_station_with_a_hand_scanner_counts_nothing_that_its_camera_sees() -> None:
    bench = begun(by_hand(), scan_job(ONLY_TEA))
    bench.scan("J-1")
    bench.see()
    bench.see(TEA)
    assert sentence(bench) == "Scan 2 x TEA."


def test_the_camera_counts_while_the_hand_scanner_is_broken() -> None:
    bench = begun(by_hand(), scan_job(ONLY_TEA))
    bench.scan("J-1")
    bench.send(DeviceFailed(at_ms=0, device="scanner", code="scanner.gone", hint="Plug it in."))
    bench.see(TEA)
    packing = bench.state.packing("J-1")
    assert packing is not None
    assert items.pieces(packing.items) == {"TEA": 1}


def test_scan_and_weight_step_answer_each_other_in_either_order() -> None:
    bench = begun(by_hand(), scan_job([LINES[0], {**LINES[1], "capture": []}]))
    bench.weigh(300)
    bench.see("J-1", vouching=Vouching(units=UNITS.units[:2]))
    bench.weigh(400)
    bench.scan(TEA)
    bench.scan(TEA)
    bench.weigh(500)
    bench.send(TimePassed(at_ms=bench.now_ms + 6_000, wall_ms=0, time_ok=False))
    assert told(bench) == ""

    bench.weigh(800)
    bench.send(TimePassed(at_ms=bench.now_ms + 6_000, wall_ms=0, time_ok=False))
    assert bench.state.told == Told("items.not-scanned", "CUP", bench.now_ms)
    bench.scan(CUP)
    assert told(bench) == ""


def test_scanned_and_not_placed_too_many_and_taken_out_are_told() -> None:
    bench = begun(by_hand(), scan_job([LINES[0], {**LINES[1], "capture": []}]))
    bench.weigh(300)
    bench.see("J-1", vouching=Vouching(units=UNITS.units[:2]))
    bench.weigh(400)
    bench.scan(TEA)
    bench.scan(CUP)
    bench.send(TimePassed(at_ms=bench.now_ms + 6_000, wall_ms=0, time_ok=False))
    assert bench.state.told == Told("items.not-placed", "CUP", bench.now_ms)
    bench.weigh(300)
    assert bench.state.told == Told("items.taken-out", "TEA", bench.now_ms)
    bench.weigh(600)
    bench.weigh(900)
    assert bench.state.told == Told("items.over-pick", "CUP", bench.now_ms)


def test_a_step_names_an_item_only_when_it_is_clear() -> None:
    units = [("tea", 100.0, 0.5), ("cup", 300.0, 0.5), ("milk", 305.0, 0.5), ("tag", 4.0, 0.1)]
    assert items.named(101, 2, units, ["tea", "cup"]) == "tea"
    assert items.named(302, 2, units, ["cup", "milk"]) == "", "two of about the same weight"
    assert items.named(200, 2, units, ["tea", "cup"]) == "", "two at once"
    assert items.named(4, 2, units, ["tag"]) == "", "lost in the noise"
    assert items.named(101, 2, units, ["tea", "unknown"]) == ""
    assert items.named(101, 2, units, []) == ""


def test_what_weight_cannot_tell_is_said_when_the_job_starts_and_held_where_the_site_asks() -> None:
    unsure = Vouching(to_scan=("MILK",))
    lines = [LINES[0], {**LINES[2], "capture": []}]
    bench = by_hand()
    bench.assign(a_job(items=lines))
    bench.see("J-1", visit=0, scanned=True, vouching=unsure)
    shown = view(bench.state, bench.config)
    assert shown.sentence == "Put the box on the scale."
    assert shown.hint == "The weight would not show a missing MILK: scan or count."

    strict = Bench(replace(settings(scan_items="unvouched"), scanner=(Scanner(driver="serial", path="x"),)))
    strict.assign(a_job(items=lines))
    strict.weigh(900)
    strict.see("J-1", vouching=unsure)
    assert view(strict.state, strict.config).sentence == "Scan 1 x MILK."
    strict.scan(MILK)
    strict.now_ms += 5_000
    strict.see("J-1")
    assert dict(strict.parcels["J-1/1"].contents) == {"TEA": 2, "MILK": 1}


def test_a_number_from_its_own_gs1_code_is_taken_without_its_identifier_and_any_other_whole() -> None:
    lines = [{**LINES[1], "qty": 2}]
    bench = begun(by_hand(), scan_job(lines))
    bench.scan("J-1")
    bench.scan(CUP)
    bench.see("21S-1", visit=0, scanned=True, gs1=("21S-1",))
    bench.scan(CUP)
    bench.scan("21S-1")
    packing = bench.state.packing("J-1")
    assert packing is not None
    assert [piece.serial for piece in packing.items] == ["S-1", "21S-1"]


def test_counting_again_begins_from_the_first_piece() -> None:
    bench = begun(by_hand(), scan_job(ONLY_TEA))
    bench.scan("J-1")
    bench.scan(TEA)
    bench.scan(Card(Command.COUNT).text)
    bench.send(TimePassed(at_ms=bench.now_ms + 9_000, wall_ms=0, time_ok=False))
    assert sentence(bench) == "Scan 2 x TEA."


@pytest.mark.parametrize(("text", "gtin", "serial", "lot"), [
    (TEA, "04006381333931", "", ""),
    ("04252614", "00042100005264", "", ""),
    ("]C10104006381333931", "04006381333931", "", ""),
    ("010400638133393110L7\x1d21S1", "04006381333931", "S1", "L7"),
    ("https://id.gs1.org/01/04006381333931/10/L7/21/S1?x=1", "04006381333931", "S1", "L7"),
    ("10614141000415", "10614141000415", "", ""),
    ("21S1", "", "", ""),
    ("]C121S1", "", "S1", ""),
    ("MUG-BLUE", "", "", ""),
    ("", "", "", ""),
    ("010400638133393", "", "", ""),
])
def test_what_a_code_says_of_a_product(text: str, gtin: str, serial: str, lot: str) -> None:
    found = items.read(text)
    assert (gtin in found.gtins if gtin else not found.gtins, found.serial, found.lot) == (True, serial, lot)
