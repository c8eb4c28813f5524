"""The site's cartons and SKUs as the store keeps them: a name and JSON for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from agent.messages.checks import MessageError
from agent.packing.master import Imported, Sku, from_json
from agent.packing.model import Carton
from agent.packing.units import UnitError

if TYPE_CHECKING:
    from collections.abc import Iterable

Rows = tuple[tuple[str, bytes], ...]
TOLD = 8
"""Bad rows that a refusal names one by one."""

_carton = msgspec.json.Decoder(Carton)
_sku = msgspec.json.Decoder(Sku)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The cartons at hand by id, and what is known of SKUs."""

    cartons: dict[str, Carton] = field(default_factory=dict)
    skus: dict[str, Sku] = field(default_factory=dict)

    def with_rows(self, rows: Iterable[tuple[str, bytes]]) -> Catalogue:
        """Return the catalogue with these rows over the old ones. A row that can't be read counts as not there."""
        cartons, skus = dict(self.cartons), dict(self.skus)
        for name, body in rows:
            kind, _, about = name.partition(":")
            try:
                if kind == "carton":
                    cartons[about] = _carton.decode(body)
                elif kind == "sku":
                    skus[about] = _sku.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return Catalogue(cartons, skus)


def rows_of(read: Imported) -> Rows:
    """Return what a file or message held, as the store keeps it."""
    return (*((f"carton:{one.id}", msgspec.json.encode(one)) for one in read.cartons),
            *((f"sku:{one.sku}", msgspec.json.encode(one)) for one in read.skus))


def rows_of_message(raw: Any) -> Rows:  # noqa: ANN401 (any JSON)
    """Return the rows of a catalogue message. Raises MessageError with every bad row: all are taken, or none."""
    try:
        read = from_json(raw)
    except UnitError as error:
        raise MessageError(error.code, f"{error}") from error
    if read.refused:
        first = read.refused[0].reason.code
        told = " ".join(f"Row {one.row}: {one.reason.sentence} ({one.reason.code})" for one in read.refused[:TOLD])
        more = len(read.refused) - TOLD
        raise MessageError(first, told + (f" And {more} rows more." if more > 0 else ""))
    return rows_of(read)
