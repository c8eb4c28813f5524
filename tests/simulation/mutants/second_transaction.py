"""Work and state are committed first, the facts about them in a second transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agent.run import lasting
from agent.station.machine import step
from agent.station.records import Tell
from tests.simulation.node import Node, Shell

if TYPE_CHECKING:
    from agent.station.events import Event
    from agent.station.records import Effect, Record


class Mutant(Shell):
    def commit(self, node: Node, events: list[Event]) -> list[Effect]:
        state = node.state
        effects: list[Effect] = []
        facts: list[Record] = []
        with node.store.transaction():
            for event in events:
                state, records, wanted = step(state, node.store.attach(event, state), node.config)
                node.store.apply([record for record in records if not isinstance(record, Tell)], at_ms=0, wall_ms=0,
                                 time_ok=True)
                facts += [record for record in records if isinstance(record, Tell)]
                effects += wanted
            node.store.save_state(msgspec.json.encode(lasting(state)))
        node.state = state
        if facts:
            for _ in range(6):  # a second sync of the disk is a wide window
                node.may_crash()
            with node.store.transaction():
                node.store.apply(facts, at_ms=node.world.now_ms, wall_ms=0, time_ok=True)
        return effects


shell = Mutant
