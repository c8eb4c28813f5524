"""`packbench check broker` says of real brokers what is true of them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from agent.cli.broker import check
from agent.cli.oms import oms
from agent.demo.broker import BrokerError, free_ports, listens, make_broker
from agent.link import probe

if TYPE_CHECKING:
    from pathlib import Path

    from agent.demo.broker import DemoBroker


def verdicts(url: str, *exit_codes: int) -> tuple[str, dict[str, bool]]:
    result = CliRunner().invoke(check, [url, "--json"])
    assert result.exit_code in (0, *exit_codes), result.output
    found: dict[str, Any] = json.loads(result.output)
    return found["mqtt"], {one["name"]: one["kept"] for one in found["guarantees"]}


def test_mosquitto_with_room_keeps_everything(mosquitto: DemoBroker) -> None:
    version, kept = verdicts(mosquitto.url)
    assert version == "5"
    assert all(kept.values())


def test_the_demo_broker_keeps_what_is_needed_and_raises_telemetry(tmp_path: Path) -> None:
    try:
        broker = make_broker(tmp_path, "iotcore")
    except BrokerError as error:
        pytest.skip(str(error))
    broker.start()
    try:
        version, kept = verdicts(broker.url)
    finally:
        broker.stop()
    assert (version, kept["lower-quality-kept"], kept["redelivery"]) == ("5", False, True)


def test_nats_is_met_with_the_older_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "REDELIVERY_S", 0.1)  # it gives again after 30 s; the command has that patience
    program = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("nats-server is not installed")
    client, port = free_ports(2)
    config = tmp_path / "nats.conf"
    config.write_text(f'server_name: n\nlisten: "127.0.0.1:{client}"\njetstream {{ store_dir: "{tmp_path}" }}\n'
                      f'mqtt {{ host: "127.0.0.1", port: {port} }}\n')
    server = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + 5
        while not listens(port) and time.monotonic() < until_s:
            assert server.poll() is None
        version, kept = verdicts(f"mqtt://127.0.0.1:{port}", 3)
    finally:
        server.terminate()
        server.wait()
    assert version == "3.1.1"
    assert {name for name, is_kept in kept.items() if not is_kept} <= {"redelivery"}


def test_no_broker_and_no_address_are_one_plain_line() -> None:
    (port,) = free_ports(1)
    gone = CliRunner().invoke(check, [f"mqtt://127.0.0.1:{port}"])
    assert (gone.exit_code, "link.refused" in gone.output) == (1, True)
    for url in ("localhost", "mqtt://localhost:abc", "mqtt://localhost:65536", "mqtt://"):
        for command, words in ((check, [url]), (oms, ["--broker", url])):
            asked = CliRunner().invoke(command, words)
            assert (asked.exit_code, "is no broker's address" in asked.output) == (2, True), url


def test_a_port_that_says_nothing_is_told_as_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        result = CliRunner().invoke(check, [f"mqtt://127.0.0.1:{mute.getsockname()[1]}"])
    assert (result.exit_code, "link.silent" in result.output) == (1, True)


def test_a_broker_that_refuses_us_is_told_as_that(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n")
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert program is not None
    with subprocess.Popen([program, "-c", str(settings)], stderr=subprocess.DEVNULL) as broker:
        try:
            until_s = time.monotonic() + 60
            asked = CliRunner().invoke(check, [f"mqtt://127.0.0.1:{port}"])
            while "link.refused" in asked.output and time.monotonic() < until_s:
                asked = CliRunner().invoke(check, [f"mqtt://127.0.0.1:{port}"])
            assert (asked.exit_code, "link.not-authorized" in asked.output) == (1, True)
            office = CliRunner().invoke(oms, ["--broker", f"mqtt://127.0.0.1:{port}", "--db", str(tmp_path / "oms.db"),
                                              "--seconds", "0"])
            assert (office.exit_code, "refuses us" in office.output) == (1, True)
        finally:
            broker.terminate()
