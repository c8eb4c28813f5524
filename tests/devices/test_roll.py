"""How much roll is left, and what its end teaches."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from agent.devices import raster
from agent.devices.roll import Roll, RollBook, full_mm, page_mm


def used_up(book: RollBook, length_mm: float, page_mm: float = 100.0) -> RollBook:
    for _ in range(int(length_mm / page_mm)):
        book = book.printed(page_mm)
    return book.ran_out()


def test_a_new_kind_is_as_long_as_its_maker_says() -> None:
    book = RollBook().seen("62")
    assert book.roll == Roll(30_480.0)
    assert RollBook().seen("62x100").roll == Roll(300 * 103.0)
    assert RollBook().roll is None


def test_pages_shorten_the_roll() -> None:
    roll = RollBook().seen("62x100").printed(103.0).printed(103.0).roll
    assert roll is not None
    assert roll.labels_left(103.0) == 298


def test_the_end_of_a_roll_that_was_seen_new_teaches_its_length() -> None:
    book = used_up(RollBook().seen("62"), 9_000).seen("62")  # was in when the station began: teaches nothing
    assert book.roll == Roll(30_480.0, 0.0, known=True)
    book = used_up(book, 15_000).seen("62")
    assert book.roll == Roll(15_000.0, 0.0, known=True, learned=True)


def test_a_stump_that_is_put_in_after_the_end_teaches_nothing() -> None:
    book = used_up(RollBook().seen("62"), 9_000).seen("62")
    book = used_up(book, 2_000)
    assert book.roll is not None
    assert (book.roll.full_mm, book.roll.left_mm, book.roll.learned) == (30_480.0, 0.0, False)


def test_a_roll_that_is_taken_out_and_put_back_keeps_its_length() -> None:
    book = RollBook().seen("62").printed(1000).seen("62x100").printed(103).seen("").seen("62")
    assert book.roll is not None
    assert book.roll.left_mm == 29_480.0


def test_an_end_told_twice_counts_once() -> None:
    book = used_up(RollBook().seen("62"), 9_000).ran_out().seen("").seen("62")
    assert book.roll == Roll(30_480.0, 0.0, known=True)


def test_a_person_can_say_that_the_roll_is_new() -> None:
    book = RollBook().seen("62").printed(20_000).replaced()
    assert book.roll == Roll(30_480.0, 0.0, known=True)


def test_the_book_is_kept_and_read_again() -> None:
    book = used_up(RollBook().seen("62").printed(20_000), 4_000).seen("62x100").printed(206.0)
    assert RollBook.from_json(json.loads(json.dumps(book.as_json()))) == book


@pytest.mark.parametrize(
    "kept", [{}, {"media": 1, "ended": False, "rolls": {}}, {"media": "62", "ended": False, "rolls": 3}]
)
def test_what_is_no_book_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        RollBook.from_json(kept)


def test_a_page_takes_its_rows_and_margins_or_a_whole_label() -> None:
    endless = raster.encode(Image.new("1", (696, 600), 1), model="QL-820NWB", media="62")
    label = raster.encode(Image.new("1", (696, 1109), 1), model="QL-820NWB", media="62x100")
    assert page_mm(endless) == pytest.approx((600 + 70) / 300 * 25.4)
    assert page_mm(label) == 103.0
    assert full_mm("62x100") == 300 * page_mm(label)
