"""May this parcel ship, and if not, why not. Pure questions about values."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from msgspec import UNSET

from agent.station.values import Weight

if TYPE_CHECKING:
    from collections.abc import Collection

    from agent.station.values import Finding, Job, Paper, Vouching
    from firmware_config.settings import Settings


def reasons_to_hold(job: Job, gross: Weight, finding: Finding | None = None, *,
                    whole: bool = True) -> tuple[str, ...]:
    """Return the codes of all that speaks against shipping; empty means accepted.

    The weight that the OMS expects is the `whole` job's; a box with a part of it is not compared.

    >>> from agent.station.values import Weight
    >>> from tests.builders import a_job
    >>> reasons_to_hold(a_job(verify={"max_gross_g": 2000}), Weight(value_g=2100, u95_g=3))
    ('parcel.overweight',)
    """
    found = []
    verify = job.verify
    if verify.max_gross_g is not UNSET and gross.value_g > verify.max_gross_g:
        found.append("parcel.overweight")
    check = verify.weight if whole else UNSET
    if check is not UNSET and abs(gross.value_g - check.expected_g) > check.tolerance_g:
        found.append("parcel.weight-mismatch")
    if finding is not None and finding.finding == "check":
        found.append("parcel.contents-doubtful")
    return tuple(found)


def to_scan(job: Job, vouching: Vouching | None, config: Settings) -> tuple[str, ...]:
    """Return the SKUs of which each piece must be scanned: all where the job says so, those with numbers to capture,
    and where the site wants it those that weight can't vouch for.
    """
    asked = {item.sku for item in job.items if job.verify.scan or item.capture}
    if vouching is not None and config.station.scan_items == "unvouched":
        asked |= set(vouching.to_scan)
    return tuple(sku for sku, _ in contents(job) if sku in asked)


def told_weight(job: Job) -> Weight | None:
    """Return the gross that the OMS predicts for a label before packing; None without a label, or a prediction."""
    check = job.verify.weight
    if check is UNSET or not papers_of_role(job.papers, "label"):
        return None
    return Weight(value_g=check.expected_g, u95_g=check.tolerance_g, quality="predicted")


def same_weight(one: Weight, other: Weight, config: Settings) -> bool:
    """True when two weighings can be of the same box: a slip and a label may have come on or off it."""
    return abs(one.value_g - other.value_g) <= config.station.weight_step_g + one.u95_g + other.u95_g


def net(gross: Weight, tare: Weight) -> Weight:
    """Return what is left without the tare; both uncertainties count (root of the sum of squares, GUM 5.1.2)."""
    return Weight(value_g=round(gross.value_g - tare.value_g, 1), u95_g=round(hypot(gross.u95_g, tare.u95_g), 1),
                  quality=gross.quality)


def contents(job: Job) -> tuple[tuple[str, int], ...]:
    """Return the pieces per SKU; lines of the same SKU are added up, lines of 0 pieces left out."""
    pieces: dict[str, int] = {}
    for item in job.items:
        if item.qty:
            pieces[item.sku] = pieces.get(item.sku, 0) + item.qty
    return tuple(pieces.items())


def label_of(job: Job, used: Collection[str]) -> Paper | None:
    """Return the label paper for a job's next parcel, or None when the job has none left for it.

    Two parcels never get the same label: one with a tracking number or a file is for one parcel; our own template
    without a number serves every parcel, since each has its own SSCC and mark.
    """
    labels = papers_of_role(job.papers, "label")
    free = [paper for paper in labels if paper.id not in used or (
        paper.file is UNSET and (paper.data is UNSET or paper.data.tracking is UNSET))]
    return free[0] if free else None


def papers_of_role(papers: tuple[Paper, ...], *roles: str) -> tuple[Paper, ...]:
    """Return the papers of these roles, in the order of the job."""
    return tuple(paper for paper in papers if paper.role in roles)
