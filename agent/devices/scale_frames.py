"""What weighing instruments send, decoded: one function a dialect, bytes or text in, a `Reading` out.

A scale's own marks are used as they come: stable, moving, overload, net. What a frame does not say is None and never
guessed. Sources: the makers' interface manuals as quoted beside each dialect, and what was seen on devices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

GRAMS = {"g": Decimal(1), "kg": Decimal(1000), "mg": Decimal("0.001"), "t": Decimal(1_000_000),
         "lb": Decimal("453.59237"), "oz": Decimal("28.349523125"), "gn": Decimal("0.06479891"), "ct": Decimal("0.2")}
"""Exact grams of each unit (international pound, 1959)."""

Error = Literal["overload", "underload", "under_zero", "in_motion", "busy", "not_executable", "syntax", "transmission",
                "logic", "checksum", "ambiguous", "fault", "needs_calibration", "needs_zero", "outside_zero",
                "no_data", "other_report", "not_a_scale_report", "unreadable"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer of an instrument. `value` is in `unit`, with the digits that the instrument sent.

    `stable`, `mode` and `zero` are None where the frame does not say; with an `error` there is no value.
    """

    value: Decimal | None = None
    unit: str | None = None
    stable: bool | None = None
    mode: Literal["gross", "net"] | None = None
    error: Error | None = None
    zero: bool | None = None

    @property
    def grams(self) -> float | None:
        """The value in grams; None without a value or a unit."""
        if self.value is None or self.unit is None:
            return None
        return float(self.value * GRAMS[self.unit])

    @property
    def resolution_g(self) -> float | None:
        """Grams of the last digit that was sent; None without a value or a unit."""
        if self.value is None or self.unit is None:
            return None
        exponent = self.value.as_tuple().exponent
        return float(Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0) * GRAMS[self.unit])


UNREADABLE = Reading(error="unreadable")
_NUMBER = r"([+-]?)\s*(\d+\.?\d*|\.\d+)"
_UNIT = r"(kg|mg|lb|oz|gn|ct|g|t)?"


def _value(sign: str, digits: str) -> Decimal:
    number = Decimal(digits)
    return -number if sign == "-" else number


def _unit(text: str | None) -> str | None:
    return text.lower() if text else None


def sics(line: str) -> Reading:
    """MT-SICS (Mettler Toledo level 0 and 1): `S S     12.340 kg`, `S D`, `S I`, `S +`, `S -`, ES, ET, EL.

    >>> sics("S S    -0.0082 g").value
    Decimal('-0.0082')
    """
    text = line.strip()
    errors: dict[str, Error] = {"ES": "syntax", "ET": "transmission", "EL": "logic", "S I": "not_executable",
                                "S +": "overload", "S -": "underload"}
    if text in errors:
        return Reading(error=errors[text])
    pounds = re.fullmatch(r"S ([SD])\s+(-?)(\d+):(\d+\.?\d*)\s*lb:oz", text)
    if pounds:
        ounces = Decimal(pounds[3]) * 16 + Decimal(pounds[4])
        grams = (ounces * GRAMS["oz"]).quantize(Decimal("0.01"))
        return Reading(-grams if pounds[2] else grams, "g", stable=pounds[1] == "S")
    found = re.fullmatch(rf"S ([SD])\s+{_NUMBER}\s*{_UNIT}", text, re.IGNORECASE)
    if not found:
        return UNREADABLE
    return Reading(_value(found[2], found[3]), _unit(found[4]), stable=found[1] == "S")


def comma(line: str) -> Reading:
    """A&D and CAS: `ST,+00123.45  g`, `US,NT,   1.500 kg`, `ST,GS,+  4.876kg`; OL is overload, QT a count.

    CAS's 22 byte frame has two bytes more, an identity and a lamp byte; they are passed over.
    """
    fields = line.split(",")
    head = fields[0].strip().upper()
    if head == "OL":
        return Reading(error="overload")
    found = re.fullmatch(rf"\s*{_NUMBER}\s*{_UNIT}\s*", fields[-1], re.IGNORECASE)
    if head not in {"ST", "US"} or not found:
        return UNREADABLE
    modes: dict[str, Literal["gross", "net"]] = {"GS": "gross", "NT": "net"}
    mode = modes.get(fields[1].strip().upper()) if len(fields) > 2 else None
    return Reading(_value(found[1], found[2]), _unit(found[3]), stable=head == "ST", mode=mode)


def toledo8217(frame: str) -> Reading:
    """Mettler Toledo 8217, between STX and CR: `000.500N` is a weight (N: net), `?A` a status byte.

    Status bits: 1 motion, 2 over capacity, 4 under zero, 8 outside the zero range, 10h centre of zero, 20h net. A
    weight is sent only when it is stable.
    """
    if frame.startswith("?") and len(frame) >= 2:
        status = ord(frame[1])
        reading = Reading(mode="net" if status & 0x20 else None)
        if status & 1:
            return replace(reading, stable=False, error="in_motion")
        errors: dict[int, Error] = {2: "overload", 4: "under_zero", 8: "outside_zero"}
        return replace(reading, error=next((error for bit, error in errors.items() if status & bit), None))
    found = re.fullmatch(rf"\s*{_NUMBER}\s*(N?)\s*{_UNIT}\s*", frame)
    if not found:
        return UNREADABLE
    return Reading(_value(found[1], found[2]), _unit(found[4]), stable=True, mode="net" if found[3] else None)


def yaohua(frame: str) -> Reading:
    """Yaohua XK3190 in continuous mode, between STX and ETX: sign, six digits, decimals, exclusive-or in hex."""
    found = re.fullmatch(r"([+-])(\d{6})([0-4])([0-9A-F]{2})", frame)
    if not found:
        return UNREADABLE
    if reduce(xor, frame[:8].encode("ascii")) != int(found[4], 16):
        return Reading(error="checksum")
    return Reading(_value(found[1], found[2]).scaleb(-int(found[3])))


def equals_reversed(frame: str) -> Reading:
    """Yaohua's `=` mode: the digits come last first.

    >>> equals_reversed("0053.21").value
    Decimal('12.3500')
    """
    return equals_straight(frame[::-1])


def equals_straight(frame: str) -> Reading:
    """The `=` mode of other instruments: the digits come first first."""
    found = re.fullmatch(_NUMBER, frame.strip())
    return Reading(_value(found[1], found[2])) if found else UNREADABLE


def equals(frame: str) -> Reading:
    """An `=` frame of an instrument whose order nobody has set: both orders occur, so no reading is safe."""
    return Reading(error="ambiguous") if re.fullmatch(r"[\d.+ -]+", frame) else UNREADABLE


def rinstrum(line: str) -> Reading:
    """Rinstrum R300: digits, G or N glued on, then flags (S or M, Z) and a unit, as the format has them."""
    found = re.fullmatch(rf"\s*{_NUMBER}([GN])([A-Z]*)(?:\s+([A-Z-]+))?(?:\s+{_UNIT})?\s*", line)
    if not found:
        return UNREADABLE
    flags = found[4] + (found[5] or "")
    stable = True if "S" in flags else False if "M" in flags else None
    return Reading(_value(found[1], found[2]), _unit(found[6]), stable, "gross" if found[3] == "G" else "net",
                   zero=True if "Z" in flags else None)


def prefixed(line: str) -> Reading:
    """`wn001.171kg`: w, then n for net or g for gross, zeros in front."""
    found = re.fullmatch(rf"\s*w([ng]){_NUMBER}\s*{_UNIT}\s*", line)
    if not found:
        return UNREADABLE
    return Reading(_value(found[2], found[3]), _unit(found[4]), mode="net" if found[1] == "n" else "gross")


def balance(line: str) -> Reading:
    """Laboratory balances (G&G, Kern, Sartorius, Ohaus): sign, blanks, digits, unit; `?` while moving.

    On this family a value without its unit is a value that moves. Dashes alone mean busy, tildes too heavy.

    >>> balance("-  450.38 GN").value
    Decimal('-450.38')
    """
    text = line.strip()
    if text and set(text) <= {"-"}:
        return Reading(error="busy")
    heavy = re.fullmatch(rf"[+ ]*[~^H]{{2,}}\s*{_UNIT}", text, re.IGNORECASE)
    if heavy:
        return Reading(unit=_unit(heavy[1]), error="overload")
    found = re.fullmatch(rf"{_NUMBER}\s*{_UNIT}\s*(\??)", text, re.IGNORECASE)
    if not found:
        return UNREADABLE
    moving = bool(found[4]) or found[3] is None
    return Reading(_value(found[1], found[2]), _unit(found[3]), stable=False if moving else None)


def lettered(frame: str) -> Reading:
    """Between STX and ETX: a letter for the status, then the value; the unit is a setting."""
    found = re.fullmatch(rf"[A-Za-z]?\s*{_NUMBER}\s*{_UNIT}\s*", frame)
    return Reading(_value(found[1], found[2]), _unit(found[3])) if found else UNREADABLE


def by_pattern(pattern: re.Pattern[str]) -> Callable[[str], Reading]:
    """Return a decoder for an instrument that is described by a regular expression.

    Named groups: `value` (with its sign; blanks are taken out), and where they exist `unit`, `stable`, `moving`,
    `over`, `net`, `gross`: a flag counts when its group matched something.
    """
    def decode(line: str) -> Reading:
        found = pattern.search(line)
        if not found:
            return UNREADABLE
        groups = found.groupdict()
        if groups.get("over"):
            return Reading(error="overload")
        number = re.fullmatch(_NUMBER, re.sub(r"\s", "", groups.get("value") or ""))
        unit = _unit(groups.get("unit"))
        if not number or (unit is not None and unit not in GRAMS):
            return UNREADABLE
        stable = True if groups.get("stable") else False if groups.get("moving") else None
        return Reading(_value(number[1], number[2]), unit, stable,
                       "net" if groups.get("net") else "gross" if groups.get("gross") else None)
    return decode
