"""The bench's sockets: how the agent reaches the simulated hardware, and hands reach the bench.

Each wire is a Unix socket in the bench's folder: `scale.sock` streams conversions, `camera.sock` answers one byte
with one picture, `lines.sock` carries GPIO levels both ways, `hands.sock` takes one JSON command a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from typing import TYPE_CHECKING

import msgspec

from agent.bench.bench import Bench, HandsError
from agent.bench.camera import LENS
from agent.devices.bench_frames import CONVERSION, LEVEL, PICTURE, BenchFacts, word_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# How often conversions leave, in real seconds: below the 12.5 ms of one conversion at 80 SPS nothing is gained.
PUMP_S = 0.0125


class Wires:
    """Serves one bench until it is told to stop."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stop = threading.Event()
        self._listeners: list[socket.socket] = []
        self._scales: list[socket.socket] = []
        self._lines: list[socket.socket] = []
        bench.button = self._press

    def stop(self) -> None:
        """Make `serve` return."""
        self._stop.set()

    def serve(self, ready: Callable[[], None]) -> None:
        """Open all wires, say that the bench is ready, and serve until `stop`."""
        bench, directory = self._bench, self._bench.directory
        bench.printer.start()
        for name, talk in (("scale", self._scale), ("camera", self._camera), ("lines", self._levels),
                           ("hands", self._hands)):
            self._listen(directory / f"{name}.sock", talk)
        facts = BenchFacts(
            speed=bench.speed, epoch_s=bench.epoch_s, printer_port=bench.printer.port, pid=os.getpid(),
            counts_per_gram=bench.scale.rig.counts_per_gram, zero_counts=bench.scale.rig.zero_counts,
            camera=LENS.calibration(),
        )
        draft = directory / "bench.json.new"
        draft.write_bytes(msgspec.json.encode(facts))
        draft.replace(directory / "bench.json")
        ready()
        # The bare bench takes half a second to draw; done while the station starts, nobody waits for it.
        threading.Thread(target=bench.picture, name="first-picture", daemon=True).start()
        while not self._stop.wait(PUMP_S):
            self._pump()
        (directory / "bench.json").unlink(missing_ok=True)
        for wire in (*self._listeners, *self._scales, *self._lines):
            wire.close()
        bench.close()

    def _listen(self, path: Path, talk: Callable[[socket.socket], None]) -> None:
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(8)
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, talk), name=path.stem, daemon=True).start()

    def _accept(self, listener: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(wire, talk), daemon=True).start()

    def _talk(self, wire: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        with contextlib.suppress(OSError):  # the other side hung up: its own business
            talk(wire)
        if wire not in self._scales:
            wire.close()

    def _pump(self) -> None:
        """Send the conversions since the last time to everyone who listens."""
        conversions = self._bench.conversions()
        block = b"".join(CONVERSION.pack(at_s, word_of(counts)) for at_s, counts in conversions)
        for wire in list(self._scales):
            try:
                wire.sendall(block)
            except OSError:
                self._scales.remove(wire)
                wire.close()

    def _scale(self, wire: socket.socket) -> None:
        wire.settimeout(0.5)
        self._scales.append(wire)

    def _camera(self, wire: socket.socket) -> None:
        while wire.recv(1):
            at_s = self._bench.now_s()
            picture = self._bench.picture()
            wire.sendall(PICTURE.pack(at_s, len(picture)) + picture)

    def _levels(self, wire: socket.socket) -> None:
        self._lines.append(wire)
        while piece := wire.recv(LEVEL.size, socket.MSG_WAITALL):
            pin, level = LEVEL.unpack(piece)
            self._bench.lines[pin] = level
            self._bench.note({"kind": "line", "pin": pin, "level": level})
        self._lines.remove(wire)

    def _press(self, level: int) -> None:
        for wire in list(self._lines):
            with contextlib.suppress(OSError):
                wire.sendall(LEVEL.pack(BUTTON, level))

    def _hands(self, wire: socket.socket) -> None:
        with wire.makefile("rw", encoding="utf-8") as stream:
            for line in stream:
                stream.write(json.dumps(self._answer(line)) + "\n")
                stream.flush()

    def _answer(self, line: str) -> dict[str, object]:
        try:
            command = json.loads(line)
            if not isinstance(command, dict):
                return {"ok": False, "error": "a command is a JSON object."}
            return {"ok": True, **self._bench.do(command)}
        except (HandsError, json.JSONDecodeError) as error:
            return {"ok": False, "error": str(error)}


# The button's line as the bench is wired (BCM number); the settings' default.
BUTTON = 24


class Hands:
    """A pair of hands at a running bench; `do` raises HandsError when something can't be done."""

    def __init__(self, directory: Path) -> None:
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wire.connect(str(directory / "hands.sock"))
        self._stream = self._wire.makefile("rw", encoding="utf-8")

    def do(self, word: str, **more: object) -> dict[str, object]:
        """Do one thing and return what came of it."""
        self._stream.write(json.dumps({"do": word, **more}) + "\n")
        self._stream.flush()
        line = self._stream.readline() or '{"ok": false, "error": "the bench is gone."}'
        answer: dict[str, object] = json.loads(line)
        if not answer.pop("ok"):
            raise HandsError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """Let go."""
        self._stream.close()
        self._wire.close()
