"""A recording, weighed: the samples of a file or a list, with the silences that a live reader would notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.weighing.weigher import SILENT_S, Weigher

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.weighing.events import WeighingEvent
    from firmware_config.calibration import ScaleCalibration
    from firmware_config.scale import ScaleSettings


def replayed(settings: ScaleSettings, calibration: ScaleCalibration | None,
             samples: Iterable[tuple[float, float]]) -> Iterator[WeighingEvent]:
    """Yield what the weigher says of (seconds, counts or grams), in order; times must not go back."""
    weigher = Weigher(settings, calibration)
    before_s: float | None = None
    for at_s, value in samples:
        if before_s is not None and at_s - before_s > SILENT_S:
            yield from weigher.tick(before_s + SILENT_S * 1.001)
        before_s = at_s
        yield from weigher.feed(at_s, value)
