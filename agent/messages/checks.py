"""What a schema can't say of a message: its bytes, its text, and what must fit together inside a job."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from agent.messages.outbound import MAX_BYTES
from agent.station.gs1 import has_check_digit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.station.values import Address, Item, Job, Paper

_BOM = b"\xef\xbb\xbf"
_ESCAPED_CONTROL = re.compile(rb"(?<!\\)(?:\\\\)*\\u00(?:[01][0-9a-f]|7f)")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")
_INLINE_MAX = 32 * 1024
_canonical = msgspec.json.Encoder(order="sorted")


class MessageError(Exception):
    """A message can't be used: a stable code, and a sentence for the one who sent it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def tidy(payload: bytes) -> bytes:
    """Return the payload without byte order mark and trailing NULs, its text in NFC.

    Senders that count the C string's end or save as "UTF-8 with signature" are common; both are harmless.
    Raises MessageError for what is too large, is not UTF-8 or holds control characters.
    """
    if len(payload) > MAX_BYTES:
        raise MessageError("message.too-large", f"{len(payload)} bytes; the limit is {MAX_BYTES}.")
    body = payload.removeprefix(_BOM).rstrip(b"\0 \r\n\t")
    escaped = b"\\" in body and b"\\u" in body  # one byte is found ten times faster than two
    if body.isascii() and not escaped:
        return body
    try:
        if escaped:  # written out, so that composing below meets characters and never escapes
            body = msgspec.json.encode(msgspec.json.decode(body))
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MessageError("message.not-utf8", f"byte {error.start} is not UTF-8.") from error
    except msgspec.DecodeError as error:
        raise MessageError("message.not-json", f"{error}.") from error
    except RecursionError as error:
        raise MessageError("message.too-deep", "nested deeper than any message of the contract.") from error
    if b"\\u00" in body and _ESCAPED_CONTROL.search(body):
        raise MessageError("text.control-character", "a text holds a control character (U+0000 to U+001F, U+007F).")
    return body if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text).encode()


def plain(text: str) -> str:
    """Return `text` with HTML entities written out: shops pass names through web pages and send what comes out.

    >>> plain("KAY&#039;S Salt &amp; Pepper, R&D;")
    "KAY'S Salt & Pepper, R&D;"
    """
    def written_out(entity: re.Match[str]) -> str:
        character = html.unescape(entity[0])
        return character if character.isprintable() else " "
    return _ENTITY.sub(written_out, text) if "&" in text else text


def check_job(job: Job, *, entities: bool) -> Job:
    """Return the job with empty lines dropped and equal SKUs added up. `entities` says that a text may hold `&...;`.

    Lines of quantity 0 are what a partial refund leaves behind. Raises MessageError.
    """
    if job.order.part > job.order.of:
        raise MessageError("job.order-part", f"order.part is {job.order.part} of {job.order.of}.")
    if job.expires is not UNSET:
        check_time("expires", job.expires)
    for sscc in job.sscc:
        if not has_check_digit(sscc):
            raise MessageError("job.sscc-check-digit", f"{sscc} does not end in its check digit.")
    if len(set(job.sscc)) < len(job.sscc):
        raise MessageError("job.sscc-twice", "an SSCC is listed twice; each parcel needs its own.")
    check_papers(job.papers)
    items = merged(job.items)
    if not items:
        raise MessageError("job.no-items", "no line has a quantity above 0.")
    if entities:
        return replace(job, items=tuple(replace(item, name=plain(item.name)) for item in items),
                       ship_to=readable(job.ship_to),
                       ship_from=UNSET if job.ship_from is UNSET else readable(job.ship_from))
    return job if items is job.items else replace(job, items=items)


def merged(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the lines without quantity 0, each SKU once. Raises MessageError when a sum leaves the allowed range."""
    if all(item.qty for item in items) and len({item.sku for item in items}) == len(items):
        return items
    lines: dict[str, Item] = {}
    for item in items:
        if item.qty:
            first = lines.get(item.sku)
            lines[item.sku] = replace(first, qty=first.qty + item.qty) if first else item
    too_many = next((line.sku for line in lines.values() if line.qty > 9_999), None)
    if too_many is not None:
        raise MessageError("field.range", f"the lines of SKU {too_many} add up to more than 9999.")
    return tuple(lines.values())


def readable(address: Address) -> Address:
    """Return the address with HTML entities written out."""
    return replace(address, name=plain(address.name), company=plain(address.company), city=plain(address.city),
                   region=plain(address.region), lines=tuple(plain(line) for line in address.lines))


def check_papers(papers: Iterable[Paper]) -> None:
    """Check what must fit together in papers. Raises MessageError."""
    seen: set[str] = set()
    for paper in papers:
        if paper.id in seen:
            raise MessageError("paper.id-twice", f"paper id {paper.id} is listed twice.")
        seen.add(paper.id)
        file = paper.file
        if file is UNSET:
            continue
        if paper.data is not UNSET:
            raise MessageError("paper.data-and-file", f"paper {paper.id} has `data` and `file`; one is too many.")
        by_url = file.url is not UNSET and file.sha256 is not UNSET and file.bytes is not UNSET
        if by_url == (file.inline is not UNSET):
            raise MessageError("paper.file-incomplete",
                               f"the file of paper {paper.id} needs either `inline`, or `url`, `sha256` and `bytes`.")
        if file.inline is not UNSET and len(file.inline) > _INLINE_MAX * 4 // 3 + 4:
            raise MessageError("paper.file-too-large",
                               f"the inline file of paper {paper.id} is over {_INLINE_MAX} bytes.")


def check_time(field: str, text: str) -> None:
    """Check that a timestamp names a day and a time that exist. Raises MessageError."""
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise MessageError("field.time", f"`{field}`: {error}.") from error


def digest_of(job: Job) -> str:
    """Return the SHA-256 of the job's content: key order, blanks and unknown fields of the sender don't count."""
    return hashlib.sha256(_canonical.encode(job)).hexdigest()
