"""The simulated OMS: it books facts, answers them (not always), grants claims, takes jobs back, and audits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agent.messages import topics
from tests.simulation.world import ViolationError, World, job_for

if TYPE_CHECKING:
    from collections.abc import Callable

ENDS = ("packed", "cancelled", "expired", "rejected")


class Oms:
    """What the OMS has in its (perfect) database."""

    def __init__(self, world: World, send: Callable[[str, str, dict[str, Any]], None]) -> None:
        self._world = world
        self._send = send
        self.jobs: dict[str, dict[str, Any]] = {}
        self.station_of: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.cancel_kept: set[str] = set()
        self.state: dict[str, str] = {}
        self.packed_by: dict[str, set[str]] = {}
        self.bytes_of: dict[str, bytes] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self._newest: dict[tuple[str, str], int] = {}

    def assign(self, name: str, station: str) -> None:
        """Give a job to a station, and perhaps take it back at once."""
        scan = (self._world.seed + int(name[2:])) % 3 == 0
        self.jobs[name] = msgspec.to_builtins(job_for(name, station, qty=3 if scan else 1, scan=scan))
        self.station_of[name] = station
        self._send(station, "job/assign", self.jobs[name])
        if self._world.bad(self._world.rates.cancel):
            self._world.later(0, self._world.chance.choice((100, 3_000, 20_000)), lambda: self.cancel(name))

    def cancel(self, name: str) -> None:
        """Take a job back."""
        self.cancelled.add(name)
        self._send(self.station_of[name], "job/cancel", {"job": name, "rev": 1})

    def offer(self, name: str, stations: list[str]) -> None:
        """Offer a job to the site until somebody has it."""
        if name not in self.station_of:
            for station in stations:
                self._send(station, "site/job/offer", {"job": name, "rev": 1, "site": "ams1"})
            self._world.later(20_000, 40_000, lambda: self.offer(name, stations))

    def claimed(self, name: str, station: str) -> None:
        """Grant a claim, if the job is still free."""
        if name not in self.station_of:
            self.assign(name, station)

    def book(self, station: str, kind: str, payload: bytes) -> None:
        """Take a fact: same id is same bytes, same key is same content; answer with a receipt."""
        event = msgspec.json.decode(payload)
        known = self.bytes_of.setdefault(event["id"], payload)
        if known != payload:
            raise ViolationError(f"id {event['id']} came with other bytes")
        data = {name: value for name, value in event["data"].items() if name != "at"}
        if kind in ("inventory", "parcel"):
            before = self.facts.get(event["key"])
            if before is not None and before != data:
                raise ViolationError(f"key {event['key']} came with other content: {before} then {data}")
        self.facts[event["key"]] = data
        if kind == "claim":
            self.claimed(data["job"], station)
        if kind == "job":
            self._advance(station, event["id"], event["data"])
        copies = 0 if self._world.bad(self._world.rates.receipt_lost) else 1
        copies += self._world.bad(self._world.rates.receipt_twice)
        for _ in range(copies):
            self._send(station, "rcpt", {"ids": [event["id"]]})

    def _advance(self, station: str, fact_id: str, data: dict[str, Any]) -> None:
        job, store = data["job"], fact_id.rpartition(":")[0]
        if self._newest.get((job, store), 0) < data["at"]["seq"]:
            self._newest[job, store] = data["at"]["seq"]
            self.state[job] = data["state"]
        if data["state"] == "packed":
            self.packed_by.setdefault(job, set()).add(station)

    def answer_sync(self, station: str, payload: bytes) -> None:
        """Send again what the station lacks, and cancels that it missed."""
        request = msgspec.json.decode(payload)
        there = {row[0] for row in request["jobs"]}
        for name, owner in self.station_of.items():
            if owner != station or self.state.get(name) in ENDS:
                continue
            if name in self.cancelled:
                self._send(station, "job/cancel", {"job": name, "rev": 1})
            elif name not in there:
                self._send(station, "job/assign", self.jobs[name])
        self._send(station, "sync/rsp", {"session": request["session"]})

    def all_ended(self) -> bool:
        """True when every job came to an end."""
        return all(self.state.get(name) in ENDS for name in self.jobs)

    def packed_pieces(self, name: str) -> int:
        """Return how many pieces the closed parcels of a job hold, as told."""
        return sum(piece["qty"] for key, data in self.facts.items()
                   if key.startswith(f"parcel/{name}/") and data["state"] == "closed" for piece in data["contents"])

    def stock(self) -> int:
        """Return how many pieces left the shelf, as booked."""
        return sum(data["qty"] for key, data in self.facts.items() if key.startswith("inv/"))


class SilentOms(Oms):
    """An OMS that books, but answers no fact for an hour; then its receipts come all together, shuffled and doubled."""

    SILENT_MS = 3_600_000

    def __init__(self, world: World, send: Callable[[str, str, dict[str, Any]], None]) -> None:
        super().__init__(world, self._answer)
        self._say = send
        self.withheld: list[tuple[str, dict[str, Any]]] = []
        world.later(self.SILENT_MS, self.SILENT_MS, self._speak)

    def _answer(self, station: str, leaf: str, body: dict[str, Any]) -> None:
        if leaf == "rcpt" and self._world.now_ms < self.SILENT_MS:
            self.withheld.append((station, body))
        else:
            self._say(station, leaf, body)

    def _speak(self) -> None:
        receipts = self.withheld * 2
        self._world.chance.shuffle(receipts)
        for station, body in receipts:
            self._say(station, "rcpt", body)


def topic_for(station: str, leaf: str) -> str:
    """Return the topic of a leaf as `topics.leaf_of` names it."""
    return topics.site("ams1", "job/offer") if leaf == "site/job/offer" else topics.station(station, leaf)
