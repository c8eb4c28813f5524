"""The whole behaviour of a station: one table from what happened to what is kept and what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station import advised, batches, boxes, jobs, pages, parcels, pool, scans, sights, visits
from agent.station.events import (
    AgentStarted,
    BlockLeased,
    ButtonPressed,
    CartonSuggested,
    CatalogueCame,
    CodesSeen,
    CopyWanted,
    DecisionMade,
    DeviceFailed,
    DeviceRecovered,
    Event,
    FactsReceipted,
    FileFailed,
    JobAssigned,
    JobCancelled,
    JobOffered,
    LabelArrived,
    LinkChanged,
    LoadAppeared,
    LoadChanged,
    MessageIgnored,
    MessageRefused,
    OmsChanged,
    PageDoubtful,
    PageNotPrinted,
    PagePrinted,
    PageRefused,
    PageWarned,
    PlatformCleared,
    PlatformTroubled,
    RestDecided,
    RollSeen,
    ScanLost,
    SyncAnswered,
    TimePassed,
    WeightStable,
)
from agent.station.facts import DeviceChanged, JobChanged, MessageDead
from agent.station.records import Acknowledge, BuryMessage, DropFacts, Effect, Record, SaveCatalogue
from agent.station.state import Broken, Roll, State, Turn, sha256_hex

if TYPE_CHECKING:
    from firmware_config.settings import Settings


def step(state: State, event: Event, config: Settings) -> tuple[State, list[Record], list[Effect]]:
    """Return the next state, what must be on disk with it, and what to do once it is there.

    What is not in the table changes nothing, on purpose: a late answer, a second press.
    """
    turn = Turn(replace(state, now_ms=max(state.now_ms, event.at_ms)), config)
    match event:
        case AgentStarted():
            _started(turn, event)
        case TimePassed():
            turn.state = replace(turn.state, wall_ms=event.wall_ms, time_ok=event.time_ok, waiting=event.waiting)
            pool.time_passed(turn)
            batches.time_passed(turn)
            scans.time_passed(turn)
            for known in event.expired:
                jobs.expire(turn, known)
        case LinkChanged():
            pool.link_changed(turn, event)
        case DeviceFailed():
            _device(turn, event.device, Broken(event.device, event.code, event.hint))
        case DeviceRecovered():
            _device(turn, event.device, None)

        case LoadAppeared():
            visits.load_appeared(turn)
        case WeightStable():
            visits.weight_stable(turn, event)
        case PlatformCleared():
            visits.platform_cleared(turn)
        case LoadChanged():
            visits.load_changed(turn, event)
        case PlatformTroubled():
            visits.platform_troubled(turn, event)
        case ScanLost():
            turn.say(event.code)
        case CodesSeen():
            visits.codes_seen(turn, event)
        case ButtonPressed():
            if turn.state.doubt is not None and event.long:
                parcels.again(turn, turn.state.doubt)
            elif turn.state.doubt is not None:
                visits.came_out(turn, turn.state.doubt, settled="print.packer-has-it")
            elif not event.long:
                visits.all_right(turn)

        case CopyWanted():
            parcel = turn.state.parcel(event.parcel)
            if parcel is not None and event.page is not None and parcel.state in ("labelled", "unproven"):
                parcels.again(turn, event.page)

        case RollSeen():
            others = tuple(roll for roll in turn.state.rolls if roll.device != event.device)
            turn.state = replace(turn.state, rolls=(*others, Roll(event.device, event.left_mm, event.known)))
        case PageWarned():
            pages.warned(turn, event)
        case PagePrinted() | PageNotPrinted() | PageDoubtful() | PageRefused():
            _page(turn, event)

        case JobAssigned():
            jobs.assign(turn, event)
        case JobCancelled():
            jobs.cancel(turn, event)
        case LabelArrived():
            jobs.label(turn, event)
        case DecisionMade():
            jobs.decide(turn, event)
        case CartonSuggested():
            advised.suggested(turn, event)
        case CatalogueCame():
            turn.records.append(SaveCatalogue(event.rows))
        case RestDecided():
            boxes.decide_rest(turn, event)
        case FactsReceipted():
            turn.records.append(DropFacts(event.ids))
        case FileFailed():
            jobs.file_failed(turn, event)
        case JobOffered():
            pool.offered(turn, event)
        case BlockLeased():
            pool.leased(turn, event)
        case SyncAnswered():
            pool.answered(turn, event)
        case OmsChanged():
            pool.oms_changed(turn, event)
        case MessageRefused():
            _bury(turn, event)
        case MessageIgnored():
            pass
        case _:
            raise TypeError(f"the table has no row for {type(event).__name__}")
    pages.send_next(turn)
    delivery = getattr(event, "delivery", None)
    if delivery is not None:
        turn.effects.append(Acknowledge(delivery))
    return turn.state, turn.records, turn.effects


def _started(turn: Turn, event: AgentStarted) -> None:
    """Nobody saw what happened between two lives: pages under way are in doubt, the platform is unknown."""
    turn.state = replace(
        turn.state, store_id=event.store_id, boot=event.boot, now_ms=event.at_ms, box=None, bare=False, broken=(),
        link_up=False, time_ok=False,
    )
    scans.started(turn)
    sights.began(turn, event.boot)
    pool.began(turn, event)
    batches.began(turn)
    for page in turn.state.prints:
        if page.state == "sending" and page.code:
            pages.void(turn, page, page.code)
        elif page.state == "sending":
            pages.doubtful(turn, page, "print.agent-stopped")
    for parcel in turn.state.parcels:
        if parcel.state == "labelled" and parcel.visit:  # else it was labelled first, and is not packed yet
            parcels.lifted(turn, parcel)


def _device(turn: Turn, device: str, broken: Broken | None) -> None:
    before = next((one for one in turn.state.broken if one.device == device), None)
    others = tuple(one for one in turn.state.broken if one.device != device)
    turn.state = replace(turn.state, broken=others if broken is None else (*others, broken))
    if (before.code if before else "") != (broken.code if broken else ""):
        turn.tell(DeviceChanged(
            device=device, boot=turn.state.boot, at_ms=turn.state.now_ms,
            code=broken.code if broken else "", hint=broken.hint if broken else "",
        ))


def _page(turn: Turn, event: PagePrinted | PageNotPrinted | PageDoubtful | PageRefused) -> None:
    """The printer answered about a page that it was sent; any other page's answer comes too late."""
    page = turn.state.page(event.print_no)
    if page is None or page.state != "sending":
        return
    if page.code:  # nobody wants it any more, whether it came out or not
        pages.void(turn, page, page.code)
        return
    match event:
        case PagePrinted():
            visits.came_out(turn, page)
        case PageNotPrinted():
            pages.not_printed(turn, page, event.code)
        case PageDoubtful():
            pages.doubtful(turn, page, event.code)
        case PageRefused():
            pages.refused(turn, page, event.code)
            parcel = turn.state.parcel(page.parcel)
            if parcel is not None:
                parcels.hold(turn, parcel, (event.code,))
            else:
                turn.tell(JobChanged(job=page.job, rev=page.rev, state="open", code=event.code, detail=event.detail))


def _bury(turn: Turn, event: MessageRefused) -> None:
    """Keep what was refused and say so; a job whose id could be read ends as rejected."""
    turn.records.append(BuryMessage(event.topic, event.payload, event.code, event.detail))
    turn.tell(MessageDead(
        topic=event.topic, sha256=sha256_hex(event.payload), bytes=len(event.payload), code=event.code,
        detail=event.detail,
    ))
    if event.job:
        turn.tell(JobChanged(job=event.job, rev=event.rev, state="rejected", code=event.code, detail=event.detail))
