"""The truth about one page: a state machine that hears the printer and says printed, not printed, or in doubt.

It is the same for USB, TCP with status, and TCP beside SNMP, and knows neither wire nor clock: it is told how many
bytes were taken, what the printer said, and what time it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.devices import InDoubt, NotPrinted, Printed, PrintProgress, Suspended, ql_status
from agent.devices.ql_words import COOLING, Problem, media_conflict, problem
from agent.devices.raster import DOTS_PER_MM

if TYPE_CHECKING:
    from agent.devices.ql_status import Status
    from agent.devices.raster import Header

SLOWEST_MM_S = 20.0  # a QL-1100 takes 2.85 s for 45 mm; older and cold ones are slower

_UNCONFIRMED = Problem("printer.unconfirmed", "The printer is idle and never said that the page came out: look for it.")
_DISCARDED = Problem("printer.discarded", "The printer dropped the page after it was stopped; part of it may be out.")
_MUTE = Problem("printer.mute", "The printer stopped answering: look for the page, then switch the printer off and on.")
_STUCK = Problem("printer.stuck", "The printer prints and never ends: look for the page, then switch it off and on.")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the driver waits before it says that it does not know, in seconds of the station's clock.

    `answer_s` alone is real time: a wire is as fast as it is.
    """

    silence_s: float = 30.0  # nothing taken, nothing said, page time added
    stuck_s: float = 90.0  # all sent, printer talks, page time added
    held_silence_s: float = 900.0  # nothing said while the printer holds the page
    idle_s: float = 5.0  # the printer says "idle" and never said "printed"
    settle_s: float = 3.0  # after "printed", for "ready"
    ask_s: float = 5.0  # silence after which the printer is asked
    answer_s: float = 1.5  # for the answer to a question, twice; a printer takes 20 to 50 ms


class Page:
    """One page on its way. `spoken`: the printer tells its events (USB); otherwise its state is only polled (SNMP)."""

    def __init__(
        self, header: Header, *, first_dot: int, size: int, two_color: bool, spoken: bool, limits: Limits, now_s: float
    ) -> None:
        self._header, self._first_dot, self.size = header, first_dot, size
        self._two_color, self._spoken, self._limits = two_color, spoken, limits
        self._slack_s = header.rows / DOTS_PER_MM / SLOWEST_MM_S
        self.taken = 0
        self._active_s = self._sent_s = self._asked_s = now_s
        self._held = ""
        self._was_held = False
        self._printing_seen = 0  # polls that said "printing" without an error, since the last hold
        self._idle_seen = 0
        self._idle_since_s: float | None = None
        self._completed_s: float | None = None

    @property
    def sent(self) -> bool:
        """Whether the wire took the whole page."""
        return self.taken >= self.size

    def took(self, count: int, now_s: float) -> None:
        """The wire took so many bytes more."""
        if count:
            self.taken += count
            self._active_s = self._sent_s = now_s

    def hear(self, status: Status, now_s: float) -> PrintProgress | None:
        """The printer said this; return what follows from it, if anything."""
        self._active_s = now_s
        found = problem(status)
        if found is not None and "replace_media" in status.errors:
            found = media_conflict(status, self._header, two_color=self._two_color) or found
        if self._completed_s is not None:
            # The page is out. Whatever comes now is about the printer, not about the page.
            return Printed() if found or status.phase_code == ql_status.RECEIVING else None
        if found is not None:
            return self._stopped(found)
        if self._held == COOLING.code and status.kind == ql_status.REPLY and status.phase_code != ql_status.RECEIVING:
            return None  # an answer does not show that the printer is still cooling; its end is told
        if self._held:
            self._held, self._was_held = "", True
            self._sent_s = now_s
        if status.kind == ql_status.COMPLETED and self._spoken:  # polled, it may be the last page's
            return self._completed(status, now_s)
        if status.phase_code != ql_status.RECEIVING:
            self._printing_seen += 1
            self._idle_seen, self._idle_since_s = 0, None
        elif self.sent:
            return self._idle(status, now_s)
        return None

    def tick(self, now_s: float) -> PrintProgress | None:
        """Time went on; return what follows from it, if anything."""
        limits = self._limits
        if self._completed_s is not None:
            return Printed() if now_s - self._completed_s > limits.settle_s else None
        if self._idle_since_s is not None and now_s - self._idle_since_s > limits.idle_s:
            return self._end(_DISCARDED if self._was_held else _UNCONFIRMED)
        quiet_s = limits.held_silence_s if self._held else limits.silence_s + self._slack_s
        if now_s - self._active_s > quiet_s:
            return self._end(_MUTE)
        if not self._held and now_s - self._sent_s > limits.stuck_s + self._slack_s:
            return self._end(_STUCK)
        return None

    def asks(self, now_s: float) -> bool:
        """Whether to ask for a status now: never in the middle of a page, where it would become part of it."""
        if not self._spoken or not self.sent or self._completed_s is not None:
            return False
        quiet_s = self._limits.ask_s + (0.0 if self._held else self._slack_s)  # not while dots come out
        if now_s - max(self._active_s, self._asked_s) < quiet_s:
            return False
        self._asked_s = now_s
        return True

    def broke(self, code: str, hint: str) -> PrintProgress:
        """The wire is gone; this is the end."""
        return Printed() if self._completed_s is not None else self._end(Problem(code, hint))

    def _stopped(self, found: Problem) -> PrintProgress | None:
        self._idle_since_s, self._idle_seen, self._printing_seen = None, 0, 0
        if not found.holds:
            return self._end(found)
        if found.code == self._held:
            return None
        self._held = found.code
        return Suspended(found.code, found.hint)

    def _completed(self, status: Status, now_s: float) -> PrintProgress | None:
        if not self.sent:
            return None  # about an older page: nothing can be complete that is not yet sent
        conflict = media_conflict(status, self._header, two_color=self._two_color)
        if conflict is not None:  # "completed" with the wrong roll in, and nothing had printed: seen on real printers
            return self._end(conflict)
        self._completed_s = now_s
        return Printed() if status.phase_code == ql_status.RECEIVING else None

    def _idle(self, status: Status, now_s: float) -> PrintProgress | None:
        """The printer says that it is idle, and has not said "completed"."""
        self._idle_seen += 1
        if self._idle_since_s is None:
            self._idle_since_s = now_s
        # Polled: printing, then idle twice, is how a page looks that came out. After a stop one glimpse of
        # "printing" is not enough: a printer that drops the page passes there too.
        if not self._spoken and self._idle_seen >= 2 and self._printing_seen >= (2 if self._was_held else 1):
            conflict = media_conflict(status, self._header, two_color=self._two_color)
            return self._end(conflict) if conflict else Printed()
        return None

    def _end(self, why: Problem) -> PrintProgress:
        if self.taken <= self._first_dot:
            return NotPrinted(why.code, why.hint)
        return InDoubt(why.code, why.hint)
