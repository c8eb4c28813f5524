"""A settings file is right, or every problem in it is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firmware_config.settings import ConfigError, Settings, load, parse

REFERENCE = Path(__file__).resolve().parents[2] / "firmware_config" / "station.toml"
LEAST: dict[str, Any] = {"station": {"id": "st-1", "site": "ams1"}, "broker": {"url": "mqtt://localhost"}}


def problems(raw: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with a file: code by key."""
    with pytest.raises(ConfigError) as caught:
        parse(raw, "test")
    return {problem.key: problem.code for problem in caught.value.problems}


def test_the_reference_file_is_valid() -> None:
    settings = load(REFERENCE)
    assert settings.station.id == "st-014"
    assert settings.scale[0].division_g == 10.0


def test_a_station_needs_a_name_a_site_and_a_broker() -> None:
    assert isinstance(parse(LEAST, "test"), Settings)
    assert problems({}) == {"station": "config.missing-key", "broker": "config.missing-key"}


def test_every_problem_is_listed_at_once() -> None:
    raw = {
        "station": {"id": "no spaces", "sight": "ams1"}, "broker": {"url": "http://x"}, "scale": {"driver": "bench"},
        "camera": [{"driver": "folder"}, {"driver": "kodak"}], "printers": {},
    }
    assert problems(raw) == {
        "printers": "config.unknown-key", "station.sight": "config.unknown-key", "station.id": "config.value",
        "station.site": "config.missing-key", "broker.url": "config.value", "camera[1].driver": "config.value",
    }


def test_a_word_that_is_not_known_is_answered_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"'kodak' is none of bench, folder, v4l2, rpicam, rpicam-still\."):
        parse({**LEAST, "camera": {"driver": "kodak"}}, "test")


def test_a_brokers_address_has_a_port_that_exists() -> None:
    for url in ("mqtts://broker.example:8883", "mqtt://[::1]:1883", "mqtt://10.0.0.7", "mqtt://broker:65535"):
        assert parse({**LEAST, "bench": "/none", "broker": {"url": url}}, "test").broker.url == url
    for url in ("mqtt://broker:abc", "mqtt://broker:0", "mqtt://broker:65536", "mqtt://name:secret@broker", "mqtt://::1"):
        assert problems({**LEAST, "broker": {"url": url}}) == {"broker.url": "config.value"}, url


def test_a_password_in_an_address_is_refused_and_not_said() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, "broker": {"url": "mqtts://name:hunter2@broker.example"}}, "test")
    assert "hunter2" not in str(caught.value)


def test_an_unknown_key_is_refused_with_the_nearest_right_name() -> None:
    with pytest.raises(ConfigError, match="did you mean `media`"):
        parse({**LEAST, "printer": {"driver": "png", "path": "/x", "meda": "62"}}, "test")


@pytest.mark.parametrize(("section", "device", "key"), [
    ("scale", {"driver": "bench"}, "bench"),
    ("scale", {"driver": "trace"}, "scale.path"),
    ("scale", {"driver": "trace", "path": "x.csv", "division_g": 9_000.0}, "scale.division_g"),
    ("scale", {"driver": "serial", "protocol": "sics"}, "scale.path"),
    ("scale", {"driver": "serial", "path": "/dev/ttyS0"}, "scale.protocol"),
    ("scale", {"driver": "serial", "path": "/dev/ttyS0", "protocol": "pattern"}, "scale.pattern"),
    ("scale", {"driver": "serial", "path": "/dev/ttyS0", "protocol": "pattern", "pattern": "("}, "scale.pattern"),
    ("scale", {"driver": "serial", "path": "/x", "protocol": "cas", "pattern": "(?P<value>.)"}, "scale.pattern"),
    ("scale", {"driver": "serial", "path": "/dev/ttyS0", "protocol": "sics", "frame": "8X1"}, "scale.frame"),
    ("scale", {"driver": "spi", "baud": 9600}, "scale.baud"),
    ("scale", {"driver": "gpio", "data_pin": 5, "clock_pin": 5}, "scale.clock_pin"),
    ("camera", {"driver": "folder"}, "camera.path"),
    ("printer", {"driver": "png"}, "printer.path"),
    ("printer", {"driver": "tcp"}, "printer.host"),
])
def test_a_driver_needs_what_it_works_with(section: str, device: dict[str, object], key: str) -> None:
    assert key in problems({**LEAST, section: device})


def test_a_pin_has_one_wire() -> None:
    raw = {**LEAST, "scale": {"driver": "gpio", "data_pin": 17, "clock_pin": 6}, "signals": {"driver": "gpio"}}
    assert problems(raw) == {"scale.data_pin": "config.value"}


@pytest.mark.parametrize("scale", [
    {"driver": "spi"}, {"driver": "iio"}, {"driver": "hx711"}, {"driver": "gpio", "data_pin": 5, "clock_pin": 6},
    {"driver": "hid"}, {"driver": "serial", "path": "/dev/ttyS0", "protocol": "and", "baud": 4800, "frame": "8N1"},
])
def test_each_way_to_a_scale_is_one_word(scale: dict[str, object]) -> None:
    assert parse({**LEAST, "scale": scale}, "test").scale[0].driver == scale["driver"]


def test_one_device_is_a_table_and_several_are_several() -> None:
    one = parse({**LEAST, "printer": {"driver": "png", "path": "/x"}}, "test")
    two = parse({**LEAST, "printer": [{"driver": "png", "path": "/x", "role": ["slip"]},
                                      {"driver": "png", "path": "/y", "role": ["label"]}]}, "test")
    assert [len(one.printer), len(two.printer)] == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[station", b"station = 1\nbroker = []"])
def test_a_file_that_is_no_settings_file_is_refused_with_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "nowhere.toml")
