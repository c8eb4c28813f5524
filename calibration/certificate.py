"""The certificate: one HTML page that prints well, with errors, uncertainties and limits drawn against load."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from calibration.scale import permitted_g

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from calibration.record import ScaleRecord
    from calibration.scale import Row

WIDTH, HEIGHT, MARGIN = 640, 300, 50
STYLE = """body{font:10pt sans-serif;max-width:18cm;margin:1cm auto;color:#000}h1{font-size:16pt;margin:0 0 2mm}
h2{font-size:12pt;margin:4mm 0 2mm}p{margin:1mm 0}.sha{font:7pt monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:1px 6px;text-align:right}
td:first-child,th:first-child{text-align:left}.facts td:last-child{text-align:left}.facts td:first-child{width:4.5cm}
.fail{font-weight:bold;text-decoration:underline}.notice{border:2px solid #000;padding:2mm;font-weight:bold}
.sign{margin-top:14mm;border-top:1px solid #000;width:8cm}svg{width:100%;height:auto}
@page{size:A4;margin:1.5cm}@media print{body{margin:0;max-width:none}h2{break-after:avoid}
svg,table,tr{break-inside:avoid}}"""


def certificate(record: ScaleRecord, sha256: str) -> str:
    """Return the page for a record and its hash. Colours carry no meaning, so it may be printed in black."""
    left = record.as_left
    facts = [
        ("Date", record.made.isoformat(timespec="minutes")), ("Due again", f"{_year_later(record):%Y-%m-%d}"),
        ("Station", record.station or "-"), ("Technician", record.technician or "-"),
        ("Load cell", record.cell or "-"),
        ("Capacity, interval", f"{record.capacity_g:g} g, {record.division_g:g} g"),
        ("Covers", f"loads up to {max(row.load_g for row in left.rows):g} g"),
        ("Converter", f"{record.rate_sps:g} samples a second"), ("Software", f"packbench {record.software}"),
        ("Temperature", " to ".join(f"{degrees:.1f} °C" for degrees in record.degrees) or "not measured"),
        ("Old span", f"{record.old.counts_per_gram:.4f} counts/g" if record.old else "none"),
        ("New span", f"{record.new.counts_per_gram:.4f} counts/g"),
        ("Bend", f"{record.new.curvature_g_per_count2:.3g} g/count²" if record.new.curvature_g_per_count2 else "none"),
        ("Repeatability", f"s {left.repeatability_g:.2f} g, range {left.figures.range_g:.2f} g"),
        ("Hysteresis", f"{left.figures.hysteresis_g:.2f} g"), ("Override", record.override or "none"),
    ]
    hashes = [("This record", sha256), ("Record before", record.previous or "none"),
              ("Conversions", record.counts_sha256)]
    masses = [(mass.id, f"{mass.nominal_g:g} g", mass.oiml_class, f"± {mass.tolerance_g:g} g", mass.certificate or "-",
               str(mass.due or "-")) for mass in record.masses]
    outcomes = [(one.name, f"{one.load_g:g} g", f"{one.value_g:+.1f} g", f"{one.limit_g:g} g",
                 "PASS" if one.ok else "FAIL") for one in left.outcomes]
    return "\n".join([
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        f"<title>Calibration {record.number:04}, {escape(record.station)}</title><style>{STYLE}</style></head><body>",
        f"<h1>Calibration of a scale, no. {record.number:04}: {escape(left.verdict)}</h1>",
        f'<p class="notice">{escape(record.statement)}</p>', _table((), facts, "facts"), "<h2>As found</h2>",
        _rows(record.as_found) if record.as_found else "<p>No calibration before this one.</p>",
        "<h2>As left</h2>", _rows(left.rows), _plot(left.rows, record.division_g),
        "<h2>Repeatability, corners, zero</h2>", _table(("Test", "Load", "Found", "Limit", "Verdict"), outcomes),
        "<h2>Reference masses</h2>", _table(("Mark", "Nominal", "Class", "Tolerance", "Certificate", "Due"), masses),
        f"<p>{escape(record.rule)}</p>", *(f'<p class="sha">{name}, SHA-256: {text}</p>' for name, text in hashes),
        '<p class="sign">Technician</p></body></html>', "",
    ])


def _year_later(record: ScaleRecord) -> datetime:
    return record.made + timedelta(days=365)


def _rows(rows: Sequence[Row]) -> str:
    return _table(("Load", "Going", "Indication", "E", "U (k = 2)", "Limit", "Verdict"), [
        (f"{row.load_g:g} g", row.going, f"{row.indication_g:.1f} g", f"{round(row.error_g, 1) + 0.0:+.1f} g",
         f"{row.u_g:.1f} g", f"± {row.limit_g:g} g", row.verdict) for row in rows])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    lines = [f'<table class="{kind}">' if kind else "<table>"]
    if head:
        lines.append("<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>")
    for row in rows:
        cells = [f'<td class="fail">{cell}</td>' if cell == "FAIL" else f"<td>{escape(cell)}</td>" for cell in row]
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _plot(rows: Sequence[Row], e_g: float) -> str:
    """Return the errors with their uncertainty bars between the limits over load, as SVG.

    The limits are steps, as OIML R 76-1 has them; a filled dot was weighed going up, a ring going down.
    """
    top_g = max(row.load_g for row in rows)
    reach_g = 1.1 * max(max(abs(row.error_g) + row.u_g, row.limit_g) for row in rows)

    def x(load_g: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * load_g / top_g

    def y(error_g: float) -> float:
        return HEIGHT / 2 - (HEIGHT / 2 - 30) * error_g / reach_g

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Error against load">']
    for tick_g in _ticks(-reach_g, reach_g):
        parts.append(f'<line x1="{MARGIN}" y1="{y(tick_g):.1f}" x2="{WIDTH - MARGIN}" y2="{y(tick_g):.1f}" '
                     f'stroke="{"#000" if tick_g == 0.0 else "#ccc"}"/>')
        parts.append(_words(MARGIN - 6, y(tick_g) + 4, f"{tick_g:+g}" if tick_g else "0", "end"))
    parts += [_words(x(1000.0 * tick_kg), HEIGHT - 12, f"{tick_kg:g}", "middle")
              for tick_kg in _ticks(0.0, top_g / 1000.0)]
    limits = _limit_steps(top_g, e_g)
    for sign in (1.0, -1.0):
        path = " ".join(f"{x(load):.1f},{y(sign * limit):.1f}" for load, limit in limits)
        parts.append(f'<polyline points="{path}" fill="none" stroke="#000" stroke-dasharray="6 4"/>')
    for row in rows:
        at = x(row.load_g) + (4.0 if row.going == "down" else 0.0)
        parts.append(f'<line x1="{at:.1f}" y1="{y(row.error_g - row.u_g):.1f}" x2="{at:.1f}" '
                     f'y2="{y(row.error_g + row.u_g):.1f}" stroke="#000"/>')
        parts.append(f'<circle cx="{at:.1f}" cy="{y(row.error_g):.1f}" r="3" stroke="#000" '
                     f'fill="{"#fff" if row.going == "down" else "#000"}"/>')
    parts += [_words(4, 14, "error in g with U; dashed: limit; ring: going down", "start"),
              _words(WIDTH - MARGIN, 14, "load in kg", "end"), "</svg>"]
    return "\n".join(parts)


def _limit_steps(top_g: float, e_g: float) -> list[tuple[float, float]]:
    """Return the corners of the limit's line: it steps up at 500 e and at 2000 e."""
    edges = [0.0, *(n * e_g for n in (500.0, 2000.0) if n * e_g < top_g), top_g]
    return [(load_g, permitted_g(right_g, e_g)) for left_g, right_g in pairwise(edges) for load_g in (left_g, right_g)]


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from low to high, about six of them.

    >>> _ticks(-16.5, 16.5)
    [-15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0]
    """
    power = 10.0 ** floor(log10((high - low) / 6.0))
    step = next(power * n for n in (1.0, 2.0, 5.0, 10.0) if power * n * 7.5 >= high - low)
    return [round(n * step, 9) for n in range(ceil(low / step), floor(high / step) + 1)]


def _words(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="{anchor}">{escape(text)}</text>'
