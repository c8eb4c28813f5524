"""A fact is forgotten when the broker has it, not when the OMS has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station.records import DropFacts
from tests.simulation.node import Node, Shell

if TYPE_CHECKING:
    from agent.store import Row


class Mutant(Shell):
    def puback(self, node: Node, row: Row) -> None:
        with node.store.transaction():
            node.store.apply([DropFacts((row.id,))], at_ms=0, wall_ms=0, time_ok=True)


shell = Mutant
