"""A Pi ribbon camera through Raspberry Pi's own programs as children: a stream of JPEGs, or a still a question.

libcamera has no Python module that a venv can install, and a camera stack that crashes takes only the child with it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from typing import IO, TYPE_CHECKING, cast

from agent.devices import DeviceError, Frame
from agent.devices.newest import Newest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import BufferedReader

START, END = (
    b"\xff\xd8",
    b"\xff\xd9",
)  # JPEG's SOI and EOI; inside its data an FF is always followed by 00 (T.81, B.1.1.5)
PIECE = 65_536
LARGEST = 40_000_000
"""A stream without an end of picture for so many bytes is no MJPEG."""
_MISSING_HINT = "Install it: apt install rpicam-apps. USB cameras use the driver v4l2."
_HINT = "Check the ribbon cable and `rpicam-hello --list-cameras`; it is started again by itself."


class RpicamVideo:
    """`rpicam-vid` streaming MJPEG; the newest frame is kept, and the program is started again when it ends."""

    def __init__(
        self,
        clock_ms: Callable[[], int],
        *,
        width: int,
        height: int,
        rate_hz: float = 10.0,
        camera: str = "codes",
        options: Sequence[str] = (),
        program: Sequence[str] = ("rpicam-vid",),
        retry_s: float = 2.0,
    ) -> None:
        self._command = [
            *program,
            "-t",
            "0",
            "-n",
            "--codec",
            "mjpeg",
            "--width",
            str(width),
            "--height",
            str(height),
            "--framerate",
            f"{rate_hz:g}",
            *options,
            "-o",
            "-",
        ]
        self._retry_s = retry_s
        self._newest = Newest(clock_ms, camera)
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def frame(self, timeout_s: float) -> Frame:
        """Return a frame taken after this call began.

        Raises DeviceError: `camera.missing`, `camera.gone`, `camera.frozen`, `camera.mute`.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._stream, name="camera", daemon=True)
            self._thread.start()
        return self._newest.after_now(timeout_s)

    def close(self) -> None:
        """End the program and give the camera back."""
        self._stop.set()
        child = self._child
        if child is not None:
            child.kill()
        if self._thread is not None:
            self._thread.join(5.0)

    def _stream(self) -> None:
        while not self._stop.is_set():
            try:
                with _started(self._command) as child:
                    self._child = child
                    if self._stop.is_set():
                        child.kill()
                    for jpeg in jpegs(child.stdout):
                        self._newest.put(jpeg)
                    child.kill()
                    self._newest.fail(_ended(self._command[0], child))
            except DeviceError as error:
                self._newest.fail(error)
            self._stop.wait(self._retry_s)


class RpicamStill:
    """`rpicam-still`: one full-size picture a question, where the stream's is too small to read small codes in."""

    def __init__(
        self,
        clock_ms: Callable[[], int],
        *,
        width: int,
        height: int,
        camera: str = "codes",
        options: Sequence[str] = (),
        program: Sequence[str] = ("rpicam-still",),
    ) -> None:
        self._command = [
            *program,
            "-n",
            "--immediate",
            "-e",
            "jpg",
            "--width",
            str(width),
            "--height",
            str(height),
            *options,
            "-o",
            "-",
        ]
        self._clock_ms = clock_ms
        self._camera = camera

    def frame(self, timeout_s: float) -> Frame:
        """Take one picture and return it. Raises DeviceError: `camera.missing`, `camera.gone`, `camera.mute`."""
        with _started(self._command) as child:
            try:
                content, _ = child.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                child.kill()
                raise DeviceError(
                    "camera.mute", f"{self._command[0]} took longer than {timeout_s:g} s.", _HINT
                ) from None
        at_ms = self._clock_ms()
        if child.returncode or not (content.startswith(START) and content.rstrip(b"\0").endswith(END)):
            raise _ended(self._command[0], child)
        return Frame(at_ms, content, self._camera)

    def close(self) -> None:
        """Nothing runs between pictures."""


# What libcamera says of a picture, and the option that keeps it there; colour gains are two figures in one.
_OPTIONS = {"ExposureTime": "--shutter", "AnalogueGain": "--gain", "LensPosition": "--lens-position"}
_RED, _BLUE = "ColourGainRed", "ColourGainBlue"
SETTLE_MS = 2000


def lock(program: Sequence[str] = ("rpicam-still",), timeout_s: float = 20.0) -> dict[str, float]:
    """Let the camera focus and expose for two seconds, and return where it came to rest, for `lock_options`.

    Raises DeviceError: `camera.missing`, `camera.gone`, `camera.mute`, `camera.not-locked`.
    """
    command = [*program, "-n", "-t", str(SETTLE_MS), "--metadata", "-", "--metadata-format", "json", "-o", "/dev/null"]
    with _started(command) as child:
        try:
            content, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            raise DeviceError("camera.mute", f"{command[0]} took longer than {timeout_s:g} s.", _HINT) from None
    if child.returncode:
        raise _ended(command[0], child)
    try:
        told = json.loads(content)
        found = {name: float(told[name]) for name in _OPTIONS if name in told}
        if "ColourGains" in told:
            found[_RED], found[_BLUE] = (float(gain) for gain in told["ColourGains"])
    except (ValueError, TypeError, RecursionError) as error:
        raise DeviceError("camera.not-locked", f"{command[0]} does not say how it exposed.",
                          "Update it: apt install rpicam-apps.") from error
    return found


def lock_options(locked: Mapping[str, float]) -> list[str]:
    """Return the options that keep rpicam-vid and rpicam-still where `lock` found them.

    >>> lock_options({"AnalogueGain": 1.5, "LensPosition": 1.25})
    ['--gain', '1.5', '--autofocus-mode', 'manual', '--lens-position', '1.25']
    """
    options: list[str] = []
    for name, option in _OPTIONS.items():
        if name in locked:
            options += ["--autofocus-mode", "manual"] if name == "LensPosition" else []
            options += [option, f"{locked[name]:g}"]
    if _RED in locked and _BLUE in locked:
        options += ["--awbgains", f"{locked[_RED]:g},{locked[_BLUE]:g}"]
    return options


def jpegs(stream: IO[bytes] | None) -> Iterator[bytes]:
    """Yield each whole JPEG of a stream; bytes between pictures are skipped. Ends with the stream."""
    rest = b""
    searched = 0
    if stream is None:
        return
    while piece := cast("BufferedReader", stream).read1(PIECE):
        rest += piece
        while True:
            end = rest.find(END, searched)
            if end < 0:
                searched = max(0, len(rest) - 1)
                break
            start = rest.find(START, 0, end)
            if start >= 0:
                yield rest[start : end + 2]
            rest, searched = rest[end + 2 :], 0
        if len(rest) > LARGEST:
            return


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise DeviceError(
            "camera.missing", f"{command[0]} cannot be started: {error.strerror}.", _MISSING_HINT
        ) from None
    try:
        yield child
    finally:
        child.kill()
        if child.stdout is not None:
            child.stdout.close()
        child.wait()


def _ended(program: str, child: subprocess.Popen[bytes]) -> DeviceError:
    return DeviceError("camera.gone", f"{program} ended with status {child.wait()} and no picture.", _HINT)
