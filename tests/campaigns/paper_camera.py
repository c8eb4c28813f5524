"""What an oblique camera reads of our papers: the proof mark beside the long bars.

    python -m tests.campaigns.paper_camera [--shots 40]

Slips and labels are photographed as a 1080p camera over a field of 60 x 40 cm sees them (2.7 pixels a millimetre):
at any rotation, tilted by 10 to 45 degrees, moving by up to 2 pixels, half of them with a glare spot; and as a
12-megapixel still does (6.7). Each frame is read once by zxing-cpp alone and once by the station's own reader with the
text expected.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from time import process_time

import numpy as np
import zxingcpp

from agent.papers.contents import Address
from agent.papers.fonts import Fonts
from agent.papers.label import label
from agent.papers.page import Page, media
from agent.papers.slip import slip
from agent.vision.barcodes import read_codes
from tests.campaigns.barcode_frames import DOTS, Sheet, oblique, photograph
from tests.campaigns.paper_orders import random_label, random_slip

PX_PER_MM = {"1080p": 2.7, "12 MP": 6.7}
_DOTS_PER_MM = 300 / 25.4


def frame(page: Page, px_per_mm: float, seed: int) -> np.ndarray:
    """Return one photograph of a page, BGR; the same seed gives the same photograph."""
    rng = np.random.default_rng(seed)
    pixels = np.where(np.asarray(page.image.convert("L")) > 0, 245, 20).astype(np.uint8)[:1200]
    shot = replace(oblique(rng, px_per_mm / _DOTS_PER_MM * DOTS), size=(1280, 960) if px_per_mm > 4 else (640, 480))
    return photograph(Sheet(pixels, {}), shot, rng)


def shown(seed: int, fonts: Fonts) -> tuple[Page, str, str]:
    """Return a page, its proof mark and its long code: a slip for even seeds, a label for odd ones."""
    if seed % 2 == 0:
        content = random_slip(seed, 4)
        return slip(content, media("62"), fonts).pages[0], content.mark, content.job
    parcel = replace(random_label(seed), tracking="", sscc="340123450000000017", sender=Address(()))
    parcel = replace(parcel, recipient=replace(parcel.recipient, lines=parcel.recipient.lines[:4]))
    return label(parcel, media("62x100"), fonts).pages[0], parcel.mark, f"00{parcel.sscc}"


def main() -> None:
    """Print how many marks and long codes were read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shots", type=int, default=40)
    shots = parser.parse_args().shots
    fonts = Fonts.installed()
    print(f"{'camera':8} {'mark, zxing-cpp':>16} {'mark, station':>14} {'bars, zxing-cpp':>16} {'bars, station':>14}")
    for camera, px_per_mm in PX_PER_MM.items():
        read = np.zeros(4, int)
        for seed in range(shots):
            page, mark, bars = shown(seed, fonts)
            picture = frame(page, px_per_mm, seed)
            plain = {code.text for code in zxingcpp.read_barcodes(picture, text_mode=zxingcpp.TextMode.Plain)}
            ours = {code.text for code in read_codes(picture, expect={mark, bars}, budget_s=1.0, now=process_time)}
            read += np.array([mark in plain, mark in ours, bars in plain, bars in ours])
        rates = [f"{count / shots:.0%}" for count in read]
        print(f"{camera:8} {rates[0]:>16} {rates[1]:>14} {rates[2]:>16} {rates[3]:>14}")


if __name__ == "__main__":
    main()
