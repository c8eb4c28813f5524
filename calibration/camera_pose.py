"""`packbench calibrate camera --pose`: where the measuring cameras are, their lenses as they were.

One board on the platform serves all cameras at once, so that they agree on where a box stands: two cameras measure
together only in one world.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from agent.devices import DeviceError
from calibration.camera_live import Screen, figures, look

if TYPE_CHECKING:
    from agent.devices import Camera
    from agent.local import Loan
    from calibration.board import Board
    from calibration.camera_session import CameraSession
    from calibration.camera_source import CameraSource
    from firmware_config.camera import CameraCalibration

PHASES = ("views", "flat", "empty", "carton", "over")


def pose_live(sources: list[CameraSource], board: Board, technician: str, *, yes: bool, as_json: bool) -> None:
    """Run the dialogue at all cameras at once; their new poses are in force after the last yes.

    Raises DeviceError; SystemExit 1 when one was refused or not accepted.
    """
    from calibration.camera_session import CameraSession

    known = [_known(source) for source in sources]
    screen = Screen(as_json or not sys.stdout.isatty())
    sessions = [CameraSession(board, source.size, lens=lens) for source, lens in zip(sources, known, strict=True)]
    with ExitStack() as stack:
        loans = [stack.enter_context(source.lent()) for source in sources]
        cameras = [stack.enter_context(source.opened(lens.locked))
                   for source, lens in zip(sources, known, strict=True)]
        eyes = list(zip(sessions, cameras, loans, [source.name for source in sources], strict=True))
        _dialogue(eyes, screen)
        if any(session.result is None for session in sessions):
            sys.exit(1)
        _close(sources, sessions, board, technician, screen, yes=yes)


def _known(source: CameraSource) -> CameraCalibration:
    """The calibration in force. Raises DeviceError `calibration.no-lens`."""
    import msgspec

    from firmware_config.camera import read_calibration

    try:
        found = read_calibration(source.in_force)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError("calibration.no-lens", f"{source.name} was never calibrated: {source.in_force} {error}.",
                          f"Run: packbench calibrate camera --camera '{source.name}'") from error
    if (found.width_px, found.height_px) != source.size:
        raise DeviceError("calibration.no-lens",
                          f"{source.name} was calibrated in {found.width_px} x {found.height_px}, not "
                          f"{source.size[0]} x {source.size[1]}.",
                          f"Run: packbench calibrate camera --camera '{source.name}'")
    return found


def _dialogue(eyes: list[tuple[CameraSession, Camera, Loan, str]], screen: Screen) -> None:
    """Show each camera's pictures to its session until all are over, or one is refused.

    All wait for each other: what is to be done is said when the last one got there.
    """
    told = ""
    while not all(session.over for session, *_ in eyes):
        slowest = min(PHASES.index(session.phase) for session, *_ in eyes)
        for session, camera, loan, name in eyes:
            if session.over or PHASES.index(session.phase) > slowest:
                continue
            for said in look(session, camera, loan):
                if said.what == "refused":
                    screen.tell("refused", f"{name}: {said.code}: {said.text}", code=said.code, camera=name)
                    return
                if said.what == "do" and said.text != told:
                    told = said.text
                    screen.say(said)
                elif said.what == "done":
                    screen.tell("done", f"{name}: {said.text}", camera=name)


def _close(sources: list[CameraSource], sessions: list[CameraSession], board: Board, technician: str, screen: Screen,
           *, yes: bool) -> None:
    from agent import __version__
    from calibration.camera_record import as_row, put_in_force, write

    found = [(source, session, session.result) for source, session in zip(sources, sessions, strict=True)
             if session.result is not None]
    for source, _, result in found:
        screen.tell("figures", f"{source.name}: {figures(result)}", camera=source.name, **as_row(result))
    if not yes and (screen.as_json or not click.confirm("Accept the new poses?", default=False)):
        screen.tell("kept", "not accepted: the old calibrations are still in force")
        sys.exit(1)
    records = [write(result, board, session.background, source.in_force.parent, camera=source.name,
                     driver=source.driver, station=source.station, technician=technician, software=__version__,
                     made=datetime.now(UTC).isoformat(timespec="seconds"), pose_only=True)
               for source, session, result in found]  # a full disk is told before the first is in force
    for (source, session, _), record in zip(found, records, strict=True):
        put_in_force(record, session.background, source.in_force, source.directory, source.name)
        screen.tell("accepted", f"in force: {source.in_force}; record {record.name}", record=str(record))
