"""Many light stations in few processes, against any broker: what a fleet costs the broker and the stations.

Each process runs its stations in threads of one owner loop; real link, store and core each. The parent is the OMS.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from agent.demo.light import LightStation
from agent.demo.oms import ReferenceOms
from agent.store.opening import FILE, migrate_in_child
from firmware_config.settings import Settings, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Event as Signal

A_PROCESS = 50  # stations; paho waits with select(2), which ends at 1,024 open files
ROUND_S = 0.02


class FleetFigures(Struct, frozen=True):
    """What a run measured. Latency is from `job/assign` sent to `packed` booked, boxes packing themselves."""

    stations: int
    jobs: int
    packed: int
    seconds: float
    jobs_per_s: float
    facts_per_s: float
    latency_p50_s: float
    latency_p95_s: float
    memory_mb_per_station: float
    storm_seconds: float
    lost: int
    doubled: int


def settings_of(url: str, name: str) -> Settings:
    """Return the settings of a station without hardware."""
    return parse({"station": {"id": name, "site": "fleet"}, "broker": {"url": url}, "bench": "/none",
                  "scale": {"driver": "bench"}, "camera": {"driver": "bench"}, "printer": {"driver": "bench"}}, "fleet")


def live(url: str, names: list[str], folder: str, stop: Signal, storm: Signal, memory: Any) -> None:  # noqa: ANN401 (a Value)
    """Run these stations until `stop`; on `storm`, drop all connections at once and come back."""
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stations = [LightStation(settings_of(url, name), Path(folder) / name) for name in names]
    stormed = False
    while not stop.is_set():
        for station in stations:
            station.once(ROUND_S / len(stations))
        if storm.is_set() and not stormed:
            stormed = True
            for station in stations:
                station.link.drop()
    with memory.get_lock():
        memory.value += resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    for station in stations:
        station.store.close()


def job(name: str, station: str) -> dict[str, Any]:
    """Return a small job."""
    return {
        "job": name, "rev": 1, "station": station, "site": "fleet", "order": {"id": f"O-{name}"},
        "ship_to": {"name": "Ada Lovelace", "city": "Amsterdam", "country": "NL", "lines": ["x" * 200, "x" * 200]},
        "items": [{"sku": "MUG", "name": "y" * 200, "qty": 1}], "match": [name],
        "papers": [{"id": "label", "role": "label", "data": {"tracking": f"T{name}"}}],
    }


def simulate(url: str, stations: int, jobs_each: int, *, show: Callable[[str], None]) -> FleetFigures:
    """Run a fleet with a reconnect storm in the middle; raises TimeoutError when the broker is not there."""
    names = [f"fleet-{number:05d}" for number in range(stations)]
    context = multiprocessing.get_context("spawn")
    stop, storm, memory = context.Event(), context.Event(), context.Value("q", 0)
    with tempfile.TemporaryDirectory() as folder:
        sent: dict[str, float] = {}
        took: dict[str, float] = {}

        def packed(kind: str, fact: dict[str, Any]) -> None:
            if kind == "job" and fact["state"] == "packed":
                took[fact["job"]] = time.monotonic() - sent[fact["job"]]

        oms = ReferenceOms(url, Path(folder) / "oms.db", on_fact=packed)
        oms.start()
        template = Path(folder) / "template.db"
        migrate_in_child(template)  # once, and not by each of the stations
        for name in names:
            (Path(folder) / name).mkdir()
            shutil.copyfile(template, Path(folder) / name / FILE)
        groups = [names[start:start + A_PROCESS] for start in range(0, stations, A_PROCESS)]
        processes = [context.Process(target=live, args=(url, group, folder, stop, storm, memory)) for group in groups]
        for process in processes:
            process.start()
        total, storm_s = stations * jobs_each, 0.0
        began_s = time.monotonic()
        for number in range(jobs_each):
            for name in names:
                work = job(f"{name}.{number}", name)
                sent[work["job"]] = time.monotonic()
                oms.assign(work)
            if number == jobs_each // 2:
                _wait(took, stations * (number + 1), 120, show)
                show("all connections drop at once")
                storm_s = time.monotonic()
                storm.set()
        _wait(took, total, 60 + total / 10, show)
        seconds = time.monotonic() - began_s
        storm_s = time.monotonic() - storm_s
        stop.set()
        for process in processes:
            process.join(10)
        oms.stop()
        report = oms.report()
        with sqlite3.connect(Path(folder) / "oms.db") as db:
            (facts,) = db.execute("SELECT count(*) FROM events").fetchone()
        db.close()
    delays = sorted(took.values()) or [0.0]
    return FleetFigures(
        stations, total, len(took), round(seconds, 1), round(len(took) / seconds, 1), round(facts / seconds, 1),
        round(delays[len(delays) // 2], 2), round(delays[int(len(delays) * 0.95)], 2),
        round(memory.value / 1000 / stations, 2), round(storm_s, 1), total - len(took),
        report["stock"].get("MUG", 0) - len(took))


def _wait(took: dict[str, float], count: int, patience_s: float, show: Callable[[str], None]) -> None:
    until_s = time.monotonic() + patience_s
    told_s = time.monotonic()
    while len(took) < count and time.monotonic() < until_s:
        time.sleep(0.1)
        if time.monotonic() - told_s > 5:
            told_s = time.monotonic()
            show(f"{len(took)} of {count} jobs packed")
