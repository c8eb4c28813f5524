"""A printer for stations without one: each page becomes a PNG file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.devices import NotPrinted, Printed, PrinterStatus, PrintProgress, raster

if TYPE_CHECKING:
    from collections.abc import Iterator


class PngPrinter:
    """Fulfils Printer: `print_page` writes `page-0001.png`, `page-0002.png`, ... and never overwrites one."""

    def __init__(self, directory: Path | str, *, media: str = "62") -> None:
        self._directory = Path(directory)
        self._media = media
        self._directory.mkdir(parents=True, exist_ok=True)

    def status(self) -> PrinterStatus:
        """Always ready."""
        return PrinterStatus("PNG", self._media, "", "")

    def print_page(self, job: bytes) -> Iterator[PrintProgress]:
        """Write the page; a file that is complete is the page that came out. Raises raster.RasterError."""
        for page in raster.decode(job):
            try:
                self._write(page)
            except OSError as fault:
                yield NotPrinted("printer.files", f"No page in {self._directory}: {fault.strerror}. Mend that.")
                return
        yield Printed()

    def _write(self, page: raster.Page) -> None:
        number = 1 + max((int(path.stem[5:]) for path in self._directory.glob("page-[0-9]*.png")), default=0)
        part = self._directory / f"page-{number:04d}.part"
        page.picture().save(part, format="PNG")
        part.rename(part.with_suffix(".png"))

    def close(self) -> None:
        """Nothing is held."""
