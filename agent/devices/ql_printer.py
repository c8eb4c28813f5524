"""A Brother QL behind any wire: opens it, asks, sends one page, and tells the truth about it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from agent.devices import DeviceError, NotPrinted, PrinterStatus, PrintProgress, Suspended, ql_status, raster
from agent.devices.ql_media import is_label, media_name, model_named
from agent.devices.ql_page import Limits, Page
from agent.devices.ql_wire import CLOSED, Wake, Wire, WireLost
from agent.devices.ql_words import obstacle, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.devices.ql_status import Status

_PIECE = 8192  # what a non-blocking usblp takes at once
_SLICE_S = 0.05  # the longest wait before the clock is looked at again
_QUIET_S = 0.05  # a printer with nothing more to say is silent for so long; an answer takes 20 to 40 ms
_BABBLE_S = 0.5


class QlPrinter:
    """Fulfils Printer. `connect` opens the wire anew for every page and every status: nothing stays held between.

    `clock` gives the station's seconds; all Limits are measured with it. `close` may be called from another
    thread: a page in work then ends in doubt within a second. `beat` is called many times a second while a page is
    in work, however long it is held: for a watchdog.
    """

    def __init__(
        self,
        model: str,
        connect: Callable[[Wake], Wire],
        *,
        clock: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        model_named(model)
        self.model = model
        self._connect, self._clock, self._limits = connect, clock, limits or Limits()
        self._beat = beat
        self._wake = Wake()
        self._busy = threading.Lock()

    def status(self) -> PrinterStatus:
        """Ask the printer how it is. Raises DeviceError: not there, busy, or mute."""
        with self._busy:
            wire = self._open()
            try:
                said = ask(wire, self._limits.answer_s)
            except WireLost as lost:
                raise DeviceError(lost.code, "the printer went away while it was asked.", lost.hint) from lost
            finally:
                wire.close()
        if said is None:
            raise DeviceError("printer.mute", f"the {self.model} does not answer.", _MUTE_HINT)
        return summary(said)

    def print_page(self, job: bytes) -> Iterator[PrintProgress]:
        """Send one page made by raster.encode; yield Suspended as often as it happens, then exactly one end.

        NotPrinted is said only while no byte of a row can have been taken. Raises raster.RasterError for
        bytes without a page header.
        """
        header, first_dot = raster.header(job)
        with self._busy:
            try:
                wire = self._open()
            except DeviceError as missing:
                yield NotPrinted(missing.code, missing.hint)
                return
            try:
                yield from self._send(wire, job, header, first_dot)
            finally:
                wire.close()

    def keep_awake(self) -> None:
        """Tell the printer never to switch itself off (it does after an hour, and then looks unplugged).

        The setting stays in the printer. Bytes as in brother_ql's `configure`. Raises DeviceError.
        """
        oldest = model_named(self.model).series_code == 0x30
        order = b"\x1bia\x01" + b"\x1biUA\x00" + (b"\x00\x00" if oldest else b"\x00")
        with self._busy:
            wire = self._open()
            try:
                said = ask(wire, self._limits.answer_s)
                if said is not None and problem(said) is None:
                    write_all(wire, order, self._limits.answer_s)
                    said = ask(wire, self._limits.answer_s)
            except WireLost as lost:
                raise DeviceError(lost.code, "the printer went away while it was set.", lost.hint) from lost
            finally:
                wire.close()
        found = problem(said) if said else None
        if said is None or found:
            raise DeviceError(found.code if found else "printer.mute", f"the {self.model} took no setting.",
                              found.hint if found else _MUTE_HINT)  # fmt: skip

    def close(self) -> None:
        """Let go of the printer, from any thread; a call that waits ends within a second."""
        self._wake.ring()

    def _open(self) -> Wire:
        if self._wake.rung:
            raise DeviceError("printer.closed", "the printer was closed.", "Open it again.")
        return self._connect(self._wake)

    def _send(self, wire: Wire, job: bytes, header: raster.Header, first_dot: int) -> Iterator[PrintProgress]:
        two_color = job[first_dot : first_dot + 1] == b"w"
        try:
            said = ask(wire, self._limits.answer_s)
        except WireLost as lost:
            yield NotPrinted(lost.code, "The page was not sent." if lost.code == CLOSED[0] else lost.hint)
            return
        if said is None:
            yield NotPrinted("printer.mute", _MUTE_HINT)
            return
        stop = obstacle(said, header, model=self.model, two_color=two_color)
        if stop is not None:
            yield NotPrinted(stop.code, stop.hint)
            return
        page = Page(header, first_dot=first_dot, size=len(job), two_color=two_color, spoken=wire.spoken,
                    limits=self._limits, now_s=self._clock())  # fmt: skip
        for progress in self._follow(wire, job, page):
            yield progress
            if not isinstance(progress, Suspended):
                return

    def _follow(self, wire: Wire, job: bytes, page: Page) -> Iterator[PrintProgress]:
        """Write and listen until the page has an end."""
        outgoing, written = job, 0
        while True:
            try:
                if written < len(outgoing):
                    count = wire.write(outgoing[written : written + _PIECE])
                    written += count
                    page.took(min(count, page.size - page.taken), self._clock())
                for said in wire.heard():
                    if (progress := page.hear(said, self._clock())) is not None:
                        yield progress
                if (progress := page.tick(self._clock())) is not None:
                    yield progress
                if page.asks(self._clock()) and written == len(outgoing):
                    outgoing += ql_status.REQUEST
                self._beat()
                wire.wait(_SLICE_S, writing=written < len(outgoing))
            except WireLost as lost:
                yield page.broke(lost.code, lost.hint)
                return


_MUTE_HINT = "Switch the printer off and on, and check its cable; on a network printer switch SNMP on."


def summary(said: Status) -> PrinterStatus:
    """What a packet says, for the station: model, roll, and what keeps the printer from printing."""
    found = problem(said)
    media = "" if said.no_media else media_name(said.width_mm, said.length_mm)
    if said.two_color and is_label(f"{media}red"):
        media += "red"
    return PrinterStatus(
        said.model, media, found.code if found else "", found.hint if found else "", printing=said.phase == "printing"
    )


def ask(wire: Wire, answer_s: float) -> Status | None:
    """Return what the printer says now, None when it is mute. Old answers are read first and thrown away.

    Answers have no number: five old ones were once seen waiting before the first question. A printer that was left in
    the middle of a row takes the question for dots; so the second one comes behind a reset. Raises WireLost.
    """
    if not wire.spoken:
        return next(iter(_listen(wire, answer_s, 0.0)), None)
    _listen(wire, _QUIET_S, _QUIET_S)
    for order in (ql_status.REQUEST, ql_status.RESET + ql_status.REQUEST):
        write_all(wire, order, answer_s)
        heard = _listen(wire, answer_s, _QUIET_S)
        answers = [said for said in heard if said.kind in (ql_status.REPLY, ql_status.ERROR)]
        if answers:
            return answers[-1]
    return None


def write_all(wire: Wire, order: bytes, answer_s: float) -> bool:
    """Write a few bytes outside a page; False when the printer does not take them. Raises WireLost."""
    until_s = wire.now_s() + answer_s
    while order and wire.now_s() < until_s:
        order = order[wire.write(order) :]
        if order:
            wire.wait(_SLICE_S, writing=True)
    return not order


def _listen(wire: Wire, first_s: float, more_s: float) -> list[Status]:
    """What the printer says within `first_s`, and then until it is quiet for `more_s`; not for ever if it babbles."""
    said: list[Status] = []
    until_s = wire.now_s() + first_s
    last_s = until_s + _BABBLE_S
    while (left_s := min(until_s, last_s) - wire.now_s()) > 0:
        new = wire.heard()
        if new:
            said += new
            until_s = wire.now_s() + more_s
        else:
            wire.wait(min(left_s, _SLICE_S), writing=False)
    return said
