"""`packbench init`: the first station.toml, by asking or by flags."""

from __future__ import annotations

import json
import socket
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn, get_args, get_type_hints

import click

TLS = "/run/credentials/packbench.service/tls_"


# What every station has to say; what its drivers need besides is asked for when the settings miss it.
QUESTIONS = (
    ("station.id", "This station's name (letters, digits, . _ -)", socket.gethostname().split(".")[0]),
    ("station.site", "The site whose work it does", ""),
    ("broker.url", "The broker", "mqtts://broker.local:8883"),
    ("scale.driver", "The scale's driver", "none"),
    ("camera.driver", "The camera's driver", "none"),
    ("printer.driver", "The printer's driver", "none"),
    ("printer.model", "The printer's model, as printed on it", "QL-820NWB"),
    ("printer.media", "The roll in it (62, 62x100, ...)", "62"),
    ("signals.driver", "Lamps and button", "off"),
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("/etc/packbench/station.toml"))
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE",
              help="An answer in advance, such as station.id=st-07 or printer.driver=tcp.")
@click.option("--no-input", is_flag=True, help="Ask nothing: what is not given has its default.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(file: Path, given: tuple[str, ...], no_input: bool, force: bool) -> None:
    """Write a first station file to FILE, and say what to do next. Every key is explained in the reference file."""
    if file.exists() and not force:
        _end("init.exists", f"{file} is there already; change it with an editor, or use --force.")
    answers = dict(each.partition("=")[::2] for each in given)
    for key, words, default in QUESTIONS:
        section, _, name = key.partition(".")
        if key in answers or (name in {"model", "media"} and answers[f"{section}.driver"] == "none"):
            continue
        if name == "driver":
            words += f" ({', '.join(dict.fromkeys(['none', *drivers_of(section)]))})"  # noqa: PLW2901 (the rest of the question)
        answers[key] = default if no_input else click.prompt(words, default=default or None)
    text = _accepted(answers, str(file), ask=not no_input)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        _end("init.not-written", f"{error}. Use sudo, or name another file.", 1)
    click.echo(f"{file} is written.")
    if text.count(TLS):
        click.echo(f"next: the admin's token in hand: packbench provision request {answers['station.id']}")
    click.echo("next: packbench doctor; then: systemctl restart packbench")


def _accepted(answers: dict[str, str], source: str, *, ask: bool) -> str:
    """Return the file once the settings accept it; what they miss is asked for, anything else ends here."""
    from firmware_config.settings import ConfigError, parse

    while True:
        text = toml_of(answers)
        try:
            parse(tomllib.loads(text), source)
        except ConfigError as error:
            missing = [p for p in error.problems if p.code == "config.missing-key" and not answers.get(p.key)]
            if not ask or len(missing) < len(error.problems):
                _end("init.refused", str(error))
            answers |= {each.key: click.prompt(f"{each.key}: {each.text}") for each in missing}
        else:
            return text


def drivers_of(section: str) -> tuple[str, ...]:
    """Return the drivers that a section of station.toml knows."""
    return get_args(_hint(section, "driver"))


def toml_of(answers: dict[str, str]) -> str:
    """Return the file for these answers by key; a section whose driver is none is left out.

    >>> print(toml_of({"station.id": "7", "scale.driver": "none", "scale.rate_sps": "80"}), end="")
    # This station; every key is explained in the reference, firmware_config/station.toml.
    <BLANKLINE>
    [station]
    id = "7"
    """
    lines = ["# This station; every key is explained in the reference, firmware_config/station.toml.", ""]
    sections = dict.fromkeys(key.partition(".")[0] for key in answers if "." in key)
    lines += [f"{key} = {json.dumps(value)}" for key, value in answers.items() if "." not in key]
    for section in sections:
        if answers.get(f"{section}.driver") == "none":
            continue
        lines.append(f"[{section}]")
        lines += [f"{name} = {_value(section, name, value)}" for key, value in answers.items()
                  for where, _, name in [key.partition(".")] if where == section]
        if section == "broker" and answers.get("broker.url", "").startswith("mqtts://"):
            names = {"ca_file": "ca.pem", "cert_file": "station.pem", "key_file": "station.key"}
            lines += [f'{key} = "{TLS}{name}"' for key, name in names.items() if f"broker.{key}" not in answers]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _value(section: str, name: str, text: str) -> str:
    """Return the text as TOML: as it is where the settings want a number or a list, in quotes elsewhere."""
    hint = _hint(section, name)
    wants_text = hint in {str, None} or any(isinstance(each, str) for each in get_args(hint))
    try:
        tomllib.loads(f"it = {text}")
    except tomllib.TOMLDecodeError:
        wants_text = True  # the settings will say what they want instead
    return json.dumps(text, ensure_ascii=False) if wants_text else text


def _hint(section: str, name: str) -> Any:  # noqa: ANN401 (a type of the settings)
    from firmware_config import settings

    kind = getattr(settings, section.capitalize(), None)
    return get_type_hints(kind).get(name) if isinstance(kind, type) else None


def _end(code: str, text: str, exit_code: int = 2) -> NoReturn:
    click.echo(f"{text} ({code})", err=True)
    sys.exit(exit_code)
