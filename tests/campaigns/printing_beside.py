"""Ten situations of a printer, and what packbench and brother_ql's own backends say of the page; then conversion.

Every backend prints the same page on a simulated printer in real time. What is true is read from the journal 12 s
after the backend has spoken, for a page that is held may still come out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from agent.bench.printer import SimulatedPrinter
from agent.devices import raster
from agent.devices.ql_media import printable_dots
from agent.devices.ql_page import Limits
from agent.devices.tcp9100 import TcpPrinter
from agent.devices.usblp import UsbPrinter

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "QL-820NWB"
HUNG_S = 30
THEIRS = """
import json, sys
from brother_ql.backends.helpers import send
try:
    said = send(open(sys.argv[1], "rb").read(), sys.argv[2], sys.argv[3])
    print(json.dumps({"outcome": said["outcome"], "did_print": said["did_print"]}))
except Exception as fault:
    print(json.dumps({"outcome": f"raises {type(fault).__name__}", "did_print": False}))
"""


def while_printing(bench: SimulatedPrinter, *hands: tuple[float, Callable[[], object]]) -> None:
    """Do these one after another, each so many seconds after the last, from the moment rows pass the head."""

    def work() -> None:
        for _ in range(4000):
            time.sleep(0.005)
            with bench.engine() as engine:
                if engine.working:
                    break
        for pause_s, hand in hands:
            time.sleep(pause_s)
            hand()

    threading.Thread(target=work, daemon=True).start()


def set_engine(bench: SimulatedPrinter, **switches: bool) -> None:
    with bench.engine() as engine:
        for name, value in switches.items():
            setattr(engine, name, value)


def short_roll(bench: SimulatedPrinter) -> None:
    bench.load_roll(40)
    while_printing(bench, (4, lambda: bench.load_roll(9000)))


def discard(bench: SimulatedPrinter) -> None:
    set_engine(bench, cover_discards=True)
    while_printing(bench, (0.2, bench.open_cover), (3, bench.close_cover))


SITUATIONS: dict[str, Callable[[SimulatedPrinter], object]] = {
    "all is well": lambda bench: None,
    "no roll": lambda bench: bench.load_roll(0),
    "cover open": lambda bench: bench.open_cover(),
    "wrong roll": lambda bench: bench.load_roll(9000, "29x90"),
    "packets in pieces of 20": lambda bench: setattr(bench, "drip", 20),
    "roll ends, new one in": short_roll,
    "cover opened, page lost": discard,
    "cools for 12 s": lambda bench: while_printing(bench, (0.1, lambda: bench.cool(12))),
    "says nothing any more": lambda bench: while_printing(bench, (0.0, bench.mute)),
    "power cut": lambda bench: while_printing(bench, (0.3, bench.power_off)),
}


def page(media: str = "62", height: int = 900) -> Image.Image:
    width, fixed = printable_dots(media)
    picture = Image.new("1", (width, fixed or height), 1)
    pen = ImageDraw.Draw(picture)
    for number in range(12):
        pen.text((20, 20 + 60 * number), "The quick brown fox 0123456789 " * 4, fill=0, font_size=30)
    for bar in range(0, width, 9):
        pen.rectangle((bar, picture.height - 120, bar + bar % 5, picture.height - 20), fill=0)
    return picture


def ours(driver: TcpPrinter | UsbPrinter) -> tuple[str, int | None]:
    """What we say, and how many pages that promises; None for a doubt that is named."""
    *_, last = driver.print_page(raster.encode(page(), model=MODEL, media="62"))
    code = getattr(last, "code", "").removeprefix("printer.")
    said: dict[str, tuple[str, int | None]] = {
        "Printed": ("printed", 1), "NotPrinted": (f"not printed, {code}", 0), "InDoubt": (f"in doubt, {code}", None),
    }  # fmt: skip
    return said[type(last).__name__]


def theirs(identifier: str, backend: str) -> tuple[str, int | None]:
    from brother_ql.conversion import convert
    from brother_ql.raster import BrotherQLRaster

    with tempfile.NamedTemporaryFile() as job:
        job.write(convert(BrotherQLRaster(MODEL), [page()], "62", compress=True))
        job.flush()
        try:
            run = subprocess.run([sys.executable, "-c", THEIRS, job.name, identifier, backend], capture_output=True,
                                 text=True, timeout=HUNG_S, check=False)  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"hangs ({HUNG_S} s)", None
    said = json.loads(run.stdout.splitlines()[-1])
    if said["did_print"]:
        return "printed", 1
    return said["outcome"], 0 if said["outcome"] == "error" else None


def one(situation: str, backend: str) -> str:
    """A cell of the table: what was said, how long it took, and what was true."""
    begun_s = time.monotonic()
    journal: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        node = Path(folder) / "lp0" if backend in ("usb", "linux_kernel") else None
        bench = SimulatedPrinter(MODEL, "62", 9000, None, journal.append, time.monotonic, node=node,
                                 status_on_tcp=False, snmp=node is None)  # fmt: skip
        bench.start()
        SITUATIONS[situation](bench)
        limits = Limits(silence_s=10)
        match backend:
            case "usb":
                said, pages = ours(UsbPrinter(str(node), model=MODEL, limits=limits))
            case "tcp":
                driver = TcpPrinter("127.0.0.1", bench.port, model=MODEL, snmp_port=bench.snmp_port, limits=limits)
                said, pages = ours(driver)
            case "linux_kernel":
                said, pages = theirs(f"file://{node}", backend)
            case _:
                said, pages = theirs(f"tcp://127.0.0.1:{bench.port}", backend)
        took_s = time.monotonic() - begun_s
        time.sleep(12)
        out = sum(line["kind"] == "printed" for line in journal)
        bench.stop()
    truth = "" if pages is None or pages == out else f" WRONG: {out} came out"
    return f"{said} {took_s:.0f} s{truth}"


def beside() -> int:
    backends = ("usb", "tcp", "linux_kernel", "network")
    print("| situation | packbench, USB | packbench, TCP + SNMP | brother_ql linux_kernel | brother_ql network |")
    print("|---|---|---|---|---|")
    with ThreadPoolExecutor(12) as pool:
        rows = {name: [pool.submit(one, name, backend) for backend in backends] for name in SITUATIONS}
        for name, cells in rows.items():
            print(f"| {name} | {' | '.join(cell.result() for cell in cells)} |", flush=True)
    conversion()
    return 0


def conversion() -> None:
    """Picture to raster: CPU milliseconds, the best of ten."""
    print("\n| conversion, CPU ms | packbench encode | read back | brother_ql plain | brother_ql compressed |")
    print("|---|---|---|---|---|")
    for model, media in ((MODEL, "62x100"), ("QL-1110NWB", "103x164")):
        picture = page(media)
        job = raster.encode(picture, model=model, media=media)
        works: list[Callable[[], object]] = [
            partial(raster.encode, picture, model=model, media=media),
            partial(read_back, job),
            partial(converted, picture, model, media, compress=False),
            partial(converted, picture, model, media, compress=True),
        ]
        print(f"| {media} | {' | '.join(f'{best_ms(work):.1f}' for work in works)} |")


def read_back(job: bytes) -> Image.Image:
    return raster.decode(job)[0].picture()


def converted(picture: Image.Image, model: str, media: str, *, compress: bool) -> object:
    """brother_ql's own way."""
    from brother_ql.conversion import convert
    from brother_ql.raster import BrotherQLRaster

    return convert(BrotherQLRaster(model), [picture], media, compress=compress)


def best_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(10):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return 1000 * min(times)


if __name__ == "__main__":
    sys.exit(beside())
