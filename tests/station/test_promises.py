"""Every order of events to a useful depth, and what must always hold: the promises that concern the core."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pytest
from msgspec.structs import replace as with_fields

from agent.station import machine, pages, parcels, rules, visits
from agent.station.events import (
    AgentStarted,
    ButtonPressed,
    CodesSeen,
    Delivery,
    DeviceFailed,
    DeviceRecovered,
    Event,
    JobAssigned,
    JobCancelled,
    KnownJob,
    PageDoubtful,
    PageNotPrinted,
    PagePrinted,
    PlatformCleared,
    SaveJob,
    SaveParcel,
    SavePrint,
    SendPage,
    Tell,
    WeightStable,
)
from agent.station.facts import JobChanged, PrintChanged, StockMoved
from agent.station.state import State
from agent.station.view import view
from tests.builders import a_job, grams, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.station.values import Job, Parcel, Print

CONFIG = settings()
JOBS = {name: a_job(name, papers=[{"id": "label", "role": "label"}]) for name in ("A", "B")}
WEIGHTS = {"A": 1_000.0, "B": 3_000.0}
DELIVERY = Delivery(1, 1)


@dataclass(frozen=True)
class World:
    """A state with what its store would hold, and what came out of the printer."""

    state: State = field(default_factory=State)
    jobs: tuple[tuple[str, KnownJob], ...] = ()
    parcels: tuple[tuple[str, Parcel], ...] = ()
    pages: tuple[tuple[int, Print], ...] = ()
    sent: tuple[int, ...] = ()
    asked_again: int = 0
    moved: tuple[str, ...] = ()
    standing: str = ""

    def known(self, job: str) -> KnownJob | None:
        return dict(self.jobs).get(job)


class Note(Protocol):
    """Whoever wants to see every step."""

    def __call__(self, world: World, event: Event, new: World) -> None: ...


def possible(world: World) -> Iterator[tuple[str, Event]]:
    """Every event that can happen now, answers that come late included."""
    yield "restart", AgentStarted(at_ms=0, store_id="x", boot=world.state.boot + 1)
    for name, job in JOBS.items():
        yield f"assign {name}", _assign(world, job)
        yield f"cancel {name}", JobCancelled(at_ms=0, job=name, rev=1, delivery=DELIVERY, known=world.known(name))
        if not world.standing:
            yield f"put {name}", WeightStable(at_ms=0, gross=grams(WEIGHTS[name]))
    if world.standing:
        yield "lift", PlatformCleared(at_ms=0)
        yield from _seen(world)
    for page in world.state.prints:
        if page.state == "sending":
            yield f"printed {page.no}", PagePrinted(at_ms=0, print_no=page.no)
            yield f"not printed {page.no}", PageNotPrinted(at_ms=0, print_no=page.no, code="printer.x")
            yield f"doubtful {page.no}", PageDoubtful(at_ms=0, print_no=page.no, code="printer.x")
    yield "yes", ButtonPressed(at_ms=0)
    yield "no", ButtonPressed(at_ms=0, long=True)
    yield "printer broke", DeviceFailed(at_ms=0, device="printer", code="printer.x", hint="mend it")
    yield "printer back", DeviceRecovered(at_ms=0, device="printer")


def _assign(world: World, job: Job) -> JobAssigned:
    return JobAssigned(at_ms=0, job=job, digest=job.job, delivery=DELIVERY, known=world.known(job.job))


def _seen(world: World) -> Iterator[tuple[str, Event]]:
    """The box with its slip, or with any label that is in somebody's hands."""
    visit = world.state.box.visit if world.state.box else 0
    known = world.known(world.standing)
    jobs = (known,) if known else ()
    yield "see slip", CodesSeen(at_ms=0, visit=visit, codes=(world.standing,), jobs=jobs)
    for number, page in world.pages:
        if page.state in ("printed", "in-doubt", "void"):
            prints = ((page, dict(world.parcels).get(page.parcel)),)
            yield f"see label {number}", CodesSeen(at_ms=0, visit=visit, codes=(page.mark,), prints=prints)
            yield f"see late {number}", CodesSeen(at_ms=0, visit=visit - 1, codes=(page.mark,), prints=prints)


def after(world: World, name: str, event: Event) -> World:
    """Return the world after one event, and check the promises that one step can break."""
    state, records, effects = machine.step(world.state, with_fields(event, at_ms=world.state.now_ms), CONFIG)
    jobs, parcel_rows, page_rows = dict(world.jobs), dict(world.parcels), dict(world.pages)
    moved = world.moved
    for record in records:
        match record:
            case SaveJob():
                old = jobs.get(record.id)
                jobs[record.id] = KnownJob(
                    id=record.id, rev=record.rev, state=record.state,
                    digest=record.digest or (old.digest if old else ""),
                    job=record.job or (old.job if old else None), parcels=old.parcels if old else 0)
            case SaveParcel(parcel=parcel):
                if parcel.id not in parcel_rows:
                    jobs[parcel.job] = with_fields(jobs[parcel.job], parcels=jobs[parcel.job].parcels + 1)
                parcel_rows[parcel.id] = parcel
            case SavePrint(print=page):
                page_rows[page.no] = page
            case Tell(fact=StockMoved() as fact):
                moved = (*moved, fact.key)
            case _:
                pass
    sent = world.sent + tuple(effect.print.no for effect in effects if isinstance(effect, SendPage))
    standing = world.standing
    if name.startswith("put "):
        standing = name[4:]
    if name == "lift":
        standing = ""
    new = World(state, tuple(sorted(jobs.items())), tuple(sorted(parcel_rows.items())),
                tuple(sorted(page_rows.items())), sent, world.asked_again + (name == "no"), moved, standing)
    check(world, name, new)
    return new


def check(before: World, name: str, now: World) -> None:
    """The promises."""
    pages_now = dict(now.pages)
    was = dict(before.pages)
    for number, page in pages_now.items():
        # Print truth: a page goes to the printer again only when not one dot of it came out.
        if number in was and was[number].state == "sending" and page.state in ("queued", "sending"):
            again = now.sent.count(number) > before.sent.count(number)
            assert name.startswith("not printed") or not (again or page.state == "queued"), name
        assert not (number in was and was[number].state in ("printed", "void") and page.state == "sending"), name
        # Nothing in doubt ever ends by itself: someone saw the paper, or said so, or the job ended.
        if number in was and was[number].state == "in-doubt" and page.state != "in-doubt":
            assert name in ("yes", "no") or name.startswith(("see label", "see late", "cancel", "see slip")), name
    # Two valid labels of one parcel are never out together.
    for parcel_id, parcel in now.parcels:
        valid = [page for page in pages_now.values()
                 if page.parcel == parcel_id and page.state in ("sending", "printed")]
        assert len(valid) <= 1, (name, parcel_id, valid)
        if parcel.state == "closed" and parcel_id in dict(before.parcels) and not dict(before.parcels)[parcel_id].ended:
            assert before.standing == parcel.job, f"{name}: {parcel_id} was closed by another box"
            assert parcel.print_no, f"{name}: closed without a label"
    # A box whose label was seen on the wrong box is not closed by it, and what left the shelf leaves once.
    assert len(set(now.moved)) == len(now.moved), name
    # A cancelled job starts no paper.
    for job, known in now.jobs:
        if known.state == "cancelled" and (before.known(job) or known).state == "cancelled":
            fresh = [page for page in pages_now.values() if page.job == job and page.no not in was]
            assert not fresh, name
    # The lamps never say "done" or "go on" while a page is in doubt.
    if now.state.doubt is not None:
        assert view(now.state, CONFIG).red, name


def explore(depth: int, most: int, note: Note | None = None) -> tuple[int, int]:
    """Step through every order of events to a depth; return how many worlds and steps were seen."""
    start = after(World(), "restart", AgentStarted(at_ms=0, store_id="x", boot=1))
    for name, job in JOBS.items():
        start = after(start, f"assign {name}", _assign(start, job))
    seen, front, steps = {_shape(start)}, [start], 0
    for _ in range(depth):
        nearest: list[World] = []
        for world in front:
            for name, event in possible(world):
                steps += 1
                new = after(world, name, event)
                if note is not None:
                    note(world, event, new)
                shape = _shape(new)
                if shape not in seen and len(seen) < most:
                    seen.add(shape)
                    nearest.append(new)
        front = nearest
    return len(seen), steps


def transitions(depth: int) -> list[tuple[str, str, str, str]]:
    """Return every (thing, state before, event, state after) that happens within a depth; the page shows them."""
    found: set[tuple[str, str, str, str]] = set()

    def note(world: World, event: Event, new: World) -> None:
        name = type(event).__name__
        for thing, rows, rows_now in (("parcel", world.parcels, new.parcels), ("page", world.pages, new.pages)):
            was: dict[object, str] = {key: value.state for key, value in rows}
            found.update((thing, was.get(key, "-"), name, value.state)
                         for key, value in rows_now if was.get(key) != value.state)

    explore(depth, 20_000, note)
    order = ["-", "open", "queued", "sending", "in-doubt", "labelled", "unproven", "held", "printed", "closed", "void"]
    return sorted(found, key=lambda row: (row[0], order.index(row[1]), row[2], row[3]))


def _shape(world: World) -> object:
    """What tells two worlds apart: everything but counters that only grow."""
    bare = with_fields(world.state, boot=0, now_ms=0)
    jobs = tuple((name, known.state) for name, known in world.jobs)
    return bare, jobs, world.parcels, world.pages, world.moved, world.standing


def test_all_orders_of_events_keep_the_promises() -> None:
    worlds, steps = explore(depth=9, most=20_000)
    assert worlds > 5_000
    assert steps > 40_000


# Each row breaks the core in one place; the promises above must notice.
MUTANTS = {
    "a page under way at a crash is sent again": (pages, "doubtful", lambda turn, page, code: turn.save_page(
        with_fields(page, state="queued"))),
    "a reprint does not void the first": (pages, "void", lambda turn, page, code: None),
    "one look at any label closes the parcel": (
        visits, "_wrong_label", lambda turn, box, parcel, found_on: parcels.close(turn, parcel)),
    "weights are not compared": (rules, "same_weight", lambda one, other, config: True),
    "a cancel stops no paper": (pages, "retire", lambda turn, page, reason: None),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_promises_notice_a_broken_core(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, broken = MUTANTS[mutant]
    monkeypatch.setattr(place, name, broken)
    with pytest.raises((AssertionError, RecursionError, KeyError)):
        explore(depth=10, most=20_000)


def test_facts_of_one_state_have_one_key() -> None:
    first = JobChanged(job="A", rev=1, state="open")
    again = JobChanged(job="A", rev=1, state="open")
    assert first.key == again.key
    assert PrintChanged(mark="1", role="label", job="A", state="in-doubt").key != PrintChanged(
        mark="1", role="label", job="A", state="printed").key
