"""The OMS gives a job of the pool to everybody who claims it."""

from __future__ import annotations

from tests.simulation.oms import Oms


class Mutant(Oms):
    def claimed(self, name: str, station: str) -> None:
        self.assign(name, station)


oms = Mutant
