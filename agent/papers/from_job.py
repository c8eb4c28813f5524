"""A job of the wire becomes the contents of its papers."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from agent.papers.codes import Symbol
from agent.papers.contents import Address, Item, LabelContent, SlipContent, WaitingContent
from agent.papers.fonts import Fonts
from agent.papers.head import duplicate_words
from agent.papers.label import label
from agent.papers.page import PaperError
from agent.papers.pair import pair_code
from agent.papers.postal import address, country
from agent.papers.ready import Expect, ready_file
from agent.papers.slip import slip
from agent.papers.waiting import waiting
from agent.station import values
from agent.station.parcels import WAITING_SLIP
from agent.station.rolls import fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from agent.papers.page import Media, Paper


@cache
def _fonts() -> Fonts:
    return Fonts.installed()


@dataclass(frozen=True, slots=True)
class Packing:
    """How to pack a job: the carton in words, a sentence a move, and a 1-bit drawing."""

    carton: str
    steps: tuple[str, ...]
    picture: Image


@dataclass(frozen=True, slots=True)
class PageOrder:
    """A page of the ledger with all that is printed on it.

    `file` is what the `url` of its paper held; `sender` are the station's own lines, for jobs that name none.
    """

    page: values.Print
    job: values.Job
    parcel: values.Parcel | None
    papers: tuple[values.Paper, ...]
    file: bytes = b""
    packing: Packing | None = None
    sender: tuple[str, ...] = ()


def paper_of(order: PageOrder, media: Media) -> Paper:
    """Return the paper of a page for the roll in the printer: our template, or its ready file. Raises PaperError."""
    if order.page.paper == WAITING_SLIP:
        return waiting(waiting_content(order), media, _fonts())
    paper = next((one for one in order.papers if one.id == order.page.paper), None)
    if paper is None:
        raise PaperError("paper.unknown", f"the job has no paper {order.page.paper!r}.", "Send the job again.")
    if not fits(paper.media, media.name):
        raise PaperError("paper.media-mismatch", f"{paper.id} needs {paper.media}; the roll here is {media.name}.",
                         f"Load {paper.media}, or send the job to a station that has it.")
    if paper.file is not UNSET:
        return _ready(order, paper.file, media)
    language = order.job.lang if paper.lang is UNSET else paper.lang
    fonts = _fonts()
    if order.page.role == "label":
        return label(label_content(order, paper, language), media, fonts)
    return slip(slip_content(order, language), media, fonts)


def _ready(order: PageOrder, file: values.PaperFile, media: Media) -> Paper:
    content = order.file
    if file.inline is not UNSET:
        try:
            content = b64decode(file.inline, validate=True)
        except ValueError as error:
            raise PaperError("paper.file-damaged", f"`inline` is not base64: {error}.", "Send it again.") from error
    if not content:
        raise PaperError("paper.file-missing", "the paper's file was not fetched.", "Send the job again.")
    tracking = order.parcel.tracking if order.parcel and order.page.role == "label" else ""
    words = duplicate_words("en") if order.page.copy_of else ""
    return ready_file(content, media, Expect((tracking,) if tracking else (), mark=order.page.mark, duplicate=words))


def slip_content(order: PageOrder, language: str) -> SlipContent:
    """Return what a job's packing slip says."""
    job = order.job
    return SlipContent(
        job=job.job,
        pair=pair_code(f"{job.job}/1"),
        mark=order.page.mark,
        order=job.order.id,
        part=job.order.part,
        parts=job.order.of,
        ship_to=(job.ship_to.name, job.ship_to.city, country(job.ship_to.country)),
        carrier=job.carrier,
        service=job.service,
        language=language,
        duplicate=bool(order.page.copy_of),
        carton=order.packing.carton if order.packing else "",
        steps=order.packing.steps if order.packing else (),
        packing=order.packing.picture if order.packing else None,
        items=tuple(
            Item(quantity=item.qty, name=item.name, sku=item.sku, gtin=item.barcodes[0] if item.barcodes else "")
            for item in job.items
            if item.qty
        ),
    )


def waiting_content(order: PageOrder) -> WaitingContent:
    """Return what the waiting slip of a parcel says. Raises PaperError when there is no parcel."""
    job, parcel = order.job, order.parcel
    if parcel is None:
        raise PaperError("paper.no-parcel", "a waiting slip needs its parcel.", "Weigh the box first.")
    return WaitingContent(
        job=job.job,
        pair=pair_code(f"{job.job}/1"),
        mark=order.page.mark,
        order=job.order.id,
        parcel=int(parcel.id.rpartition("/")[2]),
        weight_g=round(parcel.gross.value_g),
        language=job.lang,
    )


def label_content(order: PageOrder, paper: values.Paper, language: str) -> LabelContent:
    """Return what a parcel's shipping label says. Raises PaperError when there is no parcel to label."""
    job, parcel = order.job, order.parcel
    if parcel is None:
        raise PaperError("paper.no-parcel", "a label needs its parcel.", "Weigh the box first.")
    details = None if paper.data is UNSET else paper.data
    return LabelContent(
        recipient=_printed(job.ship_to),
        sender=Address(order.sender) if job.ship_from is UNSET else _printed(job.ship_from),
        pair=pair_code(f"{job.job}/1"),
        mark=order.page.mark,
        sscc=parcel.sscc,
        tracking=parcel.tracking,
        tracking_symbol=Symbol(details.symbol) if details else Symbol.CODE128,
        parcel=int(parcel.id.rpartition("/")[2]),
        part=job.order.part,
        parts=job.order.of,
        carrier=job.carrier,
        service=job.service,
        weight_g=round(parcel.gross.value_g),
        routing=details.routing if details else "",
        language=language,
        duplicate=bool(order.page.copy_of),
        references=tuple(text for text in ((details.reference, details.product) if details else ()) if text),
    )


def _printed(of: values.Address) -> Address:
    return address(of.name, of.company, of.lines, of.postcode, of.city, of.region, of.country)


def preview(job: values.Job, number: int, sender: tuple[str, ...] = ()) -> Iterator[tuple[PageOrder, str]]:
    """Yield each paper of a job, as if its parcel of this number stood on the scale, with the name of its usual roll.

    The weight is the sum of the items' weights where all are known. A job without papers gets a slip and a label.
    """
    papers = job.papers or (values.Paper(id="slip", role="slip"), values.Paper(id="label", role="label"))
    known = [item.weight_g * item.qty for item in job.items if item.weight_g is not UNSET]
    refused = values.Refused(refused="preview")
    parcel = values.Parcel(
        id=f"{job.job}/{number}",
        job=job.job,
        rev=job.rev,
        state="open",
        visit=0,
        gross=values.Weight(value_g=sum(known) if len(known) == len(job.items) else 0, u95_g=0),
        dims=values.Dimensions(length=refused, width=refused, height=refused),
        sscc=job.sscc[number - 1] if number <= len(job.sscc) else "",
    )
    for no, paper in enumerate(papers, 1):
        details = None if paper.data is UNSET else paper.data
        tracking = "" if details is None or details.tracking is UNSET else details.tracking
        page = values.Print(no=no, mark=f"{no:010d}", role=paper.role, job=job.job, paper=paper.id, state="queued")
        usual = paper.media or ("62x100" if paper.role == "label" else "62")
        yield PageOrder(page, job, replace(parcel, tracking=tracking), papers, sender=sender), usual
