"""Several boxes of one job, boxes packed short, and what the cards say of a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.station.commands import Card, Command
from agent.station.events import Delivery, PagePrinted, PlatformCleared, RestDecided
from agent.station.facts import CartonTold, JobChanged, JobShort, LabelWanted, ParcelChanged, StockMoved
from agent.station.values import Finding, Piece
from agent.station.view import view
from tests.builders import Bench, a_job, settings
from tests.station.test_scans import begun, by_hand, prove, sentence, told

if TYPE_CHECKING:
    from agent.station.values import RestVerdict

TEA, CUP = "4006381333931", "96385074"
LINES: list[dict[str, Any]] = [{"sku": "TEA", "name": "Tea", "qty": 2, "barcodes": [TEA]},
                               {"sku": "CUP", "name": "Cup", "qty": 1, "barcodes": [CUP]}]
PAPERS = [{"id": "slip", "role": "slip"}, {"id": "label", "role": "label"}]
NEXT, SHORT = Card(Command.NEXT).text, Card(Command.SHORT).text


def job_of_two(**more: Any) -> Any:  # noqa: ANN401 (fields of a job)
    """Return a job of three pieces with a label that serves every parcel."""
    return a_job(**{"items": LINES, "papers": PAPERS, **more})


def moved(bench: Bench) -> list[tuple[str, str, int]]:
    return [(fact.parcel, fact.sku, fact.qty) for fact in bench.told(StockMoved)]


def decide_rest(bench: Bench, rest: RestVerdict) -> None:
    bench.send(RestDecided(at_ms=0, job="J-1", rest=rest, delivery=Delivery(1, 9), known=bench.jobs.get("J-1")))


def first_box(bench: Bench, card: str) -> None:
    """Scan two teas, put the box on the scale with its slip, show a card, and prove its label."""
    bench.scan("J-1")
    bench.scan(TEA)
    bench.scan(TEA)
    bench.weigh(500)
    bench.scan(card)
    bench.see("J-1")


def test_a_job_is_packed_into_two_parcels_with_their_contents() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, NEXT)
    assert bench.parcels["J-1/1"].contents == (("TEA", 2),)
    prove(bench)
    assert bench.parcel_state("J-1/1") == "closed"
    assert bench.job_state("J-1") == "open"
    assert (sentence(bench), bench.state.at_hand) == ("Scan 1 x CUP.", "J-1")

    bench.weigh(700)
    bench.see("J-1")
    assert bench.state.box is not None
    assert bench.state.box.notice == "items.to-scan", "what is in the second box must be known, too"
    bench.scan(CUP)
    bench.now_ms += 5_000
    bench.see("J-1")
    prove(bench)
    assert bench.job_state("J-1") == "packed"
    assert moved(bench) == [("J-1/1", "TEA", 2), ("J-1/2", "CUP", 1)]
    closed = [fact for fact in bench.told(ParcelChanged) if fact.state == "closed"]
    assert [fact.contents for fact in closed] == [(Piece(sku="TEA", qty=2),), (Piece(sku="CUP", qty=1),)]
    assert bench.state.packings == ()


def test_the_next_box_is_packed_while_the_first_waits_for_its_proof() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, NEXT)
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    first = bench.page_of("J-1", "label").mark
    bench.send(PlatformCleared(at_ms=0))
    assert bench.parcel_state("J-1/1") == "unproven"
    bench.scan(CUP)
    bench.weigh(500)  # as heavy as the first
    bench.see("J-1")
    assert bench.parcels["J-1/2"].contents == (("CUP", 1),)
    prove(bench)
    assert bench.job_state("J-1") == "open", "its first parcel is still to be proven"
    bench.weigh(500)
    bench.see(first)
    bench.see(first)
    assert (bench.parcel_state("J-1/1"), bench.job_state("J-1")) == ("closed", "packed")


def test_a_first_box_that_comes_back_is_not_taken_for_the_next_one() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, NEXT)
    bench.send(PlatformCleared(at_ms=0))
    bench.weigh(505)
    bench.see("J-1")
    assert list(bench.parcels) == ["J-1/1"]
    assert bench.state.box is not None
    assert bench.state.box.parcel == "J-1/1"


def test_a_box_without_its_label_is_asked_which_parcel_it_is_when_all_is_packed() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, NEXT)
    bench.send(PlatformCleared(at_ms=0))
    bench.scan(CUP)
    bench.weigh(300)
    bench.see("J-1")
    bench.send(PlatformCleared(at_ms=0))
    bench.weigh(900)
    bench.see("J-1")
    assert sentence(bench) == "Which parcel is this? Show its label."


def test_a_box_without_a_slip_whose_items_were_all_scanned_is_the_one_that_the_screen_asked_for() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, NEXT)
    prove(bench)
    bench.scan(CUP)
    bench.weigh(300)
    bench.see()
    assert sentence(bench) == "Show me this box's packing slip.", "a slip that is there may be read late"
    bench.now_ms += 3_000
    bench.see()
    assert bench.parcels["J-1/2"].contents == (("CUP", 1),)


def test_next_needs_scans_and_says_so() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.scan(NEXT)
    assert told(bench) == "items.no-job"
    bench.weigh(500)
    bench.see("J-1")
    assert bench.parcels["J-1/1"].contents == (("TEA", 2), ("CUP", 1))
    bench.scan(NEXT)
    assert told(bench) == "items.scan-first"
    bench.scan(TEA)
    bench.scan(NEXT)
    bench.see("J-1")
    assert (bench.parcel_state("J-1/1"), bench.parcels["J-1/1"].reasons) == ("void", ("parcel.split",))
    assert bench.parcels["J-1/2"].contents == (("TEA", 1),)
    assert bench.page_state(bench.page_of("J-1", "label").no) in ("queued", "sending")


def test_a_box_may_be_ended_before_it_is_on_the_scale() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.scan("J-1")
    bench.scan(TEA)
    bench.scan(NEXT)
    assert sentence(bench) == "Put the box on the scale."
    bench.weigh(300)
    bench.see("J-1")
    assert bench.parcels["J-1/1"].contents == (("TEA", 1),)


def test_next_with_everything_in_the_box_changes_nothing() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.scan("J-1")
    for code in (TEA, TEA, CUP):
        bench.scan(code)
    bench.weigh(700)
    bench.scan(NEXT)
    assert told(bench) == "items.all-in"
    bench.see("J-1")
    assert bench.parcels["J-1/1"].contents == (("TEA", 2), ("CUP", 1))


def test_a_label_for_the_whole_job_is_void_when_the_job_takes_two_boxes() -> None:
    bench = begun(by_hand(), job_of_two(label_when="before_packing",
                                        verify={"weight": {"expected_g": 900, "tolerance_g": 40}}))
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    first_box(bench, NEXT)
    assert bench.parcel_state("J-1/1") == "void"
    assert bench.parcels["J-1/2"].contents == (("TEA", 2),)
    assert bench.parcel_state("J-1/2") == "open", "a part is not held for weighing less than the whole"


def test_two_parcels_never_get_the_same_tracking_number() -> None:
    numbered = {"id": "label", "role": "label", "data": {"tracking": "T1"}}
    bench = begun(by_hand(), job_of_two(papers=[PAPERS[0], numbered]))
    first_box(bench, NEXT)
    prove(bench)
    bench.scan(CUP)
    bench.weigh(300)
    bench.see("J-1")
    assert bench.parcels["J-1/1"].tracking == "T1"
    assert (bench.parcels["J-1/2"].tracking, bench.parcels["J-1/2"].wants) == ("", "request")
    assert bench.told(LabelWanted)[-1].contents == (Piece(sku="CUP", qty=1),)


@pytest.mark.parametrize(("rest", "state", "code"), [
    ("keep", "open", "job.rest-kept"), ("cancel", "packed", "job.rest-cancelled"),
    ("backorder", "packed", "job.rest-backordered"),
])
def test_what_left_is_told_and_the_oms_decides_about_the_rest(rest: RestVerdict, state: str, code: str) -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, SHORT)
    assert bench.told(JobShort)[0].rest == (Piece(sku="CUP", qty=1),)
    assert bench.job_state("J-1") == "held"
    prove(bench)
    assert moved(bench) == [("J-1/1", "TEA", 2)]
    assert bench.job_state("J-1") == "held"
    decide_rest(bench, rest)
    assert bench.job_state("J-1") == state
    assert bench.told(JobChanged)[-1].code == code
    decide_rest(bench, rest)
    assert bench.told(JobChanged)[-1].code == "job.not-short", "said twice, it is answered all the same"


def test_a_rest_that_is_cancelled_while_the_label_prints_ends_with_the_parcel() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, SHORT)
    decide_rest(bench, "cancel")
    assert bench.job_state("J-1") == "open"
    prove(bench)
    assert bench.job_state("J-1") == "packed"


def test_a_job_of_which_nothing_is_there_is_short_without_a_box() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.scan("J-1")
    bench.scan(SHORT)
    bench.scan(SHORT)
    assert [fact.rest for fact in bench.told(JobShort)] == [(Piece(sku="TEA", qty=2), Piece(sku="CUP", qty=1))]
    decide_rest(bench, "cancel")
    assert bench.job_state("J-1") == "cancelled"
    assert moved(bench) == []


def test_a_kept_rest_is_packed_later() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, SHORT)
    prove(bench)
    decide_rest(bench, "keep")
    bench.scan("J-1")
    bench.scan(CUP)
    bench.weigh(300)
    bench.see("J-1")
    prove(bench)
    assert bench.job_state("J-1") == "packed"
    assert moved(bench) == [("J-1/1", "TEA", 2), ("J-1/2", "CUP", 1)]


def test_a_new_revision_does_not_ship_again_what_left() -> None:
    bench = begun(by_hand(), job_of_two())
    first_box(bench, NEXT)
    prove(bench)
    bench.assign(job_of_two(rev=2))
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.weigh(300)
    bench.see("J-1")
    assert sentence(bench) == "Scan 1 x CUP."


def test_a_parcel_that_came_back_heavier_keeps_its_scans() -> None:
    bench = begun(by_hand(), job_of_two(verify={"scan": True}))
    bench.scan("J-1")
    for code in (TEA, TEA, CUP):
        bench.scan(code)
    bench.weigh(700)
    bench.see("J-1")
    bench.send(PlatformCleared(at_ms=0))
    bench.weigh(900)
    bench.see("J-1")
    assert bench.parcel_state("J-1/1") == "void"
    assert bench.parcels["J-1/2"].items == bench.parcels["J-1/1"].items


def test_did_not_fit_and_another_carton_are_facts_with_the_contents() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.scan(Card(Command.BADGE, "0042").text)
    bench.scan("J-1")
    bench.scan(Card(Command.NO_FIT).text)
    bench.scan(Card(Command.CARTON, "M2").text)
    whole = (Piece(sku="TEA", qty=2), Piece(sku="CUP", qty=1))
    assert [(fact.outcome, fact.carton, fact.contents, fact.packer) for fact in bench.told(CartonTold)] == [
        ("did-not-fit", "", whole, "0042"), ("taken", "M2", whole, "0042")]
    assert len({fact.key for fact in bench.told(CartonTold)}) == 2
    bench.weigh(700)
    bench.see("J-1")
    prove(bench)
    assert bench.told(ParcelChanged)[-1].carton == "M2"


def test_a_hand_scanned_card_repeats_the_label_of_the_box_on_the_platform() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.weigh(700)
    bench.see("J-1")
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    first = bench.page_of("J-1", "label")
    bench.scan(Card(Command.REPEAT).text)
    assert (bench.page_state(first.no), bench.page_of("J-1", "label").copy_of) == ("void", first.no)


def test_a_card_acts_once_though_a_picture_in_between_does_not_show_it() -> None:
    bench = begun(Bench(), job_of_two())
    bench.weigh(700)
    bench.see("J-1")
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.see(Card(Command.REPEAT).text)
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    second = bench.page_of("J-1", "label").no
    bench.see()
    bench.see(Card(Command.REPEAT).text)
    assert bench.page_of("J-1", "label").no == second
    for _ in range(3):
        bench.now_ms += 1_000
        bench.see()
    bench.see(Card(Command.REPEAT).text)
    assert bench.page_of("J-1", "label").copy_of == second


def test_a_label_that_is_repeated_is_told_under_a_key_of_its_own() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.weigh(700)
    bench.see("J-1")
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    bench.scan(Card(Command.REPEAT).text)
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    keys = [fact.key for fact in bench.told(ParcelChanged)]
    assert keys == ["parcel/J-1/1/open", "parcel/J-1/1/labelled", "parcel/J-1/1/labelled/2"]


def test_a_card_without_an_effect_says_so_and_a_cancelled_box_is_unpacked() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.scan(Card(Command.RELEASE).text)
    assert told(bench) == "card.no-effect"
    bench.weigh(700)
    bench.see("J-1")
    bench.scan(Card(Command.CANCEL).text)
    bench.now_ms += 9_000
    bench.see()
    assert sentence(bench) == "Unpack this box: its parcel is cancelled."
    assert bench.job_state("J-1") == "open"


DOUBTFUL = Finding(finding="check", off_g=-128, sd_g=4, wrong=0.97, words="-128 g: please check TEA first.")


def test_a_doubtful_box_is_settled_by_the_button_or_mended_on_the_scale() -> None:
    bench = Bench(settings())
    begun(bench, job_of_two())
    bench.weigh(572)
    bench.see("J-1", finding=DOUBTFUL)
    assert view(bench.state, bench.config).sentence == DOUBTFUL.words
    bench.weigh(700)
    bench.see("J-1")
    assert (bench.parcel_state("J-1/1"), bench.parcel_state("J-1/2")) == ("void", "open")

    other = begun(Bench(), job_of_two())
    other.weigh(572)
    other.see("J-1", finding=DOUBTFUL)
    other.press()
    assert (other.parcel_state("J-1/1"), other.parcels["J-1/1"].settled) == ("open", True)


def test_a_doubtful_box_is_settled_when_each_of_its_pieces_was_scanned() -> None:
    bench = begun(by_hand(), job_of_two())
    bench.weigh(572)
    bench.see("J-1", finding=DOUBTFUL)
    for code in (TEA, TEA):
        bench.scan(code)
    assert bench.parcel_state("J-1/1") == "held"
    bench.scan(CUP)
    assert (bench.parcel_state("J-1/1"), bench.parcels["J-1/1"].settled) == ("open", True)
