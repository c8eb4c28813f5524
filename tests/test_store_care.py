"""A damaged database gives back what can be read; what is old is forgotten, never what is owed."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from agent.cli.store import group
from agent.station.records import DropFacts, SaveJob, SavePapers, SaveParcel
from agent.store import Store, care
from tests.test_store import NOON_MS, fact, keep, moved, opened, parcel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.test_store import Opener

DAY_MS = 86_400_000


@pytest.fixture
def full(open_store: Opener) -> Store:
    store = open_store()
    keep(store, *(opened(f"J-{n}", match=[f"T-{n}"]) for n in range(300)), *(moved(n) for n in range(300)))
    with store.transaction():
        store.save_state(b"{}")
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return store


def scribble(path: Path, table: str, pages: int) -> None:
    """Overwrite some leaf pages of a table, as a dying card does."""
    with sqlite3.connect(path) as db:
        numbers = [page for (page,) in db.execute(
            "SELECT pageno FROM dbstat WHERE name=? AND pagetype='leaf' ORDER BY pageno", (table,))]
    db.close()
    with path.open("r+b") as file:
        for number in numbers[3:3 + pages]:
            file.seek((number - 1) * 4096)
            file.write(b"\xa5" * 4096)


def test_a_healthy_database_has_no_findings(full: Store) -> None:
    assert care.check(full.path) == []


def test_overwritten_pages_cost_only_the_rows_on_them(full: Store) -> None:
    scribble(full.path, "jobs", 4)
    assert care.check(full.path)[0].code == "store.damaged"
    store, words = Store.mended(full.path.parent, station="st-1")
    kept = store.counts()["jobs.open"]
    assert 250 <= kept < 300  # four pages of about nine rows each
    assert "damaged" in words
    assert store.store_id != full.store_id
    assert store.outbox.waiting == 300
    assert list(full.path.parent.glob("packbench.db.broken-*"))
    store.close()


def test_unconfirmed_facts_keep_their_ids_and_bytes_and_go_on_their_receipt(full: Store) -> None:
    scribble(full.path, "jobs", 1)
    store, _ = Store.mended(full.path.parent, station="st-1")
    rows = store.due(0, 300)
    assert {row.id for row in rows} == {f"{full.store_id}:{n}" for n in range(1, 301)}
    assert all(json.loads(row.body)["id"] == row.id for row in rows)
    keep(store, DropFacts(tuple(row.id for row in rows)))
    assert store.outbox.waiting == 0
    keep(store, fact())
    assert store.due(0, 1)[0].id.startswith(store.store_id)
    store.close()


def test_a_flipped_bit_that_sqlite_does_not_see_is_found_and_its_row_is_not_taken_over(full: Store) -> None:
    with sqlite3.connect(full.path) as db:
        db.execute("UPDATE jobs SET body = CAST(replace(body, 'Ada', 'Adb') AS BLOB) WHERE id='J-7'")
    db.close()
    (finding,) = care.check(full.path)
    assert (finding.code, finding.table) == ("store.row-damaged", "jobs")
    saved = care.salvage(full.path.parent, station="st-1")
    assert saved.rows["jobs"] == 299


def test_a_file_of_nonsense_ends_in_an_empty_store_and_is_kept(tmp_path: Path) -> None:
    (tmp_path / "packbench.db").write_bytes(b"\xa5" * 40_000)
    store, words = Store.mended(tmp_path, station="st-1")
    assert (store.outbox.waiting, store.boot) == (0, 1)
    assert "0 rows" in words
    store.close()


def test_addresses_go_first_then_all_of_an_ended_job_and_never_what_is_owed(open_store: Opener) -> None:
    store = open_store()
    keep(store, opened("J-1"), opened("J-2"), SaveParcel(parcel()), SavePapers("J-1/1", 1, ()), fact("J-1", "packed"))
    keep(store, SaveJob("J-1", 1, "packed"))

    def forget(days: float) -> None:
        with store.transaction():
            store.forget(int(NOON_MS + days * DAY_MS), ended_days=90, addresses_days=30)

    forget(29)
    assert store.job("J-1") is not None
    forget(31)
    assert (store.job("J-1"), store.papers_of("J-1/1")) == (None, None)
    assert store.parcel("J-1/1") is not None
    forget(91)
    assert (store.parcel("J-1/1"), store.counts().get("jobs.packed")) == (None, None)
    assert store.job("J-2") is not None
    assert store.outbox.waiting == 1


def test_ballast_is_there_to_be_thrown_away_once(tmp_path: Path) -> None:
    care.keep_ballast(tmp_path, size_bytes=4096)
    assert (tmp_path / care.BALLAST).stat().st_size == 4096
    assert (care.drop_ballast(tmp_path), care.drop_ballast(tmp_path)) == (True, False)


class TestCommands:
    def run(self, *words: str) -> tuple[int, str]:
        result = CliRunner().invoke(group, list(words))
        return result.exit_code, result.output

    def test_check_says_that_all_is_well_or_what_to_do(self, full: Store) -> None:
        folder = str(full.path.parent)
        assert self.run("check", "--directory", folder)[0] == 0
        scribble(full.path, "jobs", 1)
        code, words = self.run("check", "--directory", folder)
        assert (code, "salvage" in words) == (3, True)
        assert self.run("salvage", "--directory", folder, "--station", "st-1", "--yes")[0] == 0
        assert self.run("check", "--directory", folder)[0] == 0

    def test_export_prints_rows_and_knows_its_tables(self, full: Store) -> None:
        folder = str(full.path.parent)
        code, words = self.run("export", "--directory", folder, "--table", "jobs")
        assert (code, len(words.splitlines())) == (0, 300)
        assert self.run("export", "--directory", folder, "--table", "nonsense")[0] == 2

    def test_a_missing_database_is_one_plain_line(self, tmp_path: Path) -> None:
        for command in ("check", "export"):
            code, words = self.run(command, "--directory", str(tmp_path))
            assert (code, "store.missing" in words, "--directory" in words) == (1, True, True)
