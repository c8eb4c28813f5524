"""What the station itself expects of the boxes of a job: the suggested carton, and a label that need not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from agent.station import parcels, rules, tariffs
from agent.station.records import SaveSuggestion

if TYPE_CHECKING:
    from agent.station.events import CartonSuggested
    from agent.station.state import Turn


def suggested(turn: Turn, event: CartonSuggested) -> None:
    """Keep the suggestion with its job; print a label that waited for it, or leave that to the scale."""
    known, suggestion = event.known, event.suggestion
    if known is None or known.job is None or known.rev != event.rev or known.state != "open":
        return
    if suggestion.cartons:
        turn.records.append(SaveSuggestion(event.job, event.rev, suggestion))
    job = known.job
    begun = bool(known.gone or turn.state.parcels_of_job(job.job)) or turn.state.packing(job.job) is not None
    if job.label_when != "before_packing" or rules.told_weight(job) is not None or begun:
        return
    tariff = None if job.tariff is UNSET else job.tariff
    box = suggestion.cartons[0] if len(suggestion.cartons) == 1 else None
    predicted = box.gross if box is not None else suggestion.gross
    outer_mm = box.outer_mm if box is not None else None
    if (predicted is None or len(suggestion.cartons) > 1 or not rules.papers_of_role(job.papers, "label")
            or not tariffs.may_label(predicted, outer_mm, tariff)):
        return
    parcels.label_first(turn, known, job, predicted, predicted=predicted, outer_mm=outer_mm,
                        carton=box.carton if box is not None else "")
