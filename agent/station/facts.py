"""What the station tells the OMS: one struct for each kind of fact, with its natural key.

A fact is made once, when it happened; the store gives it an id and keeps it until the OMS says that it has it.
`kind` is the last level of its topic, `type` its name in the contract, `priority` its place in a full outbox:
0 parcels and jobs, 1 inventory, 2 the state of the station, 3 the rest.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from agent.station.values import Billed, Dimensions, Finding, JobState, ParcelState, Piece, PrintState, Role, Weight

CartonOutcome = Literal["did-not-fit", "taken"]


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The common root: what every fact has beside its fields."""

    kind: ClassVar[str]
    type: ClassVar[str]
    priority: ClassVar[int]

    @property
    def key(self) -> str:
        """The natural key: the same thing told twice has the same key."""
        raise NotImplementedError


class JobChanged(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A job came to a state; `code` and `detail` say why where it was refused."""

    kind = "job"
    type = "pack.job.state.1"
    priority = 0
    job: str
    rev: int
    state: JobState
    code: str = ""
    detail: str = ""

    @property
    def key(self) -> str:
        return f"job/{self.job}/{self.rev}/{self.state}" + (f"/{self.code}" if self.code else "")


class ParcelChanged(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A parcel came to a state, with all that was measured of it; a closed one with its contents and its carton.

    `again` counts how often it was in this very state before: released, labelled anew.
    """

    kind = "parcel"
    type = "pack.parcel.state.1"
    priority = 0
    parcel: str
    job: str
    rev: int
    state: ParcelState
    gross: Weight
    dims: Dimensions
    reasons: tuple[str, ...] = ()
    sscc: str = ""
    tracking: str = ""
    mark: str = ""
    photo_sha256: str = ""
    packer: str = ""
    finding: Finding | None = None
    contents: tuple[Piece, ...] = ()
    carton: str = ""
    tare: Weight | None = None
    net: Weight | None = None
    billed: Billed | None = None
    again: int = 0

    @property
    def key(self) -> str:
        return "/".join(("parcel", self.parcel, self.state, *self.reasons)) + (
            f"/{self.again + 1}" if self.again else "")


class LabelWanted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A parcel was weighed and measured and waits for its label; `voids` is the mark of one that is void for it."""

    kind = "label-wanted"
    type = "pack.parcel.label-wanted.1"
    priority = 0
    parcel: str
    job: str
    rev: int
    gross: Weight
    dims: Dimensions
    contents: tuple[Piece, ...] = ()
    billed: Billed | None = None
    voids: str = ""

    @property
    def key(self) -> str:
        return f"parcel/{self.parcel}/label-wanted" + (f"/{self.voids}" if self.voids else "")


class StockMoved(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """So many pieces of a SKU left the shelf in this parcel."""

    kind = "inventory"
    type = "pack.inventory.moved.1"
    priority = 1
    parcel: str
    job: str
    sku: str
    qty: int

    @property
    def key(self) -> str:
        return f"inv/{self.parcel}/{self.sku}"


class JobShort(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """The packer said that the rest of a job is not there; the OMS decides what becomes of it."""

    kind = "short"
    type = "pack.job.short.1"
    priority = 0
    job: str
    rev: int
    rest: tuple[Piece, ...]
    boot: int
    at_ms: int
    packer: str = ""

    @property
    def key(self) -> str:
        return f"job/{self.job}/{self.rev}/short/{self.boot}/{self.at_ms}"


class CartonTold(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """The packer said that these contents `did-not-fit` in the `suggested` carton, or that `carton` was `taken`."""

    kind = "carton"
    type = "pack.carton.told.1"
    priority = 2
    job: str
    outcome: CartonOutcome
    boot: int
    at_ms: int
    carton: str = ""
    suggested: str = ""
    contents: tuple[Piece, ...] = ()
    packer: str = ""

    @property
    def key(self) -> str:
        return f"carton/{self.job}/{self.boot}/{self.at_ms}/{self.outcome}"


class WrongLabel(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A label was seen on a box that it does not belong to: `parcel` is the label's, `found_on` the box's job."""

    kind = "wrong-label"
    type = "pack.parcel.wrong-label.1"
    priority = 2
    parcel: str
    found_on: str
    visit_key: str
    gross: Weight

    @property
    def key(self) -> str:
        return f"parcel/{self.parcel}/wrong-label/{self.visit_key}"


class PrintChanged(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A page of paper is in doubt, or was settled; `sending` with a code: it prints without what `detail` names."""

    kind = "print"
    type = "pack.print.state.1"
    priority = 2
    mark: str
    role: Role
    job: str
    state: PrintState
    parcel: str = ""
    code: str = ""
    detail: str = ""

    @property
    def key(self) -> str:
        return f"print/{self.mark}/{self.state}"


class DeviceChanged(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A device broke (`code` says how) or came back (`code` is empty)."""

    kind = "device"
    type = "pack.device.state.1"
    priority = 2
    device: str
    boot: int
    at_ms: int
    code: str = ""
    hint: str = ""

    @property
    def key(self) -> str:
        return f"device/{self.device}/{self.boot}/{self.at_ms}"


class JobClaimed(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """We would pack an offered job; only an assign makes it ours."""

    kind = "claim"
    type = "pack.job.claim.1"
    priority = 0
    job: str
    rev: int
    station: str

    @property
    def key(self) -> str:
        return f"claim/{self.job}/{self.rev}/{self.station}"


class BlockWanted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Serial numbers for SSCCs run low: `left` of them, after `leased` blocks for this store."""

    kind = "sscc-wanted"
    type = "pack.sscc.wanted.1"
    priority = 1
    store: str
    left: int
    leased: int

    @property
    def key(self) -> str:
        return f"sscc/{self.store}/{self.leased}"


class StoreBegan(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A new database: whatever was leased to this station's older one is burnt."""

    kind = "store"
    type = "pack.store.began.1"
    priority = 0
    store: str
    station: str

    @property
    def key(self) -> str:
        return f"store/{self.store}"


class MessageDead(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A message was refused and kept as a dead letter."""

    kind = "dead"
    type = "pack.message.dead.1"
    priority = 3
    topic: str
    sha256: str
    bytes: int
    code: str
    detail: str

    @property
    def key(self) -> str:
        return f"dead/{self.sha256}"


FACTS: tuple[type[Fact], ...] = (
    JobChanged, ParcelChanged, LabelWanted, StockMoved, WrongLabel, PrintChanged, DeviceChanged, MessageDead,
    JobClaimed, BlockWanted, StoreBegan, JobShort, CartonTold,
)
