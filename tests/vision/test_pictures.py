"""Whatever a picture file is, it becomes grey pixels or a reason."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from agent.vision.barcodes import read_codes
from agent.vision.pictures import PictureError, grey_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = "PACK-4711"


def code(*, scale: int = 3) -> Image.Image:
    barcode = zxingcpp.create_barcode(TEXT, zxingcpp.BarcodeFormat.Code128)
    return Image.fromarray(np.pad(np.array(barcode.to_image(scale=scale)), 20, constant_values=255))


def texts(path: Path) -> list[str]:
    return [found.text for found in read_codes(grey_picture(path), budget_s=60, now=lambda: 0.0) if found.accepted]


def sixteen_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 16)  # a 12-bit camera in a 16-bit file: dark


def with_alpha(image: Image.Image) -> Image.Image:
    wide = Image.new("RGBA", image.size, (0, 0, 0, 0))
    wide.paste((0, 0, 0, 255), mask=image.point(lambda level: 255 - level))
    return wide


KINDS: dict[str, tuple[str, Callable[[Image.Image], Image.Image], dict[str, object]]] = {
    "grey JPEG": (".jpg", lambda image: image, {}),
    "colour JPEG": (".jpg", lambda image: image.convert("RGB"), {}),
    "CMYK JPEG": (".jpg", lambda image: image.convert("CMYK"), {}),
    "16-bit PNG": (".png", sixteen_bit, {}),
    "1-bit PNG": (".png", lambda image: image.convert("1"), {}),
    "palette GIF": (".gif", lambda image: image.convert("P"), {}),
    "black on transparent PNG": (".png", with_alpha, {}),
    "float TIFF": (".tif", lambda image: image.convert("F"), {}),
    "WebP": (".webp", lambda image: image.convert("RGB"), {"lossless": True}),
    "BMP": (".bmp", lambda image: image, {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_is_read_from_each_kind_of_file(tmp_path: Path, kind: str) -> None:
    suffix, change, options = KINDS[kind]
    change(code()).save(tmp_path / f"code{suffix}", **options)  # type: ignore[arg-type]  # options of one kind of file
    assert texts(tmp_path / f"code{suffix}") == [TEXT]


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    blank = Image.new("L", code().size, 255)
    code().save(tmp_path / "moving.gif", save_all=True, append_images=[blank, blank], duration=100)
    assert texts(tmp_path / "moving.gif") == [TEXT]


def test_a_picture_stands_upright_as_its_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
    code().save(tmp_path / "turned.jpg", exif=exif)
    width, height = code().size
    assert grey_picture(tmp_path / "turned.jpg").shape == (width, height)
    assert texts(tmp_path / "turned.jpg") == [TEXT]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\x00" * 100))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "picture.empty"),
        (b"not a picture at all", "picture.unknown"),
        (b"\x89PNG\r\n\x1a\n", "picture.unknown"),
        (png_header(100, 100), "picture.broken"),
        (png_header(9_000, 9_000), "picture.too-large"),
        (png_header(200_000, 200_000), "picture.too-large"),
    ],
)
def test_a_file_that_is_no_picture_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "wrong.png").write_bytes(content)
    with pytest.raises(PictureError) as error:
        grey_picture(tmp_path / "wrong.png")
    assert error.value.code == reason
    assert error.value.hint


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"])
def test_a_file_cut_off_anywhere_is_a_reason_or_a_picture_but_never_a_crash(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    code(scale=1).save(whole)
    content = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    reasons = set()
    for length in range(1, len(content), max(1, len(content) // 25)):
        cut.write_bytes(content[:length])
        try:
            grey_picture(cut)
        except PictureError as error:
            reasons.add(error.code)
    assert reasons <= {"picture.unknown", "picture.broken", "picture.too-large"}
    assert reasons


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.jpg"):
        with pytest.raises(PictureError) as error:
            grey_picture(path)
        assert error.value.code == "picture.missing"
