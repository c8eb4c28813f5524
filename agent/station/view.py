"""What the packer sees: lamps, one sentence, and where the camera should look. Views of the state, never commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agent.station import pages, parcels, rolls
from agent.station.state import proof_mark

if TYPE_CHECKING:
    from agent.station.state import Box, Broken, State
    from agent.station.values import Parcel
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
    "": ("Reading the box ...", "Lay the packing slip on it, or show the slip to the camera."),
    "box.measuring": ("Measuring the box ...", "Hands off for a moment."),
    "box.unmatched": ("Show me this box's packing slip.", "No code in sight belongs to an open job."),
    "box.two-jobs": ("Two jobs lie here. Leave one slip.", "Codes of two open jobs are in sight."),
    "box.two-labels": ("Two labels are on this box. Take one off.", "Each box has one label."),
    "label.beside": ("A label lies beside the box. Stick it on.", "Is it on? Lift the box and put it back, label up."),
    "job.packed": ("This job is packed already. Take the box off.", "Its parcel is closed; the office knows more."),
    "job.cancelled": ("Stop: this job is cancelled. Unpack the box.", "The office took the job back."),
    "job.expired": ("Stop: this job's time is over. Ask the office.", "It was not packed before its last moment."),
    "scale.overload": ("Too heavy for this scale. Take the box off.", "Nothing above the capacity is weighed."),
    "scale.negative": ("The scale is below zero. Clear the platform.", "Something is missing from it, or lifts it."),
    "scale.motion": ("Hands off the box, please.", "The weight does not come to rest."),
    "scale.light": ("Too light to weigh.", "The box is under the smallest load of this scale."),
    "scale.not-empty": ("Clear the platform.", "Something stood on it when the scale was switched on."),
    "scale.debris": ("Clear the platform.", "Something small lies on it."),
    "scale.zero-limit": ("Clean the platform.", "The empty scale creeps: dirt, a draught, or the load cell."),
    "scale.left-on": ("Take this box off.", "It stands here longer than a box should."),
}

REASONS = {
    "parcel.overweight": "it is heavier than its carrier takes",
    "parcel.weight-mismatch": "its weight is not what was ordered",
    "parcel.weight-changed": "its weight changed after it was judged",
}

# So long a lost scan is on the screen.
SCAN_LOST_MS = 5_000


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
    if parcel is not None and parcel.state == "held":
        why = REASONS.get(parcel.reasons[0], parcel.reasons[0])
        hint = "Put it aside; the office decides."
        if parcel.reasons[0] == "parcel.contents-doubtful" and parcel.finding is not None:
            return View(parcel.finding.words, "Mend it and put it back, or show the release card when it is right.",
                        parcel.reasons[0], red=True, buzzer=True)
        return View(f"Hold {parcel.id}: {why}.", hint, parcel.reasons[0], red=True, buzzer=True)
    if state.scan_lost and state.now_ms - state.scan_lost_ms < SCAN_LOST_MS:
        return View("Scan it again, please.", "The scan did not come whole; one code at a time.", state.scan_lost,
                    amber=True)
    if box is None:
        return _idle(state, config)
    if parcel is not None:
        return _under_way(state, parcel, box.notice)
    if box.parcel:
        return View("Done. Take the box.", green=True)
    return _unknown(state, box)


def _idle(state: State, config: Settings) -> View:
    broken = state.broken[0] if state.broken else None
    unproven = [parcel for parcel in state.parcels if parcel.state == "unproven"]
    if broken is not None:
        return _mend(broken)
    if unproven:
        return View(
            f"Put {unproven[0].id} back on the scale, its label up.", "Its label was not seen on it yet.",
            "parcel.unproven", green=True, amber=True,
        )
    for short in rolls.short(state, config).values():
        return View(f"About {short.lasts_for} papers are left on the roll, {short.papers} are needed.",
                    "Have a new roll ready; printing goes on by itself when it is in.", "printer.roll-short",
                    green=True, amber=True)
    hint = _roll_words(state, config) or ("" if state.link_up else "The office can't be reached; work goes on.")
    return View("Put a box on the scale.", hint, green=True)


def _roll_words(state: State, config: Settings) -> str:
    """Return about how many labels a roll that will end soon still has."""
    names = pages.printers(config)
    low = next((roll for roll in state.rolls if roll.known and roll.left_mm < LOW_MM and roll.device in names), None)
    if low is None:
        return ""
    media = config.printer[names.index(low.device)].media
    return f"About {low.left_mm // rolls.page_mm('label', media)} labels left on the roll."


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
    if parcel.state in ("labelled", "unproven"):
        return View("Stick the label on the box, facing the camera.", f"It is the label of {parcel.id}.", amber=True)
    broken = next((one for one in state.broken if one.device.startswith("printer")), None)
    if broken is not None:
        return View(f"Printer: {broken.hint or broken.code}", f"The label of {parcel.id} waits.", broken.code, red=True)
    return View("The label is printing.", f"It is the label of {parcel.id}.", amber=True)


def _unknown(state: State, box: Box) -> View:
    broken = next((one for one in state.broken if one.device.startswith(("scale", "camera"))), None)
    if broken is not None:
        return _mend(broken)
    if box.gross is None and not box.notice:
        return View("Weighing ...", "Hands off the box.", amber=True)
    sentence, hint = NOTICES.get(box.notice, (f"Stop: {box.notice}.", "Ask the technician."))
    return View(sentence, hint, box.notice, amber=True, red=bool(box.notice))


def look(state: State) -> Look | None:
    """Return what the cameras are asked now, or None while nothing on the bench can tell us more.

    An empty bench with nothing expected is looked at now and then only, by the cameras' own choice.
    """
    box = state.box
    marks = tuple(page.mark for page in state.prints if page.state == "in-doubt")
    if box is None:
        return Look(0, marks, empty=state.bare) if marks or state.bare else None
    if box.gross is None:
        return None
    parcel = state.parcel(box.parcel)
    if box.parcel and parcel is None:
        return Look(box.visit, marks) if marks else None
    if parcel is not None and parcel.print_no:
        marks = (*marks, proof_mark(state.store_id, parcel.print_no))
    return Look(box.visit, marks, measure=parcel is None or parcel.dims == parcels.BEING_MEASURED)
