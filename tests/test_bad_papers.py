"""Bad files and texts through the whole agent: each ends with a code that its OMS can act on, and the rest prints."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from PIL import Image

from agent.demo.oms import ReferenceOms, wait_for
from tests.builders import job_payload
from tests.papers.pdf_files import Pdf
from tests.papers.test_ready_files import HOSTILE, png_header

if TYPE_CHECKING:
    from pathlib import Path

    from agent.demo.broker import DemoBroker

SETTINGS = """
directory = "{root}/station"
socket = "{root}/packbench.sock"
[station]
id = "st-bad"
site = "ams1"
[broker]
url = "{url}"
[printer]
driver = "png"
path = "{root}/paper"
"""


def five_hundred_pages() -> bytes:
    """One page, named 500 times: small enough for a message."""
    pdf = Pdf()
    pdf.page(b"0 g 10 10 100 100 re f", 288, 432)
    return pdf.written().replace(b"/Kids [4 0 R] /Count 1", b"/Kids [" + b"4 0 R " * 500 + b"] /Count 500")


def cmyk_jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("CMYK", (200, 200), (0, 0, 0, 255)).save(file, "JPEG")
    return file.getvalue()


FILES = {
    "paper.encrypted": HOSTILE["a password"][0],
    "paper.too-many-pages": five_hundred_pages(),
    "paper.file-damaged": b"<!DOCTYPE html><title>label.pdf</title>",
    "paper.file-too-large": png_header(50_000, 50_000),
    "paper.format-not-supported": cmyk_jpeg(),
}
REJECTED: dict[str, dict[str, Any]] = {
    "job.sscc-check-digit": {"sscc": ["340123450000000018"]},
    "field.range": {"items": [{"sku": "A", "name": "x" * 10_000, "qty": 1}]},
    "text.control-character": {"ship_to": {"name": "a\x07b", "city": "x", "country": "NL"}},
}
PRINTED: dict[str, dict[str, Any]] = {
    "emoji": {"items": [{"sku": "A", "name": "Mug \U0001f381", "qty": 1}]},
    "overrides": {"ship_to": {"name": "\u202eecalevoL adA\u202c", "city": "Amsterdam", "country": "NL"}},
    "plain": {},
}


def early(name: str, label: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 (fields of a job)
    """Return a job whose label prints when it comes."""
    verify = {"weight": {"expected_g": 900, "tolerance_g": 40}}
    papers = [{"id": "label", "role": "label", **label}]
    return job_payload(name, station="st-bad", label_when="before_packing", verify=verify, papers=papers, **more)


def given(oms: ReferenceOms) -> dict[str, str]:
    """Give all jobs, bad and good; return which code each must end with, an empty one for those that print."""
    expected = {}
    for number, (code, content) in enumerate(FILES.items()):
        expected[f"F-{number}"] = code
        oms.assign(early(f"F-{number}", {"file": {"inline": base64.b64encode(content).decode()}}))
    for number, (code, more) in enumerate(REJECTED.items()):
        expected[f"R-{number}"] = code
        oms.assign(early(f"R-{number}", {}, **more))
    expected["M-1"] = "paper.media-mismatch"
    oms.assign(early("M-1", {"media": "9x9000"}))
    for name, more in PRINTED.items():
        expected[f"P-{name}"] = ""
        oms.assign(early(f"P-{name}", {"data": {"tracking": f"TRK{name}"}}, **more))
    return expected


def half_a_character(oms: ReferenceOms, url: str) -> str:
    """Send what no JSON library writes, a job with half a character in its name; return its code."""
    job = early("S-1", {}, items=[{"sku": "A", "name": "cup", "qty": 1}])
    oms.assign({**job, "station": "elsewhere"})  # so that the OMS knows it
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", int(url.rpartition(":")[2]))
    client.loop_start()
    body = json.dumps(job).replace("cup", "\\ud800")
    client.publish("pack/v1/st/st-bad/job/assign", body, qos=1).wait_for_publish(10)
    client.loop_stop()
    return "message.not-json"


def ends(report: dict[str, Any]) -> dict[str, str]:
    """Return the code with which each job stands at the OMS, for those of which that is known."""
    found = {name: one["code"] for name, one in report["jobs"].items() if one["state"] in ("rejected", "held")}
    labelled = {parcel.partition("/")[0] for parcel, one in report["parcels"].items() if one["state"] == "labelled"}
    return found | dict.fromkeys(labelled, "")


def test_each_bad_paper_ends_with_its_code_and_the_others_print(mosquitto: DemoBroker, tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(SETTINGS.format(root=tmp_path, url=mosquitto.url))
    oms = ReferenceOms(mosquitto.url, tmp_path / "oms.db")
    oms.start()
    expected = given(oms)
    agent = subprocess.Popen([sys.executable, "-m", "agent", "run", "--config", str(tmp_path / "station.toml")])
    try:
        wait_for(oms, lambda report: bool(ends(report)), 40)
        expected["S-1"] = half_a_character(oms, mosquitto.url)
        wait_for(oms, lambda report: ends(report).keys() >= expected.keys(), 40)
        found = ends(oms.report())
    finally:
        agent.terminate()
        agent.wait(10)
        oms.stop()
    assert {name: found.get(name) for name in expected} == expected
    assert len(list((tmp_path / "paper").glob("*.png"))) == len(PRINTED)
