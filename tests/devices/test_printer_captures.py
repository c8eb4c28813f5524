"""What real printers did, one test for each report from the field that is more than a packet's values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent.bench.ql import QlEngine
from agent.devices import InDoubt, Printed, ql_status, raster, snmp
from agent.devices.ql_media import media_name
from agent.devices.ql_page import Limits, Page
from agent.devices.ql_words import media_conflict, problem

FOLDER = os.environ.get("PACKBENCH_RECORDINGS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="PACKBENCH_RECORDINGS is not set: no captured packets")
CAPTURES: dict[str, dict[str, Any]] = {}
if FOLDER:
    rows = json.loads((Path(FOLDER) / "captures/printers.json").read_text(encoding="utf-8"))
    CAPTURES = {row["id"]: row for row in rows}

# Reports whose behaviour is proved in another file of this folder, or at the bench.
ELSEWHERE = {
    "pr-d-025": "test_printer_usb.py::test_the_program_that_holds_the_printer_is_named",
    "pr-d-026": "test_printer_usb.py::test_a_printer_in_editor_lite_mode_is_told_from_an_unplugged_one",
    "pr-d-037": "test_printer_usb.py::test_empty_reads_are_nothing_and_cost_nothing",
    "pr-d-038": "test_printer_usb.py::test_five_old_answers_are_thrown_away_before_the_question",
    "pr-d-039": "test_printer_usb.py::test_the_printer_is_found_and_the_page_comes_out",
    "pr-d-042": "test_raster.py::test_a_job_of_the_makers_own_driver_is_read",
    "pr-d-044": "test_printer_usb.py::test_a_pulled_cable_leaves_the_page_in_doubt_and_the_printer_is_found_again",
    "pr-d-051": "test_printer_tcp.py::test_a_page_comes_out_as_it_was_drawn",
    "pr-d-061": "test_printer_tcp.py::test_a_page_comes_out_as_it_was_drawn",
}
WHITE = Image.new("1", (696, 400), 1)


def packet(name: str) -> ql_status.Status:
    return ql_status.decode(bytes.fromhex(CAPTURES[name]["hex"]))


def page(name: str, *, two_color: bool = False) -> Page:
    """A page that fits the roll in this packet, wholly sent."""
    said = packet(name)
    header = raster.Header(said.raw[11], said.width_mm, said.length_mm, 300, first=True)
    made = Page(header, first_dot=10, size=1000, two_color=two_color, spoken=True, limits=Limits(), now_s=0.0)
    made.took(1000, 0.0)
    return made


def engine(model: str, journal: list[dict[str, Any]] | None = None, **now: float) -> QlEngine:
    told = [] if journal is None else journal
    return QlEngine(model, "62", 9000, out_dir=None, journal=told.append, clock=lambda: now.get("now_s", 0.0))


def test_the_packets_of_a_ql_500_print_a_page() -> None:  # pr-d-002 .. 004
    made = page("pr-d-001")
    assert made.hear(packet("pr-d-002"), 0.1) is None
    assert made.hear(packet("pr-d-003"), 1.6) is None
    assert made.hear(packet("pr-d-004"), 1.6) == Printed()


def test_printing_may_be_told_before_the_page_is_sent() -> None:  # pr-d-002
    header = raster.Header(0x0A, 62, 0, 300, first=True)
    made = Page(header, first_dot=10, size=1000, two_color=False, spoken=True, limits=Limits(), now_s=0.0)
    made.took(500, 0.0)
    assert made.hear(packet("pr-d-002"), 0.1) is None
    assert isinstance(made.broke("printer.unplugged", ""), InDoubt)


def test_a_wrong_command_is_answered_with_a_communication_error() -> None:  # pr-d-013
    printer = engine("QL-570")
    printer.take(b"\x1biX?")
    (said,) = ql_status.Framer().feed(printer.replies())
    assert list(said.errors) == CAPTURES["pr-d-013"]["expected"]["errors"]


def test_a_wrong_roll_is_told_and_nothing_completes() -> None:  # pr-d-014
    printer = engine("QL-820NWB")
    printer.load_roll(900, "29x90")
    printer.take(raster.encode(WHITE, model="QL-820NWB", media="62"))
    printer.advance()
    (said,) = ql_status.Framer().feed(printer.replies())
    assert list(said.errors) == CAPTURES["pr-d-014"]["expected"]["errors"]
    assert said.status_type == CAPTURES["pr-d-014"]["expected"]["status_type"]


@pytest.mark.parametrize("name", ["pr-d-015", "pr-d-016"])
def test_a_job_header_says_media_and_rows(name: str) -> None:
    job, expected = bytes.fromhex(CAPTURES[name]["hex"]), CAPTURES[name]["expected"]
    found, _ = raster.header(job + b"g\x00\x01\x00")
    assert (found.width_mm, found.length_mm, found.rows) == (
        expected["width_mm"], expected["length_mm"], expected["raster_lines"],
    )  # fmt: skip
    assert ql_status.MEDIA_TYPES[found.media_type] == expected["media_type"]
    assert found.first == (expected["page"] == "first")


def test_an_unknown_command_gets_no_answer() -> None:  # pr-d-024
    printer = engine("QL-820NWB")
    printer.take(bytes.fromhex(CAPTURES["pr-d-024"]["hex"]) + bytes(127))
    assert printer.replies() == b""


def test_a_label_that_measures_a_millimetre_more_is_the_same_label() -> None:  # pr-d-007
    said = packet("pr-d-007")
    assert media_name(said.width_mm, said.length_mm) == "102x152"
    header = raster.Header(0x0B, 102, 152, 1660, first=True)
    assert media_conflict(said, header, two_color=False) is None


def test_a_page_of_45_mm_is_waited_for_as_long_as_a_real_one_took() -> None:  # pr-d-034
    made = page("pr-d-030")
    times = CAPTURES["pr-d-034"]["expected"]["times_ms"]
    for ms in range(0, times["printing_completed"], 50):
        assert made.tick(ms / 1000) is None
    assert not made.asks(times["printing_completed"] / 1000)


def test_three_pages_in_one_job_are_told_one_by_one() -> None:  # pr-d-035
    now = {"now_s": 0.0}
    printer = QlEngine("QL-1100", "62", 9000, out_dir=None, journal=lambda line: None, clock=lambda: now["now_s"])
    job = raster.encode(WHITE, model="QL-1100", media="62")
    printer.take((job[:-1] + b"\x0c") * 2 + job)
    said = []
    for _ in range(100):
        now["now_s"] += 0.1
        printer.advance()
        said += ql_status.Framer().feed(printer.replies())
    told = [status.status_type + (f"/{status.phase}" if status.kind == 6 else "") for status in said]
    assert told == CAPTURES["pr-d-035"]["expected"]["sequence"]


def test_a_page_is_one_job_so_that_a_batch_can_be_stopped() -> None:  # pr-d-036
    assert len(raster.decode(raster.encode(WHITE, model="QL-1100", media="62"))) == 1


def test_a_job_switches_to_raster_mode_before_anything_else() -> None:  # pr-d-040
    job = raster.encode(WHITE, model="QL-1100", media="62").lstrip(b"\0")
    assert job.startswith(b"\x1b@\x1bia\x01")


def test_600_dpi_is_never_asked_for() -> None:  # pr-d-041
    for model in ("QL-700", "QL-820NWB", "QL-1100"):
        job = raster.encode(WHITE, model=model, media="62")
        assert not job[job.index(b"\x1biK") + 3] & 0x40


def test_the_first_bit_sent_is_the_last_pin() -> None:  # pr-d-043: 62 mm uses pins 544 to 1239
    picture = WHITE.copy()
    picture.putpixel((0, 0), 0)
    picture.putpixel((695, 1), 0)
    first, second, *_ = raster.decode(raster.encode(picture, model="QL-1100", media="62"))[0].rows
    pins = [1295 - int.from_bytes(row).bit_length() + 1 for row in (first, second)]
    assert [1295 - pin for pin in pins] == [544, 1239]


def test_an_error_without_a_cause_is_shown_and_stays_until_a_hand_clears_it() -> None:  # pr-d-050, pr-d-052
    end = page("pr-d-050", two_color=True).hear(packet("pr-d-050"), 1.0)
    assert isinstance(end, InDoubt)
    assert CAPTURES["pr-d-050"]["hex"] in end.hint
    printer = engine("QL-810W")
    printer.refuses_without_cause = True
    printer.take(raster.encode(WHITE, model="QL-810W", media="62"))
    printer.advance()
    printer.take(bytes(400) + b"\x1b@")
    assert ql_status.decode(printer.status()).unknown_error
    printer.press_button()
    assert ql_status.decode(printer.status()).ready


def test_a_black_page_on_a_black_and_red_roll_is_refused_before_it_is_sent() -> None:  # pr-d-050's cause
    header = raster.Header(0x0A, 62, 0, 300, first=True)
    conflict = media_conflict(packet("pr-d-008"), header, two_color=False)
    assert conflict is not None
    assert "black/red roll is in" in conflict.hint
    assert media_conflict(packet("pr-d-008"), header, two_color=True) is None


def test_the_page_counter_stands_still_when_nothing_printed() -> None:  # pr-d-053
    printer = engine("QL-810W")
    printer.refuses_without_cause = True
    printer.take(raster.encode(WHITE, model="QL-810W", media="62"))
    printer.advance()
    assert printer.pages_printed == 0


def test_the_packet_in_an_snmp_answer_is_the_plain_one() -> None:  # pr-d-060, pr-d-076
    octets = bytes.fromhex(CAPTURES["pr-d-060"]["hex"])
    answer = snmp.decode(snmp.encode(snmp.Message(snmp.RESPONSE, 7, snmp.STATUS, octets)))
    assert isinstance(answer.value, bytes)
    assert problem(ql_status.decode(answer.value)) is None
    assert bytes.fromhex("9303") in snmp.encode(snmp.Message(snmp.GET, 7, snmp.DEVICE_ID))
    assert CAPTURES["pr-d-076"]["expected"]["oid"] == snmp.DEVICE_ID


def test_a_page_that_is_never_told_complete_is_not_confirmed_and_not_failed() -> None:  # pr-d-077
    made = page("pr-d-008")
    made.hear(packet("pr-d-072"), 1.0)
    end = next(end for second in range(2, 120) if (end := made.tick(float(second))))
    assert isinstance(end, InDoubt)


def test_no_report_from_the_field_is_forgotten() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    plain = {name for name, row in CAPTURES.items() if {"errors", "packets"} & set(row["expected"])}
    assert set(CAPTURES) - plain - set(ELSEWHERE) - {name for name in CAPTURES if name in here} == set()
    for where in ELSEWHERE.values():
        file, _, test = where.partition("::")
        assert f"def {test}(" in (Path(__file__).parent / file).read_text(encoding="utf-8")
