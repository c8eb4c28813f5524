"""A ready picture onto a roll: as it is, cropped to its ink, or turned by a quarter; never scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import Symbol, encode
from agent.papers.head import MARK_SIDE, mark_module
from agent.papers.page import Code, Page, PaperError, dots, millimetres
from agent.papers.picture import codes_of, ink_box

if TYPE_CHECKING:
    from PIL import Image

    from agent.papers.page import Box, Media

_CELL_MM = 1.0
# Sides of labels that carriers put on larger pages, in millimetres: 4 x 6 inch and A6, with tolerances.
_LABEL_SIDES = ((96, 110), (142, 160))
_A4_SIDE_MM = 200
# Frames of 4-inch labels at 203 dpi come out up to 1,218 dots wide, 103 mm rolls print 1,200: this much rule may go.
_TRIM = 8
# Words beside the proof mark: 24 pt at 300 dpi, read at a metre.
_LARGEST_LETTERS = 100
# Smaller ones stand above the mark, as on a narrow roll.
_SMALLEST_LETTERS = 30


def fitted(
    picture: Image.Image, media: Media, crop_mm: tuple[float, float, float, float] | None, mark: str, beside: str = ""
) -> Page:
    """Return the picture in the middle of a page of this media, with a proof mark below where there is room.

    `beside` the mark, or above it on a narrow roll, stand these words, such as DUPLICATE.

    Raises PaperError `paper.no-ink`, `paper.media-mismatch`, or `paper.crop-unknown` for a large page whose label
    can't be told from its other contents.
    """
    from PIL import Image

    if crop_mm is not None:
        left, top, across, along = map(dots, crop_mm)
        picture = picture.crop((left, top, min(left + across, picture.width), min(top + along, picture.height)))
    box = ink_box(picture)
    if box is None:
        raise PaperError("paper.no-ink", "The label is blank.", "Fetch it again; it may not have been made yet.")
    if not _fits(picture.size, media):
        if min(picture.size) > dots(_A4_SIDE_MM):
            box = label_box(picture)
        picture = picture.crop(box)
        if not _fits(picture.size, media) and _fits((picture.height, picture.width), media):
            picture = picture.transpose(Image.Transpose.ROTATE_90)
    if not _fits(picture.size, media):
        raise _mismatch(picture.size, media)
    return _on_page(picture.crop(_trimmed(picture, media)), media, mark, beside)


def _fits(size: tuple[int, int], media: Media) -> bool:
    return size[0] <= media.dots_w + _TRIM and size[1] <= media.max_l + _TRIM


def _trimmed(picture: Image.Image, media: Media) -> Box:
    """Return the part that the roll prints: at most 0.3 mm goes on each side, of frames and rules only.

    What goes must look like the line of dots inside it, so that no letter and no bar loses its edge.
    """
    width, height = picture.size
    over_w, over_h = max(0, width - media.dots_w), max(0, height - media.max_l)
    left, top = over_w // 2, over_h // 2
    right, bottom = width - (over_w - left), height - (over_h - top)
    sides = (
        ((0, 0, left, height), (left, 0, left + 1, height)),
        ((right, 0, width, height), (right - 1, 0, right, height)),
        ((0, 0, width, top), (0, top, width, top + 1)),
        ((0, bottom, width, height), (0, bottom - 1, width, bottom)),
    )
    if not all(_continues(picture, cut, inside) for cut, inside in sides):
        raise _mismatch(picture.size, media)
    return left, top, right, bottom


def _continues(picture: Image.Image, cut: Box, inside: Box) -> bool:
    from PIL import Image, ImageChops

    size = (cut[2] - cut[0], cut[3] - cut[1])
    if 0 in size:
        return True
    line = picture.crop(inside).resize(size, Image.Resampling.NEAREST)
    differing = ImageChops.logical_xor(picture.crop(cut), line)
    return differing.convert("L").histogram()[255] <= _TRIM


def _mismatch(size: tuple[int, int], media: Media) -> PaperError:
    return PaperError(
        "paper.media-mismatch",
        f"Label is {millimetres(size[0])} x {millimetres(size[1])} mm; the loaded roll prints {media.printable}.",
        f"Load {_suitable(size)} or send the job to another station.",
    )


def _suitable(size: tuple[int, int]) -> str:
    from agent.papers.page import MEDIA

    rolls = [roll for roll in MEDIA.values() if _fits(size, roll) or _fits(size[::-1], roll)]
    die_cut = [roll.name.replace("x", " x ") + " mm" for roll in rolls if roll.kind == "die_cut"]
    endless = [f"{roll.name} mm endless" for roll in rolls if roll.kind == "endless"]
    return (die_cut + endless + ["a larger roll"])[0]


def label_box(picture: Image.Image) -> Box:
    """Return the box of the one label on a large page: ink joined over gaps of up to 2 mm that holds every code."""
    from PIL import Image

    cell = dots(_CELL_MM)
    small = picture.convert("L").reduce(cell).point([255] * 254 + [0, 0]).convert("1", dither=Image.Dither.NONE)
    parts = [(left * cell, top * cell, right * cell, bottom * cell) for left, top, right, bottom in _parts(small)]
    places = [(code.position.top_left.x, code.position.top_left.y) for code in codes_of(picture)]
    holding = [box for box in parts if places and all(_holds(box, place) for place in places)]
    labels = [box for box in holding if _is_label(box)]
    if len(labels) != 1:
        raise PaperError(
            "paper.crop-unknown",
            "The page is larger than a label, and no single part of it is one.",
            "Ask the carrier for label size, or send `crop_mm` (left, top, width, height).",
        )
    left, top, right, bottom = labels[0]
    exact = ink_box(picture.crop((left, top, right, bottom))) or (0, 0, right - left, bottom - top)
    return (left + exact[0], top + exact[1], left + exact[2], top + exact[3])


def _holds(box: Box, place: tuple[int, int]) -> bool:
    return box[0] <= place[0] < box[2] and box[1] <= place[1] < box[3]


def _is_label(box: Box) -> bool:
    sides = sorted((millimetres(box[2] - box[0]), millimetres(box[3] - box[1])))
    return all(low <= side <= high for side, (low, high) in zip(sides, _LABEL_SIDES, strict=True))


def _parts(small: Image.Image) -> list[Box]:
    """Return the boxes of connected ink (255) in a picture of 1 mm cells; cells up to 2 apart are connected."""
    width, height = small.size
    rows = small.convert("L").tobytes()
    left_over = {at for at, value in enumerate(rows) if value}
    boxes: list[Box] = []
    while left_over:
        queue = [left_over.pop()]
        x0, y0, x1, y1 = width, height, 0, 0
        while queue:
            at = queue.pop()
            y, x = divmod(at, width)
            x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x + 1), max(y1, y + 1)
            near = {(y + dy) * width + x + dx for dy in range(-2, 3) for dx in range(-2, 3) if 0 <= x + dx < width}
            found = near & left_over
            left_over -= found
            queue.extend(found)
        boxes.append((x0, y0, x1, y1))
    return boxes


def _letters_px(words: str, room_px: int) -> int:
    """How high letters may be, so that the words are no wider than the room; 0 without words or room."""
    return max(0, min(_LARGEST_LETTERS, room_px // len(words) * 3 // 2)) if words else 0


def _on_page(picture: Image.Image, media: Media, mark: str, beside: str) -> Page:
    from PIL import Image, ImageDraw

    encoded = encode(Symbol.DATAMATRIX, mark) if mark else None
    module = mark_module(encoded, MARK_SIDE if media.kind == "endless" else 0) if encoded else 0
    side, quiet = (encoded.width * module, encoded.quiet * module) if encoded else (0, 0)
    strip = side + 2 * quiet
    beside_px = _letters_px(beside, media.dots_w - side - 3 * quiet)
    above_px = 0 if beside_px >= _SMALLEST_LETTERS else _letters_px(beside, media.dots_w - 2 * quiet)
    strip += above_px
    length = media.max_l if media.kind == "die_cut" else min(max(picture.height + strip, media.min_l), media.max_l)
    image = Image.new("1", (media.dots_w, length), 255)
    left = (media.dots_w - picture.width) // 2
    if encoded is None or picture.height + strip > length:
        image.paste(picture, (left, (length - picture.height) // 2))
        return Page(image, millimetres(media.dots_w), millimetres(length), 1, 1, ())
    image.paste(picture, (left, 0))
    box = (quiet, length - quiet - side, quiet + side, length - quiet)
    image.paste(encoded.drawn(module), box[:2])
    if beside:
        pen = ImageDraw.Draw(image)
        pen.fontmode = "1"
        middle = (media.dots_w // 2, box[1] - quiet - above_px // 2) if above_px else (
            (box[2] + media.dots_w) // 2, (box[1] + box[3]) // 2)
        pen.text(middle, beside, fill=0, anchor="mm", font_size=above_px or beside_px, stroke_width=2)
    code = Code(encoded.ident, encoded.content, box, module, quiet, linear=False)
    return Page(image, millimetres(media.dots_w), millimetres(length), 1, 1, (code,))
