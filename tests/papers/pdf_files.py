"""PDF files for the tests, written by hand: labels with bars, and what is made to hurt a reader."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from itertools import groupby

from agent.papers.codes import Symbol, encode

MM = 72 / 25.4


@dataclass
class Pdf:
    """A PDF file under construction: objects by number, 1 is the catalogue, 2 the page tree."""

    objects: dict[int, bytes] = field(default_factory=dict)

    def add(self, dictionary: str, stream: bytes | None = None) -> int:
        number = len(self.objects) + 3
        self.objects[number] = entry(dictionary, stream)
        return number

    def page(self, content: bytes, width: float, height: float, resources: str = "", extra: str = "") -> None:
        stream = self.add("/Filter /FlateDecode", zlib.compress(content, 9))
        self.add(
            f"/Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {stream} 0 R "
            f"/Resources << {resources} >> {extra}"
        )

    def written(self, trailer: str = "") -> bytes:
        pages = [n for n, body in self.objects.items() if b"/Type /Page " in body]
        kids = " ".join(f"{n} 0 R" for n in pages)
        everything = {
            1: entry("/Type /Catalog /Pages 2 0 R"),
            2: entry(f"/Type /Pages /Kids [{kids}] /Count {len(pages)}"),
            **self.objects,
        }
        out, places = b"%PDF-1.7\n", []
        for number, body in sorted(everything.items()):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        return (
            out
            + b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
            + table
            + f"trailer << /Size {len(places) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
        )


def entry(dictionary: str, stream: bytes | None = None) -> bytes:
    if stream is None:
        return f"<< {dictionary} >>".encode()
    return f"<< {dictionary} /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream"


def bars(text: str, left: float, bottom: float, module: float, height: float) -> bytes:
    """Return drawing operators for a Code 128 in points, one rectangle a bar."""
    out, at = [], 0
    for value, run in groupby(encode(Symbol.CODE128, text).modules.convert("L").tobytes()):
        width = len(list(run))
        if value == 0:
            out.append(f"{left + at * module:.4f} {bottom} {width * module:.4f} {height} re f")
        at += width
    return ("0 g\n" + "\n".join(out) + "\n").encode()


def picture(pdf: Pdf, pixels: bytes, width: int, height: int, space: str = "/DeviceGray") -> int:
    return pdf.add(
        f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace {space} "
        "/BitsPerComponent 8 /Filter /FlateDecode",
        zlib.compress(pixels, 9),
    )


def label(tracking: str, module_mm: float = 0.254, size: tuple[float, float] = (288, 432)) -> bytes:
    """Return a 4 x 6 inch label with one vector Code 128 and a frame."""
    pdf = Pdf()
    content = b"2 w 4 4 280 424 re S\n" + bars(tracking, 40, 60, module_mm * MM, 90)
    pdf.page(content, *size)
    return pdf.written()
