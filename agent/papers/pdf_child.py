"""A child process that turns one page of a PDF into ink. It has limits, no files and no network to speak of.

    python -I -m agent.papers.pdf_child '{"page": 0, "dpi": 0}' < label.pdf

Answers one line of JSON, then the packed rows of the picture (mode "1", 1 is white). A refusal is JSON alone. A parent
reads any other end as a damaged file: pdfium crashes, or runs into a limit, on what is made to hurt it.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import pypdfium2 as pdfium
    import zxingcpp
    from PIL import Image

MOST_BYTES = 5_000_000
_MEMORY, _CPU_S, _MOST_FILES = 400_000_000, 10, 32
_MOST_PAGES, _SMALLEST_PT, _LARGEST_PT, _DEEPEST = 10, 50, 900, 8
_DPI, _OVERSAMPLING, _EXACT = 300, 3, 0.0005
_FINE, _NO_LABEL = _DPI * _OVERSAMPLING / 72, 1800
_PASSWORD, _PRINTING = 4, 1 << 2  # FPDF_ERR_PASSWORD; bit 3 of the permissions (ISO 32000-1, table 22)


class _RefusedError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def limit() -> None:
    """Give up memory, time, files and core dumps beyond what a label needs."""
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
    ):
        resource.setrlimit(what, (most, most))


def _refuse(code: str, detail: str) -> NoReturn:
    raise _RefusedError(code, detail)


def ink_of(content: bytes, page_number: int, dpi: int) -> tuple[Image.Image, dict[str, Any]]:
    """Return one page as ink, with `dpi` of the picture and `notes` to warn of."""
    import pypdfium2 as pdfium
    from pypdfium2 import raw

    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", 0) == _PASSWORD:
            _refuse("paper.encrypted", "the PDF asks for a password.")
        _refuse("paper.file-damaged", f"the PDF does not open: {error}.")
    count = len(document)
    if count == 0 or count > _MOST_PAGES or (count > 1 and not page_number) or page_number > count:
        _refuse("paper.too-many-pages", f"the PDF has {count} pages, and page {page_number or 'which'} was asked for.")
    page = document[max(page_number, 1) - 1]
    notes: list[str] = []
    if not raw.FPDF_GetDocPermissions(document) & _PRINTING:
        notes.append("paper.printing-forbidden")
    _check_size(page)
    _check_objects(page)
    picture = _only_picture(page)
    if picture is not None:
        grey, found = picture
        if found or dpi:
            return _inked(grey, notes), {"dpi": dpi or found, "notes": notes}
    return _rendered(page, notes), {"dpi": _DPI, "notes": notes}


def _check_size(page: pdfium.PdfPage) -> None:
    left, bottom, right, top = page.get_mediabox(fallback_ok=False) or (0, 0, 0, 0)
    sides = (abs(right - left), abs(top - bottom), page.get_width(), page.get_height())
    if not all(math.isfinite(side) for side in sides) or min(sides) < _SMALLEST_PT:
        _refuse("paper.file-damaged", f"the page is {sides[0]:.0f} x {sides[1]:.0f} points.")
    if max(sides) > _LARGEST_PT:
        _refuse(
            "paper.file-too-large", f"the page is {sides[0]:.0f} x {sides[1]:.0f} points; at most {_LARGEST_PT} print."
        )


def _check_objects(page: pdfium.PdfPage) -> None:
    """Refuse what pdfium would leave out without a word: pictures beyond memory, text without its font."""
    import pypdfium2 as pdfium
    from pypdfium2 import raw

    from agent.papers.picture import MOST_PIXELS

    for thing in page.get_objects(max_depth=_DEEPEST, textpage=page.get_textpage()):
        if isinstance(thing, pdfium.PdfImage):
            width, height = thing.get_px_size()
            if width * height > MOST_PIXELS:
                _refuse("paper.file-too-large", f"a picture in the PDF has {width} x {height} pixels.")
        elif isinstance(thing, pdfium.PdfTextObj) and raw.FPDFFont_GetIsEmbedded(thing.get_font()) == 0:
            text = thing.extract()
            if any(character > "\xff" for character in text):
                _refuse("paper.font-not-embedded", f"the text {text[:40]!r} has no font in the PDF.")


def _only_picture(page: pdfium.PdfPage) -> tuple[Image.Image, int] | None:
    """Return the page's own pixels and their dpi when one upright picture is all that is on it."""
    import pypdfium2 as pdfium

    things = list(page.get_objects(max_depth=1))
    if len(things) != 1 or not isinstance(things[0], pdfium.PdfImage) or page.get_rotation():
        return None
    a, b, c, d, _, _ = things[0].get_matrix().get()
    if b or c or a <= 0 or d <= 0:
        return None
    from agent.papers.picture import on_white

    pixels = things[0].get_bitmap(render=False).to_pil()
    across, along = pixels.width / a * 72, pixels.height / d * 72
    found = next((dpi for dpi in (203, 300) if abs(across - dpi) < 8 and abs(along - dpi) < 8), 0)
    return on_white(pixels), found


def _rendered(page: pdfium.PdfPage, notes: list[str]) -> Image.Image:
    """Render at 900 dpi and reduce by 3: at 300 pdfium rounds each bar by itself, to 2, 3 and 4 dots.

    Up to 3 % of the scale is spent to make the main code's module whole dots. Then the grid of dots is laid where the
    bars' edges are: of three places in each direction the one with the least error.
    """
    from agent.papers.picture import bars_of, codes_of, ink, is_across, is_linear

    coarse = _drawn(page, _DPI / 72)
    codes = codes_of(ink(coarse))
    if not codes and min(coarse.size) > _NO_LABEL:
        return _inked(coarse, notes)  # a page of text: whoever asked will refuse it
    fine = _drawn(page, _FINE)
    linear = [code for code in codes if is_linear(code)]
    modules = [bars.module for code in linear if (bars := bars_of(fine, code, _OVERSAMPLING)) is not None]
    factor = 1.0
    if modules:
        module = max(modules) / _OVERSAMPLING
        factor = max(1, round(module)) / module
        if 0.98 <= factor <= 1.03 and abs(factor - 1) > _EXACT:
            fine = _drawn(page, _FINE * factor)
        else:
            factor = 1.0
    laid = [fine.crop((n, n, fine.width, fine.height)).reduce(_OVERSAMPLING) for n in range(_OVERSAMPLING)]
    x, y = (
        _least_error(laid, [code for code in linear if is_across(code) is across], factor) for across in (True, False)
    )
    if x == y:
        return _inked(laid[x], notes)
    return _inked(fine.crop((x, y, fine.width, fine.height)).reduce(_OVERSAMPLING), notes)


def _least_error(laid: list[Image.Image], codes: list[zxingcpp.Barcode], factor: float) -> int:
    from agent.papers.picture import bars_of

    def worst(grey: Image.Image) -> float:
        return max((bars.error for code in codes if (bars := bars_of(grey, code, factor)) is not None), default=0.0)

    return min(range(len(laid)), key=lambda n: worst(laid[n]))


def _drawn(page: pdfium.PdfPage, scale: float) -> Image.Image:
    picture: Image.Image = page.render(scale=scale, grayscale=True, may_draw_forms=False).to_pil()
    return picture.convert("L")


def _inked(grey: Image.Image, notes: list[str]) -> Image.Image:
    from agent.papers.picture import ink, loses_grey

    if loses_grey(grey):
        notes.append("paper.grey-lost")
    return ink(grey)


def main() -> None:
    """Read a PDF from standard input, answer on standard output."""
    options = json.loads(sys.argv[1])
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    limit()
    try:
        picture, answer = ink_of(content, int(options["page"]), int(options["dpi"]))
    except _RefusedError as refusal:
        sys.stdout.write(json.dumps({"refused": refusal.code, "detail": refusal.detail}) + "\n")
        return
    sys.stdout.write(json.dumps({"width": picture.width, "height": picture.height, **answer}) + "\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(picture.tobytes())


if __name__ == "__main__":
    main()
