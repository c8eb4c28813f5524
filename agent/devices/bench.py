"""Drivers for the simulated bench: the same bytes as the real devices, over the sockets of its folder."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from agent.devices import DeviceError, Frame, Sample
from agent.devices.bench_frames import CONVERSION, LEVEL, PICTURE, counts_of
from agent.devices.signals import GpioSignals

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.devices import Lamps
    from firmware_config.settings import Signals as SignalSettings

SILENT_S = 5.0


def _connect(directory: str, name: str) -> socket.socket:
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        wire.connect(str(Path(directory) / f"{name}.sock"))
    except OSError as error:
        wire.close()
        raise DeviceError(f"{name}.no-bench", f"no bench answers in {directory}: {error.strerror}.",
                          f"Start one: packbench bench {directory}") from error
    return wire


class BenchScale:
    """The bench's load cell: conversions as they come."""

    def __init__(self, directory: str) -> None:
        self._wire = _connect(directory, "scale")
        self._rest = b""

    def read(self, timeout_s: float) -> list[Sample]:
        """Return the conversions since the last call; empty when none came within the time."""
        self._wire.settimeout(timeout_s)
        try:
            piece = self._wire.recv(65_536)
        except TimeoutError:
            return []
        except OSError:
            piece = b""
        if not piece:
            raise DeviceError("scale.gone", "the bench closed the load cell's wire.", "Start the bench again.")
        stream = self._rest + piece
        whole = len(stream) - len(stream) % CONVERSION.size
        self._rest = stream[whole:]
        return [Sample(at_s, counts_of(word)) for at_s, word in CONVERSION.iter_unpack(stream[:whole])]

    def close(self) -> None:
        """Hang up."""
        self._wire.close()


class BenchCamera:
    """The bench's camera: asks for a picture, and gets what stands there now."""

    def __init__(self, directory: str, clock_ms: Callable[[], int], *, camera: str = "camera") -> None:
        self._wire = _connect(directory, "camera")
        self._clock_ms, self._camera = clock_ms, camera

    def frame(self, timeout_s: float) -> Frame:
        """Return a picture taken after this call began."""
        self._wire.settimeout(timeout_s)
        try:
            at_ms = self._clock_ms()
            self._wire.sendall(b"F")
            _, size = PICTURE.unpack(self._take(PICTURE.size))
            return Frame(at_ms, self._take(size), self._camera)
        except OSError as error:
            raise DeviceError("camera.gone", "the bench's camera does not answer.", "Start the bench again.") from error

    def _take(self, size: int) -> bytes:
        # MSG_WAITALL does not wait on a socket that has a timeout.
        whole = bytearray()
        while len(whole) < size:
            piece = self._wire.recv(size - len(whole))
            if not piece:
                raise ConnectionResetError
            whole += piece
        return bytes(whole)

    def close(self) -> None:
        """Hang up."""
        self._wire.close()


class BenchSignals:
    """Lamps and button on gpiozero's mock pins, whose levels cross to the bench and back."""

    def __init__(self, directory: str, settings: SignalSettings, pressed: Callable[[bool], None],
                 clock_ms: Callable[[], int]) -> None:
        from gpiozero.pins.mock import MockFactory

        self._wire = _connect(directory, "lines")
        self._factory = MockFactory()
        self._gpio = GpioSignals(settings, pressed, clock_ms, self._factory)
        self._settings = settings
        self._sent: dict[int, int] = {}
        threading.Thread(target=self._listen, name="bench-lines", daemon=True).start()

    def show(self, lamps: Lamps) -> None:
        """Set the lines, and tell the bench which levels changed."""
        self._gpio.show(lamps)
        pins = self._settings
        for number in (pins.green_pin, pins.amber_pin, pins.red_pin, pins.buzzer_pin):
            pin = self._factory.pin(number)
            pin.clear_states()  # a mock pin keeps every edge for ever
            level = int(pin.state)
            if self._sent.get(number) != level:
                try:
                    self._wire.sendall(LEVEL.pack(number, level))
                except OSError as error:
                    raise DeviceError("signals.gone", "the bench hung up.", "Start the bench again.") from error
                self._sent[number] = level

    def close(self) -> None:
        """Hang up and give the pins back."""
        self._wire.close()
        self._gpio.close()

    def _listen(self) -> None:
        while True:
            try:
                piece = self._wire.recv(LEVEL.size, socket.MSG_WAITALL)
            except OSError:
                return
            if len(piece) != LEVEL.size:
                return
            number, level = LEVEL.unpack(piece)
            pin = self._factory.pin(number)
            (pin.drive_high if level else pin.drive_low)()
