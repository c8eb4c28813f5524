"""From the raw keys of a keyboard-wedge scanner to what it scanned.

A wedge types on a US keyboard whatever layout the host has, so raw key codes are mapped with the US table here.
Sources: linux/input-event-codes.h, and Documentation/input/event-codes.rst of the kernel for SYN_DROPPED.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = struct.Struct("llHHi")
"""struct input_event: seconds, microseconds, type, code, value, in native sizes (24 bytes on a 64-bit Pi)."""

EV_SYN, EV_KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
RELEASED, PRESSED = 0, 1

_LEFT_CTRL, _RIGHT_CTRL, _LEFT_SHIFT, _RIGHT_SHIFT, _LEFT_ALT, _RIGHT_ALT = 29, 97, 42, 54, 56, 100
_MODIFIERS = {_LEFT_CTRL: "ctrl", _RIGHT_CTRL: "ctrl", _LEFT_SHIFT: "shift", _RIGHT_SHIFT: "shift", _LEFT_ALT: "alt",
              _RIGHT_ALT: "alt"}
_ENDS = {28, 96, 15}  # Enter, keypad Enter, Tab: what scanners send behind a code
_KEYPAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}
_KEYPAD_SIGNS = {74: "-", 78: "+", 83: ".", 98: "/", 55: "*"}


def _rows(*rows: tuple[int, str, str]) -> dict[int, tuple[str, str]]:
    return {first + place: pair for first, plain, shifted in rows
            for place, pair in enumerate(zip(plain, shifted, strict=True))}


_US = _rows((2, "1234567890-=", "!@#$%^&*()_+"), (16, "qwertyuiop[]", "QWERTYUIOP{}"),
            (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'), (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"), (57, " ", " "))

QUIET_S = 0.3
"""A scan's keys come within milliseconds; after this long without one, what is there is all of it."""
LONGEST = 8_000
"""No symbol holds more (QR: 7,089 digits)."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A whole scan; `at_s` is the kernel's time of its last key."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A scan of which keys are missing: the kernel's queue overflowed, or it has no end. It must be scanned again."""

    at_s: float
    code: str


@dataclass(slots=True)
class Keys:
    """Collects key events into scans."""

    _text: list[str] = field(default_factory=list)
    _held: set[int] = field(default_factory=set)
    _alt_digits: str = ""
    _dropped: bool = False
    _last_s: float = 0.0

    @property
    def open(self) -> bool:
        """Whether a scan has begun and not ended."""
        return bool(self._text) or self._dropped

    def feed(self, chunk: bytes) -> Iterator[Typed | Lost]:
        """Yield the scans that end within whole input events."""
        for seconds, micros, kind, code, value in EVENT.iter_unpack(chunk):
            at_s = seconds + micros / 1e6
            if self.open and at_s - self._last_s > QUIET_S:
                yield from self.end()
            if kind == EV_SYN and code == SYN_DROPPED:
                # Keys up to now are lost, a release of Shift perhaps among them.
                self._dropped, self._last_s = True, at_s
                self._held.clear()
            elif kind == EV_KEY:
                yield from self._key(code, value, at_s)

    def end(self) -> Iterator[Typed | Lost]:
        """Yield what was collected: nothing follows, or the scanner sends no Enter."""
        text, dropped = "".join(self._text), self._dropped
        self._text, self._dropped, self._alt_digits = [], False, ""
        if dropped:
            yield Lost(self._last_s, "scanner.overflow")
        elif len(text) > LONGEST:
            yield Lost(self._last_s, "scanner.too-long")
        elif text:
            yield Typed(self._last_s, text)

    def _key(self, code: int, value: int, at_s: float) -> Iterator[Typed | Lost]:
        if code in _MODIFIERS:
            (self._held.add if value else self._held.discard)(code)
            if _MODIFIERS[code] == "alt" and value == RELEASED and self._alt_digits:
                self._put(chr(int(self._alt_digits) % 256), at_s)
                self._alt_digits = ""
            return
        if value != PRESSED:
            return
        if code in _ENDS:
            yield from self.end()
            return
        held = {_MODIFIERS[key] for key in self._held}
        if "alt" in held:
            # Windows' way to type any character: Alt held, 0 2 9 on the keypad, Alt released. NumLock does not matter
            # here.
            self._alt_digits = (self._alt_digits + _KEYPAD.get(code, ""))[-4:]
        elif code in _KEYPAD or code in _KEYPAD_SIGNS:
            self._put(_KEYPAD.get(code) or _KEYPAD_SIGNS[code], at_s)
        elif code in _US:
            plain, shifted = _US[code]
            # Ctrl with a letter or one of [ \ ] is a control character: Ctrl+] is the separator GS.
            char = chr(ord(plain.upper()) & 0x1F) if "ctrl" in held else shifted if "shift" in held else plain
            self._put(char, at_s)

    def _put(self, char: str, at_s: float) -> None:
        self._last_s = at_s
        if len(self._text) <= LONGEST:
            self._text.append(char)
