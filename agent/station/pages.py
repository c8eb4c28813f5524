"""The print ledger: a page is queued, sending, printed, not printed, in doubt or void; never twice silently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from agent.station.events import SendPage
from agent.station.facts import PrintChanged
from agent.station.state import Broken, proof_mark
from agent.station.values import Print

if TYPE_CHECKING:
    from agent.station.state import State, Turn
    from agent.station.values import Role
    from firmware_config.settings import Settings


# What a page usually takes off the roll: a 62x100 label with its margin, a slip of some lines.
PAGE_MM = {"label": 100, "slip": 130, "other": 130}


def queue(turn: Turn, role: Role, job: str, rev: int, paper: str, **more: Any) -> Print:  # noqa: ANN401 (fields of Print)
    """Put a new page into the ledger; it gets its number and proof mark here, once. `more` are fields of Print."""
    number = turn.state.print_no + 1
    turn.state = replace(turn.state, print_no=number)
    page = Print(
        no=number, mark=proof_mark(turn.state.store_id, number), role=role, job=job, rev=rev, paper=paper,
        state="queued", queued_ms=turn.state.now_ms, **more,
    )
    turn.save_page(page)
    return page


def printed(turn: Turn, page: Print, *, settled: str = "") -> None:
    """The page is in somebody's hands: the printer said so, or `settled` says how else it is known."""
    page = replace(page, state="printed", code=settled, ended_ms=turn.state.now_ms)
    turn.save_page(page)
    if settled:
        _tell(turn, page)


def not_printed(turn: Turn, page: Print, code: str) -> None:
    """Not one dot came out: the page waits until the printer works again."""
    turn.save_page(replace(page, state="queued", code=code))
    device = printer_of(turn.config, page.role)
    if not turn.state.is_broken(device):
        turn.state = replace(turn.state, broken=(*turn.state.broken, Broken(device, code, "")))


def doubtful(turn: Turn, page: Print, code: str) -> None:
    """Nobody can tell from here; the camera or the packer will."""
    page = replace(page, state="in-doubt", code=code)
    turn.save_page(page)
    _tell(turn, page)


def refused(turn: Turn, page: Print, code: str) -> None:
    """The page can't be made at all."""
    turn.save_page(replace(page, state="not-printed", code=code, ended_ms=turn.state.now_ms))


def void(turn: Turn, page: Print, code: str) -> None:
    """This page does not count any more, wherever it is."""
    page = replace(page, state="void", code=code, ended_ms=turn.state.now_ms)
    turn.save_page(page)
    _tell(turn, page)


def retire(turn: Turn, page: Print, reason: str) -> None:
    """This page is not wanted any more. One that is under way at the printer becomes void when it has ended."""
    if page.state == "sending":
        turn.save_page(replace(page, code=reason))
    else:
        void(turn, page, reason)


def again(turn: Turn, page: Print, code: str) -> None:
    """Print a page anew: the first does not count any more, and the new one says that it is a copy."""
    void(turn, page, code)
    queue(turn, page.role, page.job, page.rev, page.paper, parcel=page.parcel, copy_of=page.no, batch=page.batch,
          seq=page.seq, urgent=page.urgent)


def send_next(turn: Turn) -> None:
    """Give each idle printer its next page: what a weighed box waits for, then batches in order, then the rest."""
    # A batch goes on only when each of its pages so far is in hand: its order is what the packer works by.
    waits = {batch.id for batch in turn.state.batches}
    waits |= {page.batch for page in turn.state.prints if page.state == "in-doubt" and page.batch}
    for device in printers(turn.config):
        mine = [page for page in turn.state.prints if printer_of(turn.config, page.role) == device]
        if turn.state.is_broken(device) or any(page.state == "sending" for page in mine):
            continue
        queued = [page for page in mine if page.state == "queued" and page.batch not in waits]
        if queued:
            first = min(queued, key=lambda page: (not page.urgent, _first_of(page, queued), page.seq, page.no))
            page = replace(first, state="sending", code="")
            turn.save_page(page)
            turn.effects.append(SendPage(page))


def roll_short_mm(turn_state: State, config: Settings) -> dict[str, tuple[int, int]]:
    """Return (needed, left) millimetres of each printer whose waiting pages need more than its roll has left."""
    short: dict[str, tuple[int, int]] = {}
    for roll in turn_state.rolls:
        needed_mm = sum(PAGE_MM[page.role] for page in turn_state.prints
                        if page.state == "queued" and printer_of(config, page.role) == roll.device)
        if needed_mm > roll.left_mm:
            short[roll.device] = (needed_mm, roll.left_mm)
    return short


def _first_of(page: Print, queued: list[Print]) -> int:
    """Return the number of the oldest page of this page's batch: a batch is printed as one piece."""
    return min(other.no for other in queued if other.batch == page.batch) if page.batch else page.no


def printers(config: Settings) -> tuple[str, ...]:
    """Return the printers' names: `printer`, or `printer[0]`, `printer[1]` where there are several."""
    count = len(config.printer)
    return ("printer",) if count == 1 else tuple(f"printer[{n}]" for n in range(count))


def printer_of(config: Settings, role: Role) -> str:
    """Return the name of the printer for a role; empty where the station has none for it."""
    wanted = "slip" if role == "other" else role
    names = printers(config)
    return next((name for name, one in zip(names, config.printer, strict=True) if wanted in one.role), "")


def _tell(turn: Turn, page: Print) -> None:
    turn.tell(PrintChanged(
        mark=page.mark, role=page.role, job=page.job, state=page.state, parcel=page.parcel, code=page.code,
    ))
