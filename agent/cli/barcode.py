"""`packbench barcode`: read the codes in pictures, and say what each one is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from agent.vision.barcodes import Code

PROGRESS_FROM = 10
"""From so many pictures on, progress is shown on a terminal's error output."""


@click.group()
def group() -> None:
    """Read barcodes from pictures."""


class ManyTexts(click.Command):
    """Lets `--expect` take several texts, `--expect A B`, up to the next option or existing file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        expecting = first = False
        for arg in args:
            if arg == "--expect":
                expecting = first = True
                continue
            if not first and (arg.startswith("--") or Path(arg).is_file()):
                expecting = False
            spread += ["--expect", arg] if expecting else [arg]
            first = False
        return super().parse_args(ctx, [*spread, "--expect"] if first else spread)


@group.command(cls=ManyTexts)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option(
    "--formats",
    "names",
    multiple=True,
    metavar="NAME[,NAME...]",
    help="Symbologies to read, such as Code128,EAN13,QRCode. Default: all but UPC-E, Codabar and short ITF.",
)
@click.option(
    "--expect",
    "expected",
    multiple=True,
    metavar="TEXT...",
    help="Texts that should be there; a picture is done when all were read. May be repeated.",
)
@click.option(
    "--budget-s",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.01, 600),
    help="Processor time per picture.",
)
@click.option(
    "--draw",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write each picture there with its codes outlined.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list with one object per picture.")
def read(
    images: tuple[Path, ...],
    names: tuple[str, ...],
    expected: tuple[str, ...],
    budget_s: float,
    folder: Path | None,
    *,
    as_json: bool,
) -> None:
    """Read every barcode in pictures, at any angle.

    A code that is readable but not to be believed stands under "refused" with the reason. Exit status 2 when a
    picture could not be read; the others are read all the same.
    """
    from agent.vision.barcodes_symbologies import DEFAULT, formats_from_names

    try:
        formats = (
            formats_from_names(name.strip() for names_ in names for name in names_.split(",")) if names else DEFAULT
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--formats") from None
    rows = list(_with_progress(images, _rows(images, formats, expected, budget_s, folder)))
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo("\n".join(line for row in rows for line in _lines(row)))
    if any("error" in row for row in rows):
        sys.exit(2)


def _rows(
    images: tuple[Path, ...], formats: frozenset[str], expected: tuple[str, ...], budget_s: float, folder: Path | None
) -> Iterator[dict[str, Any]]:
    from agent.clock import effort
    from agent.vision.barcodes import read_codes
    from agent.vision.pictures import PictureError, grey_picture

    copies = _copies(images, folder) if folder else {}
    for image in images:
        try:
            grey = grey_picture(image)
        except PictureError as error:
            yield {
                "image": str(image),
                "codes": [],
                "refused": [],
                "error": {"code": error.code, "detail": error.detail, "hint": error.hint},
            }
            continue
        codes = read_codes(grey, expect=expected, formats=formats, budget_s=budget_s, now=effort())
        if image in copies:
            _draw(grey, codes, copies[image])
        yield {
            "image": str(image),
            "codes": [_row(code) for code in codes if code.accepted],
            "refused": [_row(code) | {"why_not": code.why_not} for code in codes if not code.accepted],
        }


def _row(code: Code) -> dict[str, Any]:
    from agent.vision.gs1 import gs1_of

    gs1 = gs1_of(code)
    return {
        "text": code.text,
        "symbology": code.symbology,
        "identifier": code.identifier,
        "corners": [list(point) for point in code.corners],
        "stage": code.stage,
        "gs1": None
        if gs1 is None
        else {
            "elements": [list(pair) for pair in gs1.elements],
            "gtin": gs1.gtin,
            "sscc": gs1.sscc,
            "errors": list(gs1.errors),
        },
    }


def _lines(row: dict[str, Any]) -> Iterator[str]:
    yield printable(row["image"])
    for code in row["codes"]:
        gs1 = " ".join(f"({identifier}){value}" for identifier, value in (code["gs1"] or {"elements": []})["elements"])
        yield f"  {code['symbology']:10} {printable(code['text'])}" + (f"   GS1 {printable(gs1)}" if gs1 else "")
        for error in (code["gs1"] or {"errors": []})["errors"]:
            yield f"  {'':10} but {printable(error)}"
    for code in row["refused"]:
        yield f"  {code['symbology']:10} {printable(code['text'])}   not accepted: {code['why_not']}"
    if error := row.get("error"):
        yield f"  {error['code']}: {printable(error['detail'])} {error['hint']}"
    elif not row["codes"] and not row["refused"]:
        yield "  no code"


def printable(text: str) -> str:
    r"""Return a text that cannot steer a terminal: control and invisible characters as escapes, 200 characters at most.

    >>> printable(chr(27) + "[31mA" + chr(29) + "B")
    '\\x1b[31mA\\x1dB'
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown if len(shown) <= 200 else f"{shown[:197]}..."


def _with_progress(images: tuple[Path, ...], rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if len(images) < PROGRESS_FROM:
        yield from rows
        return
    with click.progressbar(rows, length=len(images), label="Reading", file=sys.stderr) as bar:
        yield from bar


def _copies(images: Iterable[Path], folder: Path) -> dict[Path, Path]:
    """Where the drawn copy of each picture goes: under its own name, numbered where another picture has that."""
    copies: dict[Path, Path] = {}
    taken = {image.resolve() for image in images}
    for image in images:
        suffix = ".jpg" if image.suffix.lower() in {".jpg", ".jpeg"} else ".png"
        names = (f"{image.stem}{number}{suffix}" for number in ("", *(f".{n}" for n in range(2, len(taken) + 3))))
        copies[image] = next(folder / name for name in names if (folder / name).resolve() not in taken)
        taken.add(copies[image].resolve())
    return copies


def _draw(grey: NDArray[np.uint8], codes: list[Code], copy: Path) -> None:
    """Write a grey copy with accepted codes outlined in green and refused ones in red."""
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(grey).convert("RGB")
    pen = ImageDraw.Draw(canvas)
    width = max(2, max(canvas.size) // 400)
    letters_px = max(11, max(canvas.size) // 100)
    font = ImageFont.load_default(letters_px)
    for code in codes:
        colour = (0, 160, 60) if code.accepted else (210, 30, 30)
        pen.polygon(code.corners, outline=colour, width=width)
        left, top = min(code.corners, key=lambda point: point[1])
        label = f"{code.symbology} {printable(code.text)[:40]}".encode("ascii", "replace").decode("ascii")
        pen.text((left, max(0, top - 1.3 * letters_px)), label, fill=colour, font=font)
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        canvas.save(copy)
    except OSError as error:
        raise click.ClickException(f"{copy} cannot be written: {error.strerror or error}.") from None
