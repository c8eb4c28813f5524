"""Every inbound topic under bad payloads: `python -m tests.campaigns.fuzz_wire [--payloads N] [--seed N]`.

Examples of the contract are bent (fields dropped, doubled, blown up, of other types) or their bytes are; each payload
goes through decoder, core and store. Nothing may raise, each message must be acknowledged, memory must stay flat.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from agent.messages import decode, topics
from agent.messages.examples import INBOUND
from agent.run import turn
from agent.station.events import AgentStarted, Delivery, Event, LinkChanged, MessageRefused, TimePassed
from agent.station.records import Acknowledge
from agent.station.state import State
from agent.store import Store
from tests.builders import settings
from tests.simulation.story import empty_template

if TYPE_CHECKING:
    from collections.abc import Iterator

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, -(2**70), 1e308, "", "x", "0", "\0", "\ud83d", "é" * 50, "x" * 5_000, [], {},
    [[]] * 50, {"a": {"b": {"c": []}}}, "'; DROP TABLE jobs; --", "../../etc/passwd", "NaN", "2026-13-45T99:99:99Z",
    "https://evil.example/" + "a" * 2_000, "\u202e\u2066", "&#0;&amp;", 10**400, ["J-1"] * 600,
)
BATCH = 50
FLAT_KB = 12_000


def topic_of(leaf: str) -> str:
    """Return the topic of a leaf for our station."""
    if leaf == "oms/state":
        return topics.OMS_STATE
    return topics.site("ams1", "job/offer") if leaf == "site/job/offer" else topics.station("st-014", leaf)


def bent(value: Any, chance: random.Random) -> Any:  # noqa: ANN401 (any JSON)
    """Return a JSON value with one place of it made strange."""
    if chance.random() < 0.25 or not isinstance(value, (dict, list)) or not value:
        return chance.choice(STRANGE)
    if isinstance(value, list):
        place = chance.randrange(len(value))
        return [*value[:place], bent(value[place], chance), *value[place + (chance.random() < 0.7):]]
    name = chance.choice(sorted(value))
    match chance.randrange(5):
        case 0:
            return {key: one for key, one in value.items() if key != name}
        case 1:
            return {**value, chance.choice(("", "job", "x" * 300, "__proto__", name + " ")): chance.choice(STRANGE)}
        case _:
            return {**value, name: bent(value[name], chance)}


def payloads(count: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield topics and payloads."""
    leaves = [*INBOUND, "job/nonsense"]
    bodies = {leaf: json.dumps(INBOUND[leaf], ensure_ascii=False).encode() for leaf in INBOUND}
    for _ in range(count):
        leaf = chance.choice(leaves)
        if leaf in INBOUND and chance.random() < 0.6:
            value: Any = {**INBOUND[leaf]}
            if "job" in value and chance.random() < 0.8:
                value["job"] = f"J-{chance.randrange(200)}"
            for _ in range(chance.randint(0, 3)):
                value = bent(value, chance)
            body = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        else:
            body = broken(bytearray(bodies[chance.choice(sorted(bodies))]), chance)
        yield topic_of(leaf), body


def broken(body: bytearray, chance: random.Random) -> bytes:
    """Return bytes that were damaged on their way."""
    match chance.randrange(6):
        case 0:
            return bytes(body[:chance.randrange(len(body))])
        case 1:
            return chance.randbytes(chance.randrange(400))
        case 2:
            return chance.choice((b"[", b'{"a":', b'[{"a":[')) * chance.choice((10, 900, 5_000, 20_000))
        case 3:
            return b"\xef\xbb\xbf" + bytes(body) + b"\0" * chance.randrange(4)
        case 4:
            return bytes(body) * chance.choice((2, 100, 300))
        case _:
            for _ in range(chance.randint(1, 8)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            return bytes(body)


def run(count: int, seed: int) -> dict[str, Any]:
    """Send `count` payloads through decoder, core and store; return what came of it. Raises AssertionError."""
    chance = random.Random(seed)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(empty_template())
    store = Store.on(connection, station="st-014")
    config = settings(id="st-014")
    began = [AgentStarted(at_ms=0, store_id=store.store_id, boot=1), LinkChanged(at_ms=0, up=True)]
    state, _ = turn(store, State(), began, config, wall_ms=0)
    codes: Counter[str] = Counter()
    batch: list[Event] = []
    peak_kb, began_s = 0, time.process_time()
    for number, (topic, payload) in enumerate(payloads(count, chance), start=1):
        event = decode(topic, payload, station="st-014", site="ams1", retained=chance.random() < 0.02,
                       delivery=Delivery(1, number), at_ms=number)
        codes[event.code if isinstance(event, MessageRefused) else type(event).__name__] += 1
        batch.append(event)
        if len(batch) == BATCH or number == count:
            tick = TimePassed(at_ms=number, wall_ms=10**12, time_ok=True)
            state, effects = turn(store, state, [*batch, tick], config, wall_ms=10**12)
            acknowledged = {effect.delivery.mid for effect in effects if isinstance(effect, Acknowledge)}
            unanswered = [event for event in batch if event.delivery.mid not in acknowledged]  # type: ignore[attr-defined]  # all have one
            assert not unanswered, unanswered[0]
            batch.clear()
            with store.transaction():  # the OMS answers everything, so that only the inbound side can grow
                store.outbox.drop([row.id for row in store.due(number, 500)])
        if number == count // 4:
            peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kb
    store.close()
    return {"payloads": count, "codes": dict(codes.most_common()), "grown_kb": grown_kb,
            "us_each": round((time.process_time() - began_s) / count * 1e6)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payloads", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    result = run(chosen.payloads, chosen.seed)
    for code, number in result["codes"].items():
        print(f"{number:8d}  {code}")
    print(f"{result['payloads']} payloads, {result['us_each']} us CPU each, memory grew by {result['grown_kb']} kB"
          f" over the last three quarters (limit {FLAT_KB})")
    raise SystemExit(0 if result["grown_kb"] < FLAT_KB else 1)


if __name__ == "__main__":
    main()
