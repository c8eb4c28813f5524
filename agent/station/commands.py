"""Command barcodes: what a packer tells the station by showing or scanning a card.

The text is `PB.` and a word, for two commands with a value behind a second dot: `PB.CARTON.M2`, `PB.BADGE.0042`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "PB."
_TEXT = re.compile(r"PB\.([A-Z]+)(?:\.([A-Za-z0-9_-]{1,16}))?")


class Command(StrEnum):
    """What a card says; the value is the word on it."""

    REPEAT = "REPEAT"
    HOLD = "HOLD"
    RELEASE = "RELEASE"
    NEXT = "NEXT"
    SHORT = "SHORT"
    NO_FIT = "NOFIT"
    CARTON = "CARTON"
    CANCEL = "CANCEL"
    PRINTED = "PRINTED"
    AGAIN = "AGAIN"
    COUNT = "COUNT"
    BADGE = "BADGE"


WITH_VALUE = frozenset({Command.CARTON, Command.BADGE})


@dataclass(frozen=True, slots=True)
class Card:
    """A command and its value: a carton's name, a badge's number, else nothing."""

    command: Command
    value: str = ""

    @property
    def text(self) -> str:
        """Return what the card's code holds.

        >>> Card(Command.CARTON, "M2").text
        'PB.CARTON.M2'
        """
        return f"{PREFIX}{self.command}" + (f".{self.value}" if self.value else "")


def card_of(text: str) -> Card | None:
    """Return the card that a code belongs to, or None when it is no command of ours.

    >>> card_of("PB.HOLD"), card_of("PB.CARTON"), card_of("4006381333931")
    (Card(command=<Command.HOLD: 'HOLD'>, value=''), None, None)
    """
    match = _TEXT.fullmatch(text)
    if match is None or match[1] not in set(Command):
        return None
    command, value = Command(match[1]), match[2] or ""
    return Card(command, value) if bool(value) == (command in WITH_VALUE) else None
