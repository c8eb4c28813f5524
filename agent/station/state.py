"""What the station knows right now: lasting facts, never commands. It is stored with every commit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from agent.station.facts import Fact, ParcelChanged
from agent.station.items import manifest
from agent.station.records import SaveParcel, SavePrint, Tell
from agent.station.rules import net
from agent.station.tariffs import billed
from agent.station.values import Parcel, Piece, Print, Vouching, Weight

if TYPE_CHECKING:
    from agent.station.records import Effect, Record
    from firmware_config.settings import Settings


Cut = Literal["", "next", "short"]


class Broken(Struct, frozen=True):
    """A device that does not work: its name in the settings, a stable code, and what to do."""

    device: str
    code: str
    hint: str


class Box(Struct, frozen=True, omit_defaults=True):
    """What stands on the platform. `gross` is None until the load is still.

    `parcel` is empty until the box was judged; `notice` is the code of what the packer should know or mend;
    `proofs` counts the pictures in which the box's own label was seen on it; `photo_sha256` is the newest picture,
    `since_ms` when the load was still for the first time; `job` is whose box it is while its items are still scanned;
    `changed_g` is what was put in (or taken out) since it was judged.
    """

    visit: int
    gross: Weight | None = None
    parcel: str = ""
    job: str = ""
    notice: str = ""
    subject: str = ""
    proofs: int = 0
    since_ms: int = 0
    photo_sha256: str = ""
    changed_g: float = 0.0


class Block(Struct, frozen=True):
    """Serial numbers leased by the OMS: the next SSCC without its check digit, as a number, and how many are left."""

    next: int
    left: int


class Roll(Struct, frozen=True):
    """What is left on a printer's roll, as far as it is known."""

    device: str
    left_mm: int
    known: bool


class Batch(Struct, frozen=True):
    """A batch of which not every job is here yet: its pages wait, so that they come out in order."""

    id: str
    of: int
    here: tuple[int, ...]
    last_ms: int


class Claim(Struct, frozen=True):
    """A job of the site's pool that we asked for, and when we stop waiting for it."""

    job: str
    until_ms: int


class Packing(Struct, frozen=True, omit_defaults=True):
    """A job that is being packed: `rest` is in no parcel yet, `items` were scanned for the box that is packed now.

    `required` are the SKUs of which each piece must be scanned; `asked` is a piece whose serial or lot number is still
    wanted; `cut` says that the box ends with what was scanned, `split` that one did, `short` that the rest is not
    there. Scans that no weight step has answered yet are `unplaced`, clear weight steps without a scan `unscanned`,
    with their times; `steps` counts the clear ones. `scan_ms` is when a box on the scale got its last scan.
    """

    job: str
    rev: int
    rest: tuple[tuple[str, int], ...]
    required: tuple[str, ...] = ()
    items: tuple[Piece, ...] = ()
    asked: Piece | None = None
    cut: Cut = ""
    split: bool = False
    short: bool = False
    carton: str = ""
    vouching: Vouching = Vouching()
    unplaced: tuple[tuple[str, int], ...] = ()
    unscanned: tuple[tuple[str, int], ...] = ()
    steps: int = 0
    scan_ms: int = 0


class Told(Struct, frozen=True):
    """Something the packer should know for a few seconds: its code, about what, and since when."""

    code: str
    subject: str
    at_ms: int


class Sight(Struct, frozen=True):
    """A code in sight of the cameras: when last, and in how many pictures it was missing since."""

    code: str
    at_ms: int
    missing: int = 0


class State(Struct, frozen=True, omit_defaults=True):
    """The station: its clock, what stands on the platform, what is broken, what has not ended yet.

    `box` None with `bare` False is a platform of which nothing is known yet. `at_hand` is the job that scanned items
    belong to.
    """

    store_id: str = ""
    boot: int = 0
    now_ms: int = 0
    wall_ms: int = 0
    time_ok: bool = False
    link_up: bool = False
    visit: int = 0
    print_no: int = 0
    box: Box | None = None
    bare: bool = False
    broken: tuple[Broken, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    prints: tuple[Print, ...] = ()
    claims: tuple[Claim, ...] = ()
    blocks: tuple[Block, ...] = ()
    leased: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = ()
    rolls: tuple[Roll, ...] = ()
    packings: tuple[Packing, ...] = ()
    at_hand: str = ""
    told: Told | None = None
    sights: tuple[Sight, ...] = ()
    packer: str = ""
    waiting: int = 0
    oms: str = ""
    session_answered: int = 0
    next_sync_ms: int = 0
    sync_wait_ms: int = 0

    def parcel(self, parcel_id: str) -> Parcel | None:
        """Return the parcel that has not ended, or None."""
        return next((parcel for parcel in self.parcels if parcel.id == parcel_id), None)

    def page(self, print_no: int) -> Print | None:
        """Return the page that has not ended, or None."""
        return next((page for page in self.prints if page.no == print_no), None)

    def parcels_of_job(self, job: str) -> tuple[Parcel, ...]:
        """Return the parcels of a job that have not ended."""
        return tuple(parcel for parcel in self.parcels if parcel.job == job)

    def packing(self, job: str) -> Packing | None:
        """Return how far the packing of a job is, or None when it did not begin."""
        return next((packing for packing in self.packings if packing.job == job), None)

    def is_broken(self, device: str) -> bool:
        """True while this device does not work."""
        return any(broken.device == device for broken in self.broken)

    @property
    def doubt(self) -> Print | None:
        """The oldest page of which nobody knows whether it came out."""
        return next((page for page in self.prints if page.state == "in-doubt"), None)


def proof_mark(store_id: str, print_no: int) -> str:
    """Return the ten digits of a page's proof mark: they tell this page from every other page of every station.

    Ten digits are what the smallest DataMatrix that a camera reads at any angle can hold (ISO/IEC 16022,
    table 7: 12 x 12 modules).

    >>> proof_mark("7d0f", 1) != proof_mark("7d0f", 2)
    True
    """
    digest = hashlib.sha256(f"{store_id}/{print_no}".encode()).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**10:010d}"


def sha256_hex(payload: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal digits."""
    return hashlib.sha256(payload).hexdigest()


@dataclass(slots=True)
class Turn:
    """One step in the making: the state so far, and what must be stored and done because of it."""

    state: State
    config: Settings
    records: list[Record] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def save_parcel(self, parcel: Parcel, *, told: bool = True) -> None:
        """Keep a parcel as it is now, and tell the OMS its state unless that did not change."""
        before, word = self.state.parcel(parcel.id), "/".join((parcel.state, *parcel.reasons))
        history = before.told if before is not None else ()
        parcel = replace(parcel, told=(*history, word) if told else history)
        others = tuple(other for other in self.state.parcels if other.id != parcel.id)
        kept = others if parcel.ended else (*others, parcel)
        self.state = replace(self.state, parcels=kept)
        self.records.append(SaveParcel(parcel))
        if told:
            mark = proof_mark(self.state.store_id, parcel.print_no) if parcel.print_no else ""
            contents = manifest(dict(parcel.contents), parcel.items) if parcel.state == "closed" else ()
            tare = parcel.tare if parcel.state == "closed" else None
            self.tell(ParcelChanged(
                parcel=parcel.id, job=parcel.job, rev=parcel.rev, state=parcel.state, gross=parcel.gross,
                dims=parcel.dims, reasons=parcel.reasons, sscc=parcel.sscc, tracking=parcel.tracking, mark=mark,
                photo_sha256=parcel.photo_sha256, packer=parcel.packer, finding=parcel.finding,
                contents=contents, carton=parcel.carton if parcel.state == "closed" else "", billed=billed(parcel),
                tare=tare, net=net(parcel.gross, tare) if tare is not None else None,
                again=history.count(word),
            ))

    def closed(self, job: str) -> bool:
        """True when a parcel of a job was closed in this very step."""
        return any(isinstance(record, SaveParcel) and record.parcel.job == job and record.parcel.state == "closed"
                   for record in self.records)

    def save_packing(self, packing: Packing) -> Packing:
        """Keep how far a job is packed; return it."""
        others = tuple(other for other in self.state.packings if other.job != packing.job)
        self.state = replace(self.state, packings=(*others, packing))
        return packing

    def drop_packing(self, job: str) -> None:
        """Forget how far a job is packed: nothing of it is left to pack."""
        kept = tuple(packing for packing in self.state.packings if packing.job != job)
        at_hand = "" if self.state.at_hand == job else self.state.at_hand
        self.state = replace(self.state, packings=kept, at_hand=at_hand)

    def say(self, code: str, subject: str = "") -> None:
        """Let the packer know something for a few seconds."""
        self.state = replace(self.state, told=Told(code, subject, self.state.now_ms))

    def save_page(self, page: Print) -> None:
        """Keep a page of the ledger as it is now."""
        others = tuple(other for other in self.state.prints if other.no != page.no)
        kept = others if page.ended else tuple(sorted((*others, page), key=lambda one: one.no))
        self.state = replace(self.state, prints=kept)
        self.records.append(SavePrint(page))

    def tell(self, fact: Fact) -> None:
        """Put a fact into the outbox."""
        self.records.append(Tell(fact))

    def box(self, box: Box | None) -> None:
        """Note what stands on the platform."""
        self.state = replace(self.state, box=box)
