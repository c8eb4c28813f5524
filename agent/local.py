"""The Unix socket through which the local commands talk to the running daemon: one JSON object a line, both ways."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import queue
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A request longer than this is nobody's.
LONGEST = 16_384
ANSWER_S = 10.0


class LocalError(Exception):
    """The daemon can't be reached, or does not answer."""


class NoStationError(LocalError):
    """No daemon runs behind the socket."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """A connection ended that had borrowed something: by its end, Ctrl-C, or a crash."""

    caller: int


class Request:
    """One question of one connection: the owner loop answers it in its own time."""

    def __init__(self, ask: str, more: dict[str, object], caller: int = 0) -> None:
        self.ask, self.more, self.caller = ask, more, caller
        self._answer: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()

    def answer(self, found: dict[str, object]) -> None:
        """Give the answer; called once by the owner loop."""
        self._answer.put(found)

    def wait(self, timeout_s: float) -> dict[str, object]:
        """Return the answer. Raises queue.Empty when the owner loop is too busy."""
        return self._answer.get(timeout=timeout_s)


class LocalSocket:
    """Listens for local commands; every request goes into the owner's inbox."""

    def __init__(self, path: Path, post: Callable[[object], None]) -> None:
        self._path, self._post = path, post
        self._listener: socket.socket | None = None
        self._callers = itertools.count(1)

    def start(self) -> None:
        """Open the socket for owner and group, and serve it in a thread."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._path.chmod(0o660)
        self._listener.listen(8)
        threading.Thread(target=self._accept, args=(self._listener,), name="local", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
            self._path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(wire,), name="local-talk", daemon=True).start()

    def _talk(self, wire: socket.socket) -> None:
        caller, borrowed = next(self._callers), False
        with contextlib.suppress(OSError), wire, wire.makefile("rwb") as stream:
            while line := stream.readline(LONGEST):
                answer = self._ask(line, caller)
                borrowed = borrowed or "lent" in answer
                stream.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                stream.flush()
        if borrowed:
            self._post(HungUp(caller))

    def _ask(self, line: bytes, caller: int) -> dict[str, object]:
        try:
            asked = msgspec.json.decode(line)  # unlike json's, its texts hold no half characters
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {"error": "a request is one JSON object on one line."}
        if not isinstance(asked, dict) or not isinstance(asked.get("ask"), str):
            return {"error": 'a request is a JSON object with "ask".'}
        request = Request(asked.pop("ask"), asked, caller)
        self._post(request)
        try:
            return request.wait(ANSWER_S)
        except queue.Empty:
            return {"error": "the station is too busy to answer; try again."}


class Station:
    """The running daemon, seen from a local command. Raises LocalError when none runs behind this socket."""

    def __init__(self, path: Path) -> None:
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wire.settimeout(ANSWER_S + 2)
        try:
            self._wire.connect(str(path))
        except OSError as error:
            self._wire.close()
            kind = NoStationError if error.errno in (errno.ENOENT, errno.ECONNREFUSED) else LocalError
            raise kind(f"No station runs behind {path} ({error.strerror}). Is the service up: "
                             "systemctl status packbench") from error
        self._stream = self._wire.makefile("rwb")

    def ask(self, ask: str, **more: object) -> dict[str, object]:
        """Return the daemon's answer. Raises LocalError when it went away or refused."""
        try:
            self._stream.write(json.dumps({"ask": ask, **more}).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
        except OSError as error:
            raise LocalError(f"The station went away: {error}.") from error
        if not line:
            raise LocalError("The station went away.")
        answer: dict[str, object] = json.loads(line)
        if "error" in answer:
            raise LocalError(str(answer["error"]))
        return answer

    def gone(self) -> bool:
        """Return whether the daemon has hung up."""
        return bool(select.select([self._wire], [], [], 0.0)[0])  # it never speaks unasked

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):  # a line that never left does not matter any more
            self._stream.close()
        self._wire.close()


class Loan:
    """A device that the running daemon gave away until the connection ends; without a daemon there is nothing to do."""

    def __init__(self, device: str, station: Station | None) -> None:
        self._device, self._station = device, station

    def check(self) -> None:
        """Raise LocalError when the daemon ended meanwhile: the next one opens the device itself."""
        if self._station is not None and self._station.gone():
            raise LocalError(f"The station was stopped and may have the {self._device} again. Begin anew.")


@contextlib.contextmanager
def borrowed(path: Path, device: str) -> Iterator[Loan]:
    """Take a device from the daemon behind the socket, if one runs; it is given back at the end, also by a crash.

    Raises LocalError when the daemon refuses, or does not close the device in time.
    """
    try:
        station = Station(path)
    except NoStationError:
        yield Loan(device, None)
        return
    try:
        until_s = time.monotonic() + ANSWER_S
        while station.ask("borrow", device=device)["lent"] != "yours":
            if time.monotonic() > until_s:
                raise LocalError(f"The station does not let go of the {device}; try again.")
            time.sleep(0.05)
        yield Loan(device, station)
    finally:
        station.close()
