"""Where one box of a job ends: the next box, a rest that is not there, a count that begins anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station import items, parcels, scans
from agent.station.facts import CartonTold, JobChanged, JobShort
from agent.station.records import SaveJob

if TYPE_CHECKING:
    from agent.station.events import RestDecided
    from agent.station.facts import CartonOutcome
    from agent.station.state import Cut, Packing, Turn
    from agent.station.values import JobState, Parcel, SuggestedCarton


def cut(turn: Turn, how: Cut) -> None:
    """The packer says that this box is full (`next`), or that the rest is not there (`short`): it ends with its scans.

    A parcel that was judged with more in it is void, and judged anew by what was scanned.
    """
    packing = turn.state.packing(turn.state.at_hand)
    if packing is None:
        turn.say("items.no-job")
        return
    parcel, all_of_it = scans.on_bench(turn.state, packing), scans.to_pack(turn.state, packing)
    have = scans.scanned(turn.state, packing)
    box = turn.state.box
    if packing.short and how == "short":  # said before, and the OMS decides
        turn.say("card.no-effect", "SHORT")
    elif box is None and how == "short" and not have and all_of_it:
        _void_all(turn, [one for one in turn.state.parcels_of_job(packing.job) if not one.visit])
        tell_short(turn, turn.state.packing(packing.job) or packing)
    elif not have:
        turn.save_packing(replace(packing, required=tuple(all_of_it)))
        turn.say("items.scan-first")
    elif not items.minus(all_of_it, items.pieces(have)):
        turn.say("items.all-in")
    else:
        early = [one for one in turn.state.parcels_of_job(packing.job) if not one.visit]
        _void_all(turn, [parcel] if parcel is not None else early)
        packing = turn.state.packing(packing.job) or packing
        turn.save_packing(replace(packing, items=have, cut=how, asked=None))
        if box is not None and (parcel is not None or not box.parcel):
            turn.box(replace(box, parcel="", job=packing.job, notice="", proofs=0))


def _void_all(turn: Turn, of_it: list[Parcel]) -> None:
    for parcel in of_it:
        parcels.void(turn, parcel, "parcel.split")


def packed_anew(turn: Turn, packing: Packing, parcel: Parcel) -> Packing:
    """A parcel came back with another weight: it is void, and its items are in the box that stands there now."""
    rest = packing.rest
    parcels.void(turn, parcel, "parcel.repacked")
    packing = turn.state.packing(packing.job) or packing
    return turn.save_packing(replace(packing, items=parcel.items, carton=parcel.carton, cut="next" if rest else ""))


def judged(turn: Turn, packing: Packing) -> None:
    """A parcel took what is in the box: what is left waits for the next one, or is short."""
    rest = items.minus(dict(packing.rest), scans.in_box(packing))
    split = packing.split or bool(rest)
    left = turn.save_packing(replace(
        packing, rest=tuple(rest.items()), items=(), asked=None, cut="", split=split, carton="", unplaced=(),
        unscanned=(), steps=0, scan_ms=0, required=tuple(rest) if split else packing.required))
    if packing.cut == "short" and rest:
        tell_short(turn, left)


def tell_short(turn: Turn, packing: Packing) -> None:
    """The rest of a job is not there: the OMS decides; what is packed of it goes its way."""
    turn.save_packing(replace(packing, short=True))
    rest = items.manifest(dict(packing.rest), ())
    turn.tell(JobShort(job=packing.job, rev=packing.rev, rest=rest, boot=turn.state.boot, at_ms=turn.state.now_ms,
                       packer=turn.state.packer))
    _keep_job(turn, packing.job, packing.rev, "held", "job.short")


def decide_rest(turn: Turn, event: RestDecided) -> None:
    """Do what the OMS decided about the rest of a job: it stays open, or it is none of this job's any more."""
    packing, known = turn.state.packing(event.job), event.known
    if packing is None or not packing.short or known is None:
        state: JobState = known.state if known is not None else "rejected"
        turn.tell(JobChanged(job=event.job, rev=known.rev if known is not None else 0, state=state,
                             code="job.not-short"))
        return
    code = {"keep": "job.rest-kept", "cancel": "job.rest-cancelled", "backorder": "job.rest-backordered"}[event.rest]
    if event.rest == "keep":
        turn.save_packing(replace(packing, short=False))
        _keep_job(turn, event.job, known.rev, "open", code)
        return
    turn.save_packing(replace(packing, short=False, rest=(), items=(), asked=None, cut=""))
    box = turn.state.box
    if box is not None and box.job == event.job:
        turn.box(replace(box, job="", notice=""))
    if turn.state.parcels_of_job(event.job):
        _keep_job(turn, event.job, known.rev, "open", code)
        return
    turn.drop_packing(event.job)
    _keep_job(turn, event.job, known.rev, "packed" if known.gone else "cancelled", code)


def _keep_job(turn: Turn, job: str, rev: int, state: JobState, code: str) -> None:
    turn.records.append(SaveJob(job, rev, state))
    turn.tell(JobChanged(job=job, rev=rev, state=state, code=code))


def count_again(turn: Turn) -> None:
    """Forget what was scanned into this box: each piece of it is scanned anew."""
    packing = turn.state.packing(turn.state.at_hand)
    if packing is None:
        turn.say("items.no-job")
        return
    parcel, box = scans.on_bench(turn.state, packing), turn.state.box
    if parcel is not None and box is not None:
        parcels.void(turn, parcel, "parcel.counted-again")
        turn.box(replace(box, parcel="", job=packing.job, notice="items.to-scan", proofs=0))
    packing = turn.state.packing(packing.job) or packing
    turn.save_packing(replace(packing, items=(), asked=None, cut="", unplaced=(), unscanned=(),
                              required=tuple(scans.to_pack(turn.state, packing))))
    turn.say("items.counting-again")


def carton(turn: Turn, outcome: CartonOutcome, name: str, advised: SuggestedCarton | None) -> None:
    """The packer says that the suggested carton did not hold the items, or which one was taken; both teach."""
    packing = turn.state.packing(turn.state.at_hand)
    if packing is None:
        turn.say("items.no-job")
        return
    parcel = scans.on_bench(turn.state, packing)
    if name and parcel is not None:
        same = name == parcel.carton
        turn.save_parcel(replace(parcel, carton=name, outer_mm=parcel.outer_mm if same else None,
                                 tare=parcel.tare if same else None), told=False)
    elif name:
        turn.save_packing(replace(packing, carton=name))
    turn.tell(CartonTold(
        job=packing.job, outcome=outcome, carton=name, suggested=advised.carton if advised else "",
        boot=turn.state.boot, at_ms=turn.state.now_ms,
        contents=items.manifest(scans.to_pack(turn.state, packing), ()), packer=turn.state.packer))
    turn.say(f"carton.{outcome}", name)
