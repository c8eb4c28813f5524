"""Bytes from the broker become one event, whatever they are; what leaves is one shape for ever."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.messages import MAX_BYTES, decode, envelope, rfc3339, topics
from agent.station.events import (
    DecisionMade,
    Delivery,
    Event,
    FactsReceipted,
    JobAssigned,
    JobCancelled,
    LabelArrived,
    MessageIgnored,
    MessageRefused,
    RestDecided,
)
from agent.station.facts import FACTS, JobChanged
from tests.builders import job_payload

if TYPE_CHECKING:
    from collections.abc import Callable

ASSIGN = "pack/v1/st/st-1/job/assign"


def read(payload: object, topic: str = ASSIGN, *, retained: bool = False) -> Event:
    body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    return decode(topic, body, station="st-1", site="ams1", retained=retained, delivery=Delivery(1, 2), at_ms=7)


def refused(payload: object, topic: str = ASSIGN, *, retained: bool = False) -> MessageRefused:
    event = read(payload, topic, retained=retained)
    assert isinstance(event, MessageRefused), event
    return event


def taken(payload: object) -> JobAssigned:
    event = read(payload)
    assert isinstance(event, JobAssigned), event
    return event


class TestJobs:
    def test_a_whole_job_is_taken(self) -> None:
        event = taken(job_payload())
        assert (event.job.job, event.job.items[0].qty, event.delivery) == ("J-1", 2, Delivery(1, 2))

    def test_the_digest_is_of_the_content_and_not_of_its_spelling(self) -> None:
        job = job_payload()
        respelled = json.dumps(dict(reversed(job.items())) | {"new_field": 1}, indent=2).encode()
        assert taken(respelled).digest == taken(job).digest
        assert taken(job_payload(lang="de")).digest != taken(job).digest

    def test_lines_of_quantity_nought_go_and_a_sku_that_comes_twice_adds_up(self) -> None:
        lines = [{"sku": sku, "name": "x", "qty": qty} for sku, qty in (("A", 0), ("B", 1), ("B", 2))]
        assert [(item.sku, item.qty) for item in taken(job_payload(items=lines)).job.items] == [("B", 3)]

    @pytest.mark.parametrize(("change", "code"), [
        ({"station": "st-2"}, "job.not-ours"),
        ({"site": "ber1"}, "job.not-ours"),
        ({"rev": 0}, "field.range"),
        ({"rev": "1"}, "field.type"),
        ({"items": []}, "field.range"),
        ({"items": [{"sku": "A", "name": "a", "qty": 0}]}, "job.no-items"),
        ({"items": [{"sku": "A", "name": "a", "qty": True}]}, "field.type"),
        ({"items": [{"sku": "A", "name": "a", "qty": 1, "weight_g": "1,5"}]}, "field.type"),
        ({"items": [{"sku": "A", "name": "a", "qty": 1, "weight_g": 0}]}, "field.range"),
        ({"items": [{"sku": "A", "name": "a", "qty": 2**70}]}, "field.range"),
        ({"order": {"id": "O", "part": 3, "of": 2}}, "job.order-part"),
        ({"expires": "2026-02-30T00:00:00Z"}, "field.time"),
        ({"expires": "tomorrow"}, "field.range"),
        ({"sscc": ["340123450000000018"]}, "job.sscc-check-digit"),
        ({"sscc": ["340123450000000017", "340123450000000017"]}, "job.sscc-twice"),
        ({"papers": [{"id": "l", "role": "label", "file": {"url": "https://a/b"}}]}, "paper.file-incomplete"),
        ({"papers": [{"id": "l", "role": "label", "file": {"url": "http://a/b"}}]}, "field.range"),
        ({"papers": [{"id": "l", "role": "slip"}, {"id": "l", "role": "label"}]}, "paper.id-twice"),
        ({"ship_to": {"name": "a\0b", "city": "x", "country": "NL"}}, "text.control-character"),
        ({"job": "../../etc"}, "field.range"),
        ({"job": 639251940075451830}, "field.type"),
    ])
    def test_a_bad_job_is_refused_with_a_code(self, change: dict[str, Any], code: str) -> None:
        assert refused(job_payload() | change).code == code

    def test_a_bad_job_whose_id_can_be_read_is_named_so_that_it_ends(self) -> None:
        assert (refused(job_payload(items=[])).job, refused(job_payload(items=[])).rev) == ("J-1", 1)
        assert refused(job_payload() | {"job": 639251940075451830}).job == "639251940075451830"

    @pytest.mark.parametrize(("written", "code"), [
        ("a\\u0007b", "text.control-character"), ("\\ud800", "message.not-json"), ("a\x07b", "message.not-json"),
        ("x" * MAX_BYTES, "message.too-large"),
    ])
    def test_a_job_that_no_strict_parser_reads_is_named_too(self, written: str, code: str) -> None:
        payload = json.dumps(job_payload()).replace("Ada Lovelace", written).encode()
        event = refused(payload)
        assert (event.code, event.job, event.rev) == (code, "J-1", 1)

    def test_another_stations_job_is_not_ours_to_end(self) -> None:
        assert refused(job_payload(station="st-2")).job == ""

    def test_text_comes_out_composed_and_without_web_entities(self) -> None:
        address = {"name": "Zoe\u0308 &amp; KAY&#039;S", "city": "München", "country": "DE"}
        for spelling in (True, False):
            payload = json.dumps(job_payload(ship_to=address), ensure_ascii=spelling).encode()
            assert taken(payload).job.ship_to.name == "Zoë & KAY'S"

    def test_an_escaped_letter_before_a_combining_mark_is_not_mistaken_for_text(self) -> None:
        payload = json.dumps(job_payload()).replace("Ada Lovelace", "\\u00ea\u0301").encode()
        assert taken(payload).job.ship_to.name == "ế"

    def test_a_byte_order_mark_and_trailing_nuls_are_forgiven(self) -> None:
        body = json.dumps(job_payload()).encode()
        assert taken(b"\xef\xbb\xbf" + body + b"\0\0").digest == taken(body).digest


class TestOtherMessages:
    def test_each_kind_of_work_becomes_its_event(self) -> None:
        papers = [{"id": "l", "role": "label"}]
        assert isinstance(read({"job": "J-1", "rev": 1}, "pack/v1/st/st-1/job/cancel"), JobCancelled)
        label = {"parcel": "J-1/1", "rev": 1, "papers": papers}
        assert isinstance(read(label, "pack/v1/st/st-1/job/label"), LabelArrived)
        assert isinstance(read({"parcel": "J-1/1", "verdict": "release"}, "pack/v1/st/st-1/job/decision"), DecisionMade)
        assert isinstance(read({"job": "J-1", "rest": "backorder"}, "pack/v1/st/st-1/job/decision"), RestDecided)
        assert isinstance(read({"ids": ["7d0f:1"]}, "pack/v1/st/st-1/rcpt"), FactsReceipted)

    @pytest.mark.parametrize(("topic", "payload", "code"), [
        ("pack/v1/st/st-1/job/cancel", {"job": "J-1", "rev": 1, "site": "ber1"}, "job.not-ours"),
        ("pack/v1/st/st-1/job/decision", {"parcel": "J-1", "verdict": "release"}, "field.range"),
        ("pack/v1/st/st-1/job/decision", {"parcel": "J-1/1", "verdict": "burn"}, "field.range"),
        ("pack/v1/st/st-1/job/decision", {"job": "J-1", "rest": "burn"}, "field.range"),
        ("pack/v1/st/st-1/job/decision", {"job": "J-1", "verdict": "release"}, "field.missing"),
        ("pack/v1/st/st-1/rcpt", {"ids": []}, "field.range"),
        ("pack/v1/st/st-1/rcpt", {"ids": ["7d0f:1"] * 101}, "field.range"),
        ("pack/v1/st/st-1/rcpt", {"ids": ["'; DROP TABLE outbox"]}, "field.range"),
        ("pack/v1/st/st-2/job/assign", {}, "message.topic"),
        ("pack/v1/st/st-1/job/nonsense", {}, "message.topic"),
    ])
    def test_what_does_not_fit_is_refused_with_a_code(self, topic: str, payload: object, code: str) -> None:
        assert refused(payload, topic).code == code

    @pytest.mark.parametrize(("payload", "code"), [
        (b"offline", "message.not-json"),
        (b'{"job":"J-1"', "message.not-json"),
        (b'{"job":NaN}', "message.not-json"),
        (b"\xff\xfe", "message.not-utf8"),
        (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "message.too-deep"),
        (b'{"job":"' + b"x" * MAX_BYTES + b'"}', "message.too-large"),
    ])
    def test_bytes_that_are_no_message_are_refused_with_a_code(self, payload: bytes, code: str) -> None:
        assert refused(payload).code == code

    def test_an_emptied_topic_means_nothing(self) -> None:
        assert isinstance(read(b""), MessageIgnored)
        assert isinstance(read(b"\0"), MessageIgnored)

    def test_retained_work_is_refused_without_ending_its_job(self) -> None:
        event = refused(job_payload(), retained=True)
        assert (event.code, event.job) == ("message.retained", "")

    @given(st.binary(max_size=300), st.sampled_from(["job/assign", "job/cancel", "job/label", "job/decision", "rcpt"]))
    @settings(max_examples=300, deadline=None)
    def test_no_bytes_at_all_raise(self, payload: bytes, leaf: str) -> None:
        assert read(payload, f"pack/v1/st/st-1/{leaf}").at_ms == 7


def entries() -> list[dict[str, Any]]:
    path = Path(os.environ["PACKBENCH_RECORDINGS"]) / "captures" / "payloads.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


@pytest.mark.skipif("PACKBENCH_RECORDINGS" not in os.environ, reason="PACKBENCH_RECORDINGS is not set")
class TestCaptures:
    """What real senders did wrong. Their fields have other names than ours; the fault is put into our job."""

    def test_what_is_no_json_is_refused_as_that_and_what_is_json_gets_a_reason(self) -> None:
        for entry in entries():
            raw = bytes.fromhex(entry["hex"]) if "hex" in entry else entry["text"].encode()
            event = read(raw)
            if not raw.strip(b"\0"):
                assert isinstance(event, MessageIgnored), entry["id"]
                continue
            assert isinstance(event, MessageRefused), entry["id"]
            not_json = entry["expected"].get("code") == "bad_json"
            is_json = _parses(raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0"))
            assert (event.code == "message.not-json") == (not is_json), (entry["id"], event.code)
            assert is_json or not_json or entry["expected"].get("accept") is False, entry["id"]

    def test_the_same_framing_around_our_own_job_is_taken(self) -> None:
        body = json.dumps(job_payload()).encode()
        for entry in entries():
            raw = bytes.fromhex(entry["hex"]) if "hex" in entry else entry["text"].encode()
            start, end = raw.find(b"{"), raw.rfind(b"}") + 1
            if entry["expected"].get("accept") is True and start >= 0:
                assert isinstance(read(raw[:start] + body + raw[end:]), JobAssigned), entry["id"]


def _parses(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True


class TestFacts:
    def test_an_envelope_is_a_cloud_event_with_key_and_order(self) -> None:
        fact = JobChanged(job="J-1", rev=1, state="open")
        body = envelope(fact, id="7d0f:5", station="st-1", seq=5, boot=2, mono_ms=99, wall_ms=0, time_ok=False)
        assert json.loads(body) == {
            "specversion": "1.0", "id": "7d0f:5", "source": "pack/st/st-1", "type": "pack.job.state.1",
            "key": "job/J-1/1/open", "time": "1970-01-01T00:00:00.000Z", "datacontenttype": "application/json",
            "data": {"at": {"seq": 5, "boot": 2, "mono_ms": 99, "time_ok": False},
                     "job": "J-1", "rev": 1, "state": "open"},
        }

    def test_time_stays_readable_whatever_the_clock_says(self) -> None:
        assert rfc3339(1_764_081_245_678) == "2025-11-25T14:34:05.678Z"
        assert (rfc3339(-5), rfc3339(2**62)) == ("1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z")

    def test_no_fact_has_a_field_that_the_envelope_uses(self) -> None:
        assert [fact.type for fact in FACTS if "at" in fact.__struct_fields__] == []

    def test_topics_stay_within_what_every_engine_allows(self) -> None:
        filters = topics.subscriptions("s" * 64, "x" * 64)
        assert len(filters) <= 8
        assert all(topic.count("/") <= 7 and len(topic) <= 256 for topic in filters)


def test_a_usual_job_is_read_in_a_few_times_the_time_of_plain_json() -> None:
    items = [{"sku": f"SKU-{n:04d}", "name": f"Item number {n} with a long name, blue, size XXL, cotton", "qty": 2,
              "barcodes": [f"59012341234{n:02d}"], "weight_g": 120.5, "dims_mm": [100, 50, 20.5]} for n in range(15)]
    body = json.dumps(job_payload(items=items)).encode()
    ours_s, plain_s = (min(_cpu_s(run) for _ in range(5)) for run in (lambda: read(body), lambda: json.loads(body)))
    assert ours_s < 3 * plain_s


def _cpu_s(run: Callable[[], object]) -> float:
    began_s = time.process_time()
    for _ in range(200):
        run()
    return time.process_time() - began_s
