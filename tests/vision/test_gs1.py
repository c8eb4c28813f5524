"""A code's GS1 content: what it says, and what is wrong with it; other codes have none."""

from __future__ import annotations

import pytest

from agent.vision.barcodes import Code
from agent.vision.gs1 import gs1_of

BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))


def code(text: str, symbology: str = "Code128", identifier: str = "]C1") -> Code:
    return Code(text, text.encode(), symbology, identifier, BOX, "fast", accepted=True)


def test_an_sscc_is_told() -> None:
    gs1 = gs1_of(code("00340123450000000017"))
    assert gs1 is not None
    assert (gs1.elements, gs1.sscc, gs1.errors) == ((("00", "340123450000000017"),), "340123450000000017", ())


def test_a_datamatrix_with_lot_and_date_is_taken_apart_at_its_separators() -> None:
    gs1 = gs1_of(code("010890381998765921S1ND6\x1d1731063010BNav4Cam2", "DataMatrix", "]d2"))
    assert gs1 is not None
    assert gs1.elements == (("01", "08903819987659"), ("21", "S1ND6"), ("17", "310630"), ("10", "BNav4Cam2"))
    assert gs1.gtin == "08903819987659"


@pytest.mark.parametrize(
    ("text", "word"),
    [("00340123450000000018", "SSCC"), ("0108903819987658", "GTIN"), ("15211326", "AI (15)"), ("00123", "too short")],
)
def test_what_is_wrong_is_said_and_a_wrong_number_is_not_given_as_a_number(text: str, word: str) -> None:
    gs1 = gs1_of(code(text))
    assert gs1 is not None
    assert (gs1.sscc, gs1.gtin) == (None, None)
    assert any(word.lower() in error.lower() for error in gs1.errors)


def test_a_date_of_zeros_keeps_its_text() -> None:
    gs1 = gs1_of(code("15000000"))
    assert gs1 is not None
    assert gs1.elements == (("15", "000000"),)
    assert gs1.errors


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/01/614141123452/10/ABC123?15=250330",
        "HTTPS://EXAMPLE.COM/01/614141123452/10/ABC123?15=250330",
    ],
)
def test_a_digital_link_is_read_in_upper_case_too(link: str) -> None:
    gs1 = gs1_of(code(link, "QRCode", "]Q1"))
    assert gs1 is not None
    assert gs1.elements == (("01", "00614141123452"), ("10", "ABC123"), ("15", "250330"))


@pytest.mark.parametrize(
    "other",
    [
        code("https://example.com/hello", "QRCode", "]Q1"),
        code("http://[", "QRCode", "]Q1"),
        code("ABC", identifier="]C0"),
        code("00340123450000000017", identifier="]C0"),
        code("", "QRCode", "]Q1"),
    ],
)
def test_other_codes_have_no_gs1_content(other: Code) -> None:
    assert gs1_of(other) is None


def test_a_retail_code_has_its_gtin() -> None:
    gs1 = gs1_of(code("036000291452", "UPCA", "]E0"))
    assert gs1 is not None
    assert gs1.gtin == "00036000291452"


@pytest.mark.parametrize(
    "text", ["\x1d", "\x1d\x1d\x1d", "9" * 4000, "01\x00\x1b[2J", "(00)340123450000000017", "\ufffd"]
)
def test_nonsense_with_a_gs1_identifier_is_an_error_not_a_crash(text: str) -> None:
    gs1 = gs1_of(code(text))
    assert gs1 is not None
    assert gs1.errors or not gs1.elements
    assert all(error.isprintable() for error in gs1.errors)
