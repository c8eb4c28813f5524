"""What the packer sees: lamps, one sentence, and where the camera should look. Views of the state, never commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agent.station import items, pages, parcels, rolls, scans
from agent.station.state import proof_mark

if TYPE_CHECKING:
    from agent.station.state import Box, Broken, Packing, State, Told
    from agent.station.values import Parcel, Piece
    from firmware_config.settings import Settings


# From here on the packer is told how many labels are left.
LOW_MM = 2_000


class View(Struct, frozen=True):
    """One moment on the packer's screen: what to do now, why, and which lamps are lit."""

    sentence: str
    hint: str = ""
    code: str = ""
    green: bool = False
    amber: bool = False
    red: bool = False
    buzzer: bool = False


class Look(Struct, frozen=True):
    """A question to the cameras, asked as long as it stands: what is on the box of this visit (0: on the bench).

    `empty` says that the platform is bare: a good moment to look at it. `measure` asks for the box's size, too.
    """

    visit: int
    expect: tuple[str, ...] = ()
    empty: bool = False
    measure: bool = False


# What each notice of a box means to the packer.
NOTICES = {
    "items.to-scan": ("Scan what is in this box.", "Box full? Show NEXT. Not there? Show SHORT."),
    "": ("Reading the box ...", "Lay the packing slip on it, or show the slip to the camera."),
    "box.measuring": ("Measuring the box ...", "Hands off for a moment."),
    "box.unmatched": ("Show me this box's packing slip.", "No code in sight belongs to an open job."),
    "box.two-jobs": ("Two jobs lie here. Leave one slip.", "Codes of two open jobs are in sight."),
    "box.two-labels": ("Two labels are on this box. Take one off.", "Each box has one label."),
    "label.beside": ("A label lies beside the box. Stick it on.", "Is it on? Lift the box and put it back, label up."),
    "job.packed": ("This job is packed already. Take the box off.", "Its parcel is closed; the office knows more."),
    "job.cancelled": ("Stop: this job is cancelled. Unpack the box.", "The office took the job back."),
    "box.which-parcel": ("Which parcel is this? Show its label.", "All of its job is in parcels already."),
    "parcel.packer-cancelled": ("Unpack this box: its parcel is cancelled.", "Its items are to be packed anew."),
    "parcel.repack": ("Unpack this box: it is to be packed anew.", "The office decided so."),
    "job.expired": ("Stop: this job's time is over. Ask the office.", "It was not packed before its last moment."),
    "scale.overload": ("Too heavy for this scale. Take the box off.", "Nothing above the capacity is weighed."),
    "scale.negative": ("The scale is below zero. Clear the platform.", "Something is missing from it, or lifts it."),
    "scale.motion-hand": ("Hands off the box, please.", "The weight does not come to rest: somebody touches it."),
    "scale.motion-vibration": ("The table shakes. Please wait.", "Nobody lean on it; stop what shakes it."),
    "scale.motion-drift": ("The weight creeps. Is the box leaking?", "Or it leans on something: put it down freely."),
    "scale.light": ("Too light to weigh.", "The box is under the smallest load of this scale."),
    "scale.not-empty": ("Clear the platform.", "Something stood on it when the scale was switched on."),
    "scale.debris": ("Clear the platform.", "Something small lies on it."),
    "scale.zero-limit": ("Clean the platform.", "The empty scale creeps: dirt, a draught, or the load cell."),
    "scale.left-on": ("Take this box off.", "It stands here longer than a box should."),
    "scale.added": ("Take it out again: this box is done.", "Its weight is told already."),
    "scale.removed": ("Put it back: this box is done.", "Its weight is told already."),
}

REASONS = {
    "parcel.overweight": "it is heavier than its carrier takes",
    "parcel.weight-mismatch": "its weight is not what was ordered",
    "parcel.weight-changed": "its weight changed after it was judged",
}

# What the packer is told for a moment: sentence and hint, `{}` is what it is about; an alarm is red and sounds.
TOLD = {
    "items.wrong-item": ("Wrong item: put it back.", "{} is not in this job."),
    "items.over-pick": ("One {} too many: put it back.", "The job has no more of it."),
    "items.serial-twice": ("This serial number is in already: {}.", "Put this piece back, and scan another."),
    "items.number-wanted": ("First the number of {}, please.", "Scan its serial or lot number, or show COUNT AGAIN."),
    "items.unknown-code": ("This code is no item of the job.", "It says {}. Scan the item's own barcode."),
    "items.no-job": ("Scan the packing slip first.", "No job is being packed."),
    "items.not-scanned": ("Scan {}: it was put in without a scan.", "The scale says that one more is in the box."),
    "items.not-placed": ("Put {} into the box: it was scanned only.", "The scale does not see it."),
    "items.taken-out": ("{} was taken out of the box.", "Put it back in, or show COUNT AGAIN."),
    "items.scan-first": ("Scan what is in this box first.", "Then show the card again: the box ends with its scans."),
    "items.all-in": ("Nothing is missing from this box.", "No card is needed: go on with it."),
    "items.counting-again": ("Counting again from the first piece.", "Scan each piece of this box."),
    "carton.did-not-fit": ("Noted: it did not fit.", "Take a larger carton, and show its card."),
    "carton.taken": ("Noted: carton {}.", "The next suggestions learn from it."),
    "card.no-effect": ("This card has no effect now: {}.", "Nothing here can be changed by it."),
}
ALARMS = {"items.wrong-item", "items.over-pick", "items.serial-twice", "items.not-scanned", "items.not-placed",
          "items.taken-out"}
SCAN_LOST = ("Scan it again, please.", "The scan did not come whole; one code at a time.")
# So long it is on the screen.
TOLD_MS = 5_000


def view(state: State, config: Settings) -> View:
    """Return what to do now, in one sentence, the most urgent thing first."""
    box = state.box
    parcel = state.parcel(box.parcel) if box is not None else None
    doubt = state.doubt
    if box is not None and box.notice == "label.wrong-box":
        return View(
            f"Wrong label! Take it off: it belongs to {box.subject}.", "Put the right label on this box.",
            box.notice, red=True, buzzer=True,
        )
    if doubt is not None:
        paper = f"the {doubt.role} of {doubt.parcel or doubt.job}"
        return View(
            f"Did {paper} come out?", "Show it to the camera. Or press: short is yes, long prints a new one.",
            doubt.code, amber=True, red=True,
        )
    if state.told is not None and state.now_ms - state.told.at_ms < TOLD_MS:
        return _told(state.told)
    if parcel is not None and parcel.state == "held":
        why = REASONS.get(parcel.reasons[0], parcel.reasons[0])
        hint = "Put it aside; the office decides."
        if parcel.reasons[0] == "parcel.contents-doubtful" and parcel.finding is not None:
            return View(parcel.finding.words, "Mend it here. When it is right: press, or show the release card.",
                        parcel.reasons[0], red=True, buzzer=True)
        if parcel.reasons[0] == "parcel.weight-changed" and box is not None and box.changed_g:
            way = "put in" if box.changed_g > 0 else "taken out"
            hint = f"{abs(box.changed_g):.0f} g were {way}: undo that. {hint}"
        return View(f"Hold {parcel.id}: {why}.", hint, parcel.reasons[0], red=True, buzzer=True)
    packing = state.packing(state.at_hand)
    if packing is not None and packing.asked is not None:
        return _number(packing.asked)
    if box is None:
        return _idle(state, config)
    if parcel is not None:
        return _under_way(state, parcel, box.notice)
    if box.parcel and box.notice in NOTICES and box.notice:
        return View(*NOTICES[box.notice], box.notice, amber=True, red=True)
    if box.parcel:
        return View("Done. Take the box.", _rest(packing), green=True)
    if box.notice == "items.to-scan" and packing is not None:
        return _to_scan(state, packing)
    return _unknown(state, box)


def _told(told: Told) -> View:
    sentence, hint = TOLD.get(told.code, SCAN_LOST)
    alarm = told.code in ALARMS
    return View(sentence.format(told.subject), hint.format(told.subject), told.code, amber=True, red=alarm,
                buzzer=alarm)


def _number(asked: Piece) -> View:
    name = "lot" if asked.serial else "serial or lot"
    return View(f"Scan the {name} number of {asked.sku}.", "It stands beside its barcode.", "items.number-wanted",
                amber=True)


def _to_scan(state: State, packing: Packing) -> View:
    """A box is packed item by item: what is in, what is still to come."""
    wanted = items.words(scans.missing(state, packing))
    have = items.words(items.pieces(scans.scanned(state, packing)))
    hint = f"In: {have}. Box full? Show NEXT. Not there? Show SHORT." if have else _vouched(packing)
    return View(f"Scan {wanted}.", hint, "items.to-scan", amber=True)


def _vouched(packing: Packing) -> str:
    """Return what weight can't tell of this job, so that the packer scans it."""
    skus = packing.vouching.to_scan
    if not skus:
        return ""
    return f"The weight would not show a missing {', '.join(skus[:3])}{' or other' if skus[3:] else ''}: scan or count."


def _rest(packing: Packing | None) -> str:
    return f"Still to pack: {items.words(dict(packing.rest))}." if packing is not None and packing.rest else ""


def _idle(state: State, config: Settings) -> View:
    broken = state.broken[0] if state.broken else None
    unproven = [parcel for parcel in state.parcels if parcel.state == "unproven"]
    if broken is not None:
        return _mend(broken)
    packing = state.packing(state.at_hand)
    if packing is not None and not packing.short and scans.to_pack(state, packing):
        still = scans.missing(state, packing)
        sentence = f"Scan {items.words(still)}." if still else "Put the box on the scale."
        return View(sentence, _vouched(packing) or _rest(packing), "items.to-scan" if still else "", green=True,
                    amber=bool(still))
    if unproven:
        return View(
            f"Put {unproven[0].id} back on the scale, its label up.", "Its label was not seen on it yet.",
            "parcel.unproven", green=True, amber=True,
        )
    for short in rolls.short(state, config).values():
        return View(f"About {short.lasts_for} papers are left on the roll, {short.papers} are needed.",
                    "Have a new roll ready; printing goes on by itself when it is in.", "printer.roll-short",
                    green=True, amber=True)
    hint = _roll_words(state, config) or _printing_words(state) or (
        "" if state.link_up else "The office can't be reached; work goes on.")
    return View("Put a box on the scale.", hint, green=True)


def _roll_words(state: State, config: Settings) -> str:
    """Return about how many labels a roll that will end soon still has."""
    names = pages.printers(config)
    low = next((roll for roll in state.rolls if roll.known and roll.left_mm < LOW_MM and roll.device in names), None)
    if low is None:
        return ""
    media = config.printer[names.index(low.device)].media
    return f"About {low.left_mm // rolls.page_mm('label', media)} labels left on the roll."


def _printing_words(state: State) -> str:
    """Return how far the printing of several papers is, or what it waits for."""
    for batch in state.batches:
        return (f"Batch {batch.id} waits for its jobs: {len(batch.here)} of {batch.of} are here. "
                "A minute after the last one it prints without the rest.")
    to_come = sum(page.state in ("queued", "sending") for page in state.prints)
    return f"{to_come} papers are still to be printed." if to_come > 1 else ""


def _mend(broken: Broken) -> View:
    if broken.code.endswith(".borrowed"):
        return View(f"The technician has the {broken.device}.", "It comes back by itself.", broken.code, amber=True)
    return View(f"Mend the {broken.device} first.", broken.hint, broken.code, red=True)


def _under_way(state: State, parcel: Parcel, notice: str) -> View:
    if parcel.waiting:
        hint = "The office makes its label." if state.link_up else "The office can't be reached; its label comes later."
        return View(f"Put {parcel.id} aside and go on.", hint, "label.waiting", amber=True)
    if notice in ("box.measuring", "label.beside"):
        return View(*NOTICES[notice], notice, amber=True)
    packing = state.packing(parcel.job)
    vouched = _vouched(packing) if packing is not None and not parcel.items else ""
    if parcel.state in ("labelled", "unproven"):
        return View("Stick the label on the box, facing the camera.", f"It is the label of {parcel.id}.", amber=True)
    broken = next((one for one in state.broken if one.device.startswith("printer")), None)
    if broken is not None:
        return View(f"Printer: {broken.hint or broken.code}", f"The label of {parcel.id} waits.", broken.code, red=True)
    return View("The label is printing.", vouched or f"It is the label of {parcel.id}.", amber=True)


def _unknown(state: State, box: Box) -> View:
    broken = next((one for one in state.broken if one.device.startswith(("scale", "camera"))), None)
    if broken is not None:
        return _mend(broken)
    if box.gross is None and not box.notice:
        return View("Weighing ...", "Hands off the box.", amber=True)
    sentence, hint = NOTICES.get(box.notice, (f"Stop: {box.notice}.", "Ask the technician."))
    return View(sentence, hint, box.notice, amber=True, red=bool(box.notice))


def look(state: State, config: Settings) -> Look | None:
    """Return what the cameras are asked now, or None while nothing on the bench can tell us more.

    The bare bench is read while items are scanned there, by a station without a hand scanner.

    An empty bench with nothing expected is looked at now and then only, by the cameras' own choice.
    """
    box = state.box
    marks = tuple(page.mark for page in state.prints if page.state == "in-doubt")
    if box is None:
        packing = state.packing(state.at_hand)
        scanning = scans.by_camera(state, config) and packing is not None and bool(scans.missing(state, packing))
        return Look(0, marks, empty=state.bare and not scanning) if marks or state.bare else None
    if box.gross is None:
        return None
    parcel = state.parcel(box.parcel)
    if box.parcel and parcel is None:
        return Look(box.visit, marks) if marks else None
    if parcel is not None and parcel.print_no:
        marks = (*marks, proof_mark(state.store_id, parcel.print_no))
    packed = parcel is None and box.notice != "items.to-scan"  # an open box with hands in it has no size
    return Look(box.visit, marks, measure=packed or (parcel is not None and parcel.dims == parcels.BEING_MEASURED))
