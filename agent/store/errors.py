"""The one error of the store: what is wrong with the disk or the database, and what to do."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOSE = "Close the program that has packbench.db open; it is tried again by itself."
_TOLD: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("store.disk-full", "Free space on the station's disk; jobs stay at the broker until then."),
    sqlite3.SQLITE_BUSY: ("store.locked", _CLOSE),
    sqlite3.SQLITE_LOCKED: ("store.locked", _CLOSE),
    sqlite3.SQLITE_CORRUPT: ("store.damaged", "Run `packbench store salvage`; what can be read is kept."),
    sqlite3.SQLITE_NOTADB: ("store.damaged", "Run `packbench store salvage`; what can be read is kept."),
    sqlite3.SQLITE_READONLY: ("store.unwritable", "Let the service user write the state directory and packbench.db."),
    sqlite3.SQLITE_CANTOPEN: ("store.unwritable", "Let the service user write the state directory and packbench.db."),
    sqlite3.SQLITE_PERM: ("store.unwritable", "Let the service user write the state directory and packbench.db."),
    sqlite3.SQLITE_IOERR: ("store.disk-error", "The disk fails: replace the card, then start again."),
}


class StoreError(Exception):
    """The store can't do its work: `code` is stable, `detail` is what was seen, `hint` what a person does next."""

    def __init__(self, code: str, detail: str, hint: str) -> None:
        super().__init__(f"{code}: {detail} {hint}")
        self.code = code
        self.detail = detail
        self.hint = hint


@contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turn what SQLite says of disk and file into StoreError; an error of ours (a wrong statement) stays a bug."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if primary not in _TOLD:
            raise
        code, hint = _TOLD[primary]
        raise StoreError(code, f"SQLite says: {error}.", hint) from error
