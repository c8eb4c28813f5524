"""A picture of a recording and what the weigher said of it, drawn with Pillow.

Above: the trace in grams, with each accepted weight as a green card and the stretch that was averaged for it. Below:
the same trace in scale intervals around the accepted weight, with a band as wide as its 95 % uncertainty. There one
sees why it was accepted then, and whether the trace stayed there.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from agent.weighing import LoadAppeared, Motion, PlatformCleared, ScaleFault, WeightPredicted, WeightStable
from agent.weighing.events import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    from agent.weighing import WeighingEvent
    from firmware_config.scale import ScaleSettings

    Font = FreeTypeFont | BitmapFont

WIDTH, HEIGHT = 1600, 900
LEFT, RIGHT = 96, 1580
ACCEPTED, AVERAGED, BAND = "#0a7d2c", "#d9f0de", "#8fd19f"
COLOURS: dict[type, str] = {
    WeightPredicted: "#6aa97a", ScaleFault: "#c00000", Motion: "#d07000",
    LoadAppeared: "#606060", PlatformCleared: "#606060",
}
OTHER = "#4060c0"
ALWAYS_NAMED = (ScaleFault, Motion)
ZOOM_D, LEAD_S = 3.0, 0.6
CROWD = 60
"""More accepted weights than this are dots: their lines and cards would hide the trace."""
LANES = 3
LANE_TOP, LANE = 614, 18


class _Pane(NamedTuple):
    """A rectangle of the picture with seconds to the right and values upwards."""

    top: int
    bottom: int
    start_s: float
    end_s: float
    low: float
    high: float

    def x(self, at_s: float) -> float:
        share = (at_s - self.start_s) / (self.end_s - self.start_s)
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share))

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - (self.bottom - self.top) * min(1.0, max(0.0, share))


def draw(at_s: Sequence[float], grams: Sequence[float], events: Sequence[WeighingEvent], settings: ScaleSettings,
         path: Path) -> None:
    """Write a PNG of 1600 x 900 dots: the trace, the accepted weights with their uncertainty, and every other event.

    Values far outside the capacity are cut off, so that one saturated code does not flatten the rest.
    Raises OSError or ValueError when `path` cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    small, large = ImageFont.load_default(size=15), ImageFont.load_default(size=20)
    inside = [value for value in grams if -0.5 * settings.capacity_g <= value <= 1.1 * settings.capacity_g] or [0.0]
    margin_g = 0.08 * (max(inside) - min(inside)) or settings.division_g
    start_s, end_s = at_s[0], max(at_s[-1], at_s[0] + 1e-3)
    whole = _Pane(52, 590, start_s, end_s, min(inside) - margin_g, max(inside) + 2.5 * margin_g)
    zoom = _Pane(690, 866, start_s, end_s, -ZOOM_D, ZOOM_D)
    accepted = [event for event in events if isinstance(event, WeightStable)]
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    count = len(accepted)
    pen.text((LEFT, 14), f"{count} accepted weight{'' if count == 1 else 's'}    d {settings.division_g:g} g    "
             f"capacity {settings.capacity_g / 1000.0:g} kg    {settings.rate_sps:g} samples a second",
             fill="black", font=large)
    named = accepted if count <= CROWD else []
    for event in named:
        for pane in (whole, zoom):
            pen.rectangle([(pane.x(event.at_s - event.window_s), pane.top), (pane.x(event.at_s), pane.bottom)],
                          fill=AVERAGED)
    _draw_grid(pen, whole, "g", small)
    _draw_grid(pen, zoom, "d", small)
    _draw_trace(pen, whole, at_s, grams)
    caption = "no weight was accepted" if not accepted else "too many weights to name them here: --json lists them"
    if named:
        _draw_zoom(pen, zoom, at_s, grams, named, settings.division_g)
        caption = "distance from the accepted weight; band: its 95 % uncertainty; shaded: what was averaged"
    pen.text((LEFT, zoom.top - 20), caption, fill="black", font=small)
    _draw_events(pen, whole, [event for event in events if not isinstance(event, WeightStable)], small)
    for event in accepted:
        x, y, radius = whole.x(event.at_s), whole.y(event.gross_g), 5 if named else 2
        pen.ellipse([(x - radius, y - radius), (x + radius, y + radius)], outline=ACCEPTED, width=min(3, radius))
    _draw_cards(pen, whole, named, small, large)
    image.save(path, format="PNG")


def _draw_grid(pen: ImageDraw, pane: _Pane, unit: str, font: Font) -> None:
    for value in _round_steps(pane.low, pane.high):
        pen.line([(LEFT, pane.y(value)), (RIGHT, pane.y(value))], fill="#e0e0e0")
        pen.text((LEFT - 8, pane.y(value)), f"{value:g} {unit}", fill="black", font=font, anchor="rm")
    for at_s in _round_steps(pane.start_s, pane.end_s):
        pen.line([(pane.x(at_s), pane.top), (pane.x(at_s), pane.bottom)], fill="#e0e0e0")
        pen.text((pane.x(at_s), pane.bottom + 4), f"{at_s:g} s", fill="black", font=font, anchor="mt")


def _draw_trace(pen: ImageDraw, pane: _Pane, at_s: Sequence[float], values: Sequence[float]) -> None:
    """Draw at most four points a column: its first, lowest, highest and last value."""
    columns: dict[int, list[float]] = {}
    for when_s, value in zip(at_s, values, strict=True):
        columns.setdefault(int(pane.x(when_s)), []).append(value)
    points: list[tuple[float, float]] = []
    for x, seen in columns.items():
        points += [(x, pane.y(seen[0])), (x, pane.y(min(seen))), (x, pane.y(max(seen))), (x, pane.y(seen[-1]))]
    if len(points) > 1:
        pen.line(points, fill="#303030", width=2 if len(at_s) < RIGHT - LEFT else 1)


def _draw_zoom(pen: ImageDraw, pane: _Pane, at_s: Sequence[float], grams: Sequence[float],
               accepted: Sequence[WeightStable], division_g: float) -> None:
    """Draw the distance from the accepted weight in d, cut off at 3 d, over the band of its uncertainty.

    A weight counts from shortly before its average began until that of the next one.
    """
    begins_s = [event.at_s - event.window_s - LEAD_S for event in accepted]
    ends_s = [*begins_s[1:], pane.end_s]
    begins_s[0] = pane.start_s
    for event, begin_s, end_s in zip(accepted, begins_s, ends_s, strict=True):
        u_d = event.u95_g / division_g
        pen.rectangle([(pane.x(begin_s), pane.y(u_d)), (pane.x(max(begin_s, end_s)), pane.y(-u_d))], fill=BAND)
    _draw_trace(pen, pane, at_s, [(value - accepted[max(0, bisect_right(begins_s, when_s) - 1)].gross_g) / division_g
                                  for when_s, value in zip(at_s, grams, strict=True)])
    for event in accepted:
        pen.line([(pane.x(event.at_s), pane.top), (pane.x(event.at_s), pane.bottom)], fill=ACCEPTED, width=2)


def _draw_events(pen: ImageDraw, pane: _Pane, events: Sequence[WeighingEvent], font: Font) -> None:
    """Draw events as thin lines and, where there is room, their names below."""
    ends = [float(LEFT)] * LANES
    for event in events:
        colour = COLOURS.get(type(event), OTHER)
        x = pane.x(event.at_s)
        pen.line([(x, pane.bottom - 40), (x, pane.bottom)], fill=colour)
        name = KINDS[type(event)]
        if isinstance(event, ScaleFault):
            name = f"{name}: {event.reason}"
        elif isinstance(event, Motion):
            name = f"{name}: {event.cause}"
        lane = next((i for i, end in enumerate(ends) if end <= x), None)
        if lane is None and isinstance(event, ALWAYS_NAMED):
            lane = LANES - 1
        if lane is not None:
            left = min(x, RIGHT - pen.textlength(name, font=font))
            pen.text((left, LANE_TOP + LANE * lane), name, fill=colour, font=font)
            ends[lane] = left + pen.textlength(name, font=font) + 8


def _draw_cards(pen: ImageDraw, pane: _Pane, accepted: Sequence[WeightStable], small: Font, large: Font) -> None:
    """Write each accepted weight beside its point: value and uncertainty, and how and when it was found."""
    taken: list[tuple[float, float, float, float]] = []
    for event in accepted:
        x, y = pane.x(event.at_s), pane.y(event.gross_g)
        pen.line([(x, pane.top), (x, pane.bottom)], fill=ACCEPTED, width=2)
        value = f"{event.gross_g:.1f} ± {event.u95_g:.1f} g"
        how = f"{event.quality}, {event.at_s:.2f} s, revision {event.revision}"
        width = max(pen.textlength(value, font=large), pen.textlength(how, font=small)) + 16
        for left, top in ((x + 10, y + 12), (x - width - 10, y - 64), (x + 10, y - 64), (x + 10, y + 72),
                          (x - width - 10, y + 12)):
            box = (left, top, left + width, top + 50)
            within = left >= LEFT and box[2] <= RIGHT and pane.top <= top and box[3] <= pane.bottom - 40
            if within and not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
                taken.append(box)
                pen.rounded_rectangle([box[:2], box[2:]], radius=6, fill="white", outline=ACCEPTED, width=2)
                pen.text((left + 8, top + 4), value, fill=ACCEPTED, font=large)
                pen.text((left + 8, top + 28), how, fill="black", font=small)
                break


def _round_steps(low: float, high: float) -> list[float]:
    """Return about eight round numbers between two."""
    span = high - low
    size = 10.0 ** len(f"{int(span)}") / 100.0 if span >= 1.0 else 0.1
    step = next((size * factor for factor in (1, 2, 5, 10, 20, 50, 100) if span / (size * factor) <= 10.0), span)
    first = int(low / step) - 1
    return [round(i * step, 6) for i in range(first, first + 14) if low <= i * step <= high]
