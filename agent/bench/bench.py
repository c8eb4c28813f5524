"""The simulated bench: what stands where, what hands do to it, and the journal of the truth.

Boxes are things that keep what is stuck on them. Hands are commands; every command and every consequence is a line
in the journal, so that an audit can compare what the agent says with what happened.
"""

from __future__ import annotations

import inspect
import json
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from agent.bench.camera import DOTS_MM, jpeg
from agent.bench.printer import SimulatedPrinter
from agent.bench.scale import ScalePhysics, ScaleRig
from agent.bench.scanner import SimulatedScanner
from agent.bench.scene import Box, Hand, Panel, Scene, Sticker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

# Thermal paper, adhesive and coating: about 140 g a square metre.
PAPER_G_PER_MM2 = 1.4e-4
# What a hand's parameter may be, by its annotation.
TYPES: dict[str, type] = {"str": str, "float": float, "bool": bool}


# The board of `packbench calibrate camera --print-board`: 8 x 5 squares of 50 mm with markers of 38 mm, 3 mm thick.
BOARD_SIZE_MM = (400.0, 250.0)
BOARD_MM = 3.0
BOARD_DOTS_MM = 4


@lru_cache(maxsize=1)
def charuco() -> NDArray[np.uint8]:
    """Return the calibration board as printed, at `BOARD_DOTS_MM`."""
    import cv2
    import numpy as np

    markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_100)
    wide, high = (round(side * BOARD_DOTS_MM) for side in BOARD_SIZE_MM)
    board = cv2.aruco.CharucoBoard((8, 5), 50.0, 38.0, markers)
    return np.asarray(board.generateImage((wide, high), None, 0, 1), np.uint8)


@dataclass(slots=True)
class BenchBox:
    """One box of the shift: its mass and looks, and the pages on it with their names."""

    mass_g: float
    looks: Box
    pages: dict[str, Sticker] = field(default_factory=dict)

    @property
    def gross_g(self) -> float:
        """Mass with what is stuck on it."""
        return self.mass_g + sum(_paper_g(sticker) for sticker in self.pages.values())


class HandsError(ValueError):
    """A command that hands can't do: no such box, nothing on the platform, an unknown word."""


class Bench:
    """All the hardware of one station. `do` is what hands can do; the wires serve the rest."""

    def __init__(self, directory: Path, *, seed: int = 1, speed: float = 1.0, roll_mm: float = 30_480.0,
                 media: str = "62") -> None:
        self.directory = directory
        self.speed = speed
        self.epoch_s = time.monotonic()
        directory.mkdir(parents=True, exist_ok=True)
        self._journal = (directory / "journal.jsonl").open("a", encoding="utf-8")
        self._lock = threading.RLock()
        self._seed = seed
        self._frames = 0
        self.scale = ScalePhysics(seed, ScaleRig(capacity_g=30_000.0, noise_nv=110.0, rocking_share=0.1))
        self.boxes: dict[str, BenchBox] = {}
        self.on_platform = ""
        self.shown: dict[str, Sticker] = {}
        self.board: Panel | None = None
        self._hand_until_s = 0.0
        self.lines: dict[int, int] = {}
        self.button: Callable[[int], None] = lambda level: None
        self.scanner = SimulatedScanner(directory / "scanner")
        self.printer = SimulatedPrinter(
            "QL-820NWB", media, roll_mm, directory / "printed", self.note, self.now_s,
        )

    def now_s(self) -> float:
        """Seconds on the bench's clock."""
        return (time.monotonic() - self.epoch_s) * self.speed

    def note(self, line: dict[str, Any]) -> None:
        """Write one line of truth."""
        with self._lock:
            self._journal.write(json.dumps({"at_s": round(self.now_s(), 3), **line}, ensure_ascii=False) + "\n")
            self._journal.flush()

    def picture(self) -> bytes:
        """Return what the camera sees now, as JPEG."""
        with self._lock:
            self._frames += 1
            scene, seed = self._scene(), self._seed * 1_000_003 + self._frames
        return jpeg(scene, seed)

    def conversions(self) -> list[tuple[float, int]]:
        """Return the load cell's conversions up to now."""
        with self._lock:
            return self.scale.conversions(self.now_s())

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what hands can do. Returns what came of it; raises HandsError for what can't be done."""
        word = str(command.get("do", ""))
        act = getattr(self, f"_hands_{word.replace('-', '_')}", None)
        if act is None:
            known = sorted(name[7:].replace("_", "-") for name in dir(self) if name.startswith("_hands_"))
            raise HandsError(f"hands can't {word!r}; they can {', '.join(known)}.")
        with self._lock:
            try:
                found = act(**_fitting(word, act, {key: value for key, value in command.items() if key != "do"}))
            except TypeError as error:
                raise HandsError(f"{word}: {error}") from error
            self.note({"kind": "hands", **command})
        return found or {}

    # -- what hands can do ---------------------------------------------------------------------------------------

    def _hands_make(self, box: str, mass_g: float, length_mm: float, width_mm: float, height_mm: float,
                    **looks: Any) -> None:  # noqa: ANN401 (the renderer's own box fields)
        self.boxes[box] = BenchBox(mass_g, Box(length_mm, width_mm, height_mm, **looks))

    def _hands_put(self, box: str) -> None:
        if self.on_platform:
            raise HandsError(f"box {self.on_platform} stands there already.")
        self.scale.place(self._box(box).gross_g, self.now_s() + 0.05)
        self.on_platform = box
        self._hand_until_s = self.now_s() + 0.4

    def _hands_lift(self) -> dict[str, Any]:
        box = self._standing()
        self.scale.lift(self.now_s() + 0.05)
        self.on_platform = ""
        return {"box": box}

    def _hands_stick(self, page: str, box: str = "", x_mm: float = 0.0, y_mm: float = 0.0,
                     rotation_deg: float = 0.0) -> None:
        name = box or self._standing()
        sticker = Sticker(self._paper(page), "top", x_mm, y_mm, rotation_deg)
        self._box(name).pages[page] = sticker
        if name == self.on_platform:
            now_s = self.now_s()
            self.scale.hand(250.0, now_s + 0.05, now_s + 0.55)
            self.scale.place(_paper_g(sticker), now_s + 0.1, speed_mm_s=5.0)
            self._hand_until_s = now_s + 0.5

    def _hands_peel(self, page: str, box: str = "") -> None:
        name = box or self._standing()
        sticker = self._box(name).pages.pop(page, None)
        if sticker is None:
            raise HandsError(f"page {page!r} is not on box {name!r}.")
        if name == self.on_platform:
            self.scale.lift(self.now_s() + 0.05, _paper_g(sticker))

    def _hands_show(self, page: str) -> None:
        self.shown[page] = Sticker(self._paper(page), "shown", 0.0, 0.0, 8.0)

    def _hands_hide(self) -> None:
        self.shown.clear()

    def _hands_board(self, x_mm: float = 0.0, y_mm: float = 0.0, z_mm: float = BOARD_MM, tilt_deg: float = 0.0,
                     down_deg: float = 0.0, turn_deg: float = 0.0) -> None:
        """Hold the calibration board there; without figures it lies flat in the middle of the platform."""
        self.board = Panel(charuco(), BOARD_SIZE_MM, x_mm, y_mm, z_mm, tilt_deg, down_deg, turn_deg)

    def _hands_board_away(self) -> None:
        self.board = None

    def _hands_press(self, *, long: bool = False) -> None:
        self.button(0)
        threading.Timer((1.6 if long else 0.15) / self.speed, self.button, (1,)).start()

    def _hands_scan(self, code: str) -> None:
        self.scanner.scan(code)

    def _hands_roll(self, mm: float, media: str = "62") -> None:
        self.printer.load_roll(mm, media)

    def _hands_cover(self, *, open: bool) -> None:  # noqa: A002 (the word on the wire)
        (self.printer.open_cover if open else self.printer.close_cover)()

    def _hands_power(self, *, on: bool) -> None:
        (self.printer.power_on if on else self.printer.power_off)()

    def _hands_mute(self, *, silent: bool = True) -> None:
        self.printer.mute(silent)

    def _hands_look_around(self) -> dict[str, Any]:
        return {"on_platform": self.on_platform, "lines": self.lines, "mass_g": self.scale.mass_g,
                "boxes": {name: sorted(box.pages) for name, box in self.boxes.items()}}

    # -- what the camera sees ------------------------------------------------------------------------------------

    def _scene(self) -> Scene:
        box = self.boxes.get(self.on_platform)
        hand = None
        if box is not None and self.now_s() < self._hand_until_s:
            hand = Hand(box.looks.x_mm, box.looks.y_mm - box.looks.width_mm / 3, box.looks.height_mm + 15)
        stickers = tuple(self.shown.values())
        if box is None:
            return Scene(stickers=stickers, panel=self.board)
        return Scene(box=box.looks, stickers=(*box.pages.values(), *stickers), hand=hand, panel=self.board)

    def _box(self, name: str) -> BenchBox:
        if name not in self.boxes:
            raise HandsError(f"there is no box {name!r}; make it first.")
        return self.boxes[name]

    def _standing(self) -> str:
        if not self.on_platform:
            raise HandsError("nothing stands on the platform.")
        return self.on_platform

    def _paper(self, page: str) -> NDArray[np.uint8]:
        """Return a printed page's pixels; only paper that came out of the printer can be held."""
        import numpy as np
        from PIL import Image

        path = self.directory / "printed" / page
        if not path.is_file() or path.parent != self.directory / "printed":
            raise HandsError(f"there is no printed page {page!r}.")
        with Image.open(path) as image:
            return np.asarray(image.convert("L"), dtype=np.uint8)

    def close(self) -> None:
        """Stop the printer, unplug the scanner and close the journal."""
        self.printer.stop()
        self.scanner.close()
        self._journal.close()


def _fitting(word: str, act: Callable[..., object], given: dict[str, Any]) -> dict[str, Any]:
    """Return what is given as `act` takes it; raises HandsError for what is missing, unknown or of the wrong type."""
    import msgspec

    known = inspect.signature(act).parameters
    missing = [name for name, one in known.items()
               if name not in given and one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    if missing:
        raise HandsError(f"{word} needs {', '.join(missing)}.")
    open_ended = any(one.kind is one.VAR_KEYWORD for one in known.values())
    if not open_ended and (unknown := [name for name in given if name not in known]):
        raise HandsError(f"{word} knows no {', '.join(unknown)}; it knows {', '.join(known) or 'nothing more'}.")
    fitting = dict(given)
    for name in given.keys() & known.keys():
        try:
            fitting[name] = msgspec.convert(given[name], TYPES[known[name].annotation])
        except msgspec.ValidationError as error:
            raise HandsError(f"{word}: {name}={given[name]} does not fit: {error}.") from error
    return fitting


def _paper_g(sticker: Sticker) -> float:
    rows, columns = sticker.picture.shape[:2]
    return float(rows * columns) / DOTS_MM**2 * PAPER_G_PER_MM2

