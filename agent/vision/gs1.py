"""What a code says in GS1's language: element strings, check digits and dates, by biip.

biip accepts a message whose check digits are wrong and tells so in fields of their own; those are tested here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.station.gs1 import FNC1, GS1_IDENTIFIERS, elements, gtin14
from agent.vision.barcodes_symbologies import RETAIL

if TYPE_CHECKING:
    import biip

    from agent.vision.barcodes_acceptance import Code

LONGEST = 500
"""A GS1 symbol holds at most 48 (Code 128) to 4,296 characters (QR), an element string in logistics never this many."""


@dataclass(frozen=True, slots=True)
class Gs1:
    """The (identifier, value) pairs of a code in order, its GTIN-14 and SSCC if it has them, and what is wrong."""

    elements: tuple[tuple[str, str], ...]
    gtin: str | None
    sscc: str | None
    errors: tuple[str, ...]


def gs1_of(code: Code) -> Gs1 | None:
    """Return the GS1 content of a code, or None when it carries none.

    Carriers are codes whose symbology identifier says GS1, retail codes, and GS1 Digital Links in any QR or DataMatrix.
    """
    if code.symbology in RETAIL:
        number = gtin14(code.text)
        return Gs1((), number, None, () if number else ("the check digit of the GTIN is wrong",))
    text = code.raw.decode("utf-8", errors="replace")
    if text[:8].lower().startswith(("https://", "http://")):
        return _from_link(text)
    if code.identifier not in GS1_IDENTIFIERS:
        return None
    if len(text) > LONGEST:
        return Gs1((), None, None, (f"{len(text)} characters are too many for an element string",))
    return _from_message(code.identifier, text)


def _from_message(identifier: str, text: str) -> Gs1:
    import biip

    plain = elements(text)
    errors = [f"{plain.error.replace('_', ' ')} at {plain.rest[:40]!r}"] if plain.error else []
    try:
        parsed = biip.parse(identifier + text)
    except biip.ParseError as error:
        return Gs1(plain.pairs, None, None, (*errors, _one_line(error)))
    message = parsed.gs1_message
    if message is None:
        # biip gives up the whole message for one bad date; what can be taken apart is still worth showing.
        reason = _one_line(parsed.gs1_message_error or "")
        return Gs1(plain.pairs, plain.get("01"), plain.get("00"), (*errors, reason) if reason else tuple(errors))
    found = message.element_strings
    errors += [
        _one_line(error) for part in found for error in (part.sscc_error, part.gtin_error, part.gln_error) if error
    ]
    pairs = tuple((part.ai.ai, part.value) for part in found)
    return Gs1(pairs, _value(found, "01") or _value(found, "02"), _value(found, "00"), tuple(errors))


def _from_link(text: str) -> Gs1 | None:
    """A GS1 Digital Link (biip knows it in lower-case scheme and host only), or None for any other address."""
    import biip

    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    try:
        parsed = biip.parse(f"{scheme.lower()}://{host.lower()}{slash}{path}")
    except (biip.ParseError, ValueError):  # urllib's ValueError: an address that is none
        return None
    link = parsed.gs1_digital_link_uri
    if link is None:
        return None
    found = link.element_strings
    errors = tuple(_one_line(error) for part in found for error in (part.sscc_error, part.gtin_error) if error)
    return Gs1(tuple((part.ai.ai, part.value) for part in found), _value(found, "01"), _value(found, "00"), errors)


def _value(parts: list[biip.gs1_element_strings.GS1ElementString], identifier: str) -> str | None:
    """The value behind an identifier, unless its check digit is wrong."""
    return next(
        (part.value for part in parts if part.ai.ai == identifier and not (part.gtin_error or part.sscc_error)), None
    )


def _one_line(error: object) -> str:
    return " ".join(str(error).replace(FNC1, " ").split())[:200]
