"""The certificate: one HTML page that prints well, with errors, uncertainties and limits drawn against load."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calibration.record import ScaleRecord
    from calibration.scale import Row

WIDTH, HEIGHT, MARGIN = 640, 300, 50
STYLE = """body{font:10pt sans-serif;max-width:18cm;margin:1cm auto;color:#000}h1{font-size:16pt}h2{font-size:12pt}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:2px 6px;text-align:right}
td:first-child,th:first-child{text-align:left}.fail{font-weight:bold;text-decoration:underline}
@page{size:A4;margin:1.5cm}@media print{body{margin:0}h2,svg,table{break-inside:avoid}}"""


def certificate(record: ScaleRecord) -> str:
    """Return the page for a record. Colours carry no meaning, so it may be printed in black."""
    left = record.as_left
    facts = [
        ("Number", f"{record.number:04}"), ("Date", record.made.isoformat(timespec="minutes")),
        ("Station", record.station), ("Technician", record.technician), ("Load cell", record.cell),
        ("Capacity, interval", f"{record.capacity_g:g} g, {record.division_g:g} g"),
        ("Converter", f"{record.rate_sps:g} samples a second"), ("Software", record.software),
        ("Old span", f"{record.old.counts_per_gram:.4f} counts/g" if record.old else "none"),
        ("New span", f"{record.new.counts_per_gram:.4f} counts/g"),
        ("Bend", f"{record.new.curvature_g_per_count2:.3g} g/count²"),
        ("Repeatability", f"s {left.repeatability_g:.2f} g, range {left.figures.range_g:.2f} g"),
        ("Corners", f"{left.figures.eccentricity_g:.2f} g"), ("Hysteresis", f"{left.figures.hysteresis_g:.2f} g"),
        ("Zero return", f"{left.figures.zero_return_g:+.2f} g"), ("Override", record.override or "none"),
        ("Counts, SHA-256", record.counts_sha256), ("Record before, SHA-256", record.previous or "none"),
    ]
    masses = [(mass.id, f"{mass.nominal_g:g} g", mass.oiml_class, f"± {mass.tolerance_g:g} g", mass.certificate or "-",
               str(mass.due or "-")) for mass in record.masses]
    return "\n".join([
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        f"<title>Calibration {record.number:04}, {escape(record.station)}</title><style>{STYLE}</style></head><body>",
        f"<h1>Calibration of a scale: {escape(left.verdict)}</h1><p><strong>{escape(record.statement)}</strong></p>",
        _table((), facts), "<h2>As found</h2>",
        _rows(record.as_found) if record.as_found else "<p>No calibration before this one.</p>",
        "<h2>As left</h2>", _rows(left.rows), _plot(left.rows), "<h2>Reference masses</h2>",
        _table(("Mark", "Nominal", "Class", "Tolerance", "Certificate", "Due"), masses),
        f"<p>{escape(record.rule)}</p></body></html>", "",
    ])


def _rows(rows: Sequence[Row]) -> str:
    return _table(("Load", "Indication", "E", "U (k = 2)", "Limit", "Verdict"), [
        (f"{row.load_g:g} g", f"{row.indication_g:.1f} g", f"{row.error_g:+.1f} g", f"{row.u_g:.1f} g",
         f"{row.limit_g:g} g", row.verdict) for row in rows])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["<table>"]
    if head:
        lines.append("<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>")
    for row in rows:
        cells = [f'<td class="fail">{cell}</td>' if cell == "FAIL" else f"<td>{escape(cell)}</td>" for cell in row]
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _plot(rows: Sequence[Row]) -> str:
    """Return the errors with their uncertainty bars between the limits, as SVG."""
    top_g = max(row.load_g for row in rows)
    reach_g = 1.1 * max(max(abs(row.error_g) + row.u_g, row.limit_g) for row in rows)

    def x(load_g: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * load_g / top_g

    def y(error_g: float) -> float:
        return HEIGHT / 2 - (HEIGHT / 2 - 30) * error_g / reach_g

    limits = sorted({(row.load_g, row.limit_g) for row in rows})
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Error against load">',
             f'<line x1="{MARGIN}" y1="{y(0):.1f}" x2="{WIDTH - MARGIN}" y2="{y(0):.1f}" stroke="#000"/>']
    for sign in (1.0, -1.0):
        path = " ".join(f"{x(load):.1f},{y(sign * limit):.1f}" for load, limit in [(0.0, limits[0][1]), *limits])
        parts.append(f'<polyline points="{path}" fill="none" stroke="#000" stroke-dasharray="6 4"/>')
    for row in rows:
        parts.append(f'<line x1="{x(row.load_g):.1f}" y1="{y(row.error_g - row.u_g):.1f}" x2="{x(row.load_g):.1f}" '
                     f'y2="{y(row.error_g + row.u_g):.1f}" stroke="#000"/>')
        parts.append(f'<circle cx="{x(row.load_g):.1f}" cy="{y(row.error_g):.1f}" r="3"/>')
    title = f"error, g (limit ± {limits[-1][1]:g} g at {top_g / 1000:g} kg)"
    parts += [f'<text x="4" y="14" font-size="11">{title}</text>',
              f'<text x="{WIDTH - MARGIN}" y="{y(0) + 16:.1f}" font-size="11" text-anchor="end">load, kg</text></svg>']
    return "\n".join(parts)
