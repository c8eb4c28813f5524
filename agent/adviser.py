"""What the owner loop does with the station's own knowledge: jobs get a carton, catalogues come in, people ask.

The knowledge lies in `advice`, the search for cartons in `cartons`; here both meet the store and the local socket.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from agent.advice import Advice
from agent.messages.catalogue import Catalogue
from agent.station.events import CatalogueCame, JobAssigned
from agent.station.records import SaveCatalogue
from agent.store import StoreError

if TYPE_CHECKING:
    from agent.cartons import Cartons
    from agent.local import Request
    from agent.messages.catalogue import Rows
    from agent.station.events import Event
    from agent.station.values import Job
    from agent.store import Store
    from agent.store.shelf import Shelf
    from firmware_config.settings import Settings

REQUESTS = ("catalogue", "forget-weight")


class Adviser:
    """The station's knowledge in the owner's hands; every method belongs to the owner loop."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Take what the store has. Raises StoreError."""
        self._store, self._settings = store, settings
        self.recall()

    def recall(self) -> None:
        """Know what the store knows: lessons of a commit that failed come again with its events. Raises StoreError."""
        self.advice = Advice(self._store.shelf.beliefs(), self._store.shelf.catalogue(),
                             self._settings.packing.false_stops_per_1000)

    def begin(self, cartons: Cartons) -> None:
        """Lay out the catalogue, and look for the cartons of jobs that have none yet. Raises StoreError."""
        cartons.stock(self._store.shelf.catalogue().items())
        for job in self._store.open_jobs():
            found = self._store.suggestion(job.job, job.rev)
            if found is not None:
                cartons.know(job.job, job.rev, found)
            else:
                cartons.want(job, self.advice.misfits)

    def follow(self, settings: Settings) -> None:
        """Work by these settings from now on; what was learned stays as it is."""
        self._settings = settings
        self.advice.allow(settings.packing.false_stops_per_1000)

    def notice(self, event: Event, cartons: Cartons) -> None:
        """Follow what has just been committed."""
        match event:
            case JobAssigned(job=job) if cartons.of(job) is None and self._taken(job):
                cartons.want(job, self.advice.misfits)
            case CatalogueCame(rows=rows):
                cartons.stock(rows)
            case _:
                pass

    def _taken(self, job: Job) -> bool:
        """True when a job that came is the one that the station has: not refused, not in conflict."""
        with suppress(StoreError):
            return self._store.job(job.job) == job
        return False

    def answer(self, request: Request, cartons: Cartons) -> dict[str, object]:
        """Answer one of `REQUESTS`. Raises StoreError when it can't be kept; nothing has changed then."""
        rows = _rows(request.more.get("rows")) if request.ask == "catalogue" else ()
        if rows is None:
            return {"error": 'catalogue.rows: `rows` must be a list of [name, JSON], such as ["carton:M2", "{...}"].'}
        try:
            with self._store.transaction():
                if request.ask == "forget-weight":
                    return forget_weight(self._store.shelf, self.advice, str(request.more.get("sku", "")))
                keep_rows(self._store.shelf, self.advice, rows)
        except StoreError:
            self.recall()
            raise
        cartons.stock(rows)
        return {"kept": len(rows)}


def keep_rows(shelf: Shelf, advice: Advice, rows: Rows) -> None:
    """Write cartons and SKUs, and the beliefs that their news opens again, inside the running transaction."""
    shelf.stock(rows)
    shelf.learn(advice.learn([SaveCatalogue(rows)]))


def forget_weight(shelf: Shelf, advice: Advice, sku: str) -> dict[str, object]:
    """Begin a SKU's weight anew inside the running transaction, and say with what."""
    fresh = advice.forget(sku)
    if fresh is None:
        return {"error": f"weights.unknown-sku: nothing was learned of {sku!r}; `packbench weights export` lists all."}
    shelf.learn(fresh)
    return {"sku": sku, "begins_with": next(iter(fresh.values())).decode()}


def _rows(raw: object) -> Rows | None:
    """Return rows as they came over the socket, or None when they are none that the store would know again."""
    if not isinstance(raw, list) or not all(
            isinstance(row, list) and len(row) == 2 and all(isinstance(part, str) for part in row) for row in raw):
        return None
    rows = tuple((name, body.encode()) for name, body in raw)
    read = Catalogue().with_rows(rows)
    return rows if len(read.cartons) + len(read.skus) == len({name for name, _ in rows}) else None
