"""Fill one carton greedily, from above: the inner loop of the suggestion.

The free room is kept as the maximal rectangles of the height map: a space `(x, y, z, X, Y, dx, dy)` says that over
x..X and y..Y nothing stands higher than z. Items are only ever lowered into such a space, so that the order of
placing is an order in which a packer can pack, and nothing ever slides under an overhang. (Maximal spaces:
Lai and Chan 1997; the far-corner rule: Parreno et al. 2008, here measured to the corner that closes last.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.packing.model import NO_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

Space = tuple[int, int, int, int, int, int, int]
Turn = tuple[float, int, int, int, int, int]
"""One way to set an item down: weight of the choice, cell length, cell width, height, length, width (mm)."""
Contact = list[tuple[int, int]]
"""The items under an item: index in the placing order and contact area in mm2."""
Placed = tuple[int, int, int, int, int, int, int]
"""Kind, x, y, z, length, width, height of one unit."""

GAP_COST = 2.0
"""What a gap that nothing left to pack can use takes off a spot's score, per share of the space's edge."""
WORST = -1e30


class Load:
    """What one kind of item weighs on others and may carry, in mg, and the clearance of a layer of it in mm."""

    __slots__ = ("carries_mg", "clearance_mm", "smallest_mm", "weight_mg")

    def __init__(self, weight_g: int, max_load_g: int | None, clearance_mm: int, smallest_mm: int) -> None:
        self.weight_mg = weight_g * 1000
        self.carries_mg = NO_LIMIT if max_load_g is None else max_load_g * 1000
        self.clearance_mm = clearance_mm
        self.smallest_mm = smallest_mm


class Hold:
    """One carton while it is filled. Sizes in mm; `limits`: some item carries less than any load.

    `effort` counts the work done: one for each space tried with one turn (0.25 us on a server core), more for the
    rest.

    `cleared`: some item wants clearance. It widens the cell that an item takes; in height the clearances of a stack
    are kept free above it, so that items rest on each other at their true heights. `most_spaces`: only so many of
    the largest spaces are kept, for orders so big that time counts more than room.
    """

    __slots__ = (
        "_cleared", "_height", "_length", "_levels", "_limits", "_most_spaces", "_room", "_slack", "_support", "_under",
        "_width", "effort", "placed", "spaces")

    def __init__(self, inner_mm: tuple[int, int, int], support_permille: int, *, limits: bool, cleared: bool,
                 most_spaces: int = 1 << 30) -> None:
        self._length, self._width, self._height = inner_mm
        self._support = support_permille
        self._limits = limits
        self._cleared = cleared
        self._most_spaces = most_spaces
        self.spaces: list[Space] = [(0, 0, 0, self._length, self._width, self._length, self._width)]
        self.placed: list[Placed] = []
        self.effort = 0
        self._levels: dict[int, list[tuple[int, int, int, int, int]]] = {}
        self._room: list[int] = []
        self._slack: list[int] = []
        self._under: list[Contact] = []

    def put(self, kind: int, count: int, load: Load, turns: Sequence[Turn], axes: Sequence[int] | None,
            rest_mm: int) -> int:
        """Place one unit, or a block of up to `count` grown along `axes` in turn; return how many, 0 if none fits.

        `rest_mm` is the smallest edge among the items still to come: narrower spaces are dropped.
        """
        spot = self._best_spot(load, turns, min(rest_mm, load.smallest_mm) if count > 1 else rest_mm)
        if spot is None:
            return 0
        space, x, y, z, turn, contact = spot
        _, cell_x, cell_y, high, long, wide = turn
        nx = ny = nz = 1
        if axes is not None and count > 1:
            nx, ny, nz = self._block(space, spot, count, load, axes)
        top = z + high * nz
        for column in range(nx * ny):
            cx, cy = x + column // ny * cell_x, y + column % ny * cell_y
            for layer in range(nz):
                self._rest(load, contact if layer == 0 else [(len(self.placed) - 1, long * wide)])
                self.placed.append((kind, cx, cy, z + layer * high, long, wide, high))
            level = self._levels.get(top)
            entry = (cx, cy, cx + long, cy + wide, len(self.placed) - 1)
            if level is None:
                self._levels[top] = [entry]
            else:
                level.append(entry)
        done = nx * ny * nz
        smallest = min(rest_mm, load.smallest_mm) if count > done else rest_mm
        self._split(x, y, x + cell_x * nx, y + cell_y * ny, top, smallest)
        return done

    def _best_spot(self, load: Load, turns: Sequence[Turn], small: int,
                   ) -> tuple[Space, int, int, int, Turn, Contact] | None:
        """Return the spot with the longest diagonal from the item's far corner to the carton's, less useless gaps."""
        length, width, height = self._length, self._width, self._height
        best = WORST
        found: tuple[Space, int, int, int, Turn, Contact] | None = None
        self.effort += len(self.spaces) * (len(turns) + 3) + 30
        for space in self.spaces:
            x, y, z, _, _, dx, dy = space
            right, front, above = length - x, width - y, height - z
            for turn in turns:
                weight, a, b, c, _, _ = turn
                if a <= dx and b <= dy and c <= above:
                    fx = right - a
                    fy = front - b
                    fz = above - c
                    score = weight * (fx * fx + fy * fy + fz * fz)
                    gap = dx - a
                    if 0 < gap < small:
                        score -= score * GAP_COST * gap / dx
                    gap = dy - b
                    if 0 < gap < small:
                        score -= score * GAP_COST * gap / dy
                    if 0 < fz < small:
                        score -= score * GAP_COST * fz / above
                    if score > best:
                        if z == 0:
                            best = score
                            found = (space, x, y, z, turn, [])
                        else:
                            rested = self._rested(space, turn, load)
                            if rested is not None:
                                best = score
                                found = rested
        return found

    def _rested(self, space: Space, turn: Turn, load: Load,
                ) -> tuple[Space, int, int, int, Turn, Contact] | None:
        """Return the spot in a raised space where the item rests on enough of what is below, or None.

        The space's own corner is tried first, then the item is slid over the items that it would stand on.
        """
        left, back, z, right, front, _, _ = space
        _, cell_x, cell_y, high, long, wide = turn
        self.effort += 20
        level = self._levels.get(z)
        if level is None:
            return None
        touching = [entry for entry in level
                    if entry[0] < right and left < entry[2] and entry[1] < front and back < entry[3]]
        if not touching:
            return None
        x, y = left, back
        for slid in (False, True):
            if slid:
                x = min(max(left, min([entry[0] for entry in touching])), right - cell_x)
                y = min(max(back, min([entry[1] for entry in touching])), front - cell_y)
                if x == left and y == back:
                    return None
            far_x, far_y = x + long, y + wide
            area = 0
            contact: Contact = []
            for ix, iy, ex, ey, index in touching:
                if ix < far_x and x < ex and iy < far_y and y < ey:
                    part = (
                        ((ex if ex < far_x else far_x) - (ix if ix > x else x))  # noqa: FURB136 (min() and max() cost a call each)
                        * ((ey if ey < far_y else far_y) - (iy if iy > y else y)))  # noqa: FURB136 (as above)
                    area += part
                    contact.append((index, part))
            if area * 1000 < self._support * long * wide:
                continue
            if self._cleared and z + high + self._slack_on(contact) + load.clearance_mm > self._height:
                continue
            if not self._limits or self._bears(contact, area, load.weight_mg):
                return space, x, y, z, turn, contact
        return None

    def _slack_on(self, contact: Contact) -> int:
        return max((self._slack[index] for index, _ in contact), default=0)

    def _bears(self, contact: Contact, area: int, weight_mg: int) -> bool:
        """Say whether everything below can carry `weight_mg`, passed down by contact area and rounded up."""
        room, under = self._room, self._under
        for index, part in contact:
            share = -(-weight_mg * part // area)
            if room[index] < share or room[index] == 0:
                return False
            below = under[index]
            if below and not self._bears(below, sum(p for _, p in below), share):
                return False
        return True

    def _rest(self, load: Load, contact: Contact) -> None:
        """Record what the next unit rests on and take its weight off what those below may still carry."""
        if self._cleared:
            self._slack.append(self._slack_on(contact) + load.clearance_mm)
        if self._limits:
            self._room.append(load.carries_mg)
            self._under.append(contact)
            if contact:
                self._press(contact, load.weight_mg)

    def _press(self, contact: Contact, weight_mg: int) -> None:
        area = sum(part for _, part in contact)
        for index, part in contact:
            share = -(-weight_mg * part // area)
            self._room[index] -= share
            if self._under[index]:
                self._press(self._under[index], share)

    def _block(self, space: Space, spot: tuple[Space, int, int, int, Turn, Contact], count: int, load: Load,
               axes: Sequence[int]) -> Sequence[int]:
        """Return how many equal units go side by side, in depth and on top of each other from this spot."""
        _, x, y, z, turn, contact = spot
        _, cell_x, cell_y, high, _, _ = turn
        high += load.clearance_mm
        above = self._height - z - (self._slack_on(contact) if self._cleared else 0)
        most = [(space[3] - x) // cell_x, (space[4] - y) // cell_y, above // high]
        if load.carries_mg < NO_LIMIT:
            most[2] = min(most[2], 1 + load.carries_mg // load.weight_mg) if load.weight_mg and load.carries_mg else 1
        if z > 0:
            most[0] = most[1] = 1
            if self._limits:
                most[2] = 1
        grown = [1, 1, 1]
        total = 1
        for axis in axes:
            grown[axis] = max(1, min(most[axis], count // total))
            total *= grown[axis]
        return grown

    def _split(self, x: int, y: int, far_x: int, far_y: int, top: int, smallest_mm: int) -> None:
        """Take the box x..far_x, y..far_y, up to `top`, out of the spaces and keep the maximal ones.

        A new space touches one face of the box, and only spaces that touch the same face can contain it.
        """
        keep: list[Space] = []
        east: list[Space] = []
        west: list[Space] = []
        front: list[Space] = []
        back: list[Space] = []
        over: list[Space] = []
        room_over = self._height - top >= smallest_mm
        for space in self.spaces:
            sx, sy, sz, ex, ey, dx, dy = space
            if sx < far_x and x < ex and sy < far_y and y < ey and sz < top:
                if ex - far_x >= smallest_mm:
                    east.append((far_x, sy, sz, ex, ey, ex - far_x, dy))
                if x - sx >= smallest_mm:
                    west.append((sx, sy, sz, x, ey, x - sx, dy))
                if ey - far_y >= smallest_mm:
                    front.append((sx, far_y, sz, ex, ey, dx, ey - far_y))
                if y - sy >= smallest_mm:
                    back.append((sx, sy, sz, ex, y, dx, y - sy))
                if room_over:
                    over.append((sx, sy, top, ex, ey, dx, dy))
            else:
                keep.append(space)
        made: list[Space] = []
        for face, edge, new in ((0, far_x, east), (3, x, west), (1, far_y, front), (4, y, back), (2, top, over)):
            if new:
                _add_maximal(new, [space for space in keep if space[face] == edge], made)
        self.spaces = keep + made
        if len(self.spaces) > self._most_spaces:
            height = self._height
            self.spaces.sort(key=lambda space: space[5] * space[6] * (space[2] - height))
            del self.spaces[self._most_spaces:]


def _add_maximal(new: list[Space], old: list[Space], made: list[Space]) -> None:
    """Append to `made` those of `new` that lie inside no other of `new` and none of `old`."""
    if len(new) == 1 and not old:
        made.append(new[0])
        return
    for at, (x, y, z, ex, ey, dx, dy) in enumerate(new):
        for o in old:
            if o[0] <= x and o[1] <= y and o[2] <= z and o[3] >= ex and o[4] >= ey:
                break
        else:
            for other, o in enumerate(new):
                if (o[0] <= x and o[1] <= y and o[2] <= z and o[3] >= ex and o[4] >= ey and other != at
                        and (other < at or o != (x, y, z, ex, ey, dx, dy))):
                    break
            else:
                made.append(new[at])
