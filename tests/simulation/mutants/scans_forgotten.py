"""What was scanned is kept in memory only: a crash forgets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from agent.run import lasting
from tests.simulation.node import Node, Shell

if TYPE_CHECKING:
    from agent.station.events import Event
    from agent.station.records import Effect


class Mutant(Shell):
    def commit(self, node: Node, events: list[Event]) -> list[Effect]:
        effects = super().commit(node, events)
        bare = replace(node.state, packings=tuple(replace(one, items=()) for one in node.state.packings))
        with node.store.transaction():
            node.store.save_state(msgspec.json.encode(lasting(bare)))
        return effects


shell = Mutant
