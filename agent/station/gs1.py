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

    The digit beside the check digit weighs 3, the next 1, and so on to the left. Raises ValueError for other
    characters.

    >>> check_digit("590123412345")
    7
    """
    if not is_digits(digits):
        raise ValueError("a GS1 check digit is computed from digits only")
    return -(3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))) % 10


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
    '340123450000000017'
    """
    width = 16 - len(company_prefix)
    if not (0 <= extension <= 9 and is_digits(company_prefix) and 0 <= serial < 10 ** max(0, width)):
        raise ValueError(f"extension {extension}, prefix {company_prefix!r} and serial {serial} make no 17 digits")
    digits = f"{extension}{company_prefix}{serial:0{width}d}"
    return digits + str(check_digit(digits))


def sscc_of(text: str) -> str | None:
    """Return the SSCC inside `text` (18 digits, or an element string that begins with 00), or None if it is not right.

    >>> sscc_of("00340123450000000017")
    '340123450000000017'
    """
    digits = text[2:20] if text.startswith("00") and len(text) >= 20 else text
    return digits if len(digits) == 18 and has_check_digit(digits) else None


@dataclass(frozen=True, slots=True)
class Elements:
    """An element string taken apart: (identifier, value) pairs in their order, and why it stopped, or empty.

    `error` is `unknown_identifier`, `too_short`, `not_digits`, `check_digit` or `unparsed_rest`; `rest` is what could
    not be taken apart. The pairs before the trouble are kept: a scanner that drops separators still tells the GTIN.
    """

    pairs: tuple[tuple[str, str], ...]
    error: str = ""
    rest: str = ""

    def get(self, identifier: str) -> str | None:
        """Return the value of the first pair with this application identifier, or None."""
        return next((value for found, value in self.pairs if found == identifier), None)


def elements(text: str, *, separators: str = FNC1) -> Elements:
    """Return the parts of a GS1 element string, as plain text without symbology identifier and parentheses.

    `separators` are the characters that a scanner sends for FNC1; a site whose scanner sends `|` says so. A value
    without separator behind it takes all that its identifier allows, as the standard says: nothing is guessed.

    >>> elements("010703206980498815210526100329").pairs
    (('01', '07032069804988'), ('15', '210526'), ('10', '0329'))
    >>> elements("1022222222222222222222aaa")
    Elements(pairs=(('10', '22222222222222222222'),), error='unparsed_rest', rest='aaa')
    """
    pairs: list[tuple[str, str]] = []
    rest = text.lstrip(separators)
    while rest:
        kind = _kind_of(rest)
        if kind is None:
            return Elements(tuple(pairs), "unparsed_rest" if pairs else "unknown_identifier", rest)
        identifier, least, most, digits = kind
        body = rest[len(identifier):len(identifier) + most]
        end = min((body.find(mark) for mark in separators if mark in body), default=len(body))
        value = body[:end]
        error = _fault(identifier, value, least, digits=digits)
        if error:
            return Elements(tuple(pairs), error, rest)
        pairs.append((identifier, value))
        rest = rest[len(identifier) + len(value):].lstrip(separators)
    return Elements(tuple(pairs))


def symbology_identifier(text: str) -> tuple[str, str]:
    """Return the AIM symbology identifier that a scanner put in front (ISO/IEC 15424), or an empty text, and the rest.

    >>> symbology_identifier("]C100340123450000000017")
    (']C1', '00340123450000000017')
    """
    found = _IDENTIFIER.match(text)
    return (found[0], text[3:]) if found else ("", text)


GS1_IDENTIFIERS = frozenset({"]C1", "]e0", "]d2", "]Q3", "]J1"})
"""What GS1-128, DataBar, GS1 DataMatrix, GS1 QR and GS1 DotCode say of themselves."""

_IDENTIFIER = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_WITH_CHECK_DIGIT = frozenset({"00", "01", "02", "03", *(str(number) for number in range(410, 418)), "8017", "8018"})

# Application identifiers and formats as the General Specifications write them (section 3, figure 3.2-1): N digits, X
# any characters, a single number the exact length; `n` in an identifier is the digit that says the decimals. Formats of
# two parts (N13+X..17) are written as one.
_TABLE = """
00 N18       01-03 N14    10 X..20     11-13 N6     15-17 N6     20 N2        21-22 X..20  235 X..28    240-241 X..30
242 N..6     243 X..20    250-251 X..30  253 X13..30  254 X..20    255 N13..25  30 N..8      310n-316n N6 320n-337n N6
340n-357n N6 360n-369n N6 37 N..8      390n N..15   391n N4..18  392n N..15   393n N4..18  394n N4      395n N6
400-401 X..30  402 N17    403 X..30    410-417 N13  420 X..20    421 X4..12   422 N3       423 N3..15   424 N3
425 N3..15   426 N3       427 X..3     4300-4320 X..70  7001 N13  7002 X..30  7003 N10     7004 N..4    7005 X..12
7006 N6      7007 N6..12  8001 N14     8002 X..20   8003 X14..30 8004 X..30   8005 N6      8006 N18     8007 X..34
8008 N8..12  8010 X..30   8011 N..12   8012 X..20   8013 X..25   8017-8018 N18  8019 N..10  8020 X..25  8110 X..70
8200 X..70   90 X..30     91-99 X..90
"""


def _kinds() -> dict[str, tuple[str, int, int, bool]]:
    """Identifier without its `n` to the identifier, least and most characters, and whether all are digits."""
    words = _TABLE.split()
    kinds = {}
    for identifiers, kind in zip(words[::2], words[1::2], strict=True):
        first, _, last = identifiers.replace("n", "").partition("-")
        least, dots, most = kind[1:].partition("..")
        decimals = "n" if "n" in identifiers else ""
        for number in range(int(first), int(last or first) + 1):
            plain = f"{number:0{len(first)}d}"
            kinds[plain] = (plain + decimals, int(least or 1), int(most if dots else least), kind[0] == "N")
    return kinds


_BY_IDENTIFIER = _kinds()


def _kind_of(text: str) -> tuple[str, int, int, bool] | None:
    """The identifier at the beginning of `text` with its least and most characters and whether they are digits."""
    for length in (2, 3, 4):
        pattern, least, most, digits = _BY_IDENTIFIER.get(text[:length], ("", 0, 0, False))
        whole = text[:len(pattern)]
        if pattern and len(whole) == len(pattern) and is_digits(whole):
            return whole, least, most, digits
    return None


def _fault(identifier: str, value: str, least: int, *, digits: bool) -> str:
    if len(value) < least:
        return "too_short"
    if digits and not is_digits(value):
        return "not_digits"
    if identifier in _WITH_CHECK_DIGIT and not has_check_digit(value):
        return "check_digit"
    return ""
