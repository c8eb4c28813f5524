"""The print ledger: a page is queued, sending, printed, not printed, in doubt or void; never twice silently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from agent.station.facts import PrintChanged
from agent.station.records import SendPage
from agent.station.state import Broken, proof_mark
from agent.station.values import Print

if TYPE_CHECKING:
    from agent.station.events import PageWarned
    from agent.station.state import Turn
    from agent.station.values import Role
    from firmware_config.settings import Settings


# What was left out is told in so many characters at the most.
LONGEST_DETAIL = 500


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


def warned(turn: Turn, event: PageWarned) -> None:
    """The page is printed without something that was wanted on it: the OMS hears what."""
    page = turn.state.page(event.print_no)
    if page is not None and page.state == "sending":
        turn.tell(PrintChanged(mark=page.mark, role=page.role, job=page.job, state=page.state, parcel=page.parcel,
                               code=event.code, detail=event.detail[:LONGEST_DETAIL]))


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
          seq=page.seq, urgent=page.urgent, about_mm=page.about_mm)


def send_next(turn: Turn) -> None:
    """Give each idle printer its next page: what a weighed box waits for, then batches in order, then the rest."""
    # A batch goes on only when each of its pages so far is in hand: its order is what the packer works by.
    waits = {batch.id for batch in turn.state.batches}
    waits |= {page.batch for page in turn.state.prints if page.state == "in-doubt" and page.batch}
    for device, printer in zip(printers(turn.config), turn.config.printer, strict=False):
        mine = [page for page in turn.state.prints if printer_of(turn.config, page.role) == device]
        if turn.state.is_broken(device) or any(page.state == "sending" for page in mine):
            continue
        queued = [page for page in mine if page.state == "queued" and page.batch not in waits]
        if queued:
            page = replace(in_order(queued, printer.role)[0], state="sending", code="")
            turn.save_page(page)
            turn.effects.append(SendPage(page))


def in_order(queued: list[Print], roles: tuple[str, ...]) -> list[Print]:
    """Return pages of one printer as they are printed. A batch is one piece, and so is a job; the oldest comes first.

    Within a job the printer's roles say which half of the pair comes first, in the order that the settings name them.
    What is printed anew comes in the place of its first print, though its number is younger.
    """
    oldest: dict[tuple[str, str], int] = {}
    for page in queued:
        number = page.copy_of or page.no
        oldest[_piece(page)] = min(number, oldest.get(_piece(page), number))
    return sorted(queued, key=lambda page: (not page.urgent, oldest[_piece(page)], page.seq,
                                            roles.index(_role_printing(page.role)), page.no))


def _piece(page: Print) -> tuple[str, str]:
    return page.batch, "" if page.batch else page.job


def printers(config: Settings) -> tuple[str, ...]:
    """Return the printers' names: `printer`, or `printer[0]`, `printer[1]` where there are several."""
    count = len(config.printer)
    return ("printer",) if count == 1 else tuple(f"printer[{n}]" for n in range(count))


def printer_of(config: Settings, role: Role) -> str:
    """Return the name of the printer for a role; empty where the station has none for it."""
    wanted = _role_printing(role)
    names = printers(config)
    return next((name for name, one in zip(names, config.printer, strict=True) if wanted in one.role), "")


def _role_printing(role: Role) -> Literal["slip", "label"]:
    """Return which role of a printer prints pages of this role."""
    return "label" if role == "label" else "slip"


def _tell(turn: Turn, page: Print) -> None:
    turn.tell(PrintChanged(
        mark=page.mark, role=page.role, job=page.job, state=page.state, parcel=page.parcel, code=page.code,
    ))
