"""Which carton a job's items fit in, from the catalogue that lies in the station's directory.

The catalogue is what `packbench carton import FILE --out DIRECTORY/catalogue.json` writes; it is read again when it
changed. A job whose sizes are not all known gets no suggestion: unknown is never zero.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from msgspec import UNSET

from agent.packing.clearance import clearance_mm
from agent.packing.intake import IntakeError, read_catalogues
from agent.packing.model import Carton, Item, Rules
from agent.packing.steps import steps
from agent.packing.suggest import Suggester

if TYPE_CHECKING:
    from pathlib import Path

    from agent.packing.model import PackedCarton, Plan
    from agent.station.values import Item as Line
    from agent.station.values import Job

DEADLINE_MS = 50.0


class CartonBook:
    """The cartons at hand and the suggestions made from them. It belongs to one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_ns = -1
        self._cartons: tuple[Carton, ...] = ()
        self._suggester = Suggester(Rules(), lambda: time.monotonic() * 1000, DEADLINE_MS)

    def plan(self, job: Job) -> Plan | None:
        """Return the plan for a job, or None without a catalogue or with a size that is not known."""
        self._refresh()
        items = [_item(item) for item in job.items if item.qty]
        known = [item for item in items if item is not None]
        if not self._cartons or len(known) != len(items):
            return None
        return self._suggester.suggest(known, self._cartons)

    def _refresh(self) -> None:
        """Read the catalogue again when it changed; a damaged one leaves the last good one in use."""
        try:
            changed_ns = self._path.stat().st_mtime_ns
        except OSError:
            return
        if changed_ns == self._read_ns:
            return
        self._read_ns = changed_ns
        try:
            catalogues = read_catalogues(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, IntakeError):
            return
        self._cartons = tuple(carton for catalogue in catalogues.values() for carton in catalogue.cartons)


def words(packed: PackedCarton) -> tuple[str, ...]:
    """Return how to pack a carton, a sentence a move."""
    return tuple(step.words for step in steps(packed))


def _item(item: Line) -> Item | None:
    if item.dims_mm is UNSET or item.weight_g is UNSET:
        return None
    length, width, height = (max(1, round(edge)) for edge in item.dims_mm)
    fragile = "fragile" in item.flags
    load_g = 0 if fragile else None if item.max_load_g is UNSET else round(item.max_load_g)
    return Item(
        sku=item.sku, dims_mm=(length, width, height), weight_g=max(1, round(item.weight_g)), qty=item.qty,
        upright="this-side-up" in item.flags, max_load_g=load_g, clearance_mm=clearance_mm(None),
    )
