"""USB HID weighing devices: the input report of usage page 8Dh (HID Point of Sale Usage Tables, "Weighing Devices").

Report 3 holds status, unit, a signed decimal exponent and a 16-bit weight, little end first.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import TYPE_CHECKING

from agent.devices.scale_frames import Reading

if TYPE_CHECKING:
    from agent.devices.scale_frames import Error

UNITS = {1: "mg", 2: "g", 3: "kg", 4: "ct", 7: "gn", 9: "t", 11: "oz", 12: "lb"}
STATUS_ERRORS: dict[int, Error] = {5: "under_zero", 6: "overload", 7: "needs_calibration", 8: "needs_zero"}
WEIGHT_USAGE = 0x8D0040


def decoded(report: bytes) -> Reading:
    """Return what one input report says.

    A report of zeros is none; a report with another number is not about weight; eight bytes with an empty second byte
    are a keyboard's: that balance types its weight.

    >>> str(decoded(bytes.fromhex("03040cfe1103")).value)
    '7.85'
    """
    if not any(report):
        return Reading(error="no_data")
    if report[0] != 3:
        keyboard = len(report) % 8 == 0 and report[1] == 0
        return Reading(error="not_a_scale_report" if keyboard else "other_report")
    if len(report) < 6:
        return Reading(error="unreadable")
    status, unit_code, exponent, weight = struct.unpack_from("<BBbH", report, 1)
    unit = UNITS.get(unit_code)
    if status == 1:
        return Reading(stable=False, error="fault")
    if status in STATUS_ERRORS:
        return Reading(unit=unit, error=STATUS_ERRORS[status])
    if status not in {2, 3, 4} or unit is None:
        return Reading(error="unreadable")
    return Reading(Decimal(weight).scaleb(exponent), unit, stable=status != 3, zero=True if status == 2 else None)


def decoded_hiddev(record: bytes) -> Reading:
    """Return what the two events of a Stamps.com 510 say (linux/hiddev.h: usage, value): always tenths of an ounce."""
    for usage, value in struct.iter_unpack("<Ii", record[:len(record) // 8 * 8]):
        if usage == WEIGHT_USAGE:
            return Reading(Decimal(value).scaleb(-1), "oz")
    return Reading(error="no_data")
