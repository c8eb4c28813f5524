"""A page of the ledger as what its printer eats: drawn, read back, and encoded. Runs in the printer's own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from agent.devices.test_page import TestPage
    from agent.papers.from_job import PageOrder
    from agent.papers.page import PaperWarning
    from agent.station.values import Job, Suggestion
    from firmware_config.settings import Printer as PrinterSettings

# The drawing of a packing on a slip, 40 mm wide.
PACKING_DOTS = 472


def with_packing(order: PageOrder, suggestion: Suggestion | None) -> PageOrder:
    """Return a slip's order with the carton to take and how to fill it, where one was found."""
    from dataclasses import replace

    from agent.cartons import packed_of, words
    from agent.packing.isometric import draw
    from agent.papers.from_job import Packing
    from agent.papers.packing_picture import packing_picture

    if suggestion is None or not suggestion.cartons:
        return order
    first = packed_of(suggestion.cartons[0])
    title = f"Carton {' + '.join(box.carton for box in suggestion.cartons)}"
    gross = [box.gross.value_g for box in suggestion.cartons if box.gross is not None]
    if len(gross) == len(suggestion.cartons):
        title += f", about {sum(gross) / 1000:.2f} kg"
    picture = packing_picture(draw(first), PACKING_DOTS, one_bit=True)
    return replace(order, packing=Packing(title, words(first), picture))


def rasters_of(
    one: PrinterSettings, suggested: Callable[[Job], Suggestion | None], order: PageOrder | TestPage
) -> tuple[list[bytes], tuple[PaperWarning, ...]]:
    """Return the raster of each sheet of a page, and what was left out or changed on them.

    Raises PaperError for what can't be set or does not read back.
    """
    from agent.devices import raster
    from agent.devices.test_page import TestPage, picture
    from agent.papers.from_job import paper_of
    from agent.papers.page import media
    from agent.papers.verify import verify

    if not isinstance(order, TestPage) and order.page.role == "slip":
        order = with_packing(order, suggested(order.job))
    if isinstance(order, TestPage):
        return [raster.encode(picture(one.model, one.media, "test"), model=one.model, media=one.media)], ()
    paper = paper_of(order, media(one.media))
    verify(paper)
    return [_encoded(page.image, one) for page in paper.pages], paper.warnings


def _encoded(image: Image.Image, one: PrinterSettings) -> bytes:
    """Return a page's raster, after reading it back: the printer gets the dots whose codes were read, and no others.

    Raises PaperError `paper.raster-differs`.
    """
    from agent.devices import raster
    from agent.papers.page import PaperError

    job = raster.encode(image, model=one.model, media=one.media)
    (page,) = raster.decode(job)
    if page.picture().tobytes() != image.tobytes():
        raise PaperError("paper.raster-differs", "The printer's bytes are not the page that was checked.",
                         "Nothing was printed. Report this paper: its raster is a defect of packbench.")
    return job
