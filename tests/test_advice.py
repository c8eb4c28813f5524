"""The station learns what its parcels weigh, keeps it, and says what is probably missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from agent.advice import Advice
from agent.adviser import Adviser
from agent.messages.catalogue import rows_of
from agent.packing.master import from_json
from agent.run import turn
from agent.station.commands import Card, Command
from agent.station.events import (
    AgentStarted,
    CartonSuggested,
    CatalogueCame,
    CodesSeen,
    Delivery,
    Event,
    JobAssigned,
    PagePrinted,
    PlatformCleared,
    WeightStable,
)
from agent.station.state import State
from agent.station.values import SuggestedCarton, Suggestion
from agent.station.view import view
from agent.store import Store, StoreError
from tests.builders import a_job, grams, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = settings(proof="off")
UNITS_G = {"MUG": 310.0, "TEA": 128.0}
# The catalogue is a little wrong, as catalogues are.
ITEMS = [{"sku": "MUG", "name": "Mug", "qty": 2, "weight_g": 300},
         {"sku": "TEA", "name": "Tea", "qty": 1, "weight_g": 125}]


class Station:
    """The core with a real store and real beliefs."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory, station="st-1")
        self.advice = Advice(self.store.shelf.beliefs())
        self.state = State()
        self.number = 0
        self.suggestion: SuggestedCarton | None = None
        self.send(AgentStarted(at_ms=0, store_id=self.store.store_id, boot=self.store.boot))

    def send(self, *events: Event) -> None:
        self.state, _ = turn(self.store, self.state, list(events), CONFIG, wall_ms=0, advice=self.advice)

    def pack(self, gross_g: float) -> str:
        """Pack one job of two mugs and a tea that weighs this much; return what the packer sees then."""
        self.number += 1
        job = a_job(f"J-{self.store.boot}-{self.number}", papers=[], items=ITEMS)
        self.send(JobAssigned(at_ms=1, job=job, digest=job.job, delivery=Delivery(1, 1)))
        if self.suggestion is not None:
            self.send(CartonSuggested(at_ms=1, job=job.job, rev=1, suggestion=Suggestion(cartons=(self.suggestion,))))
        self.send(WeightStable(at_ms=2, gross=grams(gross_g)))
        assert self.state.box is not None
        self.send(CodesSeen(at_ms=3, visit=self.state.box.visit, codes=(job.job,)))
        return view(self.state, CONFIG).sentence

    def bring(self, card: Card) -> None:
        """Bring a job to the bench and show a card, before the box stands on the scale."""
        job = a_job("J-0", papers=[], items=ITEMS)
        self.send(JobAssigned(at_ms=1, job=job, digest=job.job, delivery=Delivery(1, 1)))
        if self.suggestion is not None:
            self.send(CartonSuggested(at_ms=1, job=job.job, rev=1, suggestion=Suggestion(cartons=(self.suggestion,))))
        self.send(CodesSeen(at_ms=2, visit=0, codes=(job.job,)),
                  CodesSeen(at_ms=2, visit=0, codes=(card.text,), scanned=True))

    def lift(self) -> None:
        self.send(PlatformCleared(at_ms=4))


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    yield station
    station.store.close()


def full_g(number: int) -> float:
    """A right parcel's weight: contents, carton and paper, a gram or two of chance."""
    return 2 * UNITS_G["MUG"] + UNITS_G["TEA"] + 230 + (number * 7 % 5 - 2) * 0.8


def test_a_missing_piece_is_named_once_the_weights_are_known(station: Station) -> None:
    assert station.pack(full_g(0) - UNITS_G["MUG"]) == "Done. Take the box.", "weight can't tell yet, and says nothing"
    station.lift()
    for number in range(12):
        station.pack(full_g(number))
        station.lift()
    sentence = station.pack(full_g(1) - UNITS_G["MUG"])
    assert "please check MUG first" in sentence
    assert station.state.parcels[0].reasons == ("parcel.contents-doubtful",)


def test_what_was_learned_outlives_the_process(tmp_path: Path) -> None:
    first = Station(tmp_path)
    for number in range(12):
        first.pack(full_g(number))
        first.lift()
    first.store.close()
    again = Station(tmp_path)
    assert "please check TEA first" in again.pack(full_g(3) - UNITS_G["TEA"])
    again.store.close()


def test_a_packer_who_looked_releases_the_parcel_and_that_teaches(station: Station) -> None:
    for number in range(12):
        station.pack(full_g(number))
        station.lift()
    assert "please check" in station.pack(full_g(1) + 95)
    assert station.state.box is not None
    station.send(CodesSeen(at_ms=5, visit=station.state.box.visit, codes=(Card(Command.RELEASE).text,)))
    assert view(station.state, CONFIG).sentence == "Done. Take the box."
    station.lift()
    for number in range(3):
        station.pack(full_g(number) + 95)
        if station.state.parcels:
            assert station.state.box is not None
            station.send(CodesSeen(at_ms=5, visit=station.state.box.visit, codes=()),
                         CodesSeen(at_ms=5, visit=station.state.box.visit, codes=(Card(Command.RELEASE).text,)))
        station.lift()
    assert station.pack(full_g(2) + 95) == "Done. Take the box.", "a new packaging is learned"


def test_a_parcel_whose_commit_failed_teaches_nothing_until_it_is_tried_again(
    station: Station, monkeypatch: pytest.MonkeyPatch,
) -> None:
    adviser = Adviser(station.store, CONFIG)
    station.advice = adviser.advice
    job = a_job("J-0", papers=[], items=ITEMS)
    before = adviser.advice.weighted(job, Suggestion()).gross
    station.send(JobAssigned(at_ms=1, job=job, digest="d", delivery=Delivery(1, 1)),
                 WeightStable(at_ms=2, gross=grams(full_g(0))))
    assert station.state.box is not None
    seen = CodesSeen(at_ms=3, visit=station.state.box.visit, codes=("J-0",))

    def full(_: bytes) -> None:
        raise StoreError("store.full", "the disk is full.", "Make room.")

    with monkeypatch.context() as broken:
        broken.setattr(station.store, "save_state", full)
        with pytest.raises(StoreError):
            station.send(seen)
    adviser.recall()
    station.advice = adviser.advice
    assert adviser.advice.weighted(job, Suggestion()).gross == before
    station.send(seen)
    assert adviser.advice.weighted(job, Suggestion()).gross != before


def test_a_belief_that_cannot_be_read_starts_anew() -> None:
    assert Advice({"sku:MUG": b"\x00nonsense", "alertness": b"{}"}) is not None


CATALOGUE = from_json({"units": {"length": "mm", "weight": "g", "money": "cents"}, "cartons": [
    {"id": "S", "inner": [200, 150, 100], "outer": [208, 158, 110], "tare": 120, "max_weight": 9_000, "cost": 40},
    {"id": "L", "inner": [400, 300, 200], "outer": [410, 310, 214], "tare": 380, "max_weight": 20_000, "cost": 95},
], "skus": [{"sku": "MUG", "weight": 310}]})
SUGGESTED = SuggestedCarton(carton="S", inner_mm=(200, 150, 100), outer_mm=(208, 158, 110),
                            contents=(("MUG", 2), ("TEA", 1)))


def stocked(station: Station) -> Station:
    """The station with a catalogue of two cartons."""
    station.send(CatalogueCame(at_ms=1, rows=rows_of(CATALOGUE)))
    return station


def test_the_tare_of_each_carton_is_learned_apart(station: Station) -> None:
    stocked(station).suggestion = SUGGESTED
    for number in range(12):
        station.pack(full_g(number) - 100)
        station.lift()
    beliefs = station.store.shelf.beliefs()
    assert "carton:S" in beliefs
    assert "carton:any" not in beliefs
    assert json.loads(beliefs["carton:S"])["grams"] == pytest.approx(120, abs=12), "from the catalogue's 120 g"
    parcel = station.store.parcel("J-1-1/1")
    assert parcel is not None
    assert parcel.carton == "S"
    assert parcel.tare is not None
    assert parcel.tare.value_g == pytest.approx(json.loads(beliefs["carton:S"])["grams"], abs=5), "preset for its type"


def test_a_suggestion_gets_the_expected_gross_of_each_carton(station: Station) -> None:
    stocked(station).suggestion = SUGGESTED
    station.pack(full_g(0))
    known = station.store.suggestion("J-1-1", 1)
    assert known is not None
    gross = known.cartons[0].gross
    assert gross is not None
    assert gross == known.gross
    assert gross.quality == "predicted"
    assert gross.value_g == pytest.approx(2 * 300 + 125 + 120 + 20, abs=1)
    assert gross.u95_g > 20


def test_what_did_not_fit_is_counted_once_a_job_and_forgiven_when_it_fits(station: Station) -> None:
    stocked(station).suggestion = SUGGESTED
    for card in (Card(Command.NO_FIT), Card(Command.CARTON, "L")):
        station.bring(card)
    assert station.advice.misfits == {"sku:MUG": 1, "sku:TEA": 1, "carton:S": 1}
    assert Advice(station.store.shelf.beliefs()).misfits == station.advice.misfits
    station.lift()
    station.pack(full_g(1))
    station.lift()
    assert station.advice.misfits == {"sku:MUG": 0, "sku:TEA": 0, "carton:S": 0}


def test_a_smaller_carton_that_was_taken_teaches_nothing(station: Station) -> None:
    stocked(station).suggestion = replace(SUGGESTED, carton="L")
    station.bring(Card(Command.CARTON, "S"))
    assert station.advice.misfits == {}


def test_another_weight_in_the_catalogue_opens_what_was_learned(station: Station) -> None:
    stocked(station)
    for number in range(12):
        station.pack(full_g(number))
        station.lift()
    before = json.loads(station.store.shelf.beliefs()["sku:MUG"])
    stocked(station)
    assert json.loads(station.store.shelf.beliefs()["sku:MUG"]) == before, "the same catalogue again changes nothing"
    heavier = from_json([{"sku": "MUG", "weight_g": 500}])
    station.send(CatalogueCame(at_ms=1, rows=rows_of(heavier)))
    after = json.loads(station.store.shelf.beliefs()["sku:MUG"])
    assert (after["grams"], after["seen"]) == (500, 0)
    assert after["variance"] > 100 * before["variance"]


def test_a_sku_is_reset_by_order_alone_and_no_settings_move_what_was_learned(station: Station) -> None:
    for number in range(12):
        station.pack(full_g(number))
        station.lift()
    before = station.store.shelf.beliefs()
    again = Advice(before, false_stops_per_1000=50)
    again.allow(1.0)
    assert again.learn(()) == {}
    assert station.store.shelf.beliefs() == before
    fresh = again.forget("MUG")
    assert fresh is not None
    assert json.loads(fresh["sku:MUG"])["seen"] == 0
    assert again.forget("NEVER-SEEN") is None


def test_events_that_are_about_no_box_pass_unchanged() -> None:
    event = PagePrinted(at_ms=1, print_no=1)
    assert Advice({}).about(event, State()) is event
