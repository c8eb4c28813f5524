"""The payloads that reach the station beside the job itself, which is `agent.station.values.Job`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agent.station.values import Count, Grams, Ident, Line, Order, Paper, ParcelId, RestVerdict, Revision, Verdict

FactId = Annotated[str, Meta(min_length=3, max_length=80, pattern=r"^[0-9a-f-]{1,40}:[0-9]{1,19}\Z")]


class Cancel(Struct, frozen=True, kw_only=True):
    """The OMS takes a job back; it may overtake the job's own assign."""

    job: Ident
    rev: Revision
    station: Ident | UnsetType = UNSET
    site: Ident | UnsetType = UNSET
    reason: Line = ""


class Label(Struct, frozen=True, kw_only=True):
    """The papers of one parcel, after it was measured, or instead of those that it has."""

    parcel: ParcelId
    rev: Revision
    papers: Annotated[tuple[Paper, ...], Meta(min_length=1, max_length=16)]


class Decision(Struct, frozen=True, kw_only=True):
    """What becomes of a held parcel (`parcel` and `verdict`), or of the rest of a job packed short (`job`, `rest`)."""

    parcel: ParcelId | UnsetType = UNSET
    verdict: Verdict | UnsetType = UNSET
    job: Ident | UnsetType = UNSET
    rest: RestVerdict | UnsetType = UNSET


class Offer(Struct, frozen=True, kw_only=True):
    """A job for whichever station of the site takes it. It holds no address: every station may read it."""

    job: Ident
    rev: Revision
    site: Ident
    order: Order | UnsetType = UNSET
    pieces: Count = 0
    weight_g: Grams | UnsetType = UNSET


class Lease(Struct, frozen=True, kw_only=True):
    """`count` SSCCs for one store, from `first`: extension digit, company prefix and serial, without check digit."""

    block: Ident
    store: Annotated[str, Meta(max_length=40)]
    first: Annotated[str, Meta(pattern=r"^[0-9]{17}\Z")]
    count: Annotated[int, Meta(ge=1, le=100_000)]


class SyncAnswer(Struct, frozen=True, kw_only=True):
    """What the OMS found when it compared: how much it sends again, and jobs of ours that it does not know."""

    session: Annotated[int, Meta(ge=0, le=2**53)]
    page: Annotated[int, Meta(ge=1, le=10_000)] = 1
    again: Annotated[int, Meta(ge=0, le=2**31)] = 0
    unknown: Annotated[tuple[Ident, ...], Meta(max_length=500)] = ()


class Units(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The units of what a row gives without naming one."""

    length: Literal["mm", "cm", "m", "in"] | UnsetType = UNSET
    weight: Literal["g", "kg", "oz", "lb"] | UnsetType = UNSET
    money: Literal["cents", "eur", "usd", "gbp"] | UnsetType = UNSET


Row = dict[str, str | int | float | bool | list[str | int | float] | None]


class Catalogue(Struct, frozen=True, kw_only=True):
    """Cartons and SKUs of a site, by the names of `packbench carton import`; what is left out or null is unknown.

    A row may name a unit itself: `weight_kg`, `inner_length_cm`, or `inner_mm: [300, 200, 150]`.
    """

    units: Units = Units()
    cartons: Annotated[tuple[Row, ...], Meta(max_length=500)] = ()
    skus: Annotated[tuple[Row, ...], Meta(max_length=1_000)] = ()


class OmsPresence(Struct, frozen=True, kw_only=True):
    """The retained word of the OMS on itself."""

    state: Literal["ready", "disconnected", "lost"]


class Receipt(Struct, frozen=True, kw_only=True):
    """The OMS has booked these facts, now or earlier."""

    ids: Annotated[tuple[FactId, ...], Meta(min_length=1, max_length=100)]
