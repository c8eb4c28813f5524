"""What the admin and a station say to each other is published, and every example is read by its own decoder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from agent.fleet.commands import NAMES, read_request
from agent.fleet.contract import BODY, INSIDE, KEY_ID, channels, example_key
from agent.fleet.layers import read_layer
from agent.messages.contract import Channel, asyncapi

GOLDEN = Path(__file__).parents[1] / "golden"
CHANNELS = channels()


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_every_message_is_what_it_was(channel: Channel) -> None:
    """A golden file changes only together with the contract: adding a field is no break, all else is."""
    text = json.dumps(channel.example, ensure_ascii=False)
    assert text + "\n" == (GOLDEN / f"{channel.name}.json").read_text(encoding="utf-8")
    assert isinstance(msgspec.convert(channel.example, channel.kind), channel.kind)


def test_the_signed_example_is_taken_by_a_station_that_trusts_its_key() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    public = load_pem_private_key(example_key(), None).public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    example = next(one.example for one in CHANNELS if one.name == "cfg-site")
    layer = read_layer(json.dumps(example).encode(), scope="site/ams1", station="st-1", agent="1.4.2", wall_s=None,
                       keys={KEY_ID: public})
    assert (layer.scope, layer.rev) == (BODY["scope"], BODY["rev"])


@pytest.mark.parametrize("name", NAMES)
def test_every_command_example_is_accepted(name: str) -> None:
    example = next(one.example for one in CHANNELS if one.name == f"cmd-{name}")
    read_request(name, json.dumps(example).encode(), retained=False, reply="", topic="t", wall_s=1_796_000_000)


def test_the_document_holds_them_all_and_refers_only_to_what_it_has() -> None:
    document = asyncapi(CHANNELS, INSIDE)
    text = json.dumps(document)
    for ref in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        place = document
        for step in ref.split("/"):
            place = place[step]
    assert {one.name for one in CHANNELS} <= set(document["operations"])
    assert "FleetBody" in document["components"]["schemas"]
    assert "\\\\Z" not in text
