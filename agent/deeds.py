"""What each command of the fleet's admin does. None runs a program; `upgrade` leaves a request that pbctl checks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from agent.fleet import bundle, commands, releases
from agent.fleet.commands import Answer
from agent.fleet.identity import IdentityError
from agent.station.events import CopyWanted, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.clock import Clock
    from agent.fleet.commands import Request
    from agent.fleet.renewal import Renewal
    from agent.wiring import Devices
    from firmware_config.settings import Settings

BUNDLES_KEPT = 5


class Deeds:
    """The commands of one station; `identify_until_ms` is how long its lamps blink."""

    def __init__(self, directory: Path, clock: Clock, renewal: Renewal) -> None:
        self._directory, self._clock, self._renewal = directory, clock, renewal
        self.identify_until_ms = 0

    def do(
        self, name: str, request: Request, *, devices: Devices, settings: Settings,
        status: Callable[[], dict[str, Any]], reported: Mapping[str, Any], post: Callable[[Event], None],
    ) -> Answer:
        """Do one command and return its answer."""
        def answer(code: str, text: str, found: dict[str, Any] | None = None, *, failed: bool = False) -> Answer:
            return Answer(request.cid, name, "failed" if failed else "done", code, text, found or {})

        match request:
            case commands.Identify(seconds=seconds):
                self.identify_until_ms = self._clock.now_ms() + seconds * 1000
                return answer("command.identifying", f"the lamps blink for {seconds} s.")
            case commands.PrintTest(role=role):
                printer = devices.print_test(role)
                if not printer:
                    return answer("command.no-printer", f"no printer here prints the role {role}.", failed=True)
                return answer("command.printing", "a test page was sent; evt/device tells a printer that fails.",
                              {"printer": printer})
            case commands.Reprint(parcel=parcel):
                if parcel not in [one["parcel"] for one in status()["parcels"]]:
                    text = f"{parcel} is no parcel that has not ended; status tells how many there are."
                    return answer("command.no-parcel", text, failed=True)
                post(CopyWanted(at_ms=self._clock.now_ms(), parcel=parcel))
                return answer("command.reprinting", "asked for; evt/print tells when the first label is void.")
            case commands.Status():
                return answer("command.status", "see `found`.", bundle.status_shown(status()))
            case commands.Bundle():
                return self._bundle(answer, bundle.pack(settings, status(), reported, (), {}))
            case commands.Reload():
                return answer("command.reloaded", "what is wanted is tried again, also what failed.")
            case commands.Drain(on=on):
                if on:
                    return answer("command.drained", "no more jobs are claimed from the pool.")
                return answer("command.undrained", "jobs are claimed from the pool again.")
            case commands.Upgrade(release=release):
                return self._upgrade(answer, release)
            case commands.Certificate(pem=pem):
                return self._certificate(answer, pem.encode())
            case _:
                raise TypeError(f"nothing is written down for {type(request).__name__}")

    def _certificate(self, answer: Callable[..., Answer], pem: bytes) -> Answer:
        try:
            taken = self._renewal.take(pem, self._clock.now_ms(), self._clock.wall_ms())
        except IdentityError as error:
            return answer(error.code, error.detail, failed=True)
        except OSError as error:
            return answer("command.no-certificate", f"it can't be laid down: {error.strerror}.", failed=True)
        until = taken.until if taken else ""
        return answer("command.certified", "the next connection uses it.", {"until": until})

    def _bundle(self, answer: Callable[..., Answer], packed: bytes) -> Answer:
        mark = hashlib.sha256(packed).hexdigest()
        folder = self._directory / "bundles"
        path = folder / f"bundle-{mark[:12]}.zip"
        try:
            folder.mkdir(exist_ok=True)
            path.write_bytes(packed)
            for old in sorted(folder.glob("bundle-*.zip"), key=lambda one: one.stat().st_mtime)[:-BUNDLES_KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            return answer("command.no-room", f"the bundle can't be written: {error.strerror}.", failed=True)
        return answer("command.bundled", "the bundle lies in the station's folder `bundles`.",
                      {"file": path.name, "sha256": mark, "bytes": len(packed)})

    def _upgrade(self, answer: Callable[..., Answer], release: str) -> Answer:
        requests = self._directory / "upgrade"
        if not (requests / release).is_file() or not (requests / f"{release}.sig").is_file():
            text = f"{release} and its .sig do not lie in the station's folder `upgrade`; copy them there first."
            return answer("command.no-release", text, failed=True)
        try:
            releases.ask(f"install {release}", self._directory)
        except OSError as error:
            return answer("command.no-upgrade", f"the request can't be left: {error.strerror}.", failed=True)
        return answer("command.upgrading", "pbctl was asked; it checks the signature and goes back by itself.")
