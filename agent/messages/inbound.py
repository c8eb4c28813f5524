"""What reaches the station: bytes from the broker become one event, whatever they are.

Nothing here raises for bad bytes. A message that can't be used becomes `MessageRefused` with a stable code and
a sentence; where the job's id can still be read, the refusal carries it, so that the job ends at the OMS.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from agent.messages import topics
from agent.messages.catalogue import rows_of_message
from agent.messages.checks import MessageError, check_job, check_papers, digest_of, tidy
from agent.messages.payloads import Cancel, Catalogue, Decision, Label, Lease, Offer, OmsPresence, Receipt, SyncAnswer
from agent.station.events import (
    BlockLeased,
    CatalogueCame,
    DecisionMade,
    Delivery,
    Event,
    FactsReceipted,
    JobAssigned,
    JobCancelled,
    JobOffered,
    LabelArrived,
    MessageIgnored,
    MessageRefused,
    OmsChanged,
    RestDecided,
    SyncAnswered,
)
from agent.station.values import Job

if TYPE_CHECKING:
    from collections.abc import Callable

# A message that is longer is not even looked into for its job.
LONGEST_NAMED = 1_000_000
_ident = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")
_job = msgspec.json.Decoder(Job)
_cancel = msgspec.json.Decoder(Cancel)
_label = msgspec.json.Decoder(Label)
_decision = msgspec.json.Decoder(Decision)
_receipt = msgspec.json.Decoder(Receipt)
_offer = msgspec.json.Decoder(Offer)
_lease = msgspec.json.Decoder(Lease)
_sync_answer = msgspec.json.Decoder(SyncAnswer)
_catalogue_decoder = msgspec.json.Decoder(Catalogue)
_oms_presence = msgspec.json.Decoder(OmsPresence)
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
    if retained and leaf not in RETAINED:
        raise MessageError("message.retained", "work is never retained: it would come again after every reconnect.")
    return _READERS[leaf]


def named_job(payload: bytes) -> tuple[str, int]:
    """Return the job's id and revision as far as they can be read from a bad payload; `("", 0)` else.

    An id that came as a number is read as its digits, so that the sender finds its job again. It is read by a parser
    that forgives what the message was refused for: control characters, half characters, too many bytes.
    """
    try:
        body = json.loads(payload[:LONGEST_NAMED].decode("utf-8-sig", "replace").rstrip("\0"), strict=False)
    except (ValueError, RecursionError):
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
    if decision.job is not UNSET and decision.rest is not UNSET:
        return RestDecided(at_ms=here.at_ms, job=decision.job, rest=decision.rest, delivery=here.delivery)
    if decision.parcel is UNSET or decision.verdict is UNSET:
        raise MessageError("field.missing", "a decision names a parcel and a verdict, or a job and its rest.")
    return DecisionMade(at_ms=here.at_ms, parcel=decision.parcel, verdict=decision.verdict, delivery=here.delivery)


def _receipted(body: bytes, here: Here) -> Event:
    return FactsReceipted(at_ms=here.at_ms, ids=_read(_receipt, body).ids, delivery=here.delivery)


def _offered(body: bytes, here: Here) -> Event:
    offer = _read(_offer, body)
    here.check_ours(UNSET, offer.site)
    return JobOffered(at_ms=here.at_ms, job=offer.job, rev=offer.rev, delivery=here.delivery)


def _leased(body: bytes, here: Here) -> Event:
    lease = _read(_lease, body)
    if int(lease.first) + lease.count > 10**17:
        raise MessageError("field.range", f"block {lease.block} runs over 17 digits.")
    return BlockLeased(at_ms=here.at_ms, block=lease.block, store=lease.store, first=lease.first, count=lease.count,
                       delivery=here.delivery)


def _synced(body: bytes, here: Here) -> Event:
    answer = _read(_sync_answer, body)
    return SyncAnswered(at_ms=here.at_ms, session=answer.session, unknown=answer.unknown, delivery=here.delivery)


def _catalogue(body: bytes, here: Here) -> Event:
    _read(_catalogue_decoder, body)
    return CatalogueCame(at_ms=here.at_ms, rows=rows_of_message(msgspec.json.decode(body)), delivery=here.delivery)


def _oms(body: bytes, here: Here) -> Event:
    return OmsChanged(at_ms=here.at_ms, oms=_read(_oms_presence, body).state, delivery=here.delivery)


_READERS: dict[str, Callable[[bytes, Here], Event]] = {
    "job/assign": _assign,
    "job/cancel": _cancelled,
    "job/label": _labelled,
    "job/decision": _decided,
    "job/sscc": _leased,
    "rcpt": _receipted,
    "sync/rsp": _synced,
    "site/job/offer": _offered,
    "site/catalogue": _catalogue,
    "oms/state": _oms,
}
RETAINED = ("oms/state", "site/catalogue")
