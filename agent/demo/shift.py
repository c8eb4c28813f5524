"""The demo's shift: a dozen boxes, and what goes wrong with some of them. Each scene reads as it happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.demo.broker import make_broker
from agent.demo.oms import ReferenceOms
from agent.demo.packer import Packer, Size, StuckError
from agent.station.commands import Card, Command
from agent.station.gs1 import sscc

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.demo.broker import DemoBroker

# As in systemd/packbench.service.
MEMORY = {"MALLOC_ARENA_MAX": "1"}
STATION = "demo-1"
SITE = "ams1"
SETTINGS = """# Written by packbench demo.
directory = "{root}/station"
socket = "{root}/packbench.sock"
bench = "{root}/bench"
[station]
id = "demo-1"
site = "ams1"
size_patience_s = {patience_s}  # measuring does not run faster when the bench does
[fleet]
keys = "{root}/config-keys"
[broker]
url = "{url}"
[scale]
driver = "bench"
[camera]
driver = "bench"
[printer]
driver = "bench"
[scanner]
driver = "serial"
path = "{root}/bench/scanner"
[signals]
driver = "bench"
"""
MUG: dict[str, Any] = {"sku": "MUG-B", "name": "Mug, blue, 0.3 l", "qty": 2, "weight_g": 310, "dims_mm": [120, 95, 100],
                       "barcodes": ["4006381333931"]}
TEA: dict[str, Any] = {"sku": "TEA-G", "name": "Green tea, 100 g", "qty": 1, "weight_g": 128, "dims_mm": [110, 70, 60],
                       "barcodes": ["4006381333955"]}
LAMP: dict[str, Any] = {"sku": "LAMP-2", "name": "Desk lamp, brass", "qty": 1, "weight_g": 1450,
                        "dims_mm": [230, 150, 60], "barcodes": ["4006381333948"]}
CUP: dict[str, Any] = {"sku": "CUP-W", "name": "茶杯，白瓷，手工制作", "qty": 4, "weight_g": 190,
                       "dims_mm": [90, 80, 80], "barcodes": ["4006381333962"]}
CARTONS = [
    {"id": "S", "inner": [230, 160, 90], "outer": [238, 168, 100], "tare_g": 150, "max_weight_g": 20000, "cost": 42},
    {"id": "M", "inner": [280, 200, 120], "outer": [288, 208, 130], "tare_g": 210, "max_weight_g": 25000, "cost": 58},
    {"id": "L", "inner": [380, 280, 200], "outer": [390, 290, 214], "tare_g": 380, "max_weight_g": 30000, "cost": 95},
]
ANVIL = {"sku": "ANVIL", "name": "Anvil, small", "qty": 1, "weight_g": 11_800}


@dataclass
class Demo:
    """Everything that runs: broker, OMS, bench process, agent process, packer; and how to tell what happens."""

    root: Path
    speed: float
    say: Callable[[str], None]
    broker_kind: str = ""
    began_s: float = field(default_factory=time.monotonic)
    processes: ExitStack = field(default_factory=ExitStack)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)
    broker: DemoBroker = field(init=False)
    oms: ReferenceOms = field(init=False)
    packer: Packer = field(init=False)
    agent: subprocess.Popen[bytes] = field(init=False)

    def start(self, without: tuple[str, ...] = ()) -> None:
        """Start all of it, or all but some sections of the settings. Raises BrokerError, StuckError."""
        self.broker = make_broker(self.root, self.broker_kind)
        self.broker.start()
        self.processes.callback(self.broker.stop)
        self.oms = ReferenceOms(self.broker.url, self.root / "oms.db", label_for=self._buy_label)
        self.oms.start()
        self.processes.callback(self.oms.stop)
        bench = self._spawn("bench", "bench", str(self.root / "bench"), "--speed", str(self.speed))
        self.processes.callback(_end, bench)
        _until("the bench", (self.root / "bench" / "bench.json").exists, bench)
        settings = SETTINGS.format(root=self.root, url=self.broker.url, patience_s=min(300, 20 * self.speed))
        for section in without:
            settings = settings.replace(f'[{section}]\ndriver = "bench"\n', "")
        (self.root / "station.toml").write_text(settings, encoding="utf-8")
        (self.root / "station").mkdir()
        self.oms.tell_catalogue(SITE, {"units": {"length": "mm", "money": "cents"}, "cartons": CARTONS})
        self.start_agent()
        self.processes.callback(lambda: _end(self.agent))
        self.packer = Packer(self.root / "bench", self.root / "packbench.sock")
        self.processes.callback(self.packer.close)
        self.packer.wait_sentence("Put a box")
        if "camera" not in without:
            self.packer.wait("the camera to have seen the bare platform", lambda: self.packer.status()["measures"])

    def start_agent(self) -> None:
        """Start the real agent, as systemd would."""
        self.agent = self._spawn("agent", "run", "--config", str(self.root / "station.toml"), "-v")
        _until("the agent", (self.root / "packbench.sock").exists, self.agent)

    def kill_agent(self) -> None:
        """`kill -9`, as a power cut would."""
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()
        (self.root / "packbench.sock").unlink(missing_ok=True)

    def order(self, number: int, size: Size, items: list[dict[str, Any]], **more: object) -> str:
        """Let the OMS send one job; return its id."""
        job = f"J-{number:04d}"
        self.sizes[job] = size
        papers = [{"id": "slip", "role": "slip"}, {"id": "label", "role": "label", "data": {"product": "Standard"}}]
        self.jobs[job] = {
            "job": job, "rev": 1, "station": STATION, "site": SITE, "order": {"id": f"W-{8800 + number}"},
            "ship_to": {"name": "Ada Lovelace", "lines": ["12 St James's Square"], "city": "London",
                        "postcode": "SW1Y 4JH", "country": "GB"},
            "items": items, "match": [job], "papers": papers, "carrier": "Parcel Post", "service": "Standard",
            "sscc": [sscc(0, "4006381", 100_000 + number)], **more,
        }
        self.oms.assign(self.jobs[job])
        return job

    def label_code(self, job: str) -> str:
        """Return the code by which a person tells this job's first label."""
        return self.label_codes(job)[0]

    def label_codes(self, job: str) -> list[str]:
        """Return the codes by which a person tells this job's labels, one for each parcel."""
        return list(self.jobs[job].get("sscc") or [f"TRK{job[2:]}77"])

    def line(self, text: str) -> None:
        """Say one readable line."""
        self.say(f"{time.monotonic() - self.began_s:5.1f} s  {text}")

    def settle(self) -> None:
        """Wait until the station has nothing left to tell. Raises StuckError."""
        def told() -> bool:
            return bool(self.packer.status()["store"]["outbox"] == 0)

        self.packer.wait("the OMS to have every fact", told)

    def close(self) -> None:
        """Stop everything that runs."""
        self.processes.close()

    def _buy_label(self, fact: dict[str, Any]) -> list[dict[str, Any]]:
        job = fact["job"]
        self.line(f"{job}: the OMS buys a label for {fact['gross']['value_g'] / 1000:.3f} kg")
        return [{"id": "bought", "role": "label", "data": {"tracking": f"TRK{job[2:]}77", "product": "Priority"}}]

    def _spawn(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        log = (self.root / f"{name}.log").open("ab")
        self.processes.callback(log.close)
        return subprocess.Popen([sys.executable, "-I", "-m", "agent", *words], stdout=log, stderr=log,
                                env={**os.environ, "OMP_NUM_THREADS": "1", **MEMORY})


def _until(what: str, done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + 20
    while not done():
        if process.poll() is not None or time.monotonic() > until_s:
            raise StuckError(f"{what} did not start; its log is beside the pictures.")
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# -- the scenes -------------------------------------------------------------------------------------------------


def plain(demo: Demo, job: str, told: str) -> None:
    """A box from its slip to the green lamp."""
    packer, size = demo.packer, demo.sizes[job]
    packer.pack(job, size, job)
    label = packer.paper(demo.label_code(job))
    packer.stick(label, size)
    packer.finish()
    demo.line(f"{job}: {told}; weighed, labelled, label seen on the box, done")


def label_first(demo: Demo, job: str) -> None:
    """Slip and label print together before packing; the scale verifies them."""
    packer, size = demo.packer, demo.sizes[job]
    label = packer.paper(demo.label_code(job))
    demo.line(f"{job}: slip and label printed as a pair before packing")
    packer.pack(job, size, job, label=label)
    packer.finish()
    demo.line(f"{job}: the scale verifies the label, the camera sees it; done")


def overweight(demo: Demo, job: str) -> None:
    """A box above its carrier's limit is held until the OMS releases it."""
    packer, size = demo.packer, demo.sizes[job]
    packer.pack(job, size, job)
    demo.line(f"{job}: {packer.wait_sentence('Hold')}")
    packer.lift()
    demo.oms.decide(STATION, f"{job}/1", "release")
    demo.line(f"{job}: the OMS releases it")
    label = packer.paper(demo.label_code(job))
    packer.stick(label, size, box=job)
    packer.hands.do("put", box=job)
    packer.finish()
    demo.line(f"{job}: back on the scale with its label, done")


def swapped(demo: Demo, first: str, second: str) -> None:
    """Two labels end on each other's box: seen at once on the second, weighed and seen on the first."""
    packer, sizes = demo.packer, demo.sizes
    packer.pack(first, sizes[first], first)
    first_label = packer.paper(demo.label_code(first))
    packer.wait_sentence("Stick")
    packer.lift()
    demo.line(f"{first}: lifted before its label was on: unproven")
    packer.pack(second, sizes[second], second)
    second_label = packer.paper(demo.label_code(second))
    packer.wait_sentence("Stick")
    packer.stick(first_label, sizes[second])
    demo.line(f"{second}: the camera says: {packer.wait_sentence('Wrong label')}")
    packer.lift()
    packer.hands.do("peel", page=first_label, box=second)
    slip = packer.paper(first)
    packer.hands.do("peel", page=slip, box=first)
    packer.stick(second_label, sizes[first], box=first)
    packer.hands.do("put", box=first)
    demo.line(f"{first}: the scale says: {packer.wait_sentence('Wrong label')}")
    packer.lift()
    packer.hands.do("peel", page=second_label, box=first)
    for job, label in ((first, first_label), (second, second_label)):
        packer.stick(label, sizes[job], box=job)
        packer.hands.do("put", box=job)
        packer.finish()
    demo.line(f"{first}, {second}: labels put right, both done")


def paper_out(demo: Demo, job: str) -> None:
    """The roll ends in the middle of the label; the printer finishes it on the new roll."""
    packer, size = demo.packer, demo.sizes[job]
    packer.paper(job)
    packer.hands.do("roll", mm=55)
    packer.pack(job, size, job)
    sentence = packer.wait_sentence("Printer:")
    demo.line(f"{job}: paper out in mid label. {sentence}")
    packer.hands.do("roll", mm=30_480)
    label = packer.paper(demo.label_code(job))
    packer.stick(label, size)
    packer.finish()
    demo.line(f"{job}: the printer printed the whole label on the new roll, once; done")


def broker_away(demo: Demo, jobs: list[str], later: str = "") -> None:
    """The broker dies; what was received is packed all the same, and told when it is back. A job may wait for later."""
    for job in filter(None, (*jobs, later)):
        demo.packer.paper(job)
    demo.broker.kill()
    demo.line("the broker is gone")
    for job in jobs:
        plain(demo, job, "packed offline")
    demo.broker.start()
    demo.line("the broker is back")


def killed(demo: Demo, job: str) -> None:
    """`kill -9` while the label prints: the station asks, and nothing prints twice."""
    packer, size = demo.packer, demo.sizes[job]
    packer.pack(job, size, job)
    packer.wait_sentence("The label is printing")
    demo.kill_agent()
    demo.line(f"{job}: kill -9 of the agent in mid label")
    demo.start_agent()
    demo.line(f"{job}: it is back and asks: {packer.wait_sentence('Did ')}")
    time.sleep(1.0)
    if packer.has_paper(demo.label_code(job)):
        packer.hands.do("press", long=False)
        demo.line(f"{job}: the label is in the tray; the packer presses: yes")
    else:
        packer.hands.do("press", long=True)
        demo.line(f"{job}: half a label came out; the packer presses long: a new one")
    label = packer.paper(demo.label_code(job))
    packer.lift()
    packer.stick(label, size, box=job)
    packer.hands.do("put", box=job)
    packer.finish()
    demo.line(f"{job}: labelled once, seen on the box, done")


def cancelled(demo: Demo, job: str) -> None:
    """The OMS takes a job back while its slip lies on the bench."""
    packer = demo.packer
    packer.paper(job)
    demo.oms.cancel(job, 1)
    packer.pack(job, demo.sizes[job], job)
    demo.line(f"{job}: {packer.wait_sentence('Stop: this job is cancelled')}")
    packer.lift()


def scanned_into_two(demo: Demo, job: str, second: Size) -> None:
    """Each item is scanned: a wrong one is told, the job takes two boxes, and its mugs are not there."""
    packer, size = demo.packer, demo.sizes[job]
    other = f"{job}/2"
    demo.sizes[other] = second
    packer.paper(job)
    packer.scan(job)
    packer.wait_sentence("Scan 1 x LAMP-2, 1 x TEA-G, 2 x MUG-B")
    packer.scan(*CUP["barcodes"])
    demo.line(f"{job}: the packer scans a cup; the screen says: {packer.wait_sentence('Wrong item')}")
    packer.scan(*LAMP["barcodes"])
    packer.pack(job, size, job)
    packer.wait_sentence("Scan 1 x TEA-G")
    packer.scan(Card(Command.NEXT).text)
    packer.stick(packer.paper(demo.label_codes(job)[0]), size)
    packer.finish()
    demo.line(f"{job}: the first box is full; done")
    packer.pack(other, second)
    packer.scan(*TEA["barcodes"], Card(Command.SHORT).text)
    packer.stick(packer.paper(demo.label_codes(job)[1]), second)
    packer.finish()
    demo.oms.decide_rest(STATION, job, "backorder")
    packer.wait("the end of the job", lambda: demo.oms.report()["jobs"][job]["state"] == "packed")
    demo.line(f"{job}: tea in a second box, the mugs are not there; the OMS back-orders them, the rest is done")


def box(items: list[dict[str, Any]], length_mm: float = 260, width_mm: float = 190, height_mm: float = 80,
        material: str = "kraft") -> Size:
    """Return the box for some items: their weight, a carton's and some paper's."""
    mass_g = 245 + sum(item["qty"] * item["weight_g"] for item in items)
    return Size(mass_g + hash((mass_g, length_mm)) % 11 - 5, length_mm, width_mm, height_mm, material)


def play(demo: Demo) -> None:
    """Play the whole shift. Raises StuckError when the station leaves the packer waiting."""
    def order(number: int, items: list[dict[str, Any]], size: Size | None = None, **more: object) -> str:
        return demo.order(number, size or box(items), items, **more)

    first = order(1, [MUG, TEA])
    chinese = order(2, [CUP], box([CUP], 240, 180, 110, "white"), lang="zh-Hans", ship_to={
        "name": "张伟", "lines": ["南京西路 1266 号"], "city": "上海市", "postcode": "200040", "country": "CN"})
    bought = order(3, [LAMP, MUG], box([LAMP, MUG], 270, 190, 100), label_when="on_request", sscc=[],
                   papers=[{"id": "slip", "role": "slip"}])
    plain(demo, first, "slip printed when the job came")
    plain(demo, chinese, "slip and label in Chinese")
    plain(demo, bought, "label bought after weighing")
    overweight(demo, order(4, [ANVIL], box([ANVIL], 250, 200, 120), verify={"max_gross_g": 10_000}))
    swapped(demo, order(5, [MUG]), order(6, [LAMP], box([LAMP], 270, 190, 90)))
    paper_out(demo, order(7, [TEA, MUG]))
    offline = [order(8, [MUG]), order(9, [LAMP], box([LAMP], 250, 210, 70))]
    tenth = order(10, [MUG, TEA])
    broker_away(demo, offline, tenth)
    killed(demo, tenth)
    cancelled(demo, order(11, [TEA]))
    early = order(12, [TEA, CUP], box([TEA, CUP], 220, 170, 60), lang="fr", label_when="before_packing",
                  verify={"weight": {"expected_g": 1_133, "tolerance_g": 40}})
    label_first(demo, early)
    two = order(13, [LAMP, TEA, MUG], box([LAMP], 280, 200, 100, "two-tone"), lang="de", verify={"scan": True},
                sscc=[sscc(0, "4006381", 100_013), sscc(0, "4006381", 100_113)])
    scanned_into_two(demo, two, box([TEA], 220, 160, 60))
