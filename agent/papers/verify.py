"""The last look before printing: each code is read back from the final picture, and nothing overlaps or is cut.

A page that fails is not printed. This proves the picture, not the print.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from agent.papers.page import Box, Code, Page, Paper, PaperError, Placed, millimetres

if TYPE_CHECKING:
    from PIL import Image


def verify(paper: Paper) -> None:
    """Check every page of a paper. Raises PaperError `paper.barcode-lost`, `paper.bars-uneven` or `paper.layout`."""
    for page in paper.pages:
        for code in page.codes:
            _read_back(page.image, code)
            _even(page.image, code)
        faults = layout_faults(page)
        if faults:
            raise PaperError(
                "paper.layout",
                f"Page {page.number} of {page.of}: {'; '.join(faults[:5])}.",
                "Nothing was printed. Report this paper: its layout is a defect of packbench.",
            )


def _with_quiet(image: Image.Image, code: Code) -> Image.Image:
    """Return the code upright with its quiet zone, white beyond the paper's edge."""
    from PIL import Image

    left, top, right, bottom = code.box
    upright = not code.linear or right - left >= bottom - top or _is_across(image, code.box)
    q = code.quiet
    x, y = (q, q) if not code.linear else (q, 0) if upright else (0, q)
    crop = Image.new("1", (right - left + 2 * x, bottom - top + 2 * y), 255)
    area = (max(0, left - x), max(0, top - y), min(image.width, right + x), min(image.height, bottom + y))
    crop.paste(image.crop(area), (area[0] - left + x, area[1] - top + y))
    return crop if upright else crop.transpose(Image.Transpose.ROTATE_270)


def _is_across(image: Image.Image, box: Box) -> bool:
    """Return whether bars stand upright: then a column of dots is all one colour."""
    column = image.crop((box[0], box[1], box[0] + 1, box[3]))
    return len(set(column.convert("L").tobytes())) == 1


def _read_back(image: Image.Image, code: Code) -> None:
    import zxingcpp

    form = {
        "C": zxingcpp.BarcodeFormat.Code128,
        "Q": zxingcpp.BarcodeFormat.QRCode,
        "d": zxingcpp.BarcodeFormat.DataMatrix,
    }[code.ident[1]]
    crop = _with_quiet(image, code)
    if code.linear:  # forty rows tell as much as four hundred
        crop = crop.crop((0, crop.height // 2 - 20, crop.width, crop.height // 2 + 20)) if crop.height > 40 else crop
    found = zxingcpp.read_barcodes(
        crop.convert("L"),
        formats=zxingcpp.BarcodeFormats(form),
        try_rotate=False,
        try_downscale=False,
        try_invert=False,
        binarizer=zxingcpp.Binarizer.FixedThreshold,
    )
    if not any(b.symbology_identifier == code.ident and b.bytes == code.content for b in found):
        text = code.content.decode(errors="replace")
        raise PaperError(
            "paper.barcode-lost",
            f"{text!r} does not read back from the finished picture.",
            "Nothing was printed. Ask for wider media or another symbology.",
        )


def _even(image: Image.Image, code: Code) -> None:
    crop = _with_quiet(image, code).convert("L")
    middle = crop.crop((0, crop.height // 2, crop.width, crop.height // 2 + 1)).tobytes()
    runs = [len(list(group)) for _, group in groupby(middle)]
    text = code.content.decode(errors="replace")
    if code.linear and (runs[0] < code.quiet or runs[-1] < code.quiet):
        raise PaperError(
            "paper.layout",
            f"the quiet zone of {text!r} is not white.",
            "Nothing was printed. Report this paper: its layout is a defect of packbench.",
        )
    uneven = [run for run in runs[1:-1] if run % code.module]
    if uneven:
        raise PaperError(
            "paper.bars-uneven",
            f"{text!r} has bars of {min(uneven)} dots where a module is {code.module}.",
            "Nothing was printed. Report this paper: its bars are a defect of packbench.",
        )


def layout_faults(page: Page) -> list[str]:
    """Return what is wrong with a page by geometry: ink outside its field or the paper, things on each other."""
    width, height = page.image.size
    faults = []
    for thing in page.placed:
        if not _inside(thing.ink, thing.field):
            faults.append(f"{thing.text!r} leaves its field")
        if not _inside(thing.ink, (0, 0, width, height)):
            faults.append(f"{thing.text!r} leaves the paper")
    ordered = sorted(page.placed, key=lambda thing: thing.ink[1])
    for i, one in enumerate(ordered):
        reach = max(one.ink[3], one.field[3] if one.kind == "code" else 0)
        for other in ordered[i + 1 :]:
            if other.ink[1] >= reach and other.kind != "code":
                continue
            if _collide(one, other):
                faults.append(
                    f"{one.text or one.kind!r} and {other.text or other.kind!r} overlap "
                    f"at {millimetres(other.ink[0])}, {millimetres(other.ink[1])} mm"
                )
    return faults


def _collide(one: Placed, other: Placed) -> bool:
    a, b = (thing.field if thing.kind == "code" else thing.ink for thing in (one, other))
    if not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]):
        return False
    kinds = {one.kind, other.kind}
    # White text stands on a black band; two quiet zones may share their white.
    if kinds == {"shape", "text"}:
        shape, text = (one, other) if one.kind == "shape" else (other, one)
        return not _inside(text.ink, shape.ink)
    if kinds == {"code"}:
        return _touch(one.ink, b) or _touch(other.ink, a)
    return True


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _inside(inner: Box, outer: Box) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]
