"""A packer made of code: reads the station's screen and the printed papers, and has nothing but hands.

It knows what a person at the bench knows. Which paper belongs to which order it reads from the paper's own codes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.bench.wires import Hands
from agent.local import LocalError, Station

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE_S = 25.0
TRIES = 3


class StuckError(Exception):
    """The packer waited for something that never came; the sentence says what."""


@dataclass(frozen=True, slots=True)
class Size:
    """A box before it is packed: mass with its contents, and outer edges."""

    mass_g: float
    length_mm: float = 270.0
    width_mm: float = 200.0
    height_mm: float = 90.0
    material: str = "kraft"


@dataclass
class Packer:
    """One packer at one bench, who waits `patience_s` for anything. `socket` is where the station's screen is."""

    bench: Path
    socket: Path
    patience_s: float = PATIENCE_S
    hands: Hands = field(init=False)
    read: dict[str, frozenset[str]] = field(default_factory=dict)
    _station: Station | None = None

    def __post_init__(self) -> None:
        self.hands = Hands(self.bench)

    def screen(self) -> dict[str, Any]:
        """Return what the station shows; an empty sentence while no station runs."""
        view: dict[str, Any] = self._ask("view").get("view", {"sentence": "", "code": ""})
        return view

    def status(self) -> dict[str, Any]:
        """Return the station's own account of itself; empty counts while no station runs."""
        return self._ask("status") or {"store": {"outbox": -1}, "measures": False}

    def _ask(self, ask: str) -> dict[str, Any]:
        try:
            if self._station is None:
                self._station = Station(self.socket)
            return self._station.ask(ask)
        except LocalError:
            if self._station is not None:
                self._station.close()
                self._station = None
            return {}

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        """Look until `done`. Raises StuckError with the screen's sentence when it takes too long."""
        until_s = time.monotonic() + self.patience_s
        while not done():
            if time.monotonic() > until_s:
                raise StuckError(f"waited for {what}; the screen says: {self.screen()['sentence']!r}")
            time.sleep(0.03)

    def wait_sentence(self, *starts: str) -> str:
        """Wait until the screen's sentence begins with one of `starts`; return it."""
        found: list[str] = []

        def shown() -> bool:
            sentence = self.screen()["sentence"]
            if sentence.startswith(starts):
                found.append(sentence)
            return bool(found)

        self.wait(" or ".join(repr(start) for start in starts), shown)
        return found[0]

    def paper(self, code: str, *, after: int = 0) -> str:
        """Wait for the printed page that wears this code, of pages later than `after`; return its name."""
        found: list[str] = []

        def out() -> bool:
            found[:] = [name for name in self.pages() if self._number(name) > after and code in self.read[name]]
            return bool(found)

        self.wait(f"a paper with {code}", out)
        return found[-1]

    def has_paper(self, code: str) -> bool:
        """True when a page with this code lies in the tray."""
        return any(code in self.read[name] for name in self.pages())

    def pages(self) -> list[str]:
        """Return the printed pages by name, each read once."""
        names = sorted(path.name for path in (self.bench / "printed").glob("page-*.png"))
        for name in names:
            if name not in self.read:
                self.read[name] = codes_on(self.bench / "printed" / name)
        return names

    def latest(self) -> int:
        """Return the number of the newest page."""
        return max((self._number(name) for name in self.pages()), default=0)

    def pack(self, box: str, size: Size, slip: str = "", *, label: str = "") -> None:
        """Make a box, lay its slip on it and stick a label where they are there, and put it on the scale."""
        self.hands.do("make", box=box, mass_g=size.mass_g, length_mm=size.length_mm, width_mm=size.width_mm,
                      height_mm=size.height_mm, material=size.material, yaw_deg=12.0)
        if slip:
            self.hands.do("stick", page=self.paper(slip), box=box, x_mm=-size.length_mm / 4, rotation_deg=4.0)
        if label:
            self.stick(label, size, box=box)
        self.hands.do("put", box=box)

    def stick(self, label: str, size: Size, *, box: str = "") -> None:
        """Stick a label on the box that stands there, or on one beside the bench."""
        self.hands.do("stick", page=label, box=box, x_mm=size.length_mm / 4, rotation_deg=-7.0)

    def scan(self, *codes: str) -> None:
        """Scan codes by hand, one after the other."""
        for code in codes:
            self.hands.do("scan", code=code)

    def finish(self) -> None:
        """Wait for the green lamp, and take the box; put it down once more when its label is taken for a loose one."""
        box = str(self.hands.do("look-around")["on_platform"])
        for _ in range(TRIES):
            if self.wait_sentence("Done.", "A label lies beside").startswith("Done"):
                break
            self.lift()
            self.hands.do("put", box=box)
        else:
            raise StuckError(f"{box}'s label is taken for a loose one, {TRIES} times.")
        self.lift()

    def lift(self) -> None:
        """Take the box off, and wait until the station sees it."""
        self.hands.do("lift")
        self.wait("an empty platform", lambda: self.screen()["sentence"].startswith(("Put ", "Mend ", "Did ", "Scan ")))

    def close(self) -> None:
        """Go home."""
        self.hands.close()
        if self._station is not None:
            self._station.close()

    @staticmethod
    def _number(name: str) -> int:
        return int(name[5:9])


def codes_on(page: Path) -> frozenset[str]:
    """Return every code on a printed page, an SSCC by its digits alone."""
    import zxingcpp
    from PIL import Image

    with Image.open(page) as image:
        found = zxingcpp.read_barcodes(image.convert("L"))
    texts = {code.text for code in found}
    return frozenset(texts | {text.replace("(00)", "") for text in texts})
