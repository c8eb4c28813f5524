"""Brother QL raster: a 1-bit picture to the printer's bytes through brother_ql, and our own reader for the way back.

The commands are those of Brother's Raster Command References (QL-800 series, QL-1100 series). brother_ql gives
the printer models, the label sizes and the bytes; its status and transports are not used. Rows go
uncompressed: PackBits in pure Python costs five times the whole conversion, three of the models do without it,
and 300 kB at 1 MB/s arrive faster than any QL prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.devices import DeviceError
from agent.devices.ql_media import columns, is_two_color, label_named, media_name, model_named

if TYPE_CHECKING:
    from PIL import Image

DOTS_PER_MM = 300 / 25.4
CONTINUOUS, DIE_CUT = 0x0A, 0x0B  # media type byte of ESC i z

# Command: number of bytes that follow. Rows, NUL and the ends of a page have their own rules in Reader.
_FIXED = {
    b"\x1bia": 1, b"\x1bi!": 1, b"\x1biz": 10,
    b"\x1biM": 1, b"\x1biA": 1, b"\x1biK": 1, b"\x1bid": 2, b"\x1bikc": 2, b"\x1bi`": 1,
    b"\x1biUJ": 14, b"\x1biUA": 2, b"\x1biUp": 2, b"\x1biUw\x01": 127,
    b"\x1biXG": 0, b"\x1biS": 0, b"\x1b@": 0, b"M": 1,
}  # fmt: skip
_LONGEST_COMMAND = 5


class RasterError(ValueError):
    """The bytes are no raster job: `args[0]` says what was found and at which byte."""


@dataclass(frozen=True, slots=True)
class Header:
    """What ESC i z says of a page: the media it is meant for, and how many rows follow."""

    media_type: int
    width_mm: int
    length_mm: int
    rows: int
    first: bool

    @property
    def media(self) -> str:
        """The label's name, such as `62x100` (see media_name)."""
        return media_name(self.width_mm, self.length_mm)


@dataclass(slots=True)
class Page:
    """One page as the printer understands it: rows of `row_bytes` bytes, first sent bit = last pin, 1 = black."""

    header: Header
    rows: list[bytes] = field(default_factory=list)
    red_rows: list[bytes] = field(default_factory=list)
    compressed: bool = False
    two_color: bool = False
    cut: bool = False
    margin_dots: int = 0
    last: bool = False

    @property
    def length_mm(self) -> float:
        """How much roll the page takes: a die-cut label whole, an endless page with its margins."""
        if self.header.length_mm:
            return float(self.header.length_mm)
        return (len(self.rows) + 2 * self.margin_dots) / DOTS_PER_MM

    def picture(self, rows: int | None = None) -> Image.Image:
        """The printable area as a 1-bit picture, black on white, as it was given to encode.

        `rows` cuts it after so many rows (a label that broke off). Red rows count as black.
        """
        from PIL import Image, ImageChops, ImageOps

        width = max((len(row) for row in (*self.rows, *self.red_rows)), default=90)

        def plane(part: list[bytes]) -> Image.Image:
            taken = part if rows is None else part[:rows]
            whole = b"".join(row.ljust(width, b"\0") for row in taken)
            return Image.frombytes("1", (width * 8, len(taken)), whole, "raw", "1;I")

        picture = plane(self.rows)
        if self.red_rows:
            picture = ImageChops.logical_and(picture, plane(self.red_rows))
        picture = ImageOps.mirror(picture)
        offset, printable = columns(width, self.header.width_mm, self.header.length_mm)
        return picture.crop((offset, 0, offset + printable, picture.height))


def check_media(model: str, media: str) -> None:
    """Check that a printer of this model takes this label.

    Raises DeviceError: `printer.unknown-model`, `printer.unknown-media`, `printer.media-not-for-model`.
    """
    printer, label = model_named(model), label_named(media)
    if (label.restricted_to_models and model not in label.restricted_to_models) or (
        is_two_color(label) and not printer.two_color
    ):
        raise DeviceError("printer.media-not-for-model", f"{media} does not fit a {model}.",
                          "Choose another label or another printer for this paper.")  # fmt: skip


def encode(image: Image.Image, *, model: str, media: str) -> bytes:
    """Return the raster job of one page: reset, header, rows, print and cut.

    `image` is 1-bit, black on white, as wide as the label's printable area; on endless media its height is the
    page's length, on die-cut labels it must be the printable height. `media` is brother_ql's name (`62`, `62x100`,
    `103x164`, `62red`). Raises DeviceError: `printer.unknown-model`, `printer.unknown-media`,
    `printer.media-not-for-model`, `printer.page-size`.
    """
    from brother_ql.raster import BrotherQLRaster
    from PIL import Image

    printer, label = model_named(model), label_named(media)
    check_media(model, media)
    _check_page(image, printer, label)
    width = printer.number_bytes_per_row * 8
    canvas = Image.new("1", (width, image.height), 1)
    left = width - image.width - label.offset_r - printer.additional_offset_r
    canvas.paste(image, (left, 0))
    canvas = Image.frombytes("1", canvas.size, canvas.tobytes(), "raw", "1;I")  # brother_ql's black is 1
    red = is_two_color(label)

    job = BrotherQLRaster(model)
    job.exception_on_warning = True
    job.add_invalidate()
    job.add_initialize()
    if printer.mode_setting:
        job.add_switch_mode()
    job.mtype = DIE_CUT if label.tape_size[1] else CONTINUOUS
    job.mwidth, job.mlength = label.tape_size
    job.add_media_and_quality(image.height)
    if printer.cutting:
        job.add_autocut(autocut=True)
        job.add_cut_every(1)
    job.two_color_printing = red
    if printer.expanded_mode:
        job.add_expanded_mode()
    job.add_margins(label.feed_margin)
    if printer.compression_support:
        job.add_compression(compression=False)
    # A black page on a black/red roll still needs the red plane, or the printer refuses it with an error
    # that names no cause (seen on a QL-810W).
    job.add_raster_data(canvas, Image.new("1", canvas.size, 0) if red else None)
    job.add_print()
    return bytes(job.data)


def decode(job: bytes) -> list[Page]:
    """Return the pages of a raster job, read by our own reader.

    Raises RasterError for bytes that are no raster commands, for a page cut off, and where the rows are not as
    many as the header said.
    """
    reader = Reader()
    pages = [event for event in reader.feed(job) if isinstance(event, Page)]
    if reader.pending or reader.rows:
        raise RasterError(f"the job ends in the middle of a page, after {reader.rows} rows.")
    for number, page in enumerate(pages, start=1):
        if len(page.rows) != page.header.rows:
            raise RasterError(f"page {number} has {len(page.rows)} rows, its header says {page.header.rows}.")
    return pages


def header(job: bytes) -> tuple[Header, int]:
    """Return a job's first ESC i z, and the offset of the first byte that can put a dot on paper.

    Until that byte (the first row) is taken, nothing can have printed. Raises RasterError when there is no header.
    """
    at = job.find(b"\x1biz")
    if at < 0 or len(job) < at + 13:
        raise RasterError("the job has no ESC i z header.")
    found = _header(job[at + 3 : at + 13])
    reader = Reader()
    position = at + 13
    while position < len(job) and not reader.rows and job[position] not in b"\x0c\x1a":
        reader.feed(job[position : position + 1])
        if reader.pending[:1] in (b"g", b"w", b"Z"):
            break
        position += 1
    return found, position


def _header(ten: bytes) -> Header:
    return Header(ten[1], ten[2], ten[3], int.from_bytes(ten[4:8], "little"), ten[8] == 0)


class Reader:
    """Takes a printer's input in pieces of any size and says what it means: `"reset"`, `"status"`, or a Page.

    Undocumented commands that drivers are known to send are skipped; anything else raises RasterError.
    """

    def __init__(self) -> None:
        self.pending = b""
        self._forget()

    def _forget(self) -> None:
        self._page = Page(Header(CONTINUOUS, 0, 0, 0, first=True))
        self._compressed = False

    @property
    def rows(self) -> int:
        """Rows of the page that is still being sent."""
        return len(self._page.rows)

    @property
    def page(self) -> Page:
        """The page that is still being sent, as far as it came."""
        return self._page

    def feed(self, piece: bytes) -> list[Page | str]:
        """Take the next bytes and return the events they complete, in order."""
        stream = self.pending + piece
        events: list[Page | str] = []
        at = 0
        while at < len(stream):
            used = self._row(stream, at) or self._command(stream, at, events)
            if not used:
                break
            at += used
        self.pending = stream[at:]
        return events

    def _row(self, stream: bytes, at: int) -> int:
        """Bytes of the row that begins here; 0 when there is none, or not yet all of it."""
        kind = stream[at]
        if kind == 0x5A:  # Z: an empty row
            self._page.rows.append(b"")
            if self._page.two_color:
                self._page.red_rows.append(b"")
            return 1
        if kind not in (0x67, 0x77):  # g: black row; w: row of a colour plane
            return 0
        if len(stream) < at + 3 or len(stream) < at + 3 + stream[at + 2]:
            return 0
        end = at + 3 + stream[at + 2]
        row = stream[at + 3 : end]
        if self._compressed:
            row = unpack_bits(row)
        red = kind == 0x77 and stream[at + 1] == 2
        (self._page.red_rows if red else self._page.rows).append(row)
        return end - at

    def _command(self, stream: bytes, at: int, events: list[Page | str]) -> int:
        """Bytes of the command that begins here; 0 when it is not yet complete."""
        first = stream[at]
        if first == 0:  # invalidate
            end = at
            while end < len(stream) and stream[end] == 0:
                end += 1
            return end - at
        if first in (0x67, 0x77):
            return 0
        if first in (0x0C, 0x1A):
            self._page.last = first == 0x1A
            self._page.compressed = self._compressed
            events.append(self._page)
            done = self._page
            self._page = Page(done.header, two_color=done.two_color, cut=done.cut, margin_dots=done.margin_dots)
            return 1
        for length in range(1, _LONGEST_COMMAND + 1):
            name = stream[at : at + length]
            if name in _FIXED:
                end = at + length + _FIXED[name]
                if len(stream) < end:
                    return 0
                self._obey(name, stream[at + length : end], events)
                return end - at
        if any(name.startswith(stream[at : at + _LONGEST_COMMAND]) for name in _FIXED):
            return 0
        raise RasterError(f"no raster command begins with {stream[at : at + 4].hex(' ')} (byte {at}).")

    def _obey(self, name: bytes, argument: bytes, events: list[Page | str]) -> None:
        match name:
            case b"\x1b@":
                self._forget()
                events.append("reset")
            case b"\x1biS":
                events.append("status")
            case b"\x1biz":
                self._page.header = _header(argument)
            case b"\x1biM":
                self._page.cut = bool(argument[0] & 0x40)
            case b"\x1biK":
                self._page.two_color = bool(argument[0] & 1)
            case b"\x1bid":
                self._page.margin_dots = int.from_bytes(argument, "little")
            case b"M":
                self._compressed = argument[0] == 2
            case _:
                pass  # mode, cut every, automatic status, job id: nothing that changes the picture


def unpack_bits(row: bytes) -> bytes:
    """Undo PackBits (Apple Technical Note TN1023): 0..127 = n + 1 literal bytes, 129..255 = 257 - n equal bytes.

    Raises RasterError for a run that ends before its bytes.
    """
    out = bytearray()
    at = 0
    while at < len(row):
        count = row[at]
        if count < 128:
            piece = row[at + 1 : at + 2 + count]
            if len(piece) != count + 1:
                raise RasterError("a compressed row ends in the middle of a run.")
            out += piece
            at += 2 + count
        elif count == 128:
            at += 1
        else:
            if at + 1 >= len(row):
                raise RasterError("a compressed row ends in the middle of a run.")
            out += row[at + 1 : at + 2] * (257 - count)
            at += 2
    return bytes(out)


def _check_page(image: Image.Image, printer: Any, label: Any) -> None:  # noqa: ANN401 (brother_ql is not typed)
    width, height = label.dots_printable
    shortest, longest = printer.min_max_length_dots
    if image.width != width:
        raise DeviceError("printer.page-size", f"the page is {image.width} dots wide, {label.identifier} has {width}.",
                          "Draw the page for the label it is printed on.")  # fmt: skip
    if height and image.height != height:
        raise DeviceError("printer.page-size",
                          f"the page is {image.height} dots long, {label.identifier} has {height}.",
                          "Draw the page for the label it is printed on.")  # fmt: skip
    if not height and not shortest <= image.height <= longest:
        raise DeviceError("printer.page-size",
                          f"the page is {image.height} dots long, {printer.identifier} takes {shortest} to {longest}.",
                          "Fill a short page with white; split a long one.")  # fmt: skip
