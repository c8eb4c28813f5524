"""One box from job to closed parcel, in order. Read this first."""

from __future__ import annotations

from agent.station.events import LoadAppeared, PagePrinted, PlatformCleared
from agent.station.facts import JobChanged, LabelWanted, ParcelChanged, StockMoved
from agent.station.values import Dimensions, Length, Refused
from agent.station.view import Look, look, view
from tests.builders import Bench, a_job


def test_a_job_becomes_a_closed_parcel() -> None:
    bench = Bench()
    assert view(bench.state, bench.config).sentence == "Put a box on the scale."

    bench.assign(a_job("J-1"))
    assert bench.acknowledged == [1]
    assert [(page.role, page.job, page.state) for page in bench.outbox] == [("slip", "J-1", "sending")]
    bench.send(PagePrinted(at_ms=0, print_no=1))
    assert bench.page_state(1) == "printed"

    bench.send(LoadAppeared(at_ms=0))
    assert view(bench.state, bench.config).sentence == "Weighing ..."
    bench.weigh(1840)
    asked = look(bench.state, bench.config)
    assert asked is not None
    assert asked.visit == 1

    bench.see()
    assert view(bench.state, bench.config).sentence == "Show me this box's packing slip."
    bench.see(bench.page_of("J-1", "slip").mark, "J-1")
    parcel = bench.parcels["J-1/1"]
    assert (parcel.state, parcel.gross.value_g, parcel.tracking) == ("open", 1840, "TRKJ-1")
    assert parcel.dims.height == Refused(refused="camera.not-calibrated")
    assert bench.outbox[-1].role == "label"

    bench.send(PagePrinted(at_ms=0, print_no=2))
    assert bench.parcel_state("J-1/1") == "labelled"
    assert view(bench.state, bench.config).sentence == "Stick the label on the box, facing the camera."

    mark = bench.page_of("J-1", "label").mark
    bench.see(mark)
    assert bench.parcel_state("J-1/1") == "labelled", "one picture is no proof"
    bench.see(mark)
    assert bench.parcel_state("J-1/1") == "closed"
    assert view(bench.state, bench.config).sentence == "Done. Take the box."
    assert [(fact.state, fact.code) for fact in bench.told(JobChanged)] == [("open", ""), ("packed", "")]
    assert [fact.state for fact in bench.told(ParcelChanged)] == ["open", "labelled", "closed"]
    assert [(fact.sku, fact.qty) for fact in bench.told(StockMoved)] == [("MUG", 2), ("TEA", 1)]

    bench.send(PlatformCleared(at_ms=0))
    assert view(bench.state, bench.config).sentence == "Put a box on the scale."
    assert look(bench.state, bench.config) == Look(0, empty=True)
    assert bench.state.parcels == ()
    assert bench.state.prints == ()


def test_a_box_that_is_still_being_measured_is_not_done_yet() -> None:
    sized = Dimensions(length=Length(value_mm=260, u95_mm=1.5), width=Length(value_mm=190, u95_mm=1.5),
                       height=Length(value_mm=80, u95_mm=1.6))
    bench = Bench()
    bench.assign(a_job("J-1"))
    bench.weigh(900)
    bench.see("J-1", measuring=True)
    for page in (1, 2):
        bench.send(PagePrinted(at_ms=0, print_no=page))
    mark = bench.page_of("J-1", "label").mark
    bench.see(mark, measuring=True)
    bench.see(mark, measuring=True)
    assert view(bench.state, bench.config).sentence == "Measuring the box ..."
    bench.see(mark, dims=sized)
    assert bench.parcel_state("J-1/1") == "closed"
    assert bench.told(ParcelChanged)[-1].dims == sized


def test_a_proven_box_that_is_lifted_while_it_is_measured_is_closed_without_a_size() -> None:
    bench = Bench()
    bench.assign(a_job("J-1"))
    bench.weigh(900)
    bench.see("J-1", measuring=True)
    for page in (1, 2):
        bench.send(PagePrinted(at_ms=0, print_no=page))
    for _ in range(2):
        bench.see(bench.page_of("J-1", "label").mark, measuring=True)
    bench.send(PlatformCleared(at_ms=0))
    assert bench.parcel_state("J-1/1") == "closed"
    assert bench.parcels["J-1/1"].dims.height == Refused(refused="camera.not-in-time")


def test_a_size_that_does_not_come_holds_nobody_up() -> None:
    bench = Bench()
    bench.assign(a_job("J-1", label_when="on_request", papers=[]))
    bench.weigh(900)
    bench.see("J-1", measuring=True)
    assert view(bench.state, bench.config).sentence == "Measuring the box ..."
    bench.now_ms += 21_000
    bench.see("J-1", measuring=True)
    assert bench.told(LabelWanted)[0].dims.height == Refused(refused="camera.measuring")
