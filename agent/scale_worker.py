"""The scale's thread: what happens on the platform, told to the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.devices import DeviceError
from agent.station.events import LoadAppeared, LoadChanged, PlatformCleared, PlatformTroubled, WeightStable
from agent.station.values import Weight
from agent.weighing import events as weighed
from agent.workers import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.clock import Clock
    from agent.scale import Instrument, LoadCell
    from agent.station.events import Event
    from agent.warmth import WarmthLog

SCALE_HINTS = {
    "saturated": "Check the load cell's four wires; a broken one reads full scale.",
    "stuck-code": "Unplug the load cell's board for a moment; its converter hangs.",
    "out-of-range": "Check the load cell's wiring and its calibration.",
    "too-fast": "Set [scale] rate_sps to the converter's real rate.",
    "silent": "Check the scale's cable and power.",
}
TROUBLES: dict[type[object], str] = {
    weighed.Light: "scale.light", weighed.Overload: "scale.overload", weighed.Negative: "scale.negative",
    weighed.NotEmpty: "scale.not-empty", weighed.Debris: "scale.debris", weighed.ZeroLimit: "scale.zero-limit",
    weighed.LeftOn: "scale.left-on",
}
MOTIONS = {"hand": "scale.motion-hand", "vibration": "scale.motion-vibration", "drift": "scale.motion-drift"}


class ScaleWorker(Worker):
    """Reads the scale and weighs; `live_g` is for screens only."""

    def __init__(self, clock: Clock, post: Callable[[Event], None],
                 open_weighing: Callable[[], LoadCell | Instrument], warmth: WarmthLog | None = None) -> None:
        super().__init__("scale", clock, post)
        self._open_weighing, self._warmth = open_weighing, warmth
        self.live_g: float | None = None

    def broke(self, code: str, hint: str) -> None:
        self.live_g = None
        super().broke(code, hint)

    def _open(self) -> LoadCell | Instrument:
        return self._open_weighing()

    def _serve(self, opened: LoadCell | Instrument) -> None:
        try:
            found = opened.read(self._clock.real_s(0.5))
        except DeviceError as error:
            if error.code != "scale.trace-ended":
                raise
            self.broke(error.code, error.hint)  # a recording is played once: opened anew it would begin again
            self._ending.wait(self.RETRY_S)
            return
        self.live_g = opened.live_g
        if opened.answers:
            self.works()
        for event in found:
            self._tell(event)
        zero_g = opened.zero_g
        if self._warmth is not None and zero_g is not None:
            self._warmth.note(self._clock.wall_ms() / 1000.0, zero_g)

    def _tell(self, event: object) -> None:
        at_ms = self._clock.now_ms()
        match event:
            case weighed.LoadAppeared():
                self._post(LoadAppeared(at_ms=at_ms))
            case weighed.WeightStable(gross_g=gross_g, u95_g=u95_g, quality=quality):
                gross = Weight(value_g=round(gross_g, 1), u95_g=round(u95_g + 0.05, 1), quality=quality)
                self._post(WeightStable(at_ms=at_ms, gross=gross))
            case weighed.PlatformCleared():
                self._post(PlatformCleared(at_ms=at_ms))
            case weighed.Added(delta_g=delta_g) | weighed.Removed(delta_g=delta_g):
                self._post(LoadChanged(at_ms=at_ms, delta_g=round(delta_g, 1)))
            case weighed.Motion(cause=cause):
                self._post(PlatformTroubled(at_ms=at_ms, code=MOTIONS[cause]))
            case weighed.ScaleFault(reason=reason):
                self.broke(f"scale.{reason}", SCALE_HINTS[reason])
            case weighed.ScaleRecovered():
                self.works()
            case _:
                code = TROUBLES.get(type(event))
                if code:
                    self._post(PlatformTroubled(at_ms=at_ms, code=code))
