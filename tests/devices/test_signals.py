"""Lamps, buzzer and button on gpiozero's own mock pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gpiozero.pins.mock import MockFactory

from agent.devices import DeviceError, Lamps
from agent.devices.signals import GpioSignals
from firmware_config.settings import Signals

if TYPE_CHECKING:
    from collections.abc import Iterator

PINS = Signals(driver="gpio")


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.reset()


def test_the_column_shows_what_it_is_told(factory: MockFactory) -> None:
    signals = GpioSignals(PINS, lambda long: None, lambda: 0, factory)
    signals.show(Lamps(green=True, red=True, buzzer="warn"))
    levels = [bool(factory.pin(pin).state) for pin in (PINS.green_pin, PINS.amber_pin, PINS.red_pin, PINS.buzzer_pin)]
    assert levels == [True, False, True, True]
    signals.show(Lamps(amber=True))
    levels = [bool(factory.pin(pin).state) for pin in (PINS.green_pin, PINS.amber_pin, PINS.red_pin, PINS.buzzer_pin)]
    assert levels == [False, True, False, False]
    signals.close()
    signals.close()


@pytest.mark.parametrize(("held_ms", "is_long"), [(150, False), (999, False), (1_000, True), (5_000, True)])
def test_a_press_is_short_or_long_by_the_stations_clock(
    factory: MockFactory, held_ms: int, is_long: bool  # noqa: FBT001 (a parameter of the test)
) -> None:
    pressed: list[bool] = []
    now_ms = [10_000]
    signals = GpioSignals(PINS, pressed.append, lambda: now_ms[0], factory)
    button = factory.pin(PINS.button_pin)
    button.drive_low()
    now_ms[0] += held_ms
    button.drive_high()
    assert pressed == [is_long]
    signals.close()


def test_a_line_that_something_else_holds_is_said_so(factory: MockFactory) -> None:
    first = GpioSignals(PINS, lambda long: None, lambda: 0, factory)
    with pytest.raises(DeviceError, match=r"signals\.no-gpio"):
        GpioSignals(PINS, lambda long: None, lambda: 0, factory)
    first.close()
