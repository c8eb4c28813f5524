"""What a step of the core wants: records that must be on disk, and effects that are performed once they are there."""

from __future__ import annotations

from msgspec import Struct

from agent.station.events import Delivery
from agent.station.facts import Fact
from agent.station.values import Job, JobState, Paper, Parcel, Print, Suggestion


class SaveJob(Struct, frozen=True):
    """A job as it is now: its body (None keeps what is stored), revision, digest and state."""

    id: str
    rev: int
    state: JobState
    digest: str = ""
    job: Job | None = None


class SaveParcel(Struct, frozen=True):
    """A parcel as it is now."""

    parcel: Parcel


class SavePapers(Struct, frozen=True):
    """Papers that came for one parcel after it was measured; they replace the job's own for that parcel."""

    parcel: str
    rev: int
    papers: tuple[Paper, ...]


class SaveSuggestion(Struct, frozen=True):
    """What the station would do with a job, for its slip, its parcels and their record."""

    job: str
    rev: int
    suggestion: Suggestion


class SaveCatalogue(Struct, frozen=True):
    """Cartons and SKUs of the site by name, as JSON."""

    rows: tuple[tuple[str, bytes], ...]


class SavePrint(Struct, frozen=True):
    """A page of the print ledger as it is now."""

    print: Print


class Tell(Struct, frozen=True):
    """A fact for the outbox."""

    fact: Fact


class DropFacts(Struct, frozen=True):
    """The OMS has these facts: their outbox rows go."""

    ids: tuple[str, ...]


class BuryMessage(Struct, frozen=True):
    """A dead letter: what came, and why it was refused."""

    topic: str
    payload: bytes
    code: str
    detail: str


Record = (
    SaveJob | SaveParcel | SavePapers | SaveSuggestion | SaveCatalogue | SavePrint | Tell | DropFacts | BuryMessage
)


# -- effects ----------------------------------------------------------------------------------------------------


class Acknowledge(Struct, frozen=True):
    """Tell the broker that this message is on disk."""

    delivery: Delivery


class SendPage(Struct, frozen=True):
    """Print this page now; it is on disk as `sending`."""

    print: Print


class Synchronize(Struct, frozen=True):
    """Tell the OMS which jobs we have, so that it sends again what is missing."""


Effect = Acknowledge | SendPage | Synchronize
