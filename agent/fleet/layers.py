"""Configuration layers: what a push may say, who it is for, and what fleet, site and station together make of a file.

A signed body is `{scope, rev, exp, min_agent, stable, candidate}`; scope is `fleet`, `site/ID` or `station/ID`.
`stable` is a JSON merge patch (RFC 7396) on the station's own file: fleet first, then site, then station. `candidate`
takes the place of `stable` on the stations that it lists and on a percentage of the rest. No file, no clock here.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from agent.fleet.signing import strict_json, verified
from firmware_config.settings import ConfigError, Name, Problem, Section, Settings, parse, read_section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Patch = dict[str, Any]
Number = Annotated[int, Meta(ge=1, le=2**53)]
Version = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,3}\Z")]

DEEPEST = 6
MOST_KEYS = 500
# Paths, hosts, names and roll sizes need no more; quotes, semicolons, dollars and line ends have no business here.
_TEXT = re.compile(r"[A-Za-z0-9 ._:/@+,-]{0,256}\Z")
_DEVICE = re.compile(r"/dev/[A-Za-z0-9._:/@+-]+\Z")
PROTECTED = {
    "broker": "the way to the broker is changed at the station, so that no push can cut it",
    "fleet": "whose pushes are taken is decided at the station",
    "station.id": "who a station is is decided at the station",
    "station.site": "whose work a station does is decided at the station",
    "directory": "calibrations and the database are where the station keeps them",
    "socket": "the local commands look for it where the station has it",
    "bench": "a simulated bench belongs to its machine",
}
DRIVERS = ("trace", "folder", "png")  # they read or write any folder


class Body(Section, frozen=True, kw_only=True):
    """The signed bytes of a layer."""

    scope: str
    rev: Number
    exp: Number
    min_agent: Version = "0"
    stable: dict[str, Any]
    candidate: dict[str, Any] | None = None


class Candidate(Section, frozen=True, kw_only=True):
    """What some stations try before the others. `percent` is by the hash of salt and station, so it only grows."""

    rev: Number
    body: dict[str, Any]
    percent: Annotated[int, Meta(ge=0, le=100)] = 0
    salt: Annotated[str, Meta(max_length=64)] = ""
    stations: Annotated[tuple[Name, ...], Meta(max_length=1_000)] = ()


class Layer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One accepted layer as it is kept: `patch` is what it means for this station, `candidate` its number if that."""

    scope: str
    rev: int
    sha256: str
    patch: Patch
    candidate: int = 0


def scopes(station: str, site: str) -> tuple[str, str, str]:
    """Return the scopes that this station listens to, in the order in which they are merged."""
    return ("fleet", f"site/{site}", f"station/{station}")


def read_layer(
    wrapper: bytes, *, scope: str, station: str, keys: Mapping[str, bytes], agent: str, wall_s: int | None,
) -> Layer:
    """Return the layer in a signed push for `scope`; `wall_s` is Unix time, None while the clock is not trusted.

    Raises ConfigError with every problem: signature, form, another scope, expired, for a newer agent, forbidden keys.
    """
    signed = verified(wrapper, keys, scope)
    problems: list[Problem] = []
    raw = strict_json(signed, scope)
    body: Body | None = read_section(Body, raw, "", problems)
    if body is None:
        raise ConfigError(scope, problems)
    if body.scope != scope:
        text = f"it is signed for {body.scope[:80]!r}, and came as {scope!r}."
        problems.append(Problem("scope", "config.other-scope", text))
    if wall_s is not None and body.exp < wall_s:
        problems.append(Problem("exp", "config.expired", f"it expired {wall_s - body.exp} s ago; sign it again."))
    if _numbers(body.min_agent) > _numbers(agent):
        text = f"it needs agent {body.min_agent}; this is {agent}."
        problems.append(Problem("min_agent", "config.agent-too-old", text))
    patch, number = body.stable, 0
    problems += forbidden(body.stable, "stable")
    if body.candidate is not None:
        candidate: Candidate | None = read_section(Candidate, body.candidate, "candidate", problems)
        if candidate is not None:
            problems += forbidden(candidate.body, "candidate.body")
            if takes_part(candidate, station):
                patch, number = candidate.body, candidate.rev
    if problems:
        raise ConfigError(scope, problems)
    return Layer(scope=scope, rev=body.rev, sha256=hashlib.sha256(signed).hexdigest(), patch=patch, candidate=number)


def check_order(layer: Layer, kept: Layer | None, newest: int) -> bool:
    """Return whether this layer is news; False is the same again. `newest` is the highest revision ever taken.

    Raises ConfigError for an older revision (a replay) and for the same revision with other content.
    """
    if kept is not None and kept.rev == layer.rev and kept.sha256 == layer.sha256:
        return False
    if layer.rev < newest:
        text = f"revision {layer.rev} is older than {newest}, which this station has had."
        raise ConfigError(layer.scope, [Problem("rev", "config.older", text)])
    if layer.rev == newest:
        text = f"revision {layer.rev} was here with other content; count on."
        raise ConfigError(layer.scope, [Problem("rev", "config.rev-conflict", text)])
    return True


def takes_part(candidate: Candidate, station: str) -> bool:
    """Return whether a station tries the candidate: it is listed, or falls into the percentage.

    >>> candidate = Candidate(rev=2, body={}, percent=10, salt="2a")
    >>> sum(takes_part(candidate, f"st-{n:03d}") for n in range(1_000))
    110
    """
    share = int.from_bytes(hashlib.sha256(f"{candidate.salt}{station}".encode()).digest(), "big") % 100
    return station in candidate.stations or share < candidate.percent


def forbidden(patch: Patch, where: str) -> list[Problem]:
    """Return what no push may say, one problem a key."""
    found: list[Problem] = []
    leaves = list(_leaves(patch, "", 1))
    if len(leaves) > MOST_KEYS:
        found.append(Problem(where, "config.too-many-keys", f"{len(leaves)} keys; the limit is {MOST_KEYS}."))
    for key, value in leaves[:MOST_KEYS]:
        whole = f"{where}.{key}" if key else where
        plain = _PLACE.sub("", key)
        barred = next((name for name in PROTECTED if _within(plain, name) or _within(name, plain)), "")
        if barred:
            found.append(Problem(whole, "config.protected", f"no push may change it: {PROTECTED[barred]}."))
        elif value is _TOO_DEEP:
            found.append(Problem(whole, "config.too-deep", f"nested deeper than {DEEPEST}."))
        elif isinstance(value, int) and abs(value) > 2**53:
            found.append(Problem(whole, "config.value", "the number is above 2^53."))
        elif isinstance(value, str) and not _TEXT.match(value):
            found.append(Problem(whole, "config.text", _ALPHABET))
        elif plain.endswith(".path") and value and not (isinstance(value, str) and _DEVICE.match(value)):
            found.append(Problem(whole, "config.path", "a push may name device files under /dev alone."))
        elif isinstance(value, str) and ".." in value:
            found.append(Problem(whole, "config.path", "a push may not climb folders (`..`)."))
        elif plain.endswith(".driver") and value in DRIVERS:
            text = f"driver `{value}` reads or writes folders; set it at the station."
            found.append(Problem(whole, "config.driver", text))
    return found


_TOO_DEEP = object()
_PLACE = re.compile(r"\[\d+\]")
_ALPHABET = "a text may hold letters, digits, blanks and ._:/@+,- (256 at most)."


def _within(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.")


def _leaves(value: object, key: str, depth: int) -> list[tuple[str, object]]:
    """Return (dotted key, value) of every leaf; an empty table is a leaf, too."""
    if depth > DEEPEST:
        return [(key, _TOO_DEEP)]
    if isinstance(value, dict) and (value or not key):
        return [leaf for name, inner in value.items()
                for leaf in _leaves(inner, f"{key}.{name[:64]}" if key else name[:64], depth + 1)]
    if isinstance(value, list) and value:
        return [leaf for n, inner in enumerate(value) for leaf in _leaves(inner, f"{key}[{n}]", depth + 1)]
    return [(key, value)]


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 (any JSON value, as RFC 7396 has it)
    """Return `target` with a JSON merge patch applied (RFC 7396, section 2); null takes a key away.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}})
    {'a': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def document(local: Settings) -> Patch:
    """Return the station's own file as a JSON document; a device of which there is one is a table, as in the file."""
    whole: Patch = msgspec.to_builtins(local)
    for name, value in whole.items():
        if isinstance(value, list | tuple):
            whole[name] = value[0] if len(value) == 1 else list(value)
    return whole


def effective(local: Settings, patches: Sequence[Patch]) -> Settings:
    """Return the settings that `local` and the patches make together. Raises ConfigError with every problem."""
    if not any(patches):
        return local
    whole = document(local)
    for patch in patches:
        whole = merge(whole, patch)
    return parse(whole, "push")


def origin(key: str, layers: Mapping[str, Layer], order: Sequence[str]) -> str:
    """Return the scope of the last layer that says something about a dotted key; empty is the station's own file."""
    path = _PLACE.sub("", key).split(".")
    found = ""
    for scope in order:
        value: object = layers[scope].patch if scope in layers else {}
        for name in path:
            if not isinstance(value, dict) or name not in value:
                break
            value = value[name]
            if not isinstance(value, dict):
                found = scope
                break
        else:
            found = scope
    return found


def fingerprint(patches: Sequence[Patch]) -> str:
    """Return the SHA-256 of what the patches say together; no patch and empty ones are the same."""
    said = [patch for patch in patches if patch]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest() if said else ""


def _numbers(version: str) -> list[int]:
    """Return a version's numbers for comparing; `1.4.0.dev1` is 1.4.0."""
    numbers = [int(part) for part in re.findall(r"(?:^|\.)(\d+)", version)][:4]
    return numbers + [0] * (4 - len(numbers))
