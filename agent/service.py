"""The agent as a service: what systemd hears of it, and when a release says that it is well."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from agent.fleet.releases import say_well
from agent.fleet.starts import STEADY_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.fleet.starts import Starts
    from agent.workers import Worker

# A worker that has not beaten for so long is stuck, and systemd shall start us anew.
STUCK_S = 30.0
# A release that ran so long without a stuck worker keeps its place.
WELL_AFTER_S = 10.0


def tell_systemd(word: str) -> None:
    """Send one word to systemd (sd_notify(3)); nothing happens where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.sendto(word.encode(), "\0" + address[1:] if address.startswith("@") else address)


class Pulse:
    """Feeds the watchdog while everything moves; a printer or broker that is away rolls no software back."""

    def __init__(self, starts: Starts) -> None:
        self._starts = starts
        self._well_s = 0.0
        self._said = self._steady = False

    def beat(self, workers: Sequence[Worker], *, link_alive: bool) -> None:
        """Tell systemd that we live, if every worker and the link do."""
        now_s = time.monotonic()
        if not link_alive or any(now_s - worker.beat_s > STUCK_S for worker in workers):
            self._well_s = 0.0
            return
        tell_systemd("WATCHDOG=1")
        self._well_s = self._well_s or now_s
        if not self._said and now_s - self._well_s > WELL_AFTER_S:
            self._said = True
            say_well()
        if not self._steady and now_s - self._well_s > STEADY_S:
            self._steady = True
            self._starts.good()
