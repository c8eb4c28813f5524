"""Repeatable chance: a small generator of our own, so that a seed means the same search on every Python version."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

MODULUS = 2147483647.0
MULTIPLIER = 48271.0


class Chance:
    """Random numbers from a text: the same text, the same numbers.

    Park and Miller's minimal standard generator (1993 multiplier), whose products are exact in a double and
    therefore quick; seeded by 32-bit FNV-1a.
    """

    def __init__(self, seed: str) -> None:
        state = 0x811C9DC5
        for byte in seed.encode():
            state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
        self._state = float(state % 2147483646 + 1)
        for _ in range(4):
            self.unit()

    def unit(self) -> float:
        """Return a number from 0 up to 1."""
        self._state = state = self._state * MULTIPLIER % MODULUS
        return state / MODULUS

    def units(self, count: int) -> list[float]:
        """Return `count` numbers from 0 up to 1."""
        state = self._state
        drawn = []
        for _ in range(count):
            state = state * MULTIPLIER % MODULUS
            drawn.append(state / MODULUS)
        self._state = state
        return drawn

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def under(self, share: float) -> bool:
        return self.unit() < share

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.unit() * len(choices))]

    def weighted(self, weights: Sequence[float]) -> int:
        """Return the index of one weight, each as likely as its share of the sum."""
        left = self.unit() * sum(weights)
        for at, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return at
        return len(weights) - 1
