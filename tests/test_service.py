"""What systemd hears, over a real socket: nothing once a worker is stuck."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from agent.clock import Clock
from agent.fleet.starts import Starts
from agent.service import STUCK_S, Pulse, tell_systemd
from agent.workers import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that listens as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.bind(str(tmp_path / "notify"))
        wire.settimeout(0.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield wire


def heard(wire: socket.socket) -> list[bytes]:
    words = []
    while True:
        try:
            words.append(wire.recv(200))
        except BlockingIOError:
            return words


def test_the_watchdog_is_fed_only_while_every_worker_and_the_link_live(
    systemd: socket.socket, tmp_path: Path,
) -> None:
    worker = Worker("scale", Clock(), lambda event: None)
    pulse = Pulse(Starts(tmp_path))
    pulse.beat([worker], link_alive=True)
    assert heard(systemd) == [b"WATCHDOG=1"]
    pulse.beat([worker], link_alive=False)
    worker.beat_s = time.monotonic() - STUCK_S - 1
    pulse.beat([worker], link_alive=True)
    assert heard(systemd) == []


def test_without_systemd_nothing_is_said(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_systemd("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    tell_systemd("READY=2")
    assert heard(systemd) == [b"READY=1"]
