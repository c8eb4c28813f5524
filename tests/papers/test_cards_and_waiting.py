"""Command cards and the waiting slip: the same text for camera and hand scanner, nothing else on the card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.papers.cards import cards, command_cards
from agent.papers.contents import WaitingContent
from agent.papers.page import PaperError, media
from agent.papers.pair import ALPHABET, pair_code, pair_codes
from agent.papers.verify import verify
from agent.papers.waiting import waiting
from agent.station.commands import Card, Command, card_of
from tests.papers.test_slip_and_label import fonts, read

WAITING = WaitingContent("J-2026-0047", "KF3D", "0000004711", "The shop does not answer", "A-100234", 1, 3, 1840, "M2")


@pytest.mark.parametrize("language", ["en", "de", "zh-Hans", "th"])
@pytest.mark.parametrize("name", ["62", "62x29"])
def test_each_card_is_a_page_that_holds_its_command_and_no_other(language: str, name: str) -> None:
    shown = [(card, "") for card in command_cards(["M2"])] + [(Card(Command.BADGE, "0042"), "Anna Kowalska")]
    paper = cards(shown, media(name), fonts(), language)
    verify(paper)
    assert len(paper.pages) == len(Command)
    for (card, _), page in zip(shown, paper.pages, strict=True):
        assert set(read(page)) == {card.text}
        assert {code.module for code in page.codes if code.ident == "]d1"} <= ({14} if name == "62" else {13, 14})
        assert card_of(card.text) == card


def test_a_product_code_is_no_command() -> None:
    for text in (
        "4006381333931",
        "PB.",
        "PB.HOLD.1",
        "PB.CARTON",
        "PB.CARTON.",
        "PB.FORMAT",
        "pb.HOLD",
        "PB.BADGE." + "9" * 17,
    ):
        assert card_of(text) is None


@pytest.mark.parametrize("name", ["62", "62x100"])
def test_a_waiting_slip_names_the_parcel_its_weight_and_why_it_waits(name: str) -> None:
    paper = waiting(WAITING, media(name), fonts())
    verify(paper)
    (page,) = paper.pages
    assert read(page) == {"0000004711": "]d1", "J-2026-0047": "]C0"}
    shown = " ".join(thing.text for thing in page.placed)
    assert all(text in shown for text in ("KF3D", "1/3", "1.84 kg", "WAITING FOR LABEL", "does not answer"))


def test_cards_and_waiting_slips_refuse_rolls_that_are_too_small() -> None:
    with pytest.raises(PaperError, match=r"paper\.media-mismatch"):
        cards([(Card(Command.HOLD), "")], media("29"), fonts())
    with pytest.raises(PaperError, match=r"paper\.media-mismatch"):
        waiting(replace(WAITING, language="de"), media("62x29"), fonts())


def test_pair_codes_are_stable_and_no_two_of_a_batch_are_alike() -> None:
    parcels = [f"J-{n}/1" for n in range(3_000)]
    codes = pair_codes(parcels)
    assert len(set(codes.values())) == len(parcels)
    assert sum(codes[parcel] == pair_code(parcel) for parcel in parcels) > 2_900
    assert len(set(ALPHABET)) == len(ALPHABET) == 23
    assert all(set(code) <= set(ALPHABET) and len(code) == 4 for code in codes.values())
