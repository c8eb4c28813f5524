"""What the station knows beside its work: the site's cartons and SKUs, and what it has learned of both."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from agent.store.errors import StoreError, sqlite_errors
from agent.store.opening import FILE, claim, connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


class Shelf:
    """The tables `beliefs`, `catalogue` and `suggestions`. What is written is part of the running transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def beliefs(self) -> dict[str, bytes]:
        """Return what the station has learned, by name. Raises StoreError."""
        return self._bodies("beliefs")

    def catalogue(self) -> dict[str, bytes]:
        """Return the site's cartons and SKUs by name, as JSON. Raises StoreError."""
        return self._bodies("catalogue")

    def suggestion(self, job: str) -> bytes:
        """Return what was suggested last for a job, as JSON; empty when nothing was. Raises StoreError."""
        with sqlite_errors():
            row = self._db.execute("SELECT body FROM suggestions WHERE job=?", (job,)).fetchone()
        return bytes(row[0]) if row else b""

    def learn(self, changed: Mapping[str, bytes]) -> None:
        """Write what was learned over what was believed."""
        self._db.executemany("INSERT OR REPLACE INTO beliefs (name, body) VALUES (?,?)", changed.items())

    def stock(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Write cartons and SKUs over the old ones of the same names."""
        self._db.executemany("INSERT OR REPLACE INTO catalogue (name, body) VALUES (?,?)", rows)

    def _bodies(self, table: str) -> dict[str, bytes]:
        with sqlite_errors():
            return {name: bytes(body) for name, body in self._db.execute(f"SELECT name, body FROM {table}")}


@contextmanager
def shelf_of(directory: Path) -> Iterator[Shelf]:
    """The shelf of a station that does not run, in one transaction; its database is made where there is none.

    No life of the station begins by it. Raises StoreError, also when the station runs after all.
    """
    lock = claim(directory)
    try:
        db = connect(directory / FILE)
        try:
            with sqlite_errors():
                db.execute("BEGIN IMMEDIATE")
                yield Shelf(db)
                db.execute("COMMIT")
        finally:
            db.close()
    finally:
        lock.close()


@contextmanager
def read_shelf(directory: Path) -> Iterator[Shelf]:
    """The shelf of a station to read from, whether it runs or not. Raises StoreError."""
    path = directory / FILE
    if not path.exists():
        raise StoreError("store.missing", f"{path} is not there.", "Name the state directory with --directory.")
    with sqlite_errors(), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        yield Shelf(db)
