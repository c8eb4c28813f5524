"""Pages that were under way when the agent died are printed again, without asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station import machine
from agent.station.events import AgentStarted, Event
from agent.station.records import Effect, Record, SendPage

if TYPE_CHECKING:
    from agent.station.state import State
    from firmware_config.settings import Settings


def step(state: State, event: Event, config: Settings) -> tuple[State, list[Record], list[Effect]]:
    after, records, effects = machine.step(state, event, config)
    if isinstance(event, AgentStarted):
        effects = [*effects, *(SendPage(page) for page in state.prints if page.state == "sending")]
    return after, records, effects
