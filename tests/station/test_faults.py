"""What a station does when something goes wrong between a box and its proof."""

from __future__ import annotations

import pytest

from agent.station.events import (
    ButtonPressed,
    DeviceFailed,
    DeviceRecovered,
    PageDoubtful,
    PageNotPrinted,
    PagePrinted,
    PageRefused,
    PlatformCleared,
    TimePassed,
)
from agent.station.facts import JobChanged, LabelWanted, ParcelChanged, PrintChanged, StockMoved, WrongLabel
from agent.station.view import view
from tests.builders import Bench, a_job, settings


def labelled(bench: Bench, job: str, weight_g: float) -> str:
    """Bring a box to its printed label; return the label's mark."""
    bench.assign(a_job(job))
    bench.send(PagePrinted(at_ms=0, print_no=bench.page_of(job, "slip").no))
    bench.weigh(weight_g)
    bench.see(job)
    page = bench.page_of(job, "label")
    bench.send(PagePrinted(at_ms=0, print_no=page.no))
    return page.mark


def test_a_box_lifted_before_the_proof_is_unproven_and_proven_later() -> None:
    bench = Bench()
    mark = labelled(bench, "J-1", 900)
    bench.send(PlatformCleared(at_ms=0))
    assert bench.parcel_state("J-1/1") == "unproven"
    assert bench.told(StockMoved) == []

    bench.weigh(903)
    bench.see(mark)
    bench.see(mark)
    assert bench.parcel_state("J-1/1") == "closed"


@pytest.mark.parametrize(("proof", "ends"), [("required", "unproven"), ("preferred", "closed"), ("off", "closed")])
def test_the_site_decides_what_a_missing_proof_means(proof: str, ends: str) -> None:
    bench = Bench(config=settings(proof=proof))
    labelled(bench, "J-1", 900)
    bench.send(PlatformCleared(at_ms=0))
    assert bench.parcel_state("J-1/1") == ends


def test_two_swapped_labels_are_caught_by_weight_and_by_sight() -> None:
    bench = Bench()
    first = labelled(bench, "J-1", 900)
    bench.send(PlatformCleared(at_ms=0))
    second = labelled(bench, "J-2", 2_000)

    bench.see(first)
    assert view(bench.state, bench.config).code == "label.wrong-box", "the first box's label, seen at once"
    assert bench.parcel_state("J-2/1") == "labelled"
    bench.send(PlatformCleared(at_ms=0))

    bench.weigh(900)
    bench.see(second)
    bench.see(second)
    assert view(bench.state, bench.config).code == "label.wrong-box", "the label of a box of 2 kg on one of 0.9 kg"
    assert [fact.parcel for fact in bench.told(WrongLabel)] == ["J-1/1", "J-2/1"]
    assert "closed" not in {parcel.state for parcel in bench.parcels.values()}

    bench.send(PlatformCleared(at_ms=0))
    for mark, weight_g in ((first, 900), (second, 2_000)):
        bench.weigh(weight_g)
        bench.see(mark)
        bench.see(mark)
        bench.send(PlatformCleared(at_ms=0))
    assert {parcel.state for parcel in bench.parcels.values()} == {"closed"}


def test_an_overweight_parcel_is_held_and_released_by_the_oms() -> None:
    bench = Bench()
    bench.assign(a_job(verify={"max_gross_g": 1_000}))
    bench.weigh(1_200)
    bench.see("J-1")
    assert bench.parcels["J-1/1"].reasons == ("parcel.overweight",)
    assert bench.job_state("J-1") == "held"
    assert not [page for page in bench.pages.values() if page.role == "label"]

    bench.decide("J-1/1", "release")
    assert bench.page_of("J-1", "label").parcel == "J-1/1"
    assert bench.job_state("J-1") == "open"


def test_a_held_parcel_can_be_repacked_and_its_number_is_never_used_again() -> None:
    bench = Bench()
    bench.assign(a_job(verify={"max_gross_g": 1_000}))
    bench.weigh(1_200)
    bench.see("J-1")
    bench.decide("J-1/1", "repack")
    bench.send(PlatformCleared(at_ms=0))
    bench.weigh(800)
    bench.see("J-1")
    assert {name: parcel.state for name, parcel in bench.parcels.items()} == {"J-1/1": "void", "J-1/2": "open"}


def test_a_label_that_comes_for_a_held_parcel_releases_nothing_and_is_printed_after_the_release() -> None:
    bench = Bench()
    bench.assign(a_job(label_when="on_request"))
    bench.weigh(900)
    bench.see("J-1")
    bench.weigh(1_900)
    bench.send_label("J-1/1", "T-1")
    assert (bench.parcel_state("J-1/1"), bench.parcels["J-1/1"].reasons) == ("held", ("parcel.weight-changed",))
    assert not [page for page in bench.pages.values() if page.role == "label"]

    bench.decide("J-1/1", "release")
    assert (bench.page_of("J-1", "label").paper, bench.parcels["J-1/1"].tracking) == ("bought", "T-1")


def test_a_page_under_way_at_a_crash_is_asked_about_and_never_printed_silently_again() -> None:
    bench = Bench()
    bench.assign(a_job())
    assert bench.page_state(1) == "sending"
    bench.restart()
    assert bench.page_state(1) == "in-doubt"
    assert bench.outbox == []
    assert view(bench.state, bench.config).sentence == "Did the slip of J-1 come out?"

    bench.send(ButtonPressed(at_ms=0))
    assert (bench.page_state(1), bench.pages[1].code) == ("printed", "print.packer-has-it")
    assert [fact.state for fact in bench.told(PrintChanged)] == ["in-doubt", "printed"]


def test_a_long_press_voids_the_doubtful_page_and_prints_a_marked_copy() -> None:
    bench = Bench()
    bench.assign(a_job())
    bench.send(PageDoubtful(at_ms=0, print_no=1, code="printer.silent"))
    bench.send(ButtonPressed(at_ms=0, long=True))
    assert bench.page_state(1) == "void"
    assert (bench.pages[2].state, bench.pages[2].copy_of) == ("sending", 1)
    assert bench.pages[2].mark != bench.pages[1].mark


def test_a_label_in_doubt_is_settled_by_being_seen() -> None:
    bench = Bench()
    bench.assign(a_job())
    bench.send(PagePrinted(at_ms=0, print_no=1))
    bench.weigh(900)
    bench.see("J-1")
    page = bench.page_of("J-1", "label")
    bench.send(PageDoubtful(at_ms=0, print_no=page.no, code="printer.silent"))
    bench.see(page.mark)
    assert bench.page_state(page.no) == "printed"
    bench.see(page.mark)
    bench.see(page.mark)
    assert bench.parcel_state("J-1/1") == "closed"


def test_a_broken_printer_keeps_the_page_and_prints_it_once_when_it_is_back() -> None:
    bench = Bench()
    bench.send(DeviceFailed(at_ms=0, device="printer", code="printer.no-media", hint="Load a roll."))
    bench.assign(a_job())
    assert bench.outbox == []
    bench.send(DeviceRecovered(at_ms=0, device="printer"))
    assert [page.no for page in bench.outbox] == [1]
    bench.send(PageNotPrinted(at_ms=0, print_no=1, code="printer.cover-open"))
    assert bench.page_state(1) == "queued"
    bench.send(DeviceRecovered(at_ms=0, device="printer"))
    assert [page.no for page in bench.outbox] == [1, 1]


def test_a_cancel_stops_what_is_not_printed_yet() -> None:
    bench = Bench()
    bench.send(DeviceFailed(at_ms=0, device="printer", code="printer.no-media", hint="Load a roll."))
    bench.assign(a_job())
    bench.cancel("J-1")
    bench.send(DeviceRecovered(at_ms=0, device="printer"))
    assert bench.outbox == []
    bench.weigh(900)
    bench.see("J-1")
    assert view(bench.state, bench.config).code == "job.cancelled"
    assert bench.parcels == {}


def test_a_cancel_that_overtakes_its_assign_is_remembered() -> None:
    bench = Bench()
    bench.cancel("J-1")
    bench.assign(a_job())
    assert bench.outbox == []
    assert [fact.state for fact in bench.told(JobChanged)] == ["cancelled", "cancelled"]


def test_the_same_job_again_is_answered_and_not_printed_again() -> None:
    bench = Bench()
    bench.assign(a_job(), mid=1)
    bench.assign(a_job(), mid=2)
    assert bench.acknowledged == [1, 2]
    assert len(bench.outbox) == 1
    bench.assign(a_job(service="express"), mid=3)
    assert bench.told(JobChanged)[-1].code == "job.rev-conflict"
    bench.assign(a_job(rev=2, service="express"), mid=4)
    assert bench.jobs["J-1"].rev == 2


def test_a_label_on_request_waits_for_the_oms_while_the_bench_goes_on() -> None:
    bench = Bench()
    bench.assign(a_job(label_when="on_request", papers=[]))
    bench.weigh(900)
    bench.see("J-1")
    assert [fact.parcel for fact in bench.told(LabelWanted)] == ["J-1/1"]
    assert view(bench.state, bench.config).code == "label.waiting"
    bench.send(PlatformCleared(at_ms=0))
    assert bench.parcel_state("J-1/1") == "open"

    bench.send_label("J-1/1")
    page = bench.page_of("J-1", "label")
    bench.send(PagePrinted(at_ms=0, print_no=page.no))
    assert bench.parcel_state("J-1/1") == "unproven"
    assert bench.parcels["J-1/1"].tracking == "TRK-9"


def test_a_paper_that_cannot_be_made_holds_its_parcel_and_other_jobs_go_on() -> None:
    bench = Bench()
    bench.assign(a_job())
    bench.send(PagePrinted(at_ms=0, print_no=1))
    bench.weigh(900)
    bench.see("J-1")
    bench.send(PageRefused(at_ms=0, print_no=2, code="paper.glyph-missing", detail="U+9DD7"))
    assert bench.parcels["J-1/1"].reasons == ("paper.glyph-missing",)
    bench.assign(a_job("J-2"))
    assert bench.outbox[-1].job == "J-2"


def test_a_weight_that_changes_after_the_judgement_holds_the_parcel_until_it_is_back() -> None:
    bench = Bench()
    labelled(bench, "J-1", 900)
    bench.weigh(1_500)
    assert bench.parcels["J-1/1"].reasons == ("parcel.weight-changed",)
    bench.weigh(902)
    assert bench.parcel_state("J-1/1") == "unproven"


def test_an_expired_job_is_never_started_once_the_clock_is_trusted() -> None:
    bench = Bench()
    late = a_job(expires="2026-01-01T00:00:00Z")
    bench.assign(late)
    assert bench.job_state("J-1") == "open", "an untrusted clock ends nothing"
    bench.send(TimePassed(at_ms=0, wall_ms=1_800_000_000_000, time_ok=True, expired=(bench.jobs["J-1"],)))
    assert bench.job_state("J-1") == "expired"
    bench.assign(a_job("J-2", expires="2026-01-01T00:00:00Z"))
    assert bench.job_state("J-2") == "expired"
    assert [fact.state for fact in bench.told(ParcelChanged)] == []


def test_a_hand_scanner_does_what_the_camera_does() -> None:
    bench = Bench()
    bench.assign(a_job())
    bench.send(PagePrinted(at_ms=0, print_no=1))
    bench.weigh(900)
    bench.scan("J-1")
    bench.send(PagePrinted(at_ms=0, print_no=bench.page_of("J-1", "label").no))
    mark = bench.page_of("J-1", "label").mark
    bench.send(PlatformCleared(at_ms=0))
    assert bench.parcel_state("J-1/1") == "unproven"
    bench.see(mark)
    assert bench.parcel_state("J-1/1") == "unproven", "a label that lies on the bench is no proof for the camera"
    bench.scan(mark)
    assert bench.parcel_state("J-1/1") == "closed"
