"""Short versions of the delivery campaigns, with a real broker and real kills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.campaigns import delivery, offers

if TYPE_CHECKING:
    from pathlib import Path

    from agent.demo.broker import DemoBroker


def test_jobs_through_an_agent_that_is_killed_are_all_packed_once() -> None:
    lines: list[str] = []
    assert delivery.run(40, kills=4, rate=0.02, show=lines.append), "\n".join(lines)


def test_two_stations_pack_each_offered_job_once_though_one_is_cut_off(
        own_mosquitto: DemoBroker, tmp_path: Path) -> None:
    row = offers.run(own_mosquitto.url, tmp_path / "pool", 12)
    assert row["cut"]
    assert (row["packed"], row["labels twice"], row["stock"], row["conflicts"]) == (12, 0, 24, [])
