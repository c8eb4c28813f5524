"""Reference masses: who they are, until when their certificates hold, and what may be calibrated with them."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec

from agent.devices import DeviceError
from calibration.scale import TOLERANCE_PPM, Mass, permitted_g

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SPEC = re.compile(r"(\d+(?:\.\d+)?)(g|kg)(?::([A-Z]\d))?")


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mass: its mark, nominal grams, OIML class, and its certificate with the day it is due again."""

    id: str
    nominal_g: float
    oiml_class: str = "M1"
    certificate: str = ""
    due: date | None = None

    @property
    def tolerance_g(self) -> float:
        """The class's maximum permissible error in grams (OIML R 111-1)."""
        return self.nominal_g * TOLERANCE_PPM[self.oiml_class] * 1e-6


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mass: tuple[Reference, ...]


def read_set(path: Path) -> list[Reference]:
    """Return the masses of a TOML file of `[[mass]]` tables. Raises DeviceError `calibration.bad-masses`."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).mass
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _bad(f"{path}: {error}") from error
    return _checked(list(found))


def from_words(words: Sequence[str]) -> list[Reference]:
    """Return masses that are named as `5kg:M1` or `500g`. Raises DeviceError `calibration.bad-masses`."""
    found: list[Reference] = []
    for i, word in enumerate(words):
        match = SPEC.fullmatch(word)
        if match is None:
            raise _bad(f"{word!r} is no mass")
        grams = float(match[1]) * (1000.0 if match[2] == "kg" else 1.0)
        found.append(Reference(id=f"{word} no. {i + 1}", nominal_g=grams, oiml_class=match[3] or "M1"))
    return _checked(found)


def refuse_unfit(masses: Sequence[Reference], *, max_g: float, e_g: float, today: date, override: str = "") -> None:
    """Raise DeviceError with the first reason why these masses can't calibrate this scale.

    An expired certificate can be overridden with a written reason; nothing else can.
    """
    if len(masses) < 2:
        raise DeviceError("calibration.few-masses", f"{len(masses)} mass.",
                          "Give at least two: one is kept to verify the result.")
    for mass in masses:
        if mass.nominal_g > max_g:
            raise DeviceError("calibration.above-capacity",
                              f"{mass.id} weighs {mass.nominal_g:g} g, the scale takes {max_g:g} g.",
                              "Leave it out, or check the capacity.")
        if mass.tolerance_g > permitted_g(mass.nominal_g, e_g) / 3.0:
            raise DeviceError("calibration.coarse-mass",
                              f"{mass.id} of class {mass.oiml_class} is known to {mass.tolerance_g:g} g only.",
                              "The standard must be three times better than the limit: take a better class.")
        if mass.due is not None and mass.due < today and not override:
            raise DeviceError("calibration.expired-mass", f"the certificate of {mass.id} ran out on {mass.due}.",
                              "Take another one, or give --override with the reason; it goes on the record.")


def stacks_of(masses: Sequence[Reference], max_g: float) -> tuple[tuple[Mass, ...], Mass]:
    """Return the stacks to calibrate with (at most five, ascending) and another one to verify with.

    Both come from all the sums that the set can make up to the capacity, with as few masses as can be; the tolerances
    of a stack add up. Raises DeviceError `calibration.few-masses`.
    """
    sums: dict[float, Mass] = {}
    for size in range(1, len(masses) + 1):
        for stack in combinations(masses, size):
            grams = sum(mass.nominal_g for mass in stack)
            if grams <= max_g and grams not in sums:
                sums[grams] = Mass(grams, sum(mass.tolerance_g for mass in stack), tuple(mass.id for mass in stack))
    loads = sorted(sums)
    if len(loads) < 3:
        raise DeviceError("calibration.few-masses", "these masses make fewer than three different loads.", "Add one.")
    top = loads[-1]
    verify = _nearest(loads[:-1], 0.6 * top)
    others = [grams for grams in loads if grams != verify]
    chosen = sorted({_nearest(others, share * top) for share in (1 / 6, 1 / 3, 1 / 2, 3 / 4, 1.0)})
    return tuple(sums[grams] for grams in chosen), sums[verify]


def _nearest(loads: Sequence[float], wanted_g: float) -> float:
    return min(loads, key=lambda grams: abs(grams - wanted_g))


def _checked(found: list[Reference]) -> list[Reference]:
    for mass in found:
        if mass.oiml_class not in TOLERANCE_PPM:
            raise _bad(f"{mass.id}: {mass.oiml_class} is no class of OIML R 111")
        if not 0.0 < mass.nominal_g <= 1e6:
            raise _bad(f"{mass.id}: {mass.nominal_g:g} g is no mass")
    if len(found) > 12:
        raise _bad(f"{len(found)} masses are more than a set of 12")
    return found


def _bad(detail: str) -> DeviceError:
    return DeviceError("calibration.bad-masses", f"{detail}.",
                       "Name masses as 5kg:M1, or give a file of [[mass]] tables.")
