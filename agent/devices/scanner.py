"""Hand scanners: on a serial port (USB-COM mode, the better way), or as a keyboard that only packbench may read.

Both answer with whole scans. A keyboard's queue in the kernel holds 64 events, about one scan of ten characters: it
is read without a pause in a thread of its own, and a scan that lost keys is told as lost, never as a shorter code.
"""

from __future__ import annotations

import fcntl
import os
import queue
import select
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.devices import DeviceError
from agent.devices.scanner_keys import EVENT, LONGEST, QUIET_S, Keys, Lost
from agent.station.gs1 import symbology_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from serial import Serial

    from agent.devices.scanner_keys import Typed

EVIOCGRAB = 0x40044590  # _IOW('E', 0x90, int), linux/input.h: nobody else gets this keyboard's keys
_ENDS = b"\r\n\x03"  # CR, LF, and ETX where a scanner frames with STX and ETX
_SERIAL_QUIET_S = 0.25
_HINT = "Plug the scanner in; it is opened again by itself."


@dataclass(frozen=True, slots=True)
class Scan:
    """One scanned code: milliseconds on the station's clock, text with separators as U+001D, and its AIM identifier.

    The identifier is empty unless the scanner is set to send it.
    """

    at_ms: int
    text: str
    identifier: str


@dataclass(frozen=True, slots=True)
class LostScan:
    """A scan came but not all of it; `hint` is what the packer does."""

    at_ms: int
    code: str
    hint: str


def scan_of(at_ms: int, content: str) -> Scan | None:
    """Return what was scanned without blanks and line ends around it, or None when nothing is left.

    >>> scan_of(0, "  ]E05901234123457 ")
    Scan(at_ms=0, text='5901234123457', identifier=']E0')
    """
    identifier, text = symbology_identifier(content.strip(" \t\r\n\x02\x03\x00"))
    return Scan(at_ms, text, identifier) if text else None


class SerialScanner:
    """A scanner on a serial port; give its `/dev/serial/by-id` name.

    A scan ends with CR, LF or ETX, or after a quarter second of silence.
    """

    def __init__(self, port: str, clock_ms: Callable[[], int], *, baud: int = 9600) -> None:
        self._port = port
        self._clock_ms = clock_ms
        self._baud = baud
        self._serial: Serial | None = None
        self._rest = b""
        self._too_long = False

    def read(self, timeout_s: float) -> list[Scan | LostScan]:
        """Return the scans since the last call, oldest first; empty after the time is over.

        Raises DeviceError `scanner.missing` or `scanner.gone`; the next call tries to open the port again.
        """
        import serial

        wire = self._serial = self._serial or self._open()
        deadline_s = time.monotonic() + timeout_s
        try:
            while True:
                wire.timeout = max(
                    0.0, min(deadline_s - time.monotonic(), _SERIAL_QUIET_S if self._rest else timeout_s)
                )
                piece = wire.read(1)
                piece += wire.read(wire.in_waiting) if piece else b""
                found = list(self._take(piece))
                if found or time.monotonic() >= deadline_s:
                    return found
        except (serial.SerialException, OSError) as error:  # in_waiting raises a plain OSError after an unplug
            self.close()
            raise DeviceError("scanner.gone", f"the scanner at {self._port} went away: {error}.", _HINT) from None

    def close(self) -> None:
        """Give the port back."""
        if self._serial is not None:
            self._serial.close()
        self._serial, self._rest, self._too_long = None, b"", False

    def _open(self) -> Serial:
        import serial

        try:
            return serial.Serial(self._port, self._baud, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            raise DeviceError(
                "scanner.missing",
                f"no scanner answers at {self._port}: {error}.",
                "Plug it in and set it to USB-COM mode; `ls /dev/serial/by-id` lists the ports.",
            ) from None

    def _take(self, piece: bytes) -> Iterator[Scan | LostScan]:
        silent = not piece
        self._rest += piece
        while (end := next((i for i, byte in enumerate(self._rest) if byte in _ENDS), None)) is not None or (
            silent and self._rest
        ):
            content, self._rest = (self._rest, b"") if end is None else (self._rest[:end], self._rest[end + 1 :])
            if self._too_long or len(content) > LONGEST:
                self._too_long = False
                yield LostScan(self._clock_ms(), "scanner.too-long", "Scan again, one code at a time.")
            elif scan := scan_of(self._clock_ms(), _text_of(content)):
                yield scan
        if len(self._rest) > LONGEST:
            self._rest, self._too_long = self._rest[-1:], True


def _text_of(content: bytes) -> str:
    """Scanners send UTF-8 or Latin-1, and do not say which."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _grab(device: int) -> None:
    fcntl.ioctl(device, EVIOCGRAB, 1)


class WedgeScanner:
    """A scanner that is a keyboard; give its `/dev/input/by-id/...-event-kbd` name.

    The keyboard is grabbed, so that a scan types into nothing else. `grab` does that on an open file descriptor.
    """

    def __init__(self, path: str, clock_ms: Callable[[], int], *, grab: Callable[[int], None] = _grab) -> None:
        self._path = path
        self._clock_ms = clock_ms
        self._grab = grab
        self._scans: queue.SimpleQueue[Scan | LostScan | DeviceError] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._closed = False

    def read(self, timeout_s: float) -> list[Scan | LostScan]:
        """Return the scans since the last call, oldest first; empty after the time is over.

        Raises DeviceError `scanner.missing`, `scanner.busy` or `scanner.gone`; the next call opens the keyboard again.
        """
        if self._thread is None:
            device = self._open()
            self._thread = threading.Thread(target=self._listen, args=(device,), name="scanner", daemon=True)
            self._thread.start()
        found: list[Scan | LostScan] = []
        try:
            first = self._scans.get(timeout=timeout_s)
            while True:
                if isinstance(first, DeviceError):
                    self._thread = None
                    if found:
                        self._scans.put(first)
                        return found
                    raise first
                found.append(first)
                first = self._scans.get_nowait()
        except queue.Empty:
            return found

    def close(self) -> None:
        """Give the keyboard back."""
        if self._closed:
            return
        self._closed = True
        os.write(self._wake_write, b"x")
        if self._thread is not None:
            self._thread.join(2.0)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _open(self) -> int:
        try:
            device = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceError(
                "scanner.missing",
                f"no scanner at {self._path}: {error.strerror}.",
                "Plug it in; packbench must be in the group `input`.",
            ) from None
        try:
            self._grab(device)
        except OSError as error:
            os.close(device)
            raise DeviceError(
                "scanner.busy",
                f"{self._path} cannot be taken alone: {error.strerror}.",
                "Another program holds it, or the path is no keyboard: use its -event-kbd name.",
            ) from None
        return device

    def _listen(self, device: int) -> None:
        keys = Keys()
        rest = b""
        try:
            while True:
                ready, _, _ = select.select([device, self._wake_read], [], [], QUIET_S if keys.open else None)
                if self._wake_read in ready:
                    return
                if not ready:
                    self._tell(keys.end())
                    continue
                chunk = rest + os.read(device, EVENT.size * 64)
                if len(chunk) == len(rest):  # only a pipe ends so; a keyboard fails with ENODEV
                    self._scans.put(self._gone("end of file"))
                    return
                whole = len(chunk) - len(chunk) % EVENT.size
                rest = chunk[whole:]
                self._tell(keys.feed(chunk[:whole]))
        except OSError as error:
            self._scans.put(self._gone(str(error.strerror)))
        finally:
            os.close(device)

    def _gone(self, why: str) -> DeviceError:
        return DeviceError("scanner.gone", f"the scanner at {self._path} went away: {why}.", _HINT)

    def _tell(self, ended: Iterator[Typed | Lost]) -> None:
        for one in ended:
            if isinstance(one, Lost):
                self._scans.put(LostScan(self._clock_ms(), one.code, "Scan the code again."))
            elif scan := scan_of(self._clock_ms(), one.text):
                self._scans.put(scan)
