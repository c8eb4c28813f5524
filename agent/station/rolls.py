"""What rolls can take: whether a paper fits the one that is in, about how much of it a page needs, what is left for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from agent.station import pages

if TYPE_CHECKING:
    from agent.station.state import State
    from agent.station.values import Item, Job, Print, Role
    from firmware_config.settings import Settings

_SIZE = re.compile(r"(\d+)(?:x(\d+))?(?:red)?\Z")
_NARROWEST_MM = 12  # of all rolls: what is narrower is inches, or a slip of the pen
_GAP_MM = 3  # between two labels that are cut already
# Our templates on an endless roll, with the margins that the printer adds: 94 mm on 62 mm rolls, 154 mm on wide ones.
_LABEL_MM, _WIDE_LABEL_MM, _WIDE_MM = 100, 160, 100
# A slip's head and foot, and a line of its items; a name breaks after about 45 letters, or half as many ideographs.
_SLIP_MM, _LINE_MM, _LINE_BYTES = 80, 8.2, 50
_SLIP_OF_SOME_LINES_MM = 130


class Short(Struct, frozen=True):
    """A printer whose roll ends before its waiting papers do: how many wait, for about how many it lasts."""

    papers: int
    lasts_for: int
    needed_mm: int
    left_mm: int


def fits(wanted: str, loaded: str) -> bool:
    """True when a paper that asks for one roll can be printed on another: it must be as wide, and as long or endless.

    >>> fits("", "62"), fits("62x100", "62"), fits("62x100", "103x164"), fits("103x164", "62"), fits("4x6", "62")
    (True, True, True, False, False)
    """
    if not wanted or wanted == loaded:
        return True
    asked, there = _SIZE.match(wanted), _SIZE.match(loaded)
    if asked is None or there is None or not _NARROWEST_MM <= int(asked[1]) <= int(there[1]):
        return False
    return not there[2] or int(asked[2] or 0) <= int(there[2])


def unfit(job: Job, config: Settings) -> tuple[str, str]:
    """Return the code of why papers of a job can't be printed here, and which they are; two empty texts if all can."""
    loaded = dict(zip(pages.printers(config), config.printer, strict=True))
    alone = [paper.id for paper in job.papers if not pages.printer_of(config, paper.role)]
    if alone:
        return "printer.none-for-role", f"no printer here prints {', '.join(alone)}."
    large = [f"{paper.id} needs {paper.media}, {roll} is in the printer"
             for paper in job.papers for roll in [loaded[pages.printer_of(config, paper.role)].media]
             if not fits(paper.media, roll)]
    return ("paper.media-mismatch", f"{'; '.join(large)}.") if large else ("", "")


def slip_mm(items: tuple[Item, ...]) -> int:
    """Return about how long a packing slip with these lines is."""
    lines = sum(min(3, 1 + len(item.name.encode()) // _LINE_BYTES) for item in items)
    return round(_SLIP_MM + _LINE_MM * lines)


def page_mm(role: Role, media: str, slip_mm: int = 0) -> int:
    """Return about how many millimetres of a roll a page takes, with the gap or margin behind it.

    >>> page_mm("label", "62"), page_mm("label", "103x164"), page_mm("slip", "62", 221), page_mm("slip", "62x100", 221)
    (100, 167, 221, 309)
    """
    size = _SIZE.match(media)
    width_mm, length_mm = (int(size[1]), int(size[2] or 0)) if size else (0, 0)
    slip_mm = slip_mm or _SLIP_OF_SOME_LINES_MM
    if length_mm:
        sheets = 1 if role == "label" else -(-slip_mm // length_mm)
        return sheets * (length_mm + _GAP_MM)
    if role == "label":
        return _WIDE_LABEL_MM if width_mm > _WIDE_MM else _LABEL_MM
    return slip_mm


def short(state: State, config: Settings) -> dict[str, Short]:
    """Return each printer whose roll ends before the papers that wait for it do."""
    found: dict[str, Short] = {}
    names = pages.printers(config)
    for roll in state.rolls:
        if roll.device not in names:
            continue
        printer = config.printer[names.index(roll.device)]
        waiting = [page for page in state.prints if page.state == "queued"
                   and pages.printer_of(config, page.role) == roll.device]
        needed_mm = sum(_length(page, printer.media) for page in waiting)
        if needed_mm > roll.left_mm:
            lengths = [_length(page, printer.media) for page in pages.in_order(waiting, printer.role)]
            found[roll.device] = Short(len(waiting), _lasting(lengths, roll.left_mm), needed_mm, roll.left_mm)
    return found


def _length(page: Print, media: str) -> int:
    return page_mm(page.role, media, page.about_mm)


def _lasting(lengths: list[int], left_mm: int) -> int:
    """Return how many pages of these lengths, in their order, so much of a roll is enough for."""
    for count, length_mm in enumerate(lengths):
        left_mm -= length_mm
        if left_mm < 0:
            return count
    return len(lengths)
