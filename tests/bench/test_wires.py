"""The bench over its real sockets: conversions, pictures, lines and hands, as the agent's drivers see them."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from agent.bench.bench import Bench, HandsError
from agent.bench.wires import Hands, Wires
from agent.cli.bench import hands as hands_command
from agent.devices import DeviceError, Lamps
from agent.devices.bench import BenchCamera, BenchScale, BenchSignals
from agent.devices.bench_frames import facts_of
from firmware_config.settings import Signals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench at twenty times life speed, served by a thread."""
    bench = Bench(tmp_path / "bench", speed=20.0)
    wires = Wires(bench)
    ready = threading.Event()
    thread = threading.Thread(target=wires.serve, args=(ready.set,))
    thread.start()
    assert ready.wait(60)
    yield bench
    wires.stop()
    thread.join(5)


def test_a_box_that_is_put_on_is_weighed_at_the_speed_that_the_bench_states(bench: Bench) -> None:
    facts = facts_of(bench.directory)
    assert facts.speed == 20.0
    scale, hands = BenchScale(str(bench.directory)), Hands(bench.directory)
    hands.do("make", box="A", mass_g=1_500, length_mm=200, width_mm=150, height_mm=100)
    hands.do("put", box="A")
    until_s, last = time.monotonic() + 60, 0.0
    while abs(last - 1_500) > 10:
        assert time.monotonic() < until_s, f"the scale shows {last:.0f} g"
        for sample in scale.read(1.0):
            last = (sample.counts - facts.zero_counts) / facts.counts_per_gram
    scale.close()
    hands.close()


def test_the_camera_answers_with_a_picture_of_now(bench: Bench) -> None:
    camera = BenchCamera(str(bench.directory), lambda: 42)
    frame = camera.frame(10.0)
    assert frame.at_ms == 42
    assert frame.pixels().shape == (1080, 1920, 3)
    camera.close()


def test_lamps_and_button_cross_as_levels_of_lines(bench: Bench) -> None:
    pressed = threading.Event()
    pins = Signals(driver="bench")
    signals = BenchSignals(str(bench.directory), pins, lambda long: pressed.set(), lambda: 0)
    signals.show(Lamps(green=True))
    hands = Hands(bench.directory)
    until_s = time.monotonic() + 60
    while bench.lines.get(pins.green_pin) != 1:
        assert time.monotonic() < until_s
        hands.do("look-around")
    hands.do("press", long=False)
    assert pressed.wait(60)
    signals.close()
    hands.close()


def test_hands_say_what_they_cannot_do_and_nothing_happens(bench: Bench) -> None:
    hands = Hands(bench.directory)
    with pytest.raises(HandsError, match=r"they can .*cover, hide, lift"):
        hands.do("juggle")
    with pytest.raises(HandsError, match="nothing stands on the platform"):
        hands.do("lift")
    with pytest.raises(HandsError, match="there is no box 'Z'; make it first"):
        hands.do("put", box="Z")
    with pytest.raises(HandsError, match="make needs length_mm, width_mm, height_mm"):
        hands.do("make", box="A", mass_g=1)
    with pytest.raises(HandsError, match="mass_g=heavy does not fit"):
        hands.do("make", box="A", mass_g="heavy", length_mm=1, width_mm=1, height_mm=1)
    with pytest.raises(HandsError, match="code=4006381333931 does not fit"):
        hands.do("scan", code=4006381333931)
    with pytest.raises(HandsError, match="lift knows no box"):
        hands.do("lift", box="A")
    hands.do("make", box="A", mass_g=1, length_mm=1, width_mm=1, height_mm=1)
    with pytest.raises(HandsError, match="no printed page"):
        hands.do("stick", page="../../etc/passwd", box="A")
    journal = [json.loads(line) for line in (bench.directory / "journal.jsonl").read_text().splitlines()]
    assert [line["do"] for line in journal if line["kind"] == "hands"] == ["make"]
    hands.close()


def test_a_code_of_digits_is_scanned_from_the_command_line_as_it_stands(bench: Bench) -> None:
    words = [str(bench.directory), "scan", "code=4006381333931"]
    assert CliRunner().invoke(hands_command, words).output == "{}\n"
    port = os.open(bench.directory / "scanner", os.O_RDONLY | os.O_NOCTTY)
    try:
        assert os.read(port, 64) == b"4006381333931\r"
    finally:
        os.close(port)


def test_a_bench_that_is_not_there_is_a_broken_device_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="Start one: packbench bench"):
        BenchScale(str(tmp_path))
