"""What is packed into what: cartons, items, rules, and the plan that comes out. Integers only: mm, g, cents."""

from __future__ import annotations

from dataclasses import dataclass, field

Triple = tuple[int, int, int]

NO_LIMIT = 1 << 60
"""Load in milligrams that an item without a limit may carry: more than any parcel weighs."""


@dataclass(frozen=True, slots=True)
class Carton:
    """A kind of carton in stock. `inner_mm` and `outer_mm` are length, width, height; height is vertical."""

    id: str
    inner_mm: Triple
    outer_mm: Triple
    tare_g: int
    max_gross_g: int
    cost_cents: int
    stock: int | None = None
    """How many are at hand; None: enough."""

    @property
    def volume_mm3(self) -> int:
        length, width, height = self.inner_mm
        return length * width * height


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order. `max_load_g` is what a unit may carry: None any load, 0 nothing (fragile)."""

    sku: str
    dims_mm: Triple
    weight_g: int
    qty: int = 1
    upright: bool = False
    max_load_g: int | None = None
    clearance_mm: int | None = None
    """Room to add per axis because of where the size came from; None: the rules' own."""

    @property
    def volume_mm3(self) -> int:
        length, width, height = self.dims_mm
        return length * width * height


@dataclass(frozen=True, slots=True)
class Rules:
    """What a packing must keep to. `objective`: `cost`, `parcels` (fewest, then smallest) or `volume`."""

    support_permille: int = 700
    clearance_mm: int = 0
    max_fill_permille: int = 1000
    objective: str = "cost"


OBJECTIVES = ("cost", "parcels", "volume")


def price(carton: Carton, objective: str) -> int:
    """Return the price of one carton; prices of a set add up.

    The named objective counts first. Ties fall to fewer cartons, then to less inner volume, by the lower digits.
    """
    tie = (1 << 48) + carton.volume_mm3
    if objective == "parcels":
        return tie
    if objective == "volume":
        return (carton.volume_mm3 << 64) + tie
    return (carton.cost_cents << 64) + tie


@dataclass(frozen=True, slots=True)
class Placement:
    """One unit in a carton: `pos_mm` is its lowest corner, `dims_mm` its size after turning, height last."""

    sku: str
    pos_mm: Triple
    dims_mm: Triple


@dataclass(frozen=True, slots=True)
class PackedCarton:
    """A carton with its placements in the order in which they can be put in from above."""

    carton: Carton
    placements: tuple[Placement, ...]
    contents_g: int

    @property
    def gross_g(self) -> int:
        """Tare and contents, without void fill."""
        return self.carton.tare_g + self.contents_g

    @property
    def units(self) -> dict[str, int]:
        """How many units of each SKU are in it."""
        counted: dict[str, int] = {}
        for one in self.placements:
            counted[one.sku] = counted.get(one.sku, 0) + 1
        return counted


@dataclass(frozen=True, slots=True)
class Reason:
    """Why there is no plan, or none better: a stable code, a sentence, and the SKU or carton that it is about."""

    code: str
    sentence: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to one order. Without `cartons` nothing fits, and `reasons` say why."""

    cartons: tuple[PackedCarton, ...]
    cost_cents: int = 0
    lower_bound_cents: int = 0
    proven: bool = False
    """No cheaper set of cartons can hold the order: the bound says so, not the search."""
    runner_up: PackedCarton | None = None
    """The next larger single carton that was packed and checked too, for when the first is out of stock."""
    reasons: tuple[Reason, ...] = field(default=())

    @property
    def found(self) -> bool:
        return bool(self.cartons)
