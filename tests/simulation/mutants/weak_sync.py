"""The database does not wait for the disk: what was committed may be gone after a power cut (found on files only)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.node import Node, Shell

if TYPE_CHECKING:
    from agent.station.events import Event


class Mutant(Shell):
    def received(self, node: Node, events: list[Event]) -> None:
        node.store._db.execute("PRAGMA synchronous=NORMAL")


shell = Mutant
