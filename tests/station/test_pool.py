"""Offers are claimed and never taken; serial numbers are used once; the OMS is asked what we missed."""

from __future__ import annotations

from agent.station.events import (
    BlockLeased,
    Delivery,
    JobOffered,
    LinkChanged,
    PlatformCleared,
    SyncAnswered,
    TimePassed,
)
from agent.station.facts import BlockWanted, JobChanged, JobClaimed, StoreBegan
from agent.station.gs1 import has_check_digit
from agent.station.pool import CLAIM_WAIT_MS, OUTBOX_FULL, SYNC_EVERY_MS
from tests.builders import Bench, a_job, settings


def offer(bench: Bench, job: str, *, open_jobs: int = 0) -> None:
    known = bench.jobs.get(job)
    bench.send(JobOffered(at_ms=0, job=job, rev=1, delivery=Delivery(1, 3), known=known, open_jobs=open_jobs))


def claims(bench: Bench) -> list[str]:
    return [fact.job for fact in bench.facts if isinstance(fact, JobClaimed)]


class TestOffers:
    def test_a_station_claims_as_many_as_the_settings_want_and_counts_what_it_has(self) -> None:
        bench = Bench(settings(pool_jobs=3))
        for number in range(5):
            offer(bench, f"J-{number}", open_jobs=1)
        assert claims(bench) == ["J-0", "J-1"]

    def test_a_claim_gives_no_job(self) -> None:
        bench = Bench(settings(pool_jobs=3))
        offer(bench, "J-1")
        assert bench.jobs == {}

    def test_a_station_that_wants_none_claims_none(self) -> None:
        bench = Bench()
        offer(bench, "J-1")
        assert claims(bench) == []
        assert bench.acknowledged == [3]

    def test_a_job_that_is_known_already_is_not_claimed(self) -> None:
        bench = Bench(settings(pool_jobs=3))
        bench.assign(a_job())
        offer(bench, "J-1")
        assert claims(bench) == []

    def test_a_grant_makes_room_for_the_next_claim_and_so_does_silence(self) -> None:
        bench = Bench(settings(pool_jobs=1))
        offer(bench, "J-1")
        offer(bench, "J-2")
        bench.assign(a_job("J-1"))
        offer(bench, "J-3")
        bench.now_ms += CLAIM_WAIT_MS + 1
        offer(bench, "J-4")
        assert claims(bench) == ["J-1", "J-3", "J-4"]

    def test_a_new_life_waits_for_no_grant(self) -> None:
        bench = Bench(settings(pool_jobs=1))
        offer(bench, "J-1")
        bench.restart()
        offer(bench, "J-2")
        assert claims(bench) == ["J-1", "J-2"]


class TestSerialNumbers:
    def lease(self, bench: Bench, block: str, first: str, count: int, store: str = "7d0f") -> None:
        bench.send(BlockLeased(at_ms=0, block=block, store=store, first=first, count=count, delivery=Delivery(1, 4)))

    def ssccs(self, bench: Bench, count: int) -> list[str]:
        for number in range(count):
            bench.assign(a_job(f"J-{number}"))
            bench.weigh(1000)
            bench.see(f"J-{number}")
            bench.send(PlatformCleared(at_ms=0))
        return [parcel.sscc for parcel in bench.parcels.values()]

    def test_each_parcel_gets_its_own_number_across_blocks_until_none_is_left(self) -> None:
        bench = Bench(settings(sscc_low=2))
        self.lease(bench, "B-1", "34012345000000001", 2)
        self.lease(bench, "B-2", "34012345000000900", 1)
        found = self.ssccs(bench, 4)
        assert [sscc[:17] for sscc in found] == ["34012345000000001", "34012345000000002", "34012345000000900", ""]
        assert all(has_check_digit(sscc) for sscc in found[:3])

    def test_a_block_that_comes_twice_counts_once(self) -> None:
        bench = Bench(settings(sscc_low=2))
        for _ in range(2):
            self.lease(bench, "B-1", "34012345000000001", 1)
        assert [bool(sscc) for sscc in self.ssccs(bench, 2)] == [True, False]

    def test_a_block_for_an_older_database_is_refused(self) -> None:
        bench = Bench(settings(sscc_low=2))
        self.lease(bench, "B-1", "34012345000000001", 9, store="0000")
        assert self.ssccs(bench, 1) == [""]
        assert any(getattr(fact, "code", "") == "sscc.other-store" for fact in bench.facts)

    def test_more_is_asked_for_in_time(self) -> None:
        bench = Bench(settings(sscc_low=2))
        self.lease(bench, "B-1", "34012345000000001", 3)
        self.ssccs(bench, 2)
        assert [(fact.left, fact.leased) for fact in bench.facts if isinstance(fact, BlockWanted)] == [(0, 0), (1, 1)]


class TestComparison:
    def test_every_connection_and_every_hour_the_oms_is_asked(self) -> None:
        bench = Bench()
        bench.send(LinkChanged(at_ms=0, up=True))
        bench.send(SyncAnswered(at_ms=0, session=1, unknown=(), delivery=Delivery(1, 5)))
        bench.send(TimePassed(at_ms=bench.now_ms + SYNC_EVERY_MS - 1_000, wall_ms=0, time_ok=True))
        assert bench.comparisons == 1
        bench.send(TimePassed(at_ms=bench.now_ms + SYNC_EVERY_MS, wall_ms=0, time_ok=True))
        bench.send(LinkChanged(at_ms=0, up=True))
        assert bench.comparisons == 3

    def test_without_an_answer_it_is_asked_again_ever_more_patiently(self) -> None:
        bench = Bench()
        bench.send(LinkChanged(at_ms=0, up=True))
        for _ in range(600):
            bench.send(TimePassed(at_ms=bench.now_ms + 1_000, wall_ms=0, time_ok=True))
        assert bench.comparisons == 5  # at once, then after 30, 60, 120 and 240 s

    def test_its_answer_proves_the_way_there_and_back(self) -> None:
        bench = Bench()
        bench.send(SyncAnswered(at_ms=0, session=1_000_001, unknown=(), delivery=Delivery(1, 5)))
        assert (bench.state.session_answered, bench.acknowledged) == (1_000_001, [5])


def test_a_first_life_is_told_and_a_second_is_not() -> None:
    bench = Bench()
    bench.restart()
    assert [fact.store for fact in bench.facts if isinstance(fact, StoreBegan)] == ["7d0f"]


def test_a_full_outbox_refuses_new_work_and_says_why() -> None:
    bench = Bench()
    bench.send(TimePassed(at_ms=0, wall_ms=0, time_ok=True, waiting=OUTBOX_FULL))
    bench.assign(a_job())
    answer = bench.facts[-1]
    assert isinstance(answer, JobChanged)
    assert (answer.state, answer.code, bench.jobs) == ("rejected", "station.full", {})
