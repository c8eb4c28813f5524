"""The contract as a document: AsyncAPI 3.0 with JSON Schemas made from the same types that read and write the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agent.messages import examples, inbound, outbound, payloads, topics
from agent.station.facts import FACTS
from agent.station.values import Job

if TYPE_CHECKING:
    from collections.abc import Iterable

# Leaf of the topic -> type and one line for the reader. (The station receives these.)
RECEIVED: dict[str, tuple[type[msgspec.Struct], str]] = {
    "job/assign": (Job, "A job, whole. The same revision with the same content may come any number of times."),
    "job/cancel": (payloads.Cancel, "A job is taken back; may overtake its assign."),
    "job/label": (payloads.Label, "The papers of one parcel, after it was measured, or reissued."),
    "job/decision": (payloads.Decision, "What becomes of a held parcel, or of the rest of a short job."),
    "job/sscc": (payloads.Lease, "A block of serial numbers for one store."),
    "site/job/offer": (payloads.Offer, "A job for whichever station of the site claims it; the grant is an assign."),
    "site/catalogue": (payloads.Catalogue, "Cartons and SKUs of a site, retained; what it does not name stays known."),
    "rcpt": (payloads.Receipt, "Facts that the OMS has, now or since earlier."),
    "sync/rsp": (payloads.SyncAnswer, "The OMS compared its jobs with ours."),
    "oms/state": (payloads.OmsPresence, "The OMS on itself, retained."),
}
# (The station sends these, beside the facts.)
SENT: dict[str, tuple[type[msgspec.Struct], str, int, bool]] = {
    "presence": (outbound.Presence, "Birth, last will and goodbye, on one topic, with a session number.", 1, True),
    "sync/req": (outbound.SyncRequest, "Our jobs that have not ended, in pages; on connecting and hourly.", 1, False),
    "tel": (outbound.Telemetry, "How the station is, once a minute.", 0, False),
}
_REF = "#/components/schemas/{name}"
_ADMINS_REF = "#/components/schemas/Fleet{name}"


class Channel(NamedTuple):
    """One topic of the fleet's admin: `action` is the station's, `send` or `receive`."""

    name: str
    address: str
    action: str
    kind: type[msgspec.Struct]
    words: str
    example: object
    retain: bool = False


def asyncapi(admins: Iterable[Channel] = (), also: Iterable[type[msgspec.Struct]] = ()) -> dict[str, Any]:
    """Return the whole contract as an AsyncAPI 3.0 document; `also` are types inside the admin's messages."""
    types = [kind for kind, _ in RECEIVED.values()] + [kind for kind, *_ in SENT.values()] + [outbound.At, *FACTS]
    _, made = msgspec.json.schema_components(types, ref_template=_REF)
    schemas = _portable(made)
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {"title": "packbench", "version": outbound.CONTRACT,
                 "description": "Jobs to packing stations and facts from them, over MQTT 3.1.1 or 5, QoS 1."},
        "defaultContentType": "application/json",
        "channels": {}, "operations": {}, "components": {"messages": {}, "schemas": schemas},
    }
    for leaf, (kind, words) in RECEIVED.items():
        _add(document, leaf, "receive", _payload_ref(kind), words, examples.INBOUND[leaf],
             retain=leaf in inbound.RETAINED)
    for leaf, (kind, words, qos, retain) in SENT.items():
        _add(document, leaf, "send", _payload_ref(kind), words, sent_example(leaf), qos=qos, retain=retain)
    for fact in FACTS:
        schemas[f"{fact.__name__}Event"] = _event_schema(fact)
        words = (fact.__doc__ or "").splitlines()[0]
        _add(document, f"evt/{fact.kind}", "send", _REF.format(name=f"{fact.__name__}Event"), words,
             msgspec.json.decode(fact_example(fact)))
    admins = tuple(admins)
    _, made = msgspec.json.schema_components([*(one.kind for one in admins), *also], ref_template=_ADMINS_REF)
    schemas.update({f"Fleet{name}": schema for name, schema in _portable(made).items()})
    for one in admins:
        _put(document, (one.name, one.address), one.action, _ADMINS_REF.format(name=one.kind.__name__), one.words,
             one.example, retain=one.retain)
    return document


def _portable(schemas: dict[str, Any]) -> dict[str, Any]:
    r"""Return the schemas with patterns that other languages read: Python's `\Z` is ECMA-262's `$`."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schemas).replace(b"\\\\Z", b"$"))
    return plain


def _payload_ref(kind: type[msgspec.Struct]) -> str:
    return _REF.format(name=kind.__name__)


def _event_schema(fact: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the schema of a fact in its envelope: the fact's own fields, and `at`."""
    _, parts = msgspec.json.schema_components([outbound.Envelope], ref_template=_REF)
    schema: dict[str, Any] = parts["Envelope"]
    schema["title"] = f"{fact.__name__}Event"
    schema["properties"]["type"] = {"const": fact.type}  # type: ignore[attr-defined]  # a class variable
    schema["properties"]["data"] = {"allOf": [
        {"$ref": _REF.format(name=fact.__name__)},
        {"type": "object", "properties": {"at": {"$ref": _REF.format(name="At")}}, "required": ["at"]},
    ]}
    return schema


def _add(
    document: dict[str, Any], leaf: str, action: str, ref: str, words: str, example: object, *, qos: int = 1,
    retain: bool = False,
) -> None:
    _put(document, (leaf.replace("/", "-"), address_of(leaf)), action, ref, words, example, qos=qos, retain=retain)


def _put(
    document: dict[str, Any], place: tuple[str, str], action: str, ref: str, words: str, example: object, *,
    qos: int = 1, retain: bool = False,
) -> None:
    """Put one message into the document; `place` is its name and its topic."""
    name, address = place
    parameters = {key: {"description": text} for key, text in
                  (("station", "The station's id."), ("site", "The site's id."), ("name", "The command."))
                  if f"{{{key}}}" in address}
    document["components"]["messages"][name] = {
        "name": name, "summary": words, "payload": {"$ref": ref}, "examples": [{"payload": example}],
    }
    document["channels"][name] = {
        "address": address, "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        **({"parameters": parameters} if parameters else {}),
    }
    document["operations"][name] = {
        "action": action, "channel": {"$ref": f"#/channels/{name}"}, "summary": words,
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        "bindings": {"mqtt": {"qos": qos, "retain": retain}},
    }


def address_of(leaf: str) -> str:
    """Return the topic of a leaf with its parameters in braces."""
    if leaf == "oms/state":
        return topics.OMS_STATE
    if leaf.startswith("site/"):
        return topics.site("{site}", leaf.removeprefix("site/"))
    return topics.station("{station}", leaf)


def fact_example(kind: type[msgspec.Struct]) -> bytes:
    """Return the bytes of the example fact of this kind, in its envelope."""
    number, fact = next((place, fact) for place, fact in enumerate(examples.FACTS, start=1) if type(fact) is kind)
    return outbound.envelope(fact, id=f"{examples.STORE}:{number}", station="st-014", seq=number, boot=17,
                             mono_ms=8_812_334, wall_ms=1_796_000_000_000, time_ok=True)


def sent_example(leaf: str) -> object:
    """Return an example of what the station sends beside facts."""
    values: dict[str, bytes] = {
        "presence": outbound.presence(outbound.Presence(
            "ready", 3_000_001, outbound.CONTRACT, "1.4.2", ("label:62x100",), ("scale:hx711", "camera:codes"))),
        "sync/req": outbound.sync_request(outbound.SyncRequest(
            3_000_001, examples.STORE, 1, 1, 2, "", "", f"{examples.STORE}:41",
            (("J-8812-1", 1, "open", "5f3c9a01"),))),
        "tel": outbound.telemetry(outbound.Telemetry(17, 8_812_334, 2, 5, 0, 262_144, 11_904)),
    }
    return msgspec.json.decode(values[leaf])
