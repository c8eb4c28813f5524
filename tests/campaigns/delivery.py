"""Jobs through a real Mosquitto to an agent that is killed: `python -m tests.campaigns.delivery [--jobs N --kills N]`.

3,000 jobs at 400 a second; the agent kills itself with SIGKILL at `received`, `committed`, `acked`, `printed` or `sent`
until it died often enough. Then the OMS's database, the station's database and the paper are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.demo.broker import make_broker
from agent.demo.light import LightStation
from agent.demo.oms import ReferenceOms
from firmware_config.settings import Settings, parse

if TYPE_CHECKING:
    from collections.abc import Callable

# Where the agent may die, and how much more often than at the lines that come many times a round.
WHERE = {"received": 1, "committed": 4, "acked": 1, "printed": 8, "sent": 1}


def station_settings(url: str, name: str = "st-1", **station: int) -> Settings:
    """Return the settings of a station without hardware."""
    return parse({"station": {"id": name, "site": "ams1", **station}, "broker": {"url": url}, "bench": "/none",
                  "scale": {"driver": "bench"}, "camera": {"driver": "bench"}, "printer": {"driver": "bench"}}, "light")


def job(number: int, station: str = "st-1") -> dict[str, Any]:
    """Return a job of about 1 kB with one piece of one of ten SKUs, and a label of its own."""
    name = f"J-{number:05d}"
    return {
        "job": name, "rev": 1, "station": station, "site": "ams1", "order": {"id": f"O-{number}"},
        "ship_to": {"name": "Ada Lovelace", "city": "Amsterdam", "country": "NL", "lines": ["x" * 200, "y" * 200]},
        "items": [{"sku": f"SKU-{number % 10}", "name": "z" * 200, "qty": 1 + number % 3}],
        "papers": [{"id": "label", "role": "label", "data": {"tracking": f"T{name}"}}], "match": [name],
    }


def live(url: str, directory: Path, rate: float, seed: int) -> None:
    """Be the agent until the parent goes away, or until our own hand kills us at some line."""
    chance = random.Random(seed)

    def checkpoint(where: str) -> None:
        if chance.random() < rate * WHERE[where]:
            with (directory / "kills.txt").open("a") as kills:
                kills.write(where + "\n")
            os.kill(os.getpid(), signal.SIGKILL)

    station = LightStation(station_settings(url), directory, checkpoint=checkpoint)
    parent = os.getppid()
    while os.getppid() == parent:
        station.once(0.02)


def nest(url: str, directory: Path, rate: float, kills: int) -> None:
    """Fork one life after the other (imports are paid once); after `kills` deaths nobody dies any more."""
    deaths = 0
    while True:
        child = os.fork()
        if child == 0:
            live(url, directory, rate if deaths < kills else 0.0, deaths)
            os._exit(0)
        os.waitpid(child, 0)
        deaths += 1
        if os.getppid() == 1:
            return


def run(jobs: int, kills: int, rate: float, *, per_second: float = 400.0, show: Callable[[str], None] = print) -> bool:
    """Run the campaign and return whether every promise held."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        broker = make_broker(directory, "mosquitto")
        broker.start()
        oms = ReferenceOms(broker.url, directory / "oms.db")
        oms.start()
        agent = subprocess.Popen([sys.executable, "-m", "tests.campaigns.delivery", "--nest", broker.url, folder,
                                  "--rate", str(rate), "--kills", str(kills)])
        began_s = time.monotonic()
        for number in range(jobs):
            oms.assign(job(number))
            time.sleep(max(0.0, began_s + number / per_second - time.monotonic()))
        until_s = time.monotonic() + 60 + jobs / 20 + kills * 3
        while time.monotonic() < until_s and not is_calm(directory, jobs):
            time.sleep(0.5)
        took_s = time.monotonic() - began_s
        with contextlib.suppress(ProcessLookupError):
            for child in _children(agent.pid):
                os.kill(child, signal.SIGKILL)
            agent.kill()
        agent.wait()
        oms.stop()
        broker.stop()
        return audit(directory, jobs, took_s, oms.report(), show)


def _children(pid: int) -> list[int]:
    """Return the processes that our nest forked, read from the kernel's own list."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_calm(directory: Path, jobs: int) -> bool:
    """True when the OMS has an end of every job and the station owes nothing."""
    with contextlib.closing(sqlite3.connect(directory / "oms.db")) as db:
        (ended,) = db.execute("SELECT count(*) FROM jobs WHERE state IN ('packed','cancelled','rejected')").fetchone()
    if ended < jobs:
        return False
    with contextlib.closing(sqlite3.connect(directory / "packbench.db")) as db:
        return bool(db.execute("SELECT count(*) = 0 FROM outbox").fetchone()[0])


def audit(directory: Path, jobs: int, took_s: float, report: dict[str, Any], show: Callable[[str], None]) -> bool:
    """Compare OMS, station and paper; print the table."""
    states = Counter(one["state"] for one in report["jobs"].values())
    paper = [line.split() for line in (directory / "paper.txt").read_text().splitlines()]
    labels = Counter(parcel for _, parcel, role in paper if role == "label")
    with contextlib.closing(sqlite3.connect(directory / "packbench.db")) as db:
        (asked,) = db.execute("SELECT count(*) FROM prints WHERE json_extract(body, '$.copy_of') > 0").fetchone()
        (settled,) = db.execute("SELECT count(*) FROM prints"
                                " WHERE json_extract(body, '$.code') = 'print.packer-has-it'").fetchone()
        (owed,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    expected = Counter[str]()
    for number in range(jobs):
        expected[f"SKU-{number % 10}"] += 1 + number % 3
    kills_file = directory / "kills.txt"
    deaths = Counter(kills_file.read_text().split()) if kills_file.exists() else Counter[str]()
    wrong = [sku for sku in expected if expected[sku] != report["stock"].get(sku, 0)]
    rows = {
        "jobs": jobs, "lost": jobs - states["packed"], "stock wrong (SKUs)": len(wrong),
        "facts owed": owed, "conflicts": len(report["conflicts"]), "copies absorbed": report["copies"],
        "same page twice": sum(count > 1 for count in Counter(mark for mark, *_ in paper).values()),
        "second labels": sum(count - 1 for count in labels.values()),
        "asked, wanted anew": asked,
        "asked, was there": settled, "kills": sum(deaths.values()), "seconds": round(took_s),
    }
    for name, value in rows.items():
        show(f"{name:22s} {value}")
    show(f"{'killed at':22s} " + ", ".join(f"{where} {deaths[where]}" for where in WHERE))
    broken = ("lost", "stock wrong (SKUs)", "facts owed", "conflicts", "same page twice")
    return not any(rows[name] for name in broken) and rows["second labels"] <= asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--nest", nargs=2)
    chosen = parser.parse_args()
    if chosen.nest:
        nest(chosen.nest[0], Path(chosen.nest[1]), chosen.rate, chosen.kills)
        return
    raise SystemExit(0 if run(chosen.jobs, chosen.kills, chosen.rate) else 1)


if __name__ == "__main__":
    main()
