"""Which cartons a job's items fit in, found in a process of its own: neither the owner loop nor a printer waits for it.

The catalogue is the store's, and a job may bring its own cartons. A change counts from the next job on: what was
suggested for a job stays, with its placements, in the store. A job whose sizes are not all known gets reasons: unknown
is never zero.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import TYPE_CHECKING

from msgspec import UNSET

from agent.messages.catalogue import Catalogue
from agent.packing.clearance import clearance_mm, shrunk
from agent.packing.intake import Catalogue as Brought
from agent.packing.intake import read_catalogue
from agent.packing.model import Carton, Item, PackedCarton, Placement, Plan, Reason, Rules
from agent.packing.steps import in_packing_order, steps
from agent.station.events import CartonSuggested
from agent.station.values import SuggestedCarton, Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from multiprocessing.connection import Connection

    from agent.station.events import Event
    from agent.station.values import Item as Line
    from agent.station.values import Job
    from firmware_config.settings import Packing

KEPT = 512
ANSWER_S = 20.0
"""A process that says nothing for so long over one job is given up."""


@dataclass(frozen=True, slots=True)
class Question:
    """One job for the process: what is to be packed into what, by which rules.

    `reasons` say why it can't be asked at all, `notes` what of it is left out.
    """

    job: str
    rev: int
    items: tuple[Item, ...]
    cartons: tuple[Carton, ...]
    rules: Rules
    budget_ms: float
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()


class Cartons(threading.Thread):
    """The cartons at hand, and what was suggested from them. `want` and `stock` belong to the owner loop."""

    def __init__(self, settings: Packing, post: Callable[[Event], None], now_ms: Callable[[], int]) -> None:
        super().__init__(name="cartons", daemon=True)
        self.settings = settings
        self.catalogue = Catalogue()
        self._post, self._now_ms = post, now_ms
        self._questions: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._found: OrderedDict[tuple[str, int], Suggestion] = OrderedDict()
        self._asked: set[tuple[str, int]] = set()
        self._news = threading.Condition()

    def stock(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Take cartons and SKUs over the old ones of the same names; jobs that come later are packed in them."""
        self.catalogue = self.catalogue.with_rows(rows)

    def want(self, job: Job, misfits: Mapping[str, int]) -> None:
        """Begin to find the cartons for a job; the answer comes as an event.

        Where there are no cartons to choose from, there is one only for a label that waits for a prediction.
        """
        with self._news:
            if (job.job, job.rev) in self._asked:
                return
            self._asked.add((job.job, job.rev))
        asked = question(job, self.catalogue, self.settings, misfits)
        if asked.cartons or job.label_when == "before_packing":
            self._questions.put(asked)
        else:
            self.know(job.job, job.rev, Suggestion())

    def of(self, job: Job, wait_s: float = 0.0) -> Suggestion | None:
        """Return what was suggested for a job; None while it is not known.

        One that is still looked for is waited for, so long at the most.
        """
        with self._news:
            self._news.wait_for(lambda: (job.job, job.rev) not in self._asked, wait_s)
            return self._found.get((job.job, job.rev))

    def know(self, job: str, rev: int, suggestion: Suggestion) -> None:
        """Take a suggestion that was found in another life of the station."""
        with self._news:
            self._asked.discard((job, rev))
            self._found[job, rev] = suggestion
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
            self._news.notify_all()

    def run(self) -> None:
        """Answer questions until `stop`; the process is started with the first catalogue or question, and kept."""
        process = Packer()
        if self.catalogue.cartons:
            process.begin()
        try:
            while (asked := self._questions.get()) is not None:
                suggestion = suggestion_of(process.plan(asked))
                self.know(asked.job, asked.rev, suggestion)
                self._post(CartonSuggested(at_ms=self._now_ms(), job=asked.job, rev=asked.rev, suggestion=suggestion))
        finally:
            process.close()

    def stop(self) -> None:
        """Ask the thread to end, and the process with it."""
        self._questions.put(None)


class Packer:
    """The process that searches. It is started when it is needed first, and anew when it died."""

    def __init__(self) -> None:
        self._process: multiprocessing.process.BaseProcess | None = None
        self._wire: Connection | None = None

    def plan(self, asked: Question) -> Plan:
        """Return the plan for one question; a plan without cartons says why."""
        if asked.reasons:
            return Plan((), reasons=asked.reasons + asked.notes)
        for _ in range(2):
            wire = self.begin()
            try:
                wire.send(asked)
                if wire.poll(ANSWER_S):
                    answer = wire.recv()
                    if isinstance(answer, Plan):
                        return replace(answer, reasons=answer.reasons + asked.notes)
            except (EOFError, OSError):
                pass
            self.close()
        return Plan((), reasons=(Reason("carton.search-died", "The search for a carton ended without an answer."),))

    def begin(self) -> Connection:
        """Start the process unless it runs; return the pipe to it. It takes a second on a slow board."""
        if self._wire is None:
            spawn = multiprocessing.get_context("spawn")
            self._wire, there = spawn.Pipe()
            self._process = spawn.Process(target=_serve, args=(there,), name="cartons", daemon=True)
            self._process.start()
            there.close()
        return self._wire

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._wire is not None:
            self._wire.close()
        self._process = self._wire = None


def _serve(wire: Connection) -> None:
    """Answer questions over a pipe until its other end is closed: the body of the process."""
    import os
    import signal

    from agent.packing.suggest import Suggester

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the station, which closes the pipe when it ends
    os.nice(5)  # the station's own threads come first
    suggesters: dict[tuple[Rules, float], Suggester] = {}
    while True:
        try:
            asked: Question = wire.recv()
        except EOFError:
            return
        key = asked.rules, asked.budget_ms
        if key not in suggesters:
            suggesters = {key: Suggester(asked.rules, lambda: time.monotonic() * 1000, asked.budget_ms)}
        wire.send(suggesters[key].suggest(asked.items, asked.cartons))


def rules_of(settings: Packing) -> Rules:
    """Return what the settings want of a packing."""
    return Rules(support_permille=round(settings.support * 1000), max_fill_permille=round(settings.max_fill * 1000),
                 clearance_mm=settings.clearance_mm, objective=settings.objective)


def question(job: Job, catalogue: Catalogue, settings: Packing, misfits: Mapping[str, int]) -> Question:
    """Return a job as the search wants it, with the reasons where it can't be asked at all."""
    items: list[Item] = []
    reasons: list[Reason] = []
    for line in job.items:
        read = _item(line, catalogue, settings, misfits)
        if isinstance(read, Item):
            items.append(read)
        else:
            reasons += read
    cartons = cartons_for(job, catalogue)
    if not cartons:
        reasons.append(Reason("carton.none", "The station knows no carton: import a catalogue, or send cartons."))
    fitted = tuple(shrunk(carton, misfits.get(f"carton:{carton.id}", 0)) for carton in cartons.values())
    return Question(job.job, job.rev, tuple(items), fitted, rules_of(settings), settings.budget_ms, tuple(reasons),
                    brought(job).reasons)


def cartons_for(job: Job | None, catalogue: Catalogue) -> Mapping[str, Carton]:
    """Return the cartons that a job may be packed in: those that it brings, else the site's."""
    if job is None or not job.cartons:
        return catalogue.cartons
    return {carton.id: carton for carton in brought(job).cartons}


def brought(job: Job) -> Brought:
    """Return the cartons that a job brings, in whole millimetres and grams, and what is wrong with the others."""
    return read_catalogue(job.job, [{
        "id": one.id, "inner": [floor(edge) for edge in one.inner_mm], "outer": [ceil(edge) for edge in one.outer_mm],
        "tare_g": ceil(one.tare_g), "max_weight_g": floor(one.max_gross_g), "cost": one.cost_cents,
        "stock": None if one.stock is UNSET else one.stock} for one in job.cartons])


def _item(line: Line, catalogue: Catalogue, settings: Packing, misfits: Mapping[str, int]) -> Item | list[Reason]:
    """Return one line of a job, filled up from what is known of its SKU; all that is missing else."""
    sku = catalogue.skus.get(line.sku)
    dims = sku.dims_mm if sku is not None and line.dims_mm is UNSET else None
    source = sku.size_from if sku is not None and dims is not None else ""
    if line.dims_mm is not UNSET:
        dims = ceil(line.dims_mm[0]), ceil(line.dims_mm[1]), ceil(line.dims_mm[2])
        source = "" if line.size_from is UNSET else line.size_from
    weight_g = sku.weight_g if sku is not None else None
    weight_g = weight_g if line.weight_g is UNSET else max(1, round(line.weight_g))
    if dims is None or weight_g is None:
        return [Reason(f"item.{what}-unknown", f"The {what} of {line.sku} is unknown.", line.sku)
                for what, known in (("size", dims), ("weight", weight_g)) if known is None]
    load_g = sku.max_load_g if sku is not None and line.max_load_g is UNSET else None
    load_g = load_g if line.max_load_g is UNSET else round(line.max_load_g)
    fragile = "fragile" in line.flags or load_g == 0
    return Item(
        sku=line.sku, dims_mm=dims, weight_g=weight_g, qty=line.qty,
        upright="this-side-up" in line.flags or (sku is not None and sku.upright),
        max_load_g=0 if fragile else load_g,
        clearance_mm=clearance_mm(source, misfits.get(f"sku:{line.sku}", 0), settings.fragile_mm if fragile else 0,
                                  settings.clearance_mm),
    )


def suggestion_of(plan: Plan) -> Suggestion:
    """Return a plan in the words of the station; placements stand in the order of packing."""
    return Suggestion(
        cartons=tuple(SuggestedCarton(
            carton=packed.carton.id, inner_mm=packed.carton.inner_mm, outer_mm=packed.carton.outer_mm,
            contents=tuple(packed.units.items()),
            placements=tuple((one.sku, one.pos_mm, one.dims_mm) for one in in_packing_order(packed.placements)),
        ) for packed in plan.cartons),
        larger=plan.runner_up.carton.id if plan.runner_up else "", proven=plan.proven,
        reasons=tuple((reason.code, reason.sentence) for reason in plan.reasons),
    )


def packed_of(box: SuggestedCarton) -> PackedCarton:
    """Return a suggested carton as it can be drawn and told in steps."""
    inner, outer = ((int(size[0]), int(size[1]), int(size[2])) for size in (box.inner_mm, box.outer_mm))
    placements = tuple(Placement(sku, at, size) for sku, at, size in box.placements)
    return PackedCarton(Carton(box.carton, inner, outer, 0, 0, 0), placements, 0)


def words(packed: PackedCarton) -> tuple[str, ...]:
    """Return how to pack a carton, a sentence a move."""
    return tuple(step.words for step in steps(packed))
