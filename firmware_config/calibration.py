"""What calibrations leave behind: small records that the daemon reads and nobody edits."""

from __future__ import annotations

import msgspec


class ScaleCalibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts to grams: `g = c / counts_per_gram + curvature_g_per_count2 * c^2`, c = counts - zero_counts.

    `counts_per_gram` is negative for a cell that is wired the other way round. `u95_rel` is the expanded
    uncertainty of the span as a share of the load; 0 where nobody determined it.
    """

    zero_counts: float
    counts_per_gram: float
    curvature_g_per_count2: float = 0.0
    u95_rel: float = 0.0
    record: str = ""
    """SHA-256 of the calibration record that these figures come from; empty for a guess."""

    def grams(self, counts: float) -> float:
        """Return the grams above the calibrated zero that a converter's code stands for."""
        net = counts - self.zero_counts
        return net / self.counts_per_gram + self.curvature_g_per_count2 * net * net
