"""What the station has learned about weights: a finding for each weighed box, a lesson from each closed parcel.

The beliefs are plain values of `agent.packing`; the store keeps them in the same transaction as the parcel that taught.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

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
    first_sight,
    first_tare,
    learn,
    sku_key,
)
from agent.station import rules, scans
from agent.station.events import CodesSeen, SaveJob, SaveParcel
from agent.station.items import minus
from agent.station.values import Finding, Vouching

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.station.events import Event, Record
    from agent.station.state import State
    from agent.station.values import Job, Parcel

# Until a station knows its cartons, all of them are one kind: a medium carton, very unsure.
ANY_CARTON, ANY_TARE_G, ANY_TARE_VARIANCE = "any", 180.0, 150.0**2
# A SKU of which nothing at all is known weighs as much as the middle of those that are; before there are any, this.
FIRST_MEDIAN_G = 300.0
# How many lessons a look-up of similar SKUs may be old.
SHELF_LESSONS = 200
ALERTNESS = "alertness"


class Advice:
    """The beliefs of one station. Asked by the owner loop only."""

    def __init__(self, stored: dict[str, bytes]) -> None:
        """Take what the store has; an unreadable belief starts anew."""
        self._known: dict[str, Weight] = {FILL: FIRST_FILL, CONSTANT: FIRST_CONSTANT}
        self._known[carton_key(ANY_CARTON)] = dataclasses.replace(first_tare(ANY_TARE_G), variance=ANY_TARE_VARIANCE)
        self._alertness = Alertness()
        for key, body in stored.items():
            with suppress(msgspec.DecodeError):
                if key == ALERTNESS:
                    self._alertness = msgspec.json.decode(body, type=Alertness)
                else:
                    self._known[key] = msgspec.json.decode(body, type=Weight)
        self._shelf, self._lessons = Shelf(self._known), 0
        self._items: dict[str, float] = {}

    def about(self, event: Event, state: State) -> Event:
        """Return the event with a finding, when it shows one open job's box that stands still."""
        if not isinstance(event, CodesSeen):
            return event
        known = scans.job_in_sight(event) or event.at_hand
        if known is None or known.job is None or known.state not in ("open", "held"):
            return event
        job, box, packing = known.job, state.box, state.packing(known.id)
        if packing is None:
            event = replace(event, vouching=self.vouch(job))
        if box is None or box.gross is None or box.parcel:
            return event
        units = scans.in_box(packing) if packing is not None else minus(dict(rules.contents(job)), dict(known.gone))
        if not units:  # all of it is in a parcel already
            return event
        contents = self._contents(job, units)
        verdict = judge(self._known, contents, box.gross.value_g, self._shelf, self._alertness)
        finding = Finding(
            finding=verdict.finding.value, off_g=round(verdict.difference_g, 1), sd_g=round(verdict.sd_g, 1),
            wrong=round(verdict.wrong, 4), words=verdict.sentence,
        )
        return replace(event, finding=finding)

    def vouch(self, job: Job) -> Vouching:
        """Return what the scale can't vouch for in a job, and the unit weights that a single step would show."""
        contents = self._contents(job, dict(rules.contents(job)))
        units = [(sku, self._known[sku_key(sku)]) for sku in contents.units]
        return Vouching(to_scan=vouching(self._known, contents).to_scan, units=tuple(
            (sku, round(weight.grams, 1), round((weight.variance + (weight.spread * weight.grams) ** 2) ** 0.5, 1))
            for sku, weight in units if weight.seen >= ARMED_SEEN))

    def learn(self, records: Iterable[Record]) -> dict[str, bytes]:
        """Learn from the parcels that these records close; return the beliefs that changed, as the store keeps them."""
        changed: dict[str, bytes] = {}
        for record in records:
            if isinstance(record, SaveJob) and record.job is not None:
                self._items.update({item.sku: item.weight_g for item in record.job.items if item.weight_g is not UNSET})
            if isinstance(record, SaveParcel) and record.parcel.state == "closed" and record.parcel.contents:
                changed |= self._lesson(record.parcel)
        return changed

    def _lesson(self, parcel: Parcel) -> dict[str, bytes]:
        contents = self._contents(None, dict(parcel.contents))
        wrong = parcel.finding.wrong if parcel.finding is not None else 0.0
        self._alertness = self._alertness.after(wrong, settled_right=True if parcel.settled else None)
        changed = learn(self._known, contents, parcel.gross.value_g, parcel.gross.u95_g / 2, settled=parcel.settled)
        self._known |= changed
        self._lessons += 1
        if self._lessons % SHELF_LESSONS == 0:
            self._shelf = Shelf(self._known)
        bodies = {key: msgspec.json.encode(weight) for key, weight in changed.items()}
        return bodies | {ALERTNESS: msgspec.json.encode(self._alertness)}

    def _contents(self, job: Job | None, units: dict[str, int]) -> Contents:
        """Return the contents in the words of `agent.packing`; every SKU gets its first belief here."""
        if job is not None:
            self._items.update({item.sku: item.weight_g for item in job.items if item.weight_g is not UNSET})
        for sku in units:
            if sku_key(sku) not in self._known:
                self._known[sku_key(sku)] = first_sight(self._items.get(sku), self._median_g())
        return Contents(units, ANY_CARTON, 0.0)

    def _median_g(self) -> float:
        weights = sorted(weight.grams for key, weight in self._known.items() if key.startswith("sku:"))
        return weights[len(weights) // 2] if weights else FIRST_MEDIAN_G
