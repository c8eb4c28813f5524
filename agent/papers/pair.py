"""Pair codes: four characters that say which slip and which label belong together."""

from __future__ import annotations

import hashlib

# No 0 O, 1 I L, S 5, B 8, U: read aloud and from afar without doubt. No 9, M, W: upside down they would be 6, W, M.
ALPHABET = "23467ACDEFGHJKNPQRTVXYZ"
LENGTH = 4


def pair_code(parcel: str) -> str:
    """Return the pair code of a parcel: the same for its slip, its label and every reprint.

    23 characters to the power of 4 are 279,841 codes, spread by SHA-256; two parcels on one bench share a code once
    in 280,000 pairs, so a batch asks `pair_codes`.

    >>> pair_code("J-1/1") == pair_code("J-1/1") != pair_code("J-1/2")
    True
    """
    return _nth(parcel, 0)


def pair_codes(parcels: list[str]) -> dict[str, str]:
    """Return a pair code for each parcel of a batch, no two alike."""
    taken: dict[str, str] = {}
    for parcel in parcels:
        attempt = 0
        while (code := _nth(parcel, attempt)) in taken.values():
            attempt += 1
        taken[parcel] = code
    return taken


def _nth(parcel: str, attempt: int) -> str:
    number = int.from_bytes(hashlib.sha256(f"{parcel}#{attempt}".encode()).digest()[:8], "big")
    code = ""
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        code += ALPHABET[digit]
    return code
