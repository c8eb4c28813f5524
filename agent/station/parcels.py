"""A parcel's life: judged, labelled, proven, closed; or held, released, void."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import replace

from agent.station import pages, pool, rules
from agent.station.events import SaveJob
from agent.station.facts import JobChanged, LabelWanted, StockMoved
from agent.station.values import Dimensions, Parcel, Weight, unmeasured

if TYPE_CHECKING:
    from agent.station.events import KnownJob
    from agent.station.state import Box, Turn
    from agent.station.values import Job, JobState, Paper, Print, Wants

# The paper id of the slip that a parcel wears until its label is here.
WAITING_SLIP = "waiting"
BEING_MEASURED = unmeasured("camera.measuring")
NOT_IN_TIME = unmeasured("camera.not-in-time")
NOT_MEASURED = unmeasured("camera.not-calibrated")


def new(turn: Turn, job: Job, number: int, gross: Weight, **more: Any) -> Parcel:  # noqa: ANN401 (fields of Parcel)
    """Return the parcel `number` of a job, open and not kept yet. `more` are fields of Parcel."""
    labels = rules.papers_of_role(job.papers, "label")
    wants: Wants = "request" if job.label_when == "on_request" else ("job" if labels else "none")
    return Parcel(
        id=f"{job.job}/{number}", job=job.job, rev=job.rev, state="open", gross=gross, contents=rules.contents(job),
        wants=wants, label=labels[0].id if labels else "", tracking=tracking_of(labels), packer=turn.state.packer,
        sscc=job.sscc[number - 1] if number <= len(job.sscc) else pool.next_sscc(turn) if labels else "",
        max_gross_g=0.0 if job.verify.max_gross_g is UNSET else job.verify.max_gross_g,
        proof=turn.config.station.proof if job.verify.proof is UNSET else job.verify.proof, **more,
    )


def judge(turn: Turn, known: KnownJob, job: Job, gross: Weight, **seen: Any) -> Parcel:  # noqa: ANN401 (fields)
    """Make the next parcel of a job out of the box on the platform, and decide whether it may ship."""
    parcel = new(turn, job, known.parcels + 1, gross, **seen)
    reasons = rules.reasons_to_hold(job, gross, parcel.finding)
    if reasons:
        hold(turn, parcel, reasons)
    else:
        accept(turn, parcel)
    return parcel


def label_first(turn: Turn, job: Job, number: int) -> None:
    """Print a parcel's label before it is packed, from the figures that the OMS predicted; weighing verifies it."""
    check = job.verify.weight
    if check is UNSET:
        return
    predicted = Weight(value_g=check.expected_g, u95_g=check.tolerance_g, quality="predicted")
    parcel = new(turn, job, number, predicted, visit=0, dims=NOT_MEASURED)
    turn.save_parcel(parcel)
    batch = {} if job.batch is UNSET else {"batch": job.batch.id, "seq": job.batch.seq}
    pages.queue(turn, "label", job.job, job.rev, parcel.label, parcel=parcel.id, **batch)


def weighed(turn: Turn, parcel: Parcel, box: Box, gross: Weight, dims: Dimensions | None) -> Parcel:
    """A parcel that was labelled from predicted figures stands on the scale: they are verified, or it is held."""
    off_g = abs(gross.value_g - parcel.gross.value_g)
    reasons = []
    if off_g > parcel.gross.u95_g + gross.u95_g:
        reasons.append("parcel.weight-mismatch")
    if parcel.max_gross_g and gross.value_g > parcel.max_gross_g:
        reasons.append("parcel.overweight")
    parcel = replace(
        parcel, gross=gross, visit=box.visit, dims=dims or parcel.dims, photo_sha256=box.photo_sha256,
        packer=turn.state.packer,
    )
    if reasons:
        # Its label says a weight that is not so: it is void, and a new one is bought when the parcel is released.
        hold(turn, replace(parcel, print_no=0, wants="request", tracking=""), tuple(reasons))
    else:
        turn.save_parcel(parcel, told=False)
    return turn.state.parcel(parcel.id) or parcel


def accept(turn: Turn, parcel: Parcel) -> None:
    """The parcel may ship: its label is printed, or asked for, or it needs none."""
    parcel = replace(parcel, state="open", reasons=(), waiting=parcel.wants == "request")
    if parcel.wants == "none":
        close(turn, parcel)
        return
    turn.save_parcel(parcel)
    if parcel.wants == "request":
        turn.tell(LabelWanted(
            parcel=parcel.id, job=parcel.job, rev=parcel.rev, gross=parcel.gross, dims=parcel.dims,
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
    tell_job(turn, parcel, "open", "")
    if parcel.print_no:
        turn.save_parcel(replace(parcel, state="unproven", reasons=()))
    else:
        accept(turn, parcel)


def void(turn: Turn, parcel: Parcel, reason: str) -> None:
    """The parcel does not count any more; its number is never used again."""
    _retire_pages(turn, parcel, reason)
    turn.save_parcel(replace(parcel, state="void", reasons=(reason,), waiting=False))


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
    """The parcel is done: what left the shelf is told with it, and its job is packed."""
    dims = NOT_IN_TIME if parcel.dims == BEING_MEASURED else parcel.dims
    turn.save_parcel(replace(parcel, state="closed", waiting=False, dims=dims))
    for sku, qty in parcel.contents:
        turn.tell(StockMoved(parcel=parcel.id, job=parcel.job, sku=sku, qty=qty))
    tell_job(turn, parcel, "packed", "")


def relabel(turn: Turn, parcel: Parcel, papers: tuple[Paper, ...]) -> None:
    """The OMS sent this parcel's papers: print them; a label that is out already is void."""
    labels = rules.papers_of_role(papers, "label")
    _retire_pages(turn, parcel, "parcel.relabelled")
    parcel = replace(
        parcel, state="open", waiting=False, wants="job", label=labels[0].id, tracking=tracking_of(labels),
        print_no=0,
    )
    turn.save_parcel(parcel, told=False)
    pages.queue(turn, "label", parcel.job, parcel.rev, parcel.label, parcel=parcel.id, urgent=True)


def again(turn: Turn, parcel: Parcel, page: Print) -> None:
    """Print a parcel's label anew: the first is void, the new one says that it is a copy."""
    turn.save_parcel(replace(parcel, state="open", print_no=0), told=False)
    pages.again(turn, page, "print.packer-wants-new")


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
