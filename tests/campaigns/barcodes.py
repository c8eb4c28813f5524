"""What packbench reads beside plain zxing-cpp, pyzbar and OpenCV: `python -m tests.campaigns.barcodes`.

Four sets: photos with known texts (the recordings' folder), labels at any rotation and tilt with a colour sensor's
noise, 12 MP stills, and the proof mark as the bench's 1080p camera sees it. Right: texts that should be there and
were read. False: pictures with an accepted text that is not there. Times are milliseconds of one thread's CPU, and as
a ratio to plain zxing-cpp on the same pictures, since machines differ.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import cv2
import numpy as np

from agent.station.gs1 import gtin14, sscc, upca_from_upce
from agent.vision.barcodes import read_codes
from agent.vision.barcodes_decoders import read_zbar, read_zxing
from agent.vision.barcodes_symbologies import DEFAULT, LINEAR
from agent.vision.barcodes_views import whole
from agent.vision.pictures import grey_picture
from tests.campaigns.barcode_frames import label, oblique, photograph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]
    Reader = Callable[[Grey, list[str]], Iterable[str]]

PHOTO_FORMATS = DEFAULT | {"UPCE", "ITF"}
BUDGET_S = 3.0
PLAIN = "zxing-cpp"


@dataclass
class Score:
    """One reader on one set."""

    right: int = 0
    wanted: int = 0
    false: int = 0
    ms: list[float] = field(default_factory=list)

    def add(self, texts: Iterable[str], wanted: set[str], ms: float) -> None:
        """Count one picture."""
        found = {number_of(text) for text in texts}
        self.right += len(found & wanted)
        self.wanted += len(wanted)
        self.false += bool(found - wanted)
        self.ms.append(ms)


def number_of(text: str) -> str:
    """Return the GTIN-14 of a retail number, else the text; an 8-digit UPC-E is expanded where it is no GTIN-8."""
    return gtin14(text) or gtin14(upca_from_upce(text) or "") or text


def readers(formats: frozenset[str]) -> dict[str, Reader]:
    """Return each reader as a function of a grey picture and the expected texts."""

    def cascade(grey: Grey, expected: list[str]) -> Iterator[str]:
        codes = read_codes(grey, expect=expected, formats=formats, budget_s=BUDGET_S, now=time.process_time)
        return (code.text for code in codes if code.accepted)

    return {
        "packbench, told what to expect": cascade,
        "packbench, told nothing": lambda grey, _: cascade(grey, []),
        PLAIN: lambda grey, _: (read.text for read in read_zxing(whole(grey), formats, every=True)),
        "pyzbar": lambda grey, _: (read.text for read in read_zbar(whole(grey), formats & LINEAR)),
        "OpenCV": lambda grey, _: _opencv(grey),
    }


def _opencv(grey: Grey) -> list[str]:
    """EAN, UPC and QR are all that OpenCV knows."""
    _, lines, _, _ = cv2.barcode.BarcodeDetector().detectAndDecodeWithType(grey)
    try:
        _, squares, _, _ = cv2.QRCodeDetector().detectAndDecodeMulti(grey)
    except UnicodeDecodeError:  # for the whole picture, if one QR code is not UTF-8
        squares = ()
    return [text for text in (*lines, *squares) if text]


def photos(folder: Path) -> Iterator[tuple[Grey, list[str]]]:
    """Yield each photo of the recordings with its texts."""
    rows: dict[str, list[str]] = defaultdict(list)
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as manifest:
        for row in csv.DictReader(manifest):
            text = json.loads(f'"{row["expected_text"]}"')
            rows[row["file"]] += (
                []
                if row["symbology"] == "none"
                else [upca_from_upce(text) or text if row["symbology"] == "UPC-E" else text]
            )
    for name, texts in rows.items():
        yield grey_picture(folder / name), texts


def changed(pictures: Iterable[tuple[Grey, list[str]]], seed: int) -> Iterator[tuple[Grey, list[str]]]:
    """Yield each photo turned by any angle, enlarged or a little reduced, and brighter or darker."""
    for number, (grey, texts) in enumerate(pictures):
        rng = np.random.default_rng([seed, number])
        angle_deg, scale, gain = rng.uniform(0, 360), rng.uniform(0.9, 1.5), rng.uniform(0.6, 1.2)
        turn = cv2.getRotationMatrix2D((grey.shape[1] / 2, grey.shape[0] / 2), angle_deg, scale)
        side = np.abs(turn[:, :2]) @ (grey.shape[1], grey.shape[0])
        turn[:, 2] += side / 2 - (grey.shape[1] / 2, grey.shape[0] / 2)
        soft = cv2.GaussianBlur(grey, (0, 0), 0.4 / scale) if scale < 1 else grey
        width, height = (round(float(length)) for length in side)
        view = cv2.warpAffine(soft, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(cv2.convertScaleAbs(view, alpha=gain), np.uint8), texts


def frames(seeds: int, module_px: float) -> Iterator[tuple[Grey, list[str]]]:
    """Yield labels at any rotation, tilted by 10 to 45 degrees."""
    for seed in range(seeds):
        rng = np.random.default_rng([seed, round(module_px * 100)])
        sheet = label(rng)
        picture = photograph(sheet, oblique(rng, module_px), rng)
        yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), list(sheet.texts.values())


def stills(seeds: int) -> Iterator[tuple[Grey, list[str]]]:
    """Yield 12 MP pictures with a label somewhere, of which three codes are wanted."""
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 12])
        sheet = label(rng)
        shot = replace(
            oblique(rng, float(rng.uniform(2.6, 3.4))),
            size=(4608, 2592),
            motion_px=0.0,
            at=(float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.3, 0.7))),
        )
        picture = photograph(sheet, shot, rng)
        yield (
            np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8),
            [sheet.texts[kind] for kind in ("gs1-128", "ean-13", "qr")],
        )


def marks(seeds: int) -> Iterator[tuple[Grey, list[str]]]:
    """Yield the bench's 1080p view of a freshly labelled box; the proof mark on the label is wanted."""
    from agent.bench.camera import render
    from agent.bench.scene import Box, Light, Material, Scene, Sticker
    from agent.papers.contents import Address, LabelContent
    from agent.papers.fonts import Fonts
    from agent.papers.label import label as shipping_label
    from agent.papers.page import media

    fonts = Fonts.installed()
    materials: tuple[Material, ...] = get_args(Material)
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 1080])
        mark = f"{rng.integers(0, 10**10):010d}"
        content = LabelContent(
            recipient=Address(("Ada Example", "1 Example Street", "12345 Exampleton"), "Germany"),
            pair="QJ6M",
            mark=mark,
            sender=Address(("Store", "12345 Exampleton")),
            sscc=sscc(3, "4012345", int(rng.integers(0, 10**9))),
            parcel=1,
            parcels=1,
            carrier="DHL",
            service="Paket",
            weight_g=1840,
        )
        page = shipping_label(content, media("62x100"), fonts).pages[0]
        box = Box(
            float(rng.uniform(180, 300)),
            float(rng.uniform(140, 220)),
            float(rng.uniform(60, 200)),
            x_mm=float(rng.uniform(-30, 30)),
            y_mm=float(rng.uniform(-30, 30)),
            yaw_deg=float(rng.uniform(-90, 90)),
            material=materials[rng.integers(len(materials))],
            seed=seed,
        )
        stuck = Sticker(
            np.array(page.image),
            "top",
            float(rng.uniform(-20, 20)),
            float(rng.uniform(-10, 10)),
            float(rng.uniform(0, 360)),
        )
        picture = render(Scene(box, (stuck,), light=Light(level=float(rng.uniform(0.7, 1.1)))), seed=seed)
        yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), [mark]


def scores(
    pictures: Iterable[tuple[Grey, list[str]]], formats: frozenset[str], *, only_wanted: bool = False
) -> dict[str, Score]:
    """Return how each reader did. `only_wanted`: other texts are really there, so they are not false."""
    by_reader = {name: Score() for name in readers(formats)}
    for grey, texts in pictures:
        wanted = {number_of(text) for text in texts}
        for name, reader in readers(formats).items():
            began_s = time.process_time()
            found = list(reader(grey, texts))
            spent_ms = (time.process_time() - began_s) * 1000
            by_reader[name].add([t for t in found if not only_wanted or number_of(t) in wanted], wanted, spent_ms)
    return by_reader


def table(title: str, by_reader: dict[str, Score]) -> str:
    """Return the scores as a table."""
    plain_ms = statistics.fmean(by_reader[PLAIN].ms)
    lines = [title, f"  {'reader':32} {'right':>14} {'false':>6} {'median':>8} {'p95':>8} {'ratio':>6}"]
    for name, score in by_reader.items():
        share = 100 * score.right / max(1, score.wanted)
        ms = sorted(score.ms)
        p95, ratio = ms[int(0.95 * (len(ms) - 1))], statistics.fmean(ms) / plain_ms
        lines.append(
            f"  {name:32} {score.right:4}/{score.wanted:<4}{share:4.0f}% {score.false:6} "
            f"{statistics.median(ms):5.0f} ms {p95:5.0f} ms {ratio:6.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="pictures of each rendered set")
    parser.add_argument("--changes", type=int, default=1, help="changed copies of each photo")
    parser.add_argument("--only", choices=["photos", "frames", "stills", "marks"])
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    folder = os.environ.get("PACKBENCH_RECORDINGS")
    if asked.only in {None, "photos"}:
        if folder:
            taken = list(photos(Path(folder) / "barcodes"))
            print(table("Photos", scores(taken, PHOTO_FORMATS)), flush=True)
            for seed in range(asked.changes):
                found = scores(changed(taken, seed), PHOTO_FORMATS)
                print(table("Photos, turned, scaled and lit otherwise", found), flush=True)
        else:
            print("Photos: PACKBENCH_RECORDINGS is not set.")
    if asked.only in {None, "frames"}:
        for px in (2.5, 3.2):
            print(table(f"Labels, {px} pixels a module", scores(frames(asked.seeds, px), DEFAULT)), flush=True)
    if asked.only in {None, "stills"}:
        found = scores(stills(max(1, asked.seeds // 2)), DEFAULT, only_wanted=True)
        print(table("12 MP stills, three codes wanted", found), flush=True)
    if asked.only in {None, "marks"}:
        print(table("Proof mark, 1080p bench camera", scores(marks(asked.seeds), DEFAULT, only_wanted=True)))


if __name__ == "__main__":
    main()
