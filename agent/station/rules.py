"""May this parcel ship, and if not, why not. Pure questions about values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

if TYPE_CHECKING:
    from agent.station.values import Finding, Job, Paper, Weight
    from firmware_config.settings import Settings


def reasons_to_hold(job: Job, gross: Weight, finding: Finding | None = None) -> tuple[str, ...]:
    """Return the codes of all that speaks against shipping; empty means accepted.

    >>> from agent.station.values import Weight
    >>> from tests.builders import a_job
    >>> reasons_to_hold(a_job(verify={"max_gross_g": 2000}), Weight(value_g=2100, u95_g=3))
    ('parcel.overweight',)
    """
    found = []
    verify = job.verify
    if verify.max_gross_g is not UNSET and gross.value_g > verify.max_gross_g:
        found.append("parcel.overweight")
    if verify.weight is not UNSET and abs(gross.value_g - verify.weight.expected_g) > verify.weight.tolerance_g:
        found.append("parcel.weight-mismatch")
    if finding is not None and finding.finding == "check":
        found.append("parcel.contents-doubtful")
    return tuple(found)


def can_label_first(job: Job) -> bool:
    """True when a label can be printed before packing: there is one, and a weight to print it for."""
    return job.verify.weight is not UNSET and bool(papers_of_role(job.papers, "label"))


def same_weight(one: Weight, other: Weight, config: Settings) -> bool:
    """True when two weighings can be of the same box: a slip and a label may have come on or off it."""
    return abs(one.value_g - other.value_g) <= config.station.weight_step_g + one.u95_g + other.u95_g


def contents(job: Job) -> tuple[tuple[str, int], ...]:
    """Return the pieces per SKU; lines of the same SKU are added up, lines of 0 pieces left out."""
    pieces: dict[str, int] = {}
    for item in job.items:
        if item.qty:
            pieces[item.sku] = pieces.get(item.sku, 0) + item.qty
    return tuple(pieces.items())


def papers_of_role(papers: tuple[Paper, ...], *roles: str) -> tuple[Paper, ...]:
    """Return the papers of these roles, in the order of the job."""
    return tuple(paper for paper in papers if paper.role in roles)
