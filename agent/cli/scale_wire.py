"""The load cell that a command talks to: the station's own, or one that is named on the command line."""

from __future__ import annotations

import functools
import json
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args

import click

from agent.clock import Clock
from agent.devices import DeviceError
from agent.devices.scales import Driver, open_scale
from agent.local import LocalError, borrowed
from firmware_config.calibration import ScaleCalibration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.devices import Instrument, Scale
    from agent.devices.scale_hid import Found
    from agent.scale import Instrument as InstrumentScale
    from agent.scale import LoadCell
    from firmware_config.scale import ScaleSettings
    from firmware_config.settings import Scale as Wiring
    from firmware_config.settings import Settings

T = TypeVar("T")
SETTINGS = Path("/etc/packbench/station.toml")
SOCKET = Path("/run/packbench/packbench.sock")
BAD_INPUT = 2
OF_TRACES = ScaleCalibration(zero_counts=0.0, counts_per_gram=1000.0)
"""How a recording in grams is played where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How a scale is reached, its settings, and a load cell's calibration when there is one.

    A cell that was never calibrated can be recorded and diagnosed, but not weighed with.
    """

    driver: Driver | None
    path: str
    settings: ScaleSettings
    calibration: ScaleCalibration | None
    clock: Clock
    socket: Path = SOCKET
    pins: tuple[int, int] = (9, 10)
    instrument: Wiring | None = None
    """The settings of a scale that weighs by itself; it has no `driver` of a load cell."""

    @contextmanager
    def opened(self) -> Iterator[Scale]:
        """Borrow the load cell from the station if one runs, open it, and give it back at the end.

        Raises DeviceError; `scale.instrument` for a scale that weighs by itself.
        """
        if self.driver is None:
            raise DeviceError("scale.instrument", "this scale sends weights, not counts.",
                              "`packbench scale watch` shows them.")
        with self._lent():
            scale = open_scale(self.driver, self.path, self.clock.now_s, self._sleep, data_pin=self.pins[0],
                               clock_pin=self.pins[1], calibration=self.calibration)
            try:
                yield scale
            finally:
                scale.close()

    @contextmanager
    def said(self) -> Iterator[Instrument]:
        """Borrow and open a scale that weighs by itself. Raises DeviceError."""
        from agent.scale import instrument_of

        if self.instrument is None:
            raise DeviceError("scale.no-instrument", "this is a load cell.", "It sends counts.")
        with self._lent():
            instrument = instrument_of(self.instrument)
            try:
                yield instrument
            finally:
                instrument.close()

    @contextmanager
    def weighing(self) -> Iterator[LoadCell | InstrumentScale]:
        """Open the scale and weigh with it as the station does. Raises DeviceError."""
        from agent.scale import Instrument as InstrumentScale
        from agent.scale import LoadCell

        if self.instrument is not None:
            with self.said() as instrument:
                yield InstrumentScale(instrument, self.settings, self.clock)
            return
        if self.calibration is None and self.driver != "trace":
            raise DeviceError("scale.not-calibrated", "counts are no weight.",
                              "Run: packbench calibrate scale; or give --counts-per-gram and --zero.")
        with self.opened() as scale:
            yield LoadCell(scale, self.settings, self.calibration or OF_TRACES, self.clock)

    @contextmanager
    def _lent(self) -> Iterator[None]:
        try:
            with nullcontext() if self.driver == "trace" else borrowed(self.socket, "scale"):
                yield
        except LocalError as error:
            raise DeviceError("scale.not-lent", str(error), "End what has it, then try again.") from error

    def batches(self, read: Callable[[float], list[T]], seconds: float | None) -> Iterator[list[T]]:
        """Yield what `read` says until the station's seconds are over or Ctrl-C is pressed."""
        end_s = None if seconds is None else self.clock.now_s() + seconds
        try:
            while end_s is None or self.clock.now_s() < end_s:
                yield read(self.clock.real_s(0.2))
        except KeyboardInterrupt:
            return

    def _sleep(self, span_s: float) -> None:
        time.sleep(self.clock.real_s(span_s))


def wired(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a load cell; the command gets one `wire` for them."""
    @click.option("--config", type=click.Path(path_type=Path), default=SETTINGS, show_default=True,
                  help="The station's file; its load cell is used.")
    @click.option("--driver", type=click.Choice(get_args(Driver)), help="Use this one instead of the station's.")
    @click.option("--path", default="", help="Its SPI device, bench folder or recording.")
    @click.option("--rate", type=float, default=80.0, show_default=True, help="Its samples a second.")
    @click.option("--capacity", type=float, default=30_000.0, show_default=True, help="Its capacity in grams.")
    @click.option("--division", type=float, help="Its scale interval in grams; capacity / 3000 when not given.")
    @click.option("--counts-per-gram", type=float, help="Its calibration, with --zero.")
    @click.option("--zero", type=float, default=0.0, help="Counts of the empty platform.")
    @click.option("--socket", type=click.Path(path_type=Path), help="The daemon to borrow it from; the settings' own.")
    @functools.wraps(command)
    def with_wire(*, config: Path, driver: Driver | None, path: str, rate: float, capacity: float,
                  division: float | None, counts_per_gram: float | None, zero: float, **rest: Any) -> Any:  # noqa: ANN401 (click's own)
        socket: Path | None = rest.pop("socket")
        if rest.pop("find", False):
            _list_scales(config, as_json=rest["as_json"])
            return None
        wire = (_configured(config) if driver is None
                else _named(driver, path, rate, capacity, division, counts_per_gram, zero))
        return command(wire=replace(wire, socket=socket) if socket else wire, **rest)

    return with_wire


def findable(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--find` to a command that is `wired`: it lists scales instead."""
    return click.option("--find", is_flag=True,
                        help="List what is plugged in and may be a scale; nothing is opened.")(command)


def _list_scales(config: Path, *, as_json: bool) -> None:
    from agent.devices.scale_hid import find_scales
    from agent.devices.scales import find_load_cells
    found = [*_named_in(config), *find_scales(), *find_load_cells()]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
        return
    kinds = {"serial": "a serial port: perhaps a scale", "spi": "an SPI bus: perhaps an HX711",
             "settings": "the station's scale by its settings: `packbench check scale` asks it"}
    for one in found:
        click.echo(f"{one.path}  {one.name}  {kinds.get(one.kind, 'a scale')}")
    if not found:
        click.echo(f"no USB scale, serial port, SPI bus or kernel HX711 is here, and {config} names none; "
                   "an HX711 on two GPIO lines can't be seen")


def _named_in(config: Path) -> list[Found]:
    """Return the scale that the settings name, and how it is wired."""
    from agent.devices.scale_hid import Found
    from firmware_config.settings import ConfigError, load
    try:
        scales = load(config).scale
    except ConfigError:
        return []
    lines = {"gpio", "hx711"}
    return [Found(f"data BCM {one.data_pin}, clock BCM {one.clock_pin}" if one.driver in lines else one.path or "-",
                  f"driver {one.driver}", "settings", sure=True) for one in scales[:1]]


def _named(driver: Driver, path: str, rate: float, capacity: float, division: float | None,
           counts_per_gram: float | None, zero: float) -> Wire:
    from firmware_config.scale import ScaleSettings
    settings = ScaleSettings(rate_sps=rate, capacity_g=capacity, division_g=division or capacity / 3000.0)
    problems = settings.problems()
    if problems:
        _refuse(*(f"scale.bad-settings: {key}: {text}" for key, text in problems))
    calibration = ScaleCalibration(zero_counts=zero, counts_per_gram=counts_per_gram) if counts_per_gram else None
    clock = Clock(epoch_s=time.monotonic())
    if driver == "bench":
        from agent.devices.bench_frames import facts_of
        try:
            facts = facts_of(Path(path))
        except (OSError, ValueError, TypeError) as error:
            _refuse(f"bench.missing: no bench runs in {path} ({error}). Start one: packbench bench {path}")
        clock = Clock(facts.speed, facts.epoch_s)
        calibration = calibration or ScaleCalibration(zero_counts=facts.zero_counts,
                                                      counts_per_gram=facts.counts_per_gram)
    return Wire(driver, path, settings, calibration, clock)


def _configured(config: Path) -> Wire:
    from agent.wiring import scale_calibration
    from firmware_config.settings import ConfigError, load
    try:
        settings = load(config)
        if not settings.scale:
            _refuse(f"scale.none: {config} names no [[scale]]. Name one with --driver.")
        one = settings.scale[0]
        if one.driver == "serial" or one.driver == "hid":  # noqa: PLR1714 (mypy narrows by single comparisons)
            return Wire(None, one.path, one, None, Clock(), Path(settings.socket), instrument=one)
        socket = Path(settings.socket)
        if one.driver == "bench":
            wire = _named("bench", settings.bench, one.rate_sps, one.capacity_g, one.division_g, None, 0.0)
            return replace(wire, socket=socket, calibration=scale_calibration(settings))
        return Wire(one.driver, one.path, one, _calibration(settings), Clock(epoch_s=time.monotonic()), socket,
                    (one.data_pin, one.clock_pin))
    except ConfigError as error:
        _refuse(str(error))


def _calibration(settings: Settings) -> ScaleCalibration | None:
    from agent.wiring import scale_calibration
    from firmware_config.settings import ConfigError
    try:
        return scale_calibration(settings)
    except ConfigError as error:
        if error.problems[0].code != "scale.not-calibrated":
            raise
        return None


def _refuse(*lines: str) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    sys.exit(BAD_INPUT)
