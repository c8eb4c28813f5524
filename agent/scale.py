"""An open scale and what weighs with it: a load cell's counts, or a weighing instrument's own readings.

A scale that was opened anew is weighed anew: what stood on it meanwhile, nobody saw.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from agent import weighing
from agent.devices import DeviceError
from agent.devices.scales import answers_only_changes, open_instrument, open_scale
from agent.weighing import events as told
from agent.weighing.instrument import InstrumentWeigher
from agent.weighing.weigher import DEBRIS_D, MIN_LOAD_D

if TYPE_CHECKING:
    from pathlib import Path

    from agent import devices
    from agent.clock import Clock
    from agent.devices.scale_frames import Reading
    from agent.weighing import WeighingEvent
    from firmware_config.calibration import ScaleCalibration
    from firmware_config.scale import ScaleSettings
    from firmware_config.settings import Scale as Wiring

# An instrument that answers, and never with a weight.
NO_WEIGHT_S = 5.0
# Some instruments change over within one system by themselves (g to kg); from one to another somebody pressed a key.
SYSTEMS = {"mg": "metric", "g": "metric", "kg": "metric", "t": "metric", "lb": "pounds", "oz": "pounds"}
FULL_SCALE = 0x7FFFFF
BROKEN = {
    "fault": "Switch the scale off and on; if it stays, it needs its service.",
    "needs_calibration": "The scale asks for its own calibration: see its manual.",
    "needs_zero": "Empty the platform and press the scale's zero key.",
    "outside_zero": "Empty the platform and switch the scale off and on.",
}


class LoadCell:
    """Counts that become weights by the station's calibration. `live_g` is for screens only."""

    def __init__(self, scale: devices.Scale, settings: ScaleSettings, calibration: ScaleCalibration | None,
                 clock: Clock) -> None:
        self.weigher = weighing.Weigher(settings, calibration)
        self.answers = False
        """True when the last reading was of a load cell that works."""
        self._scale, self._clock = scale, clock
        self._near_zero_g = DEBRIS_D * settings.division_g
        self._uncleared = True

    @property
    def live_g(self) -> float:
        """The level of this moment."""
        return self.weigher.live_g

    @property
    def zero_g(self) -> float | None:
        """How far the empty platform is from the calibration's zero; None while it is not empty and at rest."""
        return self.weigher.zero.offset_g if self._bare() else None

    def read(self, timeout_s: float) -> list[WeighingEvent]:
        """Return what happened on the platform since the last call; `timeout_s` is real time. Raises DeviceError."""
        samples = self._scale.read(timeout_s)
        found = self.weigher.tick(self._clock.now_s()) if not samples else []
        for sample in samples:
            found += self.weigher.feed(sample.at_s, sample.counts)
        self.answers = bool(samples) and not self.weigher.fault
        # What was told of an empty platform ends when it rests at zero again: no box is lifted then.
        if any(isinstance(event, told.Debris | told.Negative | told.ZeroLimit) for event in found):
            self._uncleared = True
        elif self._uncleared and samples and self._bare():
            self._uncleared = False
            found.append(told.PlatformCleared(samples[-1].at_s))
        return found

    def close(self) -> None:
        """Give the load cell back. May be called twice."""
        self._scale.close()

    def _bare(self) -> bool:
        weigher = self.weigher
        return (weigher.phase is weighing.Phase.EMPTY and abs(weigher.live_g) < self._near_zero_g
                and not weigher.zero.exhausted)


class Instrument:
    """Weights as an instrument sends them. What stands on it at the start is not weighed: it is emptied once.

    `quiet` says that it answers only when its weight has changed.
    """

    def __init__(self, instrument: devices.Instrument, settings: ScaleSettings, clock: Clock, *,
                 quiet: bool = False) -> None:
        self._min_load_g = settings.min_load_g or MIN_LOAD_D * settings.division_g
        self.weigher = InstrumentWeigher(settings.division_g, self._min_load_g)
        self.answers = False
        """True when the last reading was a weight, or an overload."""
        self._instrument, self._clock, self._quiet = instrument, clock, quiet
        self._last: Reading | None = None
        self._starting, self._told_not_empty = True, False
        self._weighed_s = clock.now_s()

    @property
    def live_g(self) -> float:
        """The last weight that was sent."""
        return self.weigher.live_g

    @property
    def zero_g(self) -> None:
        """An instrument does not tell its zero."""
        return

    def read(self, timeout_s: float) -> list[WeighingEvent]:
        """Return what happened on the platform since the last call; `timeout_s` is real time.

        Raises DeviceError; besides the driver's own `scale.net`, `scale.no-unit`, `scale.unit-changed`,
        `scale.no-weight`, and the instrument's faults.
        """
        found: list[WeighingEvent] = []
        self.answers = False
        readings = self._instrument.read(timeout_s)
        if not readings and self._quiet and self._last is not None:
            readings = [self._last]
        elif not readings:
            return self.weigher.tick(self._clock.now_s())
        for reading in readings:
            found += self._take(reading)
        return found

    def close(self) -> None:
        """Give the instrument back. May be called twice."""
        self._instrument.close()

    def _take(self, reading: Reading) -> list[WeighingEvent]:
        at_s = self._clock.now_s()
        error = reading.error or ""
        if error in BROKEN:
            raise DeviceError(f"scale.{error.replace('_', '-')}", "the scale says that it can't weigh.", BROKEN[error])
        if error in {"overload", "underload", "under_zero"}:
            self._weighed_s, self.answers = at_s, True
            return self.weigher.feed(at_s, None, stable=None, error=error)
        if error or reading.value is None:
            if at_s - self._weighed_s > NO_WEIGHT_S:
                raise DeviceError("scale.no-weight", f"the scale answers without a weight ({error}).",
                                  "Check [scale] protocol, and the output mode in the scale's own menu.")
            return []
        if reading.mode == "net":
            raise DeviceError("scale.net", "the scale shows a net weight.",
                              "Empty the platform and clear the scale's tare.")
        if reading.grams is None:
            raise DeviceError("scale.no-unit", "the scale sends no unit.", "Set [scale] unit to what it shows.")
        self._refuse_other_unit(reading)
        self._last = reading
        self._weighed_s, self.answers = at_s, True
        if self._starting:
            return self._begin(at_s, reading.grams, stable=reading.stable)
        return self.weigher.feed(at_s, reading.grams, stable=reading.stable, resolution_g=reading.resolution_g or 0.0)

    def _refuse_other_unit(self, reading: Reading) -> None:
        before, now = self._last.unit if self._last is not None else reading.unit, reading.unit
        if SYSTEMS.get(before or "", before) != SYSTEMS.get(now or "", now):
            raise DeviceError("scale.unit-changed", f"the scale showed {before} and now shows {now}.",
                              f"Empty it; from then on it is weighed in {now}. Its unit key changes that.")

    def _begin(self, at_s: float, gross_g: float, *, stable: bool | None) -> list[WeighingEvent]:
        self.weigher.live_g = gross_g
        rests = self.weigher.rests(at_s, gross_g, stable=stable)
        if gross_g >= self._min_load_g:
            before, self._told_not_empty = self._told_not_empty, True
            return [] if before else [told.NotEmpty(at_s, gross_g)]
        if stable is False and not rests:
            return []
        self._starting = False
        return [told.PlatformCleared(at_s)]


def instrument_of(one: Wiring) -> devices.Instrument:
    """Return the weighing instrument of these settings, open. Raises DeviceError."""
    return open_instrument("hid" if one.driver == "hid" else "serial", one.path, protocol=one.protocol,
                           pattern=one.pattern, unit=one.unit, baud=one.baud, frame=one.frame)


def open_weighing(one: Wiring, bench: str, clock: Clock, calibration: ScaleCalibration | None) -> LoadCell | Instrument:
    """Return the scale of these settings, open and weighing; `bench` is the simulated bench's folder.

    An instrument needs no calibration. Raises DeviceError.
    """
    if one.driver == "serial" or one.driver == "hid":  # noqa: PLR1714 (mypy narrows by single comparisons)
        return Instrument(instrument_of(one), one, clock, quiet=answers_only_changes(one.protocol))
    if calibration is not None and one.driver != "trace":
        _refuse_other_cell(calibration, one)
    scale = open_scale(one.driver, bench if one.driver == "bench" else one.path, clock.now_s,
                       lambda span_s: time.sleep(clock.real_s(span_s)), data_pin=one.data_pin, clock_pin=one.clock_pin,
                       calibration=calibration)
    return LoadCell(scale, one, calibration, clock)


def refuse_failed_check(folder: Path, calibration: ScaleCalibration | None) -> None:
    """Raise DeviceError `scale.failed-check` while the newest check-weight by this calibration is above its limit.

    `folder` holds the log of check-weights; one that is not there, or whose last line is damaged, says nothing.
    """
    try:
        newest = json.loads((folder / "check-weights.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        record, verdict, error_g = newest["calibration"], newest["verdict"], float(newest["error_g"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return
    if verdict == "block" and record == (calibration.record if calibration is not None else ""):
        raise DeviceError("scale.failed-check", f"the last check-weight was {error_g:+.1f} g off, above the limit.",
                          "The technician calibrates the scale, or checks again: packbench calibrate check-weight MASS")


def _refuse_other_cell(calibration: ScaleCalibration, one: Wiring) -> None:
    """Raise DeviceError for a calibration that no cell of this capacity on an HX711 can have."""
    counts = abs(calibration.counts_per_gram)
    if counts * one.capacity_g > FULL_SCALE or counts * one.division_g < 1.0:
        raise DeviceError("scale.other-cell", f"{one.capacity_g:g} g would be {counts * one.capacity_g:.0f} counts of "
                          f"{FULL_SCALE}: the calibration is of another load cell, or the capacity is wrong.",
                          "Correct [scale] capacity_g, or run: packbench calibrate scale --new-cell")
