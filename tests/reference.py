"""The references that are generated from the code: `python -m tests.reference` (or `make reference`) writes them.

`agent/codes.md` has every stable code with what it says and what to do, `agent/cli/README.md` every command's help,
`agent/station/README.md` the table of what moves what.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from agent.__main__ import packbench
from firmware_config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
CODES = ROOT / "agent" / "codes.md"
STATION = ROOT / "agent" / "station" / "README.md"
COMMANDS = ROOT / "agent" / "cli" / "README.md"

CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*(\.[a-z]+(-[a-z0-9]+)*)+")
FILE_ENDINGS = {"bin", "conf", "crt", "csv", "db", "dylib", "dll", "html", "jpg", "json", "jsonl", "key", "md", "new",
                "pdf", "pem", "png", "pub", "py", "so", "sock", "svg", "tar", "toml", "txt"}
OTHER_FIRST_WORDS = {"agent", "firmware_config", "importlib", "os", "packbench", "paho", "sys", "tests"}
NO_CODES = {"candidate.body", "jobs.open"}  # a place in a layer, a counter of the store
# Codes that carry no sentence where they are given.
WORDS = {
    "calibration.factor-sign": ("the counts fall where the load grows", "Swap the cell's green and white wire."),
    "calibration.incomplete": ("the dialogue ended before its last step", "Begin again."),
    "calibration.unstable-zero": ("the empty scale does not come to rest", "Keep it clear of draught and touch."),
    "camera.codes-too-small": ("a code's narrowest bar is too few pixels wide", "Move the camera closer."),
    "camera.lifted-too-early": ("the box was lifted before its size was measured", "Leave it a moment longer."),
    "camera.measuring": ("the size is still being measured", ""),
    "camera.no-empty-picture": ("there is no picture of the empty platform", "Run `packbench calibrate camera`."),
    "camera.top-hidden": ("an edge of the lid is hidden", "Turn the box, or measure the height by hand."),
    "init.refused": ("the station would refuse such a file; the problems are listed", "Give other answers."),
    "print.agent-stopped": ("the agent stopped in mid page; nobody knows whether it came out", "Press the button."),
    "print.packer-has-it": ("the packer said that the page in doubt came out", ""),
    "print.packer-wants-new": ("the packer asked for the page again", ""),
    "print.seen": ("the camera saw the page in doubt on its box", ""),
    "printer.roll-short": ("the roll ends before the papers that wait for it do", "Have a new roll ready."),
    "scale.debris": ("something small lies on the platform since the last box", "Clear the platform."),
    "scale.left-on": ("something stands on the platform for longer than a box does", "Take it off."),
    "scale.zero-limit": ("zero has drifted as far as it may be followed", "Run `packbench check scale`."),
    "scanner.overflow": ("a scan without an end was dropped", "Scan again."),
}


def codes() -> dict[str, tuple[str, str]]:
    """Return (what it says, what to do) by stable code, from the calls and tables in which the codes stand.

    A code that carries no sentence there has the one of WORDS or of a README's table.
    """
    keys = {f"{section}.{key}" for section, table in settings_keys().items() for key in table}
    found: dict[str, tuple[str, str]] = {}
    for folder in ("agent", "calibration", "firmware_config"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for code, texts in _codes_in(ast.parse(path.read_text(encoding="utf-8"))):
                if code in keys | NO_CODES or len(texts) < len([each for each in found.get(code, ()) if each]):
                    continue
                found[code] = (texts[0] if texts else "", texts[1] if len(texts) > 1 else "")
    pages = [line for page in sorted(ROOT.rglob("README.md")) if ".venv" not in page.parts
             for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    for code in [code for code, (says, mend) in found.items() if not says and not mend]:
        if code in WORDS:
            found[code] = WORDS[code]
            continue
        row = next((line for line in pages if f"`{code}`" in line.split("|")[1]), "")
        found[code] = (row.strip("| ").rpartition("|")[2].strip(), "")
    return dict(sorted(found.items()))


def settings_keys() -> dict[str, list[str]]:
    """Return the keys of each section of station.toml; the section of the top level is an empty string."""
    keys: dict[str, list[str]] = {"": []}
    whole = msgspec.inspect.type_info(Settings)
    assert isinstance(whole, msgspec.inspect.StructType)
    for field in whole.fields:
        kind = field.type
        inner = getattr(kind, "item_type", kind)
        if isinstance(inner, msgspec.inspect.StructType):
            keys[field.name] = [each.name for each in inner.fields]
        else:
            keys[""].append(field.name)
    return keys


def _codes_in(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Yield each code with the sentences that follow it in the same call, tuple or table row."""
    texts = sorted((node.lineno, node.targets[0].id, _sentence(node.value)) for node in ast.walk(tree)
                   if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name))

    def sentence(node: ast.expr) -> str:
        """Return the text of a literal, or what was last assigned to the name that stands for it."""
        if isinstance(node, ast.Name):
            named = [(line, text) for line, name, text in texts if name == node.id]
            return max((each for each in named if each[0] <= node.lineno), default=(named or [(0, "")])[0])[1]
        return _sentence(node)

    for node in ast.walk(tree):
        rows: list[list[ast.expr]] = []
        if isinstance(node, ast.Call):
            rows = [[*node.args, *(keyword.value for keyword in node.keywords)]]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            rows = [list(node.elts)]
        elif isinstance(node, ast.Dict):
            rows = [[key, *_spread(value)] for key, value in zip(node.keys, node.values, strict=True) if key]
        elif isinstance(node, ast.Assign | ast.Return | ast.AnnAssign) and node.value is not None:
            rows = [_spread(node.value)]
        for row in rows:
            for place, each in enumerate(row):
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and _is_code(each.value):
                    yield each.value, [text for text in map(sentence, row[place + 1:]) if " " in text]


def _spread(value: ast.expr) -> list[ast.expr]:
    if isinstance(value, ast.Tuple):
        return list(value.elts)
    if isinstance(value, ast.Call):
        return list(value.args)
    return [value]


def _is_code(text: str) -> bool:
    words = text.split(".")
    return bool(CODE.fullmatch(text)) and not set(words) & FILE_ENDINGS and words[0] not in OTHER_FIRST_WORDS


def _sentence(node: ast.expr) -> str:
    """Return a string or f-string as text, with ... where a value goes; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
    return ""


CODES_HEAD = """# Codes

Every stable code that packbench gives, in events, logs and on screens: what it says, and what to do. Generated from
the code by `make reference`; `...` stands for what was seen. What `pbctl` answers is in
[systemd/README.md](../systemd/README.md).

| code | it says | what to do |
| --- | --- | --- |
"""

COMMANDS_HEAD = """# Commands

One file a group; `__init__.py` is the table of contents, and imports a command when it is called. Everything that
reports takes `--json`. Exit codes: 0 done, 1 failed, 2 usage or bad input, 3 checked and out of tolerance. Below is
what each command says of itself, written by `make reference`.
"""


def codes_page() -> str:
    """Return agent/codes.md."""
    rows = "".join(f"| `{code}` | {_cell(says)} | {_cell(mend)} |\n" for code, (says, mend) in codes().items())
    return CODES_HEAD + rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Context]]:
    """Yield each command below this one with its context, groups before what they hold."""
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    yield name, context
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None:
                yield from commands(below, f"{name} {word}")


def commands_page() -> str:
    """Return agent/cli/README.md."""
    return COMMANDS_HEAD + "".join(f"\n## {name}\n\n```\n{context.get_help()}\n```\n"
                                   for name, context in commands(packbench, "packbench"))


def station_page() -> str:
    """Return agent/station/README.md with its table of transitions anew."""
    from tests.station.test_promises import transitions

    rows = "".join(f"| {thing} | {before} | {event} | {now} |\n" for thing, before, event, now in transitions(9))
    table = "| what | was | event | is |\n|---|---|---|---|\n" + rows
    before, rest = STATION.read_text(encoding="utf-8").split("<!-- transitions -->\n")
    return f"{before}<!-- transitions -->\n{table}<!-- end -->{rest.partition('<!-- end -->')[2]}"


if __name__ == "__main__":
    STATION.write_text(station_page(), encoding="utf-8")
    CODES.write_text(codes_page(), encoding="utf-8")
    COMMANDS.write_text(commands_page(), encoding="utf-8")
