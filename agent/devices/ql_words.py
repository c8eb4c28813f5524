"""What a printer's state means to a person: stable code, what to do, and whether the printer keeps its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.devices import ql_status
from agent.devices.ql_media import is_label, label_named, media_name, model_named

if TYPE_CHECKING:
    from agent.devices.ql_status import Status
    from agent.devices.raster import Header


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a page can't go on. `holds`: the printer keeps the page and goes on by itself when it is mended."""

    code: str
    hint: str
    holds: bool = False


COOLING = Problem("printer.cooling", "The printer is too hot; it goes on when it has cooled.", holds=True)
# In the order in which a person should mend them: an open cover hides everything else.
_BY_ERROR = {
    "cover_open": Problem("printer.cover-open", "Close the printer's cover.", holds=True),
    "end_of_media": Problem("printer.end-of-media", "The roll is at its end: put a new one in and close the cover; "
                            "the page that broke off prints again by itself.", holds=True),
    "no_media": Problem("printer.no-media", "Put a roll in and close the cover.", holds=True),
    "replace_media": Problem("printer.wrong-media", "Put the roll in that this page needs.", holds=True),
    "cutter_jam": Problem("printer.cutter-jam", "Open the cover, free the cutter, close the cover.", holds=True),
    "cannot_feed": Problem("printer.cannot-feed", "Open the cover, seat the roll and close the cover.", holds=True),
    "in_use": Problem("printer.in-use", "The printer is used from its panel or another computer: wait.", holds=True),
    "fan": Problem("printer.fan", "The fan does not turn: switch the printer off, let it cool, have it serviced."),
    "overheating": COOLING,
    "communication_error": Problem("printer.communication", "The page was damaged on its way: check cable and model, "
                                   "switch the printer off and on."),
    "expansion_buffer_full": Problem("printer.memory-full", "The page is too large for the printer's memory."),
    "communication_buffer_full": Problem("printer.memory-full", "The page is too large for the printer's memory."),
    "turned_off": Problem("printer.off", "Switch the printer on."),
    "weak_battery": Problem("printer.battery", "Charge the printer's battery or plug it in."),
    "high_voltage_adapter": Problem("printer.adapter", "Use the printer's own power supply."),
    "system_error": Problem("printer.system", "Switch the printer off and on; if it says so again, have it serviced."),
}  # fmt: skip
_BUSY = Problem("printer.busy", "The printer is at work on another page; if no paper moves, switch it off and on.")


def problem(status: Status) -> Problem | None:
    """What keeps the printer from printing, the first to mend first; None when nothing does."""
    for name, found in _BY_ERROR.items():
        if name in status.errors:
            return found
    if status.kind == ql_status.TURNED_OFF:
        return _BY_ERROR["turned_off"]
    if status.kind == ql_status.NOTIFICATION:
        if status.notification == ql_status.COOLING_STARTED:
            return COOLING
        if status.notification == ql_status.COVER_OPENED:
            return _BY_ERROR["cover_open"]
    if status.no_media:
        return _BY_ERROR["no_media"]
    if status.media_type == "incompatible":
        return _BY_ERROR["replace_media"]
    if status.unknown_error:
        return Problem("printer.error-without-cause", "The printer reports an error and not which: press its button or "
                       f"switch it off and on. It said {status.raw.hex(' ')}.")  # fmt: skip
    return None


def obstacle(status: Status, header: Header, *, model: str, two_color: bool) -> Problem | None:
    """Why a page with this header must not be sent now; None when the printer is ready for it."""
    printer = model_named(model)
    if (status.series, status.model_code) != (printer.series_code, printer.model_code):
        return Problem("printer.wrong-model", f"A {status.model} is connected, the station is set to {model}.")
    found = problem(status)
    if found is not None:
        return found
    if status.phase != "receiving":
        return _BUSY
    return media_conflict(status, header, two_color=two_color)


def media_conflict(status: Status, header: Header, *, two_color: bool) -> Problem | None:
    """What is wrong with the roll in the printer for this page, in words; None when it fits, or is hidden."""
    if status.no_media:
        return None
    wanted_type = "die_cut" if header.length_mm else "continuous"
    fits = (
        status.media_type == wanted_type
        and abs(status.width_mm - header.width_mm) <= 1
        and abs(status.length_mm - header.length_mm) <= 1  # a QL-1050 says 153 for its 152 mm labels
    )
    if not fits:
        there = media_words(status.width_mm, status.length_mm)
        return Problem("printer.wrong-media", f"{there} is in, this label needs "
                       f"{media_words(header.width_mm, header.length_mm)}. Change the roll.", holds=True)  # fmt: skip
    if status.two_color is not None and status.two_color != two_color:
        there, wanted = ("black/red", "black") if status.two_color else ("black", "black/red")
        return Problem("printer.wrong-media", f"a {there} roll is in, this label is made for a {wanted} one. Change "
                       "the roll, or set the printer's media to the roll that is in.", holds=True)  # fmt: skip
    return None


def wrong_roll(there: str, wanted: str) -> Problem | None:
    """What is wrong with the roll of this name for papers made for another, in words; None when they are one kind.

    An old printer that can't tell a black/red roll calls it a black one; the page's own preflight knows more.
    """
    if there == wanted or (is_label(there) and label_named(there).tape_size == label_named(wanted).tape_size
                           and not there.endswith("red")):
        return None
    return Problem("printer.wrong-media", f"{roll_words(there)} is in, the papers here need {roll_words(wanted)}. "
                   "Change the roll, or set the printer's media to it.")  # fmt: skip


def roll_words(media: str) -> str:
    """The same for a label's name: `62`: `62 mm endless`, `62red`: `62 mm endless, black/red`."""
    if media.isdigit():
        return f"{media} mm endless"
    return f"{media.removesuffix('red')} mm endless, black/red" if media.endswith("red") else media


def media_words(width_mm: int, length_mm: int) -> str:
    """How a person names the roll: `62 mm endless`, `62x100`; a roll that no table knows by its millimetres."""
    return media_name(width_mm, length_mm) if length_mm else f"{width_mm} mm endless"
