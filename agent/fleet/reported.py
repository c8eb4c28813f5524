"""What a station says of its configuration: retained on `cfg/reported`, also after a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from agent.fleet.layers import fingerprint
from agent.fleet.renewal import OwnCertificate
from agent.fleet.trial import Fault, Phase, Refused, Standing, revisions, running, wanted

if TYPE_CHECKING:
    from collections.abc import Iterable


class Reported(Struct, frozen=True, omit_defaults=True):
    """`want` is what was accepted, `have` what runs: revisions by scope; `candidate` where one is tried here.

    `state` is off (no key is trusted), pending, held, trial, applied, failed; `errors` say why, `refused` what was
    turned away at the door, by the SHA-256 of its bytes. `hash` and `good` are the same when what is wanted runs.
    """

    state: Phase | Literal["rejected"]
    want: dict[str, int]
    have: dict[str, int]
    candidate: dict[str, int]
    hash: str
    good: str
    errors: tuple[Fault, ...]
    refused: dict[str, Refused]
    cleared: tuple[str, ...]
    keys: tuple[str, ...]
    since: str
    agent: str
    certificate: OwnCertificate | None = None


def reported(standing: Standing, order: tuple[str, ...], *, keys: Iterable[str], agent: str, since: str,
             certificate: OwnCertificate | None = None) -> bytes:
    """Return the payload of `cfg/reported`."""
    trusted = tuple(sorted(keys))
    phase = "off" if not trusted and not standing.layers else standing.phase
    return msgspec.json.encode(Reported(
        state="applied" if phase == "off" and trusted else phase, want=revisions(standing), have=standing.have,
        candidate={scope: layer.candidate for scope, layer in standing.layers.items() if layer.candidate},
        hash=fingerprint(wanted(standing, order))[:16], good=fingerprint(standing.good)[:16], errors=standing.faults,
        refused=standing.refused, cleared=standing.cleared, keys=trusted, since=since, agent=agent,
        certificate=certificate,
    ))


def explained(standing: Standing, order: tuple[str, ...], key: str) -> list[dict[str, object]]:
    """Return what the layers that run say about a dotted key, one row for each that does; the last one wins."""
    rows: list[dict[str, object]] = []
    revs = standing.trial.revisions if standing.trial is not None else standing.have
    for scope, patch in zip([scope for scope in order if scope in revs], running(standing), strict=True):
        value: object = patch
        for name in key.split("."):
            if not isinstance(value, dict) or name not in value:
                break
            value = value[name]
        else:
            rows.append({"layer": scope, "rev": revs[scope], "value": value})
    return rows
