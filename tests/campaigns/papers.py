"""The layout campaign and the benchmark of papers.

    python -m tests.campaigns.papers [--seeds 2000] [--pictures DIR] [--bench]

For each seed a slip on 62 mm, a label on 62x100 and one on 103x164 are set, then judged by what is on the picture, not
by what the layout says of itself: ink outside every field, ink on the paper's edge, fields on each other, codes that
zxing-cpp or pyzbar does not find in the whole page. Refusals are counted by code; an address that does not fit is a
right answer.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageDraw

from agent.papers.fonts import Fonts
from agent.papers.label import label
from agent.papers.page import PaperError, media
from agent.papers.slip import slip
from agent.papers.verify import layout_faults, verify
from tests.campaigns.paper_orders import TONGUES, random_label, random_slip

if TYPE_CHECKING:
    from agent.papers.page import Page, Paper

KINDS = ("slip 62", "label 62x100", "label 103x164")


@dataclass(slots=True)
class Tally:
    """What became of one kind of paper."""

    papers: int = 0
    pages: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0


def made(kind: str, seed: int, fonts: Fonts) -> Paper:
    """Return the paper of this kind and seed. Raises PaperError."""
    what, roll = kind.split()
    if what == "slip":
        return slip(random_slip(seed, most_lines=30 if seed % 20 == 0 else 6), media(roll), fonts)
    return label(random_label(seed), media(roll), fonts)


def stray_ink(page: Page) -> int:
    """Return how many dots of ink lie outside the field of every thing that was placed."""
    covered = Image.new("1", page.image.size, 0)
    draw = ImageDraw.Draw(covered)
    for thing in page.placed:
        left, top, right, bottom = thing.ink
        draw.rectangle((left, top, right - 1, bottom - 1), fill=255)
    ink = ImageChops.invert(page.image)
    return ImageChops.logical_and(ink, ImageChops.invert(covered)).convert("L").histogram()[255]


def empty_text(page: Page) -> list[str]:
    """Return the texts whose ink box holds no ink at all."""
    ink = ImageChops.invert(page.image)
    return [thing.text for thing in page.placed if thing.kind == "text" and ink.crop(thing.ink).getbbox() is None
            and not _on_band(page, thing.ink)]


def _on_band(page: Page, box: tuple[int, int, int, int]) -> bool:
    return page.image.crop(box).getbbox() is not None and any(
        thing.kind == "shape" and thing.ink[0] <= box[0] and thing.ink[2] >= box[2] and thing.ink[1] <= box[1]
        for thing in page.placed)


def clipped(page: Page) -> list[str]:
    """Return the texts whose ink reaches the paper's edge."""
    width, height = page.image.size
    return [thing.text for thing in page.placed if thing.kind == "text"
            and (thing.ink[0] <= 0 or thing.ink[1] <= 0 or thing.ink[2] >= width or thing.ink[3] >= height)]


def unread(page: Page) -> list[str]:
    """Return which reader missed which code, each searching the whole page by itself."""
    import zxingcpp
    from pyzbar import pyzbar

    grey = page.image.convert("L")
    by_zxing = {code.bytes for code in zxingcpp.read_barcodes(grey, text_mode=zxingcpp.TextMode.Plain)}
    linear = {bytes(code.data) for code in pyzbar.decode(grey, symbols=[pyzbar.ZBarSymbol.CODE128])}
    missed = [f"zxing-cpp {code.ident}" for code in page.codes if code.content not in by_zxing]
    return missed + [f"pyzbar {code.ident}" for code in page.codes if code.linear and code.content not in linear]


def judge(page: Page, tally: Tally, name: str) -> None:
    """Add the faults of a page to the tally."""
    tally.pages += 1
    tally.faults += [f"{name}: {fault}" for fault in layout_faults(page)]
    tally.faults += [f"{name}: {text!r} is clipped" for text in clipped(page)]
    tally.faults += [f"{name}: {text!r} has no ink" for text in empty_text(page)]
    if dots := stray_ink(page):
        tally.faults.append(f"{name}: {dots} dots of ink outside every box")
    tally.unread.update(unread(page))


def campaign(seeds: range, kinds: tuple[str, ...] = KINDS, pictures: Path | None = None) -> dict[str, Tally]:
    """Return one tally for each kind of paper."""
    fonts, tallies = Fonts.installed(), {kind: Tally() for kind in kinds}
    for seed in seeds:
        if seed % 100 == 0 and len(seeds) > 100:
            print(f"seed {seed} of {seeds.stop}", file=sys.stderr, flush=True)
        for kind, tally in tallies.items():
            started_s = process_time()
            try:
                paper = made(kind, seed, fonts)
                verify(paper)
            except PaperError as refusal:
                tally.refused[refusal.code] += 1
                continue
            finally:
                tally.cpu_s += process_time() - started_s
            tally.papers += 1
            for page in paper.pages:
                judge(page, tally, f"{kind} seed {seed} {TONGUES[seed % len(TONGUES)].language} page {page.number}")
                if pictures is not None and seed - seeds.start < 2 * len(TONGUES):
                    page.image.save(pictures / f"{kind.replace(' ', '-')}-{seed}-{page.number}.png")
    return tallies


def bench(runs: int = 40) -> dict[str, list[float]]:
    """Return CPU milliseconds, data to verified picture, of `runs` papers of each kind after one to warm the fonts."""
    found: dict[str, list[float]] = {}
    for kind in KINDS:
        fonts = Fonts.installed()
        found[kind] = []
        for seed in range(runs + len(TONGUES)):
            started_s = process_time()
            try:
                verify(made(kind, seed, fonts))
            except PaperError:
                continue
            found[kind].append((process_time() - started_s) * 1000)
    return found


def main() -> int:
    """Print the table; return 1 when any paper has a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the first orders of each language")
    parser.add_argument("--bench", action="store_true", help="only CPU time a paper")
    options = parser.parse_args()
    if options.bench:
        print(f"{'CPU ms, data to verified picture':34} {'first':>6} {'median':>7} {'p95':>6} {'worst':>6}")
        for kind, times in bench().items():
            rest = sorted(times[len(TONGUES):])
            middle, late = rest[len(rest) // 2], rest[int(len(rest) * 0.95)]
            print(f"{kind:34} {times[0]:6.0f} {middle:7.0f} {late:6.0f} {rest[-1]:6.0f}")
        return 0
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    tallies = campaign(range(options.first, options.first + options.seeds), pictures=options.pictures)
    for kind, tally in tallies.items():
        refused = ", ".join(f"{code} {count}" for code, count in tally.refused.most_common()) or "none"
        lost = ", ".join(f"{code} {count}" for code, count in tally.unread.most_common()) or "none"
        mean = 1000 * tally.cpu_s / max(1, tally.papers)
        print(f"{kind}: {tally.papers} papers, {tally.pages} pages, {len(tally.faults)} faults; not read: {lost}; "
              f"refused: {refused}; {mean:.0f} ms CPU each")
        for fault in tally.faults[:10]:
            print(f"  {fault}")
    return 1 if any(tally.faults or tally.unread for tally in tallies.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
