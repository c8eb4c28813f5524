"""Every order of events to a useful depth, and what must always hold: the promises that concern the core."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, get_args

import pytest
from msgspec.structs import replace as with_fields

from agent.station import boxes, items, machine, pages, parcels, rules, scans, visits
from agent.station import state as state_module
from agent.station.commands import PREFIX, Card, Command
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
    PageDoubtful,
    PageNotPrinted,
    PagePrinted,
    PlatformCleared,
    RestDecided,
    WeightStable,
)
from agent.station.facts import JobChanged, PrintChanged, StockMoved
from agent.station.records import SaveJob, SaveParcel, SavePrint, SendPage, Tell
from agent.station.state import State
from agent.station.values import KnownJob, RestVerdict
from agent.station.view import view
from firmware_config.settings import Scanner
from tests.builders import a_job, grams, known_after, known_with, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.station.values import Job, Parcel, Print
    from firmware_config.settings import Settings

LABEL = [{"id": "label", "role": "label"}]
DELIVERY = Delivery(1, 1)
TEA = "4006381333931"


@dataclass(frozen=True)
class Scene:
    """Which jobs there are, which boxes with their weights (a name begins with its job), what the packer scans."""

    jobs: dict[str, Job]
    boxes: dict[str, float]
    config: Settings
    scans: tuple[str, ...] = ()


PLAIN = Scene({name: a_job(name, papers=LABEL) for name in ("A", "B")}, {"A": 1_000.0, "B": 3_000.0}, settings())
# One job of two pieces that are scanned by hand into one box or two; the second box is as heavy as the first.
SCANNED = Scene(
    {"S": a_job("S", papers=LABEL, items=[{"sku": "TEA", "name": "Tea", "qty": 2, "barcodes": [TEA]}],
                verify={"scan": True})},
    {"S": 1_000.0, "S+": 2_000.0},
    with_fields(settings(), scanner=(Scanner(driver="serial", path="/dev/ttyS0"),)),
    ("S", TEA, "4006381333900", *(Card(one).text for one in (Command.NEXT, Command.SHORT, Command.COUNT))),
)


IN_ONE = f"scan S, scan {TEA}, scan {TEA}, put S, see slip, printed 1, see label 1, see label 1, lift"
IN_TWO = (f"scan S, scan {TEA}, put S, scan PB.NEXT, see slip, printed 1, see label 1, lift, scan {TEA}, put S,"
          " see slip, printed 2, see label 2, see label 2, lift, put S, see label 1, see label 1, lift")
KEPT = (f"scan S, scan {TEA}, put S, scan PB.SHORT, see slip, printed 1, see label 1, see label 1, rest keep, lift,"
        f" put S, see slip, scan {TEA}, see slip, printed 2")
GIVEN_UP = f"put S, see slip, scan {TEA}, scan PB.SHORT, see slip, rest cancel, printed 1, see label 1, see label 1"
STORIES = (IN_ONE, IN_TWO, KEPT, GIVEN_UP)


@dataclass(frozen=True)
class World:
    """A state with what its store would hold, and what came out of the printer."""

    scene: Scene = PLAIN
    state: State = field(default_factory=State)
    jobs: tuple[tuple[str, KnownJob], ...] = ()
    parcels: tuple[tuple[str, Parcel], ...] = ()
    pages: tuple[tuple[int, Print], ...] = ()
    sent: tuple[int, ...] = ()
    asked_again: int = 0
    moved: tuple[tuple[str, int], ...] = ()
    given_up: bool = False
    standing: str = ""

    def known(self, job: str) -> KnownJob | None:
        return dict(self.jobs).get(job)

    def scanned(self) -> int:
        """Return how many pieces are counted as scanned, in boxes and before."""
        parcels = [parcel.items for _, parcel in self.parcels if parcel.state != "void"]
        return sum(piece.qty for found in (*parcels, *(one.items for one in self.state.packings)) for piece in found)


class Note(Protocol):
    """Whoever wants to see every step."""

    def __call__(self, world: World, event: Event, new: World) -> None: ...


def possible(world: World) -> Iterator[tuple[str, Event]]:
    """Every event that can happen now, answers that come late included."""
    yield "restart", AgentStarted(at_ms=0, store_id="x", boot=world.state.boot + 1)
    for name, job in world.scene.jobs.items():
        yield f"assign {name}", _assign(world, job)
        yield f"cancel {name}", JobCancelled(at_ms=0, job=name, rev=1, delivery=DELIVERY, known=world.known(name))
    for name, weight_g in world.scene.boxes.items() if not world.standing else ():
        yield f"put {name}", WeightStable(at_ms=0, gross=grams(weight_g))
    for code in world.scene.scans:
        yield f"scan {code}", _attached(world, CodesSeen(at_ms=0, visit=0, codes=(code,), scanned=True))
    for packing in world.state.packings:
        for rest in get_args(RestVerdict) if packing.short else ():
            yield f"rest {rest}", RestDecided(at_ms=0, job=packing.job, rest=rest, delivery=DELIVERY,
                                              known=world.known(packing.job))
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
    yield "see slip", _attached(world, CodesSeen(at_ms=0, visit=visit, codes=(world.standing[0],)))
    for number, page in world.pages:
        if page.state in ("printed", "in-doubt", "void"):
            prints = ((page, dict(world.parcels).get(page.parcel)),)
            for word, seen in (("label", visit), ("late", visit - 1)):
                yield f"see {word} {number}", CodesSeen(at_ms=0, visit=seen, codes=(page.mark,), prints=prints,
                                                        at_hand=world.known(page.job))


def _attached(world: World, event: CodesSeen) -> CodesSeen:
    """Return the event with what a store would attach."""
    jobs = tuple(known for code in event.codes if (known := world.known(code)))
    return with_fields(event, jobs=jobs, at_hand=world.known(world.state.at_hand))


def after(world: World, name: str, event: Event) -> World:
    """Return the world after one event, and check the promises that one step can break."""
    state, records, effects = machine.step(world.state, with_fields(event, at_ms=world.state.now_ms),
                                           world.scene.config)
    jobs, parcel_rows, page_rows = dict(world.jobs), dict(world.parcels), dict(world.pages)
    moved = world.moved
    for record in records:
        match record:
            case SaveJob():
                jobs[record.id] = known_after(jobs.get(record.id), record)
            case SaveParcel(parcel=parcel):
                parcel_rows[parcel.id] = parcel
                mine = [one for one in parcel_rows.values() if one.job == parcel.job]
                jobs[parcel.job] = known_with(jobs[parcel.job], mine)
            case SavePrint(print=page):
                page_rows[page.no] = page
            case Tell(fact=StockMoved() as fact):
                moved = (*moved, (fact.key, fact.qty))
            case _:
                pass
    sent = world.sent + tuple(effect.print.no for effect in effects if isinstance(effect, SendPage))
    standing = world.standing
    if name.startswith("put "):
        standing = name[4:]
    if name == "lift":
        standing = ""
    new = World(world.scene, state, tuple(sorted(jobs.items())), tuple(sorted(parcel_rows.items())),
                tuple(sorted(page_rows.items())), sent, world.asked_again + (name == "no"), moved,
                world.given_up or name in ("rest cancel", "rest backorder"), standing)
    check(world, name, new)
    check_packing(world, name, new)
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
        # Nothing in doubt ever ends by itself: someone saw the paper, or said so, or job or parcel ended.
        if number in was and was[number].state == "in-doubt" and page.state != "in-doubt":
            assert name in ("yes", "no") or name.startswith(
                ("see label", "see late", "cancel", "see slip", "scan S", f"scan {PREFIX}")), name
    # Two valid labels of one parcel are never out together.
    for parcel_id, parcel in now.parcels:
        valid = [page for page in pages_now.values()
                 if page.parcel == parcel_id and page.state in ("sending", "printed")]
        assert len(valid) <= 1, (name, parcel_id, valid)
        if parcel.state == "closed" and parcel_id in dict(before.parcels) and not dict(before.parcels)[parcel_id].ended:
            assert before.standing[:1] == parcel.job, f"{name}: {parcel_id} was closed by another box"
            assert parcel.print_no, f"{name}: closed without a label"
    # A box whose label was seen on the wrong box is not closed by it, and what left the shelf leaves once.
    assert len({key for key, _ in now.moved}) == len(now.moved), name
    # A cancelled job starts no paper.
    for job, known in now.jobs:
        if known.state == "cancelled" and (before.known(job) or known).state == "cancelled":
            fresh = [page for page in pages_now.values() if page.job == job and page.no not in was]
            assert not fresh, name
    # The lamps never say "done" or "go on" while a page is in doubt.
    if now.state.doubt is not None:
        assert view(now.state, now.scene.config).red, name


def check_packing(before: World, name: str, now: World) -> None:
    """The promises about what is in the boxes."""
    for job, known in now.jobs:
        mine = [parcel for _, parcel in now.parcels if parcel.job == job]
        ordered = dict(rules.contents(known.job)) if known.job is not None else {}
        packed: dict[str, int] = {}
        for parcel in mine:
            if parcel.state != "void":
                packed = items.plus(packed, dict(parcel.contents))
        # Contents over all parcels never exceed what was ordered.
        assert not items.minus(packed, ordered), (name, packed)
        assert all(parcel.contents for parcel in mine), f"{name}: an empty parcel"
        # What left the shelf is what the closed parcels hold, and a packed job left whole unless the OMS gave it up.
        left = sum(count for parcel in mine if parcel.state == "closed" for _, count in parcel.contents)
        assert left == sum(count for key, count in now.moved if key.startswith(f"inv/{job}/")), name
        if known.state == "packed" and not now.given_up:
            assert left == sum(ordered.values()), f"{name}: packed, and {ordered} is not what left"
    # An item's scan is counted or told, and what was counted stays so until somebody asks to count anew.
    if name == f"scan {TEA}":
        assert now.scanned() == before.scanned() + 1 or now.state.told is not None, name
    elif not name.startswith(("cancel", "rest", f"scan {Card(Command.COUNT).text}")):
        assert now.scanned() >= before.scanned(), name
    if name == "scan 4006381333900":
        assert now.scanned() == before.scanned(), name
        assert now.state.told is not None, name


def explore(depth: int, most: int, note: Note | None = None, scene: Scene = PLAIN,
            stories: tuple[str, ...] = ("",)) -> tuple[int, int]:
    """Step through every order of events to a depth from each point of some stories; return how many worlds and steps.

    A story is the names of its events.
    """
    front: list[World] = []
    for story in stories:
        world = after(World(scene), "restart", AgentStarted(at_ms=0, store_id="x", boot=1))
        for name, job in scene.jobs.items():
            world = after(world, f"assign {name}", _assign(world, job))
        front.append(world)
        for name in filter(None, story.split(", ")):
            event = dict(possible(world))[name]
            world, before = after(world, name, event), world
            front.append(world)
            if note is not None:
                note(before, event, world)
    seen, steps = {_shape(world) for world in front}, 0
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
    explore(1, 2_000, note, SCANNED, STORIES)
    order = ["-", "open", "queued", "sending", "in-doubt", "labelled", "unproven", "held", "printed", "closed", "void"]
    return sorted(found, key=lambda row: (row[0], order.index(row[1]), row[2], row[3]))


def _shape(world: World) -> object:
    """What tells two worlds apart: everything but counters that only grow."""
    bare = with_fields(world.state, boot=0, now_ms=0, told=None)
    jobs = tuple((name, known.state) for name, known in world.jobs)
    return bare, jobs, world.parcels, world.pages, world.moved, world.standing


def test_all_orders_of_events_keep_the_promises() -> None:
    worlds, steps = explore(depth=9, most=20_000)
    assert worlds > 5_000
    assert steps > 40_000


def test_all_orders_of_scans_and_boxes_keep_the_promises() -> None:
    worlds, steps = explore(4, 6_000, scene=SCANNED, stories=STORIES)
    assert worlds > 2_000
    assert steps > 20_000


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


# And these in what is in the boxes.
PACKING_MUTANTS = {
    "a box takes what is in another one": (scans, "in_box", lambda packing: {"TEA": 2}),
    "a cut box takes all": (boxes, "judged", lambda turn, packing: None),
    "one too many is counted": (items, "minus", lambda one, other: dict(one)),
    "a rest is forgotten": (parcels, "plus", lambda one, other: {}),
    "a wrong item is silent": (state_module.Turn, "say", lambda turn, code, subject="": None),
}


@pytest.mark.parametrize("mutant", PACKING_MUTANTS)
def test_the_promises_notice_a_wrong_box(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, broken = PACKING_MUTANTS[mutant]
    monkeypatch.setattr(place, name, broken)
    with pytest.raises((AssertionError, RecursionError, KeyError)):
        explore(2, 2_500, scene=SCANNED, stories=STORIES)


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
