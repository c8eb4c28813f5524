"""One page, told as a printer tells it: what follows from which packet, byte and silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices import InDoubt, NotPrinted, Printed, PrintProgress, Suspended, ql_status
from agent.devices.ql_page import Limits, Page
from agent.devices.raster import Header

FIRST_DOT, SIZE = 400, 30_000
ENDLESS = (0x0A, 62, 0)


def packet(
    kind: int,
    phase: int = ql_status.RECEIVING,
    *errors: str,
    media: tuple[int, int, int] = ENDLESS,
    notification: int = 0,
) -> ql_status.Status:
    return ql_status.decode(ql_status.encode(
        series=0x34, model_code=0x43, kind=kind, phase=phase, errors=errors, media=media, notification=notification,
    ))  # fmt: skip


STARTED = packet(ql_status.PHASE_CHANGE, ql_status.PRINTING)
COMPLETED = packet(ql_status.COMPLETED, ql_status.PRINTING)
READY = packet(ql_status.PHASE_CHANGE)
IDLE = packet(ql_status.REPLY)
WORKING = packet(ql_status.REPLY, ql_status.PRINTING)
RUNOUT = packet(ql_status.ERROR, ql_status.PRINTING, "end_of_media", media=(0, 0, 0))
COVER = packet(ql_status.ERROR, ql_status.PRINTING, "cover_open", media=(0x0A, 102, 0))


def page(*, spoken: bool = True, taken: int = SIZE, limits: Limits | None = None) -> Page:
    made = Page(Header(0x0A, 62, 0, 300, first=True), first_dot=FIRST_DOT, size=SIZE, two_color=False, spoken=spoken,
                limits=limits or Limits(), now_s=0.0)  # fmt: skip
    made.took(taken, 0.0)
    return made


def told(made: Page, *packets: ql_status.Status, step_s: float = 0.2) -> list[PrintProgress]:
    """What the page says to these packets, one every `step_s`."""
    out = []
    for number, said in enumerate(packets, start=1):
        out += [progress for progress in (made.hear(said, number * step_s), made.tick(number * step_s)) if progress]
    return out


def test_completed_and_then_ready_is_printed() -> None:
    assert told(page(), STARTED, COMPLETED, READY) == [Printed()]


def test_completed_alone_is_printed_after_a_while() -> None:
    made = page()
    assert told(made, STARTED, COMPLETED) == []
    assert made.tick(2.0) is None
    assert made.tick(4.0) == Printed()


def test_a_roll_that_ends_behind_a_completed_page_does_not_take_it_back() -> None:
    assert told(page(), STARTED, COMPLETED, RUNOUT) == [Printed()]


def test_completed_before_the_last_byte_is_about_another_page() -> None:
    made = page(taken=SIZE - 1)
    assert told(made, COMPLETED, READY) == []
    made.took(1, 1.0)
    assert made.hear(READY, 1.1) is None


def test_ready_alone_proves_nothing() -> None:
    made = page()
    assert told(made, STARTED, READY) == []
    end = made.tick(10.0)
    assert isinstance(end, InDoubt)
    assert end.code == "printer.unconfirmed"


def test_completed_with_the_wrong_roll_in_is_in_doubt() -> None:
    wrong = packet(ql_status.COMPLETED, ql_status.PRINTING, media=(0x0B, 29, 90))
    (end,) = told(page(), STARTED, wrong)
    assert isinstance(end, InDoubt)
    assert end.code == "printer.wrong-media"
    assert "29x90 is in, this label needs 62 mm endless" in end.hint


def test_a_page_held_at_the_end_of_the_roll_prints_by_itself() -> None:
    states = told(page(), STARTED, RUNOUT, RUNOUT, STARTED, COMPLETED, READY)
    assert [type(state) for state in states] == [Suspended, Printed]


def test_a_held_page_is_waited_for_as_long_as_the_printer_talks() -> None:
    made = page()
    made.hear(RUNOUT, 1.0)
    assert [made.tick(second) or made.hear(RUNOUT, second) for second in range(2, 3600, 60)] == [None] * 60


def test_a_printer_that_drops_the_page_after_its_cover_closed_leaves_it_in_doubt() -> None:
    made = page()
    assert [type(state) for state in told(made, STARTED, COVER, IDLE)] == [Suspended]
    end = made.tick(6.0)
    assert isinstance(end, InDoubt)
    assert end.code == "printer.discarded"


@pytest.mark.parametrize("error", ["communication_error", "system_error", "expansion_buffer_full", "fan"])
def test_an_error_that_ends_the_page_leaves_it_in_doubt(error: str) -> None:
    (end,) = told(page(), STARTED, packet(ql_status.ERROR, ql_status.PRINTING, error))
    assert isinstance(end, InDoubt)


MENDABLE = ["cover_open", "end_of_media", "replace_media", "cutter_jam", "cannot_feed", "in_use"]


@pytest.mark.parametrize("error", MENDABLE)
def test_an_error_that_a_hand_can_mend_suspends_the_page_once(error: str) -> None:
    stopped = packet(ql_status.ERROR, ql_status.PRINTING, error)
    states = told(page(), STARTED, stopped, stopped, stopped)
    assert [type(state) for state in states] == [Suspended]


def test_a_missing_roll_has_no_error_bit_and_still_suspends() -> None:
    (state,) = told(page(), packet(ql_status.ERROR, ql_status.PRINTING, media=(0, 0, 0)))
    assert isinstance(state, Suspended)
    assert state.code == "printer.no-media"


def test_an_error_without_a_cause_is_in_doubt_and_shows_its_bytes() -> None:
    (end,) = told(page(), packet(ql_status.ERROR, ql_status.PRINTING))
    assert isinstance(end, InDoubt)
    assert end.code == "printer.error-without-cause"
    assert "80 20 42" in end.hint


def test_cooling_suspends_until_it_is_over() -> None:
    hot = packet(ql_status.NOTIFICATION, ql_status.PRINTING, notification=ql_status.COOLING_STARTED)
    cool = packet(ql_status.NOTIFICATION, ql_status.PRINTING, notification=ql_status.COOLING_FINISHED)
    made = page()
    assert [type(state) for state in told(made, STARTED, hot)] == [Suspended]
    for second in range(1, 600, 5):
        assert made.hear(WORKING, float(second)) is None
        assert made.tick(float(second)) is None
    assert made.hear(cool, 601.0) is None
    assert made.hear(COMPLETED, 602.0) is None
    assert made.hear(READY, 602.1) == Printed()


@pytest.mark.parametrize(
    ("taken", "end"), [(0, NotPrinted), (FIRST_DOT, NotPrinted), (FIRST_DOT + 1, InDoubt), (SIZE, InDoubt)]
)
def test_a_lost_wire_is_no_page_only_before_the_first_row(taken: int, end: type) -> None:
    assert isinstance(page(taken=taken).broke("printer.unplugged", "Plug it in."), end)


@pytest.mark.parametrize(("taken", "end"), [(0, NotPrinted), (FIRST_DOT, NotPrinted), (SIZE, InDoubt)])
def test_a_mute_printer_is_waited_for_half_a_minute_and_the_time_of_its_page(taken: int, end: type) -> None:
    made = page(taken=taken)
    assert made.tick(30.0) is None
    assert isinstance(made.tick(32.0), end)


def test_a_printer_that_prints_for_ever_is_given_up() -> None:
    made = page()
    ends = [made.hear(WORKING, float(second)) or made.tick(float(second)) for second in range(0, 120, 5)]
    assert [end.code for end in ends if isinstance(end, InDoubt)][:1] == ["printer.stuck"]


def test_the_printer_is_asked_only_behind_the_page_and_after_a_silence() -> None:
    sending, sent = page(taken=SIZE - 1), page()
    assert not sending.asks(60.0)
    assert [sent.asks(second) for second in (1.0, 7.0, 8.0, 14.0)] == [False, True, False, True]


SAID = [STARTED, COMPLETED, READY, IDLE, WORKING, RUNOUT, COVER,
        packet(ql_status.ERROR, ql_status.PRINTING), packet(ql_status.NOTIFICATION, ql_status.PRINTING, notification=3),
        packet(ql_status.TURNED_OFF), packet(ql_status.ERROR, ql_status.RECEIVING, "communication_error")]  # fmt: skip
STORIES = st.lists(st.one_of(st.sampled_from(SAID), st.integers(0, SIZE), st.floats(0.01, 40.0)), max_size=40)


@given(STORIES, st.booleans())
def test_any_story_has_one_end_and_no_end_says_more_than_was_seen(
    story: list[ql_status.Status | int | float], spoken: bool  # noqa: FBT001 (a parameter)
) -> None:
    made, now_s, heard = page(spoken=spoken, taken=0), 0.0, []
    for event in story:
        end: PrintProgress | None = None
        if isinstance(event, ql_status.Status):
            heard.append(event)
            end = made.hear(event, now_s)
        elif isinstance(event, int):
            made.took(min(event, SIZE - made.taken), now_s)
        else:
            now_s += event
            end = made.tick(now_s)
        if isinstance(end, NotPrinted):
            assert made.taken <= FIRST_DOT
        if isinstance(end, Printed):
            assert made.sent
            assert COMPLETED in heard if spoken else any(said.phase == "printing" for said in heard)
        if end is not None and not isinstance(end, Suspended):
            return
    assert isinstance(made.broke("printer.unplugged", ""), NotPrinted) == (made.taken <= FIRST_DOT)


def test_polled_printing_and_then_idle_is_printed() -> None:
    assert told(page(spoken=False), IDLE, WORKING, WORKING, IDLE, IDLE) == [Printed()]


def test_polled_completed_may_be_about_the_last_page() -> None:
    stale = packet(ql_status.COMPLETED)
    assert told(page(spoken=False), stale, stale, stale) == []
    assert told(page(spoken=False), stale, WORKING, IDLE, IDLE) == [Printed()]


def test_polled_idle_that_never_printed_is_in_doubt() -> None:
    states = told(page(spoken=False), *[IDLE] * 40)
    assert [type(state) for state in states[:1]] == [InDoubt]


def test_polled_a_dropped_page_does_not_pass_for_a_printed_one() -> None:
    states = told(page(spoken=False), WORKING, COVER, COVER, WORKING, *[IDLE] * 40)
    assert [type(state) for state in states[:2]] == [Suspended, InDoubt]


def test_polled_a_held_page_that_prints_is_printed() -> None:
    states = told(page(spoken=False), WORKING, RUNOUT, RUNOUT, WORKING, WORKING, WORKING, IDLE, IDLE)
    assert [type(state) for state in states] == [Suspended, Printed]
