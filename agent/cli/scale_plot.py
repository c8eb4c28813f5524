"""A picture of a recording and what the weigher said of it, drawn with Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.weighing import Motion, PlatformCleared, ScaleFault, WeightPredicted, WeightStable
from agent.weighing.events import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.ImageDraw import ImageDraw

    from agent.weighing import WeighingEvent
    from firmware_config.scale import ScaleSettings

WIDTH, HEIGHT = 1600, 640
LEFT, RIGHT, TOP, BOTTOM = 90, 20, 40, 110
COLOURS: dict[type, str] = {
    WeightStable: "#0a7d2c", WeightPredicted: "#7fbf8f", ScaleFault: "#c00000", Motion: "#d07000",
    PlatformCleared: "#8080a0",
}
OTHER = "#4060c0"


class _Axes:
    """Seconds and grams to dots."""

    def __init__(self, at_s: Sequence[float], low_g: float, high_g: float) -> None:
        self.start_s, self.end_s = at_s[0], max(at_s[-1], at_s[0] + 1e-3)
        margin_g = 0.05 * (high_g - low_g) or 1.0
        self.low_g, self.high_g = low_g - margin_g, high_g + margin_g

    def x(self, at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at_s - self.start_s) / (self.end_s - self.start_s)

    def y(self, grams: float) -> float:
        share = (grams - self.low_g) / (self.high_g - self.low_g)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, max(0.0, share))


def draw(at_s: Sequence[float], grams: Sequence[float], events: Sequence[WeighingEvent], settings: ScaleSettings,
         path: Path) -> None:
    """Write a PNG: the trace, and every event as a line with its name; stable weights with their value.

    Values far outside the capacity are cut off, so that one saturated code does not flatten the rest.
    Raises OSError or ValueError when `path` cannot be written.
    """
    from PIL import Image, ImageDraw

    inside = [value for value in grams if -0.5 * settings.capacity_g <= value <= 1.1 * settings.capacity_g] or [0.0]
    axes = _Axes(at_s, min(inside), max(inside))
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    _draw_grid(pen, axes)
    _draw_trace(pen, axes, at_s, grams)
    _draw_events(pen, axes, events)
    image.save(path, format="PNG")


def _draw_grid(pen: ImageDraw, axes: _Axes) -> None:
    for grams in _round_steps(axes.low_g, axes.high_g):
        pen.line([(LEFT, axes.y(grams)), (WIDTH - RIGHT, axes.y(grams))], fill="#e0e0e0")
        pen.text((4, axes.y(grams) - 6), f"{grams:g} g", fill="black")
    for at_s in _round_steps(axes.start_s, axes.end_s):
        pen.line([(axes.x(at_s), TOP), (axes.x(at_s), HEIGHT - BOTTOM)], fill="#e0e0e0")
        pen.text((axes.x(at_s) - 10, HEIGHT - BOTTOM + 4), f"{at_s:g} s", fill="black")


def _draw_trace(pen: ImageDraw, axes: _Axes, at_s: Sequence[float], grams: Sequence[float]) -> None:
    """Draw at most two points a column: its lowest and its highest value."""
    columns: dict[int, list[float]] = {}
    for when_s, value in zip(at_s, grams, strict=True):
        columns.setdefault(int(axes.x(when_s)), []).append(value)
    points: list[tuple[float, float]] = []
    for x, values in columns.items():
        points += [(x, axes.y(values[0])), (x, axes.y(min(values))), (x, axes.y(max(values))), (x, axes.y(values[-1]))]
    if len(points) > 1:
        pen.line(points, fill="#303030")


def _draw_events(pen: ImageDraw, axes: _Axes, events: Sequence[WeighingEvent]) -> None:
    rows = [-1e9] * 6  # where the last text of each row ends
    for event in events:
        colour = COLOURS.get(type(event), OTHER)
        x = axes.x(event.at_s)
        pen.line([(x, TOP), (x, HEIGHT - BOTTOM)], fill=colour, width=2 if isinstance(event, WeightStable) else 1)
        text = KINDS[type(event)]
        if isinstance(event, WeightStable):
            text = f"{event.gross_g:.1f} g"
            y = axes.y(event.gross_g)
            pen.ellipse([(x - 4, y - 4), (x + 4, y + 4)], outline=colour, width=2)
        free = next((i for i, end in enumerate(rows) if end < x), None)
        if free is not None:
            pen.text((x + 2, HEIGHT - BOTTOM + 20 + 14 * free), text, fill=colour)
            rows[free] = x + 8 + 7 * len(text)


def _round_steps(low: float, high: float) -> list[float]:
    """Return about eight round numbers between two."""
    span = high - low
    size = 10.0 ** len(f"{int(span)}") / 100.0 if span >= 1.0 else 0.1
    step = next((size * factor for factor in (1, 2, 5, 10, 20, 50, 100) if span / (size * factor) <= 10.0), span)
    first = int(low / step) - 1
    return [round(i * step, 6) for i in range(first, first + 14) if low <= i * step <= high]
