"""What the OMS may ask: take a job, take it back, label a parcel, decide about a held one.

Every message is answered with a fact, also one that changes nothing: the OMS never has to guess.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import UNSET

from agent.station import batches, pages, parcels, pool, rolls, rules
from agent.station.facts import JobChanged
from agent.station.records import SaveJob, SavePapers

if TYPE_CHECKING:
    from agent.station.events import DecisionMade, FileFailed, JobAssigned, JobCancelled, LabelArrived
    from agent.station.state import State, Turn
    from agent.station.values import Job, JobState, KnownJob


def assign(turn: Turn, event: JobAssigned) -> None:
    """Take a job, or answer why not. The same revision again is answered with the state that it has."""
    job, known = event.job, event.known
    pool.settled(turn, job.job)
    if known is None and pool.is_full(turn):
        turn.tell(JobChanged(job=job.job, rev=job.rev, state="rejected", code="station.full",
                             detail=f"{turn.state.waiting} facts wait for the OMS"))
    elif known is None:
        _take(turn, job, event.digest, None)
    elif job.rev < known.rev:
        _answer(turn, known, "job.rev-old", f"revision {job.rev} came after {known.rev}")
    elif job.rev == known.rev and known.job is not None and event.digest != known.digest:
        _answer(turn, known, "job.rev-conflict", f"revision {job.rev} came with other content than before")
    elif job.rev == known.rev:
        _answer(turn, known)
    elif known.state == "packed":
        _answer(turn, known, "job.already-packed", f"revision {job.rev} came after the job was packed")
    else:
        _retire(turn, job.job, "job.replaced")
        _take(turn, job, event.digest, known)


def _take(turn: Turn, job: Job, digest: str, known: KnownJob | None) -> None:
    state: JobState = "expired" if has_expired(job, turn.state) else "open"
    turn.records.append(SaveJob(job.job, job.rev, state, digest, job))
    turn.tell(JobChanged(job=job.job, rev=job.rev, state=state))
    if state != "open":
        return
    code, detail = rolls.unfit(job, turn.config)
    if code:
        turn.tell(JobChanged(job=job.job, rev=job.rev, state=state, code=code, detail=detail))
    batch = {}
    if job.batch is not UNSET:
        batch = {"batch": job.batch.id, "seq": job.batch.seq}
        batches.arrived(turn, job.batch)
    for paper in rules.papers_of_role(job.papers, "slip", "other"):
        about_mm = rolls.slip_mm(job.items) if paper.role == "slip" else 0
        pages.queue(turn, paper.role, job.job, job.rev, paper.id, about_mm=about_mm, **batch)
    told = rules.told_weight(job)
    if job.label_when == "before_packing" and told is not None and not (known is not None and known.gone):
        parcels.label_first(turn, known, job, told)


def cancel(turn: Turn, event: JobCancelled) -> None:
    """Stop all work on a job. A cancel that overtakes its assign is kept as a tombstone."""
    known = event.known
    pool.settled(turn, event.job)
    if known is not None and known.state == "packed":
        _answer(turn, known, "job.already-packed", "the cancel came after the job was packed")
        return
    if known is not None and known.state in ("expired", "cancelled") and event.rev <= known.rev:
        _answer(turn, known)
        return
    if known is not None and event.rev < known.rev:
        _answer(turn, known, "job.rev-old", f"a cancel of revision {event.rev} came after {known.rev}")
        return
    _end(turn, event.job, event.rev, "cancelled")


def expire(turn: Turn, known: KnownJob) -> None:
    """A job's time is over and nobody packed it."""
    _end(turn, known.id, known.rev, "expired")


def _end(turn: Turn, job: str, rev: int, state: JobState) -> None:
    _retire(turn, job, f"job.{state}")
    turn.records.append(SaveJob(job, rev, state))
    turn.tell(JobChanged(job=job, rev=rev, state=state))


def label(turn: Turn, event: LabelArrived) -> None:
    """Print the papers that came for a parcel, or answer why not."""
    parcel = turn.state.parcel(event.parcel)
    if parcel is None:
        code = "parcel.ended" if event.known_parcel is not None else "parcel.unknown"
        _answer_parcel(turn, event.parcel, event.rev, event.known, code)
    elif not rules.papers_of_role(event.papers, "label"):
        _answer_parcel(turn, event.parcel, event.rev, event.known, "label.missing")
    else:
        turn.records.append(SavePapers(event.parcel, event.rev, event.papers))
        parcels.relabel(turn, parcel, event.papers)


def decide(turn: Turn, event: DecisionMade) -> None:
    """Do what the OMS decided about a held parcel."""
    parcel = turn.state.parcel(event.parcel)
    if parcel is None or parcel.state != "held":
        _answer_parcel(turn, event.parcel, 0, event.known, "parcel.not-held")
        return
    match event.verdict:
        case "release":
            parcels.release(turn, parcel)
        case "repack":
            parcels.void(turn, parcel, "parcel.repack")
            parcels.tell_job(turn, parcel, "open", "parcel.repack")
        case "cancel":
            _end(turn, parcel.job, parcel.rev, "cancelled")


def file_failed(turn: Turn, event: FileFailed) -> None:
    """Tell that a file of a job's papers can't come; the job stays, and what needs no file goes on."""
    if event.known is not None:
        _answer(turn, event.known, event.code, event.detail)


def expires_ms(job: Job) -> int | None:
    """Return the Unix millisecond at which a job's time is over, or None when it has none."""
    return None if job.expires is UNSET else int(datetime.fromisoformat(job.expires).timestamp() * 1000)


def has_expired(job: Job, state: State) -> bool:
    """True when a job's time is over and the clock can be trusted to say so."""
    until_ms = expires_ms(job)
    return until_ms is not None and state.time_ok and until_ms < state.wall_ms


def _retire(turn: Turn, job: str, reason: str) -> None:
    """Void what a job has under way: its queued and doubtful pages, its parcels, and what was scanned."""
    turn.drop_packing(job)
    for parcel in turn.state.parcels_of_job(job):
        parcels.void(turn, parcel, reason)
    for page in turn.state.prints:
        if page.job == job:
            pages.retire(turn, page, reason)


def _answer(turn: Turn, known: KnownJob, code: str = "", detail: str = "") -> None:
    turn.tell(JobChanged(job=known.id, rev=known.rev, state=known.state, code=code, detail=detail))


def _answer_parcel(turn: Turn, parcel: str, rev: int, known: KnownJob | None, code: str) -> None:
    job = parcel.rpartition("/")[0]
    state: JobState = known.state if known is not None else "rejected"
    turn.tell(JobChanged(
        job=job, rev=known.rev if known is not None else rev, state=state, code=code, detail=f"parcel {parcel}",
    ))
