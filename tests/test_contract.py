"""The published contract is what the code reads and writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from agent.cli.contract import contract
from agent.messages import decode
from agent.messages.contract import RECEIVED, SENT, address_of, asyncapi, fact_example, sent_example
from agent.messages.examples import INBOUND
from agent.messages.inbound import RETAINED
from agent.station.events import Delivery, MessageRefused
from agent.station.facts import FACTS

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("leaf", INBOUND)
def test_every_inbound_example_is_accepted_by_the_decoder(leaf: str) -> None:
    topic = address_of(leaf).format(site="ams1", station="st-014")
    event = decode(topic, msgspec.json.encode(INBOUND[leaf]), station="st-014", site="ams1",
                   retained=leaf in RETAINED, delivery=Delivery(1, 1), at_ms=0)
    assert not isinstance(event, MessageRefused), event


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_every_fact_is_byte_for_byte_what_it_was(fact: type[msgspec.Struct]) -> None:
    """A golden file changes only together with the contract: adding a field is no break, all else is."""
    golden = GOLDEN / f"evt-{fact.kind}.json"  # type: ignore[attr-defined]  # a class variable
    assert fact_example(fact).decode() + "\n" == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("leaf", SENT)
def test_what_is_sent_beside_facts_is_readable_as_its_own_type(leaf: str) -> None:
    kind = SENT[leaf][0]
    assert isinstance(msgspec.convert(sent_example(leaf), kind), kind)


def test_the_document_refers_only_to_what_it_has() -> None:
    document = asyncapi()
    text = json.dumps(document)
    for ref in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        place = document
        for step in ref.split("/"):
            place = place[step]
    assert len(document["operations"]) == len(RECEIVED) + len(SENT) + len(FACTS)
    assert "\\\\Z" not in text


def test_the_command_prints_the_document_a_list_and_single_messages() -> None:
    runner = CliRunner()
    assert json.loads(runner.invoke(contract, []).output)["asyncapi"] == "3.0.0"
    assert "evt/parcel" in runner.invoke(contract, ["--list"]).output
    assert json.loads(runner.invoke(contract, ["--message", "job-assign"]).output)["schema"]["title"] == "Job"
    assert runner.invoke(contract, ["--message", "nonsense"]).exit_code == 2


def test_the_integrators_page_names_every_topic_every_fact_and_every_code() -> None:
    page = (ROOT / "agent" / "messages" / "README.md").read_text(encoding="utf-8")
    # What reaches the OMS; the packer's screen (`view.py`, `visits.py`) has words of its own.
    files = [*(ROOT / "agent" / "messages").glob("*.py"),
             *(ROOT / "agent" / "station" / f"{name}.py" for name in ("jobs", "pool", "parcels", "rules", "boxes"))]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    codes = set(re.findall(r'"((?:message|field|text|job|paper|parcel|sscc|label|station)\.[a-z0-9-]+)"', source))
    missing = [word for word in (*RECEIVED, *SENT, *(f"evt/{fact.kind}" for fact in FACTS), *sorted(codes))
               if f"`{word}`" not in page]
    assert missing == []
