"""One example for every message of the contract; the decoder and golden files check them."""

from __future__ import annotations

from typing import Any

from agent.station import facts
from agent.station.rules import net
from agent.station.values import Billed, Dimensions, Length, Piece, Refused, Weight

STORE = "7d0f3c1e-6a54-4d0b-9c1d-2f7a3b8e5d10"
_GROSS = Weight(value_g=1840.0, u95_g=6.0, quality="averaged")
_DIMS = Dimensions(length=Length(value_mm=312.0, u95_mm=2.4), width=Length(value_mm=221.0, u95_mm=2.2),
                   height=Refused(refused="camera.top-hidden"))
_CONTENTS = (Piece(sku="MUG-BLUE", qty=1, serial="S-7001"), Piece(sku="MUG-BLUE", qty=1, serial="S-7002"))
_TARE = Weight(value_g=182.0, u95_g=9.0, quality="predicted")
_BILLED = Billed(chargeable_g=2000.0, dim_weight_g=1820.0, size_from="carton")
_PAPER = {"id": "label", "role": "label", "media": "62x100",
          "data": {"tracking": "1Z999AA10123456784", "routing": "AMS-3"}}

# What others send, by the leaf of its topic.
INBOUND: dict[str, dict[str, Any]] = {
    "job/assign": {
        "job": "J-8812-1", "rev": 1, "station": "st-014", "site": "ams1", "order": {"id": "O-8812", "part": 1, "of": 2},
        "ship_to": {"name": "王小明", "city": "Amsterdam", "country": "NL", "postcode": "1012 AB",
                    "lines": ["Damrak 1"]},
        "service": "standard", "expires": "2026-12-01T18:00:00Z", "match": ["J-8812-1", "TOTE-17"],
        "items": [{"sku": "MUG-BLUE", "name": "Mug, blue", "qty": 2, "barcodes": ["4006381333931"], "weight_g": 310,
                   "dims_mm": [110, 90, 100], "flags": ["fragile"]}],
        "papers": [{"id": "slip", "role": "slip", "lang": "zh"}, _PAPER], "label_when": "after_weighing",
        "verify": {"weight": {"expected_g": 1850, "tolerance_g": 60}, "proof": "required"},
        "tariff": {"weights_g": [1000, 2000, 5000], "divisor_cm3_per_kg": 5000, "weight_step_g": 500},
        "sscc": ["340123450000000017"], "batch": {"id": "B-7", "seq": 3, "of": 12}, "lang": "zh-CN",
    },
    "job/cancel": {"job": "J-8812-1", "rev": 2, "station": "st-014", "site": "ams1", "reason": "customer"},
    "job/label": {"parcel": "J-8812-1/1", "rev": 1, "papers": [_PAPER]},
    "job/decision": {"parcel": "J-8812-1/1", "verdict": "release"},
    "job/sscc": {"block": "L-31", "store": STORE, "first": "34012345000000100", "count": 500},
    "site/job/offer": {"job": "J-8813-1", "rev": 1, "site": "ams1", "order": {"id": "O-8813"}, "pieces": 3,
                       "weight_g": 950},
    "site/catalogue": {
        "units": {"length": "mm", "weight": "g", "money": "cents"},
        "cartons": [{"id": "M2", "inner": [300, 200, 150], "outer": [308, 208, 164], "tare": 182, "max_weight": 20000,
                     "cost": 68}],
        "skus": [{"sku": "MUG-BLUE", "dims": [110, 90, 100], "weight": 310, "fragile": "yes", "size_from": "supplier"}],
    },
    "rcpt": {"ids": [f"{STORE}:41", f"{STORE}:42"]},
    "sync/rsp": {"session": 3_000_001, "page": 1, "again": 2, "unknown": []},
    "oms/state": {"state": "ready"},
}

# What a station tells, one of each kind of fact.
FACTS: tuple[facts.Fact, ...] = (
    facts.JobChanged(job="J-8812-1", rev=1, state="rejected", code="field.type",
                     detail="Expected `int`, got `str` - at `$.items[0].qty`."),
    facts.ParcelChanged(parcel="J-8812-1/1", job="J-8812-1", rev=1, state="closed", gross=_GROSS, dims=_DIMS,
                        sscc="340123450000000017", tracking="1Z999AA10123456784", mark="0123456789",
                        photo_sha256="ab" * 32, carton="M2", contents=_CONTENTS, tare=_TARE, net=net(_GROSS, _TARE),
                        billed=_BILLED),
    facts.LabelWanted(parcel="J-8812-1/1", job="J-8812-1", rev=1, gross=_GROSS, dims=_DIMS, contents=_CONTENTS,
                      billed=_BILLED),
    facts.StockMoved(parcel="J-8812-1/1", job="J-8812-1", sku="MUG-BLUE", qty=2),
    facts.WrongLabel(parcel="J-8812-1/1", found_on="J-8813-1", visit_key="17-204", gross=_GROSS),
    facts.PrintChanged(mark="0123456789", role="label", job="J-8812-1", state="in-doubt", parcel="J-8812-1/1",
                       code="print.agent-stopped"),
    facts.DeviceChanged(device="printer", boot=17, at_ms=8_812_334, code="printer.no-media", hint="Put in a new roll."),
    facts.MessageDead(topic="pack/v1/st/st-014/job/assign", sha256="cd" * 32, bytes=7, code="message.not-json",
                      detail="JSON is malformed: invalid character (byte 0)."),
    facts.JobClaimed(job="J-8813-1", rev=1, station="st-014"),
    facts.BlockWanted(store=STORE, left=40, leased=1),
    facts.StoreBegan(store=STORE, station="st-014"),
    facts.JobShort(job="J-8812-1", rev=1, rest=(Piece(sku="TEA", qty=1),), boot=17, at_ms=8_812_334, packer="0042"),
    facts.CartonTold(job="J-8812-1", outcome="taken", carton="M2", suggested="M1", boot=17, at_ms=8_812_334,
                     contents=_CONTENTS),
)
