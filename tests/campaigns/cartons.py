"""Carton suggestion beside its peers, on orders whose best known result is published with them.

Run `PACKBENCH_RECORDINGS=... python -m tests.campaigns.cartons [--every N] [--deadline-ms 50] [--peers]`. Reads
`cartonization/` below that folder (its README has the rules). Prints, by stratum: valid and stable answers, those at
the best known cost or better, cost above best known, CPU time of the answer, and whether the same order written
otherwise gets the same cost. `--peers` runs py3dbp and packvium on the same orders, with what they know of the rules:
py3dbp knows neither support, fragile nor upright.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.packing.check import faults
from agent.packing.intake import read_catalogues, read_order
from agent.packing.model import Carton, Item, PackedCarton, Placement, Rules
from agent.packing.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    Packer = Callable[[Sequence[Item], Sequence[Carton]], Sequence[PackedCarton]]

RULES = Rules(support_permille=700)
STRATA = ("print", "retail", "tight", "bulk")


@dataclass(frozen=True)
class Case:
    """One order with the cartons it may use and the best known cost."""

    name: str
    stratum: str
    items: tuple[Item, ...]
    cartons: tuple[Carton, ...]
    best_cents: int
    geometric_cents: int


@dataclass
class Score:
    """Counts of one packer over the orders of one stratum."""

    orders: int = 0
    valid: int = 0
    best: int = 0
    cost: int = 0
    best_cost: int = 0
    ms: list[float] = field(default_factory=list)
    other_cost: int = 0
    """Orders that cost otherwise when they are written otherwise."""

    def add(self, cost: int | None, best_cents: int, ms: float) -> None:
        self.orders += 1
        self.ms.append(ms)
        if cost is not None:
            self.valid += 1
            self.best += cost <= best_cents
            self.cost += cost
            self.best_cost += best_cents

    def row(self, name: str) -> str:
        ms = sorted(self.ms)
        above = self.cost / self.best_cost - 1 if self.best_cost else 0.0
        shares = f"{self.valid / self.orders:>8.1%}{self.best / self.orders:>8.1%}{above:>+9.2%}"
        return (f"{name:22}{self.orders:>7}{shares}"
                f"{ms[len(ms) // 2]:>9.1f}{ms[int(0.95 * (len(ms) - 1))]:>9.1f}{ms[-1]:>9.1f}")


HEADER = f"{'':22}{'orders':>7}{'ok':>8}{'best':>8}{'cost':>9}{'ms p50':>9}{'p95':>9}{'max':>9}"


def cases(folder: Path, every: int = 1) -> list[Case]:
    """Every n-th order of the recordings' folder."""
    known = read_catalogues(json.loads((folder / "catalogues.json").read_text()))
    best = json.loads((folder / "best_known.json").read_text())["best"]
    found = []
    for raw in json.loads((folder / "orders.json").read_text())["orders"][::every]:
        order = read_order(raw)
        row = best[order.id]
        found.append(Case(order.id, raw["stratum"], order.items, known[order.catalogue].cartons,
                          row["stable"]["cost"], row["geometric"]["cost"]))
    return found


def now_ms() -> float:
    """CPU milliseconds of this process: what other processes do does not count."""
    return time.process_time() * 1000


def ours(deadline_ms: float) -> Packer:
    return lambda items, cartons: suggest(items, cartons, RULES, now_ms, deadline_ms).cartons


def rewritten(case: Case, chance: random.Random) -> Case:
    """The same order with lines, edges and cartons in another order and some lines split."""
    lines = []
    for item in case.items:
        edges = list(item.dims_mm)
        if item.upright:
            edges[:2] = chance.sample(edges[:2], 2)
        else:
            chance.shuffle(edges)
        part = chance.randint(1, item.qty)
        lines += [replace(item, dims_mm=(edges[0], edges[1], edges[2]), qty=qty)
                  for qty in (part, item.qty - part) if qty]
    return replace(case, items=tuple(chance.sample(lines, len(lines))),
                   cartons=tuple(chance.sample(case.cartons, len(case.cartons))))


def one_by_one(fit: Callable[[Sequence[Item], Carton], PackedCarton]) -> Packer:
    """Wrap a packer of one carton: cartons by rising cost; when none holds all, fill the largest and go on."""

    def pack(items: Sequence[Item], cartons: Sequence[Carton]) -> list[PackedCarton]:
        left = [replace(item, qty=1) for item in items for _ in range(item.qty)]
        done: list[PackedCarton] = []
        while left:
            for carton in sorted(cartons, key=lambda carton: carton.cost_cents):
                packed = fit(left, carton)
                if len(packed.placements) == len(left):
                    return [*done, packed]
            packed = fit(left, max(cartons, key=lambda carton: carton.volume_mm3))
            if not packed.placements:
                return []
            done.append(packed)
            for placement in packed.placements:
                left.remove(next(item for item in left if item.sku == placement.sku))
        return done

    return pack


def py3dbp() -> Packer:
    """py3dbp 1.1.2, bigger first, whole numbers."""
    from py3dbp import Bin, Packer
    from py3dbp import Item as Thing

    def fit(items: Sequence[Item], carton: Carton) -> PackedCarton:
        packer = Packer()
        length, width, height = carton.inner_mm
        packer.add_bin(Bin(carton.id, length, height, width, carton.max_gross_g - carton.tare_g))
        for item in items:
            packer.add_item(Thing(item.sku, item.dims_mm[0], item.dims_mm[2], item.dims_mm[1], item.weight_g))
        packer.pack(bigger_first=True, number_of_decimals=0)
        # Its axes are width, height, depth with height up: ours are length, width, height.
        return PackedCarton(carton, tuple(Placement(
            str(one.name), _swapped(one.position), _swapped(one.get_dimension())) for one in packer.bins[0].items), 0)

    def _swapped(edges: Sequence[Decimal]) -> tuple[int, int, int]:
        x, up, y = (int(edge) for edge in edges)
        return x, y, up

    return one_by_one(fit)


def packvium(limit_ms: int) -> Packer:
    """Packvium with every rule it knows, on the same CPU clock; it chooses the set of cartons itself."""
    peer: Any = import_module("packvium")

    def pack(items: Sequence[Item], cartons: Sequence[Carton]) -> list[PackedCarton]:
        config = peer.PackingConfig(time_limit_ms=limit_ms, minimum_support_ratio=RULES.support_permille / 1000)
        boxes = [peer.Container.create(
            carton.id, peer.Dimensions.mm(*map(str, carton.inner_mm)), tare_weight=f"{carton.tare_g} g",
            max_payload=f"{carton.max_gross_g - carton.tare_g} g", cost_minor=carton.cost_cents) for carton in cartons]
        things = [peer.Item.create(
            item.sku, peer.Dimensions.mm(*map(str, item.dims_mm)), f"{item.weight_g} g", quantity=item.qty,
            keep_upright=item.upright, stackable=item.max_load_g != 0,
            **({"max_top_load": f"{item.max_load_g} g"} if item.max_load_g else {})) for item in items]
        result: Any = peer.Packer(config, clock=time.process_time_ns).pack(things, boxes)
        if not result.complete:
            return []
        by_id = {carton.id: carton for carton in cartons}
        return [PackedCarton(by_id[box.container.id], tuple(
            Placement(one.instance.item.id, _mm(one.position.x, one.position.y, one.position.z),
                      _mm(one.dimensions.length, one.dimensions.width, one.dimensions.height))
            for one in box.placements), 0) for box in result.containers]

    def _mm(*lengths: object) -> tuple[int, int, int]:
        x, y, z = (int(str(getattr(length, "ticks", length))) // 16_000 for length in lengths)
        return x, y, z

    return pack


def score(found: Sequence[Case], packer: Packer) -> dict[str, Score]:
    """Run a packer over the cases; a cost counts only for an answer that keeps all rules."""
    scores: dict[str, Score] = defaultdict(Score)
    for case in found:
        start = now_ms()
        packed = packer(case.items, case.cartons)
        ms = now_ms() - start
        good = bool(packed) and not faults(packed, case.items, RULES)
        scores[case.stratum].add(sum(one.carton.cost_cents for one in packed) if good else None, case.best_cents, ms)
    return scores


def written_otherwise(found: Sequence[Case], deadline_ms: float, seed: int = 3) -> int:
    """How many cases cost otherwise when they are written otherwise."""
    chance = random.Random(seed)
    packer = ours(deadline_ms)

    def cost(case: Case) -> int:
        return sum(one.carton.cost_cents for one in packer(case.items, case.cartons))

    return sum(cost(case) != cost(rewritten(case, chance)) for case in found)


def recordings() -> Path | None:
    root = os.environ.get("PACKBENCH_RECORDINGS")
    folder = Path(root) / "cartonization" if root else None
    return folder if folder is not None and folder.is_dir() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--deadline-ms", type=float, default=50.0)
    parser.add_argument("--peers", action="store_true")
    asked = parser.parse_args()
    folder = recordings()
    if folder is None:
        raise SystemExit("PACKBENCH_RECORDINGS names no folder with cartonization/")
    found = cases(folder, asked.every)
    packers: dict[str, Packer] = {"packbench": ours(asked.deadline_ms), "packbench, first": ours(0.0)}
    if asked.peers:
        packers |= {"py3dbp": py3dbp(), "packvium 100 ms": packvium(100), "packvium 1 s": packvium(1000)}
    print(HEADER)
    for name, packer in packers.items():
        scores = score(found, packer)
        for stratum in STRATA:
            if stratum in scores:
                print(scores[stratum].row(f"{name} {stratum}"))
    print(f"{written_otherwise(found, asked.deadline_ms)} of {len(found)} orders cost otherwise when written otherwise")


if __name__ == "__main__":
    main()
