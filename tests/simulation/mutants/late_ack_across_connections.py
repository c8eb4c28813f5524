"""An acknowledgement goes out on whatever connection there is; its message id means another message by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.node import Node, Shell

if TYPE_CHECKING:
    from agent.station.events import Delivery


class Mutant(Shell):
    def may_acknowledge(self, node: Node, delivery: Delivery) -> bool:
        return node.link_up


shell = Mutant
