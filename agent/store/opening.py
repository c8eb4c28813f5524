"""How packbench.db is opened: one owner, checked, brought to the newest schema, durable."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.store import migrations
from agent.store.errors import StoreError, sqlite_errors

if TYPE_CHECKING:
    from io import FileIO

FILE = "packbench.db"
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL may roll back what was committed, after the broker was told that we have it
    "foreign_keys=ON",
    "busy_timeout=2000",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "journal_size_limit=16777216",
    "temp_store=MEMORY",
)


def claim(directory: Path) -> FileIO:
    """Return the lock on the directory; closing it gives it back. Raises StoreError when another process has it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "packbench.lock").open("ab", buffering=0)
    except OSError as error:
        raise StoreError("store.unwritable", f"{directory}: {error.strerror}.",
                         "Let the service user write the state directory.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StoreError("store.locked", f"another packbench works on {directory}.",
                         "Stop it, or give this one its own state directory.") from error
    return lock


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection with our pragmas, on the newest schema, quick-checked. Raises StoreError."""
    with sqlite_errors():
        if _version(path) < migrations.VERSION:
            migrate_in_child(path)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except BaseException:
            connection.close()
            raise
    if verdict != "ok":
        connection.close()
        raise StoreError("store.damaged", f"{path.name}: {verdict}.",
                         "Run `packbench store salvage`; what can be read is kept.")
    return connection


def _version(path: Path) -> int:
    """Return the schema's version; 0 for a file that is not there. Raises StoreError for a newer one."""
    if not path.exists() or path.stat().st_size == 0:
        return 0
    connection = sqlite3.connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    finally:
        connection.close()
    if version > migrations.VERSION:
        raise StoreError("store.newer", f"{path.name} has schema {version}; this release knows {migrations.VERSION}.",
                         "Install the newer release again, or start with an empty state directory.")
    return int(version)


def migrate_in_child(path: Path) -> None:
    """Run the migrations in a child; the file is its own program, so that `-I` finds it wherever it lies."""
    program = str(Path(migrations.__file__).resolve())
    child = subprocess.run([sys.executable, "-I", program, os.fspath(path)], check=False, capture_output=True,
                           text=True)
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or ["no words"])[-1]
        for word, code, hint in (
            ("malformed", "store.damaged", "Run `packbench store salvage`; what can be read is kept."),
            ("not a database", "store.damaged", "Run `packbench store salvage`; what can be read is kept."),
            ("full", "store.disk-full", "Free space on the station's disk."),
            ("locked", "store.locked", "Close the program that has packbench.db open."),
        ):
            if word in last:
                raise StoreError(code, f"SQLite says: {last}.", hint)
        raise StoreError("store.migration", f"the schema can't be brought up to date: {last}.",
                         "Report this with the file; the database was not changed.")
