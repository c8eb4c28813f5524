"""GS1 keys and element strings by themselves: check digits, SSCC, GTIN-14, and application identifiers.

Sources: GS1 General Specifications, section 7.9 (check digit), section 3 (application identifiers), section 7.8
(element strings and FNC1). Nothing here needs a reader or a library: the station's rules and the papers use it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FNC1 = "\x1d"
"""How the separator FNC1 arrives inside a decoded text: the group separator, U+001D."""

_DIGITS = re.compile(r"[0-9]+")
_GTIN_LENGTHS = (8, 12, 13, 14)


def is_digits(text: str) -> bool:
    """Return whether `text` is one or more of the digits 0 to 9 and nothing else (no other script's digits).

    >>> is_digits("0123"), is_digits(""), is_digits("١٢٣")
    (True, False, False)
    """
    return _DIGITS.fullmatch(text) is not None


def check_digit(digits: str) -> int:
    """Return the GS1 mod 10 check digit that belongs behind `digits` (General Specifications, 7.9.1).

    The digit beside the check digit weighs 3, the next 1, and so on to the left. Raises ValueError for other characters.

    >>> check_digit("590123412345")
    7
    """
    if not is_digits(digits):
        raise ValueError("a GS1 check digit is computed from digits only")
    return -sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits))) % 10


def has_check_digit(digits: str) -> bool:
    """Return whether the last digit is the GS1 check digit of those before it.

    >>> has_check_digit("5901234123457"), has_check_digit("5901234123458"), has_check_digit("7")
    (True, False, False)
    """
    return len(digits) > 1 and is_digits(digits) and check_digit(digits[:-1]) == int(digits[-1])


def gtin14(text: str) -> str | None:
    """Return a GTIN-8, -12, -13 or -14 as 14 digits, or None when `text` is none of them.

    UPC-A 012345678905 and EAN-13 0012345678905 are the same number; so are a GTIN-13 and its 14-digit form.

    >>> gtin14("012345678905") == gtin14("0012345678905") == "00012345678905"
    True
    """
    return text.zfill(14) if len(text) in _GTIN_LENGTHS and has_check_digit(text) else None


def upca_from_upce(text: str) -> str | None:
    """Return the 12-digit UPC-A of an 8-digit UPC-E (General Specifications, 5.2.2.4.2), or None.

    The first digit is the number system, the last one the check digit, and the seventh says which zeros were left out.

    >>> upca_from_upce("04252614")
    '042100005264'
    """
    if len(text) != 8 or not is_digits(text) or text[0] not in "01":
        return None
    system, body, last = text[0], text[1:7], text[7]
    match body[5]:
        case "0" | "1" | "2":
            digits = system + body[:2] + body[5] + "0000" + body[2:5]
        case "3":
            digits = system + body[:3] + "00000" + body[3:5]
        case "4":
            digits = system + body[:4] + "00000" + body[4]
        case _:
            digits = system + body[:5] + "0000" + body[5]
    return digits + last if has_check_digit(digits + last) else None


def sscc(extension: int, company_prefix: str, serial: int) -> str:
    """Return an 18-digit SSCC: extension digit, company prefix, serial number filled with zeros, check digit.

    Raises ValueError when the numbers do not fit into 17 digits.

    >>> sscc(3, "4012345", 1)
    '340123450000000018'
    """
    width = 16 - len(company_prefix)
    if not (0 <= extension <= 9 and is_digits(company_prefix) and 0 <= serial < 10 ** max(0, width)):
        raise ValueError(f"extension {extension}, prefix {company_prefix!r} and serial {serial} make no 17 digits")
    digits = f"{extension}{company_prefix}{serial:0{width}d}"
    return digits + str(check_digit(digits))


def sscc_of(text: str) -> str | None:
    """Return the SSCC inside `text` (18 digits, or an element string that begins with 00), or None if it is not right.

    >>> sscc_of("00340123450000000018")
    '340123450000000018'
    """
    digits = text[2:20] if text.startswith("00") and len(text) >= 20 else text
    return digits if len(digits) == 18 and has_check_digit(digits) else None


@dataclass(frozen=True, slots=True)
class Elements:
    """An element string taken apart: (identifier, value) pairs in their order, and why it stopped, or empty.

    `error` is `unknown-identifier`, `too-short`, `not-digits`, `check-digit` or `unparsed-rest`; `rest` is what could not be
    taken apart. The pairs before the trouble are kept: a scanner that drops separators still tells the GTIN.
    """

    pairs: tuple[tuple[str, str], ...]
    error: str = ""
    rest: str = ""

    def get(self, identifier: str) -> str | None:
        """Return the value of the first pair with this application identifier, or None."""
        return next((value for found, value in self.pairs if found == identifier), None)
