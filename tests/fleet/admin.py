"""The fleet's admin in tests: keys, a station that trusts them, pushes and commands with their answers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.cli.desk import Desk, Way
from agent.demo.shift import SITE, STATION, Demo
from agent.fleet.signing import make_key, sign
from agent.local import Station
from agent.messages import topics

if TYPE_CHECKING:
    from pathlib import Path

SCOPES = ("fleet", f"site/{SITE}", f"station/{STATION}")
PATIENCE_S = 30.0
FOREVER = 2**33


@dataclass
class Admin:
    """One admin with a signing key, at the desk of a demo's broker. `revs` counts the revisions of each scope."""

    demo: Demo
    revs: dict[str, int] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    key: bytes = b""
    desk: Desk = field(init=False)

    def trust(self) -> None:
        """Make the key that the station trusts; before the station starts."""
        self.key, public = make_key()
        folder: Path = self.demo.root / "config-keys"
        folder.mkdir(parents=True)
        (folder / "cfg-1.pub").write_bytes(public)

    def sit_down(self) -> None:
        """Connect and listen."""
        self.desk = Desk(Way(self.demo.broker.url, None, None, None))
        self.desk.listen(topics.station(STATION, "cfg/reported"), topics.station(STATION, "cmd/+/rsp"),
                         topics.station(STATION, "evt/#"))

    def push(self, scope: str, stable: dict[str, Any], *, key: bytes = b"", **more: object) -> int:
        """Push a layer with the next revision; return that."""
        rev = self.revs[scope] = self.revs.get(scope, 0) + 1
        body = {"scope": scope, "rev": rev, "exp": FOREVER, "stable": stable, **more}
        self.desk.say(topics.config(scope), sign(json.dumps(body).encode(), "cfg-1", key or self.key), retain=True)
        return rev

    def until(self, state: str, scope: str, rev: int) -> dict[str, Any]:
        """Return the first report in which this push is in this state."""
        for topic, payload, _ in self.desk.heard(time.monotonic() + PATIENCE_S):
            if not topic.endswith("cfg/reported"):
                continue
            self.last = dict(json.loads(payload))
            if self.last["want"].get(scope) == rev and self.last["state"] == state:
                return self.last
        raise AssertionError(f"{scope} revision {rev} never was {state}: {self.last}")

    def heard_on(self, leaf: str, **fields: object) -> dict[str, Any]:
        """Return the first message on a topic of the station that has these fields."""
        for topic, payload, _ in self.desk.heard(time.monotonic() + PATIENCE_S):
            if topic == topics.station(STATION, leaf):
                said: dict[str, Any] = json.loads(payload)
                inner: dict[str, Any] = said.get("data", said)
                if all(inner.get(name) == value for name, value in fields.items()):
                    return inner
        raise AssertionError(f"nothing on {leaf} with {fields}")

    def ask(self, name: str, cid: str, *, retain: bool = False, **words: object) -> None:
        """Send a command."""
        payload = json.dumps({"cid": cid, "exp": int(time.time()) + 60, **words}).encode()
        self.desk.say(topics.station(STATION, f"cmd/{name}/req"), payload, retain=retain)

    def explained(self, key: str = "") -> dict[str, Any]:
        """Return what the station itself, beside the bench, says of its configuration."""
        station = Station(self.demo.root / "packbench.sock")
        try:
            return station.ask("config", key=key)
        finally:
            station.close()

    def stand_up(self) -> None:
        """Disconnect."""
        self.desk.__exit__()
