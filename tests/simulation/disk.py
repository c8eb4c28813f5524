"""Two disks for the simulation: memory under kills, and files under power cuts."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from agent.store.opening import FILE, PRAGMAS

if TYPE_CHECKING:
    import random
    from pathlib import Path


class Disk:
    """A database in memory. It outlives the process, because the disk holds the connection."""

    def __init__(self, template: bytes) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.deserialize(template)

    def open(self) -> sqlite3.Connection:
        """Return the connection for a new life."""
        return self._connection

    def committed(self) -> None:
        """A transaction ended."""

    def die(self) -> None:
        """The process is gone, in the middle of a transaction or not."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """The story is over."""
        self._connection.close()


class FileDisk(Disk):
    """A database in files. After each synced commit both are copied; a power cut goes back to the copies.

    With `synchronous` FULL (2) SQLite syncs the log at each commit; with NORMAL only before a checkpoint (pragma.html,
    synchronous), so what came after the last copy is lost. Part of the log that was written since may be there, torn.
    """

    def __init__(self, template: bytes, directory: Path, chance: random.Random) -> None:
        super().__init__(template)
        self._chance = chance
        self._files = (directory / FILE, directory / f"{FILE}-wal")
        self._files[0].write_bytes(template)
        self._safe = [template, b""]

    def open(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(self._files[0], isolation_level=None)
        for pragma in PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("PRAGMA wal_autocheckpoint=25")  # so that a short story meets checkpoints, too
        return self._connection

    def committed(self) -> None:
        (synchronous,) = self._connection.execute("PRAGMA synchronous").fetchone()
        if synchronous >= 2:
            self._safe = [file.read_bytes() if file.exists() else b"" for file in self._files]

    def die(self) -> None:
        log = self._files[1].read_bytes() if self._files[1].exists() else b""
        self._connection.close()
        database, safe_log = self._safe
        if log.startswith(safe_log):
            safe_log = log[:self._chance.randint(len(safe_log), len(log))]
        self._files[0].write_bytes(database)
        self._files[1].write_bytes(safe_log)
