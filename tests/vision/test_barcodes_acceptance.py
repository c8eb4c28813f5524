"""What is believed: expected first, then what stands by itself, and nothing where two texts were read in one place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.vision.barcodes_acceptance import judged, same_text
from agent.vision.barcodes_decoders import Read
from agent.vision.barcodes_symbologies import DEFAULT, formats_from_names

HERE = ((100.0, 100.0), (300.0, 100.0), (300.0, 160.0), (100.0, 160.0))
THERE = ((100.0, 300.0), (300.0, 300.0), (300.0, 360.0), (100.0, 360.0))
SSCC = "00340123450000000017"
EAN = Read("5030159003930", b"5030159003930", "EAN13", "]E0", HERE, "fast")
WRONG_EAN = replace(EAN, text="7034759003930", raw=b"7034759003930")  # a real misread, with a right check digit
CODE_128 = Read("1Z11100L0708091011", b"1Z11100L0708091011", "Code128", "]C0", HERE, "fast")


def verdicts(*reads: Read, expect: tuple[str, ...] = (), formats: frozenset[str] = DEFAULT) -> dict[str, str]:
    """Text to reason; an accepted code has none."""
    codes = judged(reads, expect, formats)
    assert all(code.accepted is (not code.why_not) for code in codes)
    return {code.text: code.why_not for code in codes}


def test_a_retail_code_needs_a_second_look_of_another_kind() -> None:
    assert "only one look" in verdicts(EAN)[EAN.text]
    assert "only one look" in verdicts(EAN, EAN)[EAN.text]
    assert verdicts(EAN, replace(EAN, stage="contrast")) == {EAN.text: ""}


def test_an_expected_text_wins_over_what_else_was_read_in_its_place() -> None:
    found = verdicts(WRONG_EAN, replace(WRONG_EAN, stage="contrast"), EAN, expect=(EAN.text,))
    assert found[EAN.text] == ""
    assert "expected code" in found[WRONG_EAN.text]


def test_two_texts_in_one_place_are_no_read() -> None:
    both = (EAN, replace(EAN, stage="regions"), WRONG_EAN, replace(WRONG_EAN, stage="contrast"))
    assert all("two different texts" in reason for reason in verdicts(*both).values())


def test_two_texts_in_two_places_are_two_codes() -> None:
    other = replace(CODE_128, text="CA 859 2-38", corners=THERE)
    assert verdicts(CODE_128, other) == {CODE_128.text: "", other.text: ""}


def test_two_low_codes_one_above_the_other_are_two_codes() -> None:
    below = ((100.0, 165.0), (300.0, 165.0), (300.0, 190.0), (100.0, 190.0))
    above = ((100.0, 135.0), (300.0, 135.0), (300.0, 160.0), (100.0, 160.0))
    low, other = replace(CODE_128, corners=above), replace(CODE_128, text="CA 859 2-38", corners=below)
    assert verdicts(low, other) == {CODE_128.text: "", other.text: ""}


def test_a_piece_that_reads_as_a_weaker_symbology_does_not_spoil_the_whole() -> None:
    piece = Read("0042100005264", b"", "UPCE", "]E0", HERE, "fast")
    found = verdicts(CODE_128, piece)
    assert found[CODE_128.text] == ""
    assert "two different texts" in found[piece.text]


def test_two_reads_along_slanting_lines_of_one_code_are_in_one_place() -> None:
    slanting = replace(EAN, corners=((100.0, 100.0), (300.0, 160.0), (300.0, 162.0), (100.0, 102.0)), stage="contrast")
    level = replace(WRONG_EAN, corners=((100.0, 128.0), (300.0, 128.0), (300.0, 129.0), (100.0, 129.0)))
    assert all("two different" in reason for reason in verdicts(slanting, level).values())


@pytest.mark.parametrize(("text", "reason"), [(SSCC, ""), (SSCC[:-1] + "8", "SSCC")])
def test_the_check_digit_inside_a_gs1_128_counts(text: str, reason: str) -> None:
    assert reason in verdicts(replace(CODE_128, text=text, identifier="]C1"))[text]
    assert bool(reason) == bool(verdicts(replace(CODE_128, text=text, identifier="]C1"))[text])


@pytest.mark.parametrize(("text", "ok"), [("15400141288763", True), ("15400141288764", False), ("216736", False)])
def test_itf_of_14_right_digits_is_a_carton_and_anything_else_a_piece(
    text: str,
    ok: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    itf = Read(text, text.encode(), "ITF", "]I0", HERE, "fast")
    assert (verdicts(itf)[text] == "") is ok
    assert verdicts(itf, formats=formats_from_names(["ITF"])) == {text: ""}


@pytest.mark.parametrize("expected", ["036000291452", "0036000291452", "00036000291452"])
def test_retail_codes_are_compared_as_gtin_14(expected: str) -> None:
    assert same_text(Read("036000291452", b"", "UPCA", "]E0", HERE, "fast"), expected)
    assert not same_text(Read("036000291452", b"", "Code128", "]C0", HERE, "fast"), "0036000291452")


def test_a_upc_e_is_the_number_that_it_abbreviates() -> None:
    assert same_text(Read("042100005264", b"", "UPCE", "]E0", HERE, "fast"), "04252614")


def test_names_of_symbologies_are_taken_in_any_spelling_and_all_unknown_ones_are_told() -> None:
    assert formats_from_names(["EAN-13", "code 128", "QRCode", "upc_e"]) == {"EAN13", "Code128", "QRCode", "UPCE"}
    with pytest.raises(ValueError, match=r"Foo.*bar"):
        formats_from_names(["EAN13", "bar", "Foo"])
