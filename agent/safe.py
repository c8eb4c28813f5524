"""Safe mode: the agent did not come up well too many times. Link, configuration and commands run, and nothing else.

No device is opened, no job is taken, nothing is printed; what waits in the store waits on. It ends by itself: when a
new configuration is there to be tried, when the admin says `reload`, when a technician gives a device back, when pbctl
starts another release, and after ten minutes, because what was wrong may be gone. systemd then starts a whole station.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from agent import __version__, messages
from agent.admin import Admin, is_admins
from agent.clock import Clock, wall_is_trusted
from agent.fleet.starts import BAD_ENDS, Starts
from agent.link import Link, access_of
from agent.local import HungUp, LocalSocket, Request
from agent.service import tell_systemd
from agent.station.events import Delivery
from agent.station.state import State
from agent.station.view import View
from agent.store import Store
from agent.wiring import Devices
from firmware_config.settings import Signals

if TYPE_CHECKING:
    from agent.station.events import Event
    from firmware_config.settings import Settings

LOG = logging.getLogger("packbench.safe")

AGAIN_S = 600.0
TURN_S = 1.0
VIEW = View("Safe mode: this station packs nothing.", "It did not come up well. Call the technician: packbench doctor.",
            "safe.mode", red=True)


class SafeStation:
    """The agent without its station. `run` returns when it was told to stop or a whole station shall be tried."""

    def __init__(self, settings: Settings) -> None:
        """Open the store. Raises StoreError."""
        self._settings = settings
        self._inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.clock = Clock()
        self.store, _ = Store.mended(Path(settings.directory), station=settings.station.id)
        self.admin = Admin(self.store, settings, self.clock, safe=True)
        bare = replace(settings, scale=(), camera=(), printer=(), scanner=(), signals=Signals())
        self._devices = Devices(bare, self.clock, self._inbox.put)
        self.link = Link(access_of(settings), station=settings.station.id, site=settings.station.site,
                         boot=self.store.boot, about=messages.Presence("safe", 0, messages.CONTRACT, __version__,
                                                                   life=self.admin.life),
                         inbox=self._inbox.put, lives=self.admin.lives)
        self.local = LocalSocket(Path(settings.socket), self._inbox.put)
        self._starts = Starts(Path(settings.directory))
        self._why_down = ""
        self._stopping = threading.Event()
        self._given_back = False

    def run(self) -> int:
        """Work until SIGTERM, SIGINT, or something worth another start; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        LOG.warning("safe mode: the agent ended badly %d times in a row; only link and configuration run", BAD_ENDS)
        tell_systemd(f"READY=1\nSTATUS={VIEW.sentence} {VIEW.hint}")
        self.local.start()
        self.link.start()
        until_s = self.clock.now_s() + AGAIN_S
        try:
            while not (self._stopping.is_set() or self._given_back or self.admin.wants_start
                       or self.clock.now_s() > until_s):
                self._once()
        finally:
            tell_systemd("STOPPING=1\nSTATUS=Safe mode ends; the whole station is tried.")
            self.local.close()
            self.link.stop(0.7)
            self.store.close()
            self._starts.once_more()
        return 0

    def _stop(self) -> None:
        self._stopping.set()
        self._inbox.put(None)

    def _once(self) -> None:
        """One round: what came, one commit, then the answers."""
        items: list[object] = []
        try:
            items.append(self._inbox.get(timeout=TURN_S))
            while True:
                items.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        for item in items:
            self._take(item)
        self.admin.turn((), State(link_up=self.link.up), self._devices, self.link, self.status, self._ignore)
        for item in items:
            if isinstance(item, Request):
                item.answer(self._answer(item))
        if self.link.alive():
            tell_systemd("WATCHDOG=1")

    def _take(self, item: object) -> None:
        match item:
            case ("message", Delivery() as delivery, str() as topic, bytes() as payload, bool() as retained):
                if not is_admins(topic, self._settings.station.id):
                    return
                refused = self.admin.receive(topic, payload, delivery, retained=retained, time_ok=wall_is_trusted())
                if refused is not None:  # cfg/reported and cmd/+/rsp say why; the dead letters are the whole station's
                    self.link.acknowledge(delivery)
            case ("down", _, str() as code, _, str() as hint):
                self._why_down = f"{code}: {hint}"
            case HungUp():
                self._given_back = True
            case _:
                pass

    def _answer(self, request: Request) -> dict[str, object]:
        if request.ask == "view":
            return {"view": msgspec.to_builtins(VIEW), "live_g": None}
        if request.ask == "status":
            return self.status()
        if request.ask == "config":
            return self.admin.explain(str(request.more.get("key", "")))
        if request.ask == "borrow":
            return {"lent": "yours"}  # no device is open here
        return {"error": "safe.mode: this station is in safe mode; it does this again when it is mended."}

    def status(self) -> dict[str, object]:
        """Return what there is to say, in the words of a whole station's status."""
        broken = {"device": "agent", "code": "safe.mode",
                  "hint": "journalctl -u packbench says why it ended; mend it, or push a configuration without it."}
        return {
            "station": self._settings.station.id, "site": self._settings.station.site, "boot": self.store.boot,
            "link": "up" if self.link.up else "down", "why_down": "" if self.link.up else self._why_down,
            "view": msgspec.to_builtins(VIEW), "live_g": None, "measures": False, "broken": [broken], "parcels": [],
            "pages": [], "store": self.store.counts(), "refused": self.store.refused(),
        }

    def _ignore(self, event: Event) -> None:
        """Nothing happens to a station that does not run."""
