"""Bar codes as whole dots: encoded by zxing-cpp (Zint), drawn by repeating modules, never resampled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from agent.papers.page import PaperError
from agent.station.gs1 import check_digit

if TYPE_CHECKING:
    from PIL import Image


class Symbol(StrEnum):
    """The symbologies that packbench prints."""

    CODE128 = "code128"
    GS1_128 = "gs1-128"
    QR = "qr"
    DATAMATRIX = "datamatrix"


# AIM symbology identifiers (ISO/IEC 15424) as they read back. Quiet zones in modules: ISO/IEC 15417 (10), 18004 (4);
# 16022 asks for 1, the oblique camera gets 2.
_IDENT = {Symbol.CODE128: "]C0", Symbol.GS1_128: "]C1", Symbol.QR: "]Q1", Symbol.DATAMATRIX: "]d1"}
QUIET_MODULES = {Symbol.CODE128: 10, Symbol.GS1_128: 10, Symbol.QR: 4, Symbol.DATAMATRIX: 2}
LINEAR = frozenset({Symbol.CODE128, Symbol.GS1_128})
SMALLEST_MODULE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """An encoded symbol without quiet zone, one pixel a module (linear codes one pixel high)."""

    symbol: Symbol
    ident: str
    content: bytes
    modules: Image.Image

    @property
    def width(self) -> int:
        """Return the symbol's width in modules."""
        return self.modules.width

    @property
    def quiet(self) -> int:
        """Return the quiet zone on each side in modules."""
        return QUIET_MODULES[self.symbol]

    def largest_module(self, width: int, height: int = 1 << 30, *, largest: int) -> int:
        """Return the most dots a module with which the symbol and its quiet zones fit, at most `largest`; 0 if none."""
        fit = width // (self.width + 2 * self.quiet)
        if self.symbol not in LINEAR:
            fit = min(fit, height // (self.modules.height + 2 * self.quiet))
        return min(fit, largest)

    def drawn(self, module: int, height: int = 0) -> Image.Image:
        """Return the symbol in mode "1" at `module` dots a module; linear codes `height` dots high."""
        from PIL import Image

        size = (self.width * module, height if self.symbol in LINEAR else self.modules.height * module)
        return self.modules.resize(size, Image.Resampling.NEAREST)


def sscc_digits(text: str) -> str:
    """Return the 18 digits of an SSCC, given plain or with its application identifier (00).

    Raises PaperError `paper.sscc-wrong` for other lengths and for a wrong check digit.

    >>> sscc_digits("(00)340123450000000017")
    '340123450000000017'
    """
    digits = "".join(text.split()).removeprefix("(00)")
    digits = digits[2:] if len(digits) == 20 and digits.startswith("00") else digits
    if len(digits) != 18 or not (digits.isascii() and digits.isdigit()):
        raise PaperError(
            "paper.sscc-wrong", f"{text!r} is not an SSCC of 18 digits.", "Send all 18 digits of the SSCC."
        )
    check = check_digit(digits[:17])
    if int(digits[17]) != check:
        raise PaperError(
            "paper.sscc-wrong",
            f"SSCC {digits}: the check digit should be {check}.",
            "Correct the number at its source; packbench never mends it.",
        )
    return digits


@lru_cache(maxsize=64)
def encode(symbol: Symbol, text: str) -> Encoded:
    """Return the encoded symbol. GS1-128 takes element strings as `(00)340123450000000017`.

    Raises PaperError `paper.code-not-encodable` when the symbology cannot hold the text.
    """
    import zxingcpp

    formats = {
        Symbol.CODE128: zxingcpp.BarcodeFormat.Code128,
        Symbol.GS1_128: zxingcpp.BarcodeFormat.Code128,
        Symbol.QR: zxingcpp.BarcodeFormat.QRCode,
        Symbol.DATAMATRIX: zxingcpp.BarcodeFormat.DataMatrix,
    }
    options: dict[str, object] = {"gs1": True} if symbol is Symbol.GS1_128 else {}
    if symbol is Symbol.DATAMATRIX:
        options["force_square"] = True
    elif symbol is Symbol.QR and not text.isascii():
        options["eci"] = "UTF-8"
    if not text or (symbol is not Symbol.QR and not (text.isascii() and text.isprintable())):
        raise PaperError(
            "paper.code-not-encodable",
            f"{text!r} can't be printed as {symbol.value}.",
            "Send printable ASCII text, or ask for a QR code.",
        )
    try:
        made = zxingcpp.create_barcode(text, formats[symbol], **options)
    except (ValueError, RuntimeError) as error:
        raise PaperError(
            "paper.code-not-encodable",
            f"{text!r} can't be printed as {symbol.value}: {error}.",
            "Shorten the text or ask for a QR code.",
        ) from error
    # Where a GS1 element string needs FNC1 between elements (as 0x1D) is Zint's knowledge; the rest must be the text.
    content = made.bytes if symbol is Symbol.GS1_128 else text.encode()
    if symbol is Symbol.GS1_128 and content.replace(b"\x1d", b"") != re.sub(r"[()]", "", text).encode():
        raise PaperError(
            "paper.code-not-encodable",
            f"{text!r} is no GS1 element string.",
            "Write identifiers in brackets: (00)340123450000000017.",
        )
    return Encoded(symbol, _IDENT[symbol], content, _modules(made, symbol))


def _modules(made: object, symbol: Symbol) -> Image.Image:
    from PIL import Image

    grey = made.to_image(scale=1, add_quiet_zones=False)  # type: ignore[attr-defined]  # zxing-cpp has no types
    height, width = grey.shape
    image = Image.frombytes("L", (width, height), bytes(memoryview(grey).cast("B")))
    image = image.crop((0, 0, width, 1)) if symbol in LINEAR else image
    return image.point(lambda value: 255 if value > 127 else 0).convert("1", dither=Image.Dither.NONE)
