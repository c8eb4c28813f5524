"""The store: one SQLite file with the jobs, the parcels, the print ledger, the outbox and the core's own state."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, assert_never
from uuid import uuid4

from msgspec.structs import replace

from agent.messages import SyncRequest, sync_request
from agent.station.events import TimePassed
from agent.station.facts import MessageDead
from agent.station.records import (
    BuryMessage,
    DropFacts,
    SaveCatalogue,
    SaveJob,
    SavePapers,
    SaveParcel,
    SavePrint,
    SaveSuggestion,
    Tell,
)
from agent.store.errors import StoreError, sqlite_errors
from agent.store.ledger import Ledger
from agent.store.opening import FILE, claim, connect
from agent.store.outbox import Outbox, Row, digest
from agent.store.shelf import Shelf

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from io import FileIO

    from agent.station.events import Event
    from agent.station.records import Record
    from agent.station.state import State
    from agent.station.values import Job, Paper, Parcel, Suggestion

__all__ = ["Row", "Store", "StoreError"]

SYNC_PAGE = 500
DEAD_LETTERS = 1_000  # rows; the oldest go first
DEAD_LETTER_BYTES = 4_096  # kept of each payload


class Store:
    """The store of one station. It belongs to one thread, and to one process at a time.

    `store_id` names this database for ever; `boot` counts how often it was opened.
    """

    def __init__(self, directory: Path, *, station: str) -> None:
        """Open `packbench.db` in `directory`, making or migrating it. Raises StoreError."""
        lock = claim(directory)
        try:
            self._live_on(connect(directory / FILE), station)
        except BaseException:
            lock.close()
            raise
        self.path = directory / FILE
        self._lock: FileIO | None = lock

    @classmethod
    def mended(cls, directory: Path, *, station: str) -> tuple[Store, str]:
        """Open the store, saving what can be read of a damaged one; return it and what to tell (empty: all was well).

        Raises StoreError when that can't help: locked, unwritable, full.
        """
        try:
            store = cls(directory, station=station)
        except StoreError as error:
            if error.code != "store.damaged":
                raise
        else:
            try:
                store.load_state()
            except StoreError:
                store.close()
            else:
                return store, ""
        from agent.store.care import salvage

        saved = salvage(directory, station=station)
        words = (f"the database was damaged; {sum(saved.rows.values())} rows were saved, {saved.unsent} of them facts"
                 f" that the OMS has not confirmed; the broken file is {saved.kept_as}")
        return cls(directory, station=station), words

    @classmethod
    def on(cls, connection: sqlite3.Connection, *, station: str) -> Store:
        """Return a store on a migrated database that is open already, in memory or not; nobody else may use it."""
        store = cls.__new__(cls)
        store._live_on(connection, station)  # noqa: SLF001 (our own)
        store.path, store._lock = Path(":memory:"), None  # noqa: SLF001 (our own class)
        return store

    def _live_on(self, connection: sqlite3.Connection, station: str) -> None:
        """Begin a life. Closes the connection when that fails."""
        self._db = connection
        try:
            with sqlite_errors():
                self.store_id, self.boot = self._begin_life()
                self.outbox = Outbox(connection, store_id=self.store_id, station=station)
        except BaseException:
            connection.close()
            raise
        self._ledger = Ledger(connection)
        self.shelf = Shelf(connection)

    def _begin_life(self) -> tuple[str, int]:
        self._db.execute("BEGIN IMMEDIATE")
        meta = dict(self._db.execute("SELECT name, value FROM meta").fetchall())
        store_id, boot = meta.get("store_id") or str(uuid4()), int(meta.get("boot", "0")) + 1
        self._db.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?,?)",
                             [("store_id", store_id), ("boot", str(boot))])
        self._db.execute("COMMIT")
        return store_id, boot

    def close(self) -> None:
        """Close the database and give the directory back. May be called twice."""
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    # -- writing ------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction: what happens inside is on disk when it ends, or did not happen. Raises StoreError."""
        with sqlite_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.outbox.before_commit()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self.outbox.after_rollback()
                raise
            self.outbox.after_commit()

    def apply(self, records: Iterable[Record], *, at_ms: int, wall_ms: int, time_ok: bool) -> None:
        """Write records inside the running transaction."""
        for record in records:
            match record:
                case SaveJob():
                    self._ledger.save_job(record, wall_ms)
                case SaveParcel():
                    self._ledger.save_parcel(record.parcel, wall_ms)
                case SavePapers():
                    self._ledger.save_papers(record, wall_ms)
                case SaveSuggestion():
                    self._ledger.save_suggestion(record, wall_ms)
                case SaveCatalogue():
                    self.shelf.stock(record.rows)
                case SavePrint():
                    self._ledger.save_print(record.print, wall_ms)
                case Tell():
                    if not (isinstance(record.fact, MessageDead) and self._buried_before(record.fact.sha256)):
                        self.outbox.add(record.fact, boot=self.boot, mono_ms=at_ms, wall_ms=wall_ms, time_ok=time_ok)
                case DropFacts():
                    self.outbox.drop(record.ids)
                case BuryMessage():
                    self._bury(record, wall_ms)
                case _:
                    assert_never(record)

    def _bury(self, record: BuryMessage, wall_ms: int) -> None:
        """Keep a dead letter; the same bytes again only count up."""
        name = sha256(record.payload).hexdigest()
        self._db.execute(
            "INSERT INTO dead_letters (sha256, topic, code, detail, payload, bytes, count, wall_ms)"
            " VALUES (?,?,?,?,?,?,1,?) ON CONFLICT (sha256) DO UPDATE SET count=count+1, wall_ms=excluded.wall_ms",
            (name, record.topic[:256], record.code, record.detail[:512], record.payload[:DEAD_LETTER_BYTES],
             len(record.payload), wall_ms))
        self._db.execute(
            "DELETE FROM dead_letters WHERE rowid IN (SELECT rowid FROM dead_letters ORDER BY rowid DESC"
            " LIMIT -1 OFFSET ?)", (DEAD_LETTERS,))

    def refused(self, limit: int = 10) -> list[dict[str, object]]:
        """Return the messages that were refused last: code, topic, how often, and when the last time (Unix ms)."""
        rows = self._db.execute("SELECT code, topic, count, wall_ms FROM dead_letters ORDER BY wall_ms DESC LIMIT ?",
                                (limit,)).fetchall()
        return [dict(zip(("code", "topic", "count", "wall_ms"), row, strict=True)) for row in rows]

    def _buried_before(self, name: str) -> bool:
        row = self._db.execute("SELECT count FROM dead_letters WHERE sha256=?", (name,)).fetchone()
        return row is not None and row[0] > 1

    def save_state(self, blob: bytes) -> None:
        """Write the core's state inside the running transaction."""
        self._db.execute("INSERT OR REPLACE INTO state (id, body, digest) VALUES (1,?,?)", (blob, digest(blob)))

    def save_fleet(self, blob: bytes) -> None:
        """Write what the fleet's admin wants of this station inside the running transaction."""
        self._db.execute("INSERT OR REPLACE INTO state (id, body, digest) VALUES (2,?,?)", (blob, digest(blob)))

    def forget(self, wall_ms: int, *, ended_days: float, addresses_days: float) -> dict[str, int]:
        """Inside the running transaction, delete what is old; see `care.forget`."""
        from agent.store.care import forget

        return forget(self._db, wall_ms, ended_days=ended_days, addresses_days=addresses_days)

    # -- reading ------------------------------------------------------------------------------------------------

    def load_state(self) -> bytes | None:
        """Return the core's state as it was last written, or None. Raises StoreError when its bytes changed since."""
        return self._load(1)

    def load_fleet(self) -> bytes | None:
        """Return what the fleet's admin wants, as it was last written, or None. Raises StoreError as `load_state`."""
        return self._load(2)

    def _load(self, number: int) -> bytes | None:
        with sqlite_errors():
            row = self._db.execute("SELECT body, digest FROM state WHERE id=?", (number,)).fetchone()
        if row is None:
            return None
        body, expected = row
        if digest(body) != expected:
            raise StoreError("store.row-damaged", "the stored state is not what was written.",
                             "Run `packbench store salvage`; what can be read is kept.")
        return bytes(body)

    def suggestion(self, job_id: str, rev: int) -> Suggestion | None:
        """Return what the station would do with a job of this revision, or None. Raises StoreError."""
        with sqlite_errors():
            return self._ledger.suggestion(job_id, rev)

    def attach(self, event: Event, state: State) -> Event:
        """Return `event` with what the store knows of its subject (`known`, `jobs`, `prints`). Raises StoreError."""
        with sqlite_errors():
            attached = self._ledger.attach(event, state)
        return replace(attached, waiting=self.outbox.waiting) if isinstance(attached, TimePassed) else attached

    def job(self, job_id: str) -> Job | None:
        """Return the job's body, or None when it is unknown or only a tombstone."""
        with sqlite_errors():
            return self._ledger.job(job_id)

    def parcel(self, parcel_id: str) -> Parcel | None:
        """Return a parcel, or None when it is unknown."""
        with sqlite_errors():
            return self._ledger.parcel(parcel_id)

    def papers_of(self, parcel_id: str) -> tuple[Paper, ...] | None:
        """Return the papers that came for this parcel after it was measured, or None."""
        with sqlite_errors():
            return self._ledger.papers_of(parcel_id)

    def next_open_job(self) -> str:
        """Return the id of the open job that came first, or an empty text."""
        with sqlite_errors():
            row = self._db.execute("SELECT id FROM jobs WHERE state='open' AND body IS NOT NULL ORDER BY rowid"
                                   " LIMIT 1").fetchone()
        return row[0] if row else ""

    def open_jobs(self) -> list[Job]:
        """Return the bodies of all open jobs, oldest first; damaged ones are left out."""
        with sqlite_errors():
            names = self._db.execute("SELECT id FROM jobs WHERE state='open' AND body IS NOT NULL"
                                     " ORDER BY rowid").fetchall()
            known = [self._ledger.known(name) for (name,) in names]
        return [one.job for one in known if one is not None and one.job is not None]

    def finishable(self) -> int:
        """Return how many open jobs can be packed, labelled and proven with no network at all."""
        with sqlite_errors():
            (count,) = self._db.execute(
                "SELECT count(*) FROM jobs WHERE state='open' AND body IS NOT NULL AND"
                " coalesce(json_extract(body, '$.label_when'), '') != 'on_request'").fetchone()
        return int(count)

    def mark_of(self, print_no: int) -> str:
        """Return the proof mark of a page, or an empty text."""
        with sqlite_errors():
            row = self._db.execute("SELECT mark FROM prints WHERE no=?", (print_no,)).fetchone()
        return row[0] if row else ""

    def counts(self) -> dict[str, int]:
        """Return how much there is of everything: jobs and parcels by state, facts, dead letters, bytes."""
        with sqlite_errors():
            counts = {f"{table}.{state}": number for table in ("jobs", "parcels", "prints")
                      for state, number in self._db.execute(f"SELECT state, count(*) FROM {table} GROUP BY 1")}
            counts["outbox"] = self.outbox.waiting
            (counts["dead_letters"],) = self._db.execute("SELECT count(*) FROM dead_letters").fetchone()
        counts["bytes"] = self.path.stat().st_size if self.path.exists() else 0
        return counts

    def sync_pages(self, session: int) -> list[bytes]:
        """Return the payloads of `sync/req`: our jobs that have not ended, in pages of at most 500.

        A page speaks for the job ids from `first` to before `last`, so that the OMS sees what is missing inside of it.
        A job whose row is damaged is left out: it comes again.
        """
        with sqlite_errors():
            found = self._db.execute("SELECT id, rev, state, substr(sha256, 1, 8), body, digest FROM jobs"
                                     " WHERE state IN ('open', 'held') ORDER BY id")
            rows = [tuple(row[:4]) for row in found if row[4] is None or digest(row[4]) == row[5]]
            oldest = self.outbox.oldest_id()
        pages = [rows[start:start + SYNC_PAGE] for start in range(0, len(rows), SYNC_PAGE)] or [[]]
        return [
            sync_request(SyncRequest(
                session=session, store=self.store_id, page=number, of=len(pages), unreceipted=self.outbox.waiting,
                first="" if number == 1 else page[0][0],
                last=pages[number][0][0] if number < len(pages) else "", oldest=oldest,
                jobs=tuple(page)))
            for number, page in enumerate(pages, start=1)
        ]

    # -- the outbox ---------------------------------------------------------------------------------------------

    def due(self, now_ms: int, limit: int) -> list[Row]:
        """Return up to `limit` rows to publish now, by priority and then by age; see `Outbox.due`."""
        with sqlite_errors():
            return self.outbox.due(now_ms, limit)

    def mark_sent(self, row: Row, now_ms: int) -> None:
        """Remember that `row` was handed to the link just now."""
        self.outbox.mark_sent(row, now_ms)

    def resend_all(self) -> None:
        """Make every row due again, after a new connection or a sync."""
        self.outbox.resend_all()
