"""Command cards: what a packer tells the station without a keyboard. A card acts once when it comes into sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station import boxes, parcels
from agent.station.commands import Card, Command, card_of

if TYPE_CHECKING:
    from agent.station.events import CodesSeen
    from agent.station.state import Turn

# What a packer may release alone; the carrier's limit is not theirs to lift.
RELEASABLE = {"parcel.packer-hold", "parcel.weight-mismatch", "parcel.weight-changed", "parcel.contents-doubtful"}


def among(codes: frozenset[str]) -> tuple[Card, ...]:
    """Return the cards among some codes."""
    return tuple(card for code in sorted(codes) if (card := card_of(code)) is not None)


def obey(turn: Turn, card: Card, event: CodesSeen) -> None:
    """Do what a card says about the box on the platform, or say that it means nothing now.

    The event holds the valid label of that box, and the carton that it is packed in.
    """
    box, label, advised = turn.state.box, event.label, event.carton
    parcel = turn.state.parcel(box.parcel) if box is not None else None
    match card.command:
        case Command.BADGE:
            turn.state = replace(turn.state, packer=card.value)
        case Command.HOLD if parcel is not None and parcel.state != "held":
            parcels.hold(turn, parcel, ("parcel.packer-hold",))
        case Command.RELEASE if parcel is not None and parcel.state == "held":
            if set(parcel.reasons) <= RELEASABLE:
                parcels.release(turn, parcel)
        case Command.CANCEL if parcel is not None:
            parcels.void(turn, parcel, "parcel.packer-cancelled")
            parcels.tell_job(turn, parcel, "open", "parcel.packer-cancelled")
        case Command.CANCEL | Command.COUNT:
            boxes.count_again(turn)
        case Command.NEXT:
            boxes.cut(turn, "next")
        case Command.SHORT:
            boxes.cut(turn, "short")
        case Command.NO_FIT:
            boxes.carton(turn, "did-not-fit", "", advised)
        case Command.CARTON:
            boxes.carton(turn, "taken", card.value, advised)
        case Command.REPEAT if parcel is not None and label is not None and parcel.state in ("labelled", "unproven"):
            parcels.again(turn, label)
        case Command.AGAIN if turn.state.doubt is not None:
            parcels.again(turn, turn.state.doubt)
        case _:
            turn.say("card.no-effect", card.command.value)
