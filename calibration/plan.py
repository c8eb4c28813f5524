"""What a technician puts on the scale and takes off again, step by step, to calibrate it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from calibration.masses import stacks_of
from calibration.scale import CORNERS, Mass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calibration.masses import Reference
    from firmware_config.scale import ScaleSettings

Kind = Literal["exercise", "zero", "point", "repeat", "corner", "zero-return", "verify"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: put this mass on (None: empty the platform), and what for."""

    kind: Kind
    mass: Mass | None
    text: str
    rising: bool = True

    @property
    def load_g(self) -> float:
        """Grams that are asked for; 0 for an empty platform."""
        return self.mass.grams if self.mass is not None else 0.0

    @property
    def parts(self) -> str:
        """The masses that make up the load, by their marks."""
        return " + ".join(self.mass.parts) if self.mass is not None else ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The scale, the stacks of masses that are put on (ascending), the one to verify with, and the corners' load.

    `verify` is no load of `stacks`. `counts_per_gram` is the old calibration's: it only recognises masses. Where it is
    a guess (`known` is False) the first exercise corrects it.
    """

    settings: ScaleSettings
    counts_per_gram: float
    stacks: tuple[Mass, ...]
    verify: Mass
    corner: Mass
    repeat: Mass
    known: bool = True
    exercises: int = 3
    repeats: int = 6

    def steps(self) -> list[Step]:
        """Return the dialogue in order: exercise, zero, up, down, zero, repeats, corners, zero, verify."""
        top, off = self.stacks[-1], "all off"
        steps: list[Step] = []
        for i in range(self.exercises):
            steps += [Step("exercise", top, f"exercise {i + 1} of {self.exercises}: {_kg(top)} on"),
                      Step("exercise", None, off)]
        steps.append(Step("zero", None, "keep off: zero is taken"))
        steps += [Step("point", mass, f"{_kg(mass)} on") for mass in self.stacks]
        steps += [Step("point", mass, f"down to {_kg(mass)}", rising=False) for mass in reversed(self.stacks[:-1])]
        steps.append(Step("zero", None, off))
        for i in range(self.repeats):
            steps += [Step("repeat", self.repeat, f"repeat {i + 1} of {self.repeats}: {_kg(self.repeat)} on"),
                      Step("zero", None, off)]
        for name in CORNERS:
            where = name.replace("centre again", "centre, once more")
            steps += [Step("corner", self.corner, f"{_kg(self.corner)} at the {where}"), Step("zero", None, off)]
        steps += [Step("verify", self.verify, f"to verify: {_kg(self.verify)} on"),
                  Step("zero-return", None, "all off: the last zero")]
        return steps


def plan_for(masses: Sequence[Reference], settings: ScaleSettings, counts_per_gram: float, *,
             known: bool = True) -> Plan:
    """Return the plan for a set of masses: corners near a third of the capacity, repeats near a half.

    Raises DeviceError `calibration.few-masses`.
    """
    stacks, verify = stacks_of(masses, settings.capacity_g)
    third = min(stacks, key=lambda mass: abs(mass.grams - settings.capacity_g / 3.0))
    half = min(stacks, key=lambda mass: abs(mass.grams - settings.capacity_g / 2.0))
    return Plan(settings, counts_per_gram, stacks, verify, third, half, known)


def _kg(mass: Mass) -> str:
    return f"{mass.grams / 1000:g} kg"
