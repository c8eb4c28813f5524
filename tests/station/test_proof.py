"""What proves a label, and what does not: its place, its time, its parcel."""

from __future__ import annotations

from msgspec.structs import replace

from agent.station.events import CodesSeen, PagePrinted, PlatformCleared, ScanLost, TimePassed
from agent.station.facts import WrongLabel
from agent.station.view import view
from tests.builders import Bench, a_job


def labelled(bench: Bench, job: str = "J-1", gross_g: float = 1840) -> str:
    """A box whose label has just come out of the printer; returns the label's mark."""
    bench.assign(a_job(job))
    bench.send(PagePrinted(at_ms=0, print_no=bench.page_of(job, "slip").no))
    bench.weigh(gross_g)
    bench.see(job)
    page = bench.page_of(job, "label")
    bench.send(PagePrinted(at_ms=0, print_no=page.no))
    assert bench.parcel_state(f"{job}/1") == "labelled"
    return page.mark


def look(bench: Bench, *codes: str, beside: tuple[str, ...] = (), at_ms: int | None = None) -> None:
    """The camera sees codes, some of them beside the box, in a picture of that moment."""
    jobs = tuple(known for known in bench.jobs.values() if known.id in codes)
    prints = tuple((page, bench.parcels.get(page.parcel)) for page in bench.pages.values()
                   if page.mark in codes or (page.parcel and bench.parcels[page.parcel].tracking in codes))
    event = CodesSeen(at_ms=bench.now_ms + 1 if at_ms is None else at_ms, visit=bench.state.visit, codes=codes,
                      beside=beside, jobs=jobs, prints=prints)
    bench.send(event)


def test_a_label_beside_the_box_proves_nothing_and_the_packer_is_told() -> None:
    bench = Bench()
    mark = labelled(bench)
    look(bench, mark)
    for _ in range(5):
        look(bench, mark, beside=(mark,))
    assert bench.parcel_state("J-1/1") == "labelled"
    assert view(bench.state, bench.config).sentence == "A label lies beside the box. Stick it on."
    look(bench, mark)
    assert view(bench.state, bench.config).sentence == "Stick the label on the box, facing the camera."
    look(bench, mark)
    assert bench.parcel_state("J-1/1") == "closed"


def test_one_code_of_a_label_on_the_box_is_enough_when_another_seems_to_stand_out() -> None:
    bench = Bench()
    mark = labelled(bench)
    for _ in range(2):
        look(bench, mark, "TRKJ-1", beside=("TRKJ-1",))
    assert bench.parcel_state("J-1/1") == "closed"


def test_a_slip_held_beside_the_box_tells_its_job() -> None:
    bench = Bench()
    bench.assign(a_job("J-1"))
    bench.weigh(1840)
    look(bench, "J-1", beside=("J-1",))
    assert bench.parcel_state("J-1/1") == "open"


def test_the_label_of_the_next_parcel_on_the_table_is_no_alarm_and_no_proof() -> None:
    bench = Bench()
    first = labelled(bench)
    bench.send(PlatformCleared(at_ms=0))
    second = labelled(bench, "J-2", 2_300)
    look(bench, first, beside=(first,))
    look(bench, first, beside=(first,))
    assert [bench.parcel_state(parcel) for parcel in ("J-1/1", "J-2/1")] == ["unproven", "labelled"]
    assert bench.told(WrongLabel) == []
    look(bench, first, second, beside=(first,))
    look(bench, first, second, beside=(first,))
    assert [bench.parcel_state(parcel) for parcel in ("J-1/1", "J-2/1")] == ["unproven", "closed"]


def test_an_unknown_box_is_not_recognised_by_a_label_that_lies_beside_it() -> None:
    bench = Bench()
    mark = labelled(bench)
    bench.send(PlatformCleared(at_ms=0))
    bench.weigh(1840)
    look(bench, mark, beside=(mark,))
    assert bench.state.box is not None
    assert bench.state.box.parcel == ""
    assert view(bench.state, bench.config).code == "label.beside"
    look(bench, mark)
    look(bench, mark)
    assert bench.parcel_state("J-1/1") == "closed"


def sent_as_it_is(bench: Bench, event: CodesSeen) -> None:
    """A picture that was taken before something that was told first; the builder's clock would move it."""
    from agent.station.machine import step

    bench.state, records, _ = step(bench.state, event, bench.config)
    assert not any(getattr(getattr(record, "parcel", None), "state", "") == "closed" for record in records)


def test_a_picture_from_before_the_label_came_out_is_no_proof() -> None:
    bench = Bench()
    mark = labelled(bench)
    page = bench.page_of("J-1", "label")
    early = CodesSeen(at_ms=page.ended_ms - 1, visit=1, codes=(mark,), prints=((page, bench.parcels["J-1/1"]),))
    for _ in range(3):
        sent_as_it_is(bench, early)
    sent_as_it_is(bench, replace(early, at_ms=page.ended_ms))
    look(bench, mark)
    assert bench.parcel_state("J-1/1") == "closed"


def test_after_a_reboot_the_clock_begins_anew_and_yesterdays_label_is_proven_all_the_same() -> None:
    bench = Bench(now_ms=90_000_000)
    mark = labelled(bench)
    bench.now_ms = 10
    bench.restart()
    assert bench.parcel_state("J-1/1") == "unproven"
    bench.weigh(1840)
    look(bench, mark)
    look(bench, mark)
    assert bench.parcel_state("J-1/1") == "closed"


def test_a_lost_scan_is_one_notice_and_no_broken_scanner() -> None:
    bench = Bench()
    bench.send(ScanLost(at_ms=0, code="scanner.overflow"))
    shown = view(bench.state, bench.config)
    assert (shown.sentence, shown.code) == ("Scan it again, please.", "scanner.overflow")
    assert bench.state.broken == ()
    bench.scan("anything")
    assert view(bench.state, bench.config).sentence == "Put a box on the scale."

    bench.send(ScanLost(at_ms=0, code="scanner.too-long"))
    bench.send(TimePassed(at_ms=bench.now_ms + 6_000, wall_ms=0, time_ok=False))
    assert view(bench.state, bench.config).sentence == "Put a box on the scale.", "it does not stay on the screen"
