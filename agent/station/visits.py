"""One box's stay on the platform: weighed, recognised, judged, and its label seen on it.

Codes of the last box can't touch the next: every question carries its visit, and every answer returns it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from agent.station import boxes, cards, items, pages, parcels, rules, scans, sights
from agent.station.commands import Command, card_of
from agent.station.facts import WrongLabel
from agent.station.state import Box

if TYPE_CHECKING:
    from agent.station.events import CodesSeen, LoadChanged, PlatformTroubled, WeightStable
    from agent.station.state import Packing, Turn
    from agent.station.values import Dimensions, KnownJob, Parcel, Print, Weight

# In how many pictures a box's own label must be seen on it before that is a proof.
PROOFS_NEEDED = 2
# How long a box without a code stands still before it counts as the one whose items were just scanned.
SLIP_PATIENCE_MS = 2_000


@dataclass(frozen=True, slots=True)
class Sight:
    """What one picture shows of the box on the platform: valid labels on it with their parcels, and jobs of slips.

    `beside` are the parcels whose valid label is in sight, but not on the box.
    """

    box: Box
    gross: Weight
    event: CodesSeen
    labels: list[tuple[Print, Parcel]]
    slips: frozenset[str]
    beside: frozenset[str] = frozenset()

    @property
    def dims(self) -> Dimensions | None:
        """What is known of the box's size so far."""
        return parcels.BEING_MEASURED if self.event.dims is None and self.event.measuring else self.event.dims


def load_appeared(turn: Turn) -> Box:
    """Something lies on the platform: a new visit begins, unless one is under way. Returns what stands there."""
    box = turn.state.box
    if box is None:
        box = Box(visit=turn.state.visit + 1)
        turn.state = replace(turn.state, visit=box.visit, box=box, bare=False)
        scans.box_changed(turn)
    return box


def weight_stable(turn: Turn, event: WeightStable) -> None:
    """The load is still. Before the box is judged this is its gross; after that it must stay the same."""
    box = load_appeared(turn)
    if not box.parcel:
        notice = "" if box.notice.startswith("scale.") else box.notice
        turn.box(replace(box, gross=event.gross, notice=notice, since_ms=box.since_ms or turn.state.now_ms))
        packing = turn.state.packing(box.job)
        if packing is not None and box.gross is not None:
            sd_g = hypot(box.gross.u95_g, event.gross.u95_g) / 2
            scans.weight_step(turn, packing, event.gross.value_g - box.gross.value_g, sd_g)
        return
    parcel = turn.state.parcel(box.parcel)
    if parcel is None:
        return
    if not rules.same_weight(event.gross, parcel.gross, turn.config):
        packing = turn.state.packing(parcel.job)
        if packing is not None and parcel.reasons == ("parcel.contents-doubtful",):  # the packer mends it
            boxes.packed_anew(turn, packing, parcel)
            turn.box(replace(box, gross=event.gross, parcel="", job=parcel.job, notice="", proofs=0))
        elif "parcel.weight-changed" not in parcel.reasons:
            parcels.hold(turn, parcel, ("parcel.weight-changed",))
    elif parcel.reasons == ("parcel.weight-changed",):
        parcels.release(turn, parcel)


def load_changed(turn: Turn, event: LoadChanged) -> None:
    """Something came to the box or left it. Before it is judged that is how boxes are packed; after that it is told."""
    box = turn.state.box
    if box is None:
        return
    changed_g, notice = box.changed_g + event.delta_g if box.parcel else 0.0, box.notice
    done = bool(box.parcel) and turn.state.parcel(box.parcel) is None
    if done and notice in ("", "scale.added", "scale.removed"):  # its weight went out to the OMS
        back = abs(changed_g) <= turn.config.station.weight_step_g
        notice = "" if back else "scale.added" if changed_g > 0 else "scale.removed"
    turn.box(replace(box, changed_g=changed_g, notice=notice))


def platform_troubled(turn: Turn, event: PlatformTroubled) -> None:
    """What stands there can't be weighed. While a label is stuck on it hands press and lean: that is no trouble."""
    box = load_appeared(turn)
    done = bool(box.parcel) and turn.state.parcel(box.parcel) is None
    if not box.parcel or (done and event.code == "scale.left-on"):
        turn.box(replace(box, notice=event.code))


def platform_cleared(turn: Turn) -> None:
    """The box was lifted; a label that was not seen on it leaves its parcel unproven."""
    box = turn.state.box
    turn.state = replace(turn.state, box=None, bare=True)
    scans.box_changed(turn)
    parcel = turn.state.parcel(box.parcel) if box is not None else None
    if box is None or parcel is None or parcel.state != "labelled":
        return
    if box.proofs >= PROOFS_NEEDED:  # only its size was still missing
        parcels.close(turn, parcel)
    else:
        parcels.lifted(turn, parcel)


def codes_seen(turn: Turn, event: CodesSeen) -> None:
    """The camera or a scanner read something: settle doubts, then find out whose box this is."""
    if event.scanned and turn.state.told is not None:
        turn.state = replace(turn.state, told=None)
    fresh = sights.arrived(turn, event)
    scans.seen(turn, event, fresh)
    _settle_by_scans(turn)
    for card in cards.among(fresh):
        if card.command is Command.PRINTED and turn.state.doubt is not None:
            came_out(turn, turn.state.doubt, settled="print.packer-has-it")
        else:
            cards.obey(turn, card, event)
    for page, _ in event.prints:
        doubt = turn.state.page(page.no)
        if doubt is not None and doubt.state == "in-doubt" and page.mark in event.codes:
            came_out(turn, doubt, settled="print.seen")
    box = turn.state.box
    if box is None and event.scanned:
        for _, labelled in _labels(turn, event):
            if labelled.state == "unproven":
                parcels.close(turn, labelled)
    if box is None or (event.visit != box.visit and not event.scanned):
        return
    gross = box.gross
    if gross is None:
        return
    event = replace(event, codes=tuple(code for code in event.codes if card_of(code) is None))
    if event.photo_sha256:
        box = replace(box, photo_sha256=event.photo_sha256)
        turn.box(box)
    slips = {known.id for known in event.jobs} | {page.job for page, _ in event.prints if page.role != "label"}
    labels = _labels(turn, event)
    on_it = [(page, parcel) for page, parcel in labels if _is_on_box(event, page, parcel)]
    beside = {parcel.id for _, parcel in labels} - {parcel.id for _, parcel in on_it}
    sight = Sight(box, gross, event, on_it, frozenset(slips), frozenset(beside))
    parcel = turn.state.parcel(box.parcel)
    if not box.parcel:
        _recognise(turn, sight)
    elif parcel is not None:
        _prove(turn, sight, _sized(turn, parcel, event.dims))


def all_right(turn: Turn) -> None:
    """The packer looked at a box whose weight is doubtful: it is right, and that teaches."""
    box = turn.state.box
    parcel = turn.state.parcel(box.parcel) if box is not None else None
    if parcel is not None and parcel.reasons == ("parcel.contents-doubtful",):
        parcels.release(turn, parcel)


def _settle_by_scans(turn: Turn) -> None:
    """A box is too light, but each of its pieces was scanned: nothing is missing. Too heavy, a stranger may be in."""
    parcel = turn.state.parcel(turn.state.box.parcel) if turn.state.box is not None else None
    if parcel is not None and parcel.finding is not None and parcel.finding.off_g < 0 and parcel.items and (
            items.pieces(parcel.items) == dict(parcel.contents)):
        all_right(turn)


def _sized(turn: Turn, parcel: Parcel, dims: Dimensions | None) -> Parcel:
    """Return the parcel with its size, if that came just now."""
    if dims is None or parcel.dims != parcels.BEING_MEASURED:
        return parcel
    parcel = replace(parcel, dims=dims)
    turn.save_parcel(parcel, told=False)
    return parcel


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


def _is_on_box(event: CodesSeen, page: Print, parcel: Parcel) -> bool:
    """True when at least one of a label's codes is on the box, or the packer scanned it."""
    its = {code for code in event.codes
           if code in (page.mark, parcel.tracking) or (parcel.sscc and parcel.sscc in code)}
    return not its or bool(its - set(event.beside))


def _is_later(turn: Turn, event: CodesSeen, page: Print) -> bool:
    """True when a look began after this page had come out: a code that was in sight before is not on this paper.

    A page whose end lies in the future ended in another life of the station, before its clock began anew.
    """
    return page.state == "printed" and (page.ended_ms <= event.at_ms or page.ended_ms > turn.state.now_ms)


def _recognise(turn: Turn, sight: Sight) -> None:
    """A box nobody knows yet: it comes back with its label on, or it is some open job's new parcel."""
    if len(sight.labels) > 1:
        turn.box(replace(sight.box, notice="box.two-labels"))
        return
    if not sight.labels:
        _match(turn, sight)
        box = turn.state.box
        if sight.beside and box is not None and box.notice == "box.unmatched":
            turn.box(replace(box, notice="label.beside"))
        return
    parcel = sight.labels[0][1]
    strangers = sight.slips - {parcel.job}
    if strangers or (parcel.visit and not rules.same_weight(sight.gross, parcel.gross, turn.config)):
        _wrong_label(turn, sight, parcel, "/".join(sorted(strangers)))
        return
    if not parcel.visit and _must_wait(turn, sight, _packing_of(turn, sight.event, parcel), parcel.job):
        return
    box = replace(sight.box, parcel=parcel.id, notice="", proofs=0)
    turn.box(box)
    if not parcel.visit:
        parcel = parcels.weighed(turn, parcel, box, sight.gross, sight.event, sight.dims)
    _prove(turn, Sight(box, sight.gross, sight.event, sight.labels, sight.slips, sight.beside), parcel)


def _match(turn: Turn, sight: Sight) -> None:
    """Find the one open job that the codes in sight mean."""
    event, box = sight.event, sight.box
    workable = {known.id: known for known in event.jobs if known.state in ("open", "held") and known.job}
    own = _job_at_hand(turn, sight)
    if own is not None and not (event.scanned and workable):
        workable[own.id] = own
    known = next(iter(workable.values())) if len(workable) == 1 else None
    if known is None or known.job is None:
        turn.box(replace(box, notice=_why_no_job(event, len(workable)), job=box.job if workable else ""))
        return
    if turn.closed(known.id):  # what is attached was read before that; the next look knows better
        return
    packing = scans.take_up(turn, known, known.job, event.vouching)
    parcel = _here_already(turn, sight, packing)
    if (parcel is None or not parcel.visit) and _must_wait(turn, sight, packing, known.id):
        return
    if parcel is None and not scans.to_pack(turn.state, packing):
        turn.box(replace(box, notice="box.which-parcel" if turn.state.parcels_of_job(known.id) else "job.packed"))
        return
    if parcel is None and known.job.label_when == "on_request" and _worth_waiting(turn, sight):
        turn.box(replace(box, job=known.id, notice="box.measuring"))  # the label is bought with the size
        return
    if parcel is not None and not parcel.visit:
        parcel = parcels.weighed(turn, parcel, box, sight.gross, event, sight.dims)
    elif parcel is not None and not rules.same_weight(sight.gross, parcel.gross, turn.config):
        packing = boxes.packed_anew(turn, packing, parcel)
        parcel = None
    if parcel is None:
        parcel = parcels.judge(
            turn, known, known.job, packing, sight.gross, visit=box.visit, dims=sight.dims or parcels.NOT_MEASURED,
            photo_sha256=box.photo_sha256, finding=event.finding, **_packed_in(packing, event),
        )
        boxes.judged(turn, packing)
    turn.box(replace(box, parcel=parcel.id, job="", notice=""))


def _packed_in(packing: Packing, event: CodesSeen) -> dict[str, Any]:
    """Return the carton of a box, its outer size and tare: the one that the packer said, else the suggested one."""
    known = event.carton
    if known is not None and packing.carton in ("", known.carton):
        return {"carton": known.carton, "outer_mm": known.outer_mm, "tare": known.tare}
    return {"carton": packing.carton}


def _job_at_hand(turn: Turn, sight: Sight) -> KnownJob | None:
    """Return the job that is being packed when this box is its own: known by its slip earlier, or awaited.

    Awaited is a box without any code that came once its items were scanned: the screen asked for it. A slip that is
    there may not be read in the first pictures.
    """
    event, known = sight.event, sight.event.at_hand
    if known is None or known.job is None or known.state not in ("open", "held"):
        return None
    packing = turn.state.packing(known.id)
    awaited = (packing is not None and bool(packing.items) and not scans.missing(turn.state, packing)
               and not event.jobs and not event.prints
               and turn.state.now_ms - sight.box.since_ms >= SLIP_PATIENCE_MS)
    return known if sight.box.job == known.id or (not sight.box.job and awaited) else None


def _packing_of(turn: Turn, event: CodesSeen, parcel: Parcel) -> Packing | None:
    """A label that was printed before packing brings its job to hand."""
    known = event.at_hand
    if known is not None and known.id == parcel.job and known.job is not None and known.state in ("open", "held"):
        return scans.take_up(turn, known, known.job, event.vouching)
    return turn.state.packing(parcel.job)


def _must_wait(turn: Turn, sight: Sight, packing: Packing | None, job: str) -> bool:
    """True while items of the box are still to be scanned, or the last one may still be on its way into it."""
    if packing is None:
        return False
    eyes = sum(broken.device.startswith("camera") for broken in turn.state.broken) < len(turn.config.camera)
    notice = ""
    if scans.missing(turn.state, packing):
        notice = "items.to-scan"
    elif not eyes or not (scans.may_settle(turn, packing) or (sight.event.scanned and sight.box.job)):
        return False
    turn.box(replace(sight.box, job=job, notice=notice))
    return True


def _here_already(turn: Turn, sight: Sight, packing: Packing) -> Parcel | None:
    """Return the parcel that came back, or that was labelled first; None where this box is the job's next parcel."""
    known = turn.state.parcels_of_job(packing.job)
    early = [parcel for parcel in known if not parcel.visit]
    if packing.items and not early:
        return None
    same = [parcel for parcel in known if rules.same_weight(sight.gross, parcel.gross, turn.config)]
    if early or same:
        return (early or same)[0]
    return known[0] if len(known) == 1 and not packing.rest else None


def _worth_waiting(turn: Turn, sight: Sight) -> bool:
    """True while the box's size may still come before the packer loses patience."""
    return (sight.event.measuring
            and turn.state.now_ms - sight.box.since_ms < turn.config.station.size_patience_s * 1000)


def _why_no_job(event: CodesSeen, workable: int) -> str:
    if workable > 1:
        return "box.two-jobs"
    if event.jobs:
        return f"job.{event.jobs[0].state}"
    return "box.unmatched"


def _prove(turn: Turn, sight: Sight, parcel: Parcel) -> None:
    """The box is known: its own label on it is the proof, another's is an alarm until it is gone."""
    strangers = [other for _, other in sight.labels if other.id != parcel.id]
    if strangers:
        _wrong_label(turn, sight, strangers[0], parcel.job)
        return
    box = replace(sight.box, notice="") if sight.event.codes else sight.box
    mine = any(_is_later(turn, sight.event, page) for page, _ in sight.labels) and not sight.slips - {parcel.job}
    if not mine or parcel.state not in ("labelled", "unproven"):
        aside = parcel.id in sight.beside and parcel.state in ("labelled", "unproven")
        turn.box(replace(box, notice="label.beside", proofs=0) if aside else box)
        return
    box = replace(box, proofs=box.proofs + 1)
    proven = box.proofs >= PROOFS_NEEDED or sight.event.scanned
    if proven and parcel.dims == parcels.BEING_MEASURED and _worth_waiting(turn, sight):
        turn.box(replace(box, notice="box.measuring"))
        return
    turn.box(box)
    if proven:
        parcels.close(turn, replace(parcel, photo_sha256=box.photo_sha256 or parcel.photo_sha256))


def _wrong_label(turn: Turn, sight: Sight, parcel: Parcel, found_on: str) -> None:
    """A label is on a box that it does not belong to; told once a visit."""
    box = sight.box
    if box.notice == "label.wrong-box" and box.subject == parcel.id:
        return
    turn.box(replace(box, notice="label.wrong-box", subject=parcel.id, proofs=0))
    if box.subject != parcel.id:
        turn.tell(WrongLabel(
            parcel=parcel.id, found_on=found_on, visit_key=f"{turn.state.boot}-{box.visit}", gross=sight.gross,
        ))
