"""Which driver stands for which section of the settings, and the workers that run them."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.cartons import Cartons
from agent.clock import Clock
from agent.devices import DeviceError
from agent.devices.bench_frames import BenchFacts, facts_of
from agent.printing import open_printer
from agent.rasters import rasters_of
from agent.scale import Instrument, LoadCell, open_weighing, refuse_failed_check
from agent.scale_worker import ScaleWorker
from agent.station.events import ButtonPressed, DeviceFailed
from agent.station.pages import printer_of, printers
from agent.station.rolls import page_mm
from agent.vision.together import Together
from agent.vision_worker import VisionWorker
from agent.warmth import WarmthLog
from agent.workers import PrinterWorker, ScannerWorker, Worker
from firmware_config.calibration import ScaleCalibration
from firmware_config.camera import CameraCalibration, calibration_file, camera_names, read_calibration
from firmware_config.settings import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.devices import Camera, Lamps, Signals
    from agent.devices.scanner import SerialScanner, WedgeScanner
    from agent.station.events import Event
    from agent.station.values import Job, Print, Role, Suggestion
    from agent.station.view import Look
    from agent.store import Store
    from firmware_config.settings import Camera as CameraSettings
    from firmware_config.settings import Scale as ScaleSettings
    from firmware_config.settings import Scanner as ScannerSettings
    from firmware_config.settings import Settings


# So long a slip waits for the carton that it tells; its job came a moment before.
SUGGESTION_S = 3.0


class Devices:
    """All hardware of the station, each piece behind its worker."""

    def __init__(self, settings: Settings, clock: Clock, post: Callable[[Event], None]) -> None:
        self._settings, self.clock, self._post = settings, clock, post
        self._scales = [self._scale(one) for one in settings.scale[:1]]
        names = camera_names(len(settings.camera))
        together = Together()
        self._cameras = [
            VisionWorker(name, clock, post, partial(_open_camera, name, one, settings, clock),
                         Path(settings.directory), _calibrations(settings, name, one), together)
            for name, one in zip(names, settings.camera, strict=True)
        ]
        self.cartons = Cartons(settings.packing, post, clock.now_ms)
        self._printers = {
            name: PrinterWorker(name, clock, post, partial(open_printer, one, settings, clock),
                                partial(rasters_of, one, self.suggested),
                                one.media, Path(settings.directory) / f"roll-{name}.json")
            for name, one in zip(printers(settings), settings.printer, strict=False)
        }
        self._scanners = [
            ScannerWorker("scanner" if len(settings.scanner) == 1 else f"scanner[{n}]", clock, post,
                          partial(_open_scanner, one, clock))
            for n, one in enumerate(settings.scanner)
        ]
        self._signals: Signals | None = None
        self._lent: dict[str, int] = {}

    @property
    def workers(self) -> list[Worker]:
        """Every worker, for the watchdog."""
        return [*self._scales, *self._cameras, *self._scanners, *self._printers.values()]

    @property
    def live_g(self) -> float | None:
        """What the scale shows this moment; for screens only."""
        return self._scales[0].live_g if self._scales else None

    @property
    def measures(self) -> bool:
        """True when a camera can measure the next box."""
        return any(camera.measures for camera in self._cameras)

    def rolls(self) -> dict[str, dict[str, object]]:
        """Return, for each printer, the roll that is in and about how many labels are left on it."""
        found: dict[str, dict[str, object]] = {}
        for name, printer in self._printers.items():
            book = printer.rolls
            roll = book.rolls.get(book.media)
            if roll is not None:
                found[name] = {"media": book.media, "left_mm": round(roll.left_mm), "known": roll.known,
                               "labels_left": roll.labels_left(page_mm("label", book.media))}
        return found

    def printers(self) -> dict[str, dict[str, object]]:
        """Return what each printer is for and what it said last; nothing of itself before its first answer."""
        found: dict[str, dict[str, object]] = {}
        for one, (name, printer) in zip(self._settings.printer, self._printers.items(), strict=False):
            said = {} if printer.status is None else asdict(printer.status)
            found[name] = {"role": list(one.role), "wanted": one.media, **said}
        return found

    def start(self) -> None:
        """Start all workers that do not run; what can't be opened says so itself and is tried again."""
        if self._signals is None:
            try:
                self._signals = self._open_signals()
            except DeviceError as error:
                self._post(DeviceFailed(at_ms=self.clock.now_ms(), device="signals", code=error.code, hint=error.hint))
        for worker in (*self.workers, self.cartons):
            if not worker.is_alive():
                worker.start()

    def stop(self) -> None:
        """Stop all workers, within a second."""
        self.cartons.stop()
        _stop(self.workers)
        if self._signals is not None:
            self._signals.close()

    def follow(self, old: Devices) -> tuple[str, ...]:
        """Take the place of `old`: devices whose settings are the same go on, the others are closed, within a second.

        Return the names of those that go on; `start` opens the rest.
        """
        now, before = self._settings, old._settings
        self.cartons = old.cartons
        self.cartons.settings = now.packing
        if now.scale == before.scale:
            self._scales = old._scales
        if now.camera == before.camera:
            self._cameras = old._cameras
        if now.scanner == before.scanner:
            self._scanners = old._scanners
        if now.printer == before.printer:
            self._printers = old._printers
        kept = self.workers
        self._lent = dict(old._lent)
        for worker in kept:
            if worker.device in self._lent and worker not in old.workers:
                worker.lend()  # a technician keeps it, whatever the settings say of it now
        _stop([worker for worker in old.workers if worker not in kept])
        names = tuple(worker.device for worker in kept if worker in old.workers)
        if now.signals == before.signals:
            self._signals = old._signals
            return (*names, "signals")
        if old._signals is not None:
            old._signals.close()
        return names

    def print(self, page: Print, store: Store) -> None:
        """Give a page to its printer, with all that is printed on it."""
        from agent.link.files import FILES, kept_file
        from agent.papers.from_job import PageOrder

        job = store.job(page.job)
        if job is None:
            raise LookupError(f"page {page.no} is of job {page.job}, which the store does not have")
        if self.cartons.of(job) is None and (found := store.suggestion(job.job, job.rev)) is not None:
            self.cartons.know(job.job, job.rev, found)
        parcel = store.parcel(page.parcel) if page.parcel else None
        papers = (store.papers_of(page.parcel) if page.parcel else None) or job.papers
        file = next((kept_file(Path(self._settings.directory) / FILES, paper) for paper in papers
                     if paper.id == page.paper), b"")
        order = PageOrder(page=page, job=job, parcel=parcel, papers=papers, file=file,
                          sender=self._settings.station.sender)
        self._printers[printer_of(self._settings, page.role)].print(order)

    def suggested(self, job: Job) -> Suggestion | None:
        """Return what is suggested for a job; asked by a printer's thread, which may wait for it."""
        return self.cartons.of(job, SUGGESTION_S)

    def print_test(self, role: Role) -> str:
        """Print a test page on the printer for a role; return the printer's name, empty where there is none."""
        from agent.devices.test_page import TestPage

        name = printer_of(self._settings, role)
        if name:
            self._printers[name].print(TestPage())
        return name

    @property
    def lent(self) -> tuple[str, ...]:
        """What local commands have borrowed."""
        return tuple(self._lent)

    def lend(self, device: str, caller: int) -> dict[str, object]:
        """Lend a device to a local command; it says `yours` once it is closed here, until then `closing`."""
        worker = next((one for one in self.workers if one.device == device), None)
        if worker is None:
            names = ", ".join(one.device for one in self.workers)
            return {"error": f"device.unknown: this station has no {device!r}; it has {names}."}
        if self._lent.get(device, caller) != caller:
            return {"error": f"device.lent: another command has the {device}; end that first."}
        if device not in self._lent:
            self._lent[device] = caller
            worker.lend()
        return {"lent": "yours" if worker.closed else "closing"}

    def take_back(self, caller: int) -> None:
        """Open again what was lent to this caller."""
        for worker in self.workers:
            if self._lent.get(worker.device) == caller:
                del self._lent[worker.device]
                worker.take_back()

    def ask(self, look: Look | None) -> None:
        """Change the question that the cameras answer."""
        for camera in self._cameras:
            camera.ask(look)

    def show(self, lamps: Lamps) -> None:
        """Make the signal column look like this."""
        if self._signals is not None:
            try:
                self._signals.show(lamps)
            except DeviceError as error:
                self._signals = None
                self._post(DeviceFailed(at_ms=self.clock.now_ms(), device="signals", code=error.code, hint=error.hint))

    def _scale(self, one: ScaleSettings) -> ScaleWorker:
        if not one.instrument:
            scale_calibration(self._settings)  # a station that was never calibrated says so before it starts
        warmth = Path(self._settings.directory) / "calibration" / "warmth.csv"
        return ScaleWorker(self.clock, self._post, partial(_open_scale, one, self._settings, self.clock),
                           WarmthLog(warmth, Path(one.thermometer)) if one.thermometer else None)

    def _open_signals(self) -> Signals | None:
        signals = self._settings.signals

        def pressed(long: bool) -> None:  # noqa: FBT001 (the drivers' callback)
            self._post(ButtonPressed(at_ms=self.clock.now_ms(), long=long))

        match signals.driver:
            case "bench":
                from agent.devices.bench import BenchSignals

                return BenchSignals(self._settings.bench, signals, pressed, self.clock.now_ms)
            case "gpio":
                from agent.devices.signals import GpioSignals

                return GpioSignals(signals, pressed, self.clock.now_ms)
            case "off":
                return None


def _stop(workers: Sequence[Worker]) -> None:
    for worker in workers:
        worker.stop()
    until_s = time.monotonic() + 1.0
    for worker in workers:
        if worker.is_alive():
            worker.join(max(0.0, until_s - time.monotonic()))


def open_bench(settings: Settings, post: Callable[[Event], None]) -> Devices:
    """Return the hardware that the settings name, not started yet. Raises ConfigError for a bad calibration."""
    return Devices(settings, clock_of(settings), post)


def clock_of(settings: Settings) -> Clock:
    """Return the station's clock: the simulated bench's, or the machine's."""
    facts = _bench(settings)
    return Clock(facts.speed, facts.epoch_s) if facts is not None else Clock()


def scale_calibration(settings: Settings) -> ScaleCalibration:
    """Return the calibration in the station's directory; the simulated bench states its own cell's figures.

    Raises ConfigError when there is none, or when it is damaged: a scale never weighs by a guess.
    """
    path = Path(settings.directory) / "calibration" / "scale.json"
    facts = _bench(settings)
    if not path.exists() and facts is not None:
        return ScaleCalibration(zero_counts=facts.zero_counts, counts_per_gram=facts.counts_per_gram)
    try:
        return msgspec.json.decode(path.read_bytes(), type=ScaleCalibration)
    except FileNotFoundError:
        text = "the scale was never calibrated. Run: packbench calibrate scale"
        raise ConfigError(str(path), [Problem("scale", "scale.not-calibrated", text)]) from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        text = f"the calibration can't be read: {error}. Run: packbench calibrate scale"
        raise ConfigError(str(path), [Problem("scale", "scale.calibration-damaged", text)]) from error


def camera_calibration(settings: Settings, name: str, one: CameraSettings) -> CameraCalibration | None:
    """Return a camera's calibration; the simulated bench states its own; None where there is none yet.

    Raises ConfigError when it is damaged.
    """
    path = calibration_file(Path(settings.directory), name, one.calibration)
    if not path.exists():
        facts = _bench(settings) if one.driver == "bench" else None
        return facts.camera if facts is not None else None
    try:
        return read_calibration(path)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        text = f"the calibration can't be read: {error}. Run: packbench calibrate camera"
        raise ConfigError(str(path), [Problem(name, "camera.calibration-damaged", text)]) from error


def _calibrations(settings: Settings, name: str, one: CameraSettings) -> Callable[[], CameraCalibration | None]:
    """Return how a camera that measures comes by the calibration in force, each time that it is opened.

    Raises ConfigError for one that is damaged now.
    """
    def in_force() -> CameraCalibration | None:
        try:
            return camera_calibration(settings, name, one) if "measure" in one.role else None
        except ConfigError as error:
            problem = error.problems[0]
            raise DeviceError(problem.code, problem.text, "Run: packbench calibrate camera") from error

    camera_calibration(settings, name, one)
    return in_force


def _bench(settings: Settings) -> BenchFacts | None:
    if not settings.bench:
        return None
    try:
        return facts_of(Path(settings.bench))
    except (OSError, ValueError, TypeError) as error:
        text = f"no bench runs in {settings.bench} ({error}). Start one: packbench bench {settings.bench}"
        raise ConfigError("settings", [Problem("bench", "bench.missing", text)]) from error


def _open_scale(one: ScaleSettings, settings: Settings, clock: Clock) -> LoadCell | Instrument:
    """Return the scale, open and weighing by the calibration that is in force now."""
    try:
        calibration = None if one.instrument else scale_calibration(settings)
    except ConfigError as error:
        problem = error.problems[0]
        raise DeviceError(problem.code, problem.text, "Run: packbench calibrate scale") from error
    refuse_failed_check(Path(settings.directory) / "calibration", calibration)
    return open_weighing(one, settings.bench, clock, calibration)


def _open_camera(name: str, one: CameraSettings, settings: Settings, clock: Clock) -> Camera:
    from agent.devices.cameras import open_camera

    path = settings.bench if one.driver == "bench" else one.path
    calibration = camera_calibration(settings, name, one)
    return open_camera(
        one.driver, path, clock.now_ms, width=one.width_px, height=one.height_px, rate_hz=one.rate_hz,
        locked=calibration.locked if calibration is not None else {},
    )


def _open_scanner(one: ScannerSettings, clock: Clock) -> SerialScanner | WedgeScanner:
    from agent.devices.scanner import SerialScanner, WedgeScanner

    if one.driver == "serial":
        return SerialScanner(one.path, clock.now_ms, baud=one.baud)
    return WedgeScanner(one.path, clock.now_ms)
