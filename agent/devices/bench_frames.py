"""The byte formats between the agent's bench drivers and the simulated bench, and where its sockets are.

A bench is a folder: `bench.json` says its speed and when its clock began, the sockets stand beside it. Everything
crosses at the lowest level there is: load cell conversions, JPEG pictures, levels of GPIO lines.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from firmware_config.camera import CameraCalibration

if TYPE_CHECKING:
    from pathlib import Path

# One conversion: seconds on the bench's clock, then the HX711's word, 24 bits two's complement, MSB first as the
# chip shifts it out (data sheet, "Serial Interface").
CONVERSION = struct.Struct(">d3s")
# One picture: seconds on the bench's clock, the length of the JPEG, then the JPEG.
PICTURE = struct.Struct(">dI")
# One level of a GPIO line: BCM number, level.
LEVEL = struct.Struct(">BB")


class BenchFacts(Struct, frozen=True, kw_only=True):
    """What a running bench says of itself in `bench.json`.

    `epoch_s` is the CLOCK_MONOTONIC second at which its clock was 0; `speed` is bench seconds per real second.
    """

    speed: float
    epoch_s: float
    printer_port: int
    counts_per_gram: float
    zero_counts: float
    camera: CameraCalibration
    pid: int

    def now_s(self, monotonic_s: float) -> float:
        """Return the bench's clock at a real monotonic second."""
        return (monotonic_s - self.epoch_s) * self.speed


def facts_of(directory: Path) -> BenchFacts:
    """Return what the bench in this folder says of itself. Raises OSError or ValueError when none runs there."""
    return msgspec.json.decode((directory / "bench.json").read_bytes(), type=BenchFacts)


def word_of(counts: int) -> bytes:
    """Return the three bytes of a conversion, saturated as the chip does.

    >>> word_of(-1).hex(), word_of(2**30).hex()
    ('ffffff', '7fffff')
    """
    return max(-0x800000, min(0x7FFFFF, counts)).to_bytes(3, "big", signed=True)


def counts_of(word: bytes) -> int:
    """Return the counts of three bytes.

    >>> counts_of(bytes.fromhex("ffffff"))
    -1
    """
    return int.from_bytes(word, "big", signed=True)
