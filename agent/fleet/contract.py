"""What the fleet's admin and a station say to each other, for the published contract: layers, reports, commands.

The examples are whole: the layer is really signed, and every one is read by its own decoder in the tests.
"""

from __future__ import annotations

import json

import msgspec

from agent.fleet import commands
from agent.fleet.layers import Body, Candidate
from agent.fleet.renewal import OwnCertificate
from agent.fleet.reported import Reported
from agent.fleet.signing import Signed, sign
from agent.fleet.trial import Fault
from agent.messages import topics
from agent.messages.contract import Channel

KEY_ID = "cfg-2026a"
BODY = {"scope": "site/ams1", "rev": 8, "exp": 1_795_999_999, "stable": {"camera": {"rate_hz": 5}},
        "candidate": {"rev": 9, "body": {"camera": {"rate_hz": 8}}, "percent": 10, "salt": "9a",
                      "stations": ["st-014"]}}
INSIDE = (Body, Candidate)
_WORDS: dict[str, dict[str, object]] = {
    "identify": {"seconds": 20}, "print-test": {"role": "label"}, "reprint": {"parcel": "J-8812-1/1"}, "status": {},
    "bundle": {}, "reload": {}, "drain": {"on": True}, "upgrade": {"release": "packbench-1.4.0-py3.11-aarch64.tar"},
    "certificate": {"pem": f"-----BEGIN CERTIFICATE-----\n{'MIIB' * 20}\n-----END CERTIFICATE-----\n"},
}


def example_key() -> bytes:
    """Return the private key (PEM) that signs the example; it is no secret and trusted by nobody."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def channels() -> list[Channel]:
    """Return every topic between the admin and a station, with its type and an example."""
    signed = json.loads(sign(json.dumps(BODY).encode(), KEY_ID, example_key()))
    words = "A signed layer of configuration, retained; `p` is the base64 of a FleetBody."
    layers = [Channel(f"cfg-{name}", topics.config(scope), "receive", Signed, words, signed, retain=True)
              for name, scope in (("fleet", "fleet"), ("site", "site/{site}"), ("station", "station/{station}"))]
    asked = [Channel(f"cmd-{name}", topics.station("{station}", f"cmd/{name}/req"), "receive", kind,
                     (kind.__doc__ or "").splitlines()[0],
                     {"cid": "cli-5f3c9a01", "exp": 1_796_000_015, **_WORDS[name]})
             for name, kind in commands.NAMES.items()]
    answer = commands.Answer("cli-5f3c9a01", "identify", "done", "command.identifying", "the lamps blink for 20 s.")
    report = Reported(
        state="failed", want={"site/ams1": 8}, have={"site/ams1": 7}, candidate={"site/ams1": 9},
        hash="6b71bc0c84a07a7d", good="1f0e6c2b9a57d340",
        errors=(Fault("camera", "trial.device", "it stopped working with these settings: camera.no-device.",
                      "site/ams1"),),
        refused={}, cleared=(), keys=(KEY_ID,), since="2026-11-25T17:56:49.308Z", agent="1.4.2",
        certificate=OwnCertificate("2027-12-27T10:00:00Z"))
    return [
        *layers,
        Channel("cfg-reported", topics.station("{station}", "cfg/reported"), "send", Reported,
                "What is wanted, what runs, and why not.", msgspec.to_builtins(report), retain=True),
        *asked,
        Channel("cmd-answer", topics.station("{station}", "cmd/{name}/rsp"), "send", commands.Answer,
                "The answer to one command.", msgspec.to_builtins(answer)),
    ]
