"""`packbench check camera`: what the camera sees, how sharp and how bright, and whether its codes are large enough."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from agent.cli.barcode import printable
from agent.devices import DeviceError
from agent.devices.cameras import DRIVERS, Driver, open_camera
from agent.station.gs1 import GS1_IDENTIFIERS, elements

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent.devices import Camera
    from agent.vision.barcodes import Code

SETTINGS = Path("/etc/packbench/station.toml")
LINEAR_PX, MATRIX_PX = 2.5, 3.2
"""Pixels a module that linear and matrix codes need on a face tilted by up to 45 degrees."""


@dataclass
class Report:
    """What was found of one camera."""

    camera: str
    size: tuple[int, int] = (0, 0)
    frame_ms: float = 0.0
    median: float = 0.0
    white_share: float = 0.0
    edge_px: float | None = None
    codes: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, str]] = field(default_factory=list)


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=SETTINGS,
    show_default=True,
    help="The station's file; all its cameras are checked.",
)
@click.option("--driver", type=click.Choice(get_args(Driver)), help="Check this camera instead of the station's.")
@click.option("--path", default="", help="Its folder, or its /dev/v4l/by-id name.")
@click.option("--width", default=1920, show_default=True, type=click.IntRange(16, 10_000))
@click.option("--height", default=1080, show_default=True, type=click.IntRange(16, 10_000))
@click.option(
    "--frames", default=3, show_default=True, type=click.IntRange(1, 1000), help="How many pictures are looked at."
)
@click.option("--json", "as_json", is_flag=True, help="Print a list with one object per camera.")
def check(
    config: Path, driver: Driver | None, path: str, width: int, height: int, frames: int, *, as_json: bool
) -> None:
    """Say how each camera is: size, time per picture, brightness, sharpness, pixels per module of codes in view.

    Lay a printed label on the platform first. Exit status 3 when something is to be mended.
    """
    cameras = [(driver, path, width, height)] if driver else _configured(config)
    reports = [
        examined(f"{name}:{where}" if where else name, name, where, size_w, size_h, frames)
        for name, where, size_w, size_h in cameras
    ]
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports], indent=1))
    else:
        click.echo("\n".join(line for report in reports for line in _lines(report)))
    if any(report.faults for report in reports):
        sys.exit(3)


def examined(title: str, driver: Driver, path: str, width: int, height: int, frames: int) -> Report:
    """Return the report of one camera; what is broken stands among its faults."""
    report = Report(title)
    began_s = time.monotonic()
    try:
        camera = open_camera(driver, path, lambda: int((time.monotonic() - began_s) * 1000), width=width, height=height)
        try:
            _look(camera, report, frames)
        finally:
            camera.close()
    except DeviceError as error:
        report.faults.append({"code": error.code, "detail": error.detail, "hint": error.hint})
    return report


def _look(camera: Camera, report: Report, frames: int) -> None:
    from agent.clock import effort
    from agent.vision.barcodes import grey_of, read_codes
    from agent.vision.exposure import exposure_of

    camera.frame(10.0)  # the first one waits for the camera to start
    began_s = time.monotonic()
    taken = [camera.frame(10.0) for _ in range(frames)]
    report.frame_ms = round((time.monotonic() - began_s) * 1000 / frames, 1)
    grey = grey_of(taken[-1].pixels())
    report.size = (grey.shape[1], grey.shape[0])
    exposure = exposure_of(grey)
    report.median, report.white_share = round(exposure.median, 1), round(exposure.white_share, 4)
    report.edge_px = None if exposure.edge_px is None else round(exposure.edge_px, 1)
    report.faults += [asdict(fault) for fault in exposure.faults]
    for code in read_codes(grey, budget_s=3.0, now=effort()):
        px = module_px(code)
        report.codes.append({"text": code.text, "symbology": code.symbology, "module_px": px and round(px, 2)})
        needed = MATRIX_PX if code.symbology in {"QRCode", "DataMatrix"} else LINEAR_PX
        if px and px < 0.95 * needed:
            report.faults.append(
                {
                    "code": "camera.codes-too-small",
                    "detail": f"{code.symbology} {printable(code.text)[:40]}: {px:.1f} px a module, {needed} needed.",
                    "hint": "Bring the camera nearer, narrow its field, or use a larger picture size.",
                }
            )


def module_px(code: Code) -> float | None:
    """Return how many pixels of the picture one module of a code is wide, or None where that cannot be told.

    The number of modules is that of the same text encoded anew; it can differ for codes that were encoded in another
    way.
    """
    import zxingcpp

    if code.symbology not in {"Code128", "EAN13", "UPCA", "EAN8", "QRCode", "DataMatrix"}:
        return None
    gs1 = code.identifier in GS1_IDENTIFIERS
    text = "".join(f"({identifier}){value}" for identifier, value in elements(code.text).pairs) if gs1 else code.text
    try:
        barcode = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, code.symbology), gs1=gs1)
    except ValueError:
        return None
    modules = _columns(barcode)
    (ax, ay), (bx, by), _, (dx, dy) = code.corners
    across = max((bx - ax, by - ay), (dx - ax, dy - ay), key=lambda side: side[0] ** 2 + side[1] ** 2)
    return float((across[0] ** 2 + across[1] ** 2) ** 0.5 / modules)


def _columns(barcode: Any) -> int:  # noqa: ANN401 (the binding's own type)
    import numpy as np

    image: NDArray[np.uint8] = np.asarray(barcode.to_image(scale=1, add_quiet_zones=False))
    return int(image.shape[1])


def _configured(config: Path) -> list[tuple[Driver, str, int, int]]:
    from firmware_config.settings import ConfigError, load

    try:
        settings = load(config)
    except ConfigError as error:
        raise click.UsageError(f"{error}\nOr name a camera: --driver {'|'.join(DRIVERS)} --path PATH") from None
    return [
        (one.driver, settings.bench if one.driver == "bench" else one.path, one.width_px, one.height_px)
        for one in settings.camera
    ]


def _lines(report: Report) -> list[str]:
    lines = [
        f"{report.camera}: "
        + (
            "no picture"
            if report.size == (0, 0)
            else f"{report.size[0]} x {report.size[1]} pixels, {report.frame_ms:g} ms a picture"
        )
    ]
    if report.size != (0, 0):
        edges = "no clear edges in view" if report.edge_px is None else f"edges {report.edge_px:g} px wide"
        lines.append(f"  brightness: median {report.median:g} of 255, {report.white_share:.1%} white; focus: {edges}")
        lines += [
            f"  code: {code['symbology']} {printable(code['text'])[:60]}"
            + (f", {code['module_px']:g} px a module" if code["module_px"] else "")
            for code in report.codes
        ]
        if not report.codes:
            lines.append("  no code in view: lay a printed label on the platform to see whether it is large enough")
    lines += [f"  {fault['code']}: {fault['detail']} {fault['hint']}" for fault in report.faults]
    if not report.faults:
        lines.append("  ok")
    return lines
