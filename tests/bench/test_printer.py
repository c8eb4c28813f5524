"""The simulated printer does what real ones were seen to do, and its journal tells only what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from agent.bench.ql import CUT_S, LABEL_GAP_MM, SPEED_MM_S, START_S, QlEngine
from agent.devices import ql_status, raster
from agent.devices.ql_media import printable_dots

if TYPE_CHECKING:
    from pathlib import Path


class Desk:
    """A mechanism and a clock that the test turns."""

    def __init__(
        self, model: str = "QL-820NWB", media: str = "62", roll_mm: float = 1000, out: Path | None = None
    ) -> None:
        self.now_s = 0.0
        self.journal: list[dict[str, Any]] = []
        self.model = model
        self.engine = QlEngine(
            model, media, roll_mm, out_dir=out, journal=self.journal.append, clock=lambda: self.now_s
        )

    def job(self, media: str = "62", height: int = 600) -> bytes:
        width, fixed = printable_dots(media)
        picture = Image.new("1", (width, fixed or height), 1)
        ImageDraw.Draw(picture).rectangle((50, 20, 300, 140), fill=0)
        return raster.encode(picture, model=self.model, media=media)

    def turn(self, seconds: float) -> list[str]:
        """Let time pass; return what the printer says, in short."""
        steps = 100
        said = b""
        for _ in range(steps):
            self.now_s += seconds / steps
            self.engine.advance()
            said += self.engine.replies()
        return [f"{packet.status_type}/{packet.phase}" for packet in ql_status.Framer().feed(said)]

    def kinds(self) -> list[str]:
        return [line["kind"] for line in self.journal if line["kind"] != "roll"]


TRIO = ["phase_change/printing", "printing_completed/printing", "phase_change/receiving"]


def test_each_page_is_told_by_the_same_three_packets() -> None:
    desk = Desk()
    for _ in range(3):
        desk.engine.take(desk.job())
    assert desk.turn(20) == TRIO * 3
    assert desk.kinds() == ["printed"] * 3


def test_a_page_takes_the_time_and_the_roll_of_its_length() -> None:
    desk = Desk(media="62x100")
    desk.engine.take(desk.job("62x100"))
    length_mm = 100 + LABEL_GAP_MM
    assert desk.turn(START_S + length_mm / SPEED_MM_S - 0.1) == TRIO[:1]
    assert desk.kinds() == []
    desk.turn(0.2)
    assert desk.kinds() == ["printed"]
    assert desk.turn(CUT_S) == TRIO[1:]
    assert desk.engine.roll_mm == pytest.approx(1000 - length_mm)


def test_the_paper_carries_the_pixels_of_the_page(tmp_path: Path) -> None:
    desk = Desk(out=tmp_path)
    job = desk.job()
    desk.engine.take(job)
    desk.turn(5)
    with Image.open(desk.journal[-1]["png"]) as paper:
        assert paper.tobytes() == raster.decode(job)[0].picture().tobytes()


def test_a_page_whose_last_line_did_not_come_out_is_partial(tmp_path: Path) -> None:
    desk = Desk(roll_mm=30, out=tmp_path)
    desk.engine.take(desk.job(height=1200))
    assert desk.turn(5) == ["phase_change/printing", "error/printing"]
    assert desk.kinds() == ["partial"]
    with Image.open(desk.journal[-1]["png"]) as paper:
        assert 0 < paper.height < 1200
    desk.engine.load_roll(1000)
    assert desk.turn(5) == TRIO
    assert desk.kinds() == ["partial", "printed"]


def test_pages_once_received_can_not_be_called_back() -> None:
    desk = Desk()
    for _ in range(4):
        desk.engine.take(desk.job())
    desk.turn(0.5)
    desk.engine.take(bytes(400) + b"\x1b@")
    desk.turn(20)
    assert desk.kinds() == ["printed"] * 4


def test_a_wrong_roll_is_refused_until_the_right_one_is_in() -> None:
    desk = Desk(media="29")
    desk.engine.take(desk.job())
    assert desk.turn(3) == ["error/printing"]
    assert "replace_media" in ql_status.decode(desk.engine.status()).errors
    desk.engine.load_roll(1000, "62")
    assert desk.turn(5) == TRIO


def test_a_missing_roll_sets_no_error_bit() -> None:
    status = ql_status.decode(Desk(roll_mm=0).engine.status())
    assert (status.errors, status.no_media) == ((), True)


@pytest.mark.parametrize(("model", "hides"), [("QL-820NWB", True), ("QL-1100", False)])
def test_an_open_cover_hides_the_roll_on_some_models(model: str, hides: bool) -> None:  # noqa: FBT001 (a parameter)
    desk = Desk(model)
    desk.engine.open_cover()
    status = ql_status.decode(desk.engine.status())
    assert (status.errors, status.status_type, status.no_media) == (("cover_open",), "error", hides)
    desk.engine.close_cover()
    assert ql_status.decode(desk.engine.status()).ready


def test_an_open_cover_loses_the_page_on_a_ql_1100_and_keeps_it_on_a_ql_820nwb() -> None:
    for model, after in (("QL-1100", ["partial"]), ("QL-820NWB", ["partial", "printed"])):
        desk = Desk(model)
        desk.engine.take(desk.job())
        desk.turn(0.4)
        desk.engine.open_cover()
        desk.engine.close_cover()
        desk.turn(10)
        assert desk.kinds() == after


def test_lost_power_forgets_everything() -> None:
    desk = Desk()
    for _ in range(3):
        desk.engine.take(desk.job())
    desk.turn(0.4)
    desk.engine.power_off()
    desk.engine.power_on()
    assert desk.turn(20) == []
    assert desk.kinds() == ["partial", "lost"]


def test_half_a_page_is_dropped_or_comes_out_as_far_as_it_came() -> None:
    for early, kinds in ((False, ["dropped"]), (True, ["dropped", "partial"])):
        desk = Desk()
        desk.engine.prints_early = early
        desk.engine.take(desk.job()[:20_000])
        desk.engine.hang_up()
        desk.turn(5)
        assert desk.kinds() == kinds
        desk.engine.take(desk.job())
        assert desk.turn(5) == TRIO


def test_garbled_bytes_are_a_communication_error_until_the_next_reset() -> None:
    desk = Desk()
    desk.engine.take(b"\x1b@\x1biz" + bytes(10) + b"g\x00\x01\xffGARBAGE")
    assert desk.turn(0.1) == ["error/receiving"]
    assert "communication_error" in ql_status.decode(desk.engine.status()).errors
    desk.engine.take(desk.job())
    assert desk.turn(5) == TRIO


def test_cooling_is_told_and_prints_no_dot() -> None:
    desk = Desk()
    desk.engine.take(desk.job())
    desk.turn(0.3)
    desk.engine.cool(60)
    assert desk.turn(59) == ["notification/printing"]
    assert desk.turn(10) == ["notification/printing", *TRIO[1:]]


def test_an_error_without_a_cause_stays_until_the_button() -> None:
    desk = Desk()
    desk.engine.refuses_without_cause = True
    desk.engine.take(desk.job())
    assert desk.turn(5) == ["error/printing"]
    assert ql_status.decode(desk.engine.status()).unknown_error
    desk.engine.press_button()
    assert ql_status.decode(desk.engine.status()).ready
    assert desk.kinds() == []


def test_a_printer_that_lies_about_its_roll_says_completed_and_prints_nothing() -> None:
    desk = Desk(media="29")
    desk.engine.lies_about_media = True
    desk.engine.take(desk.job())
    assert desk.turn(5) == ["printing_completed/printing", "phase_change/receiving"]
    assert desk.kinds() == []
