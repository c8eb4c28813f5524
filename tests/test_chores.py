"""What a station forgets, and when: only once its clock can be trusted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agent.chores import DAY_MS, Chores
from agent.store import Store
from firmware_config.settings import Keep

if TYPE_CHECKING:
    from pathlib import Path

NOW_MS = 1_800_000_000_000


def old_file(path: Path, days: float) -> Path:
    """Write a file that is so many days old."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    when_s = (NOW_MS - days * DAY_MS) / 1000
    os.utime(path, (when_s, when_s))
    return path


def test_fetched_papers_and_photos_go_when_their_time_is_over(tmp_path: Path) -> None:
    kept = [old_file(tmp_path / "files" / "new.pdf", 29), old_file(tmp_path / "photos" / "new.jpg", 89)]
    gone = [old_file(tmp_path / "files" / "old.pdf", 31), old_file(tmp_path / "photos" / "old.jpg", 91)]
    store = Store(tmp_path, station="st-1")
    try:
        chores = Chores(store, tmp_path)
        chores.due(60_000, NOW_MS, time_ok=False, keep=Keep())
        assert all(path.exists() for path in (*kept, *gone)), "an untrusted clock forgets nothing"
        assert chores.due(120_000, NOW_MS, time_ok=True, keep=Keep()).startswith(b"{")
    finally:
        store.close()
    assert [path.exists() for path in kept] == [True, True]
    assert [path.exists() for path in gone] == [False, False]
