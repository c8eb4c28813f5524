"""A parcel's life: judged, labelled, proven, closed; or held, released, void."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import replace

from agent.station import pages, pool, rules, scans, tariffs
from agent.station.facts import JobChanged, LabelWanted, StockMoved
from agent.station.items import manifest, plus
from agent.station.records import SaveJob
from agent.station.values import Dimensions, Parcel, Weight, unmeasured

if TYPE_CHECKING:
    from agent.station.events import CodesSeen
    from agent.station.state import Box, Packing, Turn
    from agent.station.values import Job, JobState, KnownJob, Paper, Print, Wants

# The paper id of the slip that a parcel wears until its label is here.
WAITING_SLIP = "waiting"
OUTDATED = "parcel.label-outdated"
WANTS_NEW = "print.packer-wants-new"
BEING_MEASURED = unmeasured("camera.measuring")
NOT_IN_TIME = unmeasured("camera.not-in-time")
NOT_MEASURED = unmeasured("camera.not-calibrated")


def new(turn: Turn, known: KnownJob | None, job: Job, number: int, gross: Weight,
        **more: Any) -> Parcel:  # noqa: ANN401 (fields of Parcel)
    """Return the parcel `number` of a job, open and not kept yet. `more` are fields of Parcel."""
    labels = rules.papers_of_role(job.papers, "label")
    used = {one.label for one in turn.state.parcels_of_job(job.job)} | set(known.labels if known is not None else ())
    label = rules.label_of(job, used)
    wants: Wants = "job" if label else "request" if labels else "none"
    return Parcel(
        id=f"{job.job}/{number}", job=job.job, rev=job.rev, state="open", gross=gross,
        wants="request" if job.label_when == "on_request" else wants, label=label.id if label is not None else "",
        reissue=label is not None and label.reprint == "reissue",
        tracking=tracking_of((label,) if label is not None else ()), packer=turn.state.packer,
        sscc=job.sscc[number - 1] if number <= len(job.sscc) else pool.next_sscc(turn) if labels else "",
        max_gross_g=0.0 if job.verify.max_gross_g is UNSET else job.verify.max_gross_g,
        proof=turn.config.station.proof if job.verify.proof is UNSET else job.verify.proof,
        tariff=None if job.tariff is UNSET else job.tariff, **more,
    )


def judge(turn: Turn, known: KnownJob, job: Job, packing: Packing, gross: Weight,
          **seen: Any) -> Parcel:  # noqa: ANN401 (fields of Parcel)
    """Make the next parcel of a job out of the box on the platform, and decide whether it may ship."""
    contents = tuple(scans.in_box(packing).items())
    parcel = new(turn, known, job, known.parcels + 1, gross, contents=contents, items=packing.items, **seen)
    reasons = rules.reasons_to_hold(job, gross, parcel.finding, whole=contents == rules.contents(job))
    if reasons:
        hold(turn, parcel, reasons)
    else:
        accept(turn, parcel)
    return parcel


def label_first(turn: Turn, known: KnownJob | None, job: Job, gross: Weight,
                **more: Any) -> None:  # noqa: ANN401 (fields of Parcel)
    """Print a parcel's label before it is packed, from predicted figures; weighing verifies it."""
    number = known.parcels + 1 if known is not None else 1
    parcel = new(turn, known, job, number, gross, visit=0, dims=NOT_MEASURED, contents=rules.contents(job), **more)
    turn.save_parcel(parcel)
    batch = {} if job.batch is UNSET else {"batch": job.batch.id, "seq": job.batch.seq}
    pages.queue(turn, "label", job.job, job.rev, parcel.label, parcel=parcel.id, **batch)


def weighed(turn: Turn, parcel: Parcel, box: Box, gross: Weight, event: CodesSeen, dims: Dimensions | None) -> Parcel:
    """A parcel that was labelled from predicted figures stands on the scale: they are verified, or it is held.

    Where the prediction was the station's own and only the carrier's class or the carton differs, nobody need look:
    the label is void and a new one is asked for.
    """
    off_g = abs(gross.value_g - parcel.gross.value_g)
    reasons = []
    if parcel.predicted is None and off_g > parcel.gross.u95_g + gross.u95_g:
        reasons.append("parcel.weight-mismatch")
    if parcel.max_gross_g and gross.value_g > parcel.max_gross_g:
        reasons.append("parcel.overweight")
    if event.finding is not None and event.finding.finding == "check":
        reasons.append("parcel.contents-doubtful")
    told_mm = parcel.outer_mm
    parcel = replace(
        parcel, gross=gross, visit=box.visit, dims=dims or parcel.dims, photo_sha256=box.photo_sha256,
        packer=turn.state.packer, finding=event.finding,
    )
    packing = turn.state.packing(parcel.job)
    other = bool(packing is not None and packing.carton and packing.carton != parcel.carton)
    if packing is not None:
        parcel = replace(parcel, items=packing.items)
        turn.save_packing(replace(packing, items=(), carton="", unplaced=(), unscanned=(), scan_ms=0))
    if packing is not None and other:
        taken = event.carton if event.carton is not None and event.carton.carton == packing.carton else None
        parcel = replace(parcel, carton=packing.carton, outer_mm=taken.outer_mm if taken is not None else None,
                         tare=taken.tare if taken is not None else None)
    elif event.carton is not None and event.carton.carton == parcel.carton:
        parcel = replace(parcel, tare=event.carton.tare)
    if reasons:
        # Its label says a weight that is not so: it is void, and a new one is bought when the parcel is released.
        hold(turn, replace(parcel, print_no=0, wants="request", tracking=""), tuple(reasons))
    elif parcel.predicted is not None and (other or not tariffs.still_holds(
            parcel.predicted, gross, told_mm, tariffs.measured_mm(parcel.dims) or parcel.outer_mm, parcel.tariff)):
        _retire_pages(turn, parcel, OUTDATED)
        accept(turn, replace(parcel, print_no=0, wants="request", tracking="", predicted=None), (OUTDATED,))
    else:
        turn.save_parcel(parcel, told=False)
    return turn.state.parcel(parcel.id) or parcel


def accept(turn: Turn, parcel: Parcel, reasons: tuple[str, ...] = (), voids: str = "") -> None:
    """The parcel may ship: its label is printed, or asked for, or none is needed.

    `reasons` say why a first label is void, `voids` is its mark.
    """
    parcel = replace(parcel, state="open", reasons=reasons, waiting=parcel.wants == "request")
    if parcel.wants == "none":
        close(turn, parcel)
        return
    turn.save_parcel(parcel)
    if parcel.wants == "request":
        turn.tell(LabelWanted(
            parcel=parcel.id, job=parcel.job, rev=parcel.rev, gross=parcel.gross, dims=parcel.dims,
            contents=manifest(dict(parcel.contents), parcel.items), billed=tariffs.billed(parcel),
            voids=voids,
        ))
        if turn.config.station.waiting_slip:
            pages.queue(turn, "slip", parcel.job, parcel.rev, WAITING_SLIP, parcel=parcel.id, urgent=True)
    else:
        pages.queue(turn, "label", parcel.job, parcel.rev, parcel.label, parcel=parcel.id, urgent=True)


def hold(turn: Turn, parcel: Parcel, reasons: tuple[str, ...]) -> None:
    """The parcel must not ship as it is; packer or OMS decide."""
    _retire_pages(turn, parcel, "parcel.held")
    turn.save_parcel(replace(parcel, state="held", reasons=reasons, waiting=False))
    tell_job(turn, parcel, "held", reasons[0])


def release(turn: Turn, parcel: Parcel) -> None:
    """A held parcel may ship after all: someone looked, and that teaches what its contents weigh."""
    parcel = replace(parcel, settled=True)
    packing = turn.state.packing(parcel.job)
    short = packing is not None and packing.short
    tell_job(turn, parcel, "held" if short else "open", "job.short" if short else "")
    if parcel.print_no:
        turn.save_parcel(replace(parcel, state="unproven", reasons=()))
    else:
        accept(turn, parcel)


def void(turn: Turn, parcel: Parcel, reason: str) -> None:
    """The parcel does not count any more; its number is never used again, and what it held is to be packed anew."""
    _retire_pages(turn, parcel, reason)
    turn.save_parcel(replace(parcel, state="void", reasons=(reason,), waiting=False))
    packing, box = turn.state.packing(parcel.job), turn.state.box
    if packing is not None:
        turn.save_packing(replace(packing, rest=tuple(plus(dict(packing.rest), dict(parcel.contents)).items())))
    if box is not None and box.parcel == parcel.id:
        turn.box(replace(box, notice=reason))


def labelled(turn: Turn, page: Print) -> None:
    """The parcel's label came out; it is proven by being seen on the box, or need not be."""
    parcel = turn.state.parcel(page.parcel)
    if parcel is None or parcel.state == "held":
        return
    parcel = replace(parcel, state="labelled", print_no=page.no)
    turn.save_parcel(parcel)
    box = turn.state.box
    if not parcel.visit:
        return
    if parcel.proof == "off":
        close(turn, parcel)
    elif box is None or box.parcel != parcel.id:
        lifted(turn, parcel)


def lifted(turn: Turn, parcel: Parcel) -> None:
    """The box left before its label was seen on it: the proof may come later, or the site lets it go."""
    parcel = replace(parcel, state="unproven")
    turn.save_parcel(parcel)
    if parcel.proof == "preferred":
        close(turn, replace(parcel, reasons=("parcel.unproven",)))


def close(turn: Turn, parcel: Parcel) -> None:
    """The parcel is done: what left the shelf is told with it; with its last parcel a job is packed."""
    dims = NOT_IN_TIME if parcel.dims == BEING_MEASURED else parcel.dims
    turn.save_parcel(replace(parcel, state="closed", waiting=False, dims=dims))
    for sku, qty in parcel.contents:
        turn.tell(StockMoved(parcel=parcel.id, job=parcel.job, sku=sku, qty=qty))
    packing = turn.state.packing(parcel.job)
    if not turn.state.parcels_of_job(parcel.job) and (packing is None or not packing.rest):
        turn.drop_packing(parcel.job)
        tell_job(turn, parcel, "packed", "")


def relabel(turn: Turn, parcel: Parcel, papers: tuple[Paper, ...]) -> None:
    """The OMS sent this parcel's papers: print them; a label that is out already is void.

    Held meanwhile, the parcel stays so: its label is printed when it is released.
    """
    labels = rules.papers_of_role(papers, "label")
    _retire_pages(turn, parcel, "parcel.relabelled")
    parcel = replace(
        parcel, waiting=False, wants="job", label=labels[0].id, tracking=tracking_of(labels), print_no=0,
        reissue=labels[0].reprint == "reissue",
    )
    if parcel.state == "held":
        turn.save_parcel(parcel, told=False)
        return
    turn.save_parcel(replace(parcel, state="open", reasons=()), told=False)
    pages.queue(turn, "label", parcel.job, parcel.rev, parcel.label, parcel=parcel.id, urgent=True)


def again(turn: Turn, page: Print) -> None:
    """Print a page anew: the first is void, the new one says that it is a copy, or is a label bought anew."""
    parcel = turn.state.parcel(page.parcel) if page.role == "label" else None
    if parcel is not None and parcel.reissue:
        pages.void(turn, page, WANTS_NEW)
        accept(turn, replace(parcel, wants="request", print_no=0, tracking=""), (WANTS_NEW,), voids=page.mark)
        return
    if parcel is not None:
        turn.save_parcel(replace(parcel, state="open", print_no=0), told=False)
    pages.again(turn, page, WANTS_NEW)


def tracking_of(labels: tuple[Paper, ...]) -> str:
    """Return the tracking number that our template will print, or an empty text."""
    for paper in labels:
        if paper.data is not UNSET and paper.data.tracking is not UNSET:
            return paper.data.tracking
    return ""


def _retire_pages(turn: Turn, parcel: Parcel, code: str) -> None:
    for page in turn.state.prints:
        if page.parcel == parcel.id:
            pages.retire(turn, page, code)


def tell_job(turn: Turn, parcel: Parcel, state: JobState, code: str) -> None:
    """Keep and tell the state that a job has because of its parcel."""
    turn.records.append(SaveJob(parcel.job, parcel.rev, state))
    turn.tell(JobChanged(job=parcel.job, rev=parcel.rev, state=state, code=code))
