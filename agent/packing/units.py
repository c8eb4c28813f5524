"""The unit guard: a number enters only with its unit, and leaves as whole millimetres, grams or cents."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final, Literal

Kind = Literal["length", "weight", "money"]
Rounding = Literal["up", "down", "near"]

PER_UNIT: Final[dict[Kind, dict[str, Decimal]]] = {
    "length": {"mm": Decimal(1), "cm": Decimal(10), "m": Decimal(1000), "in": Decimal("25.4")},
    "weight": {"g": Decimal(1), "kg": Decimal(1000), "oz": Decimal("28.349523125"), "lb": Decimal("453.59237")},
    "money": {"cents": Decimal(1), "eur": Decimal(100), "usd": Decimal(100), "gbp": Decimal(100)},
}
"""Millimetres, grams or cents per unit (inch and pound: international yard and pound agreement of 1959)."""

_ROUND = {"up": ROUND_CEILING, "down": ROUND_FLOOR, "near": ROUND_HALF_EVEN}


class UnitError(ValueError):
    """A number without a unit, with two, or none at all. `code` is stable; the text is for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def column(name: str) -> tuple[str, str | None]:
    """Return a column's plain name and the unit in it, or None.

    >>> column("Weight (kg)")
    ('weight', 'kg')
    >>> column("inner_length_mm")
    ('inner_length', 'mm')
    >>> column("Length")
    ('length', None)
    """
    words = [word for word in re.split(r"[^a-z0-9]+", name.strip().lower()) if word]
    units = {unit for kind in PER_UNIT.values() for unit in kind}
    if len(words) > 1 and words[-1] in units:
        return "_".join(words[:-1]), words[-1]
    return "_".join(words), None


def amount(value: object, kind: Kind, unit: str | None, rounding: Rounding, what: str) -> int | None:
    """Return a quantity in whole mm, g or cents; None when it is absent, which is unknown.

    Raises UnitError for a number without unit or in a unit of another kind, for a text that is none, and for zero or
    less: an unknown value is left empty, never written as zero (money may be zero).
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = str(value).strip()
    if re.match(r"[0-9]{1,3},[0-9]{3}(?![0-9])", text):
        raise UnitError("unit.ambiguous", f"{what} is {text!r:.20}: is that comma for decimals or thousands? Use none.")
    text = text.replace(",", ".")
    written = re.fullmatch(r"([0-9.eE+-]+)\s*([A-Za-z]+)", text)
    if written:
        if unit is not None and unit != written[2].lower():
            raise UnitError("unit.mixed", f"{what} is given as {text!r} in a column of {unit}.")
        text, unit = written[1], written[2].lower()
    known = PER_UNIT[kind]
    if unit is None:
        raise UnitError("unit.missing", f"{what} has no unit: name the column {what}_{next(iter(known))} or the like.")
    if unit not in known:
        raise UnitError("unit.unknown", f"{what} is in {unit!r}, which is no unit of {kind}: use {', '.join(known)}.")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UnitError("unit.number", f"{what} is {text!r:.20}, which is no number.") from None
    if isinstance(value, bool) or not number.is_finite() or number < 0 or (number == 0 and kind != "money"):
        raise UnitError("unit.number", f"{what} is {text:.20}: leave it empty when it is unknown.")
    if number > 10_000_000:
        raise UnitError("unit.number", f"{what} is {text:.20} {unit}: far too much.")
    return int((number * known[unit]).to_integral_value(_ROUND[rounding]))
