"""What leaves the station: facts in their envelope, and its presence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from agent.messages import topics

if TYPE_CHECKING:
    from agent.station.facts import Fact

CONTRACT = "1.0"
MAX_BYTES = 65_536  # the portable subset: every engine takes a payload of this size, retained too

_encoder = msgspec.json.Encoder()


class At(Struct, frozen=True):
    """When a fact happened: `seq`, `boot` and `mono_ms` give the order even when the clock was wrong."""

    seq: int
    boot: int
    mono_ms: int
    time_ok: bool


class Envelope(Struct, frozen=True):
    """CloudEvents 1.0, structured JSON. `key` is an extension attribute: the natural key of the fact."""

    specversion: str
    id: str
    source: str
    type: str
    key: str
    time: str
    datacontenttype: str
    data: msgspec.Raw


class Presence(Struct, frozen=True, omit_defaults=True):
    """The retained word on a station. Whoever watches ignores `lost` with a session older than the last `ready`.

    `safe` is there for its admin and packs nothing: it did not come up well too many times. `life` is another one
    each time the agent starts; by it a station knows its own words from those of a copy of itself.
    """

    state: Literal["ready", "safe", "lost", "disconnected"]
    session: int
    contract: str = ""
    agent: str = ""
    media: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    capabilities: Annotated[tuple[str, ...], Meta(max_length=32)] = ()
    life: str = ""


_presence = msgspec.json.Decoder(Presence)


class SyncRequest(Struct, frozen=True):
    """Our jobs that have not ended, as (id, revision, state, first 8 digits of the digest); never their content.

    `first` is the first job id that this page speaks for, `last` the first that it does not; empty means open-ended.
    """

    session: int
    store: str
    page: int
    of: int
    unreceipted: int
    first: str
    last: str
    oldest: str
    jobs: tuple[tuple[str, int, str, str], ...]


class Telemetry(Struct, frozen=True):
    """How a station is, once a minute with QoS 0; may be lost."""

    boot: int
    mono_ms: int
    outbox: int
    open_jobs: int
    dead_letters: int
    database_bytes: int
    disk_free_mb: int


def telemetry(values: Telemetry) -> bytes:
    """Return the payload of the `tel` topic."""
    return _encoder.encode(values)


def sync_request(request: SyncRequest) -> bytes:
    """Return the payload of one page of `sync/req`."""
    return _encoder.encode(request)


def rfc3339(wall_ms: int) -> str:
    """Return Unix milliseconds as RFC 3339 in UTC with milliseconds; the year stays within 1970 and 9999.

    >>> rfc3339(0)
    '1970-01-01T00:00:00.000Z'
    """
    bounded_ms = min(max(wall_ms, 0), 253_402_300_799_999)
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=bounded_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def source(station: str) -> str:
    """Return the CloudEvents source of one station."""
    return f"pack/st/{station}"


def fact_topic(station: str, kind: str) -> str:
    """Return the topic of one kind of fact."""
    return topics.station(station, f"evt/{kind}")


def envelope(
    fact: Fact, *, id: str, station: str, seq: int, boot: int, mono_ms: int, wall_ms: int, time_ok: bool,  # noqa: A002 (CloudEvents' own word)
) -> bytes:
    """Return the bytes of `fact`; they are made once, so that the same id always means the same bytes."""
    at = _encoder.encode(At(seq, boot, mono_ms, time_ok))
    body = _encoder.encode(fact)
    return _encoder.encode(Envelope(
        "1.0", id, source(station), fact.type, fact.key, rfc3339(wall_ms), "application/json",
        msgspec.Raw(b'{"at":' + at + b"," + body[1:]),
    ))


def life_of(payload: bytes) -> str:
    """Return the life that a presence is of; empty for what is no presence, and for an agent that has none."""
    try:
        return _presence.decode(payload).life
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def presence(word: Presence) -> bytes:
    """Return the payload of the presence topic."""
    return _encoder.encode(word)
