"""`packbench barcode read`: the list that others read, reasons beside it, and a terminal that codes cannot steer."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zxingcpp
from click.testing import CliRunner
from PIL import Image

from agent.cli.barcode import group

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str | bytes, symbology: str = "Code128", **options: bool) -> Path:
    barcode = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology), **options)
    Image.fromarray(np.pad(np.array(barcode.to_image(scale=3)), 24, constant_values=255)).save(path)
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(group, ["read", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def rows(*arguments: object) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(run(*arguments, "--json")[1])
    return listed


def test_json_is_one_object_a_picture_with_six_fields_a_code(tmp_path: Path) -> None:
    image = write(tmp_path / "sscc.png", "(00)340123450000000017", gs1=True)
    (row,) = rows(image)
    (code,) = row["codes"]
    assert row["image"] == str(image)
    assert set(code) == {"text", "symbology", "identifier", "corners", "stage", "gs1"}
    assert (code["text"], code["symbology"], code["identifier"]) == ("00340123450000000017", "Code128", "]C1")
    assert np.shape(code["corners"]) == (4, 2)
    assert code["gs1"]["elements"] == [["00", "340123450000000017"]]


def test_a_code_that_is_not_accepted_stands_beside_with_its_reason(tmp_path: Path) -> None:
    image = write(tmp_path / "short.png", "123456", "ITF")
    (row,) = rows(image)
    assert row["codes"] == []
    assert [code["text"] for code in row["refused"]] == ["123456"]
    assert "cut-off" in row["refused"][0]["why_not"]
    assert [code["text"] for code in rows(image, "--formats", "ITF")[0]["codes"]] == ["123456"]


def test_a_broken_picture_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    good = write(tmp_path / "good.png", "PACK-4711")
    (tmp_path / "bad.jpg").write_bytes(good.read_bytes()[:100])
    status, output, _ = run(tmp_path / "bad.jpg", tmp_path / "none.jpg", good, "--json")
    listed = json.loads(output)
    assert status == 2
    assert [row.get("error", {}).get("code") for row in listed] == ["picture.broken", "picture.missing", None]
    assert [code["text"] for code in listed[2]["codes"]] == ["PACK-4711"]


def test_several_texts_may_follow_expect(tmp_path: Path) -> None:
    image = write(tmp_path / "ean.png", "4006381333931", "EAN13")
    for arguments in (
        (image, "--expect", "x", "4006381333931"),
        ("--expect", "4006381333931", image),
        (image, "--expect", "x", "--expect", "4006381333931"),
    ):
        (row,) = rows(*arguments)
        assert [code["text"] for code in row["codes"]] == ["4006381333931"]
    assert rows(image, "--expect", "other")[0]["codes"] == []


def test_an_unknown_symbology_is_a_usage_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    status, _, errors = run(write(tmp_path / "a.png", "A"), "--formats", "Code128,Foo")
    assert status == 2
    assert "Foo" in errors
    assert "DataMatrix" in errors
    assert run(tmp_path / "a.png", "--expect")[0] == 2


def test_a_code_cannot_steer_the_terminal(tmp_path: Path) -> None:
    image = write(tmp_path / "evil.png", b"\x1b[2J\x1b]0;owned\x07\r\n\x9b1A\xe2\x80\xae" + b"A" * 900, "QRCode")
    status, output, _ = run(image)
    assert status == 0
    assert all(char.isprintable() or char == "\n" for char in output)
    assert r"\x1b[2J" in output
    assert max(map(len, output.splitlines())) < 400


def test_the_drawn_copy_has_the_code_outlined_and_no_original_is_touched(tmp_path: Path) -> None:
    image, twin = write(tmp_path / "a.png", "PACK-4711"), tmp_path / "other" / "a.png"
    twin.parent.mkdir()
    write(twin, "PACK-4712")
    before = image.read_bytes()
    assert run(image, twin, "--draw", tmp_path)[0] == 0
    assert image.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("a*")) == ["a.2.png", "a.3.png", "a.png"]
    with Image.open(tmp_path / "a.2.png") as drawn:
        green = np.all(np.asarray(drawn.convert("RGB")) == (0, 160, 60), axis=2)
    assert green.sum() > 100
    assert run(image, "--draw", tmp_path / "new")[0] == 0
    assert (tmp_path / "new" / "a.png").exists()


@pytest.mark.parametrize("mode", ["F", "I;16", "CMYK", "P", "LA", "1"])
def test_pictures_of_every_mode_are_read_and_drawn(tmp_path: Path, mode: str) -> None:
    image = write(tmp_path / "a.png", "PACK-4711")
    odd = tmp_path / "odd.tif"
    with Image.open(image) as opened:
        wide = Image.fromarray(np.asarray(opened, np.uint16) * 200) if mode == "I;16" else opened.convert(mode)
    wide.save(odd)
    status, output, _ = run(odd, "--draw", tmp_path / "drawn", "--json")
    assert (status, [code["text"] for code in json.loads(output)[0]["codes"]]) == (0, ["PACK-4711"])
    assert (tmp_path / "drawn" / "odd.png").exists()


def test_drawing_into_a_place_that_cannot_be_written_is_a_reason(tmp_path: Path) -> None:
    image = write(tmp_path / "a.png", "PACK-4711")
    status, _, errors = run(image, "--draw", image)
    assert status == 2
    assert "a.png" in errors


@pytest.mark.parametrize("command", [["barcode", "--help"], ["barcode", "read", "--help"]])
def test_help_loads_neither_opencv_nor_numpy(command: list[str]) -> None:
    script = (
        "import sys; from agent.__main__ import packbench\ntry: packbench(sys.argv[1:])\n"
        "except SystemExit: pass\nprint(sorted({'cv2', 'numpy', 'PIL', 'zxingcpp'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True)
    assert shown.stdout.endswith("[]\n")
