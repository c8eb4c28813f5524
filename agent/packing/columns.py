"""Equal units in one carton: its floor is cut into rectangles, and on each of them layers are stacked.

For units of one kind a greedy fill often leaves a rim into which they would fit the other way round. Here the floor is
cut from wall to wall, again and again, wherever a row of units can end (normal patterns: Christofides and Whitlock
1977), or once into a pinwheel (Bischoff and Dowsland 1982), and each rectangle gets the layers that fill its height
best. Nothing is ever above another rectangle's units.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from agent.packing.join import supported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.packing.construct import Placed, Turn
    from agent.packing.model import Triple

MOST_ENDS = 40
"""Ends of rows along one edge; with more of them the units are small, and a greedy fill leaves little."""
MOST_WHEELS = 2_500
"""Pinwheels that are tried on one floor."""
MOST_LAYERS = 60
STATE_EFFORT, WHEEL_EFFORT = 60, 20
"""Effort (see `Hold`) of one rectangle, and of one pinwheel."""

Stack = tuple[tuple[int, int], ...]
"""Thicknesses (by index) and how many layers of each."""


class Columns:
    """The floor of one carton for one kind of unit. `effort` counts the work done."""

    def __init__(self, inner_mm: Triple, turns: Sequence[Turn], clearance_mm: int) -> None:
        length, width, height = inner_mm
        self._size = length, width
        self._turns = list(turns)
        self._thick = sorted({turn[3] + clearance_mm for turn in turns})
        self._clearance = clearance_mm
        self._ends = [_ends(length, {turn[1] for turn in turns}), _ends(width, {turn[2] for turn in turns})]
        self._stacks = _stacks(self._thick, height)
        self._best: dict[tuple[int, int], tuple[int, tuple[int, int] | None, Stack]] = {}
        self.effort = 0

    @property
    def worth_it(self) -> bool:
        """Say whether the units are large enough for this to find more than a greedy fill, in little time."""
        return bool(self._turns) and max(map(len, self._ends)) <= MOST_ENDS and len(self._stacks) <= MOST_LAYERS

    def fill(self, support_permille: int, most: int) -> list[Placed]:
        """Return at most so many units of the best cut found whose layers are supported, from the floor up."""
        placed = self._placed()[:most]
        if not supported(placed, support_permille):
            self._stacks = [stack for stack in self._stacks if len(stack) == 1]
            self._best.clear()
            placed = self._placed()[:most]
        return placed

    def _placed(self) -> list[Placed]:
        placed: list[Placed] = []
        for corner, size in self._pinwheel() or [((0, 0), self._size)]:
            self._set_down(size, corner, placed)
        return sorted(placed, key=lambda one: one[3])

    def _pinwheel(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Return the rectangles (corner, size) of the best pinwheel, if it holds more than cuts from wall to wall."""
        length, width = self._size
        along, across = self._ends
        most, found = self._most(self._size)[0], []
        if (len(along) * len(across)) ** 2 > 4 * MOST_WHEELS:
            return []
        for x1, y1 in product(along[1:], across[1:]):
            for x2, y2 in product(along[1:], across[1:]):
                if x2 >= x1 or y2 <= y1 or x1 >= length or y2 >= width:
                    continue
                parts = [((0, 0), (x1, y1)), ((x1, 0), (length - x1, y2)), ((x2, y2), (length - x2, width - y2)),
                         ((0, y1), (x2, width - y1)), ((x2, y1), (x1 - x2, y2 - y1))]
                self.effort += WHEEL_EFFORT
                count = sum(self._most(size)[0] for _, size in parts)
                if count > most:
                    most, found = count, parts
        return found

    def _layer(self, size: tuple[int, int], thick: int) -> tuple[int, Turn | None]:
        """Return how many units of one turn make a layer of this thickness, and the turn."""
        best: tuple[int, Turn | None] = 0, None
        for turn in self._turns:
            if turn[3] + self._clearance == self._thick[thick]:
                count = (size[0] // turn[1]) * (size[1] // turn[2])
                if count > best[0]:
                    best = count, turn
        return best

    def _most(self, size: tuple[int, int]) -> tuple[int, tuple[int, int] | None, Stack]:
        """Return how many units a rectangle takes, where it is cut (axis, place) or how it is stacked."""
        size = _floor(self._ends[0], size[0]), _floor(self._ends[1], size[1])
        known = self._best.get(size)
        if known is not None:
            return known
        self.effort += STATE_EFFORT
        layers = [self._layer(size, thick)[0] for thick in range(len(self._thick))]
        best: tuple[int, tuple[int, int] | None, Stack] = 0, None, ()
        for stack in self._stacks:
            count = sum(layers[thick] * times for thick, times in stack)
            if count > best[0]:
                best = count, None, stack
        for axis in (0, 1):
            for end in self._ends[axis]:
                if not 0 < end <= size[axis] // 2:
                    continue
                first, second = ((end, size[1]), (size[0] - end, size[1])) if axis == 0 else (
                    (size[0], end), (size[0], size[1] - end))
                count = self._most(first)[0] + self._most(second)[0]
                if count > best[0]:
                    best = count, (axis, end), ()
        self._best[size] = best
        return best

    def _set_down(self, size: tuple[int, int], corner: tuple[int, int], placed: list[Placed]) -> None:
        _, cut, stack = self._most(size)
        if cut is not None:
            axis, end = cut
            x, y = corner
            if axis == 0:
                self._set_down((end, size[1]), corner, placed)
                self._set_down((size[0] - end, size[1]), (x + end, y), placed)
            else:
                self._set_down((size[0], end), corner, placed)
                self._set_down((size[0], size[1] - end), (x, y + end), placed)
            return
        z = 0
        for thick, times in sorted(stack, key=lambda layer: -self._layer(size, layer[0])[0]):
            _, turn = self._layer(size, thick)
            if turn is None:
                continue
            _, cell_x, cell_y, high, long, wide = turn
            for _ in range(times):
                placed += [(0, corner[0] + column * cell_x, corner[1] + row * cell_y, z, long, wide, high)
                           for column, row in product(range(size[0] // cell_x), range(size[1] // cell_y))]
                z += high


def _ends(edge: int, steps: set[int]) -> list[int]:
    """Return where a row of these steps can end within an edge, 0 first; no more than are of use."""
    found = {0}
    for end in range(1, edge + 1):
        if any(end - step in found for step in steps):
            found.add(end)
            if len(found) > MOST_ENDS:
                break
    return sorted(found)


def _floor(ends: Sequence[int], size: int) -> int:
    return max(end for end in ends if end <= size)


def _stacks(thick: Sequence[int], height: int) -> list[Stack]:
    """Return the ways to fill a height with layers to which no other layer can be added."""
    ranges = [range(height // one + 1) for one in thick]
    found: list[Stack] = []
    for times in product(*ranges):
        left = height - sum(one * count for one, count in zip(thick, times, strict=True))
        if 0 <= left < min(thick, default=1):
            found.append(tuple((at, count) for at, count in enumerate(times) if count))
        if len(found) > MOST_LAYERS:
            break
    return found
