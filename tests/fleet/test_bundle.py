"""A support bundle holds what helps and nothing that is secret or somebody's."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import msgspec
from click.testing import CliRunner

from agent.cli.bundle import bundle
from agent.fleet.bundle import SETTINGS, pack
from firmware_config.settings import Settings, parse

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2"
FULL: dict[str, Any] = {
    "station": {"id": "st-1", "site": "ams1"},
    "broker": {"url": "mqtts://broker.example:8883", "username": SECRET, "password_file": f"/{SECRET}",
               "ca_file": f"/{SECRET}", "cert_file": f"/{SECRET}", "key_file": f"/{SECRET}"},
    "directory": f"/{SECRET}", "socket": f"/{SECRET}", "bench": f"/{SECRET}", "fleet": {"keys": f"/{SECRET}"},
    "scale": {"driver": "trace", "path": f"/{SECRET}"}, "camera": {"driver": "folder", "path": f"/{SECRET}"},
    "printer": {"driver": "tcp", "host": SECRET, "path": f"/{SECRET}"},
}
STATUS = {
    "station": "st-1", "link": "up", "boot": 3, "live_g": 12.5, "store": {"outbox": 2},
    "view": {"sentence": f"Pack for {SECRET}", "code": "label.waiting", "hint": SECRET},
    "broken": [{"device": "printer", "code": "printer.no-paper", "hint": SECRET}],
    "parcels": [{"parcel": f"{SECRET}/1", "state": "held", "reasons": [SECRET]}],
    "pages": [{"job": SECRET}], "new": SECRET,
}


def parts(archive: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: json.loads(opened.read(name)) for name in opened.namelist()}


def test_no_secret_and_no_customer_gets_in_and_what_helps_does() -> None:
    reported = {"state": "applied", "new": SECRET}
    found = parts(pack(parse(FULL, "test"), STATUS, reported, [("disk.room", "ok", "x")], {}))
    assert SECRET not in json.dumps(found)
    assert found["status.json"]["broken"] == [{"device": "printer", "code": "printer.no-paper"}]
    assert found["status.json"]["parcels"] == {"held": 1}
    assert found["settings.json"]["broker"] == {"tls": True, "host": "broker.example", "certificate": True, "ca": True}
    assert found["settings.json"]["printer"][0]["media"] == "62"


def test_the_list_names_only_keys_that_exist() -> None:
    whole: Any = msgspec.to_builtins(parse({**FULL, "scanner": {"driver": "serial", "path": "/dev/x"}}, "test"))
    for section, keys in SETTINGS.items():
        table = whole[section]
        one = table[0] if isinstance(table, list | tuple) else table
        assert set(keys) <= set(one), section
    assert not set(SETTINGS) - set(Settings.__struct_fields__)


def test_the_command_works_without_a_daemon(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(
        '[station]\nid = "st-1"\nsite = "ams1"\n[broker]\nurl = "mqtt://localhost"\n')
    words = [str(tmp_path / "out.zip"), "--config", str(tmp_path / "station.toml"), "--socket", str(tmp_path / "none")]
    ended = CliRunner().invoke(bundle, words)
    assert (ended.exit_code, "no station answered" in ended.output) == (0, True)
    assert parts((tmp_path / "out.zip").read_bytes())["versions.json"]["packbench"]
    assert CliRunner().invoke(bundle, [words[0], "--config", str(tmp_path / "none.toml")]).exit_code == 2
