"""`packbench print` in front of a simulated printer, of files, and of nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from agent.bench.printer import SimulatedPrinter
from agent.cli.print import group
from agent.devices.usblp import UsbNode
from agent.local import LocalSocket, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOURNAL: list[dict[str, Any]] = []


def said(*words: str) -> Result:
    return CliRunner().invoke(group, words)


@pytest.fixture
def bench() -> Iterator[SimulatedPrinter]:
    JOURNAL.clear()
    made = SimulatedPrinter("QL-820NWB", "62", 9000, None, JOURNAL.append, lambda: time.monotonic() * 10)
    made.start()
    yield made
    made.stop()


def test_status_says_model_roll_and_readiness(bench: SimulatedPrinter) -> None:
    run = said("status", f"tcp:127.0.0.1:{bench.port}")
    assert (run.output, run.exit_code) == ("QL-820NWB: 62 mm endless, ready.\n", 0)


def test_status_says_what_to_mend(bench: SimulatedPrinter) -> None:
    bench.open_cover()
    run = said("status", f"tcp:127.0.0.1:{bench.port}", "--json")
    assert run.exit_code == 1
    assert json.loads(run.output)["code"] == "printer.cover-open"


def test_a_test_page_comes_out_on_the_roll_that_is_in(bench: SimulatedPrinter) -> None:
    run = said("test", f"tcp:127.0.0.1:{bench.port}", "--pages", "2")
    assert (run.output, run.exit_code) == ("page 1: printed.\npage 2: printed.\n", 0)
    assert sum(line["kind"] == "printed" for line in JOURNAL) == 2


def test_a_test_page_for_another_roll_is_refused_in_words(bench: SimulatedPrinter) -> None:
    run = said("test", f"tcp:127.0.0.1:{bench.port}", "--media", "62x100", "--model", "QL-820NWB")
    assert run.exit_code == 1
    assert "62 mm endless is in, this label needs 62x100" in run.output


def test_the_printer_is_told_to_stay_awake(bench: SimulatedPrinter) -> None:
    assert said("awake", f"tcp:127.0.0.1:{bench.port}").output == "The printer stays on.\n"


def test_a_test_page_can_be_a_file(tmp_path: Path) -> None:
    assert said("test", f"png:{tmp_path}", "--media", "103x164").exit_code == 0
    with Image.open(tmp_path / "page-0001.png") as page:
        assert page.size == (1200, 1822)


def test_a_packet_is_explained() -> None:
    run = said("decode", "802042344330000000103e0a00000000000002010000" + "00" * 10, "--json")
    assert run.exit_code == 0
    assert json.loads(run.output)["code"] == "printer.cover-open"


@pytest.mark.parametrize(("words", "code"), [
    (("status", "serial:1"), 2), (("status", "tcp:127.0.0.1:x"), 2), (("status", "tcp:"), 2), (("decode", "80 20"), 2),
    (("test", "png:.", "--media", "63"), 2), (("test", "png:.", "--model", "QL-1"), 2), (("awake", "png:."), 2),
    (("status", "tcp:127.0.0.1:1"), 1), (("status", "usb:/no/such/node"), 1),
])  # fmt: skip
def test_what_cannot_be_is_said_in_a_line_and_an_exit_code(words: tuple[str, ...], code: int) -> None:
    run = said(*words)
    assert run.exit_code == code
    assert "Traceback" not in run.output
    assert run.output.strip()


def station(folder: Path, printer: str) -> Path:
    """Write the settings of a station with this printer; return the file."""
    path = folder / "station.toml"
    path.write_text(f"""
directory = "{folder}/station"
socket = "{folder}/packbench.sock"
[station]
id = "st-1"
site = "ams1"
[broker]
url = "mqtt://localhost"
[printer]
{printer}
""")
    return path


def test_without_an_address_the_stations_own_printers_are_meant(bench: SimulatedPrinter, tmp_path: Path) -> None:
    wire = f'driver = "tcp"\nhost = "127.0.0.1"\nport = {bench.port}\nsnmp_port = 0\nmedia = "62x100"'
    config = station(tmp_path, wire)
    asked = said("status", "--config", str(config), "--json")
    assert asked.exit_code == 1
    row = json.loads(asked.output)
    assert (row["printer"], row["wanted"], row["media"], row["code"]) == (
        "printer", "62x100", "62", "printer.wrong-media")

    config = station(tmp_path, wire.replace("62x100", "62"))
    asked = said("status", "--config", str(config))
    assert (asked.output, asked.exit_code) == ("printer: QL-820NWB: 62 mm endless, ready.\n", 0)
    asked = said("test", "--config", str(config))
    assert (asked.output, asked.exit_code) == ("page 1: printed.\n", 0)


def test_a_running_station_says_what_it_knows_and_lends_its_printer(tmp_path: Path) -> None:
    """What the daemon knows wins: it may have the printer open."""
    config = station(tmp_path, f'driver = "png"\npath = "{tmp_path}/paper"')
    asked: list[str] = []

    def owner(item: object) -> None:
        if not isinstance(item, Request):
            asked.append(type(item).__name__)
            return
        asked.append(item.ask)
        known = {"role": ["label"], "wanted": "62", "model": "QL-700", "media": "62", "code": "", "hint": ""}
        broken = {"device": "printer", "code": "printer.cover-open", "hint": "Close the printer's cover."}
        item.answer({"lent": "yours"} if item.ask == "borrow" else {"printers": {"printer": known}, "broken": [broken]})

    socket = LocalSocket(tmp_path / "packbench.sock", owner)
    socket.start()
    try:
        run = said("status", "--config", str(config))
        assert run.output == "printer: QL-700: 62 mm endless. printer.cover-open: Close the printer's cover.\n"
        assert run.exit_code == 1
        assert said("test", "--config", str(config)).exit_code == 0
    finally:
        socket.close()
    assert asked[:2] == ["status", "borrow"]
    assert len(list((tmp_path / "paper").glob("*.png"))) == 1


def test_settings_that_are_not_there_say_what_else_can_be_asked(tmp_path: Path) -> None:
    run = said("status", "--config", str(tmp_path / "none.toml"))
    assert run.exit_code == 2
    assert "Or name the printer: usb:, tcp:HOST." in run.output
    labels_only = station(tmp_path, 'driver = "usb"\nrole = ["label"]')
    assert said("test", "--role", "slip", "--config", str(labels_only)).exit_code == 2


def test_two_printers_of_one_model_are_told_apart_by_their_serial_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benches = [SimulatedPrinter("QL-700", media, 9000, None, JOURNAL.append, time.monotonic, node=tmp_path / name)
               for name, media in (("lp0", "62"), ("lp1", "62x100"))]  # fmt: skip
    there = [UsbNode(str(tmp_path / f"lp{n}"), "QL-700", f"A{n}") for n in range(2)]
    monkeypatch.setattr("agent.devices.usblp.nodes", lambda: there)
    for one in benches:
        one.start()
    try:
        run = said("status", "usb:")
    finally:
        for one in benches:
            one.stop()
    assert run.output.splitlines() == [
        f"{tmp_path}/lp0, serial number A0: QL-700: 62 mm endless, ready.",
        f"{tmp_path}/lp1, serial number A1: QL-700: 62x100, ready.",
    ]
