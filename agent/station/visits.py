"""One box's stay on the platform: weighed, recognised, judged, and its label seen on it.

Codes of the last box can't touch the next: every question carries its visit, and every answer returns it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station import pages, parcels, rules
from agent.station.facts import WrongLabel
from agent.station.state import Box

if TYPE_CHECKING:
    from agent.station.events import CodesSeen, KnownJob, WeightStable
    from agent.station.state import Turn
    from agent.station.values import Parcel, Print

# In how many pictures a box's own label must be seen on it before that is a proof.
PROOFS_NEEDED = 2


def load_appeared(turn: Turn) -> None:
    """Something lies on the platform: a new visit begins, unless one is under way."""
    if turn.state.box is None:
        number = turn.state.visit + 1
        turn.state = replace(turn.state, visit=number, box=Box(visit=number))


def weight_stable(turn: Turn, event: WeightStable) -> None:
    """The load is still. Before the box is judged this is its gross; after that it must stay the same."""
    load_appeared(turn)
    box = turn.state.box
    assert box is not None
    if not box.parcel:
        turn.box(replace(box, gross=event.gross, notice="" if box.notice.startswith("scale.") else box.notice))
        return
    parcel = turn.state.parcel(box.parcel)
    if parcel is None:
        return
    if not rules.same_weight(event.gross, parcel.gross, turn.config):
        if "parcel.weight-changed" not in parcel.reasons:
            parcels.hold(turn, parcel, ("parcel.weight-changed",))
    elif parcel.reasons == ("parcel.weight-changed",):
        parcels.release(turn, parcel)


def platform_cleared(turn: Turn) -> None:
    """The box was lifted; a label that was not seen on it leaves its parcel unproven."""
    box = turn.state.box
    turn.box(None)
    parcel = turn.state.parcel(box.parcel) if box is not None else None
    if parcel is not None and parcel.state == "labelled":
        parcels.lifted(turn, parcel)


def codes_seen(turn: Turn, event: CodesSeen) -> None:
    """The camera or a scanner read something: settle doubts, then find out whose box this is."""
    for page, _ in event.prints:
        doubt = turn.state.page(page.no)
        if doubt is not None and doubt.state == "in-doubt" and page.mark in event.codes:
            came_out(turn, doubt, settled="print.seen")
    box = turn.state.box
    if box is None or (event.visit != box.visit and not event.scanned) or box.gross is None:
        return
    if event.photo_sha256:
        box = replace(box, photo_sha256=event.photo_sha256)
        turn.box(box)
    labels = _labels(turn, event)
    slips = {known.id for known in event.jobs} | {page.job for page, _ in event.prints if page.role != "label"}
    if not box.parcel:
        _recognise(turn, box, event, labels, slips)
        return
    parcel = turn.state.parcel(box.parcel)
    if parcel is not None:
        _prove(turn, box, parcel, labels, slips)


def came_out(turn: Turn, page: Print, *, settled: str = "") -> None:
    """A page is in somebody's hands; a label that is makes its parcel labelled."""
    pages.printed(turn, page, settled=settled)
    if page.role == "label":
        parcels.labelled(turn, page)


def _labels(turn: Turn, event: CodesSeen) -> list[tuple[Print, Parcel]]:
    """Return the valid labels in sight, with their parcels as they are now."""
    found = []
    for page, _ in event.prints:
        parcel = turn.state.parcel(page.parcel)
        if page.role == "label" and parcel is not None and parcel.print_no == page.no:
            found.append((page, parcel))
    return found


def _recognise(
    turn: Turn, box: Box, event: CodesSeen, labels: list[tuple[Print, Parcel]], slips: set[str]
) -> None:
    """A box nobody knows yet: it comes back with its label on, or it is some open job's new parcel."""
    assert box.gross is not None
    if len(labels) > 1:
        turn.box(replace(box, notice="box.two-labels"))
    elif labels:
        parcel = labels[0][1]
        if slips - {parcel.job} or not rules.same_weight(box.gross, parcel.gross, turn.config):
            _wrong_label(turn, box, parcel, "/".join(sorted(slips - {parcel.job})))
        else:
            box = replace(box, parcel=parcel.id, notice="", proofs=0)
            turn.box(box)
            _prove(turn, box, parcel, labels, slips)
    else:
        _match(turn, box, event)


def _match(turn: Turn, box: Box, event: CodesSeen) -> None:
    assert box.gross is not None
    workable = [known for known in event.jobs if known.state in ("open", "held") and known.job is not None]
    if len(workable) != 1:
        turn.box(replace(box, notice=_why_no_job(event, workable)))
        return
    known = workable[0]
    assert known.job is not None
    under_way = turn.state.parcel_of_job(known.id)
    if under_way is not None and rules.same_weight(box.gross, under_way.gross, turn.config):
        turn.box(replace(box, parcel=under_way.id, notice=""))
        return
    if under_way is not None:
        parcels.void(turn, under_way, "parcel.repacked")
    parcel = parcels.judge(turn, known, known.job, box.visit, box.gross, event.dims, box.photo_sha256)
    turn.box(replace(box, parcel=parcel.id, notice=""))


def _why_no_job(event: CodesSeen, workable: list[KnownJob]) -> str:
    if len(workable) > 1:
        return "box.two-jobs"
    if event.jobs:
        return f"job.{event.jobs[0].state}"
    return "box.unmatched"


def _prove(turn: Turn, box: Box, parcel: Parcel, labels: list[tuple[Print, Parcel]], slips: set[str]) -> None:
    """The box is known: its own label on it is the proof, another's is an alarm."""
    strangers = [other for _, other in labels if other.id != parcel.id]
    if strangers:
        _wrong_label(turn, box, strangers[0], parcel.job)
        return
    mine = any(other.id == parcel.id for _, other in labels)
    if not mine or slips - {parcel.job} or parcel.state not in ("labelled", "unproven"):
        return
    box = replace(box, proofs=box.proofs + 1, notice="")
    turn.box(box)
    if box.proofs >= PROOFS_NEEDED:
        parcels.close(turn, replace(parcel, photo_sha256=box.photo_sha256 or parcel.photo_sha256))


def _wrong_label(turn: Turn, box: Box, parcel: Parcel, found_on: str) -> None:
    """A label is on a box that it does not belong to; told once a visit."""
    if box.notice == "label.wrong-box" and box.subject == parcel.id:
        return
    turn.box(replace(box, notice="label.wrong-box", subject=parcel.id, proofs=0))
    assert box.gross is not None
    turn.tell(WrongLabel(
        parcel=parcel.id, found_on=found_on, visit_key=f"{turn.state.boot}-{box.visit}", gross=box.gross,
    ))
