"""The schema, step by step. It runs in a child process, so that sqlite-utils does not stay in the agent's memory.

`user_version` is the number of steps that a database has taken. A step is never edited once a release had it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x7061636B  # "pack", for `file` and for us


def first(db: Database) -> None:
    """Jobs, parcels, papers, print ledger, outbox, dead letters, and the core's own state."""
    db.table("meta").create({"name": str, "value": str}, pk="name", not_null={"value"}, strict=True)
    db.table("state").create({"id": int, "body": bytes, "digest": bytes}, pk="id", not_null={"body", "digest"},
                             strict=True)
    db.table("jobs").create(
        {"id": str, "rev": int, "state": str, "sha256": str, "body": bytes, "digest": bytes, "expires_ms": int,
         "wall_ms": int},
        pk="id", not_null={"rev", "state", "sha256", "digest", "wall_ms"}, strict=True)
    db.execute("CREATE INDEX jobs_expires ON jobs (expires_ms) WHERE state IN ('open', 'held')")
    # Tables below are read and written by their key alone; without a row id a change touches one page less.
    db.execute("CREATE TABLE job_codes (code TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (code, job))"
               " STRICT, WITHOUT ROWID")
    db.table("parcels").create(
        {"id": str, "job": str, "n": int, "state": str, "sscc": str, "tracking": str, "body": bytes, "digest": bytes,
         "wall_ms": int},
        pk="id", not_null={"job", "n", "state", "sscc", "tracking", "body", "digest", "wall_ms"}, strict=True)
    db.execute("CREATE INDEX parcels_job ON parcels (job)")
    db.execute("CREATE INDEX parcels_sscc ON parcels (sscc) WHERE sscc != ''")
    db.execute("CREATE INDEX parcels_tracking ON parcels (tracking) WHERE tracking != ''")
    db.execute("CREATE TABLE beliefs (name TEXT NOT NULL PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID")
    db.table("papers").create({"parcel": str, "rev": int, "body": bytes, "digest": bytes, "wall_ms": int},
                        pk="parcel", not_null={"rev", "body", "digest", "wall_ms"}, strict=True)
    db.table("prints").create(
        {"no": int, "mark": str, "job": str, "parcel": str, "state": str, "body": bytes, "digest": bytes,
         "wall_ms": int},
        pk="no", not_null={"mark", "job", "parcel", "state", "body", "digest", "wall_ms"}, strict=True)
    db.execute("CREATE INDEX prints_mark ON prints (mark)")
    db.execute("CREATE INDEX prints_parcel ON prints (parcel) WHERE parcel != ''")
    # `foreign_id` is set for rows that were salvaged from an older store and keep the id that they were told with.
    # `place` is the priority in its upper byte and the seq below: the order of leaving, as the row id itself.
    db.execute("CREATE TABLE outbox (place INTEGER PRIMARY KEY, kind TEXT NOT NULL, foreign_id TEXT,"
               " body BLOB NOT NULL, digest BLOB NOT NULL, wall_ms INTEGER NOT NULL) STRICT")
    db.execute("CREATE UNIQUE INDEX outbox_foreign ON outbox (foreign_id) WHERE foreign_id IS NOT NULL")
    db.table("dead_letters").create(
        {"sha256": str, "topic": str, "code": str, "detail": str, "payload": bytes, "bytes": int, "count": int,
         "wall_ms": int},
        pk="sha256", not_null={"topic", "code", "detail", "payload", "bytes", "count", "wall_ms"}, strict=True)


def second(db: Database) -> None:
    """The site's cartons and SKUs, and what the station suggested for a job."""
    db.execute("CREATE TABLE catalogue (name TEXT NOT NULL PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID")
    db.table("suggestions").create({"job": str, "rev": int, "body": bytes, "digest": bytes, "wall_ms": int},
                                   pk="job", not_null={"rev", "body", "digest", "wall_ms"}, strict=True)


STEPS = (first, second)
VERSION = len(STEPS)


def migrate(path: str) -> None:
    """Bring the database at `path` to the newest version; each step is one transaction."""
    from sqlite_utils import Database

    db = Database(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for number, step in enumerate(STEPS[version:], start=version + 1):
        with db.atomic():
            step(db)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={number}")
    db.close()


if __name__ == "__main__":
    migrate(sys.argv[1])
