"""A Brother QL as a mechanism: bytes in, 32-byte packets out, dots on a roll that ends. No socket, no thread.

It behaves as real ones were seen to: pages once received can't be called back; a page that the roll ended
under is kept and printed whole by itself on the next roll; a missing roll sets no error bit; an open cover
hides the media on most models, and on the QL-1100 family throws the page away.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING, Any

from agent.devices import ql_status, raster
from agent.devices.ql_media import label_named, media_name, model_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEED_MM_S = 110.0  # QL-800 series data sheet, 300 dpi standard
START_S = 0.1  # from the last byte to "printing" (measured on a QL-1100: 100 ms)
CUT_S = 0.4
LABEL_GAP_MM = 3.0


class QlEngine:
    """The printer itself. `journal` gets one dict for everything that really happened; it is the truth."""

    def __init__(
        self,
        model: str,
        media: str,
        roll_mm: float,
        *,
        out_dir: Path | None,
        journal: Callable[[dict[str, Any]], None],
        clock: Callable[[], float],
    ) -> None:
        known = model_named(model)
        self.model = model
        self._series, self._code = known.series_code, known.model_code
        self._journal, self._clock, self._out_dir = journal, clock, out_dir
        self.roll_mm = 0.0
        self._media = (0, 0, 0)
        self._color_code = 0
        self.cover_open = False
        self.power = True
        self.mute = False  # says nothing
        self.swallow = False  # takes bytes and forgets them
        self.prints_early = False  # half a page comes out when its sender vanishes
        self.lies_about_media = False  # says "completed" for a page that the roll in it can't take
        self.refuses_without_cause = False  # answers the next page with an error that has no bit, until the button
        self.cover_discards = model.startswith("QL-11")
        self.cover_hides_media = not model.startswith("QL-11")
        self.pages_printed = 0
        self.taken_bytes = 0
        self._errors: set[str] = set()
        self._latched = False
        self._reader = raster.Reader()
        self._deaf = False  # after a byte that is no command, until ESC @
        self._queue: deque[raster.Page] = deque()
        self._begun_s: float | None = None  # when the first row of the page on top passed the head
        self._cooling_until_s: float | None = None
        self._cut_at_s: float | None = None
        self._outgoing = bytearray()
        self.load_roll(roll_mm, media)

    # What hands do.

    def load_roll(self, roll_mm: float, media: str | None = None) -> None:
        """Put a roll in; `media` changes what it is. A page that waits for it prints by itself."""
        if media is not None:
            label = label_named(media)
            kind = raster.DIE_CUT if label.tape_size[1] else raster.CONTINUOUS
            self._media = (kind, *label.tape_size)
            speaks_color = model_named(self.model).two_color
            self._color_code = (0x81 if media.endswith("red") else 0x01) if speaks_color else 0
        self.roll_mm = roll_mm
        if roll_mm > 0:
            self._errors -= {"end_of_media", "no_media", "replace_media"}
        self._note("roll", mm=roll_mm, media=self.media)

    def open_cover(self) -> None:
        """Lift the cover: stops the page in work, and on some models loses it."""
        if self.cover_open:
            return
        self.cover_open = True
        if not self.power:
            return
        working = self._begun_s is not None
        self._break_off("cover_open")
        if working and self.cover_discards:
            self._queue.clear()
        self._say(ql_status.ERROR, ql_status.PRINTING if working else ql_status.RECEIVING)

    def close_cover(self) -> None:
        """Close it; the error clears by itself."""
        if not self.cover_open:
            return
        self.cover_open = False
        if self.power and not self.cover_discards:
            self._say(ql_status.NOTIFICATION, self._phase(), ql_status.COVER_CLOSED)

    def power_off(self) -> None:
        """Cut the power: everything in memory is gone."""
        self._break_off("power_off")
        if self._queue or self._reader.rows:
            self._note("lost", pages=len(self._queue), rows=self._reader.rows)
        self._queue.clear()
        self._reader = raster.Reader()
        self._outgoing.clear()
        self._errors.clear()
        self._latched = self._deaf = False
        self._cooling_until_s = None
        self.power = False

    def power_on(self) -> None:
        """Switch it on again."""
        self.power = True

    def press_button(self) -> None:
        """Clear an error that the wire can't clear."""
        self._latched = False
        self._errors -= {"cutter_jam", "communication_error"}

    def cool(self, seconds: float) -> None:
        """Stop to cool for so long, and say so."""
        self._cooling_until_s = self._clock() + seconds
        if self._begun_s is not None:
            self._begun_s += seconds
        if self._cut_at_s is not None:
            self._cut_at_s += seconds
        self._say(ql_status.NOTIFICATION, self._phase(), ql_status.COOLING_STARTED)

    def jam(self) -> None:
        """Jam the cutter: the page in work stops and waits for the button."""
        self._break_off("cutter_jam")
        self._errors.add("cutter_jam")
        self._say(ql_status.ERROR, ql_status.PRINTING)

    # What the wire does.

    def take(self, piece: bytes) -> None:
        """Take bytes from the wire."""
        self.taken_bytes += len(piece)
        if not self.power or self.swallow:
            return
        if self._deaf:
            at = piece.find(b"\x1b@")
            if at < 0:
                return
            piece, self._deaf = piece[at:], False
            self._errors.discard("communication_error")
            self._reader = raster.Reader()
        try:
            events = self._understood(piece)
        except raster.RasterError as fault:
            self._deaf = True
            self._errors.add("communication_error")
            self._note("garbled", detail=str(fault))
            self._say(ql_status.ERROR, self._phase())
            return
        for event in events:
            if isinstance(event, raster.Page):
                self._queue.append(event)
            elif event == "status":
                self._outgoing += self.status()

    def _drop(self, page: raster.Page) -> None:
        """Forget a page that was not sent to its end."""
        if not page.rows:
            return
        self._note("dropped", rows=len(page.rows))
        if self.prints_early and not self.cover_open and self.roll_mm > 0 and self._fits(page):
            self._record("partial", page, len(page.rows), why="unfinished")

    def _understood(self, piece: bytes) -> list[raster.Page | str]:
        half = self._reader.page
        events = self._reader.feed(piece)
        if events[:1] == ["reset"]:
            self._drop(half)
        for event in events:
            if isinstance(event, raster.Page) and len(event.rows) != event.header.rows:
                raise raster.RasterError(f"{len(event.rows)} rows came, the header said {event.header.rows}.")
        return events

    def hang_up(self) -> None:
        """The sender is gone: what came of an unfinished page is dropped, or printed as far as it came."""
        self._drop(self._reader.page)
        self._reader = raster.Reader()
        self._deaf = False
        self._outgoing.clear()

    def replies(self) -> bytes:
        """What the printer wants to say since the last call; nothing while it is mute."""
        said = bytes(self._outgoing)
        self._outgoing.clear()
        return b"" if self.mute or not self.power else said

    def status(self) -> bytes:
        """The answer to ESC i S now, the same 32 bytes that SNMP serves."""
        wrong = self._shown_errors() or self._latched
        return self._packet(ql_status.ERROR if wrong else ql_status.REPLY, self._phase())

    @property
    def media(self) -> str:
        """The name of the roll that is in."""
        return media_name(self._media[1], self._media[2])

    @property
    def working(self) -> bool:
        """Whether rows pass under the head now."""
        return self._begun_s is not None and self._cut_at_s is None and self._clock() > self._begun_s

    @property
    def held_pages(self) -> int:
        """Pages in memory that have not come out."""
        return len(self._queue)

    # What time does.

    def advance(self) -> None:
        """Do all that should have happened until the clock's now."""
        if not self.power:
            return
        now_s = self._clock()
        if self._cooling_until_s is not None:
            if now_s < self._cooling_until_s:
                return
            self._cooling_until_s = None
            self._say(ql_status.NOTIFICATION, self._phase(), ql_status.COOLING_FINISHED)
        while self._queue and self._move(now_s):
            pass

    def _move(self, now_s: float) -> bool:
        """Bring the first page one step on; False when it must wait."""
        page = self._queue[0]
        if self._begun_s is None:
            return self._begin(page, now_s)
        if self._cut_at_s is not None:
            if now_s < self._cut_at_s:
                return False
            self._queue.popleft()
            self._begun_s = self._cut_at_s = None
            self._say(ql_status.COMPLETED, ql_status.PRINTING)
            self._say(ql_status.PHASE_CHANGE, ql_status.RECEIVING)
            return True
        out_mm = (now_s - self._begun_s) * SPEED_MM_S
        need_mm = _roll_mm(page)
        if min(out_mm, need_mm) > self.roll_mm:
            self._run_out(page)
            return False
        if out_mm < need_mm:
            return False
        self.roll_mm -= need_mm
        self.pages_printed += 1
        self._record("printed", page, len(page.rows))
        self._cut_at_s = self._begun_s + need_mm / SPEED_MM_S + CUT_S
        return True

    def _begin(self, page: raster.Page, now_s: float) -> bool:
        if self.cover_open or self._errors or self._latched:
            return False
        if self.refuses_without_cause:
            self.refuses_without_cause, self._latched = False, True
            self._queue.popleft()
            self._say(ql_status.ERROR, ql_status.PRINTING)
            return True
        if self.roll_mm <= 0:
            self._errors.add("no_media")
            self._say(ql_status.ERROR, ql_status.PRINTING)
            return False
        if not self._fits(page):
            if self.lies_about_media:
                self._queue.popleft()
                self._say(ql_status.COMPLETED, ql_status.PRINTING)
                self._say(ql_status.PHASE_CHANGE, ql_status.RECEIVING)
                return True
            self._errors.add("replace_media")
            self._say(ql_status.ERROR, ql_status.PRINTING)
            return False
        self._begun_s = now_s + START_S
        self._say(ql_status.PHASE_CHANGE, ql_status.PRINTING)
        return True

    def _run_out(self, page: raster.Page) -> None:
        rows = int(len(page.rows) * self.roll_mm / _roll_mm(page))
        self._record("partial", page, rows, why="end_of_media")
        self.roll_mm = 0.0
        self._begun_s = None
        self._errors.add("end_of_media")
        self._say(ql_status.ERROR, ql_status.PRINTING)

    def _break_off(self, why: str) -> None:
        """Stop the page in work where it is; before the cut it counts as printed, and is only cut late."""
        if self._begun_s is None or not self._queue:
            return
        page = self._queue[0]
        if self._cut_at_s is not None:
            self._cut_at_s = self._begun_s = None
            self._queue.popleft()
            return
        out_mm = max(0.0, min((self._clock() - self._begun_s) * SPEED_MM_S, self.roll_mm, _roll_mm(page)))
        rows = int(len(page.rows) * out_mm / _roll_mm(page))
        if rows:
            self._record("partial", page, rows, why=why)
            self.roll_mm -= out_mm
        self._begun_s = None

    def _fits(self, page: raster.Page) -> bool:
        wanted = page.header
        red_wanted = page.two_color == (self._color_code == 0x81)
        return red_wanted and (wanted.media_type, wanted.width_mm, wanted.length_mm) == self._media

    def _phase(self) -> int:
        return ql_status.PRINTING if self._queue and not self._latched else ql_status.RECEIVING

    def _shown_errors(self) -> tuple[str, ...]:
        return (*sorted(self._errors - {"no_media"}), *(("cover_open",) if self.cover_open else ()))

    def _say(self, kind: int, phase: int, notification: int = 0) -> None:
        self._outgoing += self._packet(kind, phase, notification)

    def _packet(self, kind: int, phase: int, notification: int = 0) -> bytes:
        hidden = self.roll_mm <= 0 or (self.cover_open and self.cover_hides_media)
        return ql_status.encode(
            series=self._series, model_code=self._code, errors=self._shown_errors(), kind=kind, phase=phase,
            media=(0, 0, 0) if hidden else self._media, notification=notification, color_code=self._color_code,
        )  # fmt: skip

    def _record(self, kind: str, page: raster.Page, rows: int, **more: str) -> None:
        """Journal what came out; the picture's hash is over its raw 1-bit rows."""
        picture = page.picture(rows)
        number = self.pages_printed
        path = ""
        if self._out_dir is not None:
            name = f"page-{number:04d}.png" if kind == "printed" else f"partial-{number + 1:04d}-{rows}.png"
            path = str(self._out_dir / name)
            part = self._out_dir / f".{name}"  # a page is in the tray whole, or not at all
            picture.save(part)
            part.rename(path)
        self._note(
            kind, page=number, png=path, pixels_sha256=hashlib.sha256(picture.tobytes()).hexdigest(), rows=rows,
            mm=round(_roll_mm(page) * rows / max(1, len(page.rows)), 1), media=page.header.media, **more,
        )  # fmt: skip

    def _note(self, kind: str, **facts: object) -> None:
        self._journal({"kind": kind, "t_s": round(self._clock(), 3), "roll_mm": round(self.roll_mm, 1), **facts})


def _roll_mm(page: raster.Page) -> float:
    """Roll that the page takes; between two die-cut labels there is a gap."""
    return page.length_mm + (LABEL_GAP_MM if page.header.length_mm else 0.0)
