"""Labels that come as files: PNG or PDF in, pages for the loaded roll out, or a refusal that says what to do.

Bars decide: a picture is enlarged by whole-number ratios only, never shrunk to fit, never dithered, and every code of
the file must read back from the page, byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NoReturn

from agent.papers.fit import fitted
from agent.papers.page import Paper, PaperError, PaperWarning
from agent.papers.picture import MOST_PIXELS, bars_of, codes_of, enlarged, ink, is_linear, loses_grey, on_white

if TYPE_CHECKING:
    from PIL import Image

    from agent.papers.page import Media, Page

# Dots of ours for one of theirs. 203 dpi is 8 dots a millimetre, 300 dpi 11.8: x 3/2 prints 1.6 % larger, bars whole.
FACTORS = {100: Fraction(3), 150: Fraction(2), 203: Fraction(3, 2), 300: Fraction(1)}
# Pictures 4 inches wide, as carriers send them: the size tells the resolution, the pHYs chunk often lies.
_WIDTHS = ((780, 830, 203), (1150, 1240, 300))
_WALL_S, _MOST_ANSWER = 15, 4_000_000
_NARROWEST_DOTS, _WORST_ERROR = 2.5, 0.25
_WORDS = {
    "paper.printing-forbidden": "the PDF's owner forbids printing; it is a shipping label, so it was printed.",
    "paper.grey-lost": "light grey print became white.",
    "paper.no-room-for-mark": "the label fills its roll: the camera must read its own bars, or the packer scans it. "
    "An endless roll, or 20 mm blank below, leaves room for the proof mark.",
}


@dataclass(frozen=True, slots=True)
class Expect:
    """What the sender knows of a file: texts that its codes must hold, its resolution, its page (from 1).

    `crop_mm` is left, top, width, height of the label on a larger page. The proof mark `mark` is added where the page
    has blank room for it: always on endless media; a page without it is warned of.
    The words `duplicate` stand beside it on a copy.
    """

    codes: tuple[str, ...] = ()
    dpi: int = 0
    page: int = 0
    crop_mm: tuple[float, float, float, float] | None = None
    mark: str = ""
    duplicate: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may cost."""

    file_bytes: int = 5_000_000
    wall_s: float = _WALL_S


def ready_file(content: bytes, media: Media, expect: Expect | None = None, limits: Limits | None = None) -> Paper:
    """Return the page of a PNG or PDF file for this media.

    Raises PaperError: `paper.file-too-large`, `paper.file-damaged`, `paper.zpl-not-supported`,
    `paper.epl-not-supported`,
    `paper.format-not-supported`, `paper.encrypted`, `paper.too-many-pages`, `paper.font-not-embedded`,
    `paper.unknown-scale`, `paper.no-ink`, `paper.media-mismatch`, `paper.crop-unknown`, `paper.barcode-lost`,
    `paper.bars-uneven`.
    """
    expect, limits = expect or Expect(), limits or Limits()
    if expect.dpi and expect.dpi not in FACTORS:
        _refuse(
            "paper.unknown-scale",
            f"{expect.dpi} dpi can't be printed at 300 without tearing bars.",
            f"Send the label at {', '.join(map(str, FACTORS))} dpi, best at 300.",
        )
    if len(content) > limits.file_bytes:
        _refuse(
            "paper.file-too-large",
            f"the file has {len(content)} bytes; at most {limits.file_bytes} are read.",
            "Send the label alone, not the whole document.",
        )
    content = _without_wrapping(content)
    kind = kind_of(content)
    if kind == "png":
        source, dpi, notes = _png(content, expect.dpi)
    elif kind == "pdf":
        source, dpi, notes = _pdf(content, expect, limits)
    else:
        _refuse(*_NOT_PRINTED.get(kind, _NOT_PRINTED[""]))
    picture = enlarged(source, FACTORS[dpi])
    page = fitted(picture, media, expect.crop_mm, expect.mark, expect.duplicate)
    if expect.mark and not page.codes:
        notes.append("paper.no-room-for-mark")
    warnings = [PaperWarning(note, _WORDS[note]) for note in notes]
    warnings += _checked(picture if expect.crop_mm is None else None, page, expect)
    return Paper((page,), tuple(warnings))


_NOT_PRINTED = {
    "zpl": (
        "paper.zpl-not-supported",
        "the file is ZPL, a language of another printer.",
        "Ask the carrier for PDF, or PNG at 300 dpi.",
    ),
    "epl": (
        "paper.epl-not-supported",
        "the file is EPL, a language of another printer.",
        "Ask the carrier for PDF, or PNG at 300 dpi.",
    ),
    "html": (
        "paper.file-damaged",
        "the file is a web page, not a label; often it holds the carrier's error message.",
        "Fetch the label again.",
    ),
    "jpeg": (
        "paper.format-not-supported",
        "the file is JPEG, which blurs bars.",
        "Ask the carrier for PDF, or PNG at 300 dpi.",
    ),
    "gif": ("paper.format-not-supported", "the file is GIF.", "Send it as PNG, unscaled and not smoothed."),
    "empty": ("paper.file-damaged", "the file has 0 bytes.", "Fetch the label again."),
    "": ("paper.file-damaged", "the file is neither PNG nor PDF.", "Fetch the label again."),
}


def kind_of(content: bytes) -> str:
    r"""Return png, pdf, zpl, epl, html, jpeg, gif, empty, or nothing, from what is in the file and never from its name.

    >>> kind_of(b"%PDF-1.7"), kind_of(b"\n^XA^FO10,10^FS^XZ"), kind_of(b"<!doctype html>")
    ('pdf', 'zpl', 'html')
    """
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n\0")
    signs = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))
    for sign, kind in signs:
        if head.startswith(sign):
            return kind
    if b"%PDF-" in content[:1024]:
        return "pdf"
    if b"^XA" in head or head.startswith((b"~DG", b"~DY", b"^FX")):
        return "zpl"
    if re.match(rb"(?:[A-Z]{1,3}\d*[^\r\n]*\r?\n)*N\r?\n", head) and re.search(
        rb"\n(?:A|B|b|LO|GW)\d+,\d+", content[:65536]
    ):
        return "epl"
    if re.match(rb"<(?:!doctype html|html|\?xml|head|body)", head, re.IGNORECASE):
        return "html"
    return "" if head else "empty"


def _without_wrapping(content: bytes) -> bytes:
    """Return what a data URI holds, or the bytes as they are."""
    match = re.match(rb"\s*data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,", content[:200])
    if not match:
        return content
    try:
        return base64.b64decode(b"".join(content[match.end() :].split()), validate=True)
    except binascii.Error as error:
        raise PaperError(
            "paper.file-damaged", f"the data URI is not base64: {error}.", "Fetch the label again."
        ) from error


def _png(content: bytes, dpi: int) -> tuple[Image.Image, int, list[str]]:
    from PIL import Image

    width, height = int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if content[12:16] != b"IHDR" or not width or not height:
        _refuse("paper.file-damaged", "the PNG has no header.", "Fetch the label again.")
    if width * height > MOST_PIXELS:
        _refuse(
            "paper.file-too-large",
            f"the PNG has {width} x {height} pixels; labels have up to 20 million.",
            "Send the label at 300 dpi.",
        )
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if getattr(image, "n_frames", 1) > 1:
                _refuse(
                    "paper.too-many-pages",
                    f"the PNG is animated, {image.n_frames} frames.",  # type: ignore[attr-defined]  # PNG files only
                    "Send a still picture.",
                )
            image.load()
            grey = on_white(image)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise PaperError(
            "paper.file-damaged", f"the PNG does not decode: {error}.", "Fetch the label again."
        ) from error
    dpi = dpi or next((found for low, high, found in _WIDTHS if low <= min(grey.size) <= high), 0)
    if not dpi:
        _refuse(
            "paper.unknown-scale",
            f"a picture of {width} x {height} pixels is no usual label, so its size is unknown.",
            "Send its resolution (dpi) with the job, or a PDF.",
        )
    return ink(grey), dpi, ["paper.grey-lost"] if loses_grey(grey) else []


def _pdf(content: bytes, expect: Expect, limits: Limits) -> tuple[Image.Image, int, list[str]]:
    from PIL import Image

    options = json.dumps({"page": expect.page, "dpi": expect.dpi})
    command = [sys.executable, "-I", "-m", "agent.papers.pdf_child", options]
    try:
        ended = subprocess.run(command, input=content, capture_output=True, timeout=limits.wall_s, check=False, env={})
    except subprocess.TimeoutExpired as error:
        raise PaperError(
            "paper.file-damaged",
            f"the PDF was not drawn within {limits.wall_s:g} s.",
            "Fetch the label again, or ask for PNG at 300 dpi.",
        ) from error
    line, _, rows = ended.stdout.partition(b"\n")
    if ended.returncode or not line or len(ended.stdout) > _MOST_ANSWER:
        _refuse(
            "paper.file-damaged",
            "the PDF could not be drawn within the memory and time of a label.",
            "Fetch the label again, or ask for PNG at 300 dpi.",
        )
    answer = json.loads(line)
    if "refused" in answer:
        _refuse(answer["refused"], answer["detail"], _HINTS.get(answer["refused"], "Fetch the label again."))
    picture = Image.frombytes("1", (answer["width"], answer["height"]), rows)
    return picture, answer["dpi"], answer["notes"]


_HINTS = {
    "paper.encrypted": "Ask for the label without a password.",
    "paper.too-many-pages": "Name the page with the job, or send one page a label.",
    "paper.font-not-embedded": "Ask for a PDF with its fonts embedded, or PNG at 300 dpi.",
    "paper.file-too-large": "Send the label alone, at 300 dpi.",
}


def _checked(source: Image.Image | None, page: Page, expect: Expect) -> list[PaperWarning]:
    """Read the page and compare with its source and with what was expected; return warnings of uneven bars."""
    found = codes_of(page.image)
    texts = {code.bytes for code in found}
    if source is not None:
        lost = {(code.symbology_identifier, code.bytes) for code in codes_of(source)}
        lost -= {(code.symbology_identifier, code.bytes) for code in found}
        if lost:
            text = min(lost)[1].decode(errors="replace")
            _refuse(
                "paper.barcode-lost",
                f"{text!r} was in the file and does not read from the page.",
                "Ask for the label as PDF, or PNG at 300 dpi.",
            )
    for text in expect.codes:
        if not any(text.encode() in content for content in texts):
            _refuse(
                "paper.barcode-lost", f"the file holds no code with {text!r}.", "Check that it is this parcel's label."
            )
    warnings = []
    for code in (code for code in found if is_linear(code)):
        bars = bars_of(page.image, code)
        if bars is None:
            continue
        text = code.bytes.decode(errors="replace")
        if bars.module < _NARROWEST_DOTS:
            _refuse(
                "paper.bars-uneven",
                f"{text!r} has modules of {bars.module:.1f} dots; thermal print needs 3.",
                "Ask for a label with wider bars, or a larger one.",
            )
        if bars.error > _WORST_ERROR:
            warnings.append(
                PaperWarning("paper.bars-uneven", f"{text!r}: a bar is off by {bars.error:.0%} of a module.")
            )
    return warnings


def _refuse(code: str, detail: str, hint: str) -> NoReturn:
    raise PaperError(code, detail[0].upper() + detail[1:], hint)
