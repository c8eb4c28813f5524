"""What the station has learned: what parcels weigh, and what did not fit; a lesson from each closed parcel.

The beliefs are plain values of `agent.packing`; the store keeps them in the same transaction as the parcel that taught.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from agent.cartons import cartons_for
from agent.messages.catalogue import Catalogue
from agent.packing.clearance import after_fit, after_misfit, names_of
from agent.packing.doubt import Alertness, Shelf, judge, vouching
from agent.packing.weights import (
    ARMED_SEEN,
    CONSTANT,
    FILL,
    FIRST_CONSTANT,
    FIRST_FILL,
    Contents,
    Weight,
    carton_key,
    expected,
    first_sight,
    first_tare,
    forgotten,
    learn,
    sku_key,
)
from agent.station import rules, scans
from agent.station.events import CartonSuggested, CodesSeen
from agent.station.facts import CartonTold
from agent.station.items import minus
from agent.station.records import SaveCatalogue, SaveJob, SaveParcel, Tell
from agent.station.values import Finding, SuggestedCarton, Vouching
from agent.station.values import Weight as Gross

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.station.events import Event
    from agent.station.records import Record
    from agent.station.state import Packing, State
    from agent.station.values import Job, KnownJob, Parcel, Suggestion

# A carton of which nothing is known: a medium one, very unsure.
ANY_CARTON, ANY_TARE_G, ANY_TARE_VARIANCE = "any", 180.0, 150.0**2
# A SKU of which nothing at all is known weighs as much as the middle of those that are; before there are any, this.
FIRST_MEDIAN_G = 300.0
ALERTNESS = "alertness"
MISFIT = "misfit:"


class Advice:
    """The beliefs of one station. Asked by the owner loop only."""

    def __init__(self, stored: Mapping[str, bytes], catalogue: Mapping[str, bytes] | None = None,
                 false_stops_per_1000: float = 1.5) -> None:
        """Take what the store has; an unreadable belief starts anew."""
        self._known: dict[str, Weight] = {FILL: FIRST_FILL, CONSTANT: FIRST_CONSTANT}
        self._known[carton_key(ANY_CARTON)] = _any_tare()
        self.misfits: dict[str, int] = {}
        alertness = Alertness()
        for key, body in stored.items():
            with suppress(msgspec.DecodeError):
                if key == ALERTNESS:
                    alertness = msgspec.json.decode(body, type=Alertness)
                elif key.startswith(MISFIT):
                    self.misfits[key.removeprefix(MISFIT)] = msgspec.json.decode(body, type=int)
                else:
                    self._known[key] = msgspec.json.decode(body, type=Weight)
        self._alertness = alertness
        self.allow(false_stops_per_1000)
        self._catalogue = Catalogue().with_rows((catalogue or {}).items())
        self._shelf = Shelf(self._known)
        self._items: dict[str, float] = {}
        self._litres: dict[str, float] = {}
        self._missed: set[str] = set()

    def allow(self, false_stops_per_1000: float) -> None:
        """Stop so many right parcels in a thousand at the most; nothing that was learned changes."""
        self._alertness = dataclasses.replace(self._alertness, budget_per_1000=false_stops_per_1000)

    # -- before and beside the scale ----------------------------------------------------------------------------

    def about(self, event: Event, state: State) -> Event:
        """Return the event with what the learned weights say of it."""
        if isinstance(event, CartonSuggested) and event.known is not None and event.known.job is not None:
            return replace(event, suggestion=self.weighted(event.known.job, event.suggestion))
        if not isinstance(event, CodesSeen):
            return event
        known = scans.job_in_sight(event) or event.at_hand
        if known is None or known.job is None:
            return event
        job, box, packing = known.job, state.box, state.packing(known.id)
        units = self._in_box(known, packing, state)
        carton = self._carton(known, packing, units)
        event = replace(event, carton=carton, vouching=self.vouch(job) if packing is None else None)
        if box is None or box.gross is None or box.parcel:
            return event
        contents = self._contents(job, units, carton.carton if carton is not None else "")
        scale_sd_g = max(box.gross.u95_g / 2, 0.5)
        verdict = judge(self._known, contents, box.gross.value_g, self._shelf, self._alertness, scale_sd_g=scale_sd_g)
        finding = Finding(
            finding=verdict.finding.value, off_g=round(verdict.difference_g, 1), sd_g=round(verdict.sd_g, 1),
            wrong=round(verdict.wrong, 4), words=verdict.sentence,
        )
        return replace(event, finding=finding)

    def _in_box(self, known: KnownJob, packing: Packing | None, state: State) -> dict[str, int]:
        """Return the pieces that the box on the platform should hold."""
        early = [one for one in state.parcels_of_job(known.id) if not one.visit]
        if early and (packing is None or not packing.items):
            return dict(early[0].contents)
        if packing is not None:
            return scans.in_box(packing)
        return minus(dict(rules.contents(known.job)), dict(known.gone)) if known.job is not None else {}

    def _carton(self, known: KnownJob, packing: Packing | None, units: Mapping[str, int]) -> SuggestedCarton | None:
        """Return the carton that a box with these pieces is packed in: as the packer said, or as suggested."""
        taken = packing.carton if packing is not None else ""
        suggested = known.suggestion.cartons if known.suggestion is not None else ()
        fitting = next((one for one in suggested if dict(one.contents) == dict(units)), None)
        if not taken or (fitting is not None and taken == fitting.carton):
            return replace(fitting, tare=self._tare(fitting.carton)) if fitting is not None else None
        carton = cartons_for(known.job, self._catalogue).get(taken)
        if carton is None:
            return None
        return SuggestedCarton(carton=taken, inner_mm=carton.inner_mm, outer_mm=carton.outer_mm,
                               contents=tuple(units.items()), tare=self._tare(taken))

    def _tare(self, carton: str) -> Gross | None:
        """Return the preset tare of a type of carton: the catalogue's, until closed parcels have taught better."""
        known = self._known.get(carton_key(carton))
        if known is None:
            return None
        return Gross(value_g=round(known.grams, 1), u95_g=round(2 * known.variance ** 0.5, 1), quality="predicted")

    def vouch(self, job: Job) -> Vouching:
        """Return what the scale can't vouch for in a job, and the unit weights that a single step would show."""
        contents = self._contents(job, dict(rules.contents(job)))
        units = [(sku, self._known[sku_key(sku)]) for sku in contents.units]
        return Vouching(to_scan=vouching(self._known, contents).to_scan, units=tuple(
            (sku, round(weight.grams, 1), round((weight.variance + (weight.spread * weight.grams) ** 2) ** 0.5, 1))
            for sku, weight in units if weight.seen >= ARMED_SEEN))

    def weighted(self, job: Job, suggestion: Suggestion) -> Suggestion:
        """Return a suggestion with the gross that is expected of each of its cartons, and of the whole job in one."""
        cartons = tuple(replace(one, gross=self._gross(job, dict(one.contents), one.carton))
                        for one in suggestion.cartons)
        whole = cartons[0].gross if len(cartons) == 1 else None
        if not cartons:
            whole = self._gross(job, dict(rules.contents(job)), "")
        return replace(suggestion, cartons=cartons, gross=whole)

    def _gross(self, job: Job, units: dict[str, int], carton: str) -> Gross:
        hope = expected(self._known, self._contents(job, units, carton))
        return Gross(value_g=round(hope.gross_g, 1), u95_g=round(2 * hope.sd_g, 1), quality="predicted")

    # -- lessons ------------------------------------------------------------------------------------------------

    def learn(self, records: Iterable[Record]) -> dict[str, bytes]:
        """Learn from what these records close and tell; return the beliefs that changed, as the store keeps them."""
        changed: dict[str, bytes] = {}
        for record in records:
            match record:
                case SaveJob(job=job) if job is not None:
                    self._remember(job)
                case SaveCatalogue(rows=rows):
                    changed |= self._stock(rows)
                case SaveParcel(parcel=parcel) if parcel.state == "closed" and parcel.contents:
                    changed |= self._lesson(parcel)
                case Tell(fact=CartonTold() as told):
                    changed |= self._misfit(told)
                case _:
                    pass
        return changed

    def _lesson(self, parcel: Parcel) -> dict[str, bytes]:
        contents = self._contents(None, dict(parcel.contents), parcel.carton)
        wrong = parcel.finding.wrong if parcel.finding is not None else 0.0
        self._alertness = self._alertness.after(wrong, settled_right=True if parcel.settled else None)
        changed = learn(self._known, contents, parcel.gross.value_g, parcel.gross.u95_g / 2, settled=parcel.settled)
        self._believe(changed)
        bodies = {key: msgspec.json.encode(weight) for key, weight in changed.items()}
        return bodies | {ALERTNESS: msgspec.json.encode(self._alertness)} | self._fitted(parcel)

    def _fitted(self, parcel: Parcel) -> dict[str, bytes]:
        """A parcel closed in its carton forgives one miss to what is in it, unless its job told one."""
        if not parcel.carton or parcel.job in self._missed:
            self._missed.discard(parcel.job)
            return {}
        return self._count(after_fit(self.misfits, names_of((sku for sku, _ in parcel.contents), parcel.carton)))

    def _misfit(self, told: CartonTold) -> dict[str, bytes]:
        """What the packer said of a carton: it was too small for these items, or a larger one was taken for them."""
        if not told.suggested or told.job in self._missed:
            return {}
        small, taken = (self._catalogue.cartons.get(name) for name in (told.suggested, told.carton))
        larger = small is not None and taken is not None and taken.volume_mm3 > small.volume_mm3
        if told.outcome == "taken" and not larger:
            return {}
        self._missed.add(told.job)
        return self._count(after_misfit(self.misfits, names_of((one.sku for one in told.contents), told.suggested)))

    def _count(self, changed: dict[str, int]) -> dict[str, bytes]:
        self.misfits |= changed
        return {f"{MISFIT}{name}": msgspec.json.encode(count) for name, count in changed.items()}

    def _stock(self, rows: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
        """Take a catalogue. Where it tells another weight than it did before, the belief is opened again."""
        before = self._catalogue
        self._catalogue = before.with_rows(rows)
        opened: dict[str, Weight] = {}
        for name, sku in self._catalogue.skus.items():
            old, key = before.skus.get(name), sku_key(name)
            if old is not None and old.weight_g != sku.weight_g and sku.weight_g is not None and key in self._known:
                opened[key] = forgotten(self._known[key], sku.weight_g, sku.weight_g)
        for name, carton in self._catalogue.cartons.items():
            tare = before.cartons.get(name)
            if tare is not None and tare.tare_g != carton.tare_g and carton_key(name) in self._known:
                opened[carton_key(name)] = first_tare(carton.tare_g)
        self._believe(opened)
        return {key: msgspec.json.encode(weight) for key, weight in opened.items()}

    def forget(self, sku: str) -> dict[str, bytes] | None:
        """Forget what was learned of a SKU's weight, a technician's order; return the belief that it starts with anew.

        None: nothing was learned of it.
        """
        key = sku_key(sku)
        if key not in self._known:
            return None
        fresh = {key: forgotten(self._known[key], self._catalogue_g(sku), self._shelf.middle_g(FIRST_MEDIAN_G))}
        self._believe(fresh)
        return {key: msgspec.json.encode(fresh[key])}

    # -- words of `agent.packing` -------------------------------------------------------------------------------

    def _remember(self, job: Job) -> None:
        """Keep what a job says of its SKUs."""
        for item in job.items:
            if item.weight_g is not UNSET:
                self._items[item.sku] = item.weight_g
            if item.dims_mm is not UNSET:
                length, width, height = item.dims_mm
                self._litres[item.sku] = length * width * height / 1e6
        for one in job.cartons:
            self._known.setdefault(carton_key(one.id), first_tare(one.tare_g))

    def _contents(self, job: Job | None, units: dict[str, int], carton: str = "") -> Contents:
        """Return the contents in the words of `agent.packing`; all of them get their first belief here."""
        if job is not None:
            self._remember(job)
        for sku in units:
            if sku_key(sku) not in self._known:
                middle_g = self._shelf.middle_g(FIRST_MEDIAN_G)
                self._believe({sku_key(sku): first_sight(self._catalogue_g(sku), middle_g)})
        box = cartons_for(job, self._catalogue).get(carton)
        if carton and carton_key(carton) not in self._known:
            self._known[carton_key(carton)] = first_tare(box.tare_g) if box is not None else _any_tare()
        litres = [self._sku_litres(sku) * count for sku, count in units.items()]
        void_l = max(box.volume_mm3 / 1e6 - sum(litres), 0.0) if box is not None and all(litres) else 0.0
        return Contents(units, carton or ANY_CARTON, void_l)

    def _sku_litres(self, sku: str) -> float:
        """Return what one unit takes, in litres; 0.0 while that is not known."""
        master = self._catalogue.skus.get(sku)
        if sku in self._litres or master is None or master.dims_mm is None:
            return self._litres.get(sku, 0.0)
        length, width, height = master.dims_mm
        return length * width * height / 1e6

    def _catalogue_g(self, sku: str) -> float | None:
        """Return what job or catalogue say that a unit weighs, or None."""
        master = self._catalogue.skus.get(sku)
        return self._items.get(sku, master.weight_g if master is not None else None)

    def _believe(self, changed: dict[str, Weight]) -> None:
        self._known |= changed
        self._shelf.move(changed)


def _any_tare() -> Weight:
    return dataclasses.replace(first_tare(ANY_TARE_G), variance=ANY_TARE_VARIANCE)
