"""What reading a job costs, beside `json.loads` that checks nothing: `python -m tests.campaigns.reading`.

The job has 14 lines (3 kB). "checked" is tidied, typed and checked; "event" has the digest of its content, too.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import msgspec

from agent.messages import decode, topics
from agent.messages.checks import check_job, tidy
from agent.station.events import Delivery, JobAssigned
from agent.station.values import Job

if TYPE_CHECKING:
    from collections.abc import Callable

BODY = {
    "job": "J-100", "rev": 1, "station": "st-1", "site": "ams1", "order": {"id": "O-100"},
    "ship_to": {"name": "Ada Lovelace", "company": "Analytical Engines", "lines": ["Keizersgracht 1", "2nd floor"],
                "postcode": "1015 CJ", "city": "Amsterdam", "country": "NL"},
    "items": [{"sku": f"SKU-{number:04d}", "name": f"Ceramic mug number {number}, blue with white dots",
               "qty": number % 3 + 1, "barcodes": [f"{4006381333931 + number:013d}"], "weight_g": 320 + number,
               "dims_mm": [100 + number, 95, 90], "flags": ["fragile"]} for number in range(14)],
    "papers": [{"id": "label", "role": "label", "data": {"tracking": "T123456789", "routing": "NL-1"}}],
    "match": ["J-100"], "expires": "2026-11-26T10:00:00Z", "sscc": ["106141411234567897"],
}


def cost_us(work: Callable[[], object], rounds: int = 5, times: int = 4000) -> float:
    """Return the CPU time of one call in microseconds, the best of some rounds."""
    best_s = float("inf")
    for _ in range(rounds):
        began_s = time.process_time()
        for _ in range(times):
            work()
        best_s = min(best_s, time.process_time() - began_s)
    return best_s / times * 1e6


def main() -> None:
    payload, topic = json.dumps(BODY).encode(), topics.station("st-1", "job/assign")
    decoder, delivery = msgspec.json.Decoder(Job), Delivery(1, 1)

    def event() -> object:
        return decode(topic, payload, station="st-1", site="ams1", retained=False, delivery=delivery, at_ms=1)

    assert isinstance(event(), JobAssigned)
    rows = {"json.loads": cost_us(lambda: json.loads(payload)),
            "checked": cost_us(lambda: check_job(decoder.decode(tidy(payload)), entities=False)),
            "event": cost_us(event)}
    print(f"{len(payload)} bytes")
    for name, us in rows.items():
        print(f"{name:12s} {us:6.1f} us  {us / rows['json.loads']:5.2f}x json.loads")


if __name__ == "__main__":
    main()
