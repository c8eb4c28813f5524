"""What a station is told about its scale: the `[scale]` section of the settings."""

from __future__ import annotations

import msgspec


class ScaleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures of the load cell and its converter, and the limits of a weighing.

    `division_g` is the scale interval d; the limits that follow physics and OIML R 76 are multiples of it
    and are not settings.
    """

    rate_sps: float = 80.0
    capacity_g: float = 30_000.0
    division_g: float = 10.0
    min_load_g: float | None = None
    """Smallest load that becomes a weight; OIML R 76 asks 20 d for class III, which is the default."""
    legal_zero: bool = False
    """Zero tracking within 0.5 d only, as OIML R 76-1 allows, instead of 3 d."""
    left_on_s: float = 1800.0
    """A load that stands longer than this was left on."""

    def problems(self) -> list[tuple[str, str]]:
        """Return every (key, sentence) that is wrong; empty when all is well."""
        found: list[tuple[str, str]] = []
        if not 5.0 <= self.rate_sps <= 2000.0:
            found.append(("rate_sps", f"{self.rate_sps:g} samples a second; it must be 5 to 2000 (HX711: 10 or 80)."))
        if not 0.0 < self.capacity_g <= 1e7:
            found.append(("capacity_g", f"{self.capacity_g:g} g; it must be above 0 and at most 10 000 000 g."))
        elif not self.capacity_g / 100_000 <= self.division_g <= self.capacity_g / 100:
            found.append(("division_g", f"{self.division_g:g} g; it must be 1/100 to 1/100000 of the capacity."))
        if self.min_load_g is not None and not 0.0 < self.min_load_g < self.capacity_g:
            found.append(("min_load_g", f"{self.min_load_g:g} g; it must be above 0 and below the capacity."))
        if not 10.0 <= self.left_on_s <= 86_400.0:
            found.append(("left_on_s", f"{self.left_on_s:g} s; it must be 10 to 86400."))
        return found
