"""`packbench calibrate camera` at the station's own camera: the dialogue on a screen, or as JSON lines."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace as with_figures

from agent.devices import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.devices import Camera
    from agent.local import Loan
    from calibration.board import Board
    from calibration.camera import Calibrated
    from calibration.camera_session import CameraSession, Said
    from calibration.camera_source import CameraSource

SHADES = " .:+#"
MARKS = {"do": ">", "view": " ", "done": "ok", "refused": "!", "result": "=>"}


@dataclass(slots=True)
class Screen:
    """Where the dialogue goes: lines, and on a terminal a map of the picture that is drawn over and over."""

    as_json: bool
    _drawn: int = field(default=0, init=False)

    def say(self, said: Said) -> None:
        """Show one line of the dialogue."""
        from calibration.camera_session import as_row

        if self.as_json:
            click.echo(json.dumps(as_row(said)))
            return
        if self._drawn:
            click.echo(f"\x1b[{self._drawn}A\x1b[J", nl=False, color=True)  # up to where the map began, and clear below
            self._drawn = 0
        if said.what == "view":
            lines = [f"views: {said.views}; where corners were seen in the picture (blank: none):",
                     *map_of(said.cells), f"still missing: {'; '.join(said.missing) or 'nothing'}"]
            click.echo("\n".join(lines))
            self._drawn = len(lines)
            return
        code = f"{said.code}: " if said.code else ""
        click.echo(f"{MARKS[said.what]:2} {code}{said.text}")

    def tell(self, what: str, text: str, **more: object) -> None:
        """Show one more fact."""
        click.echo(json.dumps({"what": what, "text": text, **more}) if self.as_json else text)


def map_of(cells: Sequence[Sequence[int]]) -> list[str]:
    """Return the picture as rows of characters, darker where more corners were seen.

    >>> map_of(((0, 1), (4, 2)))
    ['  |    ....|', '  |####::::|']
    """
    most = max(1, *(max(row) for row in cells)) if cells else 1
    return ["  |" + "".join(SHADES[min(4, -(-4 * count // most))] * 4 for count in row) + "|" for row in cells]


def calibrate_live(source: CameraSource, board: Board, carton_mm: tuple[float, float, float] | None, technician: str,
                   *, yes: bool, as_json: bool) -> None:
    """Run the dialogue at a camera and put the new calibration in force after the last yes.

    The loan lasts until then: the station opens its camera by it. Raises DeviceError; SystemExit 1 when not accepted.
    """
    from calibration.camera_session import CameraSession

    screen = Screen(as_json or not sys.stdout.isatty())
    session = CameraSession(board, source.size, carton_mm)
    with ExitStack() as stack:
        loan = stack.enter_context(source.lent())
        camera, locked = stack.enter_context(source.locked())
        if locked:
            screen.tell("locked", "locked: " + ", ".join(f"{name} {value:g}" for name, value in locked.items()),
                        values=locked)
        for said in _dialogue(session, camera, loan):
            screen.say(said)
        if session.result is None:
            sys.exit(1)
        found = _with_lock(session, session.result, locked)
        _close(source, session, found, board, technician, screen, yes=yes)


def _dialogue(session: CameraSession, camera: Camera, loan: Loan) -> Iterator[Said]:
    while not session.over:
        yield from look(session, camera, loan)


def look(session: CameraSession, camera: Camera, loan: Loan) -> list[Said]:
    """Show a session the camera's next picture; return what is to be said.

    Raises DeviceError, also `camera.not-lent` when the station that lent the camera has ended.
    """
    from agent.local import LocalError

    try:
        loan.check()
    except LocalError as error:
        raise DeviceError("camera.not-lent", str(error), "The old calibration is still in force.") from error
    frame = camera.frame(5.0)
    return session.feed(frame.at_ms / 1000, frame.pixels())


def _with_lock(session: CameraSession, found: Calibrated, locked: dict[str, float]) -> Calibrated:
    """The calibration with what the camera is locked at, and the edges that the reference carton has."""
    radius_mm = session.carton.edge_radius_mm if session.carton else found.calibration.edge_radius_mm
    return replace(found, calibration=with_figures(found.calibration, locked=locked, edge_radius_mm=radius_mm))


def _close(source: CameraSource, session: CameraSession, found: Calibrated, board: Board, technician: str,
           screen: Screen, *, yes: bool) -> None:
    from agent import __version__
    from calibration.camera_record import as_row, put_in_force, write

    facts: dict[str, Any] = as_row(found)
    screen.tell("figures", figures(found), **facts)
    if not yes and (screen.as_json or not click.confirm("Accept the new calibration?", default=False)):
        screen.tell("kept", "not accepted: the old calibration is still in force")
        sys.exit(1)
    carton = asdict(session.carton) | {"errors_mm": session.carton.errors_mm} if session.carton else None
    record = write(found, board, session.background, source.in_force.parent, camera=source.name, driver=source.driver,
                   station=source.station, technician=technician, software=__version__, carton=carton,
                   made=datetime.now(UTC).isoformat(timespec="seconds"), empty_pictures=len(session.empty))
    put_in_force(record, session.background, source.in_force, source.directory, source.name)
    screen.tell("accepted", f"in force: {source.in_force}; record {record.name}", record=str(record))


def figures(found: Calibrated) -> str:
    """Return the sentence that a technician compares with a tape measure."""
    return (f"rms {found.calibration.rms_px:.3f} px over {len(found.view_px)} pictures; camera "
            f"{found.height_mm:.0f} mm above the platform, looking down by {found.elevation_deg:.1f} degrees")
