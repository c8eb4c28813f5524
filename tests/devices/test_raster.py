"""Raster: brother_ql's bytes out, our reader back, and brother_ql's own reader as a second opinion."""

from __future__ import annotations

import contextlib
import io
import random
from typing import TYPE_CHECKING, Any

import pytest
from brother_ql.conversion import convert
from brother_ql.raster import BrotherQLRaster
from brother_ql.reader import BrotherQLReader
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from agent.devices import DeviceError, raster
from agent.devices.ql_media import media_name, printable_dots

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = [
    ("QL-500", "29x90"), ("QL-570", "62"), ("QL-700", "62x100"), ("QL-800", "62red"), ("QL-820NWB", "62"),
    ("QL-820NWB", "62x100"), ("QL-1060N", "102x152"), ("QL-1100", "62"), ("QL-1100", "102"),
    ("QL-1110NWB", "103x164"), ("QL-700", "d24"),
]  # fmt: skip


def drawn(media: str, seed: int = 1, height: int = 400) -> Image.Image:
    chance = random.Random(seed)
    width, fixed = printable_dots(media)
    picture = Image.new("1", (width, fixed or height), 1)
    pen = ImageDraw.Draw(picture)
    for _ in range(80):
        x, y = chance.randrange(width), chance.randrange(picture.height)
        pen.rectangle((x, y, x + chance.randrange(40), y + chance.randrange(60)), fill=0)
    return picture


@pytest.mark.parametrize(("model", "media"), PAIRS)
def test_a_page_comes_back_dot_for_dot(model: str, media: str) -> None:
    picture = drawn(media)
    (page,) = raster.decode(raster.encode(picture, model=model, media=media))
    assert page.picture().tobytes() == picture.tobytes()
    assert page.last
    assert page.header.rows == picture.height
    assert page.header.media == ("62" if media == "62red" else media)


@pytest.mark.filterwarnings("ignore:Image.Image.getdata")  # brother_ql's two-colour path
@pytest.mark.parametrize(("model", "media"), PAIRS)
def test_the_bytes_are_those_of_brother_ql(model: str, media: str) -> None:
    picture = drawn(media)
    theirs: Any = convert(BrotherQLRaster(model), [picture.convert("RGB")], media, rotate=0, red=media == "62red")
    # Theirs asks for a status in the middle of the job; ours asks before it.
    assert raster.encode(picture, model=model, media=media) == theirs.replace(b"\x1biS", b"", 1)


@pytest.mark.parametrize("compress", [False, True])
def test_both_readers_see_the_same_page(tmp_path: Path, compress: bool) -> None:  # noqa: FBT001 (a parameter)
    job: Any = convert(BrotherQLRaster("QL-1100"), [drawn("103x164").convert("RGB")], "103x164", compress=compress)
    reader = BrotherQLReader(io.BytesIO(job))
    reader.filename_fmt = str(tmp_path / "page{counter}.png")
    reader.analyse()
    (page,) = raster.decode(job)
    with Image.open(tmp_path / "page1.png") as theirs:
        assert theirs.size == (1296, 1822)
        assert theirs.crop((40, 0, 1240, 1822)).convert("1").tobytes() == page.picture().tobytes()


def test_two_pages_of_one_job_stay_two_pages() -> None:
    pictures = [drawn("62", seed=1, height=200), drawn("62", seed=2, height=300)]
    job: Any = convert(BrotherQLRaster("QL-820NWB"), [picture.convert("RGB") for picture in pictures], "62")
    pages = raster.decode(job)
    assert [page.picture().tobytes() for page in pages] == [picture.tobytes() for picture in pictures]
    assert [page.last for page in pages] == [False, True]


def test_bytes_that_come_one_by_one_mean_the_same() -> None:
    job = raster.encode(drawn("62", height=160), model="QL-820NWB", media="62")
    reader = raster.Reader()
    events = [event for byte in job for event in reader.feed(bytes([byte]))]
    (page,) = (event for event in events if isinstance(event, raster.Page))
    assert page.rows == raster.decode(job)[0].rows


def test_the_first_byte_that_can_make_a_dot_is_the_first_row() -> None:
    job = raster.encode(drawn("62x100"), model="QL-700", media="62x100")
    header, first_dot = raster.header(job)
    assert (header.media, header.rows) == ("62x100", 1109)
    assert job[first_dot : first_dot + 3] == b"g\x00\x5a"
    assert raster.Reader().feed(job[:first_dot]) == ["reset"]


def test_a_job_of_the_makers_own_driver_is_read() -> None:
    head = bytes(350) + bytes.fromhex(
        "1b40 1b696101 1b692101 1b69554a" + "00" * 14
        + "1b697a860a3e00020000000000 1b694d40 1b694101 1b694b08 1b69643b00 4d02"
    )
    (page,) = raster.decode(head + b"g\x00\x02\xa7\xff" + b"Z" + b"\x1a")
    assert page.rows == [b"\xff" * 90, b""]
    assert (page.margin_dots, page.cut) == (59, True)
    assert page.picture().size == (696, 2)


def test_a_page_whose_rows_lost_bytes_on_their_way_can_still_be_looked_at() -> None:
    header = raster.Header(raster.CONTINUOUS, 62, 0, 3, first=True)
    page = raster.Page(header, rows=[b"\xff" * 90, b"\xff" * 12, b""], red_rows=[b"", b"\xff" * 100, b""])
    assert page.picture().height == 3


@pytest.mark.parametrize(("job", "says"), [
    (b"\x1b@\x1bi", "ends in the middle"),
    (b"hello", "no raster command"),
    (b"\x1b@g\x00\x02\xff\xff", "ends in the middle"),
    (bytes.fromhex("1b697a860a3e0002000000000067000100 1a"), "has 1 rows, its header says 2"),
    (bytes.fromhex("4d02 670001fe 1a"), "in the middle of a run"),
    (bytes.fromhex("4d02 67000205ff 1a"), "in the middle of a run"),
])  # fmt: skip
def test_what_is_no_job_is_refused_with_what_was_found(job: bytes, says: str) -> None:
    with pytest.raises(raster.RasterError) as refused:
        raster.decode(job)
    assert says in str(refused.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_job_or_an_error(noise: bytes) -> None:
    with contextlib.suppress(raster.RasterError):
        assert all(page.rows for page in raster.decode(noise) if page.header.rows)


@given(st.binary(min_size=1, max_size=300))
def test_packed_rows_are_unpacked(row: bytes) -> None:
    import packbits

    assert raster.unpack_bits(packbits.encode(row)) == row


@pytest.mark.parametrize(("size", "model", "media", "code"), [
    ((696, 400), "QL-9000", "62", "printer.unknown-model"),
    ((696, 400), "QL-820NWB", "63", "printer.unknown-media"),
    ((1200, 1822), "QL-820NWB", "103x164", "printer.media-not-for-model"),
    ((696, 400), "QL-700", "62red", "printer.media-not-for-model"),
    ((700, 400), "QL-820NWB", "62", "printer.page-size"),
    ((696, 400), "QL-820NWB", "62x100", "printer.page-size"),
    ((696, 149), "QL-820NWB", "62", "printer.page-size"),
    ((696, 11812), "QL-820NWB", "62", "printer.page-size"),
])  # fmt: skip
def test_a_page_that_does_not_fit_is_refused_by_name(size: tuple[int, int], model: str, media: str, code: str) -> None:
    with pytest.raises(DeviceError) as refused:
        raster.encode(Image.new("1", size, 1), model=model, media=media)
    assert refused.value.code == code
    assert refused.value.hint


@pytest.mark.parametrize(("measured", "name"), [
    ((62, 0), "62"), ((62, 100), "62x100"), ((104, 164), "103x164"), ((102, 153), "102x152"), ((102, 152), "102x152"),
    ((24, 24), "d24"), ((23, 23), "23x23"), ((90, 17), "90x17"), ((77, 0), "77"),
])  # fmt: skip
def test_what_the_printer_measures_has_the_labels_name(measured: tuple[int, int], name: str) -> None:
    assert media_name(*measured) == name
