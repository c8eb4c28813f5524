"""Pages as files, for a station without a printer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from agent.devices import NotPrinted, Printed, raster
from agent.devices.png_printer import PngPrinter

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = Image.new("1", (696, 400), 1)
PICTURE.paste(0, (20, 20, 200, 90))
JOB = raster.encode(PICTURE, model="QL-820NWB", media="62")


def test_each_page_is_a_file_of_its_own(tmp_path: Path) -> None:
    for printer in (PngPrinter(tmp_path), PngPrinter(tmp_path)):  # the second one after a restart
        assert printer.status().code == ""
        assert list(printer.print_page(JOB)) == [Printed()]
        printer.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page-0001.png", "page-0002.png"]
    with Image.open(tmp_path / "page-0002.png") as page:
        assert page.tobytes() == PICTURE.tobytes()


def test_a_folder_that_takes_no_file_is_no_page(tmp_path: Path) -> None:
    printer = PngPrinter(tmp_path / "pages")
    (tmp_path / "pages").rmdir()
    (end,) = printer.print_page(JOB)
    assert isinstance(end, NotPrinted)
    assert end.code == "printer.files"


def test_what_is_no_raster_is_refused(tmp_path: Path) -> None:
    with pytest.raises(raster.RasterError):
        list(PngPrinter(tmp_path).print_page(b"%PDF-1.7"))
