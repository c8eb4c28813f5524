"""Readable defaults for tests: a job, a box's weight, settings, and a station that is driven event by event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from agent.station.events import (
    AgentStarted,
    ButtonPressed,
    CartonSuggested,
    CodesSeen,
    DecisionMade,
    Delivery,
    JobAssigned,
    JobCancelled,
    LabelArrived,
    WeightStable,
)
from agent.station.items import plus
from agent.station.machine import step
from agent.station.records import (
    Acknowledge,
    BuryMessage,
    DropFacts,
    SaveCatalogue,
    SaveJob,
    SavePapers,
    SaveParcel,
    SavePrint,
    SaveSuggestion,
    SendPage,
    Synchronize,
    Tell,
)
from agent.station.state import State, sha256_hex
from agent.station.values import Job, KnownJob, Parcel, Print, SuggestedCarton, Suggestion, Verdict, Weight
from firmware_config.settings import Settings, parse

if TYPE_CHECKING:
    from agent.station import facts as told
    from agent.station.events import Event


def settings(**station: object) -> Settings:
    """Return settings with one simulated device of each kind."""
    return parse({
        "station": {"id": "st-1", "site": "ams1", **station}, "broker": {"url": "mqtt://localhost"},
        "bench": "/nowhere",
        "scale": {"driver": "bench"}, "camera": {"driver": "bench"}, "printer": {"driver": "bench"},
    }, "test")


def job_payload(job: str = "J-1", **more: object) -> dict[str, Any]:
    """Return a whole job as it comes over the wire: a slip, a label after weighing, two SKUs."""
    return {
        "job": job, "rev": 1, "station": "st-1", "site": "ams1", "order": {"id": f"O-{job}"},
        "ship_to": {"name": "Ada Lovelace", "city": "Amsterdam", "country": "NL", "postcode": "1012 AB",
                    "lines": ["Damrak 1"]},
        "items": [{"sku": "MUG", "name": "Mug, blue", "qty": 2}, {"sku": "TEA", "name": "Green tea", "qty": 1}],
        "papers": [{"id": "slip", "role": "slip"}, {"id": "label", "role": "label", "data": {"tracking": f"TRK{job}"}}],
        "match": [job], **more,
    }


def a_job(job: str = "J-1", **more: object) -> Job:
    """Return a job as the core sees it."""
    return msgspec.convert(job_payload(job, **more), Job)


def known_after(old: KnownJob | None, record: SaveJob) -> KnownJob:
    """Return what a store knows of a job after a record."""
    old = old or KnownJob(id=record.id, rev=record.rev, state=record.state)
    return replace(old, rev=record.rev, state=record.state, digest=record.digest or old.digest,
                   job=record.job or old.job)


def known_with(known: KnownJob, parcels: list[Parcel]) -> KnownJob:
    """Return what a store knows of a job that has these parcels."""
    closed = [parcel for parcel in parcels if parcel.state == "closed"]
    gone: dict[str, int] = {}
    for parcel in closed:
        gone = plus(gone, dict(parcel.contents))
    return replace(known, parcels=len(parcels), gone=tuple(gone.items()),
                   labels=tuple(parcel.label for parcel in closed))


def grams(value_g: float) -> Weight:
    """Return a quick stable weight."""
    return Weight(value_g=value_g, u95_g=2.0)


@dataclass
class Bench:
    """A station's core with a store in memory: `send` an event, look at what came of it."""

    config: Settings = field(default_factory=settings)
    state: State = field(default_factory=State)
    jobs: dict[str, KnownJob] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    pages: dict[int, Print] = field(default_factory=dict)
    facts: list[told.Fact] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    now_ms: int = 0
    boot: int = 0
    outbox: list[Print] = field(default_factory=list)
    comparisons: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin another life on the same store."""
        self.boot += 1
        self.outbox = []
        self.send(AgentStarted(at_ms=self.now_ms, store_id="7d0f", boot=self.boot))

    def send(self, event: Event) -> None:
        """Step the core and keep what it wants kept."""
        self.now_ms = max(self.now_ms + 1, event.at_ms)
        self.state, records, effects = step(self.state, replace(event, at_ms=self.now_ms), self.config)
        for record in records:
            match record:
                case SaveJob():
                    self.jobs[record.id] = known_after(self.jobs.get(record.id), record)
                case SaveParcel(parcel=parcel):
                    self.parcels[parcel.id] = parcel
                    mine = [one for one in self.parcels.values() if one.job == parcel.job]
                    self.jobs[parcel.job] = known_with(self.jobs[parcel.job], mine)
                case SavePrint(print=page):
                    self.pages[page.no] = page
                case Tell(fact=fact):
                    self.facts.append(fact)
                case SaveSuggestion(job=job, suggestion=suggestion):
                    self.jobs[job] = replace(self.jobs[job], suggestion=suggestion)
                case SavePapers() | SaveCatalogue() | DropFacts() | BuryMessage():
                    pass
        for effect in effects:
            match effect:
                case Acknowledge(delivery=delivery):
                    self.acknowledged.append(delivery.mid)
                case SendPage(print=page):
                    self.outbox.append(page)
                case Synchronize():
                    self.comparisons += 1

    def assign(self, job: Job, mid: int = 1) -> None:
        """The OMS sends a job."""
        digest = sha256_hex(msgspec.json.encode(job))
        self.send(JobAssigned(at_ms=0, job=job, digest=digest, delivery=Delivery(1, mid), known=self.jobs.get(job.job)))

    def suggest(self, job: str, *cartons: SuggestedCarton, gross: Weight | None = None, rev: int = 1) -> None:
        """The search for cartons answers."""
        suggestion = Suggestion(cartons=cartons, gross=gross)
        self.send(CartonSuggested(at_ms=0, job=job, rev=rev, suggestion=suggestion, known=self.jobs.get(job)))

    def cancel(self, job: str, rev: int = 1) -> None:
        """The OMS takes a job back."""
        self.send(JobCancelled(at_ms=0, job=job, rev=rev, delivery=Delivery(1, 2), known=self.jobs.get(job)))

    def decide(self, parcel: str, verdict: Verdict) -> None:
        """The OMS decides about a held parcel."""
        self.send(DecisionMade(at_ms=0, parcel=parcel, verdict=verdict, delivery=Delivery(1, 3),
                               known=self.jobs.get(parcel.rpartition("/")[0]), known_parcel=self.parcels.get(parcel)))

    def send_label(self, parcel: str, tracking: str = "TRK-9") -> None:
        """The OMS sends a parcel's label."""
        papers = a_job(papers=[{"id": "bought", "role": "label", "data": {"tracking": tracking}}]).papers
        self.send(LabelArrived(at_ms=0, parcel=parcel, rev=1, papers=papers, delivery=Delivery(1, 4),
                               known=self.jobs.get(parcel.rpartition("/")[0]), known_parcel=self.parcels.get(parcel)))

    def weigh(self, value_g: float) -> None:
        """A box stands still on the platform."""
        self.send(WeightStable(at_ms=0, gross=grams(value_g)))

    def press(self, *, long: bool = False) -> None:
        """The packer presses the button."""
        self.send(ButtonPressed(at_ms=0, long=long))

    def scan(self, code: str) -> None:
        """The packer scans one code by hand."""
        self.see(code, visit=0, scanned=True)

    def see(self, *codes: str, visit: int | None = None, **more: Any) -> None:  # noqa: ANN401 (fields of CodesSeen)
        """The camera reads these codes: job codes, or the marks of pages."""
        jobs = tuple(known for known in self.jobs.values()
                     if known.id in codes or (known.job and set(known.job.match) & set(codes)))
        prints = tuple((page, self.parcels.get(page.parcel)) for page in self.pages.values() if page.mark in codes)
        box = self.state.box
        number = visit if visit is not None else (box.visit if box else 0)
        labelled = {page.job for page, _ in prints if page.role == "label"}
        at_hand = self.jobs.get(labelled.pop() if len(labelled) == 1 and not jobs else self.state.at_hand)
        parcel = self.state.parcel(box.parcel) if box else None
        label = self.pages.get(parcel.print_no) if parcel else None
        self.send(CodesSeen(at_ms=0, visit=number, codes=codes, jobs=jobs, prints=prints, at_hand=at_hand, label=label,
                            **more))

    def page_of(self, job: str, role: str) -> Print:
        """Return the newest page of a job with this role."""
        return [page for page in self.pages.values() if page.job == job and page.role == role][-1]

    def parcel_state(self, parcel: str) -> str:
        """Return how a parcel is, in one word."""
        return self.parcels[parcel].state

    def job_state(self, job: str) -> str:
        """Return how a job is, in one word."""
        return self.jobs[job].state

    def page_state(self, number: int) -> str:
        """Return how a page of the ledger is, in one word."""
        return self.pages[number].state

    def told(self, kind: type[told.Fact]) -> list[Any]:
        """Return the facts of one kind, oldest first."""
        return [fact for fact in self.facts if isinstance(fact, kind)]
