"""The peer of `drain.py`: ThingsBoard Gateway's SQLite storage, run by a Python that has thingsboard-gateway.

`drain_peer.py PORT COUNT` fills the storage, waits until it is written, then drains it: a pack, its publishes with
QoS 1, all their PUBACKs, `event_pack_processing_done`. Prints one line of JSON.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import tempfile
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from thingsboard_gateway.storage.sqlite.sqlite_event_storage import (  # type: ignore[import-not-found]  # of the peer
    SQLiteEventStorage,
)

WINDOW = 200


def main() -> None:
    """Fill, drain, print."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    logger = logging.getLogger("peer")
    logger.trace = lambda *_args, **_more: None  # type: ignore[attr-defined]  # the gateway's own level
    with tempfile.TemporaryDirectory() as folder:
        storage = SQLiteEventStorage({"data_file_path": folder + "/"}, logger, threading.Event())
        for number in range(count):
            storage.put(json.dumps({"id": f"peer:{number}", "fill": "S" * 960}, separators=(",", ":")))
        while storage.len() < count:
            time.sleep(0.2)
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(WINDOW)
        client.connect("127.0.0.1", port)
        client.loop_start()
        began_s, cpu_s, sent = time.monotonic(), time.process_time(), 0
        while sent < count:
            pack = storage.get_event_pack()
            infos = [client.publish("peer/events", message, qos=1) for message in pack]
            for info in infos:
                info.wait_for_publish(30)
            storage.event_pack_processing_done()
            sent += len(pack)
        print(json.dumps({"seconds": time.monotonic() - began_s, "cpu_s": time.process_time() - cpu_s, "count": sent,
                          "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}), flush=True)
        client.disconnect()
        client.loop_stop()
        storage.stop()


if __name__ == "__main__":
    main()
