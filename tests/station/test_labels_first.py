"""Slip and label together, before packing; batches in order; cards that a packer shows."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agent.station import rolls
from agent.station.commands import Card, Command
from agent.station.events import (
    ButtonPressed,
    CopyWanted,
    DeviceFailed,
    DeviceRecovered,
    PageDoubtful,
    PagePrinted,
    PlatformCleared,
    RollSeen,
    TimePassed,
)
from agent.station.facts import JobChanged, LabelWanted, ParcelChanged
from agent.station.view import view
from tests.builders import Bench, a_job, settings


def early_job(job: str = "J-1", expected_g: float = 900, **more: Any) -> Any:  # noqa: ANN401 (fields of a job)
    """Return a job whose label is printed before it is packed."""
    verify = {"weight": {"expected_g": expected_g, "tolerance_g": 40}}
    return a_job(job, label_when="before_packing", verify=verify, **more)


def print_all(bench: Bench) -> list[tuple[str, str]]:
    """Let the printer print everything; return (job, role) in the order of the paper."""
    done: list[tuple[str, str]] = []
    while bench.outbox and bench.page_state(bench.outbox[-1].no) == "sending":
        page = bench.outbox[-1]
        done.append((page.job, page.role))
        bench.send(PagePrinted(at_ms=0, print_no=page.no))
    return done


def test_slip_and_label_print_as_a_pair_when_the_job_starts_and_weighing_verifies_them() -> None:
    bench = Bench()
    bench.assign(early_job())
    assert print_all(bench) == [("J-1", "slip"), ("J-1", "label")]
    assert bench.parcel_state("J-1/1") == "labelled"
    assert bench.parcels["J-1/1"].gross.quality == "predicted"

    mark = bench.page_of("J-1", "label").mark
    bench.weigh(915)
    bench.see(mark, "J-1")
    bench.see(mark, "J-1")
    assert bench.parcel_state("J-1/1") == "closed"
    assert (bench.parcels["J-1/1"].gross.value_g, bench.parcels["J-1/1"].gross.quality) == (915, "quick")


def test_a_prediction_that_weighing_does_not_confirm_is_held_and_its_label_reissued() -> None:
    bench = Bench()
    bench.assign(early_job())
    print_all(bench)
    old = bench.page_of("J-1", "label").mark
    bench.weigh(1_200)
    bench.see(old, "J-1")
    assert (bench.parcel_state("J-1/1"), bench.parcels["J-1/1"].reasons) == ("held", ("parcel.weight-mismatch",))

    bench.decide("J-1/1", "release")
    assert [fact.gross.value_g for fact in bench.told(LabelWanted)] == [1_200]
    bench.send_label("J-1/1", "NEW-1")
    print_all(bench)
    bench.see(old)
    bench.see(old)
    assert bench.parcel_state("J-1/1") == "labelled", "the first label is void and proves nothing"
    new = bench.page_of("J-1", "label").mark
    bench.see(new)
    bench.see(new)
    assert (bench.parcel_state("J-1/1"), bench.parcels["J-1/1"].tracking) == ("closed", "NEW-1")


def test_a_job_without_a_predicted_weight_is_labelled_after_weighing() -> None:
    bench = Bench()
    bench.assign(a_job(label_when="before_packing"))
    assert print_all(bench) == [("J-1", "slip")]


def test_a_batch_waits_for_its_jobs_and_prints_in_its_order() -> None:
    bench = Bench()
    for seq in (3, 1):
        bench.assign(early_job(f"J-{seq}", batch={"id": "B", "seq": seq, "of": 3}))
    bench.assign(a_job("OTHER"))
    assert print_all(bench) == [("OTHER", "slip")]
    bench.assign(early_job("J-2", batch={"id": "B", "seq": 2, "of": 3}))
    assert print_all(bench) == [(f"J-{seq}", role) for seq in (1, 2, 3) for role in ("slip", "label")]


def test_a_batch_resumes_at_the_right_half_and_leaves_cancelled_jobs_out() -> None:
    bench = Bench()
    for seq in (1, 2, 3):
        bench.assign(early_job(f"J-{seq}", batch={"id": "B", "seq": seq, "of": 3}))
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    half = bench.outbox[-1]
    assert (half.job, half.role) == ("J-1", "label")
    bench.restart()
    assert bench.page_state(half.no) == "in-doubt"
    bench.cancel("J-2")
    assert print_all(bench) == [], "the doubtful half is asked about first, and never repeated"
    bench.send(ButtonPressed(at_ms=0))
    assert print_all(bench) == [("J-3", "slip"), ("J-3", "label")]


def test_a_half_that_is_printed_anew_keeps_its_place_in_the_pair() -> None:
    bench = Bench()
    for seq in (1, 2):
        bench.assign(early_job(f"J-{seq}", batch={"id": "B", "seq": seq, "of": 2}))
    slip = bench.outbox[-1]
    bench.restart()
    bench.send(ButtonPressed(at_ms=0, long=True))
    assert bench.page_state(slip.no) == "void"
    assert print_all(bench) == [(f"J-{seq}", role) for seq in (1, 2) for role in ("slip", "label")]


def test_what_is_printed_anew_comes_before_what_waits() -> None:
    bench = Bench()
    for job in ("J-1", "J-2", "J-3"):
        bench.assign(early_job(job))
    slip = bench.outbox[-1]
    bench.restart()
    assert bench.page_state(slip.no) == "in-doubt"
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.send(ButtonPressed(at_ms=0, long=True))
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    assert bench.outbox[-1].copy_of == slip.no, "it comes next, for the packer stands and waits"


def test_the_roles_of_a_printer_say_which_half_of_a_pair_comes_first() -> None:
    config = settings()
    bench = Bench(replace(config, printer=(replace(config.printer[0], role=("label", "slip")),)))
    bench.send(DeviceFailed(at_ms=0, device="printer", code="printer.cover-open", hint="Close it."))
    for job in ("J-1", "J-2"):
        bench.assign(early_job(job))
    bench.send(DeviceRecovered(at_ms=0, device="printer"))
    assert print_all(bench) == [(job, role) for job in ("J-1", "J-2") for role in ("label", "slip")]


def test_a_label_that_waits_for_its_box_over_a_restart_is_not_closed_by_it() -> None:
    bench = Bench(settings(proof="preferred"))
    bench.assign(early_job())
    print_all(bench)
    bench.restart()
    assert bench.parcel_state("J-1/1") == "labelled"


def test_a_batch_whose_last_job_never_comes_is_printed_without_it() -> None:
    bench = Bench()
    bench.assign(early_job("J-1", batch={"id": "B", "seq": 1, "of": 2}))
    assert bench.outbox == []
    assert view(bench.state, bench.config).hint.startswith("Batch B waits for its jobs: 1 of 2 are here.")
    bench.now_ms += 61_000
    bench.send(TimePassed(at_ms=bench.now_ms, wall_ms=0, time_ok=False))
    assert view(bench.state, bench.config).hint == "2 papers are still to be printed."
    assert print_all(bench) == [("J-1", "slip"), ("J-1", "label")]


def test_a_reboot_sets_the_clock_back_and_a_batch_is_printed_all_the_same() -> None:
    bench = Bench(now_ms=5_000_000)
    bench.assign(early_job("J-1", batch={"id": "B", "seq": 1, "of": 2}))
    bench.state, bench.now_ms = replace(bench.state, now_ms=0), 1_000
    bench.restart()
    bench.now_ms += 61_000
    bench.send(TimePassed(at_ms=bench.now_ms, wall_ms=0, time_ok=False))
    assert print_all(bench) == [("J-1", "slip"), ("J-1", "label")]


def test_the_label_of_a_weighed_box_comes_before_a_batch() -> None:
    bench = Bench()
    bench.assign(a_job("NOW"))
    print_all(bench)
    bench.send(DeviceFailed(at_ms=0, device="printer", code="printer.cover", hint="Close it."))
    bench.assign(early_job("J-1", batch={"id": "B", "seq": 1, "of": 1}))
    bench.weigh(500)
    bench.see("NOW")
    bench.send(DeviceRecovered(at_ms=0, device="printer"))
    assert print_all(bench)[0] == ("NOW", "label")


def test_cards_hold_release_and_repeat() -> None:
    bench = Bench()
    bench.assign(a_job())
    print_all(bench)
    bench.weigh(900)
    bench.see("J-1")
    print_all(bench)
    first = bench.page_of("J-1", "label")
    bench.see(Card(Command.HOLD).text)
    assert bench.parcels["J-1/1"].reasons == ("parcel.packer-hold",)
    bench.see(Card(Command.RELEASE).text)
    assert bench.parcel_state("J-1/1") == "unproven"

    bench.see(Card(Command.REPEAT).text, first.mark)
    second = bench.page_of("J-1", "label")
    assert (second.copy_of, bench.page_state(first.no)) == (first.no, "void")
    bench.see(Card(Command.REPEAT).text, first.mark)
    assert bench.page_of("J-1", "label").no == second.no, "a card that stays in sight acts once"


def test_a_packer_cannot_lift_the_carriers_limit() -> None:
    bench = Bench()
    bench.assign(a_job(verify={"max_gross_g": 800}))
    bench.weigh(900)
    bench.see("J-1")
    bench.see(Card(Command.RELEASE).text)
    assert bench.parcel_state("J-1/1") == "held"


def test_a_badge_says_who_packed() -> None:
    bench = Bench()
    bench.assign(a_job())
    bench.weigh(900)
    bench.see(Card(Command.BADGE, "0042").text, "J-1")
    assert bench.told(ParcelChanged)[0].packer == "0042"


def test_the_cards_answer_a_doubt() -> None:
    bench = Bench()
    bench.assign(a_job("J-1"))
    bench.send(PageDoubtful(at_ms=0, print_no=1, code="printer.silent"))
    bench.see(Card(Command.AGAIN).text)
    assert bench.page_state(1) == "void"
    bench.send(PageDoubtful(at_ms=0, print_no=2, code="printer.silent"))
    bench.see(Card(Command.PRINTED).text)
    assert bench.page_state(2) == "printed"
    bench.send(PlatformCleared(at_ms=0))


def test_a_label_printed_again_is_a_copy_and_the_first_is_void() -> None:
    bench = Bench()
    bench.assign(a_job())
    print_all(bench)
    bench.weigh(900)
    bench.see("J-1")
    print_all(bench)
    first = bench.page_of("J-1", "label")
    bench.send(CopyWanted(at_ms=0, parcel="J-1/1", page=first))
    print_all(bench)
    second = bench.page_of("J-1", "label")
    assert (bench.page_state(first.no), second.copy_of) == ("void", first.no)
    for mark, state in ((first.mark, "labelled"), (second.mark, "closed")):
        bench.see(mark)
        bench.see(mark)
        assert bench.parcel_state("J-1/1") == state


def test_a_waiting_slip_prints_where_the_site_wants_one_and_not_once_the_label_is_here() -> None:
    bench = Bench(config=settings(waiting_slip=True))
    bench.assign(a_job(label_when="on_request", papers=[]))
    bench.weigh(900)
    bench.see("J-1")
    assert [(page.role, page.paper) for page in bench.outbox] == [("slip", "waiting")]
    bench.send(DeviceFailed(at_ms=0, device="printer", code="printer.cover", hint="Close it."))
    bench.assign(a_job("J-2", label_when="on_request", papers=[]))
    bench.send(PlatformCleared(at_ms=0))
    bench.weigh(500)
    bench.see("J-2")
    bench.send_label("J-2/1")
    assert [page.state for page in bench.pages.values() if page.job == "J-2" and page.role == "slip"] == ["void"]


@pytest.mark.parametrize("end", ["in doubt", "printed"])
def test_a_label_that_may_not_be_copied_is_void_and_bought_anew(end: str) -> None:
    """Some carriers take a number once: the packer's wish for another print is a wish for another label."""
    label = {"id": "label", "role": "label", "data": {"tracking": "T-1"}, "reprint": "reissue"}
    bench = Bench()
    bench.assign(early_job(papers=[label]))
    first = bench.outbox[-1]
    if end == "in doubt":
        bench.send(PageDoubtful(at_ms=0, print_no=first.no, code="printer.mute"))
        bench.send(ButtonPressed(at_ms=0, long=True))
    else:
        print_all(bench)
        bench.send(CopyWanted(at_ms=0, parcel="J-1/1", page=bench.page_of("J-1", "label")))
    assert bench.page_state(first.no) == "void"
    assert [fact.voids for fact in bench.told(LabelWanted)] == [first.mark]
    assert len(bench.outbox) == 1, "nothing is printed until the new one is here"

    bench.send_label("J-1/1", "T-2")
    assert print_all(bench) == [("J-1", "label")]
    assert (bench.page_of("J-1", "label").copy_of, bench.parcels["J-1/1"].tracking) == (0, "T-2")
    bench.send(CopyWanted(at_ms=0, parcel="J-1/1", page=bench.page_of("J-1", "label")))
    assert bench.page_of("J-1", "label").copy_of, "the new label's own rule counts: a copy that says so"


def test_the_packer_hears_before_the_roll_ends() -> None:
    bench = Bench()
    bench.send(RollSeen(at_ms=0, device="printer", left_mm=1_200, known=True))
    assert view(bench.state, bench.config).hint == "About 12 labels left on the roll."
    bench.send(DeviceFailed(at_ms=0, device="printer", code="printer.busy", hint=""))
    for seq in range(1, 9):
        bench.assign(early_job(f"J-{seq}", batch={"id": "B", "seq": seq, "of": 8}))
    pair_mm = rolls.slip_mm(a_job().items) + 100
    assert rolls.short(bench.state, bench.config) == {"printer": rolls.Short(16, 12, 8 * pair_mm, 1_200)}
    bench.send(DeviceRecovered(at_ms=0, device="printer"))
    shown = view(bench.state, bench.config)
    assert (shown.sentence, shown.code) == (
        "About 12 papers are left on the roll, 15 are needed.", "printer.roll-short"), "one is under way already"
    bench.send(RollSeen(at_ms=0, device="printer", left_mm=30_000, known=True))
    assert view(bench.state, bench.config).sentence == "Put a box on the scale."


def test_the_length_of_a_slip_is_known_before_it_is_drawn() -> None:
    """Within a fifth of what is drawn: what a batch needs is added up from it."""
    from agent.papers.from_job import paper_of, preview
    from agent.papers.page import media

    for count, name in ((1, "Mug"), (6, "A long name that says much about a mug, in two lines"), (25, "保温杯，白色")):
        items = [{"sku": f"SKU-{n}", "name": name, "qty": 1} for n in range(count)]
        job = a_job(items=items, carrier="DHL", service="Paket")
        slip, _ = next(preview(job, 1))
        drawn_mm = sum(page.length_mm for page in paper_of(slip, media("62")).pages)
        assert abs(rolls.slip_mm(job.items) - drawn_mm) < drawn_mm / 5


def test_a_paper_for_a_roll_that_is_not_here_is_told_when_its_job_comes() -> None:
    bench = Bench()
    papers = [{"id": "slip", "role": "slip", "media": "62"}, {"id": "label", "role": "label", "media": "103x164"}]
    bench.assign(a_job(papers=papers))
    told = bench.told(JobChanged)[-1]
    assert (told.state, told.code) == ("open", "paper.media-mismatch")
    assert told.detail == "label needs 103x164, 62 is in the printer."


def test_a_paper_that_no_printer_here_prints_is_told_when_its_job_comes() -> None:
    config = settings()
    bench = Bench(replace(config, printer=(replace(config.printer[0], role=("slip",)),)))
    bench.assign(a_job())
    assert (bench.told(JobChanged)[-1].code, print_all(bench)) == ("printer.none-for-role", [("J-1", "slip")])
