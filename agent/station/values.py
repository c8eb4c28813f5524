"""The nouns of a packing station: orders, jobs, parcels, prints. One definition serves wire, disk and core.

Numbers are in the unit that ends their name; what is unknown is absent, never 0. Every text and list is
bounded, so that a message can be large only up to a known size.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Ident = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*\Z")]
ParcelId = Annotated[str, Meta(min_length=3, max_length=72, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*/[0-9]{1,6}\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=128)]
Line = Annotated[str, Meta(max_length=256)]
Lang = Annotated[str, Meta(min_length=2, max_length=16, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*\Z")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
Count = Annotated[int, Meta(ge=0, le=9_999)]
Revision = Annotated[int, Meta(ge=1, le=2**31)]
Grams = Annotated[float, Meta(gt=0, le=200_000)]
Millimetres = Annotated[float, Meta(gt=0, le=10_000)]
Edges = tuple[Millimetres, Millimetres, Millimetres]
CartonId = Annotated[str, Meta(min_length=1, max_length=64)]
Timestamp = Annotated[str, Meta(
    max_length=40, pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})\Z",
)]
Sscc = Annotated[str, Meta(pattern=r"^[0-9]{18}\Z")]

JobState = Literal["open", "packed", "held", "cancelled", "expired", "rejected"]
ParcelState = Literal["open", "labelled", "unproven", "closed", "held", "void"]
PrintState = Literal["queued", "sending", "printed", "not-printed", "in-doubt", "void"]
Role = Literal["slip", "label", "other"]
LabelWhen = Literal["before_packing", "after_weighing", "on_request"]
Proof = Literal["required", "preferred", "off"]
Wants = Literal["none", "job", "request"]
Verdict = Literal["release", "repack", "cancel"]
SizeSource = Literal["dimensioner", "supplier", "typed"]
RestVerdict = Literal["keep", "cancel", "backorder"]


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value from the wire or the disk; unknown fields are ignored, so that both sides may grow."""


class Order(Value, frozen=True, kw_only=True):
    """The customer's order, of which a job is one part (`part` of `of`)."""

    id: Ident
    part: Annotated[int, Meta(ge=1, le=999)] = 1
    of: Annotated[int, Meta(ge=1, le=999)] = 1


class Address(Value, frozen=True, kw_only=True):
    """Where a parcel goes. `lines` are the lines between the name and the city."""

    name: Line
    country: Country
    city: Line
    company: Line = ""
    lines: Annotated[tuple[Line, ...], Meta(max_length=7)] = ()
    postcode: Annotated[str, Meta(max_length=24)] = ""
    region: Line = ""


class Item(Value, frozen=True, kw_only=True):
    """One line of a job. `dims_mm` is length, width, height; unknown weight or size is absent."""

    sku: Code
    name: Annotated[str, Meta(max_length=1024)]
    qty: Count
    barcodes: Annotated[tuple[Code, ...], Meta(max_length=16)] = ()
    weight_g: Grams | UnsetType = UNSET
    dims_mm: tuple[Millimetres, Millimetres, Millimetres] | UnsetType = UNSET
    flags: Annotated[tuple[Literal["this-side-up", "fragile"], ...], Meta(max_length=4)] = ()
    max_load_g: Grams | UnsetType = UNSET
    capture: Annotated[tuple[Literal["serial", "lot"], ...], Meta(max_length=2)] = ()
    size_from: SizeSource | UnsetType = UNSET


class Carton(Value, frozen=True, kw_only=True):
    """A carton that the packer may take. `inner_mm` and `outer_mm` are length, width, height; height is vertical.

    `max_gross_g` is what it may weigh with all that is in it; `stock` absent: there are enough.
    """

    id: CartonId
    inner_mm: Edges
    outer_mm: Edges
    tare_g: Grams
    max_gross_g: Grams
    cost_cents: Annotated[int, Meta(ge=0, le=10_000_000)]
    stock: Count | UnsetType = UNSET


class Tariff(Value, frozen=True, kw_only=True):
    """What a carrier charges by: where its weight classes end, its size classes, and its rule for room.

    `weights_g` and `sizes_mm` rise; a parcel is of the first class that holds it. Sides are rounded up to
    `side_step_mm`, weights to `weight_step_g`; without a divisor (cubic centimetres per kilogram) room costs nothing.
    """

    weights_g: Annotated[tuple[Grams, ...], Meta(max_length=60)] = ()
    sizes_mm: Annotated[tuple[Edges, ...], Meta(max_length=30)] = ()
    divisor_cm3_per_kg: Annotated[float, Meta(ge=100, le=100_000)] | UnsetType = UNSET
    side_step_mm: Annotated[int, Meta(ge=1, le=1_000)] = 1
    weight_step_g: Annotated[int, Meta(ge=1, le=100_000)] = 1


class LabelContent(Value, frozen=True, kw_only=True):
    """What our label template prints beside the address: carrier codes and words; `symbol` is the tracking number's."""

    tracking: Code | UnsetType = UNSET
    symbol: Literal["code128", "gs1-128", "qr", "datamatrix"] = "code128"
    routing: Line = ""
    reference: Line = ""
    product: Line = ""


class PaperFile(Value, frozen=True, kw_only=True):
    """Either `inline`, or `url` with `sha256` and `bytes`."""

    inline: Annotated[str, Meta(min_length=4, max_length=43_700)] | UnsetType = UNSET
    url: Annotated[str, Meta(max_length=1024, pattern=r"^https://")] | UnsetType = UNSET
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")] | UnsetType = UNSET
    bytes: Annotated[int, Meta(ge=1, le=5_000_000)] | UnsetType = UNSET


class Paper(Value, frozen=True, kw_only=True):
    """A paper of a job: `data` feeds our template, `file` is printed as it is.

    `reprint` says what a label's second print is: a `copy` that says so, or a `reissue`: the first label is void and a
    new one is asked for.
    """

    id: Ident
    role: Role
    media: Annotated[str, Meta(max_length=16)] = ""
    reprint: Literal["copy", "reissue"] = "copy"
    lang: Lang | UnsetType = UNSET
    data: LabelContent | UnsetType = UNSET
    file: PaperFile | UnsetType = UNSET


class WeightCheck(Value, frozen=True, kw_only=True):
    """The gross weight that the OMS expects, and by how much it may differ."""

    expected_g: Grams
    tolerance_g: Grams


class Verify(Value, frozen=True, kw_only=True):
    """Which checks a job's parcels must pass; what is absent is not checked."""

    scan: bool = False
    weight: WeightCheck | UnsetType = UNSET
    max_gross_g: Grams | UnsetType = UNSET
    proof: Proof | UnsetType = UNSET


class Batch(Value, frozen=True, kw_only=True):
    """The place of a job in a batch that is printed in one go."""

    id: Ident
    seq: Annotated[int, Meta(ge=1, le=9_999)]
    of: Annotated[int, Meta(ge=1, le=9_999)]


class Job(Value, frozen=True, kw_only=True):
    """The contents of one order shipped from one site, as the OMS sent it.

    `ship_from` is the sender on the label; without it the station's own stands there.
    """

    job: Ident
    rev: Revision
    station: Ident
    site: Ident
    order: Order
    ship_to: Address
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=400)]
    ship_from: Address | UnsetType = UNSET
    service: Line = ""
    carrier: Line = ""
    expires: Timestamp | UnsetType = UNSET
    match: Annotated[tuple[Code, ...], Meta(max_length=16)] = ()
    papers: Annotated[tuple[Paper, ...], Meta(max_length=16)] = ()
    label_when: LabelWhen = "after_weighing"
    verify: Verify = Verify()
    sscc: Annotated[tuple[Sscc, ...], Meta(max_length=50)] = ()
    batch: Batch | UnsetType = UNSET
    cartons: Annotated[tuple[Carton, ...], Meta(max_length=64)] = ()
    tariff: Tariff | UnsetType = UNSET
    lang: Lang = "en"


class KnownJob(Struct, frozen=True, kw_only=True):
    """What the store has of a job: `job` is None for a tombstone; `digest` is the SHA-256 of its bytes.

    `parcels` is the highest number of its parcels; `gone` and `labels` are the pieces and label papers of closed ones;
    `suggestion` is what the station would do with it, once that was found.
    """

    id: str
    rev: int
    state: JobState
    digest: str = ""
    job: Job | None = None
    parcels: int = 0
    gone: tuple[tuple[str, int], ...] = ()
    labels: tuple[str, ...] = ()
    suggestion: Suggestion | None = None


class Weight(Value, frozen=True, kw_only=True):
    """A gross weight: value and 95 % uncertainty in grams, and how it was found; `predicted` is not weighed yet."""

    value_g: float
    u95_g: float
    quality: Literal["quick", "averaged", "relaxed", "predicted"] = "quick"


class Length(Value, frozen=True, kw_only=True, tag_field="kind", tag="measured"):
    """One edge: value and 95 % uncertainty in millimetres."""

    value_mm: float
    u95_mm: float
    quality: str = "measured"


class Refused(Value, frozen=True, kw_only=True, tag_field="kind", tag="refused"):
    """A measurement that was refused: never 0, never the last box's."""

    refused: str


class Dimensions(Value, frozen=True, kw_only=True):
    """Outer edges of a box: length >= width on the platform, height vertical."""

    length: Length | Refused
    width: Length | Refused
    height: Length | Refused


def unmeasured(code: str) -> Dimensions:
    """Return the dimensions of a box of which no edge was measured, for one reason."""
    return Dimensions(length=Refused(refused=code), width=Refused(refused=code), height=Refused(refused=code))


class Billed(Value, frozen=True, kw_only=True):
    """What a carrier charges for: the dim weight and the larger of it and the gross, in grams, both rounded up.

    `size_from` says whose size it is: the box's as `measured`, or its `carton`'s outer size.
    """

    chargeable_g: float
    dim_weight_g: float
    size_from: Literal["measured", "carton"]


class SuggestedCarton(Value, frozen=True, kw_only=True):
    """One carton of a suggestion: what goes in, the gross weight that is expected of it, and its own: the tare.

    `placements` say where, in the order of packing: SKU, lowest corner, size after turning, in mm, height last.
    """

    carton: str
    inner_mm: Edges
    outer_mm: Edges
    contents: tuple[tuple[str, int], ...]
    gross: Weight | None = None
    tare: Weight | None = None
    placements: tuple[tuple[str, tuple[int, int, int], tuple[int, int, int]], ...] = ()


class Suggestion(Value, frozen=True, kw_only=True):
    """What the station would do with a job: cartons, or why none (`reasons` are codes and sentences).

    `gross` is the whole job's where it goes into one box; `larger` the next larger carton that would hold it.
    """

    cartons: tuple[SuggestedCarton, ...] = ()
    gross: Weight | None = None
    larger: str = ""
    proven: bool = False
    reasons: tuple[tuple[str, str], ...] = ()


class Finding(Value, frozen=True, kw_only=True):
    """What the learned weights say of a parcel: how far it is off, how sure that something is wrong, and what.

    `finding` is `fine`, `check` (stop: please look at `words` first) or `cannot-tell`.
    """

    finding: Literal["fine", "check", "cannot-tell"]
    off_g: float
    sd_g: float
    wrong: float
    words: str = ""


class Piece(Value, frozen=True, kw_only=True):
    """So many pieces of a SKU; each serial number is a piece of its own, each lot an entry of its own."""

    sku: Code
    qty: Count
    serial: Annotated[str, Meta(max_length=128)] = ""
    lot: Annotated[str, Meta(max_length=128)] = ""


class Vouching(Value, frozen=True, kw_only=True):
    """What the learned weights can tell of a job before it is packed.

    `to_scan` are the SKUs of which the scale would not miss one; `units` the unit weights that are known well: SKU,
    grams, standard deviation in grams.
    """

    to_scan: tuple[str, ...] = ()
    units: tuple[tuple[str, float, float], ...] = ()


class Parcel(Value, frozen=True, kw_only=True):
    """One packed box: what was measured, what was decided, and where it stands.

    `id` is `{job}/{n}`; `print_no` is its valid label, 0 while there is none; `visit` is the stay on the
    platform in which it was judged and never leaves the station. `contents` are pieces per SKU, `items` those of them
    that were scanned; `wants` says where its label comes from (its job's papers, a request to the OMS, nowhere) and
    `label` which paper it is; `told` are the states in which the OMS heard of it, with their reasons. `carton` is the
    one that the packer said, else the suggested one, of size `outer_mm`;
    `predicted` is the gross that the station's own label before packing was made for; `reissue` is its label's rule.
    """

    id: ParcelId
    job: Ident
    rev: Revision
    state: ParcelState
    visit: int
    gross: Weight
    dims: Dimensions
    reasons: tuple[str, ...] = ()
    waiting: bool = False
    print_no: int = 0
    sscc: str = ""
    tracking: str = ""
    proof: Proof = "required"
    photo_sha256: str = ""
    contents: tuple[tuple[str, int], ...] = ()
    items: tuple[Piece, ...] = ()
    carton: str = ""
    outer_mm: Edges | None = None
    tare: Weight | None = None
    predicted: Weight | None = None
    tariff: Tariff | None = None
    max_gross_g: float = 0.0
    packer: str = ""
    finding: Finding | None = None
    settled: bool = False
    told: tuple[str, ...] = ()
    wants: Wants = "none"
    label: str = ""
    reissue: bool = False

    @property
    def ended(self) -> bool:
        """True when nothing will happen to this parcel any more."""
        return self.state in ("closed", "void")


class Print(Value, frozen=True, kw_only=True):
    """One page of the print ledger. `mark` is the proof mark on the paper, ten digits.

    `urgent` pages belong to a box that was weighed; `seq` orders the pages of a `batch`; `about_mm` is how much roll a
    slip will take.
    """

    no: int
    mark: str
    role: Role
    job: Ident
    paper: str
    state: PrintState
    rev: int = 0
    parcel: str = ""
    code: str = ""
    copy_of: int = 0
    batch: str = ""
    seq: int = 0
    urgent: bool = False
    about_mm: int = 0
    queued_ms: int = 0
    ended_ms: int = 0

    @property
    def ended(self) -> bool:
        """True when it is known whether this page is in somebody's hands."""
        return self.state in ("printed", "not-printed", "void")
