"""The trial of a configuration: a pure state machine that keeps what proves itself and goes back from what does not.

    wanted ──(box on the platform, page at the printer)── held
      │ job boundary                                        │
      └────────────> trial ──healthy──> applied  <──────────┘
                       └─ a device broke, is silent, no round trip, crashed twice ──> failed; last known good runs

Everything here is on disk before it is acted on, so that a power cut at any point finds its way back.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from agent.fleet.layers import Layer, fingerprint

# How long a device may be broken that was not before: it may need a moment to be opened anew.
BROKEN_MS = 10_000
# How long all devices and the OMS may take to answer at all.
TRIAL_MS = 60_000
# How many lives the process may begin while a trial is open; the third runs what was known to be good.
LIVES = 2
BAD_KEPT = 32

Patches = tuple[dict[str, Any], ...]
Phase = Literal["off", "applied", "pending", "held", "trial", "failed"]


class Fault(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a push: a key or a device, a stable code, a sentence, and the layer that said it."""

    key: str
    code: str
    text: str
    layer: str = ""


class Refused(Struct, frozen=True):
    """The last push of a scope that was turned away at the door, by the SHA-256 of its bytes."""

    sha256: str
    faults: tuple[Fault, ...]


class Trial(Struct, frozen=True, omit_defaults=True):
    """What is being tried since `began_ms`: its patches and revisions; `broken` are the codes of before,
    `failing` since when each device is broken that was not.
    """

    patches: Patches
    revisions: dict[str, int]
    began_ms: int
    broken: dict[str, str] = {}
    failing: dict[str, int] = {}
    lives: int = 1


class Standing(Struct, frozen=True, omit_defaults=True):
    """What a station was told to be and what of it runs. It is stored whenever it changes.

    `layers` are the newest accepted ones by scope, `newest` the highest revision ever taken (also of layers that are
    gone), `good` the patches that last proved themselves with their revisions `have`, `bad` the fingerprints of what
    did not, `cleared` the scopes whose topic was emptied without a signature.
    """

    layers: dict[str, Layer] = {}
    newest: dict[str, int] = {}
    refused: dict[str, Refused] = {}
    cleared: tuple[str, ...] = ()
    good: Patches = ()
    have: dict[str, int] = {}
    bad: tuple[str, ...] = ()
    trial: Trial | None = None
    phase: Phase = "off"
    faults: tuple[Fault, ...] = ()
    since_ms: int = 0


class Look(Struct, frozen=True, kw_only=True):
    """What the owner sees this moment.

    `busy` is why no trial may begin (empty: it may), `broken` the code of each device that does not work, `silent` the
    devices that have not answered since they were opened, `round_trip` whether the broker and, where it was there, the
    OMS have answered since the trial began.
    """

    now_ms: int
    wall_ms: int
    busy: str = ""
    broken: dict[str, str] = {}
    silent: tuple[str, ...] = ()
    round_trip: bool = False


def wanted(standing: Standing, order: tuple[str, ...]) -> Patches:
    """Return the patches of all accepted layers in the order in which they are merged."""
    return tuple(standing.layers[scope].patch for scope in order if scope in standing.layers)


def revisions(standing: Standing) -> dict[str, int]:
    """Return the revision of each accepted layer."""
    return {scope: layer.rev for scope, layer in standing.layers.items()}


def accepted(standing: Standing, layer: Layer, wall_ms: int) -> Standing:
    """Take a layer that was checked, signed and valid; whether it runs is decided by `step`."""
    return replace(
        standing, layers={**standing.layers, layer.scope: layer},
        newest={**standing.newest, layer.scope: max(layer.rev, standing.newest.get(layer.scope, 0))},
        refused={scope: one for scope, one in standing.refused.items() if scope != layer.scope},
        cleared=tuple(scope for scope in standing.cleared if scope != layer.scope),
        phase="pending", faults=(), since_ms=wall_ms,
    )


def turned_away(standing: Standing, scope: str, refused: Refused) -> Standing:
    """Remember why a push was refused; nothing else changes."""
    return replace(standing, refused={**standing.refused, scope: refused})


def cleared(standing: Standing, scope: str) -> Standing:
    """A topic was emptied. That has no signature, so it changes nothing but what is said of it."""
    if scope in standing.cleared or scope not in standing.layers:
        return standing
    return replace(standing, cleared=(*standing.cleared, scope))


def again(standing: Standing, wall_ms: int) -> Standing:
    """Forget what failed, so that it is tried again: somebody mended the bench."""
    if not standing.layers:
        return standing
    return replace(standing, bad=(), phase="pending" if standing.trial is None else standing.phase, since_ms=wall_ms)


def booted(standing: Standing, look: Look, lives: int = LIVES) -> Standing:
    """Begin a life: a trial that was open goes on once, and is over when the process died in it again.

    In safe mode no trial goes on: `lives` is 0 there.
    """
    trial = standing.trial
    if trial is None:
        return standing
    if trial.lives >= lives:
        text = f"the agent ended {trial.lives} times while these settings were on trial."
        return rolled_back(standing, (Fault("agent", "trial.crash-loop", text),), look.wall_ms)
    return replace(standing, trial=replace(trial, lives=trial.lives + 1, began_ms=look.now_ms, failing={}))


def running(standing: Standing) -> Patches:
    """Return the patches that shall run this moment."""
    return standing.trial.patches if standing.trial is not None else standing.good


def step(standing: Standing, order: tuple[str, ...], look: Look) -> Standing:
    """Return the standing a moment later. What shall run is `running` of it; the owner makes it so."""
    if standing.trial is not None:
        return _judged(standing, standing.trial, look)
    if standing.phase not in ("pending", "held"):
        return standing
    patches = wanted(standing, order)
    mark = fingerprint(patches)
    if mark == fingerprint(standing.good):
        return replace(standing, good=patches, have=revisions(standing), phase="applied", faults=(),
                       since_ms=look.wall_ms)
    if mark in standing.bad:
        fault = Fault("file", "trial.known-bad", "this was tried and failed; change it, or send the command reload.")
        return replace(standing, phase="failed", faults=(fault,), since_ms=look.wall_ms)
    if look.busy:
        fault = Fault("station", "trial.held", f"it waits for a job boundary: {look.busy}.")
        held = replace(standing, phase="held", faults=(fault,))
        return standing if held == standing else replace(held, since_ms=look.wall_ms)
    trial = Trial(patches=patches, revisions=revisions(standing), began_ms=look.now_ms, broken=look.broken)
    return replace(standing, trial=trial, phase="trial", faults=(), since_ms=look.wall_ms)


def _judged(standing: Standing, trial: Trial, look: Look) -> Standing:
    """Return the standing after a look at what is on trial: kept, rolled back, or not yet known."""
    as_before = [device for device, code in look.broken.items() if trial.broken.get(device) == code]
    broke = {device: code for device, code in look.broken.items() if device not in as_before}
    silent = [device for device in look.silent if device not in as_before]
    if not broke and not silent and look.round_trip:
        standing = replace(standing, good=trial.patches, have=trial.revisions, trial=None, phase="applied", faults=(),
                           since_ms=look.wall_ms)
        # What came in the meantime is not what proved itself.
        return standing if trial.revisions == revisions(standing) else replace(standing, phase="pending")
    trial = replace(trial, failing={device: trial.failing.get(device, look.now_ms) for device in broke})
    overdue = look.now_ms - trial.began_ms >= TRIAL_MS
    faults = tuple(Fault(device, "trial.device", f"it stopped working with these settings: {code}.")
                   for device, code in sorted(broke.items())
                   if overdue or look.now_ms - trial.failing[device] >= BROKEN_MS)
    if faults:
        return rolled_back(standing, faults, look.wall_ms)
    if overdue:
        faults = tuple(Fault(device, "trial.silent", f"it did not answer in {TRIAL_MS // 1000} s.")
                       for device in silent)
        if not look.round_trip:
            text = f"no answer came through the broker in {TRIAL_MS // 1000} s."
            faults = (*faults, Fault("link", "trial.link", text))
        if faults:
            return rolled_back(standing, faults, look.wall_ms)
    return standing if trial == standing.trial else replace(standing, trial=trial)


def rolled_back(standing: Standing, faults: tuple[Fault, ...], wall_ms: int) -> Standing:
    """End the trial: what was known to be good runs, and this is not tried again by itself."""
    if standing.trial is None:
        return standing
    mark = fingerprint(standing.trial.patches)
    newer = standing.trial.revisions != revisions(standing)
    return replace(standing, trial=None, bad=(*standing.bad, mark)[-BAD_KEPT:], faults=faults, since_ms=wall_ms,
                   phase="pending" if newer else "failed")
