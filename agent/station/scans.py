"""Packing a job item by item: what is scanned counts into the box, and the scale says whether it went in.

An item is counted by one reader: the hand scanner where the station has one, else the camera. A camera sees the same
item again and again, so on the platform it counts a second piece of a SKU only when a clear weight step says that one
more was put in, and on the bare bench only when the code was away in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station import items, rules
from agent.station.commands import card_of
from agent.station.state import Packing
from agent.station.values import Piece, Vouching

if TYPE_CHECKING:
    from agent.station.events import CodesSeen
    from agent.station.items import Pieces, Read
    from agent.station.state import State, Turn
    from agent.station.values import Job, KnownJob, Parcel
    from firmware_config.settings import Settings

# How long a scan may wait for its weight step, and a step for its scan.
STEP_WINDOW_MS = 4_000


def take_up(turn: Turn, known: KnownJob, job: Job, vouching: Vouching | None = None) -> Packing:
    """A job comes to hand: from now on items that are scanned are its own. Returns how far it is packed."""
    if turn.state.at_hand != job.job:
        turn.state = replace(turn.state, at_hand=job.job)
    packing = turn.state.packing(job.job)
    if packing is None:
        rest = items.minus(dict(rules.contents(job)), dict(known.gone))
        for parcel in turn.state.parcels_of_job(job.job):
            rest = items.minus(rest, dict(parcel.contents))
        required = tuple(rest) if known.gone else rules.to_scan(job, vouching, turn.config)
        packing = turn.save_packing(Packing(job.job, job.rev, tuple(rest.items()), required=required,
                                            split=bool(known.gone), vouching=vouching or Vouching()))
    return packing


def job_in_sight(event: CodesSeen) -> KnownJob | None:
    """Return the one job that may be packed and whose code is in sight, or None."""
    found = [known for known in event.jobs if known.job is not None and known.state in ("open", "held")]
    return found[0] if len(found) == 1 else None


def on_bench(state: State, packing: Packing) -> Parcel | None:
    """Return the job's parcel on the platform, judged and not ended, or None."""
    parcel = state.parcel(state.box.parcel) if state.box is not None else None
    return parcel if parcel is not None and parcel.job == packing.job else None


def to_pack(state: State, packing: Packing) -> Pieces:
    """Return what the box that is packed now may hold: all that is in no other parcel."""
    parcel = on_bench(state, packing)
    if parcel is not None:
        return dict(parcel.contents)
    early = [one for one in state.parcels_of_job(packing.job) if not one.visit]  # labelled first, not packed yet
    return items.plus(dict(packing.rest), dict(early[0].contents)) if early else dict(packing.rest)


def scanned(state: State, packing: Packing) -> tuple[Piece, ...]:
    """Return what was scanned into the box that is packed now."""
    parcel = on_bench(state, packing)
    return packing.items if parcel is None else parcel.items


def missing(state: State, packing: Packing) -> Pieces:
    """Return the pieces that must still be scanned before the box may be judged."""
    if packing.cut:
        return {}
    wanted = {sku: count for sku, count in to_pack(state, packing).items() if sku in packing.required}
    return items.minus(wanted, items.pieces(scanned(state, packing)))


def in_box(packing: Packing) -> Pieces:
    """Return what a box that is judged now holds: what was scanned where the packer ended it, else all the rest."""
    return items.pieces(packing.items) if packing.cut else dict(packing.rest)


def seen(turn: Turn, event: CodesSeen, fresh: frozenset[str]) -> None:
    """Something was read: a slip brings its job to hand, an item of it is counted. `fresh` came into sight just now."""
    box = turn.state.box
    if not event.scanned and event.visit != (box.visit if box is not None else 0):
        return
    known = job_in_sight(event)
    before = turn.state.packing(turn.state.at_hand)
    if known is not None and known.job is not None and (
            event.scanned or (box is None and (before is None or not before.items))):
        take_up(turn, known, known.job, event.vouching)
    elif event.at_hand is not None and event.at_hand.id == turn.state.at_hand:
        known = event.at_hand
    packing = turn.state.packing(turn.state.at_hand)
    codes = _item_codes(event)
    if packing is None or known is None or known.job is None or known.id != packing.job:
        if event.scanned and any(items.read(code).gtins for code in codes):
            turn.say("items.no-job")
        return
    counts = event.scanned or (by_camera(turn.state, turn.config) and _wants(turn.state, packing))
    for code in codes if counts else []:
        packing = turn.state.packing(known.id) or packing
        _item(turn, packing, known.job, items.read(code, gs1=code in event.gs1), by_hand=event.scanned,
              fresh=code in fresh)


def by_camera(state: State, config: Settings) -> bool:
    """True when the cameras count items: the station has no hand scanner, or none that works."""
    return sum(broken.device.startswith("scanner") for broken in state.broken) >= len(config.scanner)


def _wants(state: State, packing: Packing) -> bool:
    """True when items are scanned into this box: they must be, or the packer began to."""
    parcel = on_bench(state, packing)
    return bool(packing.required or packing.items) or (parcel is not None and "parcel.contents-doubtful"
                                                       in parcel.reasons)


def _item_codes(event: CodesSeen) -> list[str]:
    """Return the codes that may be an item's: no card, no slip, no label."""
    ours = {code for known in event.jobs for code in (known.id, *(known.job.match if known.job else ()))}
    for page, parcel in event.prints:
        ours |= {page.mark, *((parcel.tracking, parcel.sscc) if parcel is not None else ())}
    return [code for code in event.codes
            if code not in ours and card_of(code) is None and not any(len(own) == 18 and own in code for own in ours)]


def _item(turn: Turn, packing: Packing, job: Job, found: Read, *, by_hand: bool, fresh: bool) -> None:
    """One item's code: count it, or say why not."""
    if packing.asked is not None and (by_hand or found.marked):
        _number(turn, packing, packing.asked, job, found)
        return
    lines = items.lines_of(job, found)
    if not lines:
        if found.gtins and (by_hand or fresh):
            turn.say("items.wrong-item", found.text)
        elif by_hand:
            turn.say("items.unknown-code", found.text)
        return
    have = items.pieces(scanned(turn.state, packing))
    still_open = items.minus(to_pack(turn.state, packing), have)
    sku = next((line.sku for line in lines if line.sku in still_open), "")
    standing = turn.state.box is not None
    if not sku:
        if by_hand or (fresh and not standing):
            turn.say("items.over-pick", lines[0].sku)
        return
    wanted = items.captured(job, sku)
    serial, lot = (found.serial if "serial" in wanted else ""), (found.lot if "lot" in wanted else "")
    if not by_hand and not _one_more(packing, sku, serial, have, fresh=fresh, standing=standing):
        return
    _take(turn, packing, wanted, Piece(sku=sku, qty=1, serial=serial, lot=lot))


def _one_more(packing: Packing, sku: str, serial: str, have: Pieces, *, fresh: bool, standing: bool) -> bool:
    """True when what the camera sees is one piece more, not one that it has counted."""
    if not standing:
        return fresh
    return bool(serial) or not have.get(sku) or any(sku == waiting for waiting, _ in packing.unscanned)


def _number(turn: Turn, packing: Packing, asked: Piece, job: Job, found: Read) -> None:
    """A serial or lot number is awaited: take it from its application identifier, or else the whole code."""
    lines = items.lines_of(job, found)
    if lines and not (found.marked and (found.serial or found.lot) and any(line.sku == asked.sku for line in lines)):
        turn.say("items.number-wanted", asked.sku)
        return
    wanted = items.captured(job, asked.sku)
    serial, lot = asked.serial, asked.lot
    if found.marked:
        serial, lot = serial or found.serial, lot or found.lot
    elif "serial" in wanted and not serial:
        serial = found.text
    else:
        lot = found.text
    _take(turn, packing, wanted, Piece(sku=asked.sku, qty=1, serial=serial if "serial" in wanted else "",
                                       lot=lot if "lot" in wanted else ""))


def _take(turn: Turn, packing: Packing, wanted: frozenset[str], piece: Piece) -> None:
    """Count a piece, unless a number of it is still wanted."""
    others = [one for parcel in turn.state.parcels_of_job(packing.job) for one in parcel.items]
    if piece.serial and any((one.sku, one.serial) == (piece.sku, piece.serial) for one in (*packing.items, *others)):
        turn.save_packing(replace(packing, asked=None))
        turn.say("items.serial-twice", piece.serial)
        return
    if piece.sku not in items.minus(to_pack(turn.state, packing), items.pieces(scanned(turn.state, packing))):
        turn.save_packing(replace(packing, asked=None))  # another box came while its number was awaited
        turn.say("items.over-pick", piece.sku)
        return
    if ("serial" in wanted and not piece.serial) or ("lot" in wanted and not piece.lot):
        turn.save_packing(replace(packing, asked=piece))
        return
    turn.state = replace(turn.state, told=None)
    parcel = on_bench(turn.state, packing)
    if parcel is not None:
        turn.save_parcel(replace(parcel, items=items.counted(parcel.items, piece)), told=False)
        turn.save_packing(replace(packing, asked=None))
        return
    packing = replace(packing, asked=None, items=items.counted(packing.items, piece))
    box = turn.state.box
    if box is not None:
        answered = _without(packing.unscanned, piece.sku)
        unplaced = packing.unplaced if answered is not None else (*packing.unplaced, (piece.sku, turn.state.now_ms))
        packing = replace(packing, unscanned=packing.unscanned if answered is None else answered, unplaced=unplaced,
                          scan_ms=turn.state.now_ms)
        turn.box(replace(box, job=packing.job))
    turn.save_packing(packing)


def weight_step(turn: Turn, packing: Packing, step_g: float, sd_g: float) -> None:
    """The box got heavier or lighter while it is packed: where that names one SKU clearly, a scan belongs to it."""
    packing = replace(packing, scan_ms=0)
    turn.save_packing(packing)
    if not _wants(turn.state, packing):
        return
    all_of_it, have = to_pack(turn.state, packing), items.pieces(packing.items)
    if step_g < 0:
        sku = items.named(-step_g, sd_g, packing.vouching.units, list(have))
        if sku:
            turn.say("items.taken-out", sku)
        return
    sku = items.named(step_g, sd_g, packing.vouching.units, list(all_of_it))
    if not sku:
        return
    answered = _without(packing.unplaced, sku)
    waiting = sum(name == sku for name, _ in packing.unscanned)
    packing = replace(packing, steps=packing.steps + 1)
    if answered is not None:
        packing = replace(packing, unplaced=answered)
    elif have.get(sku, 0) + waiting >= all_of_it[sku]:
        turn.say("items.over-pick", sku)
    else:
        packing = replace(packing, unscanned=(*packing.unscanned, (sku, turn.state.now_ms)))
    turn.save_packing(packing)


def time_passed(turn: Turn) -> None:
    """Say what was placed and not scanned, or scanned and not placed, once its time is over."""
    packing = turn.state.packing(turn.state.at_hand)
    if packing is None or turn.state.box is None:
        return
    late_ms = turn.state.now_ms - STEP_WINDOW_MS
    unscanned = [sku for sku, since_ms in packing.unscanned if 0 < since_ms <= late_ms]
    unplaced = [sku for sku, since_ms in packing.unplaced if since_ms <= late_ms]
    if not unscanned and not unplaced:
        return
    turn.save_packing(replace(  # a step that was told still waits for its scan
        packing, unscanned=tuple((sku, 0 if since_ms <= late_ms else since_ms) for sku, since_ms in packing.unscanned),
        unplaced=tuple(one for one in packing.unplaced if one[1] > late_ms)))
    visible = {sku for sku, *_ in packing.vouching.units} if packing.steps else set()
    if unscanned:
        turn.say("items.not-scanned", unscanned[0])
    elif visible & set(unplaced):
        turn.say("items.not-placed", next(sku for sku in unplaced if sku in visible))


def box_changed(turn: Turn) -> None:
    """Another box, or none, is on the platform: no weight step can answer what was scanned before."""
    for packing in turn.state.packings:
        if packing.unplaced or packing.unscanned or packing.steps or packing.scan_ms:
            turn.save_packing(replace(packing, unplaced=(), unscanned=(), steps=0, scan_ms=0))


def started(turn: Turn) -> None:
    """The station began anew: what was scanned is kept."""
    box_changed(turn)
    turn.state = replace(turn.state, told=None)


def may_settle(turn: Turn, packing: Packing) -> bool:
    """True while the last item that was scanned may still be on its way into the box."""
    return bool(packing.scan_ms) and turn.state.now_ms - packing.scan_ms < STEP_WINDOW_MS


def _without(waiting: tuple[tuple[str, int], ...], sku: str) -> tuple[tuple[str, int], ...] | None:
    """Return what waits without the oldest entry of a SKU, or None when it has none."""
    for place, (name, _) in enumerate(waiting):
        if name == sku:
            return waiting[:place] + waiting[place + 1:]
    return None
