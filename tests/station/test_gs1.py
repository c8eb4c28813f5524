"""Check digits, keys and element strings as the GS1 General Specifications say, and as scanners send them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.station import gs1

DIGITS = st.text("0123456789", min_size=1, max_size=17)


@given(DIGITS)
def test_exactly_one_last_digit_is_right(digits: str) -> None:
    right = [digit for digit in "0123456789" if gs1.has_check_digit(digits + digit)]
    assert right == [str(gs1.check_digit(digits))]


@given(DIGITS, st.data())
def test_one_wrong_digit_is_always_seen(digits: str, data: st.DataObject) -> None:
    whole = digits + str(gs1.check_digit(digits))
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != whole[place]]))
    assert not gs1.has_check_digit(whole[:place] + other + whole[place + 1 :])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5901234123457", "05901234123457"),
        ("590123412345", None),
        ("90311208", "00000090311208"),
        ("15400141288763", "15400141288763"),
        ("", None),
        ("abc", None),
        ("٥٩٠١٢٣٤١٢٣٤٥٧", None),
    ],
)
def test_a_gtin_of_any_length_has_one_form_of_14_digits(text: str, expected: str | None) -> None:
    assert gs1.gtin14(text) == expected


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("03897425", "038200009745"),
        ("05096893", "050968000093"),
        ("04124498", "041244000098"),
        ("01234531", "012300000451"),
        ("04252614", "042100005264"),
        ("04252615", None),
        ("24252614", None),
        ("0425261", None),
    ],
)
def test_a_upc_e_stands_for_one_upc_a(short: str, long: str | None) -> None:
    assert gs1.upca_from_upce(short) == long


@given(st.integers(0, 9), st.text("0123456789", min_size=4, max_size=12), st.integers(0, 9999))
def test_an_sscc_has_18_digits_and_is_found_again_in_its_element_string(
    extension: int, prefix: str, serial: int
) -> None:
    number = gs1.sscc(extension, prefix, serial)
    assert len(number) == 18
    assert gs1.sscc_of(number) == gs1.sscc_of("00" + number) == number
    assert gs1.elements("00" + number).get("00") == number


def test_an_sscc_that_does_not_fit_is_an_error() -> None:
    for extension, prefix, serial in ((10, "4012345", 1), (3, "4012345", 10**9), (3, "40x", 1), (3, "4012345", -1)):
        with pytest.raises(ValueError, match="no 17 digits"):
            gs1.sscc(extension, prefix, serial)


@given(st.text(max_size=60))
def test_any_text_is_taken_apart_without_loss(text: str) -> None:
    parts = gs1.elements(text)
    assert parts.error or not parts.rest
    rebuilt = "".join(identifier + value for identifier, value in parts.pairs) + parts.rest
    assert rebuilt.replace(gs1.FNC1, "") == text.replace(gs1.FNC1, "")


@pytest.mark.parametrize(
    ("text", "error", "kept"),
    [
        ("00340123450000000018", "check_digit", 0),
        ("0107032069804989", "check_digit", 0),
        ("15210526019", "too_short", 1),
        ("1721052A", "not_digits", 0),
        ("9", "unknown_identifier", 0),
        ("310", "unknown_identifier", 0),
        ("1521052688", "unparsed_rest", 1),
    ],
)
def test_trouble_is_named_and_what_came_before_it_is_kept(text: str, error: str, kept: int) -> None:
    parts = gs1.elements(text)
    assert (parts.error, len(parts.pairs)) == (error, kept)


def test_a_weight_has_its_decimals_in_the_identifier() -> None:
    assert gs1.elements("01954001412887693103000750").pairs == (("01", "95400141288769"), ("3103", "000750"))


def _scanned() -> list[dict[str, Any]]:
    folder = os.environ.get("PACKBENCH_RECORDINGS")
    if not folder:
        return []
    rows: list[dict[str, Any]] = json.loads((Path(folder) / "captures/scanners.json").read_text(encoding="utf-8"))
    return [row for row in rows if "elements" in row["expected"] and "://" not in row["text"]]


@pytest.mark.skipif(not _scanned(), reason="PACKBENCH_RECORDINGS is not set")
def test_what_scanners_sent_in_the_field_is_taken_apart_as_it_should() -> None:
    for row in _scanned():
        _, text = gs1.symbology_identifier(row["text"])
        parts = gs1.elements(text, separators=gs1.FNC1 + "|" if "|" in text else gs1.FNC1)
        assert [list(pair) for pair in parts.pairs] == row["expected"]["elements"], row["id"]
        assert parts.error == row["expected"].get("error", ""), row["id"]
