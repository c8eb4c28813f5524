"""How fast a backlog of facts leaves: `python -m tests.campaigns.drain [--facts N] [--peer PYTHON] [--rounds N]`.

Link and store alone drain a filled outbox through Mosquitto to a receiver that answers with receipts. `--peer` is a
Python that has thingsboard-gateway: its SQLite storage drains as many 1 kB events through the same broker in the same
run (packs of 1,000, deleted after their PUBACKs, as its service does). Ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.demo.broker import make_broker
from agent.demo.light import LightStation
from agent.station.facts import StockMoved
from agent.station.records import Tell
from agent.store import Store
from tests.campaigns.delivery import station_settings

PEER = Path(__file__).with_name("drain_peer.py")


class Receiver:
    """The other end: counts distinct events, and answers each hundred with a receipt where the sender wants one."""

    def __init__(self, port: int, topic: str, receipts_to: str = "") -> None:
        self.ids: set[bytes] = set()
        self.copies = 0
        self._batch: list[str] = []
        self._lock = threading.Lock()
        self._receipts_to = receipts_to
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.ReceiveMaximum = 1000
        self.client.connect("127.0.0.1", port, properties=properties)
        self.client.subscribe(topic, 1)
        self.client.loop_start()

    def _on_message(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        start = message.payload.find(b'"id":"') + 6
        name = bytes(message.payload[start:message.payload.find(b'"', start)])
        self.copies += name in self.ids
        self.ids.add(name)
        if self._receipts_to:
            with self._lock:
                self._batch.append(name.decode())
                if len(self._batch) == 100:
                    self.give()

    def give(self) -> None:
        """Answer with what was collected."""
        ids, self._batch = self._batch, []
        if ids:
            self.client.publish(self._receipts_to, json.dumps({"ids": ids}), qos=1)

    def flush(self) -> None:
        """Answer with the rest."""
        with self._lock:
            self.give()

    def close(self) -> None:
        """Go."""
        self.client.disconnect()
        self.client.loop_stop()


def fill(directory: Path, count: int) -> None:
    """Put `count` facts of about 1 kB into a store."""
    store = Store(directory, station="st-1")
    for start in range(0, count, 5_000):
        with store.transaction():
            store.apply([Tell(StockMoved(parcel=f"J-{number}/1", job=f"J-{number}", sku="S" * 550, qty=1))
                         for number in range(start, min(start + 5_000, count))], at_ms=1, wall_ms=1, time_ok=True)
    store.close()


def ours(url: str, directory: str, count: int) -> None:
    """Drain a filled store; print the figures. Runs in a process of its own, so that memory is its own."""
    began_s, cpu_s = time.monotonic(), time.process_time()
    station = LightStation(station_settings(url), Path(directory), packs=False)
    while station.store.outbox.waiting:
        station.once(0.005)
    print(json.dumps({"seconds": time.monotonic() - began_s, "cpu_s": time.process_time() - cpu_s,
                      "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, "count": count}))
    station.close()


def run_ours(broker_url: str, count: int) -> dict[str, Any]:
    """Return the figures of one drain of ours."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        receiver = Receiver(int(broker_url.rpartition(":")[2]), "pack/v1/st/st-1/evt/#", "pack/v1/st/st-1/rcpt")
        child = subprocess.Popen([sys.executable, "-m", "tests.campaigns.drain", "--ours", broker_url, folder,
                                  "--facts", str(count)], stdout=subprocess.PIPE, text=True)
        while child.poll() is None:
            time.sleep(0.2)
            receiver.flush()
        found: dict[str, Any] = json.loads(child.communicate()[0])
        receiver.close()
        arrived = sum(int(name.rpartition(b":")[2]) <= count for name in receiver.ids)
        return {**found, "lost": count - arrived, "copies": receiver.copies}


def run_peer(python: str, port: int, count: int) -> dict[str, Any]:
    """Return the figures of one drain of the peer."""
    receiver = Receiver(port, "peer/events")
    done = subprocess.run([python, str(PEER), str(port), str(count)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    time.sleep(1)
    receiver.close()
    return {**found, "lost": count - len(receiver.ids), "copies": receiver.copies}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="A Python with thingsboard-gateway.")
    parser.add_argument("--ours", nargs=2)
    chosen = parser.parse_args()
    if chosen.ours:
        ours(chosen.ours[0], chosen.ours[1], chosen.facts)
        return
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    with tempfile.TemporaryDirectory() as folder:
        broker = make_broker(Path(folder), "mosquitto")
        path = Path(folder) / "mosquitto.conf"
        path.write_text(path.read_text() + "max_inflight_messages 200\n")
        broker.start()
        for _ in range(chosen.rounds):
            for name in ("ours", "peer") if chosen.peer else ("ours",):
                row = run_ours(broker.url, chosen.facts) if name == "ours" else run_peer(chosen.peer, broker.port,
                                                                                        chosen.facts)
                rates[name].append(chosen.facts / row["seconds"])
                print(f"{name}: {rates[name][-1]:8.0f} facts/s, {row['cpu_s'] / chosen.facts * 1e6:5.0f} us CPU a fact,"
                      f" RSS {row['rss_mb']:.0f} MB, lost {row['lost']}, copies {row['copies']}")
        broker.stop()
    if rates["peer"]:
        ratio = statistics.median(rates["ours"]) / statistics.median(rates["peer"])
        print(f"ratio of medians, ours : peer = {ratio:.2f}")


if __name__ == "__main__":
    main()
