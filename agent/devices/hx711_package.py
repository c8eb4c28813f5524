"""The `hx711` package (1.1.2.3), made safe: it runs in a child process that is ended when it hangs.

On its own its `get_raw_data` never returns when the cell is unplugged, saturated or reads exactly zero: False stands
for "not ready", "damaged" and "saturated" alike, and 0 equals False. So the child calls `_read` once a conversion,
tells False from zero by its type and full scale by the whole word before it; the parent waits with a deadline.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

from agent.devices import DeviceError
from agent.devices.hx711 import SATURATED

if TYPE_CHECKING:
    from collections.abc import Sequence

HUNG_S = 3.0
"""The package's constructor sleeps for a second."""


class PackageConverter:
    """Words from the package. Implements `agent.devices.hx711.Converter`.

    `command` is the child to run; the default reads these two pins.
    """

    def __init__(self, *, data_pin: int, clock_pin: int, command: Sequence[str] | None = None) -> None:
        self._command = list(command) if command is not None else [
            sys.executable, "-I", "-m", "agent.devices.hx711_package", str(data_pin), str(clock_pin)]
        self._waited_s = 0.0
        self._rest = b""
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe = -1

    def convert(self, timeout_s: float) -> int | None:
        """Return the next count; see `Converter.convert`.

        A child that says nothing for three seconds is ended and started again. Raises DeviceError
        `scale.package-failed` with the child's last words.
        """
        if self._child is None:
            self._start()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._pipe], [], [], timeout_s)
            if not ready:
                self._waited_s += timeout_s
                if self._waited_s >= HUNG_S:
                    self.close()
                return None
            piece = os.read(self._pipe, 4096)
            if not piece:
                raise self._failed()
            self._rest += piece
        self._waited_s = 0.0
        line, _, self._rest = self._rest.partition(b"\n")
        return None if line == b"-" else int(line)

    def close(self) -> None:
        """End the child."""
        child, self._child, self._rest, self._waited_s = self._child, None, b"", 0.0
        if child is not None:
            child.kill()
            child.communicate()

    def _start(self) -> None:
        self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
        if self._child.stdout is not None:
            self._pipe = self._child.stdout.fileno()

    def _failed(self) -> DeviceError:
        words: list[str] = []
        if self._child is not None:
            words = self._child.communicate()[1].decode("utf-8", "replace").strip().splitlines()
        self.close()
        return DeviceError("scale.package-failed", f"the hx711 package ended: {words[-1] if words else 'no reason'}.",
                           'Use the driver "spi" or "gpio"; the package needs rpi-lgpio on a Pi 5.')


def serve(data_pin: int, clock_pin: int) -> None:
    """Print one line a conversion for ever: the count, or `-` when none was ready or the word was not whole."""
    from hx711 import HX711

    class Reader(HX711):  # type: ignore[misc]  # the package has no types
        """The package's reader: it notes whether a whole word came, and never waits inside a read."""

        whole = False

        def _set_channel_gain(self, num: int) -> bool:
            self.whole = True
            return bool(super()._set_channel_gain(num))

        def get_raw_data(self, times: int = 5) -> list[int]:
            """Answer at once: the original calls itself from within a read, and waits for ever."""
            return [0] * times

    chip = Reader(data_pin, clock_pin)
    while True:
        chip.whole = False
        found = chip._read()  # noqa: SLF001 (the only call of it that returns)
        if found is False and chip.whole:  # not `== False`: a count of 0 is a count
            found = SATURATED
        sys.stdout.write("-\n" if found is False else f"{found}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
