"""Box after box at one bench for as long as one likes, a fault with every third, and what the agent's process holds.

`endure` packs and writes a line after each box into `samples.csv`; `agent.demo.endurance_report` draws it. The agent is
killed in the first tenth alone, so that the rest is one life whose memory and handles must stay as they are.
"""

from __future__ import annotations

import csv
import json
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.bench.bench import HandsError
from agent.demo import shift
from agent.demo.packer import StuckError
from agent.demo.shift import ANVIL, LAMP, MUG, SITE, STATION, TEA, Demo, box, plain
from agent.fleet.signing import make_key, sign
from agent.messages import topics

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
ROLL_MM = 30_480
BOXES_A_ROLL = 100
PATIENCE_S = 60.0
FOREVER = 2**33
STUCK_MOST = 20
COLUMNS = ("at_s", "box", "fault", "life", "rss_mb", "children_mb", "handles", "threads", "database_kb", "outbox",
           "dead_letters")


@dataclass
class Endurance:
    """A run in progress: the demo's parts, a chance, the admin's key, and how many pushes and lives there were."""

    demo: Demo
    chance: random.Random
    killing_until: int
    key: bytes = b""
    number: int = 0
    rev: int = 0
    life: int = 1
    stuck: list[str] = field(default_factory=list)

    def order(self, items: list[dict[str, Any]], **more: object) -> str:
        """Let the OMS send the next job; return its id."""
        self.number += 1
        return self.demo.order(self.number, box(items), items, **more)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Say something to the broker as somebody else does."""
        from paho.mqtt import publish
        from paho.mqtt.client import MQTTv5

        publish.single(topic, payload, qos=1, retain=retain, hostname="127.0.0.1", port=self.demo.broker.port,
                       protocol=MQTTv5)

    def push(self, stable: dict[str, Any], *, key: bytes = b"") -> None:
        """Push the site's next layer."""
        self.rev += 1
        body = {"scope": f"site/{SITE}", "rev": self.rev, "exp": FOREVER, "stable": stable}
        self.publish(topics.config(f"site/{SITE}"), sign(json.dumps(body).encode(), "cfg-1", key or self.key),
                     retain=True)


def endure(demo: Demo, boxes: int, seed: int, samples: Path) -> Endurance:
    """Pack so many boxes. A packer who waits in vain notes it in `stuck`, the OMS takes the job back."""
    run = Endurance(demo, random.Random(seed), max(1, boxes // 10))
    run.key, public = make_key()
    (demo.root / "config-keys").mkdir()
    (demo.root / "config-keys" / "cfg-1.pub").write_bytes(public)
    demo.start()
    demo.packer.patience_s = PATIENCE_S
    began_s, next_roll = time.monotonic(), BOXES_A_ROLL
    with samples.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        while run.number < boxes:
            name = run.chance.choice(list(FAULTS)) if run.chance.random() < 1 / 3 else ""
            if name == "kill -9" and run.number > run.killing_until:
                name = ""
            first = run.number + 1
            try:
                FAULTS[name](run) if name else plain(demo, run.order([MUG]), "packed")
            except StuckError as error:
                run.stuck.append(f"box {run.number}, {name or 'no fault'}: {error}")
                if len(run.stuck) > STUCK_MOST or not _cleared(run, first):
                    break
            if run.number >= next_roll:
                demo.packer.hands.do("roll", mm=ROLL_MM)
                next_roll += BOXES_A_ROLL
            lines.writerow([round(time.monotonic() - began_s, 1), run.number, name, run.life, *_held(demo)])
            file.flush()
    return run


def _cleared(run: Endurance, first: int) -> bool:
    """Take everything off the bench and the jobs from this one on back; return whether the station is ready again."""
    packer = run.demo.packer
    with suppress(HandsError):
        packer.hands.do("lift")
    with suppress(HandsError):
        packer.hands.do("cover", open=False)
    for number in range(first, run.number + 1):
        run.demo.oms.cancel(f"J-{number:04d}", 1)
    try:
        packer.wait_sentence("Put ")
    except StuckError:
        return False
    return True


def _held(demo: Demo) -> list[float]:
    """Return what the agent's process holds now (proc(5)) and what its store says of itself, as in COLUMNS."""
    pid = demo.agent.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    store = demo.packer.status()["store"]
    return [round(_rss_mb(pid), 2), round(sum(_rss_mb(int(child)) for child in children), 2),
            _entries(f"/proc/{pid}/fd"), _entries(f"/proc/{pid}/task"),
            store.get("bytes", 0) // 1024, store["outbox"], store.get("dead_letters", 0)]


def _entries(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def _rss_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_MB
    except OSError:  # a child that just ended
        return 0.0


# -- the faults -------------------------------------------------------------------------------------------------


def _overweight(run: Endurance) -> None:
    shift.overweight(run.demo, run.order([ANVIL], verify={"max_gross_g": 10_000}))


def _cancelled(run: Endurance) -> None:
    shift.cancelled(run.demo, run.order([TEA]))


def _swapped(run: Endurance) -> None:
    shift.swapped(run.demo, run.order([MUG]), run.order([LAMP]))


def _paper_out(run: Endurance) -> None:
    shift.paper_out(run.demo, run.order([TEA, MUG]))


def _broker_away(run: Endurance) -> None:
    shift.broker_away(run.demo, [run.order([MUG])])


def _killed(run: Endurance) -> None:
    shift.killed(run.demo, run.order([MUG, TEA]))
    run.life += 1


def _bought(run: Endurance) -> None:
    papers = [{"id": "slip", "role": "slip"}]
    plain(run.demo, run.order([LAMP, MUG], label_when="on_request", sscc=[], papers=papers), "label bought")


def _cover_open(run: Endurance) -> None:
    demo, job = run.demo, run.order([MUG])
    demo.packer.paper(job)
    demo.packer.hands.do("cover", open=True)
    demo.packer.pack(job, demo.sizes[job], job)
    demo.packer.wait_sentence("Printer:")
    demo.packer.hands.do("cover", open=False)
    demo.packer.stick(demo.packer.paper(demo.label_code(job)), demo.sizes[job])
    demo.packer.finish()


def _poison(run: Endurance) -> None:
    for junk in (b"\xff" * 40, b"[" * 5_000, b'{"job": 7}', b""):
        run.publish(topics.station(STATION, "job/assign"), junk)
    plain(run.demo, run.order([MUG]), "packed beside poison")


def _commands(run: Endurance) -> None:
    asked = {"cid": f"c-{run.number}", "exp": int(time.time()) + 600}
    for name, words in (("status", {}), ("identify", {"seconds": 1}), ("shell", {"command": "reboot"})):
        payload = json.dumps({**asked, "cid": f"c-{run.number}-{name}", **words}).encode()
        run.publish(topics.station(STATION, f"cmd/{name}/req"), payload)
    plain(run.demo, run.order([MUG]), "packed beside commands")


def _good_push(run: Endurance) -> None:
    run.push({"camera": {"rate_hz": run.chance.choice([3, 4, 5, 6])}})
    plain(run.demo, run.order([MUG]), "packed while a push was held")


def _unsigned_push(run: Endurance) -> None:
    run.push({"station": {"proof": "off"}}, key=make_key()[0])
    run.rev -= 1
    plain(run.demo, run.order([MUG]), "packed beside an unsigned push")


def _breaking_push(run: Endurance) -> None:
    """A scanner that is not there: tried at the job boundary, then gone again."""
    run.push({"scanner": [{"driver": "serial", "path": "/dev/packbench-none"}]})
    plain(run.demo, run.order([MUG]), "packed while a bad push was held")
    run.push({})
    plain(run.demo, run.order([MUG]), "packed after it was rolled back")


FAULTS: dict[str, Callable[[Endurance], None]] = {
    "overweight": _overweight, "cancelled": _cancelled, "labels swapped": _swapped, "paper out": _paper_out,
    "broker killed": _broker_away, "kill -9": _killed, "label bought": _bought, "cover open": _cover_open,
    "poison": _poison, "commands": _commands, "good push": _good_push, "unsigned push": _unsigned_push,
    "breaking push": _breaking_push,
}
