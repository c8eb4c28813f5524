"""Lamps, buzzer and button on GPIO lines, through gpiozero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.devices import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpiozero.pins import Factory

    from agent.devices import Lamps
    from firmware_config.settings import Signals as SignalSettings


class GpioSignals:
    """The signal column on real lines; `pressed` is told of each press when the button is released."""

    def __init__(self, settings: SignalSettings, pressed: Callable[[bool], None], clock_ms: Callable[[], int],
                 factory: Factory | None = None) -> None:
        from gpiozero import LED, Button, Buzzer
        from gpiozero.exc import GPIOZeroError

        self._pressed, self._clock_ms = pressed, clock_ms
        self._long_ms = settings.long_press_s * 1000
        self._down_ms = 0
        try:
            self._lamps = [LED(pin, pin_factory=factory) for pin in
                           (settings.green_pin, settings.amber_pin, settings.red_pin)]
            self._buzzer = Buzzer(settings.buzzer_pin, pin_factory=factory)
            self._button = Button(settings.button_pin, pin_factory=factory)
        except (GPIOZeroError, OSError) as error:
            raise DeviceError("signals.no-gpio", f"the GPIO lines can't be used: {error}.",
                              "Check [signals] pins and that the service is in group gpio.") from error
        self._button.when_pressed = self._went_down
        self._button.when_released = self._went_up

    def show(self, lamps: Lamps) -> None:
        """Make lamps and buzzer look like this."""
        for line, lit in zip((*self._lamps, self._buzzer), (lamps.green, lamps.amber, lamps.red, bool(lamps.buzzer)),
                             strict=True):
            line.value = lit

    def close(self) -> None:
        """Give the lines back."""
        for line in (*self._lamps, self._buzzer, self._button):
            line.close()

    # gpiozero calls these in its own thread, where an exception would end the button for good.
    def _went_down(self) -> None:
        self._down_ms = self._clock_ms()

    def _went_up(self) -> None:
        self._pressed(self._clock_ms() - self._down_ms >= self._long_ms)
