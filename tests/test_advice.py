"""The station learns what its parcels weigh, keeps it, and says what is probably missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.advice import Advice
from agent.run import turn
from agent.station.commands import Card, Command
from agent.station.events import (
    AgentStarted,
    CodesSeen,
    Delivery,
    Event,
    JobAssigned,
    PagePrinted,
    PlatformCleared,
    WeightStable,
)
from agent.station.state import State
from agent.station.view import view
from agent.store import Store
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
        self.advice = Advice(self.store.beliefs())
        self.state = State()
        self.number = 0
        self.send(AgentStarted(at_ms=0, store_id=self.store.store_id, boot=self.store.boot))

    def send(self, *events: Event) -> None:
        self.state, _ = turn(self.store, self.state, list(events), CONFIG, wall_ms=0, advice=self.advice)

    def pack(self, gross_g: float) -> str:
        """Pack one job of two mugs and a tea that weighs this much; return what the packer sees then."""
        self.number += 1
        job = a_job(f"J-{self.store.boot}-{self.number}", papers=[], items=ITEMS)
        self.send(JobAssigned(at_ms=1, job=job, digest=job.job, delivery=Delivery(1, 1)),
                  WeightStable(at_ms=2, gross=grams(gross_g)))
        assert self.state.box is not None
        self.send(CodesSeen(at_ms=3, visit=self.state.box.visit, codes=(job.job,)))
        return view(self.state, CONFIG).sentence

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


def test_a_belief_that_cannot_be_read_starts_anew() -> None:
    assert Advice({"sku:MUG": b"\x00nonsense", "alertness": b"{}"}) is not None


def test_events_that_are_about_no_box_pass_unchanged() -> None:
    event = PagePrinted(at_ms=1, print_no=1)
    assert Advice({}).about(event, State()) is event
