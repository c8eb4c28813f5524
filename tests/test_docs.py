"""The tree is the documentation: what its pages say of commands, keys and codes is so, and nothing is left out."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent import __version__
from agent.__main__ import packbench
from tests import reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agent", "calibration", "firmware_config")
# Folders whose parent's README says all there is to say.
SPOKEN_FOR = {"firmware_config/boot"}


def pages() -> list[Path]:
    return [path for path in sorted(ROOT.rglob("*.md"))
            if not any(part.startswith(".") or part in {"demo-out", "dist"} for part in path.relative_to(ROOT).parts)]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def folders() -> list[str]:
    packages = [path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    return sorted({name_of(path) for path in packages} | {"systemd", "tests"})


@pytest.mark.parametrize("folder", folders())
def test_each_folder_has_a_page(folder: str) -> None:
    assert (ROOT / folder / "README.md").exists()


def test_the_front_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_links_lead_somewhere() -> None:
    broken = [(name_of(page), target) for page in pages()
              for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
              if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()]
    assert broken == []


# Commands ------------------------------------------------------------------------------------------------------------


def typed_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield (page, words) of each `packbench ...` that a page shows in a block or between backticks."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if page == reference.COMMANDS:
            continue
        lines = [line.strip() for line in text.splitlines() if re.match(r"(    |\t|\$ )", line)]
        blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
        lines += [line.strip() for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", text)
        for line in lines:
            found = re.match(r"(?:\$ )?(?:sudo )?(?:\.venv/bin/)?packbench ([a-z].*)", line)
            if found and len(re.findall(r"\s[+-]?\d", found[1])) < 4:  # a row of figures is output
                yield name_of(page), shlex.split(found[1].replace("'", ""), comments=True)


def complaint(words: list[str]) -> str:
    """Return what is wrong with a command line that a page shows; empty when command and options exist."""
    command: click.Command = packbench
    context = command.make_context("packbench", [], resilient_parsing=True)
    plain = list(takewhile(lambda word: word not in {"|", ">", "&", "&&", ";"}, words))
    while plain and hasattr(command, "get_command"):
        below = command.get_command(context, plain[0])
        if below is None:
            return f"no command {plain[0]}" if re.fullmatch(r"[a-z-]+", plain[0]) else ""
        command, plain = below, plain[1:]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in plain if word.startswith("--") and word.split("=")[0] not in options | {"--help"}]
    return f"no option {unknown[0]}" if unknown else ""


def test_pages_show_commands_that_exist() -> None:
    found = [(page, " ".join(words), complaint(words)) for page, words in typed_commands()]
    assert [each for each in found if each[2]] == []


def test_the_list_of_commands_is_the_programs_own() -> None:
    assert reference.COMMANDS.read_text(encoding="utf-8") == reference.commands_page(), "make reference"


# Codes and keys ------------------------------------------------------------------------------------------------------


def test_the_list_of_codes_is_the_programs_own() -> None:
    assert reference.CODES.read_text(encoding="utf-8") == reference.codes_page(), "make reference"


def test_the_table_of_the_station_is_the_cores_own() -> None:
    assert reference.STATION.read_text(encoding="utf-8") == reference.station_page(), "make reference"


def test_each_code_has_a_sentence() -> None:
    assert [code for code, (says, mend) in reference.codes().items() if not says and not mend] == []


def test_each_code_of_pbctl_is_explained() -> None:
    codes = set(re.findall(r"\bupgrade\.[a-z-]+", (ROOT / "systemd/pbctl").read_text(encoding="utf-8")))
    page = (ROOT / "systemd/README.md").read_text(encoding="utf-8")
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_each_key_of_the_settings_is_explained_in_the_reference_file() -> None:
    text = (ROOT / "firmware_config" / "station.toml").read_text(encoding="utf-8")
    sections = re.split(r"^#? ?\[\[?([a-z.]+)\]\]?.*$", text, flags=re.MULTILINE)
    explained = dict(zip(["", *sections[1::2]], sections[0::2], strict=True))
    missing = [f"{section}.{key}" for section, keys in reference.settings_keys().items() for key in keys
               if not re.search(rf"^#? ?{key}\s*=", explained.get(section, ""), re.MULTILINE)]
    assert missing == []


# Examples ------------------------------------------------------------------------------------------------------------


def modules_with_examples() -> list[str]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                  for path in paths if ">>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", modules_with_examples())
def test_examples_in_docstrings_are_so(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_examples_on_pages_are_so() -> None:
    failed = [name_of(page) for page in pages() if doctest.testfile(str(page), module_relative=False).failed]
    assert failed == []


# Changes -------------------------------------------------------------------------------------------------------------


def test_the_changes_of_this_version_are_told() -> None:
    headings = re.findall(r"^## (?:\[)?([\w.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] in {"Unreleased", __version__}
