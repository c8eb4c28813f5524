"""Jobs, parcels, papers and the print ledger: what is written for a record, and what is attached to an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from agent.station.commands import PREFIX
from agent.station.events import (
    CartonSuggested,
    CodesSeen,
    CopyWanted,
    DecisionMade,
    Event,
    FileFailed,
    JobAssigned,
    JobCancelled,
    JobOffered,
    LabelArrived,
    RestDecided,
    TimePassed,
)
from agent.station.items import plus
from agent.station.jobs import expires_ms
from agent.station.values import Job, KnownJob, Paper, Parcel, Print, Suggestion
from agent.store.errors import StoreError
from agent.store.outbox import digest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from agent.station.records import SaveJob, SavePapers, SaveSuggestion
    from agent.station.state import State

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode
_job = msgspec.json.Decoder(Job)
_parcel = msgspec.json.Decoder(Parcel)
_print = msgspec.json.Decoder(Print)
_suggestion = msgspec.json.Decoder(Suggestion)
_papers = msgspec.json.Decoder(tuple[Paper, ...])
_MATCHABLE = "('open', 'held', 'packed', 'cancelled', 'expired')"


def whole(decoder: msgspec.json.Decoder[_T], body: bytes, expected: bytes, what: str) -> _T:
    """Return the decoded row. Raises StoreError when its bytes are not those that were written."""
    if digest(body) != expected:
        raise StoreError("store.row-damaged", f"the stored {what} is not what was written.",
                         "The card loses data: run `packbench store check`, replace the card.")
    return decoder.decode(body)


def if_whole(decoder: msgspec.json.Decoder[_T], body: bytes, expected: bytes) -> _T | None:
    """Return the decoded row, or None when its bytes are not those that were written: it counts as not there."""
    return decoder.decode(body) if digest(body) == expected else None


class Ledger:
    """The tables of the work itself. Every method runs inside the store's transaction or reads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # -- records ------------------------------------------------------------------------------------------------

    def save_job(self, record: SaveJob, wall_ms: int) -> None:
        """Write a job's state; a body that is None keeps the stored one (or makes a tombstone)."""
        if record.job is None:
            self._db.execute(
                "INSERT INTO jobs (id, rev, state, sha256, body, digest, wall_ms) VALUES (?,?,?,?,NULL,x'',?)"
                " ON CONFLICT (id) DO UPDATE SET rev=excluded.rev, state=excluded.state, wall_ms=excluded.wall_ms,"
                " sha256=CASE excluded.sha256 WHEN '' THEN sha256 ELSE excluded.sha256 END",
                (record.id, record.rev, record.state, record.digest, wall_ms))
            return
        body = _encode(record.job)
        self._db.execute(
            "INSERT INTO jobs (id, rev, state, sha256, body, digest, expires_ms, wall_ms) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT (id) DO UPDATE SET rev=excluded.rev, state=excluded.state, sha256=excluded.sha256,"
            " body=excluded.body, digest=excluded.digest, expires_ms=excluded.expires_ms, wall_ms=excluded.wall_ms",
            (record.id, record.rev, record.state, record.digest, body, digest(body), expires_ms(record.job), wall_ms))
        self._db.execute("DELETE FROM job_codes WHERE job=?", (record.id,))
        self._db.executemany("INSERT INTO job_codes (code, job) VALUES (?,?)",
                             [(code, record.id) for code in dict.fromkeys((record.id, *record.job.match))])

    def save_parcel(self, parcel: Parcel, wall_ms: int) -> None:
        """Write a parcel as it is now."""
        body = _encode(parcel)
        self._db.execute(
            "INSERT INTO parcels (id, job, n, state, sscc, tracking, body, digest, wall_ms) VALUES (?,?,?,?,?,?,?,?,?)"
            " ON CONFLICT (id) DO UPDATE SET state=excluded.state, sscc=excluded.sscc, tracking=excluded.tracking,"
            " body=excluded.body, digest=excluded.digest, wall_ms=excluded.wall_ms",
            (parcel.id, parcel.job, int(parcel.id.rpartition("/")[2]), parcel.state, parcel.sscc, parcel.tracking, body,
             digest(body), wall_ms))

    def save_papers(self, record: SavePapers, wall_ms: int) -> None:
        """Write the papers of one parcel over those that it had."""
        body = _encode(record.papers)
        self._db.execute("INSERT OR REPLACE INTO papers (parcel, rev, body, digest, wall_ms) VALUES (?,?,?,?,?)",
                         (record.parcel, record.rev, body, digest(body), wall_ms))

    def save_suggestion(self, record: SaveSuggestion, wall_ms: int) -> None:
        """Write what the station would do with a job over what it would have done before."""
        body = _encode(record.suggestion)
        self._db.execute("INSERT OR REPLACE INTO suggestions (job, rev, body, digest, wall_ms) VALUES (?,?,?,?,?)",
                         (record.job, record.rev, body, digest(body), wall_ms))

    def save_print(self, page: Print, wall_ms: int) -> None:
        """Write a page of the print ledger as it is now."""
        body = _encode(page)
        self._db.execute(
            "INSERT INTO prints (no, mark, job, parcel, state, body, digest, wall_ms) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT (no) DO UPDATE SET mark=excluded.mark, job=excluded.job, parcel=excluded.parcel,"
            " state=excluded.state, body=excluded.body, digest=excluded.digest, wall_ms=excluded.wall_ms",
            (page.no, page.mark, page.job, page.parcel, page.state, body, digest(body), wall_ms))

    # -- questions ----------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> Job | None:
        """Return the job's body, or None when it is unknown or a tombstone."""
        row = self._db.execute("SELECT body, digest FROM jobs WHERE id=? AND body IS NOT NULL", (job_id,)).fetchone()
        return whole(_job, row[0], row[1], f"job {job_id}") if row else None

    def known(self, job_id: str) -> KnownJob | None:
        """Return what the store has of a job; `parcels` is the highest number that one of its parcels ever had.

        A job whose row is damaged is unknown: the OMS sends it again after the next comparison, and it is written anew.
        """
        row = self._db.execute("SELECT rev, state, sha256, body, digest FROM jobs WHERE id=?", (job_id,)).fetchone()
        if row is None:
            return None
        rev, state, sha256, body, expected = row
        job = if_whole(_job, body, expected) if body is not None else None
        if body is not None and job is None:
            return None
        (parcels,) = self._db.execute("SELECT coalesce(max(n), 0) FROM parcels WHERE job=?", (job_id,)).fetchone()
        gone, labels = self._closed(job_id) if parcels else ((), ())
        return KnownJob(id=job_id, rev=rev, state=state, digest=sha256, job=job, parcels=parcels, gone=gone,
                        labels=labels, suggestion=self.suggestion(job_id, rev))

    def suggestion(self, job_id: str, rev: int) -> Suggestion | None:
        """Return what the station would do with a job of this revision, or None where that was not found yet."""
        row = self._db.execute("SELECT body, digest FROM suggestions WHERE job=? AND rev=?", (job_id, rev)).fetchone()
        return if_whole(_suggestion, row[0], row[1]) if row else None

    def _closed(self, job_id: str) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
        """Return what left with the closed parcels of a job: pieces per SKU, and which of its label papers."""
        rows = self._db.execute("SELECT body, digest FROM parcels WHERE job=? AND state='closed'", (job_id,)).fetchall()
        closed = [parcel for body, expected in rows if (parcel := if_whole(_parcel, body, expected)) is not None]
        gone: dict[str, int] = {}
        for parcel in closed:
            gone = plus(gone, dict(parcel.contents))
        return tuple(gone.items()), tuple(parcel.label for parcel in closed)

    def parcel(self, parcel_id: str) -> Parcel | None:
        """Return a parcel, or None when it is unknown or its row is damaged."""
        row = self._db.execute("SELECT body, digest FROM parcels WHERE id=?", (parcel_id,)).fetchone()
        return if_whole(_parcel, row[0], row[1]) if row else None

    def papers_of(self, parcel_id: str) -> tuple[Paper, ...] | None:
        """Return the papers that came for this parcel after it was measured, or None."""
        row = self._db.execute("SELECT body, digest FROM papers WHERE parcel=?", (parcel_id,)).fetchone()
        return whole(_papers, row[0], row[1], f"papers of {parcel_id}") if row else None

    def jobs_seen(self, codes: Sequence[str], slips: Sequence[str] = ()) -> tuple[KnownJob, ...]:
        """Return the jobs that one of `codes` means, and those whose packing slip is in sight."""
        marks = ",".join("?" * len(codes))
        rows = self._db.execute(
            f"SELECT DISTINCT jobs.id FROM job_codes JOIN jobs ON jobs.id = job_codes.job"
            f" WHERE code IN ({marks}) AND state IN {_MATCHABLE} ORDER BY jobs.rowid", tuple(codes)).fetchall()
        names = dict.fromkeys([job_id for (job_id,) in rows] + list(slips))
        return tuple(known for job_id in names if (known := self.known(job_id)))

    def overdue(self, wall_ms: int) -> tuple[KnownJob, ...]:
        """Return the first open or held jobs whose time is over; one with a label out stays."""
        rows = self._db.execute(
            "SELECT id FROM jobs WHERE expires_ms < ? AND state IN ('open', 'held')"
            " AND NOT EXISTS (SELECT 1 FROM parcels WHERE parcels.job = jobs.id"
            " AND parcels.state IN ('labelled', 'unproven', 'closed')) LIMIT 50",
            (wall_ms,)).fetchall()
        return tuple(known for (job_id,) in rows if (known := self.known(job_id)))

    def prints_seen(self, codes: Sequence[str]) -> tuple[tuple[Print, Parcel | None], ...]:
        """Return the pages whose mark was seen, and the labels of parcels whose SSCC or tracking number was seen."""
        keys = tuple(dict.fromkeys(key for code in codes for key in (code, _sscc_in(code)) if key))
        marks = ",".join("?" * len(keys))
        pages: dict[int, Print] = {}
        for body, expected in self._db.execute(
                f"SELECT body, digest FROM prints WHERE mark IN ({marks}) ORDER BY no", keys).fetchall():
            page = if_whole(_print, body, expected)
            if page is not None:
                pages[page.no] = page
        for body, expected in self._db.execute(
                f"SELECT body, digest FROM parcels WHERE (sscc != '' AND sscc IN ({marks}))"
                f" OR (tracking != '' AND tracking IN ({marks}))", keys + keys).fetchall():
            parcel = if_whole(_parcel, body, expected)
            for label in self._labels_of(parcel) if parcel is not None else ():
                pages.setdefault(label.no, label)
        return tuple((page, self.parcel(page.parcel) if page.parcel else None) for page in pages.values())

    def _labels_of(self, parcel: Parcel) -> list[Print]:
        """Return the parcel's valid label, or all that it ever had when none is valid."""
        if parcel.print_no:
            rows = self._db.execute("SELECT body, digest FROM prints WHERE no=?", (parcel.print_no,)).fetchall()
        else:
            rows = self._db.execute("SELECT body, digest FROM prints WHERE parcel=? ORDER BY no",
                                    (parcel.id,)).fetchall()
        pages = [if_whole(_print, body, expected) for body, expected in rows]
        return [page for page in pages if page is not None and page.role == "label"]

    def attach(self, event: Event, state: State) -> Event:
        """Return the event with what the store knows of its subject; other events come back as they are.

        `state` says which job is at hand and which parcel is on the platform.
        """
        match event:
            case JobAssigned():
                return replace(event, known=self.known(event.job.job))
            case JobCancelled() | FileFailed() | RestDecided() | CartonSuggested():
                return replace(event, known=self.known(event.job))
            case LabelArrived() | DecisionMade():
                return replace(event, known=self.known(event.parcel.rpartition("/")[0]),
                               known_parcel=self.parcel(event.parcel))
            case CopyWanted():
                parcel = self.parcel(event.parcel)
                labels = self._labels_of(parcel) if parcel is not None and parcel.print_no else []
                return replace(event, page=labels[0] if labels else None)
            case CodesSeen():
                return self._attach_codes(event, state)
            case JobOffered():
                (open_jobs,) = self._db.execute("SELECT count(*) FROM jobs WHERE state IN ('open', 'held')").fetchone()
                return replace(event, known=self.known(event.job), open_jobs=open_jobs)
            case TimePassed() if event.time_ok:
                return replace(event, expired=self.overdue(event.wall_ms))
            case _:
                return event


    def _attach_codes(self, event: CodesSeen, state: State) -> CodesSeen:
        """Return a look with its jobs and pages, the job that is packed, and the label of the box that stands there.

        A single label in sight tells the job, too: its parcel may have been labelled before it was packed.
        """
        prints = self.prints_seen(event.codes) if event.codes else ()
        slips = [page.job for page, _ in prints if page.role != "label"]
        jobs = self.jobs_seen(event.codes, slips) if event.codes else ()
        labelled = {page.job for page, _ in prints if page.role == "label"}
        job = next(iter(labelled)) if len(labelled) == 1 and not jobs else state.at_hand
        parcel = state.parcel(state.box.parcel) if state.box is not None else None
        label = None
        if parcel is not None and parcel.print_no and any(code.startswith(PREFIX) for code in event.codes):
            label = next(iter(self._labels_of(parcel)), None)
        return replace(event, jobs=jobs, prints=prints, at_hand=self.known(job) if job else None, label=label)


def _sscc_in(code: str) -> str:
    """Return the SSCC inside a GS1 element string `00` + 18 digits (with or without brackets), or nothing."""
    digits = code.removeprefix("]C1").replace("(00)", "00", 1)
    return digits[2:20] if len(digits) >= 20 and digits.startswith("00") and digits[:20].isdecimal() else ""
