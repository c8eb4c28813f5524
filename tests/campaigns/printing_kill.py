"""200 labels while the real agent is killed again and again; the printer's own paper judges.

`python -m tests.campaigns.printing_kill [--labels N] [--kills N] [--wire usb|tcp|snmp]`. The jobs come over a real
Mosquitto, labelled before they are packed: half of them in batches with their slips, half one by one. The station is
`packbench run`, killed with SIGKILL at drawn times of its life and at drawn bytes of a page. A packer looks into the
tray and presses the button: short for a page that is there, long for one that is not. In the end every mark and number
is read from the paper again and compared with the ledger and with what the OMS was told.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from agent.bench.printer import SimulatedPrinter
from agent.demo.broker import make_broker
from agent.demo.oms import ReferenceOms
from agent.local import LocalError, Station

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "QL-820NWB"
SPEED = {"usb": 20.0, "tcp": 20.0, "snmp": 3.0}  # the state is asked ten times a second: it must last to be seen
BATCH = 4
QUIET_S = 0.25  # a printer whose tray and wire rest for so long has brought out what it has
PAGE_BYTES = 100_000  # about one label's
PATIENCE_S = 60.0
WRONGS = ("lost", "silent_doubles", "unnamed", "untrue", "out_of_order")

SETTINGS = """
directory = "{root}/station"
socket = "{root}/packbench.sock"
[station]
id = "st-1"
site = "ams1"
[broker]
url = "{url}"
[printer]
model = "QL-820NWB"
{wire}
"""


def job(number: int) -> dict[str, Any]:
    """Return a job whose label prints before it is packed; each second four are a batch, with slips."""
    name = f"J-{number:04d}"
    papers = [{"id": "label", "role": "label", "data": {"tracking": f"T{name}"}}]
    more: dict[str, Any] = {}
    if number // BATCH % 2 == 0:
        papers.append({"id": "slip", "role": "slip"})
        more = {"batch": {"id": f"B-{number // BATCH}", "seq": number % BATCH + 1, "of": BATCH}}
    return {
        "job": name, "rev": 1, "station": "st-1", "site": "ams1", "order": {"id": f"O-{number}"}, "match": [name],
        "ship_to": {"name": "Ada Lovelace", "city": "Amsterdam", "country": "NL", "lines": ["Damrak 1"]},
        "items": [{"sku": "MUG", "name": "Mug", "qty": 1}], "papers": papers, "label_when": "before_packing",
        "verify": {"weight": {"expected_g": 500, "tolerance_g": 50}}, **more,
    }


@dataclass(frozen=True, slots=True)
class Paper:
    """One page in the tray: its proof mark, the job that it names, and whether it says that it is a copy."""

    mark: str
    job: str
    role: str


def read(path: Path) -> Paper:
    """Read a page as it came out: a label by its tracking number, a slip by its job's code."""
    import zxingcpp
    from PIL import Image

    with Image.open(path) as picture:
        texts = {code.text for code in zxingcpp.read_barcodes(picture.convert("L"))}
    marks = [text for text in texts if text.isdigit() and len(text) == 10]
    labels = [text[1:] for text in texts if text.startswith("TJ-")]
    names = labels or [text for text in texts if text.startswith("J-")]
    return Paper(marks[0], names[0], "label" if labels else "slip")


@dataclass
class Bench:
    """Broker, OMS and printer, which outlive every life of the station; and the packer's eyes and hand."""

    root: Path
    wire: str
    stack: ExitStack
    tray: list[Path] = field(default_factory=list)
    known: dict[Path, Paper] = field(default_factory=dict)
    pressed: Counter[str] = field(default_factory=Counter)
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        begun_s = time.monotonic()
        node = self.root / "lp0" if self.wire == "usb" else None
        self.printer = SimulatedPrinter(
            MODEL, "62", 1e6, self.root / "tray", self._note, lambda: (time.monotonic() - begun_s) * SPEED[self.wire],
            node=node, snmp=self.wire == "snmp", status_on_tcp=self.wire == "tcp",
        ).start()  # fmt: skip
        self.stack.callback(self.printer.stop)
        broker = make_broker(self.root, "mosquitto")
        broker.start()
        self.stack.callback(broker.stop)
        self.oms = ReferenceOms(broker.url, self.root / "oms.db")
        self.oms.start()
        self.stack.callback(self.oms.stop)
        wire = f'driver = "usb"\npath = "{node}"' if node else (
            f'driver = "tcp"\nhost = "127.0.0.1"\nport = {self.printer.port}\n'
            f"snmp_port = {self.printer.snmp_port or 0}")
        (self.root / "station.toml").write_text(SETTINGS.format(root=self.root, url=broker.url, wire=wire))

    def _note(self, line: dict[str, Any]) -> None:
        if line["kind"] == "printed":
            self.tray.append(Path(line["png"]))

    def came_out(self) -> list[Paper]:
        """Every page in the tray, in order."""
        tray = tuple(self.tray)
        for path in tray:
            if path not in self.known:
                self.known[path] = read(path)
        return [self.known[path] for path in tray]

    def taken(self) -> int:
        """Bytes that the printer has taken off the wire."""
        with self.printer.engine() as engine:
            return engine.taken_bytes

    def rest(self) -> None:
        """Wait until nothing moves any more."""
        before, since_s = (-1, -1), time.monotonic()
        while time.monotonic() - since_s < QUIET_S:
            with self.printer.engine() as engine:
                now = (engine.taken_bytes, engine.pages_printed + engine.held_pages)
            if now != before:
                before, since_s = now, time.monotonic()
            time.sleep(0.02)

    def pack(self) -> None:
        """The packer: settle what is in doubt, until everything is printed and told."""
        while not self.done.is_set():
            with suppress(LocalError, OSError, ValueError):
                self._settle_one()
            time.sleep(0.05)

    def _settle_one(self) -> None:
        station = Station(self.root / "packbench.sock")
        try:
            status: Any = station.ask("status")
            asked = next((page["mark"] for page in status["pages"] if page["state"] == "in-doubt"), "")
            if asked:
                self.rest()
                is_there = any(paper.mark == asked for paper in self.came_out())
                station.ask("press", long=not is_there)
                self.pressed["is there" if is_there else "print again"] += 1
        finally:
            station.close()


def killed(root: Path, labels: int, kills: int, wire: str, seed: int) -> Verdict:
    """Run the campaign and return what it came to."""
    chance = Random(seed)
    with ExitStack() as stack:
        bench = Bench(root, wire, stack)
        for number in range(labels):
            bench.oms.assign(job(number))
        packer = threading.Thread(target=bench.pack, name="packer")
        packer.start()
        try:
            lives = 0
            while not _live(bench, chance, labels, last=lives == kills or len(bench.tray) >= pages_of(labels)):
                lives += 1
        finally:
            bench.done.set()
            packer.join()
        bench.rest()
        verdict = judge(bench, labels)
        verdict.kills = lives
        return verdict


def _live(bench: Bench, chance: Random, labels: int, *, last: bool) -> bool:
    """Be one life of the station; True for the last one, which ends with nothing left to do, False when killed."""
    (bench.root / "packbench.sock").unlink(missing_ok=True)
    (bench.root / "station/starts").unlink(missing_ok=True)  # so many short lives would end in safe mode
    with (bench.root / "station.log").open("ab") as log:
        words = [sys.executable, "-m", "agent", "run", "--config", str(bench.root / "station.toml"), "-v"]
        agent = subprocess.Popen(words, stderr=log)
    try:
        if last:
            before, since_s = -1, time.monotonic()
            while not all_ended(bench.root, labels):
                if len(bench.tray) != before:
                    before, since_s = len(bench.tray), time.monotonic()
                if time.monotonic() > since_s + PATIENCE_S:
                    raise TimeoutError(f"the station stands still; {what_waits(bench.root)}")
                time.sleep(0.1)
            return True
        _wait_for_the_moment(bench, chance)
        return False
    finally:
        if agent.poll() is not None:
            raise RuntimeError(f"the agent ended by itself with {agent.returncode}; see {bench.root}/station.log")
        agent.kill()
        agent.wait()


def _wait_for_the_moment(bench: Bench, chance: Random) -> None:
    """A quarter of all kills come at a time, half at a byte of a page, a quarter behind a page that is out."""
    until_s = time.monotonic() + PATIENCE_S / 6
    match chance.randrange(4):
        case 0:
            time.sleep(chance.uniform(0, 2.0))
        case 1:
            pages = len(bench.tray) + chance.randrange(1, 4)
            while len(bench.tray) < pages and time.monotonic() < until_s:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
        case _:
            goal = bench.taken() + chance.randrange(1, 4 * PAGE_BYTES)
            while bench.taken() < goal and time.monotonic() < until_s:
                time.sleep(0.001)


def pages_of(labels: int) -> int:
    """Return how many pages the jobs have."""
    return sum(len(job(number)["papers"]) for number in range(labels))


def all_ended(root: Path, labels: int) -> bool:
    """True when every job's pages have ended and the OMS has every fact."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(root / "station/packbench.db")) as db:
        (waits,) = db.execute("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM prints WHERE state IN"
                              " ('queued', 'sending', 'in-doubt'))").fetchone()
        (jobs,) = db.execute("SELECT count(*) FROM jobs").fetchone()
        return bool(waits == 0 and jobs == labels)
    return False


def what_waits(root: Path) -> str:
    """Return what has not ended, for whoever looks for the reason."""
    with closing(sqlite3.connect(root / "station/packbench.db")) as db:
        pages = db.execute("SELECT state, count(*) FROM prints GROUP BY 1").fetchall()
        (facts,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    return f"{facts} facts and these pages: {dict(pages)}"


@dataclass
class Verdict:
    """What a campaign came to; each list names what is wrong."""

    pages: int = 0
    kills: int = 0
    in_doubt: int = 0
    doubled: int = 0  # on paper twice, and named
    lost: list[str] = field(default_factory=list)
    silent_doubles: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    pressed: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not any(getattr(self, name) for name in WRONGS)


def judge(bench: Bench, labels: int) -> Verdict:
    """Compare the paper with the ledger and the facts."""
    paper = bench.came_out()
    with closing(sqlite3.connect(bench.root / "station/packbench.db")) as db:
        ledger = [json.loads(body) for (body,) in db.execute("SELECT body FROM prints ORDER BY no")]
    with closing(sqlite3.connect(bench.root / "oms.db")) as db:
        told = {data["mark"] for (text,) in db.execute("SELECT data FROM facts WHERE kind='print'")
                if (data := json.loads(text))["state"] == "in-doubt"}
    verdict = Verdict(pages=len(paper), in_doubt=len(told), pressed=bench.pressed)
    times = Counter(one.mark for one in paper)
    wanted = [(one["job"], role) for number in range(labels) for one in [job(number)]
              for role in ("slip", "label") if any(paper["role"] == role for paper in one["papers"])]
    copies = defaultdict(list)
    for row in ledger:
        copies[row["job"], row["role"]].append(row)
    verdict.silent_doubles = [mark for mark, count in times.items() if count > 1]
    for what in wanted:
        rows = copies[what]
        out = [row for row in rows if times[row["mark"]]]
        if not out:
            verdict.lost.append("/".join(what))
        verdict.doubled += len(out) > 1
        # Another copy may exist only because the one before it was named as doubtful.
        verdict.silent_doubles += ["/".join(what) for row in rows[:-1] if row["mark"] not in told]
    for row in ledger:
        if row["state"] == "printed" and not times[row["mark"]]:
            verdict.untrue.append(f"{row['mark']} is printed in the ledger and not on paper")
        if row.get("code", "").startswith("print.packer") and row["mark"] not in told:
            verdict.unnamed.append(row["mark"])
    strangers = set(times) - {row["mark"] for row in ledger}
    verdict.untrue += [f"{mark} is on paper and not in the ledger" for mark in strangers]
    verdict.out_of_order = list(_out_of_order(paper))
    return verdict


def _out_of_order(paper: list[Paper]) -> Iterator[str]:
    """Each batch must come out by its numbers, slip before label; a copy stands where its first stood."""
    highest: dict[str, tuple[int, str]] = {}
    for one in paper:
        batch = job(int(one.job[2:])).get("batch")
        if batch is None:
            continue
        place = (batch["seq"], "b" if one.role == "label" else "a")
        if place < highest.get(batch["id"], place):
            yield f"{one.job} {one.role}"
        highest[batch["id"]] = place


def main() -> int:
    """Run it once, print one line and all that is wrong; return 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--wire", choices=["usb", "tcp", "snmp"], default="usb")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun_s = time.monotonic()
        verdict = killed(Path(folder), asked.labels, asked.kills, asked.wire, asked.seed)
    wrong = ", ".join(f"{len(getattr(verdict, name))} {name.replace('_', ' ')}" for name in WRONGS)
    print(f"{asked.wire}: {asked.labels} labels, {verdict.pages} pages on paper, {verdict.kills} kills: {wrong}; "
          f"{verdict.in_doubt} in doubt ({verdict.pressed['is there']} were there, {verdict.pressed['print again']} "
          f"printed again, {verdict.doubled} of them twice on paper), {time.monotonic() - begun_s:.0f} s")
    for name in WRONGS:
        for what in getattr(verdict, name)[:10]:
            print(f"  {name}: {what}")
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
