"""Codes are read at any angle and tilt, the expected ones stop the search, only what stands by itself is believed."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zxingcpp

from agent.vision import barcodes_decoders
from agent.vision.barcodes import read_codes
from agent.vision.barcodes_symbologies import DEFAULT, formats_from_names
from tests.campaigns.barcode_frames import Sheet, Shot, label, oblique, photograph, symbol

if TYPE_CHECKING:

    from numpy.typing import NDArray

    from agent.vision.barcodes import Code

EXACT = Shot(module_px=3.0, rotation_deg=0.0, tilt_deg=20.0, tilt_axis_deg=30.0, noise=3.0, size=(880, 860))


def still() -> float:
    return 0.0


def frame(seed: int, shot: Shot | None = None, module_px: float = 3.2) -> tuple[NDArray[np.uint8], Sheet]:
    rng = np.random.default_rng(seed)
    sheet = label(rng)
    return photograph(sheet, shot or replace(oblique(rng, module_px), size=(900, 900)), rng), sheet


def accepted(codes: list[Code]) -> dict[str, Code]:
    return {code.text: code for code in codes if code.accepted}


@pytest.mark.parametrize("rotation_deg", [0, 45, 117, 200, 290])
def test_every_code_of_a_tilted_label_is_read_at_any_rotation(rotation_deg: int) -> None:
    picture, sheet = frame(rotation_deg, replace(EXACT, rotation_deg=rotation_deg))
    expected = list(sheet.texts.values())
    assert set(accepted(read_codes(picture, expect=expected, budget_s=60, now=still))) == set(expected)


def test_without_expectation_the_same_codes_are_read_and_nothing_else() -> None:
    picture, sheet = frame(7)
    assert set(accepted(read_codes(picture, budget_s=60, now=still))) == set(sheet.texts.values())


def test_corners_lie_on_the_code_whatever_look_read_it() -> None:
    picture, sheet = frame(3, replace(EXACT, rotation_deg=40))
    codes = accepted(read_codes(picture, expect=list(sheet.texts.values()), budget_s=60, now=still))
    height, width = picture.shape[:2]
    for text in sheet.texts.values():
        corners = np.array(codes[text].corners)
        assert (corners > -20).all()
        assert (corners[:, 0] < width + 20).all()
        assert (corners[:, 1] < height + 20).all()
    # On the sheet the middle of the QR code is 89 modules below that of the EAN-13, and the frame has 3 pixels a
    # module.
    apart = np.subtract(
        np.mean(codes[sheet.texts["qr"]].corners, axis=0), np.mean(codes[sheet.texts["ean-13"]].corners, axis=0)
    )
    assert 120 < np.hypot(*apart) < 330


def test_a_code_has_the_bytes_and_the_identifier_of_its_symbol() -> None:
    picture, sheet = frame(3, replace(EXACT, rotation_deg=5))
    codes = accepted(read_codes(picture, expect=list(sheet.texts.values()), budget_s=60, now=still))
    assert {name: codes[text].identifier for name, text in sheet.texts.items()} == {
        "gs1-128": "]C1",
        "ean-13": "]E0",
        "qr": "]Q1",
        "datamatrix": "]d2",
    }
    assert all(codes[text].raw.decode() == text for text in sheet.texts.values())


def test_looks_stop_when_the_expected_codes_are_there_or_the_time_is_over() -> None:
    picture, sheet = frame(11, replace(EXACT, rotation_deg=1, tilt_deg=0))
    first = read_codes(picture, expect=[sheet.texts["gs1-128"]], budget_s=60, now=still)
    assert {code.stage for code in first} == {"fast"}
    hurried = read_codes(picture, expect=["not there"], budget_s=0.0, now=still)
    assert sheet.texts["gs1-128"] in accepted(hurried)
    calls = []

    def clock() -> float:
        calls.append(1)
        return float(len(calls))

    read_codes(picture, expect=["not there"], budget_s=3.0, now=clock)
    assert len(calls) <= 5


def test_an_expected_retail_code_is_told_in_the_spelling_of_the_order() -> None:
    sheet = Sheet(
        np.pad(np.clip(symbol("0012345678905", "EAN13", height_modules=50), 20, 245), 120, constant_values=245), {}
    )
    picture = photograph(sheet, replace(EXACT, rotation_deg=30), np.random.default_rng(1))
    for spelling in ("012345678905", "0012345678905", "00012345678905"):
        assert list(accepted(read_codes(picture, expect=[spelling], budget_s=60, now=still))) == [spelling]
    assert list(accepted(read_codes(picture, budget_s=60, now=still))) == ["012345678905"]


def test_a_retail_code_that_nobody_expects_is_refused_with_the_reason() -> None:
    picture, sheet = frame(5, replace(EXACT, rotation_deg=5))
    codes = read_codes(picture, expect=["4006381333931"], budget_s=60, now=still)
    ean = next(code for code in codes if code.text == sheet.texts["ean-13"])
    assert not ean.accepted
    assert "not expected" in ean.why_not
    assert sheet.texts["gs1-128"] in accepted(codes)


@pytest.mark.parametrize(("names", "accepted_texts"), [((), []), (("ITF",), ["123456"])])
def test_a_short_itf_is_read_only_where_it_is_asked_for(names: tuple[str, ...], accepted_texts: list[str]) -> None:
    sheet = Sheet(np.pad(np.clip(symbol("123456", "ITF", height_modules=40), 20, 245), 160, constant_values=245), {})
    picture = photograph(sheet, replace(EXACT, tilt_deg=0.0), np.random.default_rng(1))
    codes = read_codes(picture, formats=formats_from_names(names) or DEFAULT, budget_s=60, now=still)
    assert list(accepted(codes)) == accepted_texts
    assert accepted_texts or any("cut-off" in code.why_not for code in codes)


@pytest.mark.parametrize("content", ["A" * 2900, "x\x00y\x00z", "\x1b[2J\x1b]0;owned\x07", "日本語 ✓", "a\r\nb\tc"])
def test_any_content_of_a_matrix_code_comes_back_byte_by_byte(content: str) -> None:
    barcode = zxingcpp.create_barcode(content.encode(), zxingcpp.BarcodeFormat.QRCode)
    picture = np.array(barcode.to_image(scale=3))
    codes = read_codes(picture, budget_s=60, now=still)
    assert [code.raw for code in codes if code.accepted] == [content.encode()]


@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (700, 2), (9, 9), (40, 60, 3)])
def test_pictures_of_any_size_hold_no_code_and_do_no_harm(shape: tuple[int, ...]) -> None:
    for level in (0, 128, 255):
        assert read_codes(np.full(shape, level, np.uint8), budget_s=60, now=still) == []


def test_an_array_that_is_no_picture_is_a_clear_error() -> None:
    for wrong in (
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros(4, np.uint8),
    ):
        with pytest.raises(ValueError, match="picture"):
            read_codes(wrong, now=still)  # type: ignore[arg-type]  # the point of the test


def test_noise_alone_gives_no_code() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (300, 400), np.uint8)
    stripes = np.repeat(rng.integers(0, 2, (1, 400), np.uint8) * 255, 300, axis=0)
    for picture in (noise, stripes):
        assert not accepted(read_codes(picture, budget_s=60, now=still))


def test_without_the_second_reader_the_first_one_goes_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, sheet = frame(11, replace(EXACT, rotation_deg=1, tilt_deg=0))
    monkeypatch.setitem(sys.modules, "pyzbar", None)
    barcodes_decoders._zbar.cache_clear()
    try:
        assert set(accepted(read_codes(picture, budget_s=60, now=still))) == set(sheet.texts.values())
    finally:
        barcodes_decoders._zbar.cache_clear()
