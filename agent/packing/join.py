"""Join units face to face into blocks, and blocks into larger ones, until one block is the whole order.

A greedy fill from above rarely finds a packing that leaves a few percent of the carton empty. Where two units share
a face almost exactly, chance is a poor explanation and a common wall a good one; so the pairs that waste least are
joined first, with noise, many times over. (Block building: Eley 2002; Fanslau and Bortfeldt 2010.) Which edge stands
up is decided last: then all units settle to what is below them and must be supported there.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import permutations
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.packing.chance import Chance
    from agent.packing.construct import Placed
    from agent.packing.kinds import Kind
    from agent.packing.model import Carton, Rules, Triple
    from agent.packing.search import Budget

NOISE = 12.0
"""How much dearer than it is a join may look: large enough that no two rounds build the same."""
FEWEST_UNITS, MOST_UNITS = 4, 32
LEAST_FILL = 0.65
"""An emptier carton is no puzzle: filling it from above is quicker."""
FLIPS = 6
"""Orders of stacking that are tried for each way to set the last block up."""
PAIR_EFFORT, JOIN_EFFORT, STAND_EFFORT = 10, 40, 600
"""Effort (see `Hold`) of comparing two blocks, of joining two, and of settling and checking one standing block."""

_FACES: Final = ((1, 2, 0), (0, 2, 1), (0, 1, 2))
"""Of a block's three edges: the two of a face, and the one through it."""


class Block(NamedTuple):
    """Units in a box of their own. `edges_mm` falling; `standing`: which edge may be the vertical one."""

    edges_mm: Triple
    standing: tuple[bool, bool, bool]
    volume_mm3: int
    kind: int
    """The kind of a single unit; -1 for a pair."""
    parts: tuple[Block, Block] | None = None
    faces: tuple[Triple, Triple] = ((0, 1, 2), (0, 1, 2))
    """For each part, which of its edges lie along the joined face and through it."""
    turned: Triple = (0, 1, 2)
    """For each edge, whether it is the face's first (0), its second (1), or goes through both parts (2)."""


class Match(NamedTuple):
    """How two blocks go together: score (the less the better), waste in mm3, their faces, the joined size."""

    score: float
    waste_mm3: int
    faces: tuple[Triple, Triple]
    size_mm: Triple


def unit(number: int, kind: Kind) -> Block:
    """Return one unit as a block, with its clearance.

    An upright unit stands on its third edge alone.
    """
    order = sorted(range(3), key=lambda edge: -kind.dims_mm[edge])
    long, middle, short = (kind.dims_mm[edge] + kind.clearance_mm for edge in order)
    first, second, third = (not kind.upright or edge == 2 for edge in order)
    return Block((long, middle, short), (first, second, third), long * middle * short, number)


def matches(one: Block, other: Block, room_mm3: int, limits_mm: Triple) -> list[Match]:
    """Return the ways to join two blocks that waste least, if there is room for that, and for the pair.

    `limits_mm` are the carton's inner edges, the longest first.
    """
    edges, standing, volume = one.edges_mm, one.standing, one.volume_mm3 + other.volume_mm3
    other_edges, other_standing = other.edges_mm, other.standing
    found: list[Match] = []
    least = room_mm3
    for face in _FACES:
        i, j, k = face
        a, b, c = edges[i], edges[j], edges[k]
        for other_face in _FACES:
            m, n, o = other_face
            x, y = other_edges[m], other_edges[n]
            x, y, z = (a if a > x else x), (b if b > y else y), c + other_edges[o]  # noqa: FURB136 (max() costs a call)
            waste = x * y * z - volume
            if waste > least or z > limits_mm[0]:
                continue
            if not ((standing[i] and other_standing[m]) or (standing[j] and other_standing[n])
                    or (standing[k] and other_standing[o])):
                continue
            long, middle, short = sorted((x, y, z), reverse=True)
            if long <= limits_mm[0] and middle <= limits_mm[1] and short <= limits_mm[2]:
                if waste < least:
                    least = waste
                    found.clear()
                found.append(Match((waste + 1) / volume, waste, (face, other_face), (x, y, z)))
    return found


def join(one: Block, other: Block, found: Match) -> Block:
    """Return two blocks as one."""
    size, (face, other_face) = found.size_mm, found.faces
    may = [one.standing[a] and other.standing[b] for a, b in zip(face, other_face, strict=True)]
    first, second, third = sorted(range(3), key=lambda side: -size[side])
    return Block((size[first], size[second], size[third]), (may[first], may[second], may[third]),
                 size[0] * size[1] * size[2], -1, (one, other), found.faces, (first, second, third))


class Joining:
    """The search for one carton; each call of `once` builds one tower of joins."""

    def __init__(self, kinds: Sequence[Kind], carton: Carton, rules: Rules) -> None:
        self._kinds = kinds
        self._inner_mm = carton.inner_mm
        self._support = rules.support_permille
        long, middle, short = sorted(carton.inner_mm, reverse=True)
        self._limits_mm = long, middle, short
        self._units = [unit(at, kind) for at, kind in enumerate(kinds) for _ in range(kind.count)]
        self._room_mm3 = carton.volume_mm3 - sum(one.volume_mm3 for one in self._units)
        self._pairs: list[tuple[int, int, Match]] | None = None

    @staticmethod
    def worth_it(kinds: Sequence[Kind], fill: float) -> bool:
        """Say whether an order in a carton that it would fill so far is a puzzle of the right size."""
        return LEAST_FILL <= fill <= 1 and FEWEST_UNITS <= sum(kind.count for kind in kinds) <= MOST_UNITS

    def once(self, chance: Chance, budget: Budget) -> list[Placed] | None:
        """Join all units, the pairs that waste least first; return where they stand, or None when they do not fit."""
        blocks = dict(enumerate(self._units))
        pairs = self._first_pairs(budget)
        room_mm3 = self._room_mm3
        number = len(blocks)
        while len(blocks) > 1:
            budget.spend(JOIN_EFFORT + len(pairs) // 2)
            draws = chance.units(len(pairs))
            scores = [pair[2].score * (1.0 + NOISE * draw) for pair, draw in zip(pairs, draws, strict=True)]
            if not scores:
                return None
            one, other, found = pairs[scores.index(min(scores))]
            room_mm3 -= found.waste_mm3
            made = join(blocks.pop(one), blocks.pop(other), found)
            pairs = [pair for pair in pairs if pair[0] != one and pair[0] != other and pair[1] != one
                     and pair[1] != other and pair[2].waste_mm3 <= room_mm3]
            budget.spend(PAIR_EFFORT * len(blocks))
            for name, block in blocks.items():
                pairs += [(number, name, found) for found in matches(made, block, room_mm3, self._limits_mm)]
            blocks[number] = made
            number += 1
        (whole,) = blocks.values()
        return self._stood_up(whole, chance, budget)

    def _first_pairs(self, budget: Budget) -> list[tuple[int, int, Match]]:
        """Return the matches of single units, found once."""
        if self._pairs is None:
            count = len(self._units)
            budget.spend(PAIR_EFFORT * count * (count - 1) // 2)
            self._pairs = [(one, other, found) for one in range(count) for other in range(one) for found in matches(
                self._units[one], self._units[other], self._room_mm3, self._limits_mm)]
        return self._pairs

    def _stood_up(self, whole: Block, chance: Chance, budget: Budget) -> list[Placed] | None:
        """Set the last block up on each edge that may stand; return the first way in which all units are supported."""
        for axes in permutations(range(3)):
            if not whole.standing[axes.index(2)]:
                continue
            if any(edge > self._inner_mm[axis] for edge, axis in zip(whole.edges_mm, axes, strict=True)):
                continue
            for _ in range(FLIPS):
                budget.spend(STAND_EFFORT)
                placed: list[Placed] = []
                self._set_down(whole, (0, 0, 0), axes, chance, placed)
                placed = settled(placed)
                if supported(placed, self._support):
                    return placed
        return None

    def _set_down(self, block: Block, corner: Triple, axes: Sequence[int], chance: Chance,
                  placed: list[Placed]) -> None:
        """Append the units of a block whose edges lie along these axes (0 x, 1 y, 2 z); of a pair either is first."""
        if block.parts is None:
            clear = self._kinds[block.kind].clearance_mm
            size = dict(zip(axes, block.edges_mm, strict=True))
            placed.append((block.kind, *corner, size[0] - clear, size[1] - clear, size[2] - clear))
            return
        side_axes = dict(zip(block.turned, axes, strict=True))
        halves = list(zip(block.parts, block.faces, strict=True))
        if chance.under(0.5):
            halves.reverse()
        for part, face in halves:
            along = {edge: side_axes[side] for side, edge in enumerate(face)}
            self._set_down(part, corner, (along[0], along[1], along[2]), chance, placed)
            x, y, z = (at + part.edges_mm[face[2]] * (axis == side_axes[2]) for axis, at in enumerate(corner))
            corner = x, y, z


def settled(placed: Sequence[Placed]) -> list[Placed]:
    """Return the units from the floor up, each lowered until it rests on the floor or on what is below."""
    done: list[Placed] = []
    for kind, x, y, _, long, wide, high in sorted(placed, key=lambda one: one[3]):
        rests = max((oz + oh for _, ox, oy, oz, ol, ow, oh in done
                     if ox < x + long and x < ox + ol and oy < y + wide and y < oy + ow), default=0)
        done.append((kind, x, y, rests, long, wide, high))
    return done


def supported(placed: Sequence[Placed], permille: int) -> bool:
    """Say whether each unit rests with enough of its base on the floor or on tops at exactly its height."""
    tops: defaultdict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
    for _, x, y, z, long, wide, high in placed:
        tops[z + high].append((x, y, long, wide))
    for _, x, y, z, long, wide, _ in placed:
        if z and permille * long * wide > 1000 * sum(
                (min(x + long, ox + ol) - max(x, ox)) * (min(y + wide, oy + ow) - max(y, oy))
                for ox, oy, ol, ow in tops[z]
                if ox < x + long and x < ox + ol and oy < y + wide and y < oy + ow):
            return False
    return True
