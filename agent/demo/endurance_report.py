"""What an endurance run showed, as one page without a library: figures, the audit, and a curve for each thing held."""

from __future__ import annotations

import csv
import html
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WIDTH, HEIGHT, EDGE = 860, 180, 46
# What is drawn: column, its name, and how much more of it the last tenth of a life may hold than the second.
HELD = (("rss_mb", "memory of the agent, MB", 5.0), ("handles", "open files", 4.0), ("threads", "threads", 2.0),
        ("database_kb", "database, kB", float("inf")), ("outbox", "facts that wait", float("inf")))
STYLE = "body{font:15px sans-serif;margin:2em auto;max-width:900px}td,th{padding:2px 12px 2px 0;text-align:left}"


@dataclass(frozen=True, slots=True)
class Growth:
    """How much a thing grew in the longest life: medians of its second and its last tenth."""

    name: str
    early: float
    late: float
    most: float

    @property
    def held(self) -> bool:
        """True when it did not grow by more than it may."""
        return self.late - self.early <= self.most


def read(samples: Path) -> list[dict[str, str]]:
    """Return the lines of `samples.csv`."""
    with samples.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def growths(rows: Sequence[dict[str, str]]) -> list[Growth]:
    """Return what grew by how much in the longest life; the first tenth is warming up. Empty for less than 20 boxes."""
    if not rows:
        return []
    longest = Counter(row["life"] for row in rows).most_common(1)[0][0]
    life = [row for row in rows if row["life"] == longest]
    tenth = len(life) // 10
    if tenth < 2:
        return []
    return [Growth(name, median(float(row[column]) for row in life[tenth:2 * tenth]),
                   median(float(row[column]) for row in life[-tenth:]), most) for column, name, most in HELD]


def page(rows: Sequence[dict[str, str]], audit: Sequence[str], stuck: Sequence[str]) -> str:
    """Return the report as HTML."""
    faults = Counter(row["fault"] for row in rows if row["fault"])
    minutes = float(rows[-1]["at_s"]) / 60 if rows else 0.0
    grown = "".join(f"<tr><td>{each.name}<td>{each.early:.1f}<td>{each.late:.1f}<td>{each.late - each.early:+.1f}"
                    f"<td>{'held' if each.held else 'GREW'}" for each in growths(rows))
    listed = "".join(f"<li>{html.escape(line)}" for line in audit)
    waits = "".join(f"<li>{html.escape(line)}" for line in stuck) or "<li>never"
    return (
        f"<!doctype html><meta charset=utf-8><title>packbench endurance</title><style>{STYLE}</style>"
        f"<h1>{rows[-1]['box'] if rows else 0} boxes in {minutes:.0f} minutes, {sum(faults.values())} faults</h1>"
        f"<p>{html.escape(', '.join(f'{count} {name}' for name, count in faults.most_common()))}</p>"
        f"<h2>Audit</h2><ul>{listed}</ul><h2>Waited in vain</h2><ul>{waits}</ul>"
        "<h2>Held in the longest life</h2>"
        f"<table><tr><th>what<th>second tenth<th>last tenth<th>growth<th>{grown}</table>"
        + "".join(f"<h3>{name}</h3>{curve(rows, column)}" for column, name, _ in HELD)
        + "<p>Grey lines are faults, red ones new lives.</p>\n")


def curve(rows: Sequence[dict[str, str]], column: str) -> str:
    """Return one quantity over the boxes as SVG; faults are grey lines, the start of another life is a red one."""
    if len(rows) < 2:
        return ""
    values = [float(row[column]) for row in rows]
    top = max(values) * 1.05 or 1.0
    step = (WIDTH - 2 * EDGE) / (len(rows) - 1)

    def place(number: int) -> float:
        return EDGE + number * step

    def upright(number: int, colour: str) -> str:
        return (f'<line x1="{place(number):.1f}" x2="{place(number):.1f}" y1="{EDGE / 2}" y2="{HEIGHT - EDGE / 2}"'
                f' stroke="{colour}"/>')

    marks = [upright(number, "#ddd") for number, row in enumerate(rows) if row["fault"]]
    marks += [upright(number, "#c33") for number in range(1, len(rows))
              if rows[number]["life"] != rows[number - 1]["life"]]
    points = " ".join(f"{place(number):.1f},{HEIGHT - EDGE / 2 - value / top * (HEIGHT - EDGE):.1f}"
                      for number, value in enumerate(values))
    return (f'<svg width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">{"".join(marks)}'
            f'<polyline points="{points}" fill="none" stroke="#246"/>'
            f'<text x="2" y="{EDGE / 2 + 4}">{top:.0f}</text><text x="2" y="{HEIGHT - EDGE / 2}">0</text>'
            f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 6}">box {rows[-1]["box"]}</text></svg>')
