"""Care of packbench.db: check it, save what can be read of a damaged one, forget what is old, keep room on the disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from agent.store.errors import StoreError
from agent.store.opening import FILE, claim, connect
from agent.store.outbox import PRIORITIES, SEQ_BITS, Outbox, digest, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BALLAST = "ballast"
BALLAST_BYTES = 16 * 1024 * 1024
DAY_MS = 86_400_000
LAST_GUESS = 1 << 20  # rows to look for where the last row id can't be read
PATIENCE = 20_000  # ranges that can't be read before the rest of a table is given up
# The outbox first: what was told once must be told in the end. The print ledger next, so that no number is used twice.
TABLES = ("outbox", "meta", "prints", "parcels", "jobs", "job_codes", "papers", "suggestions", "beliefs", "catalogue",
          "dead_letters", "state")
HASHED = ("state", "jobs", "parcels", "papers", "suggestions", "prints", "outbox")
KEYS = {"job_codes": ("code", "job"), "beliefs": ("name",), "catalogue": ("name",)}  # tables without row ids


class Finding(Struct, frozen=True):
    """One thing that is wrong in a database: a stable code, the table, and what was seen."""

    code: str
    table: str
    detail: str


class Salvage(Struct, frozen=True):
    """What was saved: rows by table, and where the broken file is kept."""

    kept_as: str
    rows: dict[str, int]
    lost_ranges: int
    unsent: int


def check(path: Path) -> list[Finding]:
    """Return what is wrong with a database: SQLite's own check, and the hash of each row. Changes nothing."""
    if not path.exists():
        return [Finding("store.missing", "", f"{path} is not there.")]
    findings: list[Finding] = []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            findings += [Finding("store.damaged", "", str(verdict))
                         for (verdict,) in db.execute("PRAGMA integrity_check(20)") if verdict != "ok"]
            for table in HASHED:
                findings += [Finding("store.row-damaged", table, f"row {name} is not what was written.")
                             for name, body, expected in _rows(db, table) if digest(body) != expected]
        except sqlite3.DatabaseError as error:
            findings.append(Finding("store.damaged", "", f"{error}."))
    return findings


def _rows(db: sqlite3.Connection, table: str) -> Iterator[tuple[object, bytes, bytes]]:
    yield from db.execute(f"SELECT rowid, body, digest FROM {table} WHERE body IS NOT NULL")


def salvage(directory: Path, *, station: str) -> Salvage:
    """Move a damaged database aside and save what can be read of it into a new one. Raises StoreError.

    The new database has a new name (`store_id`), so no id is ever used twice; facts that were not confirmed keep the
    ids that they were told with. The broken file stays beside it.
    """
    lock = claim(directory)
    try:
        path = directory / FILE
        if not path.exists():
            raise StoreError("store.missing", f"{path} is not there.", "Start the station: it makes a new one.")
        broken = path.with_name(f"{FILE}.broken-{time.time_ns() // 1_000_000_000}")
        for suffix in ("", "-wal", "-shm"):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.rename(broken.with_name(broken.name + suffix))
        fresh = connect(path)
        try:
            return _copy(broken, fresh, station)
        finally:
            fresh.close()
    finally:
        lock.close()


def _copy(broken: Path, fresh: sqlite3.Connection, station: str) -> Salvage:
    rows: dict[str, int] = {}
    lost = 0
    with contextlib.closing(sqlite3.connect(broken)) as old:
        old.text_factory = lambda raw: raw.decode("utf-8", "replace")
        fresh.execute("BEGIN IMMEDIATE")
        old_id, old_seq = "", 0
        with contextlib.suppress(sqlite3.DatabaseError):
            meta = dict(old.execute("SELECT name, value FROM meta").fetchall())
            old_id, old_seq = str(meta.get("store_id", "")), int(meta.get("seq", "0"))
        outbox = Outbox(fresh, store_id="", station=station)
        for table in TABLES:
            if table == "meta":
                continue
            found, gaps = readable(old, table)
            lost += gaps
            if table == "outbox":
                rows[table] = outbox.adopt(_unsent(found, old_id))
                outbox.before_commit()
            else:
                rows[table] = _insert(fresh, table, found)
        fresh.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('salvaged', ?)", (f"{old_id}:{old_seq}",))
        fresh.execute("COMMIT")
    return Salvage(broken.name, rows, lost, rows["outbox"])


def _unsent(found: list[sqlite3.Row], old_id: str) -> Iterator[tuple[int, str, str, bytes, int]]:
    for row in found:
        if digest(row["body"]) == row["digest"] and (row["foreign_id"] or old_id):
            priority, seq = divmod(row["place"], 1 << SEQ_BITS)
            yield priority, row["kind"], row["foreign_id"] or f"{old_id}:{seq}", row["body"], row["wall_ms"]


def _insert(fresh: sqlite3.Connection, table: str, found: list[sqlite3.Row]) -> int:
    columns = {name for _, name, *_ in fresh.execute(f"PRAGMA table_info({table})")}
    count = 0
    for row in found:
        names = [name for name in row.keys() if name in columns]  # noqa: SIM118 (a Row iterates over values)
        if "digest" in names and row["body"] is not None and digest(row["body"]) != row["digest"]:
            continue
        marks = ",".join("?" * len(names))
        with contextlib.suppress(sqlite3.IntegrityError):  # a damaged row that breaks a rule of its table
            count += fresh.execute(f"INSERT OR IGNORE INTO {table} ({','.join(names)}) VALUES ({marks})",
                                   tuple(row)).rowcount
    return count


def readable(db: sqlite3.Connection, table: str) -> tuple[list[sqlite3.Row], int]:
    """Return the rows of a table that can still be read, and how many ranges could not.

    A table with row ids is halved around the damage until each readable row is found (SQLite's `.recover` is not in
    Debian's build); one without is read from both ends.
    """
    db.row_factory = sqlite3.Row
    try:
        return db.execute(f"SELECT * FROM {table}").fetchall(), 0
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:  # no database, no such table: nothing to halve
            return [], 1
    if table in KEYS:
        return _from_both_ends(db, table, KEYS[table])
    if table == "outbox":  # four stretches of row ids, one for each priority
        halves = [_halved(db, table, place_of(priority, 0), place_of(priority, LAST_GUESS))
                  for priority in range(PRIORITIES)]
        return [row for rows, _ in halves for row in rows], sum(gaps for _, gaps in halves)
    try:
        (last,) = tuple(db.execute(f"SELECT max(rowid) FROM {table}").fetchone())
    except sqlite3.DatabaseError:
        last = LAST_GUESS
    return _halved(db, table, 1, int(last or 0))


def _halved(db: sqlite3.Connection, table: str, first: int, last: int) -> tuple[list[sqlite3.Row], int]:
    rows: list[sqlite3.Row] = []
    gaps = failures = 0
    ranges = [(first, last)]
    while ranges:
        low, high = ranges.pop()
        if low > high or failures > PATIENCE:
            continue
        try:
            rows += db.execute(f"SELECT * FROM {table} WHERE rowid BETWEEN ? AND ?", (low, high)).fetchall()
        except sqlite3.DatabaseError:
            failures += 1
            if low == high:
                gaps += 1
            else:
                middle = (low + high) // 2
                ranges += [(middle + 1, high), (low, middle)]
    return rows, gaps


def _from_both_ends(db: sqlite3.Connection, table: str, keys: tuple[str, ...]) -> tuple[list[sqlite3.Row], int]:
    rows: dict[tuple[object, ...], sqlite3.Row] = {}
    for direction in ("ASC", "DESC"):
        order = ",".join(f"{key} {direction}" for key in keys)
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in db.execute(f"SELECT * FROM {table} ORDER BY {order}"):
                rows[tuple(row[key] for key in keys)] = row
    return [rows[key] for key in sorted(rows, key=str)], 1


def forget(db: sqlite3.Connection, wall_ms: int, *, ended_days: float, addresses_days: float) -> dict[str, int]:
    """Inside a transaction, delete what is old: ended jobs with all that belongs to them, and addresses before that.

    A job's body holds the customer's address; `addresses_days` after its end only its tombstone (id, revision, state)
    is left, which still refuses a copy that comes late. Returns how many rows of each kind went. Facts that wait for
    the OMS are never touched.
    """
    bodies_before, before = int(wall_ms - addresses_days * DAY_MS), int(wall_ms - ended_days * DAY_MS)
    ended = "state IN ('packed', 'cancelled', 'expired')"
    emptied = db.execute(f"UPDATE jobs SET body=NULL, digest=x'' WHERE {ended} AND body IS NOT NULL"
                         " AND wall_ms < ?", (bodies_before,)).rowcount
    db.execute(f"DELETE FROM job_codes WHERE job IN (SELECT id FROM jobs WHERE {ended} AND body IS NULL)")
    old_jobs = f"SELECT id FROM jobs WHERE {ended} AND wall_ms < ?"
    papers = db.execute(f"DELETE FROM papers WHERE parcel IN (SELECT id FROM parcels WHERE job IN ({old_jobs}))",
                        (bodies_before,)).rowcount
    gone = {"bodies": emptied, "papers": papers}
    for table, column in (("suggestions", "job"), ("prints", "job"), ("parcels", "job"), ("jobs", "id")):
        gone[table] = db.execute(f"DELETE FROM {table} WHERE {column} IN ({old_jobs})", (before,)).rowcount
    return gone


def keep_ballast(directory: Path, *, size_bytes: int = BALLAST_BYTES) -> None:
    """Lay down a file that can be thrown away when the disk is full; nothing when there is no room for it."""
    path = directory / BALLAST
    if path.exists() and path.stat().st_size >= size_bytes:
        return
    space = os.statvfs(directory)
    if space.f_bavail * space.f_frsize < 4 * size_bytes:
        return
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size_bytes)


def drop_ballast(directory: Path) -> bool:
    """Throw the ballast away, so that facts can still be deleted on a full disk; False when it is gone."""
    path = directory / BALLAST
    if not path.exists():
        return False
    path.unlink()
    return True


def free_mb(directory: Path) -> int:
    """Return how many megabytes the station may still write."""
    space = os.statvfs(directory)
    return space.f_bavail * space.f_frsize // 1_000_000
