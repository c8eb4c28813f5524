"""What can happen: events, in the past tense.

Every event carries `at_ms`, milliseconds on the station's clock, which never runs backwards. What the store
knows about a message's subject is attached to the event (`known`) before the core sees it, so that the core
needs no database.
"""

from __future__ import annotations

from msgspec import Struct

from agent.station.values import (
    Dimensions,
    Finding,
    Job,
    KnownJob,
    Paper,
    Parcel,
    Print,
    RestVerdict,
    SuggestedCarton,
    Suggestion,
    Verdict,
    Vouching,
    Weight,
)


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened."""

    at_ms: int


class Delivery(Struct, frozen=True):
    """Which message of which connection; an acknowledgement is for that connection only.

    `reply` is where its sender wants the answer (MQTT 5), an empty text where nothing was said.
    """

    generation: int
    mid: int
    reply: str = ""


# -- time and the process ---------------------------------------------------------------------------------------


class AgentStarted(Event, frozen=True, kw_only=True):
    """The process began its life number `boot` on this store."""

    store_id: str
    boot: int


class TimePassed(Event, frozen=True, kw_only=True):
    """The wall clock says `wall_ms` (Unix), and whether it can be trusted.

    `expired` are open jobs past their time, `waiting` the facts that the OMS has not confirmed (from the store).
    """

    wall_ms: int
    time_ok: bool
    expired: tuple[KnownJob, ...] = ()
    waiting: int = 0


class DeviceFailed(Event, frozen=True, kw_only=True):
    """A device broke; told once."""

    device: str
    code: str
    hint: str


class DeviceRecovered(Event, frozen=True, kw_only=True):
    """A device answers again; told once."""

    device: str


# -- the bench --------------------------------------------------------------------------------------------------


class LoadAppeared(Event, frozen=True, kw_only=True):
    """Something lies on the platform and is not still yet."""


class WeightStable(Event, frozen=True, kw_only=True):
    """The load is still: its gross weight."""

    gross: Weight


class LoadChanged(Event, frozen=True, kw_only=True):
    """Something was put to the box or taken out of it: its stable weight rose or fell within this visit."""

    delta_g: float


class PlatformCleared(Event, frozen=True, kw_only=True):
    """The platform is empty and at zero."""


class PlatformTroubled(Event, frozen=True, kw_only=True):
    """The load can't be weighed for a reason that a person can mend (`scale.overload`, `scale.negative`, ...)."""

    code: str


class CodesSeen(Event, frozen=True, kw_only=True):
    """The camera or a scanner read codes while `visit` was asked about; 0 is the bench without a box.

    `jobs` are the jobs whose match codes were seen, `prints` the ledger's pages whose mark, SSCC or tracking
    number was seen (attached from the store, with the parcel of each label). `dims` come with a later look while
    `measuring`. `beside` are those of the codes that are in sight but not on the box: a slip that is held up tells the
    job all the same, a label proves nothing there; `gs1` are those that their carrier calls element strings. Attached,
    too: `at_hand`, the job that is being packed, and `label`, the valid label of the box on the platform; `finding` and
    `vouching` are what the learned weights say, `carton` is what the box is packed in, as far as that is known.
    """

    visit: int
    codes: tuple[str, ...]
    dims: Dimensions | None = None
    measuring: bool = False
    photo_sha256: str = ""
    scanned: bool = False
    beside: tuple[str, ...] = ()
    gs1: tuple[str, ...] = ()
    finding: Finding | None = None
    vouching: Vouching | None = None
    carton: SuggestedCarton | None = None
    jobs: tuple[KnownJob, ...] = ()
    prints: tuple[tuple[Print, Parcel | None], ...] = ()
    at_hand: KnownJob | None = None
    label: Print | None = None


class ScanLost(Event, frozen=True, kw_only=True):
    """A scan came, but not all of it (`scanner.too-long`, `scanner.overflow`); the scanner works."""

    code: str


class ButtonPressed(Event, frozen=True, kw_only=True):
    """The packer pressed the button: short is yes, long is no."""

    long: bool = False


class CopyWanted(Event, frozen=True, kw_only=True):
    """Someone at the station wants a parcel's label once more; `page` is its valid label, attached from the store."""

    parcel: str
    page: Print | None = None


# -- the printer ------------------------------------------------------------------------------------------------


class RollSeen(Event, frozen=True, kw_only=True):
    """About so many millimetres are left on a printer's roll; `known` is False while that is an upper bound."""

    device: str
    left_mm: int
    known: bool


class PagePrinted(Event, frozen=True, kw_only=True):
    """The printer said that page `print_no` came out."""

    print_no: int


class PageWarned(Event, frozen=True, kw_only=True):
    """Page `print_no` is on its way to the printer, and something that was wanted on it had to be left out."""

    print_no: int
    code: str
    detail: str


class PageNotPrinted(Event, frozen=True, kw_only=True):
    """Not one dot of page `print_no` came out; printing it again is safe."""

    print_no: int
    code: str


class PageDoubtful(Event, frozen=True, kw_only=True):
    """Nobody can tell from here whether page `print_no` came out."""

    print_no: int
    code: str


class PageRefused(Event, frozen=True, kw_only=True):
    """Page `print_no` can't be made at all (text that can't be set, code too wide); the job is told."""

    print_no: int
    code: str
    detail: str


# -- the link ---------------------------------------------------------------------------------------------------


class LinkChanged(Event, frozen=True, kw_only=True):
    """The broker was reached or lost."""

    up: bool


class JobAssigned(Event, frozen=True, kw_only=True):
    """The OMS gave us a job (or gave it again)."""

    job: Job
    digest: str
    delivery: Delivery
    known: KnownJob | None = None


class JobCancelled(Event, frozen=True, kw_only=True):
    """The OMS took a job back, perhaps before it gave it."""

    job: str
    rev: int
    delivery: Delivery
    known: KnownJob | None = None


class LabelArrived(Event, frozen=True, kw_only=True):
    """The OMS sent the papers of one parcel."""

    parcel: str
    rev: int
    papers: tuple[Paper, ...]
    delivery: Delivery
    known: KnownJob | None = None
    known_parcel: Parcel | None = None


class DecisionMade(Event, frozen=True, kw_only=True):
    """The OMS decided about a held parcel."""

    parcel: str
    verdict: Verdict
    delivery: Delivery
    known: KnownJob | None = None
    known_parcel: Parcel | None = None


class CatalogueCame(Event, frozen=True, kw_only=True):
    """Cartons and SKUs of the site, as the store keeps them: name and JSON; those that are not named stay."""

    rows: tuple[tuple[str, bytes], ...]
    delivery: Delivery | None = None


class CartonSuggested(Event, frozen=True, kw_only=True):
    """The cartons for a job were found, or why there are none; the weights are attached from what was learned."""

    job: str
    rev: int
    suggestion: Suggestion
    known: KnownJob | None = None


class RestDecided(Event, frozen=True, kw_only=True):
    """The OMS decided what becomes of the rest of a job that was packed short."""

    job: str
    rest: RestVerdict
    delivery: Delivery
    known: KnownJob | None = None


class FactsReceipted(Event, frozen=True, kw_only=True):
    """The OMS has these facts."""

    ids: tuple[str, ...]
    delivery: Delivery


class JobOffered(Event, frozen=True, kw_only=True):
    """The OMS offers a job to every station of the site; `open_jobs` is how many we have (from the store)."""

    job: str
    rev: int
    delivery: Delivery
    known: KnownJob | None = None
    open_jobs: int = 0


class BlockLeased(Event, frozen=True, kw_only=True):
    """The OMS leases serial numbers: `count` SSCCs from `first`, 17 digits without the check digit, to one store."""

    block: str
    store: str
    first: str
    count: int
    delivery: Delivery


class SyncAnswered(Event, frozen=True, kw_only=True):
    """The OMS compared its jobs with ours and sent again what was missing; it does not have those in `unknown`."""

    session: int
    unknown: tuple[str, ...]
    delivery: Delivery


class OmsChanged(Event, frozen=True, kw_only=True):
    """The OMS says of itself that it is `ready`, `disconnected` or `lost`."""

    oms: str
    delivery: Delivery


class FileFailed(Event, frozen=True, kw_only=True):
    """A file of a job's papers can't be fetched."""

    job: str
    rev: int
    code: str
    detail: str
    known: KnownJob | None = None


class MessageRefused(Event, frozen=True, kw_only=True):
    """A message was not ours, not readable or not allowed; `job` is set where its id could still be read."""

    topic: str
    payload: bytes
    code: str
    detail: str
    delivery: Delivery
    job: str = ""
    rev: int = 0


class MessageIgnored(Event, frozen=True, kw_only=True):
    """A message that means nothing to us and needs no words (an emptied retained topic)."""

    delivery: Delivery
