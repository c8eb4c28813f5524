"""A carton and what is in it, drawn in isometric projection: flat faces for any pen, and SVG text.

Seen from the right front above: x runs down to the right, y down to the left, z up. The corner 0, 0, 0 is the one
at the back. Nothing here draws pixels; `agent.papers` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import cos, pi, sin
from textwrap import wrap
from typing import TYPE_CHECKING

from agent.packing.steps import in_packing_order, steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.packing.model import PackedCarton, Placement, Triple

Point = tuple[float, float]

LETTER_PX = 7.8
"""What a letter of 15 px takes at the most, on average."""
COS, SIN = cos(pi / 6), sin(pi / 6)


@dataclass(frozen=True, slots=True)
class Face:
    """A filled polygon in mm of the drawing, y down. `tone`: 0 black to 255 white; `marked`: the item in question."""

    points: tuple[Point, ...]
    tone: int
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """A short text, centred at a point."""

    at: Point
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything on one picture, in the order to draw it: floor, edges behind, faces, edges in front, captions."""

    width: float
    height: float
    floor: Face
    behind: tuple[tuple[Point, Point], ...]
    faces: tuple[Face, ...]
    front: tuple[tuple[Point, Point], ...]
    captions: tuple[Caption, ...]


TOP_TONE, FRONT_TONE, SIDE_TONE, FLOOR_TONE = 250, 220, 188, 238
SMALLEST_CAPTION = 10
"""A face narrower than the carton's longest edge over this is not numbered."""
MOST_CAPTIONS = 150
"""Of more units none is numbered: nobody could read it."""


def _flat(x: float, y: float, z: float, inner_mm: Triple) -> Point:
    """Project a point; the drawing of the whole carton starts at 0, 0."""
    return (x - y + inner_mm[1]) * COS, (x + y) * SIN + inner_mm[2] - z


def back_to_front(placements: Sequence[Placement]) -> list[Placement]:
    """Return the units so that none hides one that comes later.

    Two boxes that a plane along an axis parts either hide each other in one way only or not at all in this
    projection, so that the order between each two is known; among three it can only go round in rare cases, and then
    the one furthest back goes first.
    """
    left = list(placements)
    ordered: list[Placement] = []
    while left:
        free = [one for one in left if not any(other is not one and _behind(other, one) for other in left)]
        one = min(free or left, key=lambda one: sum(one.pos_mm))
        left.remove(one)
        ordered.append(one)
    return ordered


def _behind(one: Placement, other: Placement) -> bool:
    """Say whether `one` must be drawn before `other`: a plane parts them, and `one` is on its far side."""
    far = any(p + d <= q for p, d, q in zip(one.pos_mm, one.dims_mm, other.pos_mm, strict=True))
    near = any(q + e <= p for p, q, e in zip(one.pos_mm, other.pos_mm, other.dims_mm, strict=True))
    return far and not near


def _faces(one: Placement, inner_mm: Triple, *, marked: bool) -> list[Face]:
    x, y, z = one.pos_mm
    ex, ey, ez = (p + d for p, d in zip(one.pos_mm, one.dims_mm, strict=True))
    corners = (
        (TOP_TONE, ((x, y, ez), (ex, y, ez), (ex, ey, ez), (x, ey, ez))),
        (FRONT_TONE, ((x, ey, z), (ex, ey, z), (ex, ey, ez), (x, ey, ez))),
        (SIDE_TONE, ((ex, y, z), (ex, ey, z), (ex, ey, ez), (ex, y, ez))))
    return [Face(tuple(_flat(*point, inner_mm) for point in points), tone, marked) for tone, points in corners]


def _middles(one: Placement, inner_mm: Triple) -> list[Point]:
    """Return the middles of the faces of a unit that are large enough for a number: top, front, side."""
    x, y, z = one.pos_mm
    long, wide, high = one.dims_mm
    least = max(inner_mm) / SMALLEST_CAPTION
    middles = ((min(long, wide), (x + long / 2, y + wide / 2, z + high)),
               (min(long, high), (x + long / 2, y + wide, z + high / 2)),
               (min(wide, high), (x + long, y + wide / 2, z + high / 2)))
    return [_flat(a, b, c, inner_mm) for narrow, (a, b, c) in middles if narrow >= least]


def _covers(face: Face, point: Point) -> bool:
    """Say whether a convex polygon, whichever way round, has a point inside."""
    x, y = point
    sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax)
             for (ax, ay), (bx, by) in zip(face.points, face.points[1:] + face.points[:1], strict=True)]
    return min(sides) > 0 or max(sides) < 0


def draw(packed: PackedCarton, upto: int | None = None, marked: int = 1) -> Drawing:
    """Return the carton with its first `upto` units in packing order (None: all), the last `marked` of them marked.

    Each unit has the number of its step, on a face that can be seen.
    """
    inner = length, width, height = packed.carton.inner_mm
    ordered = in_packing_order(packed.placements)
    shown = ordered if upto is None else ordered[:upto]
    new = {id(one) for one in shown[max(len(shown) - marked, 0):]} if upto is not None else set()
    numbers = {id(one): number for number, step in enumerate(steps(packed), 1) for one in step.units}
    drawn = back_to_front(shown)
    faces = [_faces(one, inner, marked=id(one) in new) for one in drawn]
    captions: list[Caption] = []
    for at, one in enumerate(drawn if len(drawn) <= MOST_CAPTIONS else ()):
        before = [face for later in faces[at + 1:] for face in later]
        seen = next((point for point in _middles(one, inner) if not any(_covers(face, point) for face in before)), None)
        if seen is not None:
            captions.append(Caption(seen, str(numbers[id(one)])))

    def edge(a: Triple, b: Triple) -> tuple[Point, Point]:
        return _flat(*a, inner), _flat(*b, inner)

    behind = (edge((0, 0, 0), (length, 0, 0)), edge((0, 0, 0), (0, width, 0)), edge((0, 0, 0), (0, 0, height)))
    front = (edge((length, 0, 0), (length, width, 0)), edge((0, width, 0), (length, width, 0)),
             edge((0, 0, height), (length, 0, height)), edge((0, 0, height), (0, width, height)),
             edge((length, 0, 0), (length, 0, height)), edge((0, width, 0), (0, width, height)),
             edge((length, width, 0), (length, width, height)), edge((length, 0, height), (length, width, height)),
             edge((0, width, height), (length, width, height)))
    corners = (0, 0), (length, 0), (length, width), (0, width)
    floor = Face(tuple(_flat(x, y, 0, inner) for x, y in corners), FLOOR_TONE)
    return Drawing((length + width) * COS, (length + width) * SIN + height, floor, behind,
                   tuple(face for unit in faces for face in unit), front, tuple(captions))


def svg(drawing: Drawing, title: str, words: Sequence[str] = (), width_px: int = 420) -> str:
    """Return a drawing as the text of an SVG file with its words below it, broken into lines of its width."""
    words = [line for text in words for line in wrap(text, int(width_px / LETTER_PX), subsequent_indent="\u2003")]
    scale = width_px / (drawing.width * 1.04)
    margin = drawing.width * 0.02
    size = 15 / scale
    below = drawing.height + 2 * margin + size * 1.4 * len(words)
    parts = [
        (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{below * scale:.0f}" '
         f'viewBox="{-margin:.1f} {-margin:.1f} {drawing.width + 2 * margin:.1f} {below:.1f}">'),
        f"<title>{escape(title)}</title>",
        _polygon(drawing.floor),
        f'<g fill="none" stroke="#888" stroke-width="{1.2 / scale:.2f}" stroke-dasharray="{4 / scale:.1f}">',
        *(_line(*edge) for edge in drawing.behind), "</g>",
        f'<g stroke="#222" stroke-width="{1.2 / scale:.2f}" stroke-linejoin="round">',
        *map(_polygon, drawing.faces), "</g>",
        f'<g fill="none" stroke="#444" stroke-width="{1.6 / scale:.2f}">', *(_line(*edge) for edge in drawing.front),
        "</g>", f'<g font-family="sans-serif" font-size="{size:.1f}" text-anchor="middle">']
    parts += [f'<text x="{caption.at[0]:.1f}" y="{caption.at[1] + size / 3:.1f}">{escape(caption.text)}</text>'
              for caption in drawing.captions]
    parts += ["</g>", f'<g font-family="sans-serif" font-size="{size:.1f}">']
    parts += [f'<text x="0" y="{drawing.height + margin + size * 1.4 * (at + 1):.1f}">{escape(line)}</text>'
              for at, line in enumerate(words)]
    return "\n".join([*parts, "</g>", "</svg>", ""])


def colour(face: Face) -> tuple[int, int, int]:
    """Return red, green and blue of a face: grey, and orange where it is marked."""
    return (face.tone, face.tone * 7 // 10, 60) if face.marked else (face.tone, face.tone, face.tone)


def _polygon(face: Face) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in face.points)
    return f'<polygon points="{points}" fill="rgb{colour(face)}"/>'


def _line(start: Point, end: Point) -> str:
    return f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'
