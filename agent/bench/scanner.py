"""A hand scanner on a serial port: a pseudo-terminal at which scanned codes arrive, each with a carriage return."""

from __future__ import annotations

import os
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class SimulatedScanner:
    """A scanner in USB-COM mode. `port` is a link to its terminal; nobody need listen there."""

    def __init__(self, port: Path) -> None:
        self._port = port
        self._near, self._far = os.openpty()  # the far end stays open here: a reader that goes hangs up nothing
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        port.unlink(missing_ok=True)
        port.symlink_to(os.ttyname(self._far))

    def scan(self, code: str) -> None:
        """Scan a code. Raises OSError when nobody reads and the terminal is full."""
        os.write(self._near, code.encode() + b"\r")

    def close(self) -> None:
        """Unplug it."""
        self._port.unlink(missing_ok=True)
        os.close(self._near)
        os.close(self._far)
