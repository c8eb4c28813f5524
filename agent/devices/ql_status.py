"""What a Brother QL says of itself: 32 bytes to values and back, and packets out of a stream.

The table is the "Status" chapter of Brother's Raster Command References; where a printer was seen to say something
else, the comment says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = b"\x80\x20\x42"  # print head mark, size (32), and the B of Brother
LENGTH = 32
REQUEST = b"\x1biS"
# Fills up a row that was cut off, then forgets its page: NUL is no command, ESC @ initialises.
RESET = bytes(400) + b"\x1b@"

REPLY, COMPLETED, ERROR, TURNED_OFF, NOTIFICATION, PHASE_CHANGE, SETTINGS = 0, 1, 2, 4, 5, 6, 0xF0
RECEIVING, PRINTING = 0, 1
COVER_OPENED, COVER_CLOSED, COOLING_STARTED, COOLING_FINISHED = 1, 2, 3, 4

STATUS_TYPES = {
    REPLY: "reply", COMPLETED: "printing_completed", ERROR: "error", TURNED_OFF: "turned_off",
    NOTIFICATION: "notification", PHASE_CHANGE: "phase_change", SETTINGS: "settings",
}  # fmt: skip
PHASES = {RECEIVING: "receiving", PRINTING: "printing"}
NOTIFICATIONS = {
    0: "", COVER_OPENED: "cover_open", COVER_CLOSED: "cover_closed", COOLING_STARTED: "cooling_started",
    COOLING_FINISHED: "cooling_finished",
}  # fmt: skip
MEDIA_TYPES = {
    0x00: "none", 0x01: "laminated_tape", 0x03: "non_laminated_tape", 0x04: "fabric_tape",
    0x0A: "continuous", 0x4A: "continuous", 0x0B: "die_cut", 0x4B: "die_cut",
    0x11: "heat_shrink_tube", 0x13: "flexible_id_tape", 0x14: "flexible_id_tape", 0x15: "satin_tape",
    0x17: "heat_shrink_tube", 0xFF: "incompatible",
}  # fmt: skip
ERRORS_1 = {
    0x01: "no_media", 0x02: "end_of_media", 0x04: "cutter_jam", 0x08: "weak_battery", 0x10: "in_use",
    0x20: "turned_off", 0x40: "high_voltage_adapter", 0x80: "fan",
}  # fmt: skip
ERRORS_2 = {
    0x01: "replace_media", 0x02: "expansion_buffer_full", 0x04: "communication_error",
    0x08: "communication_buffer_full", 0x10: "cover_open", 0x20: "overheating", 0x40: "cannot_feed",
    0x80: "system_error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    """One packet. Widths and lengths in mm; `length_mm` 0 means endless; `raw` are its 32 bytes."""

    series: int
    model_code: int
    errors: tuple[str, ...]
    width_mm: int
    length_mm: int
    media_type: str
    kind: int
    phase_code: int
    notification: int
    color_code: int
    raw: bytes = field(repr=False)

    @property
    def status_type(self) -> str:
        """`reply`, `printing_completed`, `error`, `notification`, ... or `unknown`."""
        return STATUS_TYPES.get(self.kind, "unknown")

    @property
    def phase(self) -> str:
        """`receiving`, `printing` or `unknown`."""
        return PHASES.get(self.phase_code, "unknown")

    @property
    def model(self) -> str:
        """The model's name; where several share their bytes, all of them; the bytes when nobody knows them."""
        from agent.devices.ql_media import models_of

        return "/".join(models_of(self.series, self.model_code)) or f"unknown ({self.series:02x} {self.model_code:02x})"

    @property
    def no_media(self) -> bool:
        """True when no roll is seen. A missing roll sets no error bit; an open cover can hide a roll that is in."""
        return self.media_type == "none" or self.width_mm == 0 or "no_media" in self.errors

    @property
    def two_color(self) -> bool | None:
        """Whether a black/red roll is in; None on models that do not say (byte 25 is 00) and on tape printers."""
        if self.color_code in (0x01, 0x81) and self.media_type in ("continuous", "die_cut", "none"):
            return self.color_code == 0x81
        return None

    @property
    def unknown_error(self) -> bool:
        """True for an error without a cause (seen on a QL-810W: no bit set, nothing printed)."""
        return self.kind == ERROR and not self.errors and not self.no_media

    @property
    def ready(self) -> bool:
        """True when a page may be sent now."""
        return (
            not self.errors
            and not self.no_media
            and self.media_type != "incompatible"
            and self.kind in (REPLY, PHASE_CHANGE, NOTIFICATION, COMPLETED)
            and self.phase_code == RECEIVING
            and not (self.kind == NOTIFICATION and self.notification in (COVER_OPENED, COOLING_STARTED))
        )


def decode(packet: bytes) -> Status:
    """Return what 32 bytes say. Raises ValueError when they are not one status packet."""
    if len(packet) != LENGTH or not packet.startswith(MARK):
        raise ValueError(f"a status is 32 bytes from 80 20 42 on; these are {len(packet)}: {packet[:8].hex(' ')}")
    errors = [name for bit, name in ERRORS_1.items() if packet[8] & bit]
    errors += [name for bit, name in ERRORS_2.items() if packet[9] & bit]
    return Status(
        series=packet[3], model_code=packet[4], errors=tuple(errors), width_mm=packet[10], length_mm=packet[17],
        media_type=MEDIA_TYPES.get(packet[11], "unknown"), kind=packet[18], phase_code=packet[19],
        notification=packet[22], color_code=packet[25], raw=bytes(packet),
    )  # fmt: skip


def encode(
    *, series: int, model_code: int, errors: tuple[str, ...] = (), media: tuple[int, int, int] = (0, 0, 0),
    kind: int = REPLY, phase: int = RECEIVING, notification: int = 0, color_code: int = 0,
) -> bytes:  # fmt: skip
    """Return the 32 bytes of a status; `media` is type byte, width and length in mm. For the simulated printer."""
    packet = bytearray(LENGTH)
    packet[0:6] = MARK + bytes([series, model_code, 0x30])
    packet[8] = _bits(errors, ERRORS_1)
    packet[9] = _bits(errors, ERRORS_2)
    packet[11], packet[10], packet[17] = media
    packet[18], packet[19], packet[22], packet[25] = kind, phase, notification, color_code
    return bytes(packet)


def _bits(errors: tuple[str, ...], table: Mapping[int, str]) -> int:
    return sum(bit for bit, name in table.items() if name in errors)


class Framer:
    """Cuts packets out of a byte stream: split ones, several in one read, text or half a packet in between."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, piece: bytes) -> list[Status]:
        """Take what was read (empty reads are fine) and return the packets that are now complete, oldest first."""
        self._pending += piece
        packets: list[Status] = []
        while True:
            start = self._pending.find(MARK)
            if start < 0:
                self._pending = self._pending[-(len(MARK) - 1) :]
                return packets
            self._pending = self._pending[start:]
            cut_short = self._pending.find(MARK, len(MARK), LENGTH + len(MARK) - 1)
            if cut_short > 0:  # the rest of this packet was lost; the mark is no value that a status can hold
                self._pending = self._pending[cut_short:]
                continue
            if len(self._pending) < LENGTH:
                return packets
            packets.append(decode(self._pending[:LENGTH]))
            self._pending = self._pending[LENGTH:]

    @property
    def incomplete(self) -> int:
        """Bytes that wait for the rest of their packet."""
        return len(self._pending) if self._pending.startswith(MARK) else 0


def from_text(text: str) -> list[Status]:
    """Return the packets in what a person pastes: hex, with blanks or colons or without, or `array('B', [128, ...])`.

    Some programs hand over the text of an array in place of its bytes. Text without a packet gives an empty list.
    """
    start, end = text.find("["), text.rfind("]")
    if 0 <= start < end:
        numbers = [word.strip() for word in text[start + 1 : end].split(",")]
        if all(word.isdigit() and int(word) < 256 for word in numbers):
            return Framer().feed(bytes(int(word) for word in numbers))
    try:
        return Framer().feed(bytes.fromhex(re.sub(r"0x|[,:-]", " ", text)))
    except ValueError:
        return []
