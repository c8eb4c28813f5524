"""A cancel of a job that is not known yet is forgotten instead of kept as a tombstone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station import machine
from agent.station.events import Event, JobCancelled
from agent.station.records import Acknowledge, Effect, Record

if TYPE_CHECKING:
    from agent.station.state import State
    from firmware_config.settings import Settings


def step(state: State, event: Event, config: Settings) -> tuple[State, list[Record], list[Effect]]:
    if isinstance(event, JobCancelled) and event.known is None:
        return state, [], [Acknowledge(event.delivery)]
    return machine.step(state, event, config)
