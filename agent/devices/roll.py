"""How much roll is left: counted from what printed, against a length that is learned at each end of a roll.

A QL does not know how much it has. A new roll of a kind is taken to be as long as the last one turned out to be, or
as its maker says. Pure: the caller keeps the book and feeds it facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDLESS_MM = 30_480.0  # 100 ft: Brother's DK-222xx rolls
# Labels on a full roll of Brother's DK-11xxx/DK-12xx series, gap of 3 mm between two.
_LABELS = {
    "17x54": 400, "17x87": 300, "23x23": 1000, "29x42": 800, "29x90": 400, "39x90": 400, "39x48": 1000, "52x29": 1000,
    "62x29": 800, "62x100": 300, "102x51": 600, "102x152": 200, "103x164": 180, "d12": 1200, "d24": 1000, "d58": 400,
}  # fmt: skip
_GAP_MM = 3.0
_LONG_ENOUGH = 0.2  # a roll that ends before this share of its kind's length was not new: it teaches nothing


@dataclass(frozen=True, slots=True)
class Roll:
    """One kind of roll: millimetres on a full one, millimetres used of the one in hand.

    `known` is false until a new roll was seen to go in: then what is left is only an upper bound.
    """

    full_mm: float
    used_mm: float = 0.0
    known: bool = False
    learned: bool = False

    @property
    def left_mm(self) -> float:
        """Millimetres left, never below 0."""
        return max(0.0, self.full_mm - self.used_mm)

    def labels_left(self, page_mm: float) -> int:
        """Pages of this length that still fit."""
        return int(self.left_mm // page_mm) if page_mm > 0 else 0


def full_mm(media: str) -> float:
    """Length of a full roll of this kind, as its maker says."""
    if media in _LABELS:
        length = float(media.rpartition("x")[2]) if "x" in media else float(media[1:])
        return _LABELS[media] * (length + _GAP_MM)
    return _ENDLESS_MM / 2 if media.endswith("red") else _ENDLESS_MM


@dataclass(frozen=True, slots=True)
class RollBook:
    """What one printer knows of its rolls, one entry a kind; `media` is the kind that is in."""

    media: str = ""
    rolls: Mapping[str, Roll] = field(default_factory=dict)
    ended: bool = False  # the roll ended; the next that is seen is a new one

    @property
    def roll(self) -> Roll | None:
        """The roll that is in; None when none was seen."""
        return self.rolls.get(self.media)

    def seen(self, media: str) -> RollBook:
        """The printer says which kind is in (`""`: none, or hidden by the open cover)."""
        if not media:
            return self
        roll = self.rolls.get(media) or Roll(full_mm(media))
        return self._put(media, replace(roll, used_mm=0.0, known=True) if self.ended else roll, ended=False)

    def printed(self, page_mm: float) -> RollBook:
        """A page took so much roll."""
        if self.roll is None:
            return self
        return self._put(self.media, replace(self.roll, used_mm=self.roll.used_mm + page_mm), ended=self.ended)

    def ran_out(self) -> RollBook:
        """The printer said that the roll is at its end: learn from a roll that was new, and expect another one."""
        roll = self.roll
        if roll is None or self.ended:
            return replace(self, ended=True)
        if roll.known and roll.used_mm > _LONG_ENOUGH * full_mm(self.media):
            roll = replace(roll, full_mm=roll.used_mm, learned=True)
        return self._put(self.media, replace(roll, used_mm=roll.full_mm), ended=True)

    def replaced(self) -> RollBook:
        """A person says that a new roll is in."""
        return replace(self, ended=True).seen(self.media)

    def as_json(self) -> dict[str, object]:
        """The book as plain values, for the store."""
        rolls = {
            media: {"full_mm": roll.full_mm, "used_mm": roll.used_mm, "known": roll.known, "learned": roll.learned}
            for media, roll in self.rolls.items()
        }
        return {"media": self.media, "ended": self.ended, "rolls": rolls}

    @classmethod
    def from_json(cls, kept: Mapping[str, object]) -> RollBook:
        """The book that as_json made. Raises ValueError, KeyError or TypeError for anything else."""
        media, ended, rolls = kept["media"], kept["ended"], kept["rolls"]
        if not isinstance(media, str) or not isinstance(ended, bool) or not isinstance(rolls, dict):
            raise TypeError("no roll book")
        return cls(media, {str(kind): Roll(**roll) for kind, roll in rolls.items()}, ended)

    def _put(self, media: str, roll: Roll, *, ended: bool) -> RollBook:
        return RollBook(media, {**self.rolls, media: roll}, ended)


def page_mm(job: bytes) -> float:
    """Roll that the pages of a raster job take. Raises raster.RasterError."""
    from agent.devices import raster

    return sum(page.length_mm + (_GAP_MM if page.header.length_mm else 0.0) for page in raster.decode(job))
