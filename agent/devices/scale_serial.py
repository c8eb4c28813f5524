"""Weighing instruments on a serial port: asked or listened to, frame by frame, in their own dialect."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.devices import DeviceError, scale_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from serial import Serial

    from agent.devices.scale_frames import Reading

STX, ETX, CR, LF = 0x02, 0x03, 0x0D, 0x0A
LONGEST = 64
SILENT_S = 2.0
# A stream whose first byte comes so soon after the opening was joined in the middle of a frame.
JOINED_S = 0.5
ASK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an instrument talks: what to send for a reading (empty: it streams), how frames begin and end.

    `begin` is a byte that always starts a new frame (None: a frame starts after the end of the last one), `ends` are
    the bytes that end it, `length` its size where no byte ends it. `quiet` says that silence is normal (an instrument
    that answers only when the weight has changed).
    """

    decode: Callable[[str], Reading]
    request: bytes = b""
    begin: int | None = None
    ends: bytes = b"\r\n"
    length: int = 0
    quiet: bool = False
    baud: int = 9600
    frame: str = "8N1"


DIALECTS: dict[str, Dialect] = {
    "sics": Dialect(scale_frames.sics, request=b"SI\r\n"),
    "toledo8217": Dialect(scale_frames.toledo8217, request=b"W", begin=STX, ends=b"\r", frame="7E1"),
    "comma": Dialect(scale_frames.comma),
    "and": Dialect(scale_frames.comma, request=b"Q\r\n", baud=2400, frame="7E1"),
    "cas": Dialect(scale_frames.comma),
    "yaohua": Dialect(scale_frames.yaohua, begin=STX, ends=b"\x03"),
    "equals": Dialect(scale_frames.equals, begin=ord("="), length=7),
    "equals-reversed": Dialect(scale_frames.equals_reversed, begin=ord("="), length=7),
    "equals-straight": Dialect(scale_frames.equals_straight, begin=ord("="), length=7),
    "rinstrum": Dialect(scale_frames.rinstrum),
    "prefixed": Dialect(scale_frames.prefixed),
    "balance": Dialect(scale_frames.balance),
    "balance-asked": Dialect(scale_frames.balance, request=b"P\r\n", quiet=True),
    "lettered": Dialect(scale_frames.lettered, begin=STX, ends=b"\x03"),
}


def dialect_of(name: str, pattern: str = "") -> Dialect:
    """Return the dialect of this name, or one that is described by a pattern (`name` is then "pattern").

    Raises DeviceError `scale.no-dialect` or `scale.bad-pattern`.
    """
    if name == "pattern":
        try:
            return Dialect(scale_frames.by_pattern(re.compile(pattern)))
        except re.error as error:
            raise DeviceError("scale.bad-pattern", f"{pattern!r}: {error}.",
                              "It is a regular expression with a group named value.") from error
    if name not in DIALECTS:
        raise DeviceError("scale.no-dialect", f"{name!r} is no dialect.", f"Choose one of {', '.join(DIALECTS)}.")
    return DIALECTS[name]


class Frames:
    """Cuts a stream into frames and decodes them; pieces may break anywhere, and noise is dropped.

    `dropped` counts bytes that belonged to no frame.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dropped = 0
        self._dialect = dialect
        self._frame = bytearray()
        self._inside = dialect.begin is None

    @property
    def unfinished(self) -> int:
        """Bytes of a frame whose end has not come."""
        return len(self._frame)

    def feed(self, piece: bytes) -> Iterator[Reading]:
        """Yield the readings whose frames are complete."""
        dialect = self._dialect
        for byte in piece:
            if byte == dialect.begin:
                self.dropped += len(self._frame)
                self._frame.clear()
                self._inside = True
                continue
            if not self._inside:
                self.dropped += 1
                continue
            ended = not dialect.length and byte in dialect.ends
            if not ended:
                self._frame.append(byte)
            if ended or (dialect.length and len(self._frame) == dialect.length):
                yield from self._complete()
            elif len(self._frame) > LONGEST:
                self.dropped += len(self._frame)
                self._frame.clear()
                self._inside = dialect.begin is None

    def _complete(self) -> Iterator[Reading]:
        # Control characters are framing that other bytes did already; the eighth bit is a parity set wrong.
        text = bytes(byte & 0x7F for byte in self._frame).decode("ascii").strip("\x00\x02\x03\r\n")
        self._frame.clear()
        self._inside = self._dialect.begin is None
        if text.strip():
            reading = self._dialect.decode(text)
            if reading is scale_frames.UNREADABLE:
                self.dropped += len(text)
            else:
                yield reading


class SerialScale:
    """A weighing instrument on a serial port; give its `/dev/serial/by-id` name.

    `unit` is used for frames that carry none. What waits in the buffer before the first question is dropped: it is the
    last weighing of another day.
    """

    def __init__(self, port: str, dialect: Dialect, *, unit: str | None = None, baud: int | None = None,
                 frame: str | None = None) -> None:
        self._port, self._dialect, self._unit = port, dialect, unit
        self._baud, self._framing = baud or dialect.baud, frame or dialect.frame
        self._frames = Frames(dialect)
        self._serial: Serial | None = None
        self._joining = False
        self._heard_s = self._asked_s = self._opened_s = 0.0

    def read(self, timeout_s: float) -> list[Reading]:
        """Return the readings since the last call, oldest first; empty after the time is over.

        Raises DeviceError `scale.missing`, `scale.gone`, `scale.silent` after two seconds without a frame, or
        `scale.gibberish` when bytes come and none makes a frame.
        """
        import serial

        try:
            wire = self._serial = self._serial or self._open()
            deadline_s = time.monotonic() + timeout_s
            while True:
                now_s = time.monotonic()
                if self._dialect.request and now_s - self._asked_s >= ASK_EVERY_S:
                    wire.write(self._dialect.request)
                    self._asked_s = now_s
                wire.timeout = max(0.0, min(deadline_s - now_s, ASK_EVERY_S))
                piece = wire.read(1)
                piece += wire.read(min(wire.in_waiting, 4096)) if piece else b""
                if piece and self._joining:
                    piece = self._behind_half_a_frame(piece)
                found = [self._with_unit(reading) for reading in self._frames.feed(piece)]
                if found:
                    self._heard_s, self._frames.dropped = time.monotonic(), 0
                    return found
                self._complain()
                if time.monotonic() >= deadline_s:
                    return []
        except (serial.SerialException, OSError) as error:  # in_waiting raises a plain OSError after an unplug
            self.close()
            raise DeviceError("scale.gone", f"the scale at {self._port} went away: {error}.",
                              "Plug it in; it is opened again by itself.") from None

    def close(self) -> None:
        """Give the port back. May be called twice."""
        if self._serial is not None:
            self._serial.close()
        self._serial = None
        self._frames = Frames(self._dialect)

    def _with_unit(self, reading: Reading) -> Reading:
        return replace(reading, unit=self._unit) if reading.unit is None and self._unit else reading

    def _behind_half_a_frame(self, piece: bytes) -> bytes:
        """Return what is behind the frame that was under way when the port was opened: half a number is one, too."""
        if time.monotonic() - self._opened_s > JOINED_S and not self._frames.dropped:
            self._joining = False
            return piece
        end = next((i for i, byte in enumerate(piece) if byte in self._dialect.ends), None)
        self._joining = end is None
        self._frames.dropped += len(piece) if end is None else end
        return b"" if end is None else piece[end:]

    def _complain(self) -> None:
        if self._dialect.quiet or time.monotonic() - self._heard_s < SILENT_S:
            return
        self._heard_s = time.monotonic()
        useless = self._frames.dropped + self._frames.unfinished
        if useless:
            self._frames.dropped = 0
            raise DeviceError("scale.gibberish", f"{useless} bytes came from {self._port} and none made a weight.",
                              "Check baud rate, parity and dialect; `packbench check scale --find` lists the ports.")
        raise DeviceError("scale.silent", f"the scale at {self._port} says nothing.",
                          "Switch it on, check the cable, and its output mode (continuous, or on request).")

    def _open(self) -> Serial:
        import serial

        bits, parity, stops = int(self._framing[0]), self._framing[1], int(self._framing[2])
        try:
            wire = serial.Serial(self._port, self._baud, bits, parity, stops, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            raise DeviceError("scale.missing", f"no scale answers at {self._port}: {error}.",
                              "`ls /dev/serial/by-id` lists the ports.") from None
        wire.reset_input_buffer()
        self._heard_s = self._opened_s = time.monotonic()
        dialect = self._dialect
        self._joining = not (dialect.request or dialect.begin is not None or dialect.length)
        return wire
