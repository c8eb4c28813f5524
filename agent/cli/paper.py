"""`packbench paper`: slips, labels and command sheets as PNG files, without a printer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from agent.papers.page import PaperError, media

if TYPE_CHECKING:
    from agent.papers.page import Media, Page, Paper
    from agent.station.values import Job

BAD_INPUT = 2
_CORRECT = "Correct the job; `packbench contract` names every field."


@click.group()
def group() -> None:
    """Render slips, labels and command sheets to pictures."""


@group.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--media", "media_name", help="Roll to render for; each paper's own, else 62 and 62x100.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the PNG files."
)
@click.option(
    "--parcel", type=click.IntRange(1, 999_999), default=1, show_default=True, help="Which parcel of the job."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a page.")
def render(file: Path, media_name: str | None, out: Path, parcel: int, as_json: bool) -> None:
    """Render the papers of a job as they would be printed, dot for dot.

    FILE is the payload of `job/assign`, or a list of such jobs: then each gets a folder of its own. A job that has no
    papers is rendered with a slip and a label. Weights come from the items, since nothing was weighed; the proof marks
    are not those of a real print. Exit status 1: a paper was refused, as the station would refuse it.
    """
    jobs = _jobs(file)
    try:
        roll = media(media_name) if media_name else None
    except PaperError as error:
        _refuse(error.code, error.detail, error.hint)
    whole = [_rendered(job, roll, out / job.job if len(jobs) > 1 else out, parcel, as_json) for job in jobs]
    sys.exit(0 if all(whole) else 1)


def _rendered(job: Job, roll: Media | None, out: Path, parcel: int, as_json: bool) -> bool:
    """Render the papers of one job; False when one was refused."""
    from agent.papers.from_job import paper_of, preview

    whole = True
    for order, default in preview(job, parcel):
        try:
            paper = paper_of(order, roll or media(default))
            _verified(paper)
        except PaperError as error:
            whole = False
            refused = {"refused": error.code, "detail": error.detail, "hint": error.hint}
            _say({"job": job.job, "paper": order.page.paper, **refused}, as_json)
            continue
        _write(paper, out, order.page.paper, (roll or media(default)).name, as_json)
    return whole


@group.command()
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the PNG files."
)
@click.option(
    "--media", "media_name", default="62", show_default=True, help="Roll to render for: 62 endless, or 62x29."
)
@click.option("--lang", default="en", show_default=True, help="Language of the packers (BCP 47).")
@click.option("--carton", "cartons", multiple=True, metavar="NAME", help="Add a card `took carton NAME`; repeat it.")
@click.option("--badge", "badges", multiple=True, metavar="NUMBER=NAME", help="Add a packer's badge; repeat it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a card.")
def commands(
    out: Path, media_name: str, lang: str, cartons: tuple[str, ...], badges: tuple[str, ...], as_json: bool
) -> None:
    """Render the command cards: repeat label, hold, release, next parcel, and so on.

    Print them, keep each by itself: a camera would read all the commands of one sheet at once.
    """
    from agent.papers.cards import cards, command_cards
    from agent.papers.fonts import Fonts
    from agent.station.commands import Card, Command, card_of

    shown = [(card, "") for card in command_cards(cartons)]
    shown += [(Card(Command.BADGE, number), name) for number, _, name in (badge.partition("=") for badge in badges)]
    for card, _ in shown:
        if card_of(card.text) != card:
            _refuse(
                "paper.card-value", f"{card.value!r} can't stand on a card.", "Use 1 to 16 letters, digits, - and _."
            )
    try:
        paper = cards(shown, media(media_name), Fonts.installed(), lang)
        _verified(paper)
    except PaperError as error:
        _refuse(error.code, error.detail, error.hint)
    _write(paper, out, "card", media_name, as_json)


def _jobs(file: Path) -> list[Job]:
    from msgspec import DecodeError, ValidationError
    from msgspec.json import decode

    from agent.messages.checks import MessageError, check_job, tidy
    from agent.station.values import Job

    try:
        content = tidy(file.read_bytes())
        jobs = decode(content, type=list[Job]) if content.lstrip()[:1] == b"[" else [decode(content, type=Job)]
        if not jobs:
            _refuse("paper.not-a-job", f"{file}: the list is empty.", _CORRECT)
        return [check_job(job, entities=False) for job in jobs]
    except OSError as error:
        _refuse("paper.no-file", f"{file}: {error.strerror}.", "Give a file with the payload of a job.")
    except MessageError as error:
        _refuse(error.code, f"{file}: {error.detail}", _CORRECT)
    except (ValidationError, DecodeError) as error:
        _refuse("paper.not-a-job", f"{file}: {error}.", _CORRECT)


def _verified(paper: Paper) -> None:
    from agent.papers.verify import verify

    verify(paper)


def _write(paper: Paper, out: Path, name: str, roll: str, as_json: bool) -> None:
    for page in paper.pages:
        path = out / f"{name}-{page.number}.png"
        try:
            out.mkdir(parents=True, exist_ok=True)
            page.image.save(path, dpi=(300, 300))
        except OSError as error:
            _refuse("paper.no-folder", f"{out}: {error.strerror}.", "Name a folder that can be written.")
        _say(_row(page, path, roll, paper), as_json)


def _row(page: Page, path: Path, roll: str, paper: Paper) -> dict[str, Any]:
    codes = [
        {"ident": code.ident, "text": code.content.decode(errors="replace"), "module_dots": code.module}
        for code in page.codes
    ]
    return {
        "file": str(path),
        "media": roll,
        "page": page.number,
        "of": page.of,
        "width_mm": page.width_mm,
        "length_mm": page.length_mm,
        "codes": codes,
        "warnings": [{"code": warning.code, "detail": warning.detail} for warning in paper.warnings],
    }


def _say(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
    elif "refused" in row:
        click.echo(f"{row['job']} {row['paper']}: refused, {row['refused']}: {row['detail']} {row['hint']}", err=True)
    else:
        codes = ", ".join(f"{code['text']} ({code['ident']}, {code['module_dots']} dots)" for code in row["codes"])
        click.echo(
            f"{row['file']}  {row['media']}, {row['width_mm']} x {row['length_mm']} mm, page {row['page']} of "
            f"{row['of']}; read back: {codes or 'no codes'}"
        )
        for warning in row["warnings"] if row["page"] == 1 else []:
            click.echo(f"  warning {warning['code']}: {warning['detail']}", err=True)


def _refuse(code: str, detail: str, hint: str) -> NoReturn:
    click.echo(f"{code}: {detail} {hint}", err=True)
    sys.exit(BAD_INPUT)
