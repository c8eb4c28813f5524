"""What the owner does beside the work: telemetry, forgetting, room on the disk."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from agent.messages import Telemetry, telemetry
from agent.station.events import FactsReceipted
from agent.store.care import drop_ballast, free_mb, keep_ballast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.station.events import Event
    from agent.store import Store, StoreError
    from firmware_config.settings import Keep

MINUTE_MS = 60_000
DAY_MS = 86_400_000
# Receipts alone are committed so many messages at once, or after so long.
RECEIPTS_AT_ONCE = 10
RECEIPTS_WAIT_S = 0.25


def can_wait(events: Sequence[Event]) -> bool:
    """True for a few receipts alone: they wait for company, because each commit costs a sync of the disk."""
    return len(events) < RECEIPTS_AT_ONCE and all(isinstance(event, FactsReceipted) for event in events)


class Chores:
    """The regular small tasks of one station; `due` is called in every round and is almost always nothing."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory
        self._next_minute_ms = 0
        self._next_day_ms = 0
        keep_ballast(directory)

    def due(self, now_ms: int, wall_ms: int, *, time_ok: bool, keep: Keep) -> bytes:
        """Do what is due; return a telemetry payload once a minute, else nothing. Raises StoreError.

        Nothing is forgotten while the clock is not trusted: a wrong year would make everything look old.
        """
        if now_ms < self._next_minute_ms:
            return b""
        self._next_minute_ms = now_ms + MINUTE_MS
        if time_ok and now_ms >= self._next_day_ms:
            self._next_day_ms = now_ms + DAY_MS
            with self._store.transaction():
                self._store.forget(wall_ms, ended_days=keep.ended_days, addresses_days=keep.addresses_days)
            # Fetched papers hold addresses; so may a photo, but a carrier's surcharge comes after 60 days.
            self._forget_files("files", wall_ms - keep.addresses_days * DAY_MS)
            self._forget_files("photos", wall_ms - keep.photos_days * DAY_MS)
            keep_ballast(self._directory)
        counts = self._store.counts()
        return telemetry(Telemetry(boot=self._store.boot, mono_ms=now_ms, outbox=counts["outbox"],
                                   open_jobs=counts.get("jobs.open", 0), dead_letters=counts["dead_letters"],
                                   database_bytes=counts["bytes"], disk_free_mb=free_mb(self._directory)))

    def _forget_files(self, folder: str, before_ms: int) -> None:
        """Delete the files in a folder that are older than a moment."""
        for file in (self._directory / folder).glob("*"):
            with suppress(FileNotFoundError):  # a draft that got its name just now
                if file.stat().st_mtime * 1000 < before_ms:
                    file.unlink()

    def trouble(self, error: StoreError) -> None:
        """The store failed: on a full disk the ballast goes, so that receipts can still delete rows."""
        if error.code == "store.disk-full":
            drop_ballast(self._directory)

    def status(self) -> dict[str, int]:
        """Return what can be finished without the network, and the room on the disk."""
        return {"finishable_alone": self._store.finishable(), "disk_free_mb": free_mb(self._directory)}
