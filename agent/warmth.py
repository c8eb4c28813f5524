"""The temperature beside the scale, noted with its zero: what the cell's zero does when the hall warms up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG = logging.getLogger("packbench.scale")
EVERY_S = 300.0
# Two weeks at one note in five minutes; then the older half goes.
LONGEST = 4_000


def degrees_of(thermometer: Path) -> float | None:
    """Return the degrees C in a sensor's file, which holds thousandths of a degree; None when it can't be read."""
    try:
        return int(thermometer.read_text(encoding="ascii")) / 1000.0
    except (OSError, ValueError):
        return None


class WarmthLog:
    """A file of `seconds,degrees C,zero in grams`, from a thermometer in thousandths of a degree."""

    def __init__(self, file: Path, thermometer: Path) -> None:
        """Read the sensor once, so that the log says at the start when it is not there."""
        self._file, self._thermometer = file, thermometer
        self._noted_s, self._missed = 0.0, False
        self._degrees()

    def note(self, wall_s: float, zero_g: float) -> None:
        """Note the zero of an empty platform that rests, once in five minutes; a note that can't be written is lost."""
        if abs(wall_s - self._noted_s) < EVERY_S:
            return
        self._noted_s = wall_s
        degrees = self._degrees()
        if degrees is None:
            return
        try:
            lines = self._file.read_text(encoding="ascii").splitlines() if self._file.exists() else []
            if len(lines) >= LONGEST:
                draft = self._file.with_suffix(".new")
                draft.write_text("\n".join(lines[LONGEST // 2:]) + "\n", encoding="ascii")
                draft.replace(self._file)
            with self._file.open("a", encoding="ascii") as out:
                out.write(f"{wall_s:.0f},{degrees:.2f},{zero_g:.2f}\n")
        except (OSError, ValueError):
            return

    def _degrees(self) -> float | None:
        degrees = degrees_of(self._thermometer)
        if (degrees is None) != self._missed:
            self._missed = degrees is None
            LOG.warning("scale.no-thermometer: %s can't be read; temperature is not noted. Correct [scale] thermometer."
                        if self._missed else "the thermometer %s answers again", self._thermometer)
        return degrees
