"""An isometric drawing of a packing as a picture: in colour for a page, black and white for a slip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from agent.packing.isometric import Drawing, Point

PAPER = 255
INK = 0


def packing_picture(drawing: Drawing, width_px: int, *, one_bit: bool = False) -> Image:
    """Return a drawing as a picture of this width: mode "RGB", or "1" for a thermal printer.

    In one bit all faces stay white and the marked unit is hatched, which survives 203 to 300 dots per inch where
    dithered greys do not.
    """
    from PIL import Image as Images
    from PIL import ImageDraw

    from agent.packing.isometric import colour

    margin = max(2, width_px // 60)
    scale = (width_px - 2 * margin) / drawing.width
    height_px = round(drawing.height * scale) + 2 * margin
    image = Images.new("L" if one_bit else "RGB", (width_px, height_px), "white")
    pen = ImageDraw.Draw(image)
    if one_bit:
        pen.fontmode = "1"

    def at(point: Point) -> tuple[float, float]:
        return margin + point[0] * scale, margin + point[1] * scale

    stroke = max(2, width_px // 150) if one_bit else max(1, width_px // 300)
    letters_px = max(11, width_px // 15)
    if not one_bit:
        pen.polygon([at(point) for point in drawing.floor.points], fill=colour(drawing.floor))
    for start, end in drawing.behind:
        pen.line([at(start), at(end)], fill="black" if one_bit else "#969696", width=1)
    for face in drawing.faces:
        points = [at(point) for point in face.points]
        pen.polygon(points, fill="white" if one_bit else colour(face), outline="black", width=stroke)
        if one_bit and face.marked:
            _hatch(image, points)
            pen.polygon(points, outline="black", width=stroke)
    for start, end in drawing.front:
        pen.line([at(start), at(end)], fill="black" if one_bit else "#464646", width=max(1, stroke // 2))
    for caption in drawing.captions:  # last, so that no edge hides a number
        pen.text(at(caption.at), caption.text, fill="black", anchor="mm", font_size=letters_px,
                 stroke_width=letters_px // 8 if one_bit else 0, stroke_fill="white")
    return image.convert("1", dither=Images.Dither.NONE) if one_bit else image


def _hatch(image: Image, points: list[tuple[float, float]], every_px: int = 6) -> None:
    """Draw slanted lines over a polygon."""
    from PIL import Image as Images
    from PIL import ImageDraw

    mask = Images.new("1", image.size, 0)
    ImageDraw.Draw(mask).polygon(points, fill=1)
    lines = Images.new("L", image.size, PAPER)
    pen = ImageDraw.Draw(lines)
    for start in range(-image.height, image.width, every_px):
        pen.line([(start, image.height), (start + image.height, 0)], fill=INK)
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y, high_y = min(y for _, y in points), max(y for _, y in points)
    box = (int(low_x), int(low_y), int(high_x) + 1, int(high_y) + 1)
    image.paste(lines.crop(box), box[:2], mask.crop(box))
