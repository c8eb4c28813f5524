"""What came into the cameras' sight: an item counts and a card acts when it arrives, not while it stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station.state import Sight

if TYPE_CHECKING:
    from agent.station.events import CodesSeen
    from agent.station.state import Turn

# A code is out of sight when it was missing for so long and in so many pictures: one bad picture is no absence.
ABSENT_MS, ABSENT_PICTURES = 1_500, 3
# For so long after a start the first picture shows what lay there before.
AFTER_START_MS = 5_000


def began(turn: Turn, boot: int) -> None:
    """A new life: what is in sight at first may have been in sight of the last one."""
    turn.state = replace(turn.state, sights=(Sight("", turn.state.now_ms),) if boot > 1 else ())


def arrived(turn: Turn, event: CodesSeen) -> frozenset[str]:
    """Return the codes that came into sight with this look, and remember which are; a scan by hand always arrives."""
    if event.scanned:
        return frozenset(event.codes)
    now_ms, before = turn.state.now_ms, {sight.code: sight for sight in turn.state.sights}
    kept = [Sight(code, now_ms) for code in event.codes]
    for code, sight in before.items():
        gone = sight.missing + 1 >= ABSENT_PICTURES and now_ms - sight.at_ms >= ABSENT_MS
        if code and code not in event.codes and not gone:
            kept.append(Sight(code, sight.at_ms, sight.missing + 1))
    turn.state = replace(turn.state, sights=tuple(kept))
    started = before.get("")
    if started is not None and now_ms - started.at_ms <= AFTER_START_MS:
        return frozenset()
    return frozenset(event.codes) - before.keys()
