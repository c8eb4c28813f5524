"""What reaches the station: bytes from the broker become one event, whatever they are.

Nothing here raises for bad bytes. A message that can't be used becomes `MessageRefused` with a stable code and
a sentence; where the job's id can still be read, the refusal carries it, so that the job ends at the OMS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from agent.messages import topics
from agent.messages.checks import MessageError, check_job, check_papers, digest_of, tidy
from agent.station.events import (
    DecisionMade,
    Delivery,
    Event,
    FactsReceipted,
    JobAssigned,
    JobCancelled,
    LabelArrived,
    MessageIgnored,
    MessageRefused,
)
from agent.station.values import Ident, Job, Line, Paper, ParcelId, Revision, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

FactId = Annotated[str, Meta(min_length=3, max_length=80, pattern=r"^[0-9a-f-]{1,40}:[0-9]{1,19}\Z")]


class Cancel(Struct, frozen=True, kw_only=True):
    """The OMS takes a job back; it may overtake the job's own assign."""

    job: Ident
    rev: Revision
    station: Ident | UnsetType = UNSET
    site: Ident | UnsetType = UNSET
    reason: Line = ""


class Label(Struct, frozen=True, kw_only=True):
    """The papers of one parcel, after it was measured, or instead of those that it has."""

    parcel: ParcelId
    rev: Revision
    papers: Annotated[tuple[Paper, ...], Meta(min_length=1, max_length=16)]


class Decision(Struct, frozen=True, kw_only=True):
    """What becomes of a held parcel."""

    parcel: ParcelId
    verdict: Verdict


class Receipt(Struct, frozen=True, kw_only=True):
    """The OMS has booked these facts, now or earlier."""

    ids: Annotated[tuple[FactId, ...], Meta(min_length=1, max_length=100)]


_ident = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")
_job = msgspec.json.Decoder(Job)
_cancel = msgspec.json.Decoder(Cancel)
_label = msgspec.json.Decoder(Label)
_decision = msgspec.json.Decoder(Decision)
_receipt = msgspec.json.Decoder(Receipt)
_T = TypeVar("_T")


class Here(Struct, frozen=True):
    """Who we are, and which message this is."""

    station: str
    site: str
    delivery: Delivery
    at_ms: int

    def check_ours(self, station: str | UnsetType, site: str | UnsetType) -> None:
        """Check that work is for this station of this site, whatever the broker allowed. Raises MessageError."""
        if station not in (UNSET, self.station):
            raise MessageError("job.not-ours", f"it is for station {station}; this is {self.station}.")
        if site not in (UNSET, self.site):
            raise MessageError("job.not-ours", f"it is for site {site}; this station works for {self.site}.")


def decode(
    topic: str, payload: bytes, *, station: str, site: str, retained: bool, delivery: Delivery, at_ms: int,
) -> Event:
    """Return the event that this message means; never raises for what is in it."""
    here = Here(station, site, delivery, at_ms)
    if not payload.strip(b"\0 \r\n\t"):
        return MessageIgnored(at_ms=at_ms, delivery=delivery)
    leaf = topics.leaf_of(topic, station_id=station, site_id=site)
    try:
        return _reader(leaf, retained=retained)(tidy(payload), here)
    except MessageError as refusal:
        # Another station's job is not ours to reject, and a retained copy says nothing about the job itself.
        silent = leaf != "job/assign" or refusal.code in ("job.not-ours", "message.retained")
        job, rev = ("", 0) if silent else named_job(payload)
        return MessageRefused(at_ms=at_ms, delivery=delivery, topic=topic, payload=payload, code=refusal.code,
                              detail=refusal.detail, job=job, rev=rev)


def _reader(leaf: str, *, retained: bool) -> Callable[[bytes, Here], Event]:
    """Return what reads the messages of one topic. Raises MessageError."""
    if leaf not in _READERS:
        raise MessageError("message.topic", "nothing is expected on this topic.")
    if retained:
        raise MessageError("message.retained", "work is never retained: it would come again after every reconnect.")
    return _READERS[leaf]


def named_job(payload: bytes) -> tuple[str, int]:
    """Return the job's id and revision as far as they can be read from a bad payload; `("", 0)` else.

    An id that came as a number is read as its digits, so that the sender finds its job again.
    """
    try:
        body = msgspec.json.decode(tidy(payload))
    except (MessageError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", 0
    if not isinstance(body, dict):
        return "", 0
    job, rev = body.get("job"), body.get("rev")
    name = str(job) if isinstance(job, str) or type(job) is int else ""
    return (name, rev if type(rev) is int and 0 < rev <= 2**31 else 0) if _ident.match(name) else ("", 0)


def _read(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """Return the decoded message. Raises MessageError with the code of what is wrong."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise MessageError(_field_code(str(error)), f"{error}.") from error
    except msgspec.DecodeError as error:
        raise MessageError("message.not-json", f"{error}.") from error
    except UnicodeDecodeError as error:
        raise MessageError("message.not-utf8", f"byte {error.start} is not UTF-8.") from error
    except RecursionError as error:
        raise MessageError("message.too-deep", "nested deeper than any message of the contract.") from error


def _field_code(words: str) -> str:
    """Return the stable code behind msgspec's sentence."""
    if "missing required field" in words:
        return "field.missing"
    if "got `" in words:
        return "field.type"
    return "field.range"


def _assign(body: bytes, here: Here) -> Event:
    job = _read(_job, body)
    here.check_ours(job.station, job.site)
    job = check_job(job, entities=b"&" in body)
    return JobAssigned(at_ms=here.at_ms, job=job, digest=digest_of(job), delivery=here.delivery)


def _cancelled(body: bytes, here: Here) -> Event:
    cancel = _read(_cancel, body)
    here.check_ours(cancel.station, cancel.site)
    return JobCancelled(at_ms=here.at_ms, job=cancel.job, rev=cancel.rev, delivery=here.delivery)


def _labelled(body: bytes, here: Here) -> Event:
    label = _read(_label, body)
    check_papers(label.papers)
    return LabelArrived(at_ms=here.at_ms, parcel=label.parcel, rev=label.rev, papers=label.papers,
                        delivery=here.delivery)


def _decided(body: bytes, here: Here) -> Event:
    decision = _read(_decision, body)
    return DecisionMade(at_ms=here.at_ms, parcel=decision.parcel, verdict=decision.verdict, delivery=here.delivery)


def _receipted(body: bytes, here: Here) -> Event:
    return FactsReceipted(at_ms=here.at_ms, ids=_read(_receipt, body).ids, delivery=here.delivery)


_READERS: dict[str, Callable[[bytes, Here], Event]] = {
    "job/assign": _assign,
    "job/cancel": _cancelled,
    "job/label": _labelled,
    "job/decision": _decided,
    "rcpt": _receipted,
}
