"""The agent beside a camera library that ends the whole process: `python -m tests.fleet.crashing_agent run ...`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest import mock

from agent import wiring
from agent.__main__ import packbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.station.events import Event
    from firmware_config.settings import Settings


def open_bench(settings: Settings, post: Callable[[Event], None]) -> wiring.Devices:
    """Open the hardware; the process aborts, as a library in C does, where a camera belongs to it."""
    if settings.camera:
        os.abort()
    return wiring.open_bench(settings, post)


if __name__ == "__main__":
    with mock.patch("agent.run.open_bench", open_bench):
        packbench()
