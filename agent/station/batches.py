"""Batches: the papers of many jobs in one go and in order, so they wait until every job is here, or long enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station.state import Batch

if TYPE_CHECKING:
    from agent.station import values
    from agent.station.state import Turn

# A batch whose last job does not come is printed without it after so long.
PATIENCE_MS = 60_000


def arrived(turn: Turn, batch: values.Batch) -> None:
    """One more job of a batch is here, whether or not it will be printed."""
    others = tuple(one for one in turn.state.batches if one.id != batch.id)
    known = next((one for one in turn.state.batches if one.id == batch.id), None)
    here = tuple(sorted({*(known.here if known else ()), batch.seq}))
    now = Batch(id=batch.id, of=batch.of, here=here, last_ms=turn.state.now_ms)
    turn.state = replace(turn.state, batches=others if len(here) >= batch.of else (*others, now))


def began(turn: Turn) -> None:
    """A new life: after a reboot the clock counts from nought, so each batch that waits has its patience anew."""
    turn.state = replace(turn.state, batches=tuple(
        replace(one, last_ms=turn.state.now_ms) for one in turn.state.batches))


def time_passed(turn: Turn) -> None:
    """Let batches go that have waited long enough."""
    kept = tuple(one for one in turn.state.batches if turn.state.now_ms - one.last_ms < PATIENCE_MS)
    if len(kept) != len(turn.state.batches):
        turn.state = replace(turn.state, batches=kept)
