"""The store keeps what it said it keeps, and says plainly what is wrong with disk or file."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from agent.station.events import CodesSeen, Delivery, JobCancelled, TimePassed
from agent.station.facts import DeviceChanged, JobChanged, MessageDead, StockMoved
from agent.station.parcels import NOT_MEASURED
from agent.station.records import BuryMessage, DropFacts, SaveJob, SaveParcel, SavePrint, Tell
from agent.station.state import State, sha256_hex
from agent.station.values import Parcel, Print, Weight
from agent.store import Store, StoreError
from agent.store.outbox import LAST_RESEND_MS, WINDOW
from tests.builders import a_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.station.records import Record

    Opener = Callable[..., Store]

NOON_MS = 1_800_000_000_000


def keep(store: Store, *records: Record, at_ms: int = 1) -> None:
    with store.transaction():
        store.apply(records, at_ms=at_ms, wall_ms=NOON_MS, time_ok=True)


def keep_and_fail(store: Store, *records: Record) -> None:
    with store.transaction():
        store.apply(records, at_ms=1, wall_ms=NOON_MS, time_ok=True)
        store.save_state(b"x")
        raise ZeroDivisionError


def opened(job: str = "J-1", **more: object) -> SaveJob:
    return SaveJob(job, 1, "open", "d1", a_job(job, **more))


def fact(job: str = "J-1", state: str = "open") -> Tell:
    return Tell(JobChanged(job=job, rev=1, state=state))  # type: ignore[arg-type]  # short for tests


def moved(n: int) -> Tell:
    return Tell(StockMoved(parcel=f"J-{n}/1", job=f"J-{n}", sku="MUG", qty=1))


def parcel(**more: object) -> Parcel:
    return Parcel(id="J-1/1", job="J-1", rev=1, state="open", visit=1, gross=Weight(value_g=1200, u95_g=2),
                  dims=NOT_MEASURED, **more)  # type: ignore[arg-type]  # short for tests


class TestLives:
    def test_a_store_keeps_its_name_and_counts_its_lives(self, open_store: Opener) -> None:
        first = open_store()
        second = open_store()
        assert (second.store_id, second.boot) == (first.store_id, first.boot + 1)

    def test_a_second_process_is_refused_while_one_works(self, open_store: Opener) -> None:
        store = open_store()
        with pytest.raises(StoreError) as refused:
            Store(store.path.parent, station="st-1")
        assert refused.value.code == "store.locked"

    def test_a_new_directory_is_migrated_without_loading_sqlite_utils_here(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "new", station="st-1")
        keep(store, opened())
        store.close()
        again = Store(tmp_path / "new", station="st-1")
        assert again.job("J-1") == a_job()
        again.close()

    def test_a_database_of_a_later_release_is_left_alone(self, open_store: Opener) -> None:
        store = open_store()
        store.close()
        with sqlite3.connect(store.path) as db:
            db.execute("PRAGMA user_version=99")
        db.close()
        with pytest.raises(StoreError) as refused:
            Store(store.path.parent, station="st-1")
        assert refused.value.code == "store.newer"

    @pytest.mark.parametrize("content", [b"no database, but long enough for one" * 40, b"SQLite format 3\0" * 300])
    def test_a_file_that_is_no_database_is_told_as_damaged(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "packbench.db").write_bytes(content)
        with pytest.raises(StoreError) as refused:
            Store(tmp_path, station="st-1")
        assert refused.value.code == "store.damaged"
        assert "salvage" in refused.value.hint


class TestTransactions:
    def test_work_state_and_facts_are_there_together_after_a_restart(self, open_store: Opener) -> None:
        store = open_store()
        with store.transaction():
            store.apply([opened(), fact()], at_ms=5, wall_ms=NOON_MS, time_ok=True)
            store.save_state(b'{"visit":3}')
        again = open_store()
        assert again.load_state() == b'{"visit":3}'
        assert again.job("J-1") == a_job()
        assert [row.id for row in again.due(0, 10)] == [f"{store.store_id}:1"]

    def test_nothing_of_a_failed_transaction_remains(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, fact("J-0"))
        with pytest.raises(ZeroDivisionError):
            keep_and_fail(store, opened(), fact(), DropFacts((f"{store.store_id}:1",)))
        assert (store.job("J-1"), store.load_state()) == (None, None)
        assert [row.seq for row in store.due(0, 10)] == [1]

    def test_a_sequence_number_is_never_used_again_after_its_row_went(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, fact())
        keep(store, DropFacts((f"{store.store_id}:1",)))
        again = open_store()
        keep(again, fact())
        assert [row.seq for row in again.due(0, 10)] == [2]

    def test_a_full_disk_is_told_and_takes_nothing_with_it(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, opened())
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError) as full:
            keep(store, *(opened(f"K-{n}") for n in range(40)))
        assert full.value.code == "store.disk-full"
        store._db.execute("PRAGMA max_page_count=100000")
        keep(store, opened("K-0"))
        assert store.counts()["jobs.open"] == 2

    def test_a_database_that_somebody_else_locks_is_told_as_locked(self, open_store: Opener) -> None:
        store = open_store()
        store._db.execute("PRAGMA busy_timeout=10")
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as locked:
            keep(store, opened())
        other.close()
        assert locked.value.code == "store.locked"
        keep(store, opened())

    def test_a_flipped_bit_in_a_row_is_noticed(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, opened())
        store._db.execute("UPDATE jobs SET body = CAST(replace(body, 'Ada', 'Adb') AS BLOB)")
        with pytest.raises(StoreError) as damaged:
            store.job("J-1")
        assert damaged.value.code == "store.row-damaged"

    def test_a_damaged_job_counts_as_missing_and_is_written_anew_when_it_comes_again(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, opened("J-1"), opened("J-2"))
        store._db.execute("UPDATE jobs SET body = CAST(replace(body, 'Ada', 'Adb') AS BLOB) WHERE id='J-1'")
        assert [row[0] for row in json.loads(store.sync_pages(1)[0])["jobs"]] == ["J-2"]
        event = store.attach(JobCancelled(at_ms=1, job="J-1", rev=1, delivery=Delivery(1, 1)), State())
        assert isinstance(event, JobCancelled)
        assert event.known is None
        keep(store, opened("J-1"))
        assert store.job("J-1") == a_job()

    def test_many_jobs_are_compared_in_pages_without_a_gap_between_them(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, *(opened(f"J-{n:04d}") for n in range(501)))
        first, second = (json.loads(page) for page in store.sync_pages(7))
        assert (first["first"], first["last"], second["first"], second["last"]) == ("", "J-0500", "J-0500", "")
        assert (len(first["jobs"]), len(second["jobs"]), first["of"], first["session"]) == (500, 1, 2, 7)


class TestOutbox:
    def test_the_same_id_is_always_the_same_bytes(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, fact())
        (first,) = store.due(0, 1)
        (again,) = open_store().due(0, 1)
        assert (first.id, first.body) == (again.id, again.body)
        event = json.loads(first.body)
        assert (event["id"], event["key"], event["data"]["at"]["boot"]) == (first.id, "job/J-1/1/open", 1)

    def test_parcels_and_jobs_leave_before_stock_before_state_before_the_rest(self, open_store: Opener) -> None:
        store = open_store()
        dead = MessageDead(topic="t", sha256="0" * 64, bytes=1, code="c", detail="d")
        device = DeviceChanged(device="scale", boot=1, at_ms=1, code="scale.mute")
        keep(store, Tell(dead), Tell(device), moved(1), fact(), moved(2))
        kinds = [row.topic.rpartition("/")[2] for row in store.due(0, 10)]
        assert kinds == ["job", "inventory", "inventory", "device", "dead"]

    def test_a_row_comes_again_with_growing_patience_until_its_receipt(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, fact())
        waits: list[int] = []
        now_ms = sent_ms = 0
        while len(waits) < 9:
            for row in store.due(now_ms, 10):
                store.mark_sent(row, now_ms)
                waits.append(now_ms - sent_ms)
                sent_ms = now_ms
            now_ms += 5_000
        assert waits[:5] == [0, 15_000, 30_000, 60_000, 120_000]
        assert waits[-1] == LAST_RESEND_MS
        keep(store, DropFacts((f"{store.store_id}:1",)))
        assert store.due(now_ms + 10**9, 10) == []

    def test_a_new_connection_sends_everything_again(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, fact(), moved(1))
        for row in store.due(0, 10):
            store.mark_sent(row, 0)
        assert store.due(1, 10) == []
        store.resend_all()
        assert len(store.due(1, 10)) == 2

    def test_a_receipt_in_a_failed_transaction_does_not_make_a_row_forgotten(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, fact())
        (row,) = store.due(0, 10)
        store.mark_sent(row, 0)
        with pytest.raises(ZeroDivisionError):
            keep_and_fail(store, DropFacts((row.id,)))
        assert [one.id for one in store.due(15_000, 10)] == [row.id]

    def test_without_receipts_no_more_than_a_window_is_under_way(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, *(moved(n) for n in range(WINDOW + 100)))
        sent = 0
        while rows := store.due(0, 500):
            for row in rows:
                store.mark_sent(row, 0)
            sent += len(rows)
        assert sent == WINDOW

    def test_receipts_of_strangers_and_nonsense_change_nothing(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, fact())
        keep(store, DropFacts(("0000:1", f"{store.store_id}:99", f"{store.store_id}:9999999999999999999")))
        assert store.counts()["outbox"] == 1


class TestAttachments:
    def test_a_cancel_meets_what_the_store_has_of_its_job(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, opened(), SaveParcel(parcel()))
        event = store.attach(JobCancelled(at_ms=1, job="J-1", rev=1, delivery=Delivery(1, 1)), State())
        assert isinstance(event, JobCancelled)
        assert event.known is not None
        assert (event.known.state, event.known.parcels, event.known.job) == ("open", 1, a_job())

    def test_a_tombstone_is_known_without_a_body(self, open_store: Opener) -> None:
        store = open_store()
        keep(store, SaveJob("J-9", 2, "cancelled"))
        event = store.attach(JobCancelled(at_ms=1, job="J-9", rev=2, delivery=Delivery(1, 1)), State())
        assert isinstance(event, JobCancelled)
        assert event.known is not None
        assert (event.known.state, event.known.rev, event.known.job) == ("cancelled", 2, None)

    def test_codes_find_their_jobs_and_cancelled_ones_too_for_the_packer_to_hear(
            self, open_store: Opener) -> None:
        store = open_store()
        keep(store, opened("J-1", match=["TOTE-7"]), opened("J-2", match=["TOTE-7"]), opened("J-3"))
        keep(store, SaveJob("J-2", 1, "cancelled"))
        event = store.attach(CodesSeen(at_ms=1, visit=1, codes=("TOTE-7", "4006381333931")), State())
        assert isinstance(event, CodesSeen)
        assert [(known.id, known.state) for known in event.jobs] == [("J-1", "open"), ("J-2", "cancelled")]

    @pytest.mark.parametrize("code", ["0123456789", "00340123450000000017", "340123450000000017", "1Z999"])
    def test_a_label_is_found_by_its_mark_its_sscc_and_its_tracking_number(self, open_store: Opener, code: str) -> None:
        store = open_store()
        page = Print(no=4, mark="0123456789", role="label", job="J-1", paper="label", state="printed", parcel="J-1/1")
        keep(store, opened(), SavePrint(page),
             SaveParcel(parcel(print_no=4, sscc="340123450000000017", tracking="1Z999")))
        event = store.attach(CodesSeen(at_ms=1, visit=1, codes=(code,)), State())
        assert isinstance(event, CodesSeen)
        ((seen, of),) = event.prints
        assert seen == page
        assert of is not None
        assert of.id == "J-1/1"

    def test_jobs_expire_by_a_clock_that_is_trusted_unless_they_have_a_label(self, open_store: Opener) -> None:
        store = open_store()
        past, future = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
        keep(store, opened("J-1", expires=past), opened("J-2", expires=past), opened("J-3", expires=future))
        keep(store, SaveParcel(Parcel(id="J-2/1", job="J-2", rev=1, state="unproven", visit=1,
                                      gross=Weight(value_g=1, u95_g=1), dims=NOT_MEASURED)))
        trusted = store.attach(TimePassed(at_ms=1, wall_ms=NOON_MS, time_ok=True), State())
        lost = store.attach(TimePassed(at_ms=1, wall_ms=NOON_MS, time_ok=False), State())
        assert isinstance(trusted, TimePassed)
        assert isinstance(lost, TimePassed)
        assert ([known.id for known in trusted.expired], lost.expired) == (["J-1"], ())


def test_the_same_dead_letter_is_told_once_and_counted(open_store: Opener) -> None:
    store = open_store()
    dead = MessageDead(topic="t", sha256=sha256_hex(b"{"), bytes=1, code="message.not-json", detail="d")
    for _ in range(5):
        keep(store, BuryMessage("t", b"{", "message.not-json", "d"), Tell(dead))
    assert store.counts()["dead_letters"] == 1
    assert store.counts()["outbox"] == 1
