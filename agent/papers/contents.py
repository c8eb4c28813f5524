"""What the papers say: plain values, made from a job by `from_job` or by anyone else.

Text may be in any script. An empty string or a zero means that the thing is not on the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.papers.codes import Symbol

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Address:
    """An address as it is printed: lines in the order of its country, the country itself in Latin capitals last."""

    lines: tuple[str, ...]
    country: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a slip: how many of what."""

    quantity: int
    name: str
    sku: str = ""
    gtin: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class SlipContent:
    """A packing slip.

    `job` is printed as a bar code, `mark` as the proof mark, `pair` large on slip and label alike. `carton`, `steps`
    and the 1-bit picture `packing` say how to pack it, where there is room.
    """

    job: str
    pair: str
    mark: str
    items: tuple[Item, ...]
    order: str = ""
    part: int = 0
    parts: int = 0
    parcel: int = 0
    parcels: int = 0
    date: str = ""
    ship_to: tuple[str, ...] = ()
    carrier: str = ""
    service: str = ""
    flags: tuple[str, ...] = ()
    returns: str = ""
    returns_url: str = ""
    carton: str = ""
    steps: tuple[str, ...] = ()
    packing: Image | None = None
    language: str = "en"
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class LabelContent:
    """A shipping label. `sscc` becomes GS1-128, `tracking` the symbol that the carrier asks for."""

    recipient: Address
    pair: str
    mark: str
    sender: Address = Address(())
    sscc: str = ""
    tracking: str = ""
    tracking_symbol: Symbol = Symbol.CODE128
    parcel: int = 0
    parcels: int = 0
    part: int = 0
    parts: int = 0
    carrier: str = ""
    service: str = ""
    routing: str = ""
    weight_g: int = 0
    references: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    language: str = "en"
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class WaitingContent:
    """The slip that a parcel wears while its label is not there yet."""

    job: str
    pair: str
    mark: str
    reason: str = ""
    order: str = ""
    parcel: int = 0
    parcels: int = 0
    weight_g: int = 0
    carton: str = ""
    language: str = "en"
