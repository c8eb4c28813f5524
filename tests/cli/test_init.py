"""The first station.toml: asked for or given, and never one that the station would refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agent.cli.init import init
from firmware_config.settings import load

if TYPE_CHECKING:
    from pathlib import Path


def run(file: Path, *words: str, answers: str = "") -> Result:
    return CliRunner().invoke(init, [str(file), *words], input=answers)


def test_questions_make_a_file_that_loads(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    answers = ["st-7", "ams1", "mqtt://192.0.2.4", "none", "none", "tcp", "QL-1110NWB", "103x164", "gpio", "192.0.2.10"]
    ended = run(file, answers="\n".join(answers) + "\n")
    assert ended.exit_code == 0, ended.output
    settings = load(file)
    printer = settings.printer[0]
    assert (settings.station.id, printer.host, printer.model) == ("st-7", "192.0.2.10", "QL-1110NWB")
    assert (settings.scale, settings.camera) == ((), ())


def test_flags_make_the_same_without_a_question(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "station.toml"
    ended = run(file, "--no-input", "--set", "station.site=ams1", "--set", "printer.driver=tcp",
                "--set", "printer.host=192.0.2.10", "--set", 'printer.role=["label"]', "--set", "broker.keepalive_s=20")
    assert ended.exit_code == 0, ended.output
    settings = load(file)
    assert (settings.printer[0].role, settings.broker.keepalive_s) == (("label",), 20)
    assert settings.broker.key_file.endswith("tls_station.key")


@pytest.mark.parametrize(("words", "says"), [
    (("--no-input",), "station.site"),
    (("--no-input", "--set", "station.site=a", "--set", "station.sight=b"), "did you mean `site`"),
    (("--no-input", "--set", "station.site=a", "--set", "printer.driver=fax"), "printer.driver"),
    (("--no-input", "--set", "station.site=a", "--set", "broker.keepalive_s=soon"), "broker.keepalive_s"),
])
def test_what_the_station_would_refuse_is_not_written(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    file = tmp_path / "station.toml"
    ended = run(file, *words)
    assert (ended.exit_code, says in ended.output, file.exists()) == (2, True, False), ended.output


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("# mine\n")
    assert run(file, "--no-input").exit_code == 2
    assert file.read_text() == "# mine\n"
