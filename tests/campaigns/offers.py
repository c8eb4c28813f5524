"""Two stations and a site's pool: `python -m tests.campaigns.offers [--jobs N]`.

Jobs are offered until somebody has them; one station loses its link right after it claimed. Each must be packed once.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from agent.demo.broker import make_broker
from agent.demo.light import LightStation
from agent.demo.oms import ReferenceOms
from agent.store.opening import FILE, migrate_in_child
from tests.campaigns.delivery import job, station_settings

POOL = 5
PATIENCE_S = 60.0


def run(url: str, folder: Path, jobs: int) -> dict[str, Any]:
    """Offer `jobs` jobs to two stations; return how many were packed, by whom, and how often twice."""
    folder.mkdir(exist_ok=True)
    template = folder / FILE
    migrate_in_child(template)
    oms = ReferenceOms(url, folder / "oms.db")
    oms.start()
    stations = []
    for name in ("pool-1", "pool-2"):
        (folder / name).mkdir()
        shutil.copyfile(template, folder / name / FILE)
        stations.append(LightStation(station_settings(url, name, pool_jobs=POOL), folder / name))
    while not all(station.link.up for station in stations):
        _round(stations)
    waiting = {f"J-{number:05d}": {**job(number), "station": ""} for number in range(jobs)}
    until_s, next_offer_s, cut = time.monotonic() + PATIENCE_S, 0.0, False
    while time.monotonic() < until_s:
        _round(stations)
        if not cut and stations[0].state.claims:
            cut = True
            stations[0].link.drop()
        if time.monotonic() >= next_offer_s:
            next_offer_s = time.monotonic() + 0.5
            states = oms.report()["jobs"]
            if len(states) == jobs and all(one["state"] == "packed" for one in states.values()):
                break
            for name, work in waiting.items():
                if states.get(name, {"state": "sent"})["state"] == "sent":
                    oms.offer(work)
    for station in stations:
        station.close()
    oms.stop()
    report = oms.report()
    paper = Counter(line.split()[1].partition("/")[0] for station in stations if station.paper.exists()
                    for line in station.paper.read_text().splitlines())
    return {"packed": sum(one["state"] == "packed" for one in report["jobs"].values()), "cut": cut,
            "labels twice": sum(count > 1 for count in paper.values()), "stock": sum(report["stock"].values()),
            "conflicts": report["conflicts"]}


def _round(stations: list[LightStation]) -> None:
    for station in stations:
        station.once(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = make_broker(Path(folder), "mosquitto")
        broker.start()
        row = run(broker.url, Path(folder), chosen.jobs)
        broker.stop()
    print(row)
    raise SystemExit(0 if row["packed"] == chosen.jobs and not row["labels twice"] and not row["conflicts"] else 1)


if __name__ == "__main__":
    main()
