"""200 labels over a real wire while the printing process is killed again and again; the printer's journal judges.

`python -m tests.campaigns.printing_kill [--labels N] [--wire tcp|usb]`. The child prints from a ledger file: it writes
"sent" before the first byte and the end after it. What it finds as "sent" after a kill is in doubt: the parent looks
at the printer's output, as a packer would, and settles it.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from agent.bench.printer import SimulatedPrinter
from agent.devices import Printed, raster
from agent.devices.ql_page import Limits
from agent.devices.tcp9100 import TcpPrinter
from agent.devices.usblp import UsbPrinter

if TYPE_CHECKING:
    from agent.devices.ql_printer import QlPrinter

MODEL, SPEED = "QL-820NWB", 20.0


def label(number: int) -> Image.Image:
    picture = Image.new("1", (696, 300), 1)
    ImageDraw.Draw(picture).text((20, 20), f"label {number:04d}", fill=0, font_size=120)
    return picture


def station(ledger: Path, address: str, labels: int) -> None:
    """The child: print what has no line in the ledger yet, in order; retry what was not printed."""
    begun_s = time.monotonic()
    limits = Limits(silence_s=60)
    driver: QlPrinter
    if address.startswith("/"):
        driver = UsbPrinter(address, model=MODEL, limits=limits, clock=lambda: (time.monotonic() - begun_s) * SPEED)
    else:
        driver = TcpPrinter("127.0.0.1", int(address), model=MODEL, snmp_port=None, limits=limits,
                            clock=lambda: (time.monotonic() - begun_s) * SPEED)  # fmt: skip
    done = {int(line.split()[0]) for line in ledger.read_text().splitlines() if not line.endswith("not-printed")}
    with ledger.open("a") as book:
        for number in (number for number in range(labels) if number not in done):
            job = raster.encode(label(number), model=MODEL, media="62")
            end = None
            while not isinstance(end, Printed):
                print(number, "sent", file=book, flush=True)
                *_, end = driver.print_page(job)
                print(number, {"Printed": "printed", "NotPrinted": "not-printed"}.get(type(end).__name__, "in-doubt"),
                      file=book, flush=True)  # fmt: skip
                if type(end).__name__ == "InDoubt":
                    sys.exit(3)


def settle(ledger: Path, journal: list[dict[str, Any]], hashes: list[str], doubtful: set[int]) -> None:
    """Look at what came out for the page that is in doubt, and write it down."""
    lines = ledger.read_text().splitlines()
    if not lines or lines[-1].endswith((" printed", "not-printed")):
        return
    number = int(lines[-1].split()[0])
    doubtful.add(number)
    out = any(line["kind"] == "printed" and line["pixels_sha256"] == hashes[number] for line in journal)
    kept = [line for line in lines if int(line.split()[0]) != number]
    ledger.write_text("".join(f"{line}\n" for line in [*kept, *([f"{number} printed"] if out else [])]))


def killed(labels: int, wire: str, seed: int) -> int:
    chance, begun_s = Random(seed), time.monotonic()
    journal: list[dict[str, Any]] = []
    hashes = [hashlib.sha256(label(number).tobytes()).hexdigest() for number in range(labels)]
    doubtful: set[int] = set()
    kills = 0
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger"
        ledger.touch()
        bench = SimulatedPrinter(MODEL, "62", 1e6, None, journal.append, lambda: (time.monotonic() - begun_s) * SPEED,
                                 node=Path(folder) / "lp0" if wire == "usb" else None)  # fmt: skip
        bench.start()
        address = str(Path(folder) / "lp0") if wire == "usb" else str(bench.port)
        while True:
            words = ["-m", __spec__.name, "--child", str(ledger), address, str(labels)]
            child = subprocess.Popen([sys.executable, *words])
            try:
                child.wait(timeout=chance.uniform(0.3, 3.0))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                kills += 1
            time.sleep(0.3)  # the printer brings out what it has
            settle(ledger, journal, hashes, doubtful)
            if child.returncode == 0:
                break
        bench.stop()
    times = Counter(line["pixels_sha256"] for line in journal if line["kind"] == "printed")
    lost = sum(not times[digest] for digest in hashes)
    doubled = sum(times[digest] > 1 for number, digest in enumerate(hashes) if number not in doubtful)
    order = [hashes.index(line["pixels_sha256"]) for line in journal if line["kind"] == "printed"]
    print(f"{wire}: {labels} labels, {kills} kills, {lost} lost, {doubled} doubled in silence, "
          f"{len(doubtful)} in doubt and settled, {'in' if order == sorted(order) else 'OUT OF'} order")  # fmt: skip
    return int(lost > 0 or doubled > 0 or order != sorted(order))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--wire", choices=["tcp", "usb"], default="usb")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        station(Path(asked.child[0]), asked.child[1], int(asked.child[2]))
        return 0
    return killed(asked.labels, asked.wire, asked.seed)


if __name__ == "__main__":
    sys.exit(main())
