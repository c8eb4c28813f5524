"""What really happened against what everybody says: the bench's journal, the OMS's database, the printed pages."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from agent.demo.packer import codes_on

if TYPE_CHECKING:
    from pathlib import Path

    from agent.demo.packer import Size
    from agent.demo.shift import Demo

ENDS = ("packed", "cancelled", "expired", "rejected")


@dataclass
class Audit:
    """Figures for people, and every fault that was found; none is a pass."""

    jobs: int = 0
    packed: int = 0
    cancelled: int = 0
    held: list[str] = field(default_factory=list)
    wrong_labels: int = 0
    boxes: int = 0
    sizes: int = 0
    labels: int = 0
    slips: int = 0
    partial: int = 0
    in_doubt: int = 0
    copies: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True when nothing was lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong)

    def lines(self) -> list[str]:
        """Return the summary, a line a fact."""
        return [
            f"jobs {self.jobs}: packed {self.packed}, cancelled {self.cancelled}",
            f"held on the way: {', '.join(self.held) or 'none'}; wrong labels caught: {self.wrong_labels}",
            f"boxes measured by the camera: {self.sizes} of {self.boxes}",
            f"paper: {self.slips} slips, {self.labels} labels, {self.partial} torn off in the middle",
            f"pages in doubt, all settled: {self.in_doubt}",
            f"facts told again and known by their id: {self.copies}",
            f"facts lost: {len(self.lost)}  doubled: {len(self.doubled)}  wrong: {len(self.wrong)}",
            *(f"  LOST {text}" for text in self.lost),
            *(f"  DOUBLED {text}" for text in self.doubled),
            *(f"  WRONG {text}" for text in self.wrong),
        ]


def audit(demo: Demo) -> Audit:
    """Compare the three witnesses. The agent is believed nothing."""
    found = Audit(jobs=len(demo.jobs))
    journal = [json.loads(line) for line in (demo.root / "bench" / "journal.jsonl").read_text("utf-8").splitlines()]
    report = demo.oms.report()
    facts = _facts(demo.root / "oms.db")
    _jobs(demo, report, found)
    _parcels(demo, facts, found)
    _stock(demo, report, facts, found)
    _paper(demo, journal, facts, found)
    found.copies = report["copies"]
    found.doubled += [f"{key}: told twice with different content" for key in report["conflicts"]]
    found.lost += _unsent(demo.root / "station" / "packbench.db")
    return found


def _jobs(demo: Demo, report: dict[str, Any], found: Audit) -> None:
    for job in demo.jobs:
        state = report["jobs"].get(job, {}).get("state", "unknown")
        found.packed += state == "packed"
        found.cancelled += state == "cancelled"
        if state not in ENDS:
            found.lost.append(f"{job} ended nowhere: the OMS has it as {state}")


def _parcels(demo: Demo, facts: list[tuple[str, dict[str, Any]]], found: Audit) -> None:
    """Each box of a packed job is one closed parcel, of the weight that really stood there."""
    closed = [data for kind, data in facts if kind == "parcel" and data["state"] == "closed"]
    found.boxes = len(closed)
    found.photos = [data["photo_sha256"] for data in closed if data.get("photo_sha256")]
    for job, times in Counter(data["job"] for data in closed).items():
        if times > len(demo.label_codes(job)):
            found.doubled.append(f"{job} has {times} closed parcels")
    for data in closed:
        off_g = abs(data["gross"]["value_g"] - _box_of(demo, data).mass_g)
        if off_g > 10:
            found.wrong.append(f"{data['parcel']} was told {off_g:.0f} g off what stood on the scale")
        _size(demo, data, found)
    for kind, data in facts:
        if kind == "parcel" and data["state"] == "held":
            found.held.append(f"{data['parcel']} {data['reasons'][0]}")
        found.wrong_labels += kind == "wrong-label"
        found.in_doubt += kind == "print" and data["state"] == "in-doubt"


def _box_of(demo: Demo, parcel: dict[str, Any]) -> Size:
    """Return what really stood there: a job's second box has a size of its own."""
    return demo.sizes.get(parcel["parcel"], demo.sizes[parcel["job"]])


def _size(demo: Demo, parcel: dict[str, Any], found: Audit) -> None:
    """A size is right to the centimetre, or was refused with a reason."""
    told = [parcel["dims"][edge].get("value_mm") for edge in ("length", "width", "height")]
    if None in told:
        return
    found.sizes += 1
    size = _box_of(demo, parcel)
    off_mm = max(abs(a - b) for a, b in zip(told, (size.length_mm, size.width_mm, size.height_mm), strict=True))
    if off_mm > 10:
        found.wrong.append(f"{parcel['parcel']} was told {off_mm:.0f} mm off its box's size")


def _stock(demo: Demo, report: dict[str, Any], facts: list[tuple[str, dict[str, Any]]], found: Audit) -> None:
    """What left the shelf is what the packed jobs hold, without what was told as short."""
    ordered: Counter[str] = Counter()
    for job, body in demo.jobs.items():
        if report["jobs"].get(job, {}).get("state") == "packed":
            for item in body["items"]:
                ordered[item["sku"]] += item["qty"]
    ordered.subtract({piece["sku"]: piece["qty"] for kind, data in facts if kind == "short" for piece in data["rest"]})
    for sku in ordered.keys() | report["stock"].keys():
        moved = report["stock"].get(sku, 0)
        if moved < ordered[sku]:
            found.lost.append(f"{ordered[sku] - moved} of {sku} never left the stock")
        if moved > ordered[sku]:
            found.doubled.append(f"{moved - ordered[sku]} of {sku} left the stock twice")


def _paper(demo: Demo, journal: list[dict[str, Any]], facts: list[tuple[str, dict[str, Any]]], found: Audit) -> None:
    """Every label came out once, and hangs on its own box."""
    pages = {line["png"].rpartition("/")[2]: codes_on(demo.root / "bench" / "printed" / line["png"].rpartition("/")[2])
             for line in journal if line["kind"] == "printed"}
    found.partial = sum(line["kind"] == "partial" for line in journal)
    voided = {data["mark"] for kind, data in facts if kind == "print" and data["state"] == "void"}
    for job in demo.jobs:
        each = [[name for name, codes in pages.items() if code in codes] for code in demo.label_codes(job)]
        labels = [name for names in each for name in names]
        slips = [name for name, codes in pages.items() if job in codes and name not in labels]
        found.labels += len(labels)
        found.slips += len(slips)
        for kind, names in (*(("label", names) for names in each), ("slip", slips)):
            valid = [name for name in names if not pages[name] & voided]
            if len(valid) > 1:
                found.doubled.append(f"the {kind} of {job} came out {len(valid)} times")
    boxes = cast("dict[str, list[str]]", demo.packer.hands.do("look-around")["boxes"])
    for box, names in boxes.items():
        for other in demo.jobs:
            wears = any(pages.get(name, frozenset()) & set(demo.label_codes(other)) for name in names)
            if wears and other != box.partition("/")[0]:
                found.wrong.append(f"box {box} wears the label of {other}")


def _facts(database: Path) -> list[tuple[str, dict[str, Any]]]:
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT kind, data FROM facts ORDER BY rowid").fetchall()
    return [(kind, json.loads(data)) for kind, data in rows]


def _unsent(database: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    return [f"{count} facts are still in the station's outbox"] if count else []
