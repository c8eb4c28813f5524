"""What HX711s were seen to send in the field, from issue threads: each entry of the captures is a test."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from agent.devices.hx711 import SATURATED, Hx711Scale, cut_short, from_offset_binary, signed
from agent.weighing import ScaleFault, Weigher
from firmware_config.calibration import ScaleCalibration
from firmware_config.scale import ScaleSettings
from tests.devices import test_hx711
from tests.devices.test_hx711 import Scripted, read_all, spi_converter

if TYPE_CHECKING:
    from collections.abc import Callable


def captures() -> dict[str, Any]:
    folder = os.environ.get("PACKBENCH_RECORDINGS")
    if not folder:
        pytest.skip("PACKBENCH_RECORDINGS is not set")
    entries = json.loads((Path(folder) / "captures" / "hx711.json").read_text())
    return {entry["id"]: entry for entry in entries}


# Each entry of the captures is the test that is named here.
CAPTURED = {
    "hx-d-001": "test_words_of_ones_between_good_ones_never_reach_the_weight",
    "hx-d-002": "test_words_come_with_their_highest_byte_first",
    "hx-d-003": "test_bits_of_a_line_that_floats_high_are_cut_or_out_of_range",
    "hx-d-004": "test_a_spike_in_grams_is_dropped_and_the_rest_stays",
    "hx-d-005": "test_a_spike_in_grams_is_dropped_and_the_rest_stays",
    "hx-d-006": "test_codes_that_are_no_measurement_are_a_fault",
    "hx-d-007": "test_codes_that_are_no_measurement_are_a_fault",
    "hx-d-008": "test_a_word_of_one_bit_too_many_or_too_few_is_a_spike",
    "hx-d-009": "test_a_lost_bus_reaches_the_reader_and_silence_is_unplugged",
    "hx-d-010": "test_the_kernels_rails_are_full_scale",
    "hx-d-011": "test_a_kernel_that_waited_in_vain_gives_nothing_and_recovers",
    "hx-d-012": "test_the_kernels_rails_are_full_scale",
}


def test_every_capture_is_a_test() -> None:
    assert [entry for entry in captures() if CAPTURED.get(entry) not in globals() | vars(test_hx711)] == []


def test_words_come_with_their_highest_byte_first() -> None:
    """What a driver with its bytes the wrong way round made noise of is a quiet cell; ours reads it so."""
    swapped = [code & 0xFFFFFF for code in captures()["hx-d-002"]["situation"] if abs(code) < 0x800000]
    sent = [signed(int.from_bytes(word.to_bytes(3, "little"), "big")) for word in swapped]
    converter, _ = spi_converter(iter(sent))
    heard = [converter.convert(1.0) or 0 for _ in sent]
    assert heard == sent
    assert max(heard) - min(heard) < 500


@pytest.mark.parametrize("shifted", [lambda code: 2 * code, lambda code: code // 2])
def test_a_word_of_one_bit_too_many_or_too_few_is_a_spike(shifted: Callable[[int], int]) -> None:
    random, one = Random(2), weigher()
    for i in range(200):
        code = 84_000 + 10_000 * 143 + random.randint(-40, 40)
        one.feed(i / 80, shifted(code) if i == 120 else code)
    assert one.spikes == 1
    assert one.live_g == pytest.approx(10_000.0, abs=1.0)


def weigher(rate_sps: float = 80.0) -> Weigher:
    calibration = ScaleCalibration(zero_counts=84_000, counts_per_gram=143.0)
    return Weigher(ScaleSettings(rate_sps=rate_sps, capacity_g=30_000.0, division_g=10.0), calibration)


def faults(codes: list[int]) -> list[ScaleFault]:
    one = weigher()
    return [event for i, code in enumerate(codes) for event in one.feed(i / 80, code) if isinstance(event, ScaleFault)]


def test_words_of_ones_between_good_ones_never_reach_the_weight() -> None:
    random = Random(1)
    for bad in captures()["hx-d-001"]["values"][:4]:
        good = [84_000 + random.randint(-40, 40) for _ in range(40)]
        scale = Hx711Scale(Scripted(*good[:20], bad, *good[20:]), lambda: 0.0)
        seen = read_all(scale, 41 if bad == SATURATED else 40)
        scale.close()
        assert [code for code in seen if code != SATURATED] == good


@pytest.mark.parametrize("entry", ["hx-d-006", "hx-d-007"])
def test_codes_that_are_no_measurement_are_a_fault(entry: str) -> None:
    values = captures()[entry]["values"]
    assert not faults([values[0]]), "one code says nothing"
    assert len(faults(values * 12)) == 1


def test_the_kernels_rails_are_full_scale() -> None:
    assert [from_offset_binary(raw) for raw in captures()["hx-d-012"]["values"]] == [-0x800000, 0x7FFFFF]
    assert from_offset_binary(captures()["hx-d-010"]["values"][0]) == 0


def test_bits_of_a_line_that_floats_high_are_cut_or_out_of_range() -> None:
    for code in captures()["hx-d-003"]["values"]:
        assert faults([code] * 400) or cut_short(code, 84_000)


@pytest.mark.parametrize(("entry", "left_g"), [("hx-d-004", 170.86), ("hx-d-005", 0.04)])
def test_a_spike_in_grams_is_dropped_and_the_rest_stays(entry: str, left_g: float) -> None:
    one = Weigher(ScaleSettings(rate_sps=10.0, capacity_g=3000.0, division_g=1.0))
    for i, grams in enumerate(captures()[entry]["values"]):
        one.feed(i / 10, grams)
    assert one.spikes == len(captures()[entry]["expected"]["spikes"])
    assert one.live_g == pytest.approx(left_g, abs=0.2)
