"""A network printer: raw bytes to port 9100, status from SNMP, or from the port itself where it answers there."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import select
import socket
import time
from typing import TYPE_CHECKING

from agent.devices import DeviceError, ql_status, snmp
from agent.devices.ql_printer import QlPrinter, summary
from agent.devices.ql_wire import CLOSED, FdWire, Wake, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.devices import PrinterStatus
    from agent.devices.ql_page import Limits
    from agent.devices.ql_status import Status

_CONNECT_S = 5.0  # a QL-820NWB was seen to take 31 to 124 ms
_POLL_S = 0.1
_ids = itertools.count(1)
_LOST = ("printer.connection-lost", "The printer broke the connection off: check its power and the network.")


class TcpPrinter(QlPrinter):
    """A QL at `host`:`port`. SNMP is asked first; a QL on the network says nothing on 9100 itself.

    `snmp_port=None` leaves SNMP out. An IP address is better than a name, whose look-up `close` can't interrupt.
    """

    def __init__(
        self,
        host: str,
        port: int = 9100,
        *,
        model: str,
        snmp_port: int | None = 161,
        community: str = "public",
        clock: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._address, self._community = (host, port), community
        self._snmp = (host, snmp_port) if snmp_port is not None else None
        self._answers_snmp = False
        super().__init__(model, self._wire, clock=clock, limits=limits, beat=beat)

    def status(self) -> PrinterStatus:
        """Ask the printer how it is, by SNMP without touching port 9100, which takes one job at a time."""
        state = None if self._snmp is None or self._wake.rung else ask_state(self._snmp, self._community)
        return super().status() if state is None else summary(state)

    def _wire(self, wake: Wake) -> Wire:
        wire = FdWire(_connect(self._address, wake), wake, empty_is_end=True, lost=_LOST)
        if self._snmp is None:
            return wire
        # Asked each time until it has answered once: a printer that starts may open port 9100 before SNMP.
        self._answers_snmp = self._answers_snmp or ask_state(self._snmp, self._community) is not None
        return SnmpWire(wire, self._snmp, self._community) if self._answers_snmp else wire


class SnmpWire:
    """Port 9100 for the bytes and SNMP for the state, which is polled and never told."""

    spoken = False

    def __init__(self, wire: FdWire, address: tuple[str, int], community: str) -> None:
        self._wire, self._address, self._community = wire, address, community
        self._next_s = 0.0

    def write(self, piece: bytes) -> int:
        """Bytes that port 9100 took."""
        return self._wire.write(piece)

    def heard(self) -> list[Status]:
        """The state now, at most every 100 ms; nothing when the printer does not answer."""
        self._wire.heard()  # sees the end of the connection
        if time.monotonic() < self._next_s:
            return []
        state = ask_state(self._address, self._community)
        self._next_s = time.monotonic() + _POLL_S
        return [] if state is None else [state]

    def wait(self, timeout_s: float, *, writing: bool) -> None:
        """As the wire below."""
        self._wire.wait(timeout_s, writing=writing)

    def now_s(self) -> float:
        """Real time."""
        return self._wire.now_s()

    def close(self) -> None:
        """As the wire below."""
        self._wire.close()


def ask_state(address: tuple[str, int], community: str) -> Status | None:
    """The printer's status packet by SNMP; None when it does not answer, or not with one."""
    try:
        value = ask_snmp(address, snmp.STATUS, community=community, timeout_s=0.2, tries=2)
    except OSError:  # no answer, or no such port
        return None
    return next(iter(ql_status.Framer().feed(value)), None) if isinstance(value, bytes) else None


def ask_snmp(address: tuple[str, int], oid: str, *, timeout_s: float = 0.3, tries: int = 3, community: str = "public",
        ) -> bytes | int | None:  # fmt: skip
    """Ask one object; None when the agent there does not have it.

    Raises TimeoutError when nobody answers, and the socket's own OSError (a closed port says so at once).
    """
    request = snmp.Message(snmp.GET, next(_ids) & 0x7FFFFFFF, oid, community=community)
    packet = snmp.encode(request)
    family, kind, protocol, _, where = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as wire:
        wire.connect(where)
        for _ in range(tries):
            wire.send(packet)
            answer = _snmp_answer(wire, request.request_id, time.monotonic() + timeout_s)
            if answer is not None:
                return None if answer.error else answer.value
    raise TimeoutError(f"no SNMP answer from {address[0]}:{address[1]} in {tries} x {timeout_s:g} s")


def _snmp_answer(wire: socket.socket, request_id: int, until_s: float) -> snmp.Message | None:
    """The answer to this request; older ones and noise are left out."""
    while (left_s := until_s - time.monotonic()) > 0:
        wire.settimeout(left_s)
        try:
            answer = snmp.decode(wire.recv(2048))
        except TimeoutError:
            return None
        except ValueError:
            continue
        if answer.kind == snmp.RESPONSE and answer.request_id == request_id:
            return answer
    return None


def _connect(address: tuple[str, int], wake: Wake) -> int:
    """Return a connected descriptor. Raises DeviceError `printer.unreachable`; `printer.closed` when woken."""
    host, port = address
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as fault:
        raise DeviceError("printer.unreachable", f"nobody knows the address {host!r} ({fault.strerror}).",
                          "Check the printer's host name, or use its IP address.") from fault  # fmt: skip
    with contextlib.ExitStack() as on_failure:
        wire = socket.socket(family, kind, protocol)
        on_failure.callback(wire.close)
        wire.setblocking(False)  # noqa: FBT003 (the library's own signature)
        code = wire.connect_ex(where)
        if code == errno.EINPROGRESS:
            poll = select.poll()
            poll.register(wire, select.POLLOUT)
            poll.register(wake.fd, select.POLLIN)
            ready = {fd for fd, _ in poll.poll(_CONNECT_S * 1000)}
            if wake.rung:
                raise DeviceError(CLOSED[0], "the printer was closed.", "The page was not sent.")
            code = wire.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if wire.fileno() in ready else errno.ETIMEDOUT
        if code:
            raise DeviceError("printer.unreachable", f"{host} port {port}: {os.strerror(code).lower()}.",
                              "Switch the printer on, and check the network and the printer's address.")  # fmt: skip
        on_failure.pop_all()
    return wire.detach()
