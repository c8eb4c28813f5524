"""The admin's commands: keys and signatures, pushes with their answers, a broker that is not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from agent.cli.command import command
from agent.cli.config import group
from agent.demo.broker import free_ports, running_broker

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

FOREVER = 2**33


def run(*words: object) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


def layer(folder: Path, **more: Any) -> Path:  # noqa: ANN401 (fields of a body)
    path = folder / "layer.json"
    path.write_text(json.dumps({"scope": "fleet", "rev": 1, "exp": FOREVER, "stable": {}, **more}))
    return path


def test_a_key_is_made_once_for_its_owner_alone_and_signs_a_layer(tmp_path: Path) -> None:
    assert run("keygen", "cfg-1", "--folder", tmp_path).exit_code == 0
    assert (tmp_path / "cfg-1.key").stat().st_mode & 0o777 == 0o600
    assert run("keygen", "cfg-1", "--folder", tmp_path).exit_code == 2
    signed = run("sign", layer(tmp_path), "--key", tmp_path / "cfg-1.key")
    assert (signed.exit_code, "revision 1 for fleet" in signed.output) == (0, True)
    assert json.loads((tmp_path / "layer.json.signed").read_text())["kid"] == "cfg-1"


@pytest.mark.parametrize(("more", "code"), [
    ({"stable": {"broker": {"url": "mqtt://x"}}}, "config.protected"), ({"rev": 0}, "config.value"),
    ({"exp": 1}, "config.expired"), ({"stabel": {}}, "config.unknown-key"),
    ({"candidate": {"rev": 2, "body": {"bench": "x"}}}, "config.protected"),
])
def test_what_a_station_would_refuse_is_not_signed(tmp_path: Path, more: dict[str, Any], code: str) -> None:
    run("keygen", "cfg-1", "--folder", tmp_path)
    ended = run("sign", layer(tmp_path, **more), "--key", tmp_path / "cfg-1.key")
    assert (ended.exit_code, code in ended.output) == (2, True)
    assert not (tmp_path / "layer.json.signed").exists()


def test_a_public_key_signs_nothing(tmp_path: Path) -> None:
    run("keygen", "cfg-1", "--folder", tmp_path)
    assert run("sign", layer(tmp_path), "--key", tmp_path / "cfg-1.pub").exit_code == 2


def test_a_broker_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    url = f"mqtt://127.0.0.1:{free_ports(1)[0]}"
    for ended in (run("show", "st-1", "--broker", url), run("diff", layer(tmp_path), "--broker", url),
                  CliRunner().invoke(command, ["st-1", "status", "--broker", url])):
        assert (ended.exit_code, "broker.unreachable" in ended.output) == (1, True)
    assert run("show", "st-1", "--broker", "localhost").exit_code == 2


def test_nobody_answers_and_a_diff_tells_what_would_change(tmp_path: Path) -> None:
    run("keygen", "cfg-1", "--folder", tmp_path)
    run("sign", layer(tmp_path, stable={"keep": {"ended_days": 9}}), "--key", tmp_path / "cfg-1.key")
    with running_broker(tmp_path, "mosquitto") as broker:
        pushed = run("push", tmp_path / "layer.json.signed", "--broker", broker.url, "--station", "st-1", "--wait", 0.2)
        assert (pushed.exit_code, "1 no answer" in pushed.output) == (1, True)
        changed = run("diff", layer(tmp_path, rev=2, stable={"keep": {"ended_days": 8}}), "--broker", broker.url)
        assert changed.output.splitlines() == ["rev: 1 -> 2", "stable.keep.ended_days: 9 -> 8"]
        silent = CliRunner().invoke(command, ["st-1", "status", "--broker", broker.url, "--wait", "0.2"])
        assert (silent.exit_code, "command.no-answer" in silent.output) == (1, True)
        assert run("show", "st-1", "--broker", broker.url).exit_code == 1


@pytest.mark.parametrize(("words", "code"), [
    (["reboot"], "command.unknown"), (["reprint"], "config.missing-key"), (["identify", "seconds"], "command.word"),
    (["upgrade", "release=../x.tar"], "config.value"),
])
def test_a_wrong_command_is_refused_before_it_leaves(words: list[str], code: str) -> None:
    ended = CliRunner().invoke(command, ["st-1", *words, "--broker", "mqtt://127.0.0.1:1"])
    assert (ended.exit_code, code in ended.output) == (2, True)
