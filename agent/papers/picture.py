"""Ready pictures: grey to ink without dither, whole-factor scaling, bars measured, ink found.

Shared by the parent, which reads PNG, and the child, which reads PDF.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    import zxingcpp
    from PIL import Image

    from agent.papers.page import Box

MOST_PIXELS = 20_000_000
# Bars of whole dots stay exact at 128 to 160 and break at 192; 160 keeps text of up to 60 % white.
THRESHOLD = 160
_GREY_SHARE, _LIGHTEST = 0.0005, 235


def on_white(image: Image.Image) -> Image.Image:
    """Return the picture in mode "L", whatever is transparent on white (a plain conversion would make it black)."""
    from PIL import Image

    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        white.alpha_composite(picture)
        return white.convert("L")
    if image.mode.startswith("I"):  # 16 bits a pixel
        return image.point(lambda value: value / 256).convert("L")
    return image.convert("L")


def ink(grey: Image.Image) -> Image.Image:
    """Return a grey picture as ink (0) and paper (1) in mode "1", by threshold."""
    from PIL import Image

    return grey.point([0] * THRESHOLD + [255] * (256 - THRESHOLD)).convert("1", dither=Image.Dither.NONE)


def loses_grey(grey: Image.Image) -> bool:
    """Return whether flat light grey, which becomes white, covers more than 0.05 % of the picture.

    Flat means equal to the neighbours to the left and above, so that smoothed edges do not count.
    """
    from PIL import ImageChops

    light = grey.point([255 if THRESHOLD <= value < _LIGHTEST else 0 for value in range(256)])
    flat = light
    for x, y in ((1, 0), (0, 1)):
        equal = ImageChops.difference(grey, ImageChops.offset(grey, x, y)).point([255] + [0] * 255)
        flat = ImageChops.darker(flat, equal)
    return flat.histogram()[255] > _GREY_SHARE * grey.width * grey.height


def ink_box(image: Image.Image) -> Box | None:
    """Return the box of all ink of a picture in mode "1", or None when it is blank."""
    from PIL import ImageChops

    return ImageChops.invert(image).getbbox()


def enlarged(image: Image.Image, factor: Fraction) -> Image.Image:
    """Return the picture enlarged by a whole-number ratio, each dot repeated (3/2: once, twice, once, twice).

    A bar of 2 dots becomes exactly 3 at 3/2, wherever it stands. White is added where the size is no multiple of the
    ratio's denominator: 813 dots made 1,220 would tear one bar in the middle.
    """
    from PIL import Image

    if factor == 1:
        return image
    part = factor.denominator
    whole = (-(-image.width // part) * part, -(-image.height // part) * part)
    padded = Image.new("1", whole, 255)
    padded.paste(image)
    size = (int(whole[0] * factor), int(whole[1] * factor))
    # With an even denominator samples fall on the borders of dots, where rounding decides: half a step moves them off.
    step, shift = 1 / float(factor), 1 / (2 * factor.numerator) if part % 2 == 0 else 0
    return padded.transform(size, Image.Transform.AFFINE, (step, 0, shift, 0, step, shift), Image.Resampling.NEAREST)


def codes_of(image: Image.Image) -> list[zxingcpp.Barcode]:
    """Return the codes on a label, read in the symbologies that carriers use."""
    import zxingcpp

    form = zxingcpp.BarcodeFormat
    formats = [form.Code128, form.QRCode, form.DataMatrix, form.PDF417, form.Aztec, form.Code39, form.ITF, form.EAN13]
    return zxingcpp.read_barcodes(
        image.convert("L"),
        formats=zxingcpp.BarcodeFormats(formats),
        text_mode=zxingcpp.TextMode.Plain,
        try_downscale=False,
        try_invert=False,
    )


def is_linear(code: zxingcpp.Barcode) -> bool:
    """Return whether a code consists of bars alone."""
    return code.symbology_identifier[:2] in {"]C", "]A", "]I", "]E"}


def is_across(code: zxingcpp.Barcode) -> bool:
    """Return whether a code runs across the picture, bars upright."""
    return abs(code.orientation) % 180 < 10 or abs(code.orientation) % 180 > 170


@dataclass(frozen=True, slots=True)
class Bars:
    """How a linear code came out: dots a module, and the worst bar's error in modules."""

    module: float
    error: float


def bars_of(image: Image.Image, code: zxingcpp.Barcode, scale: float = 1) -> Bars | None:
    """Measure the bars of a linear code that stands along an axis; None for one that does not.

    `scale` says how much larger the picture is than the one in which the code was read.
    """
    corners = (code.position.top_left, code.position.top_right, code.position.bottom_left, code.position.bottom_right)
    xs, ys = [round(p.x * scale) for p in corners], [round(p.y * scale) for p in corners]
    across = is_across(code)
    if not across and not 80 < abs(code.orientation) % 180 < 100:
        return None
    reach = round(4 * scale)
    if across:
        row = (min(xs) - reach, sum(ys) // 4, max(xs) + reach, sum(ys) // 4 + 1)
    else:
        row = (sum(xs) // 4, min(ys) - reach, sum(xs) // 4 + 1, max(ys) + reach)
    part = image.crop(row)
    line = (ink(part) if part.mode == "L" else part).convert("L").tobytes()
    runs = [len(list(group)) for _, group in groupby(line)][1:-1]
    if len(runs) < 11:
        return None
    return _measured(runs, _module_of_code128(runs) if code.symbology_identifier[:2] == "]C" else 0)


def _module_of_code128(runs: list[int]) -> float:
    """Return total width by number of modules: 11 a character in 6 runs, 13 in 7 for the stop (ISO/IEC 15417, 4.3)."""
    characters, rest = divmod(len(runs) - 7, 6)
    return 0 if rest else sum(runs) / (11 * characters + 13)


def _measured(runs: list[int], module: float) -> Bars:
    """Compare runs with whole multiples of a module; an unknown one is fitted, from the narrowest run on."""
    counts = runs
    module = module or min(runs)
    for _ in range(4):
        counts = [max(1, round(run / module)) for run in runs]
        module = sum(runs) / sum(counts)
    return Bars(module, max(abs(run - count * module) for run, count in zip(runs, counts, strict=True)) / module)
