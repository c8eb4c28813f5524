"""The wire to a printer: a file descriptor that never blocks, and can be woken from another thread."""

from __future__ import annotations

import errno
import os
import select
import time
from typing import TYPE_CHECKING, Protocol

from agent.devices.ql_status import Framer

if TYPE_CHECKING:
    from agent.devices.ql_status import Status

_EMPTY_READ_PAUSE_S = 0.02  # a QL answers an idle read with an empty packet at once: asking again at once burns a core


class WireLost(Exception):  # noqa: N818 (what happened, and no mistake of ours)
    """The wire ended: stable code and hint."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(code)
        self.code, self.hint = code, hint


CLOSED = ("printer.closed", "The station let go of the printer in the middle of the page: look for it.")


class Wire(Protocol):
    """Bytes to a printer, status packets from it. Every call returns at once but `wait`."""

    spoken: bool  # True when the printer tells its events on this wire; False when its state is polled

    def write(self, piece: bytes) -> int:
        """Return how many bytes were taken, 0 when none can be now. Raises WireLost."""
        ...

    def heard(self) -> list[Status]:
        """Return the packets that came, oldest first. Raises WireLost."""
        ...

    def wait(self, timeout_s: float, *, writing: bool) -> None:
        """Wait until something can be read or written, at most so long. Raises WireLost when interrupted."""
        ...

    def now_s(self) -> float:
        """The time by which answers are waited for: real time, however fast the station's clock runs."""
        ...

    def close(self) -> None:
        """Give the descriptor back. May be called twice."""
        ...


class Wake:
    """Ends any wait on the wires of one driver, from any thread; for good."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.rung = False

    def ring(self) -> None:
        """Interrupt."""
        self.rung = True
        os.eventfd_write(self.fd, 1)

    def __del__(self) -> None:
        os.close(self.fd)


class FdWire:
    """A device node or a connected socket. `empty_is_end`: what an empty read means (TCP: the end; usblp: nothing)."""

    spoken = True

    def __init__(self, fd: int, wake: Wake, *, empty_is_end: bool, lost: tuple[str, str]) -> None:
        os.set_blocking(fd, False)
        self._fd, self._wake = fd, wake
        self._empty_is_end, self._lost = empty_is_end, lost
        self._framer = Framer()
        self._quiet_until_s = 0.0
        self._hung_up = False

    def write(self, piece: bytes) -> int:
        """Return how many bytes were taken (a non-blocking usblp takes 8,192 at a time), 0 when none can be now."""
        try:
            return os.write(self._fd, piece)
        except BlockingIOError:
            return 0
        except OSError as fault:
            if fault.errno == errno.ENOSPC:  # usblp's way of saying that the printer is out of paper
                return 0
            raise WireLost(*self._why(fault)) from fault

    def heard(self) -> list[Status]:
        """Return the packets that came; split and joined ones are put right."""
        if time.monotonic() < self._quiet_until_s:
            return []
        packets: list[Status] = []
        while True:
            try:
                piece = os.read(self._fd, 4096)
            except BlockingIOError:
                return packets
            except OSError as fault:
                if packets:
                    return packets  # what was said before the end counts; the end comes with the next read
                raise WireLost(*self._why(fault)) from fault
            if not piece:
                if not (self._empty_is_end or self._hung_up):
                    self._quiet_until_s = time.monotonic() + _EMPTY_READ_PAUSE_S
                elif not packets:
                    raise WireLost(*self._lost)
                return packets
            packets += self._framer.feed(piece)

    def wait(self, timeout_s: float, *, writing: bool) -> None:
        """Wait until something can be read or written, or the driver is closed."""
        poll = select.poll()
        poll.register(self._wake.fd, select.POLLIN)
        quiet_s = self._quiet_until_s - time.monotonic()
        events = (select.POLLOUT if writing else 0) | (0 if quiet_s > 0 else select.POLLIN)
        poll.register(self._fd, events)
        ready = dict(poll.poll(1000 * (min(timeout_s, quiet_s) if quiet_s > 0 else timeout_s)))
        if ready.get(self._fd, 0) & (select.POLLHUP | select.POLLERR):  # told even where nothing else was asked for
            self._hung_up, self._quiet_until_s = True, 0.0
        if self._wake.rung:
            raise WireLost(*CLOSED)

    def now_s(self) -> float:
        """Real time."""
        return time.monotonic()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _why(self, fault: OSError) -> tuple[str, str]:
        if fault.errno in (errno.ENODEV, errno.EIO, errno.ENXIO, errno.ESHUTDOWN):
            return "printer.unplugged", "The printer's cable was pulled or its power cut: plug it in and switch it on."
        return self._lost
