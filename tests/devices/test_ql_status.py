"""The 32 bytes: every packet that was captured in the field, and streams that come as wires deliver them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices import ql_status
from agent.devices.ql_words import problem

IDLE = bytes.fromhex("80204234413004000000 3e0a00001500000000000000000000000100 000000000000")[:32]
COMPLETED = IDLE[:18] + b"\x01\x01" + IDLE[20:]


def captures() -> list[dict[str, Any]]:
    folder = os.environ.get("PACKBENCH_RECORDINGS")
    if not folder:
        return []
    return [row for row in json.loads((Path(folder) / "captures/printers.json").read_text(encoding="utf-8"))
            if "hex" in row and isinstance(row["expected"], dict)]  # fmt: skip


CAPTURES = captures()
captured = pytest.mark.skipif(not CAPTURES, reason="PACKBENCH_RECORDINGS is not set: no captured packets")


@captured
@pytest.mark.parametrize("row", [row for row in CAPTURES if "errors" in row["expected"]], ids=lambda row: row["id"])
def test_a_captured_packet_says_what_was_seen(row: dict[str, Any]) -> None:
    (status,) = ql_status.Framer().feed(bytes.fromhex(row["hex"]))
    said = {
        "errors": list(status.errors), "media_width_mm": status.width_mm, "media_length_mm": status.length_mm,
        "media_type": status.media_type, "status_type": status.status_type, "phase": status.phase,
        "ready": status.ready, "no_media": status.no_media, "two_color": status.two_color,
        "unknown_error": status.unknown_error,
    }  # fmt: skip
    expected = {name: value for name, value in row["expected"].items() if name in said and value is not None}
    assert {name: said[name] for name in expected} == expected
    assert (problem(status) is None) or not status.ready


@captured
@pytest.mark.parametrize("row", [row for row in CAPTURES if "packets" in row["expected"]], ids=lambda row: row["id"])
def test_a_captured_stream_has_so_many_packets(row: dict[str, Any]) -> None:
    stream, expected = bytes.fromhex(row["hex"]), row["expected"]
    recovered = "recover" in expected  # an array's text in place of its bytes: a person pastes it, no wire carries it
    found = ql_status.from_text(stream.decode()) if recovered else ql_status.Framer().feed(stream)
    assert len(found) == expected["packets"]
    if recovered:
        assert found[0].raw == bytes.fromhex(expected["packet"])
    if "sequence" in expected:
        assert [status.status_type for status in found] == expected["sequence"]


@given(st.lists(st.integers(1, 40), max_size=20))
def test_packets_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    stream, framer, found = IDLE + COMPLETED + IDLE, ql_status.Framer(), []
    for size in [*cuts, len(stream)]:
        found += framer.feed(stream[:size])
        found += framer.feed(b"")
        stream = stream[size:]
    assert [status.raw for status in found] == [IDLE, COMPLETED, IDLE]


@given(st.binary(max_size=100).filter(lambda noise: b"\x80" not in noise))
def test_text_between_packets_is_left_out(noise: bytes) -> None:
    assert [status.raw for status in ql_status.Framer().feed(noise + IDLE + noise + COMPLETED)] == [IDLE, COMPLETED]


@pytest.mark.parametrize("kept", [3, 12, 20, 31])
def test_a_packet_that_lost_its_end_does_not_eat_the_next_one(kept: int) -> None:
    assert [status.raw for status in ql_status.Framer().feed(IDLE[:kept] + COMPLETED)] == [COMPLETED]


def test_half_a_packet_waits_for_its_rest() -> None:
    framer = ql_status.Framer()
    assert framer.feed(IDLE[:20]) == []
    assert framer.incomplete == 20
    assert [status.raw for status in framer.feed(IDLE[20:])] == [IDLE]


@given(st.sets(st.sampled_from([*ql_status.ERRORS_1.values(), *ql_status.ERRORS_2.values()])))
def test_errors_are_written_and_read_the_same(errors: set[str]) -> None:
    packet = ql_status.encode(series=0x34, model_code=0x41, errors=tuple(errors), media=(0x0B, 62, 100))
    status = ql_status.decode(packet)
    assert set(status.errors) == errors
    assert (status.media_type, status.width_mm, status.length_mm) == ("die_cut", 62, 100)


def test_an_open_cover_is_named_before_the_media_that_it_hides() -> None:
    packet = ql_status.encode(series=0x34, model_code=0x41, errors=("cover_open",), kind=ql_status.ERROR)
    hidden = ql_status.decode(packet)
    found = problem(hidden)
    assert hidden.no_media
    assert found is not None
    assert found.code == "printer.cover-open"


@pytest.mark.parametrize("packet", [b"", IDLE[:31], IDLE + b"\0", b"\0" * 32])
def test_what_is_no_packet_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ql_status.decode(packet)


@pytest.mark.parametrize("text", ["", "hello", "array('B')", "[300, 2]", "[]", "8020"])
def test_pasted_text_without_a_packet_gives_none(text: str) -> None:
    assert ql_status.from_text(text) == []


@pytest.mark.parametrize("between", ["", " ", ":", "-", ", 0x"])
def test_pasted_hex_gives_the_packet(between: str) -> None:
    text = between.join(f"{byte:02X}" for byte in IDLE)
    assert [status.raw for status in ql_status.from_text(text)] == [IDLE]
