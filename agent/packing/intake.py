"""Orders and cartons from outside: what is wrong with them, line by line, before anything is computed.

Sizes are whole millimetres, weights whole grams, costs whole cents. What is missing is unknown, never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from agent.packing.model import Carton, Item, Reason, Triple

LONGEST_MM = 5_000
HEAVIEST_G = 1_000_000
DEAREST_CENTS = 10_000_000
MOST_OF_ONE = 10_000


class IntakeError(ValueError):
    """A whole file is not of the shape that it should have."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as read: its items when all lines are good, else the reasons."""

    id: str
    catalogue: str
    items: tuple[Item, ...]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Cartons as read. Bad ones are left out and named in `reasons`; the good ones stay usable."""

    id: str
    cartons: tuple[Carton, ...]
    reasons: tuple[Reason, ...] = ()


def whole(value: object, low: int, high: int) -> int | None:
    """Return a whole number from `low` to `high`, else None. `12.0` is whole; `true`, text and 12.5 are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not isfinite(value) or value != int(value):
        return None
    return int(value) if low <= value <= high else None


def sizes(value: object, what: str, about: str) -> Triple | Reason:
    """Return three edges in whole mm, each from 1 to 5,000, or the reason why not."""
    if value is None:
        return Reason("item.size-unknown", f"The size of {about} is unknown: measure it, or send dims.", about)
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
        return Reason("size.three-edges", f"{what} of {about} must be three edges: length, width, height.", about)
    edges = [whole(edge, 1, LONGEST_MM) for edge in value]
    if any(edge is None for edge in edges):
        shown = ", ".join(str(edge)[:20] for edge in value)
        return Reason("size.out-of-range",
                      f"{what} of {about} is [{shown}]: each edge must be a whole 1 to {LONGEST_MM} mm.", about)
    length, width, height = (edge for edge in edges if edge is not None)
    return length, width, height


def read_carton(raw: object) -> Carton | Reason:
    """Return one carton of a catalogue file, or the reason why it can't be used."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("id"), str) or not raw["id"]:
        return Reason("carton.id", "A carton needs an id (text).")
    name = raw["id"]
    inner, outer = (sizes(raw.get(key), f"{key} size", name) for key in ("inner", "outer"))
    if isinstance(inner, Reason):
        return inner
    if isinstance(outer, Reason):
        return outer
    if any(out < into for out, into in zip(outer, inner, strict=True)):
        return Reason("carton.outer-smaller", f"Carton {name} is smaller outside {outer} than inside {inner}.", name)
    tare_g = whole(raw.get("tare_g"), 0, HEAVIEST_G)
    max_gross_g = whole(raw.get("max_weight_g"), 1, HEAVIEST_G)
    cost_cents = whole(raw.get("cost"), 0, DEAREST_CENTS)
    stock = whole(raw.get("stock"), 0, 1 << 40) if raw.get("stock") is not None else None
    for key, value in (("tare_g", tare_g), ("max_weight_g", max_gross_g), ("cost", cost_cents)):
        if value is None:
            return Reason("carton.number", f"Carton {name}: {key} must be a whole number, not {raw.get(key)!r:.20}.",
                          name)
    if raw.get("stock") is not None and stock is None:
        return Reason("carton.number", f"Carton {name}: stock must be a whole number or absent.", name)
    return Carton(name, inner, outer, tare_g or 0, max_gross_g or 0, cost_cents or 0, stock)


def read_catalogue(name: str, raw: object) -> Catalogue:
    """Return the usable cartons of one catalogue. Of cartons that share an id none is used."""
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        return Catalogue(name, (), (Reason("catalogue.shape", f"Catalogue {name}: cartons must be a list.", name),))
    read = [read_carton(one) for one in raw]
    reasons = [one for one in read if isinstance(one, Reason)]
    cartons = [one for one in read if isinstance(one, Carton)]
    times = Counter(one.get("id") for one in raw if isinstance(one, Mapping) and isinstance(one.get("id"), str))
    reasons += [Reason("carton.duplicate", f"Carton {one} is in catalogue {name} {count} times: none of them is used.",
                       str(one)) for one, count in times.items() if count > 1]
    return Catalogue(name, tuple(one for one in cartons if times[one.id] == 1), tuple(reasons))


def read_catalogues(raw: object) -> dict[str, Catalogue]:
    """Return the catalogues of a `{"catalogues": [{"id", "cartons"}]}` file by id.

    Raises IntakeError when the file is not of that shape.
    """
    listed = raw.get("catalogues") if isinstance(raw, Mapping) else None
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise IntakeError('no list under "catalogues"')
    found: dict[str, Catalogue] = {}
    for one in listed:
        if not isinstance(one, Mapping) or not isinstance(one.get("id"), str):
            raise IntakeError("a catalogue without an id (text)")
        name = one["id"]
        if name in found:
            twice = Reason("catalogue.duplicate", f"Catalogue {name} is given twice.", name)
            found[name] = Catalogue(name, (), (twice,))
        else:
            found[name] = read_catalogue(name, one.get("cartons"))
    return found


def read_item(raw: object) -> Item | Reason:
    """Return one order line, or the reason why it can't be packed."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("sku"), str) or not raw["sku"]:
        return Reason("item.sku", "A line needs a sku (text).")
    sku = raw["sku"]
    dims = sizes(raw.get("dims"), "dims", sku)
    if isinstance(dims, Reason):
        return dims
    if raw.get("weight_g") is None:
        return Reason("item.weight-unknown", f"The weight of {sku} is unknown: weigh one, or send weight_g.", sku)
    weight_g = whole(raw["weight_g"], 0, HEAVIEST_G)
    qty = whole(raw.get("qty"), 1, MOST_OF_ONE)
    max_load_g = whole(raw.get("max_load_g"), 0, 1 << 40)
    upright = raw.get("upright", False)
    if weight_g is None:
        return Reason("item.weight", f"weight_g of {sku} must be a whole 0 to {HEAVIEST_G} g.", sku)
    if qty is None:
        return Reason("item.qty", f"qty of {sku} must be a whole 1 to {MOST_OF_ONE}.", sku)
    if max_load_g is None and raw.get("max_load_g") is not None:
        return Reason("item.load", f"max_load_g of {sku} must be whole grams, 0 or more, or null for any load.", sku)
    if not isinstance(upright, bool):
        return Reason("item.upright", f"upright of {sku} must be true or false.", sku)
    return Item(sku, dims, weight_g, qty, upright, max_load_g)


def read_order(raw: object) -> Order:
    """Return an order with all its items, or with every reason why it can't be packed."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("id"), str):
        return Order("", "", (), (Reason("order.id", "An order needs an id (text)."),))
    name, catalogue, lines = raw["id"], raw.get("catalogue"), raw.get("items")
    if not isinstance(catalogue, str):
        return Order(name, "", (), (Reason("order.catalogue", f"Order {name} names no catalogue."),))
    if not isinstance(lines, Sequence) or isinstance(lines, str):
        return Order(name, catalogue, (), (Reason("order.items", f"Order {name}: items must be a list."),))
    read = [read_item(line) for line in lines]
    reasons = [one for one in read if isinstance(one, Reason)]
    items = [one for one in read if isinstance(one, Item)]
    seen: dict[str, Item] = {}
    for item in items:
        first = seen.setdefault(item.sku, item)
        if _nature(first) != _nature(item):
            reasons.append(Reason("item.conflict", f"{item.sku} comes twice with different size, weight or flags.",
                                  item.sku))
    return Order(name, catalogue, () if reasons else tuple(items), tuple(reasons))


def _nature(item: Item) -> tuple[object, ...]:
    edges = (*sorted(item.dims_mm[:2]), item.dims_mm[2]) if item.upright else tuple(sorted(item.dims_mm))
    return edges, item.weight_g, item.upright, item.max_load_g
