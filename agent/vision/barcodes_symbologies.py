"""The symbologies that can be asked for, by the names that `--formats` and the answers use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ITF14 = "ITF14"
RETAIL = frozenset({"EAN13", "EAN8", "UPCA", "UPCE"})
LINEAR = RETAIL | {"Code128", "Code39", "Code93", "Codabar", "ITF", ITF14}
MATRIX = frozenset({"QRCode", "DataMatrix", "PDF417"})
EVERY = LINEAR | MATRIX
DEFAULT = frozenset({"Code128", "Code39", "EAN13", "EAN8", "UPCA", ITF14, "QRCode", "DataMatrix", "PDF417"})
"""What a station reads unless it is told otherwise.

UPC-E, Codabar and short ITF are left out: pieces of other codes read as them. `ITF14` is ITF of exactly 14 digits
with a right check digit; `ITF` takes any length.
"""

_ALIASES = {"qr": "QRCode", "qrcode": "QRCode", "gs1128": "Code128", "gs1datamatrix": "DataMatrix"}


def formats_from_names(names: Iterable[str]) -> frozenset[str]:
    """Return the symbologies with these names, however they are spelled (`EAN-13`, `ean13`, `Code 128`).

    Raises ValueError that lists every unknown name and all the known ones.

    >>> sorted(formats_from_names(["EAN-13", "code 128"]))
    ['Code128', 'EAN13']
    """
    known = {name.lower(): name for name in EVERY} | _ALIASES
    found = {name: known.get("".join(c for c in name.lower() if c.isalnum())) for name in names}
    unknown = sorted(name for name, symbology in found.items() if symbology is None)
    if unknown:
        raise ValueError(f"no such symbology: {', '.join(unknown)}; known are {', '.join(sorted(EVERY))}")
    return frozenset(symbology for symbology in found.values() if symbology is not None)
