"""Messages are acknowledged when they arrive, before they are on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.node import Node, Shell

if TYPE_CHECKING:
    from agent.station.events import Event


class Mutant(Shell):
    def received(self, node: Node, events: list[Event]) -> None:
        for event in events:
            delivery = getattr(event, "delivery", None)
            if delivery is not None and self.may_acknowledge(node, delivery):
                node.acknowledge(delivery.mid)


shell = Mutant
