"""Commands of the fleet's admin: a short list of names, each with its own words; nothing here runs a program.

A request is `{"cid": id, "exp": Unix seconds, ...words}` on `cmd/{name}/req`; the answer is
`{"cid", "name", "state", "code", "text", "found"}` on `cmd/{name}/rsp`. The same `cid` gets the same answer and
nothing is done twice.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from agent.fleet.signing import strict_json
from firmware_config.settings import ConfigError, Problem, Section, read_section

Cid = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*\Z")]
Expiry = Annotated[int, Meta(ge=1, le=2**53)]
# A request may not be valid for longer than a day: what is queued for longer is not what the admin means now.
LONGEST_S = 86_400
KEPT = 100


class Request(Section, frozen=True, kw_only=True):
    """What every request says."""

    cid: Cid
    exp: Expiry


class Identify(Request, frozen=True, kw_only=True):
    """Blink the lamps, so that a person finds this station among others."""

    seconds: Annotated[int, Meta(ge=1, le=120)] = 20


class PrintTest(Request, frozen=True, kw_only=True):
    """Print a test page."""

    role: Literal["slip", "label"] = "label"


class Reprint(Request, frozen=True, kw_only=True):
    """Print a parcel's label once more: marked as a copy, and the first one is void."""

    parcel: Annotated[str, Meta(min_length=3, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*/[0-9]{1,4}\Z")]


class Status(Request, frozen=True, kw_only=True):
    """Say how the station is."""


class Bundle(Request, frozen=True, kw_only=True):
    """Write a support bundle into the station's directory; it never travels over MQTT."""


class Reload(Request, frozen=True, kw_only=True):
    """Try the wanted configuration again, also what failed before."""


class Drain(Request, frozen=True, kw_only=True):
    """Claim no more jobs from the site's pool, or do so again; what was assigned is packed as ever."""

    on: bool = True


class Upgrade(Request, frozen=True, kw_only=True):
    """Ask pbctl to install a signed release that lies in the state folder's `upgrade`; it checks everything itself."""

    release: Annotated[str, Meta(max_length=96, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.tar\Z")]


class Certificate(Request, frozen=True, kw_only=True):
    """Take the next certificate (PEM) of the key that this station has; the next connection uses it."""

    pem: Annotated[str, Meta(min_length=100, max_length=8_192)]


NAMES: dict[str, type[Request]] = {
    "identify": Identify, "print-test": PrintTest, "reprint": Reprint, "status": Status, "bundle": Bundle,
    "reload": Reload, "drain": Drain, "upgrade": Upgrade,
    "certificate": Certificate,
}

# What a station does that did not come up well and has opened none of its devices.
IN_SAFE_MODE = ("status", "bundle", "reload", "upgrade", "certificate")


class Answer(Struct, frozen=True, omit_defaults=True):
    """The answer to one request. `taken` is on disk before anything is done; what stays so was cut short."""

    cid: str
    name: str
    state: Literal["taken", "done", "failed", "refused"]
    code: str
    text: str
    found: dict[str, Any] = {}


class Done(Struct, frozen=True):
    """What is remembered of a command: the SHA-256 of its request, and its answer."""

    sha256: str
    answer: Answer


def read_request(name: str, payload: bytes, *, retained: bool, reply: str, topic: str, wall_s: int | None) -> Request:
    """Return the request in a message. `reply` is the response topic of MQTT 5, `topic` where answers may go.

    Raises ConfigError with every problem: retained, no such command, words that don't fit, expired, answer elsewhere.
    """
    if retained:
        text = "a command is never retained: it would come again after every reconnect."
        raise ConfigError(name, [Problem("retain", "command.retained", text)])
    if name not in NAMES:
        text = f"there is no command {name[:40]!r}; there are {', '.join(NAMES)}."
        raise ConfigError(name, [Problem("name", "command.unknown", text)])
    if reply not in ("", topic):
        text = f"answers go to {topic} alone."
        raise ConfigError(name, [Problem("reply", "command.reply-elsewhere", text)])
    problems: list[Problem] = []
    request: Request | None = read_section(NAMES[name], strict_json(payload, name), "", problems)
    if request is None:
        raise ConfigError(name, problems)
    if wall_s is not None and request.exp < wall_s:
        text = f"it expired {wall_s - request.exp} s ago; send it again."
        raise ConfigError(name, [Problem("exp", "command.expired", text)])
    if wall_s is not None and request.exp > wall_s + LONGEST_S:
        raise ConfigError(name, [Problem("exp", "command.too-long", "it may be valid for a day at the most.")])
    return request


def known(done: tuple[Done, ...], cid: str, payload: bytes) -> Answer | None:
    """Return the answer that this request has had, or None when it is new.

    Raises ConfigError when the correlation id was another request's.
    """
    found = next((one for one in done if one.answer.cid == cid), None)
    if found is None:
        return None
    if found.sha256 != hashlib.sha256(payload).hexdigest():
        text = "this correlation id was another request's; make a new one for each."
        raise ConfigError(found.answer.name, [Problem("cid", "command.cid-twice", text)])
    return found.answer


def remembered(done: tuple[Done, ...], answer: Answer, payload: bytes = b"") -> tuple[Done, ...]:
    """Return the memory with this answer in it; the oldest goes. `payload` is the request, when it is new."""
    if any(one.answer.cid == answer.cid for one in done):
        return tuple(replace(one, answer=answer) if one.answer.cid == answer.cid else one for one in done)
    return (*done, Done(hashlib.sha256(payload).hexdigest(), answer))[-KEPT:]


def cut_short(done: tuple[Done, ...]) -> tuple[Done, ...]:
    """Return the memory at the start of a life: what was taken and not answered may or may not have been done."""
    return tuple(
        replace(one, answer=replace(one.answer, state="failed", code="command.cut-short",
                                    text="the agent stopped in the middle; look before you send it again."))
        if one.answer.state == "taken" else one for one in done)


def refusal(name: str, payload: bytes, error: ConfigError) -> Answer:
    """Return the answer to a request that was refused, with its correlation id as far as it can be read."""
    try:
        cid = strict_json(payload, name).get("cid", "")
    except ConfigError:
        cid = ""
    first = error.problems[0]
    return Answer(cid[:64] if isinstance(cid, str) else "", name[:40], "refused", first.code,
                  "; ".join(f"{one.key}: {one.text}" for one in error.problems)[:1_000])


def payload_of(answer: Answer) -> bytes:
    """Return the bytes of an answer."""
    return msgspec.json.encode(answer)
