"""Which scale a technician's command talks to: the station's, or one that is named; borrowed while a daemon runs."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from agent.devices import DeviceError
from agent.devices.scales import Driver, open_scale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.local import Loan
    from firmware_config.settings import Scale, Settings

# Real seconds without a conversion; the drivers of real wires say earlier that they are mute.
SILENT_S = 5.0
SETTINGS = Path("/etc/packbench/station.toml")
SOCKET = Path("/run/packbench/packbench.sock")
DIRECTORY = Path("/var/lib/packbench/calibration")


@dataclass(frozen=True, slots=True)
class Source:
    """A scale, the folder of its calibrations, and the socket of the daemon that may have it.

    `instrument` are the settings of a scale that weighs by itself; `thermometer` is None where none is named.
    """

    driver: Driver | None
    path: str
    pins: tuple[int, int]
    rate_sps: float
    capacity_g: float
    division_g: float
    directory: Path
    station: str
    socket: Path
    instrument: Scale | None = None
    thermometer: Path | None = None

    def refuse_instrument(self) -> None:
        """Raise DeviceError `scale.instrument` for a scale that weighs by itself: only its own keys calibrate it."""
        if self.instrument is not None:
            raise DeviceError("scale.instrument", "this scale weighs by itself and keeps its own calibration.",
                              "Calibrate it with its own keys, as its manual says; then check it: "
                              "packbench calibrate check-weight MASS --new-series.")

    @contextmanager
    def lent(self) -> Iterator[Loan]:
        """Borrow the scale until the end, if a daemon runs. Raises DeviceError `scale.not-lent`."""
        from agent.local import Loan, LocalError, borrowed

        if self.driver == "trace":
            yield Loan("scale", None)
            return
        try:
            with borrowed(self.socket, "scale") as loan:
                yield loan
        except LocalError as error:
            raise DeviceError("scale.not-lent", str(error), "The old calibration is still in force.") from error

    def conversions(self, loan: Loan, seconds: float | None = None) -> Iterator[tuple[float, int]]:
        """Yield (seconds, counts) of a load cell until real seconds are over.

        Raises DeviceError, also `scale.silent` for one that is mute; LocalError when the loan ends.
        """
        if self.driver is None:
            raise LookupError("a scale that weighs by itself has no conversions")
        heard_s = time.monotonic()
        end_s = None if seconds is None else heard_s + seconds
        device = open_scale(self.driver, self.path, time.monotonic, time.sleep, data_pin=self.pins[0],
                            clock_pin=self.pins[1])
        try:
            while end_s is None or time.monotonic() < end_s:
                samples = device.read(0.5)
                if samples:
                    heard_s = time.monotonic()
                elif time.monotonic() - heard_s > SILENT_S:
                    raise DeviceError("scale.silent", f"no conversion came for {SILENT_S:.0f} seconds.",
                                      "Check the load cell's cable and power: packbench check scale.")
                yield from ((sample.at_s, sample.counts) for sample in samples)
                loan.check()
        finally:
            device.close()


def scale_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a scale; `source_of` reads them."""
    options = (
        click.option("--config", type=click.Path(path_type=Path), help=f"The station's file; {SETTINGS} if there."),
        click.option("--socket", type=click.Path(path_type=Path), help="The daemon to borrow the scale from."),
        click.option("--directory", type=click.Path(path_type=Path), help="Where scale.json and the records are."),
        click.option("--capacity", type=click.FloatRange(100.0, 1e6), help="Grams; the file's, or 30000."),
        click.option("--division", type=float, help="Scale interval in grams; the file's, or capacity / 3000."),
        click.option("--rate", type=float, help="Samples a second; the file's, or 80."),
        click.option("--driver", type=click.Choice(get_args(Driver)), help="Use this one instead of the station's."),
        click.option("--path", default="", help="The driver's SPI device, bench folder or recording."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def source_of(given: dict[str, Any]) -> Source:
    """Return the scale that the options name, what they leave open from the station's file. Raises DeviceError."""
    config = given.pop("config") or (SETTINGS if SETTINGS.exists() else None)
    told = {name: given.pop(name) for name in ("socket", "directory", "capacity", "division", "rate", "driver", "path")}
    settings = settings_in(config) if config is not None else None
    one = settings.scale[0] if settings is not None and settings.scale else None
    capacity_g = told["capacity"] or (one.capacity_g if one is not None else 30_000.0)
    division_g = told["division"] or (one.division_g if one is not None and not told["capacity"] else capacity_g / 3000)
    instrument = one if one is not None and one.instrument and not told["driver"] else None
    driver: Driver | None = told["driver"] or "spi"
    path: str = told["path"]
    if one is not None and not told["driver"]:
        driver, path = _way(one, settings)
    return Source(
        driver, path, (one.data_pin, one.clock_pin) if one is not None else (9, 10),
        told["rate"] or (one.rate_sps if one is not None else 80.0), capacity_g, division_g,
        told["directory"] or (Path(settings.directory) / "calibration" if settings is not None else DIRECTORY),
        settings.station.id if settings is not None else "",
        told["socket"] or (Path(settings.socket) if settings is not None else SOCKET), instrument,
        Path(one.thermometer) if one is not None and one.thermometer else None)


def settings_in(config: Path) -> Settings:
    """Return a station's settings. Raises DeviceError `calibration.no-settings`."""
    from firmware_config.settings import ConfigError, load

    try:
        return load(config)
    except ConfigError as error:
        raise DeviceError("calibration.no-settings", str(error), "Mend the file, or name it with --config.") from error


def _way(one: Scale, settings: Settings | None) -> tuple[Driver | None, str]:
    if one.driver == "serial" or one.driver == "hid":  # noqa: PLR1714 (mypy narrows by single comparisons)
        return None, one.path
    return one.driver, settings.bench if settings is not None and one.driver == "bench" else one.path
