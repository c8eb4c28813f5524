"""A TCP proxy that does to a connection what networks do: delay, stall, half-open, reset."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time


class Proxy:
    """Forwards to a port here. `delay_s` and `reset` do what they say; `mute` swallows all bytes (half-open)."""

    def __init__(self, target: int) -> None:
        self.delay_s = 0.0
        self.mute = False
        self.refuse = False
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.connections += 1
                if self.refuse:
                    peer.close()
                    continue
                try:
                    other = socket.create_connection(("127.0.0.1", self._target), 5)
                except OSError:
                    peer.close()
                    continue
                self._pairs.append((peer, other))
                for source, sink in ((peer, other), (other, peer)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if not self.mute:
                    sink.sendall(chunk)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Reset every connection (RST, not FIN)."""
        for pair in self._pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.close()
        self._pairs.clear()

    def close(self) -> None:
        """Stop listening and drop everything."""
        self._listener.close()
        self.reset()
