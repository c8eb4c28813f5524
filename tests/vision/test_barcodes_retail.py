"""Retail codes from grey values: fewer pixels than edges need, and never a wrong number."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from agent.station.gs1 import check_digit
from agent.vision.barcodes import read_codes
from agent.vision.barcodes_retail import read_retail
from tests.campaigns.barcode_frames import DOTS, label, oblique, photograph, symbol

PAPER, INK = 200.0, 60.0


def number(rng: np.random.Generator) -> str:
    body = "".join(str(digit) for digit in rng.integers(0, 10, 12))
    return body + str(check_digit(body))


def profile(
    text: str,
    module_px: float,
    rng: np.random.Generator,
    *,
    blur: float = 0.5,
    noise: float = 3.0,
    symbology: str = "EAN13",
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """One row across a printed code: its light at `module_px` a module, blurred by `blur` modules, unevenly lit."""
    bars = np.pad(symbol(text, symbology)[:1, ::DOTS], ((0, 0), (14, 14)), constant_values=255)
    fine = np.repeat((bars / 255.0 * (PAPER - INK) + INK)[0], 20)
    soft = cv2.GaussianBlur(fine[None], (0, 0), max(0.01, blur * 20))[0]
    at = np.arange(0, len(soft) - 1, 20 / module_px) + rng.uniform(0, 20 / module_px)
    row = np.interp(at, np.arange(len(soft)), soft) * np.linspace(1.0, 0.75, len(at))
    stretched = cv2.resize(row[None], None, fx=3, fy=1, interpolation=cv2.INTER_CUBIC)[0]
    return np.asarray(stretched + rng.normal(0, noise, len(stretched)))


@pytest.mark.parametrize(("module_px", "blur"), [(1.3, 0.45), (1.6, 0.6), (2.0, 0.8), (4.0, 0.75)])
def test_a_number_is_read_where_edges_are_gone_either_way_round(module_px: float, blur: float) -> None:
    rng = np.random.default_rng(round(module_px * 10))
    for turned in (False, True):
        text = number(rng)
        row = profile(text, module_px, rng, blur=blur)
        found = read_retail(row[::-1] if turned else row)
        assert found is not None
        assert found.digits == text
        assert 0.05 < found.left < 0.2
        assert 0.8 < found.right < 0.95


def test_what_is_too_blurred_is_no_number_rather_than_a_wrong_one() -> None:
    rng = np.random.default_rng(4)
    answers = []
    for blur in (1.0, 1.3, 1.6, 3.0):
        text = number(rng)
        found = read_retail(profile(text, 2.0, rng, blur=blur, noise=5.0))
        answers.append(found is None)
        assert found is None or found.digits == text
    assert answers[-1]


def test_other_codes_stripes_and_noise_are_no_number() -> None:
    rng = np.random.default_rng(5)
    rows = [
        profile("PACK-4711-0815", 3.0, rng, symbology="Code128"),
        profile("ABC-123", 3.0, rng, symbology="Code39"),
        np.repeat(rng.integers(0, 2, 120) * 150.0, 4),
        rng.normal(128, 40, 400),
        np.full(500, 90.0),
        np.zeros(8),
    ]
    assert [read_retail(np.asarray(row, np.float64)) for row in rows] == [None] * len(rows)


def test_a_label_too_far_away_for_edges_still_gives_its_ean() -> None:
    """1.5 pixels a module on a colour sensor at an angle: other readers find nothing below two."""
    read = 0
    for seed in range(2):
        rng = np.random.default_rng([seed, 150])
        sheet = label(rng)
        picture = photograph(sheet, replace(oblique(rng, 1.5), size=(640, 560)), rng)
        codes = read_codes(picture, formats={"EAN13", "UPCA"}, budget_s=60, now=lambda: 0.0)
        texts = {code.text for code in codes if code.accepted}
        assert texts <= {sheet.texts["ean-13"]}
        read += bool(texts)
    assert read
