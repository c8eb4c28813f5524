"""The simulated printer on its wires: raw TCP 9100, SNMP, and a device node that behaves like /dev/usb/lp0."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import threading
import tty
from typing import TYPE_CHECKING, Any

from agent.bench.ql import QlEngine
from agent.devices import snmp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TICK_S, _IDLE_TICK_S = 0.004, 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST, as a printer that lost power does


class SimulatedPrinter:
    """One printer in a thread of its own; `port`, `snmp_port` and `node` say where it is reached.

    Real network printers say nothing on port 9100: `status_on_tcp=False` is that, with SNMP (`snmp=True`) as the
    only way to ask. With `node`, a path, a pty stands there in place of a USB device.
    """

    def __init__(  # noqa: PLR0913 (a printer has this many properties)
        self,
        model: str,
        media: str,
        roll_mm: float,
        out_dir: Path | None,
        journal: Callable[[dict[str, Any]], None],
        clock: Callable[[], float],
        *,
        port: int = 0,
        status_on_tcp: bool = True,
        snmp: bool = False,
        snmp_port: int = 0,
        node: Path | None = None,
    ) -> None:
        self.port, self.snmp_port, self.node = port, snmp_port, node
        self.status_on_tcp = status_on_tcp
        self.stalled = False  # takes no byte from the wire
        self.drip = 0  # so many bytes of a reply at a time; 0: all that there is
        self._serves_snmp = snmp
        self._replies = b""
        if out_dir is not None:
            out_dir.mkdir(parents=True, exist_ok=True)
        self._engine = QlEngine(model, media, roll_mm, out_dir=out_dir, journal=journal, clock=clock)
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"bench-{model}", daemon=True)
        self._listener: socket.socket | None = None
        self._udp: socket.socket | None = None
        self._client: socket.socket | None = None
        self._pty = -1

    def start(self) -> SimulatedPrinter:
        """Open the wires and begin to serve them."""
        self._open_wires()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close everything."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        with self._lock:
            self._close_wires()

    # Hands. Each may be called from any thread.

    @contextlib.contextmanager
    def engine(self) -> Iterator[QlEngine]:
        """The mechanism, held still: for its switches (`mute`, `swallow`, ...) and for looking at it."""
        with self._lock:
            self._engine.advance()
            yield self._engine

    def load_roll(self, roll_mm: float, media: str | None = None) -> None:
        """Put a roll of so many mm in, of another kind if `media` says so."""
        with self.engine() as engine:
            engine.load_roll(roll_mm, media)

    def open_cover(self) -> None:
        """Open the cover."""
        with self.engine() as engine:
            engine.open_cover()

    def close_cover(self) -> None:
        """Close the cover."""
        with self.engine() as engine:
            engine.close_cover()

    def cool(self, seconds: float) -> None:
        """Overheat: no dot for so many seconds of the bench's clock."""
        with self.engine() as engine:
            engine.cool(seconds)

    def mute(self, silent: bool = True) -> None:  # noqa: FBT001, FBT002 (a switch has two positions)
        """Say nothing any more, and print all the same."""
        with self.engine() as engine:
            engine.mute = silent

    def power_off(self) -> None:
        """Lose power: connections are reset, memory is gone, the node vanishes."""
        with self.engine() as engine:
            engine.power_off()
            self._close_wires()

    def power_on(self) -> None:
        """Come back under the same addresses."""
        with self.engine() as engine:
            engine.power_on()
            self._open_wires()

    def unplug(self) -> None:
        """Pull the USB cable (or the network's): the printer stays on and prints what it has."""
        with self.engine() as engine:
            engine.hang_up()
            self._close_wires()

    def plug(self) -> None:
        """Put the cable back."""
        with self._lock:
            self._open_wires()

    # The thread.

    def _serve(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                self._engine.advance()
                wires = [wire for wire in (self._listener, self._udp, self._client) if wire is not None]
                fds = [wire.fileno() for wire in wires] + ([self._pty] if self._pty >= 0 else [])
            ready = self._wait([fd for fd in fds if fd >= 0])
            with self._lock:
                self._engine.advance()
                self._turn(ready)

    def _wait(self, fds: list[int]) -> set[int]:
        if not fds or self.stalled:
            self._stop.wait(_TICK_S)
            return set()
        with selectors.DefaultSelector() as selector:
            for fd in fds:
                with contextlib.suppress(OSError, ValueError):  # closed since by a hand
                    selector.register(fd, selectors.EVENT_READ)
            idle = self._client is None and self._pty < 0 and not self._engine.held_pages
            return {key.fd for key, _ in selector.select(_IDLE_TICK_S if idle else _TICK_S)}

    def _turn(self, ready: set[int]) -> None:
        """Serve what became readable, then say what the mechanism wants to say."""
        if self._udp is not None and self._udp.fileno() in ready:
            self._answer_snmp(self._udp)
        if self._client is None and self._listener is not None and self._listener.fileno() in ready:
            self._client, _ = self._listener.accept()
            self._client.setblocking(False)  # noqa: FBT003 (the library's own signature)
        if self._client is not None and self._client.fileno() in ready:
            self._take_from_tcp(self._client)
        if self._pty in ready:
            self._take_from_pty()
        self._replies += self._engine.replies()
        size = self.drip or len(self._replies)
        replies, self._replies = self._replies[:size], self._replies[size:]
        if replies and self._client is not None and self.status_on_tcp:
            with contextlib.suppress(OSError):
                self._client.send(replies)
        if replies and self._pty >= 0:
            with contextlib.suppress(OSError):
                os.write(self._pty, replies)

    def _take_from_tcp(self, client: socket.socket) -> None:
        try:
            piece = client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if piece:
            self._engine.take(piece)
        else:
            client.close()
            self._client = None
            self._engine.hang_up()

    def _take_from_pty(self) -> None:
        try:
            piece = os.read(self._pty, 65536)
        except BlockingIOError:
            return
        except OSError:  # nobody has the node open. A USB printer does not see that: half a page stays half a page
            self._stop.wait(_TICK_S)
            return
        self._engine.take(piece)

    def _answer_snmp(self, udp: socket.socket) -> None:
        packet, sender = udp.recvfrom(2048)
        try:
            question = snmp.decode(packet)
        except ValueError:
            return
        if question.kind != snmp.GET or question.community != "public" or self._engine.mute:
            return
        known: dict[str, bytes | int] = {
            snmp.STATUS: self._engine.status(),
            snmp.PAGE_COUNT: self._engine.pages_printed,
            snmp.DEVICE_ID: f"MFG:Brother;CMD:PT-CBP;MDL:{self._engine.model};CLS:PRINTER;".encode(),
        }
        answer = snmp.Message(
            snmp.RESPONSE, question.request_id, question.oid, known.get(question.oid),
            error=0 if question.oid in known else snmp.NO_SUCH_NAME,
        )  # fmt: skip
        udp.sendto(snmp.encode(answer), sender)

    # Wires.

    def _open_wires(self) -> None:
        if self.node is not None:
            self._open_node(self.node)
            return
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=4)
        self.port = self._listener.getsockname()[1]
        if self._serves_snmp:
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.bind(("127.0.0.1", self.snmp_port))
            self.snmp_port = self._udp.getsockname()[1]

    def _open_node(self, node: Path) -> None:
        self._pty, far_end = os.openpty()
        tty.setraw(far_end)
        os.set_blocking(self._pty, False)
        node.parent.mkdir(parents=True, exist_ok=True)
        node.unlink(missing_ok=True)
        node.symlink_to(os.ttyname(far_end))
        os.close(far_end)

    def _close_wires(self) -> None:
        if self._client is not None:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        for wire in (self._listener, self._udp, self._client):
            if wire is not None:
                wire.close()
        self._client = self._listener = self._udp = None
        if self._pty >= 0:
            os.close(self._pty)
            self._pty = -1
            if self.node is not None:
                self.node.unlink(missing_ok=True)
