"""The station's own prediction: a label that need not wait for the scale, verified by it or voided and bought anew."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from agent.station.commands import Card, Command
from agent.station.events import PagePrinted
from agent.station.facts import CartonTold, LabelWanted, ParcelChanged
from agent.station.values import Dimensions, Finding, Length, SuggestedCarton, Weight
from tests.builders import Bench, a_job

TARIFF = {"weights_g": [500, 1000, 2000], "divisor_cm3_per_kg": 5000}


def job(**more: Any) -> Any:  # noqa: ANN401 (fields of a job)
    """A job that wants its label before packing, and of which the OMS predicts nothing."""
    return a_job(label_when="before_packing", **{"tariff": TARIFF, **more})


def box(value_g: float, u95_g: float = 20, carton: str = "S", outer_mm: tuple[int, int, int] = (208, 158, 110),
        ) -> SuggestedCarton:
    return SuggestedCarton(
        carton=carton, inner_mm=(200, 150, 100), outer_mm=outer_mm, contents=(("MUG", 2), ("TEA", 1)),
        gross=Weight(value_g=value_g, u95_g=u95_g, quality="predicted"))


def labelled(value_g: float = 800, **more: Any) -> Bench:  # noqa: ANN401 (fields of a job)
    """A station whose printer has printed slip and label of J-1 before packing."""
    bench = Bench()
    bench.assign(job(**more))
    bench.suggest("J-1", box(value_g))
    while bench.outbox and bench.page_state(bench.outbox[-1].no) == "sending":
        bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    return bench


def test_the_label_prints_with_the_predicted_weight_and_the_cartons_size() -> None:
    bench = labelled()
    parcel = bench.parcels["J-1/1"]
    assert (parcel.state, parcel.gross.value_g, parcel.gross.quality, parcel.carton) == (
        "labelled", 800, "predicted", "S")
    billed = bench.told(ParcelChanged)[-1].billed
    assert (billed.dim_weight_g, billed.chargeable_g, billed.size_from) == (724, 800, "carton")


def test_within_its_class_the_weighed_box_verifies_its_label() -> None:
    bench = labelled()
    mark = bench.page_of("J-1", "label").mark
    bench.weigh(930)
    bench.see(mark, "J-1")
    bench.see(mark, "J-1")
    closed = bench.told(ParcelChanged)[-1]
    assert (closed.state, closed.gross.value_g, closed.carton) == ("closed", 930, "S")


def test_in_another_class_the_label_is_void_and_a_new_one_is_asked_for_by_itself() -> None:
    bench = labelled()
    old = bench.page_of("J-1", "label")
    bench.weigh(1_040)
    bench.see(old.mark, "J-1")
    assert bench.told(ParcelChanged)[-1].reasons == ("parcel.label-outdated",)
    assert bench.parcel_state("J-1/1") == "open"
    wanted = bench.told(LabelWanted)
    assert [(fact.gross.value_g, fact.billed.chargeable_g) for fact in wanted] == [(1_040, 1_040)]
    bench.send_label("J-1/1", "NEW-1")
    bench.send(PagePrinted(at_ms=0, print_no=bench.outbox[-1].no))
    new = bench.page_of("J-1", "label").mark
    bench.see(old.mark)
    bench.see(old.mark)
    assert bench.parcel_state("J-1/1") == "labelled", "the void label proves nothing"
    bench.see(new)
    bench.see(new)
    assert (bench.parcel_state("J-1/1"), bench.parcels["J-1/1"].reasons) == ("closed", ())


def test_a_measured_size_of_another_class_voids_the_label_too() -> None:
    bench = labelled()
    mark = bench.page_of("J-1", "label").mark
    edges = [Length(value_mm=edge, u95_mm=2) for edge in (280.0, 200.0, 110.0)]
    bench.weigh(800)
    bench.see(mark, "J-1", dims=Dimensions(length=edges[0], width=edges[1], height=edges[2]))
    wanted = bench.told(LabelWanted)
    assert [(fact.billed.dim_weight_g, fact.billed.size_from) for fact in wanted] == [(1_232, "measured")]


def test_another_carton_than_the_label_was_made_for_voids_it() -> None:
    bench = labelled()
    mark = bench.page_of("J-1", "label").mark
    bench.see("J-1")
    bench.scan(Card(Command.CARTON, "L").text)
    bench.weigh(800)
    bench.see(mark, "J-1", carton=box(820, carton="L", outer_mm=(410, 310, 214)))
    assert bench.parcels["J-1/1"].carton == "L"
    assert [fact.billed.dim_weight_g for fact in bench.told(LabelWanted)] == [5_440]


def test_contents_that_look_wrong_stop_a_parcel_that_has_its_label() -> None:
    bench = labelled()
    mark = bench.page_of("J-1", "label").mark
    bench.weigh(490)
    bench.see(mark, "J-1", finding=Finding(finding="check", off_g=-310, sd_g=8, wrong=0.99, words="one MUG missing"))
    assert (bench.parcel_state("J-1/1"), bench.parcels["J-1/1"].reasons) == ("held", ("parcel.contents-doubtful",))


def test_where_the_interval_crosses_a_class_the_label_waits_for_the_scale() -> None:
    bench = Bench()
    bench.assign(job())
    bench.suggest("J-1", box(990))
    assert bench.parcels == {}
    bench.weigh(1_003)
    bench.see("J-1")
    assert bench.parcels["J-1/1"].gross.value_g == 1_003
    assert bench.page_of("J-1", "label").parcel == "J-1/1"


def test_several_cartons_or_none_wait_for_the_scale_where_room_counts() -> None:
    bench = Bench()
    bench.assign(job())
    bench.suggest("J-1", box(400), box(300), gross=None)
    assert bench.parcels == {}
    bench.suggest("J-1", gross=Weight(value_g=800, u95_g=20, quality="predicted"))
    assert bench.parcels == {}


def test_without_a_tariff_a_good_prediction_is_enough() -> None:
    bench = Bench()
    bench.assign(a_job(label_when="before_packing"))
    bench.suggest("J-1", gross=Weight(value_g=800, u95_g=30, quality="predicted"))
    assert bench.parcels["J-1/1"].gross.value_g == 800


def test_an_answer_that_comes_too_late_or_for_an_old_revision_prints_nothing() -> None:
    bench = Bench()
    bench.assign(job())
    bench.suggest("J-1", box(800), rev=2)
    bench.suggest("J-9", box(800))
    assert bench.parcels == {}
    bench.weigh(800)
    bench.see("J-1")
    bench.suggest("J-1", box(800))
    assert list(bench.parcels) == ["J-1/1"], "the box was weighed before the answer came"
    bench.cancel("J-1")
    bench.suggest("J-1", box(800))
    assert len(bench.parcels) == 1


def test_a_new_revision_voids_the_label_and_is_predicted_anew() -> None:
    bench = labelled()
    bench.assign(job(rev=2))
    assert bench.parcel_state("J-1/1") == "void"
    bench.suggest("J-1", box(600), rev=1)
    assert list(bench.parcels) == ["J-1/1"]
    bench.suggest("J-1", box(600), rev=2)
    assert (bench.parcels["J-1/2"].gross.value_g, bench.page_of("J-1", "label").parcel) == (600, "J-1/2")
    bench.suggest("J-1", box(600), rev=2)
    assert list(bench.parcels) == ["J-1/1", "J-1/2"], "an answer that comes twice prints once"


def test_what_the_oms_predicts_needs_no_answer_of_ours() -> None:
    bench = Bench()
    bench.assign(job(verify={"weight": {"expected_g": 700, "tolerance_g": 40}}))
    assert bench.parcels["J-1/1"].gross.value_g == 700
    bench.suggest("J-1", box(800))
    assert list(bench.parcels) == ["J-1/1"]


def test_a_box_in_the_suggested_carton_is_billed_by_it() -> None:
    bench = Bench()
    bench.assign(a_job(tariff=TARIFF))
    bench.weigh(700)
    bench.see("J-1", carton=box(690))
    parcel = bench.parcels["J-1/1"]
    assert (parcel.carton, bench.told(ParcelChanged)[-1].billed.dim_weight_g) == ("S", 724)


def test_a_closed_parcel_tells_tare_and_net_of_its_type_of_carton_and_no_guess_of_another() -> None:
    for carton, tare_g in (("S", 120.0), ("L", None)):
        bench = Bench()
        bench.assign(a_job(papers=[]))
        bench.scan("J-1")
        if carton == "L":
            bench.scan(Card(Command.CARTON, "L").text)
        bench.weigh(690)
        bench.see("J-1", carton=replace(box(690), tare=Weight(value_g=120.0, u95_g=9.0, quality="predicted")))
        told = bench.told(ParcelChanged)[-1]
        assert (told.state, told.tare.value_g if told.tare else None) == ("closed", tare_g)
        assert (told.net is None) == (told.tare is None)
        if told.net is not None:
            assert (told.net.value_g, told.net.u95_g) == (570.0, 9.2)


def test_what_did_not_fit_is_told_with_the_carton_that_was_suggested() -> None:
    bench = Bench()
    bench.assign(a_job())
    bench.see("J-1")
    bench.see(Card(Command.NO_FIT).text, "J-1", carton=box(690))
    assert [(fact.outcome, fact.suggested) for fact in bench.told(CartonTold)] == [("did-not-fit", "S")]
