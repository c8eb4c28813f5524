"""A job of the wire becomes its papers, and `packbench paper` shows them without a printer."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from agent.cli.paper import group
from agent.papers.fit import fitted
from agent.papers.from_job import PageOrder, paper_of, preview
from agent.papers.page import PaperError, media
from agent.papers.postal import COUNTRIES, address
from agent.papers.verify import verify
from agent.station.values import Job
from tests.papers.test_ready_files import TRACKING, bitmap, png
from tests.papers.test_slip_and_label import SSCC, read

JOB: dict[str, Any] = {
    "job": "J-2026-0047",
    "rev": 1,
    "station": "st-1",
    "site": "nord",
    "order": {"id": "A-100234", "part": 1, "of": 2},
    "ship_to": {
        "name": "张伟",
        "country": "CN",
        "city": "深圳市",
        "region": "广东省",
        "lines": ["高新南一道008号"],
        "postcode": "518057",
    },
    "carrier": "顺丰速运",
    "service": "标快",
    "lang": "zh-Hans",
    "sscc": [SSCC],
    "items": [
        {"sku": "A-1", "name": "保温杯 750 毫升", "qty": 2, "barcodes": ["6901234567892"], "weight_g": 420},
        {"sku": "B-2", "name": "头灯", "qty": 1, "weight_g": 80},
    ],
    "papers": [{"id": "slip", "role": "slip"}, {"id": "label", "role": "label", "data": {"tracking": TRACKING}}],
}


def job(**changes: object) -> Job:
    return msgspec.convert({**JOB, **changes}, Job)


def orders(**changes: object) -> list[PageOrder]:
    return [order for order, _ in preview(job(**changes), 1)]


def test_a_job_gives_a_slip_and_a_label_in_its_language_with_its_numbers() -> None:
    slip_order, label_order = orders()
    slip_page, label_page = (
        paper_of(order, media(name)).pages[0] for order, name in ((slip_order, "62"), (label_order, "62x100"))
    )
    assert "J-2026-0047" in read(slip_page)
    assert {f"00{SSCC}", TRACKING} <= set(read(label_page))
    shown = "".join(thing.text for thing in slip_page.placed)
    assert "收件人" in shown
    assert "保温杯" in shown
    texts = [thing.text for thing in label_page.placed]
    assert [text for text in texts if text in {"518057", "张伟", "CHINA"}] == ["518057", "张伟", "CHINA"]
    assert any("0.92" in text for text in texts)  # 2 x 420 g + 80 g


@pytest.mark.parametrize(
    ("symbol", "tracking", "ident"),
    [
        ("code128", TRACKING, "]C0"),
        ("qr", TRACKING, "]Q1"),
        ("datamatrix", TRACKING, "]d1"),
        ("gs1-128", "(420)97201(21)4711", "]C1"),
    ],
)
def test_the_tracking_number_is_printed_in_the_symbology_that_the_job_names(
    symbol: str, tracking: str, ident: str
) -> None:
    papers = [{"id": "label", "role": "label", "data": {"tracking": tracking, "symbol": symbol}}]
    (order,) = orders(papers=papers)
    paper = paper_of(order, media("103x164"))
    verify(paper)
    text = tracking.replace("(", "").replace(")", "").encode()
    assert (ident, text) in {(code.ident, code.content.replace(b"\x1d", b"")) for code in paper.pages[0].codes}


def test_slip_and_label_of_a_job_carry_the_same_pair_code() -> None:
    pairs = [
        {
            thing.text
            for thing in paper_of(order, media("62")).pages[0].placed
            if len(thing.text) == 4 and thing.text.isalnum() and thing.text.isupper()
        }
        for order in orders()
    ]
    assert pairs[0] & pairs[1]


def test_the_sender_is_the_jobs_own_or_else_the_stations() -> None:
    station = ("Example Shop B.V.", "Damrak 1", "1012 AB Amsterdam", "NETHERLANDS")
    shop = {"name": "Tea & Co.", "country": "DE", "city": "Köln", "postcode": "50667", "lines": ["Domstraße 4"]}
    for changes, name in (({}, "Example Shop B.V."), ({"ship_from": shop}, "Tea & Co.")):
        _, (order, _) = preview(job(**changes), 1, station)
        for roll in ("62x100", "103x164"):
            paper = paper_of(order, media(roll))
            verify(paper)
            shown = [thing.text for thing in paper.pages[0].placed]
            assert any(text.startswith(name) for text in shown), shown
            assert ("Tea & Co." in " ".join(shown)) == bool(changes)
    _, (order, _) = preview(job(), 1)
    assert "发件人" not in {thing.text for thing in paper_of(order, media("62x100")).pages[0].placed}


def test_a_paper_for_another_roll_is_refused_with_both_names() -> None:
    (order,) = orders(papers=[{"id": "label", "role": "label", "media": "103x164"}])
    with pytest.raises(PaperError, match=r"label needs 103x164; the roll here is 62\. Load 103x164"):
        paper_of(order, media("62"))
    for name in ("A4", "4x6", "9x9000", "62x"):
        (unknown,) = orders(papers=[{"id": "label", "role": "label", "media": name}])
        with pytest.raises(PaperError, match=r"paper\.media-mismatch"):
            paper_of(unknown, media("62"))


def test_a_matrix_code_is_as_large_as_the_label_has_room() -> None:
    papers = [{"id": "label", "role": "label", "data": {"tracking": TRACKING, "symbol": "datamatrix"}}]
    (order,) = orders(papers=papers, sscc=[])
    codes = paper_of(order, media("62x100")).pages[0].codes
    assert [code.module for code in codes if code.content == TRACKING.encode()] >= [8]


def test_a_ready_file_of_a_job_is_printed_in_place_of_our_template() -> None:
    inline = base64.b64encode(png(bitmap().convert("1"))).decode()
    papers = [{"id": "label", "role": "label", "media": "103x164", "file": {"inline": inline}}]
    (order,) = orders(papers=papers)
    assert TRACKING in read(paper_of(order, media("103x164")).pages[0])
    with pytest.raises(PaperError, match=r"paper\.media-mismatch"):
        paper_of(order, media("62x100"))
    with pytest.raises(PaperError, match=r"paper\.file-damaged"):
        paper_of(orders(papers=[{"id": "label", "role": "label", "file": {"inline": "@@@@"}}])[0], media("62x100"))


def test_a_copy_of_a_ready_file_says_so_beside_its_mark() -> None:
    inline = base64.b64encode(png(bitmap().convert("1"))).decode()
    (order,) = orders(papers=[{"id": "label", "role": "label", "file": {"inline": inline}}])
    copy = replace(order, page=msgspec.structs.replace(order.page, copy_of=1))
    first, second = (paper_of(one, media("103")).pages[0] for one in (order, copy))
    (mark,) = first.codes
    assert mark.content == order.page.mark.encode()
    strip = (mark.box[2] + mark.quiet, mark.box[1], first.image.width, mark.box[3])
    assert first.image.crop(strip).getextrema() == (255, 255)
    assert second.image.crop(strip).getextrema() == (0, 255)
    verify(paper_of(copy, media("103")))


def test_a_copy_says_so_on_the_narrowest_roll_as_well() -> None:
    narrow = media("29")
    picture = Image.new("1", (narrow.dots_w, 200), 1)
    picture.paste(0, (0, 0, narrow.dots_w, 200))
    first, second = (fitted(picture, narrow, None, "0000000001", words) for words in ("", "DUPLICATE"))
    (mark,) = second.codes
    between = second.image.crop((0, 200, narrow.dots_w, mark.box[1] - mark.quiet))
    assert between.getextrema() == (0, 255)
    assert second.image.height - first.image.height in range(30, 101)


def test_a_file_that_was_not_fetched_and_a_paper_that_is_not_there_are_said() -> None:
    file = {"url": "https://oms.example/label.pdf", "sha256": "0" * 64, "bytes": 1000}
    (order,) = orders(papers=[{"id": "label", "role": "label", "file": file}])
    with pytest.raises(PaperError, match=r"paper\.file-missing"):
        paper_of(order, media("62x100"))
    (other, *_) = orders()
    with pytest.raises(PaperError, match=r"paper\.unknown"):
        paper_of(PageOrder(other.page, other.job, other.parcel, ()), media("62"))


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("DE", ("R. Roe", "Roe GmbH", "Weg 1", "50667 Köln", "NRW")),
        ("US", ("R. Roe", "Roe GmbH", "Weg 1", "Köln NRW 50667")),
        ("GB", ("R. Roe", "Roe GmbH", "Weg 1", "Köln, NRW", "50667")),
        ("JP", ("R. Roe", "Roe GmbH", "Weg 1", "50667 Köln", "NRW")),
    ],
)
def test_an_address_stands_in_the_order_of_its_country(code: str, lines: tuple[str, ...]) -> None:
    assert address("R. Roe", "Roe GmbH", ["Weg 1"], "50667", "Köln", "NRW", code).lines == lines


def test_every_country_has_a_name_that_is_set_in_capitals() -> None:
    assert len(COUNTRIES) == 250
    assert all(code.isupper() and code.isalpha() and len(code) == 2 and name for code, name in COUNTRIES.items())
    assert address("A", "", [], "", "B", "", "TR").country == "TÜRKIYE"


def run(*words: str) -> Result:
    return CliRunner().invoke(group, list(words))


def test_paper_render_writes_each_page_as_a_picture_of_300_dpi_and_says_what_it_read_back(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(JOB), encoding="utf-8")
    ran = run("render", str(file), "--out", str(tmp_path / "out"), "--json")
    assert ran.exit_code == 0, ran.output
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [Path(row["file"]).name for row in rows] == ["slip-1.png", "label-1.png"]
    assert f"00{SSCC}" in {code["text"] for code in rows[1]["codes"]}
    with Image.open(rows[1]["file"]) as picture:
        assert picture.size == (696, 1109)
        assert picture.mode == "1"
        assert round(picture.info["dpi"][0]) == 300
    assert run("render", str(file), "--out", str(tmp_path / "out"), "--media", "62x29").exit_code == 1


def test_paper_render_takes_a_list_of_jobs_and_gives_each_a_folder(tmp_path: Path) -> None:
    wrong = {**JOB, "job": "J-2", "papers": [{"id": "label", "role": "label", "media": "4x6"}]}
    file = tmp_path / "jobs.json"
    file.write_text(json.dumps([JOB, wrong]), encoding="utf-8")
    ran = run("render", str(file), "--out", str(tmp_path / "out"))
    assert ran.exit_code == 1
    assert sorted(path.name for path in (tmp_path / "out" / JOB["job"]).iterdir()) == ["label-1.png", "slip-1.png"]
    assert "J-2 label: refused, paper.media-unknown" in ran.output


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "paper.not-a-job"),
        ("[[]]", "paper.not-a-job"),
        ("[]", "paper.not-a-job"),
        ('{"job": 1}', "paper.not-a-job"),
        ("\x00", "."),
        ("", "."),
    ],
)
def test_paper_render_refuses_what_is_no_job_with_exit_2_and_no_traceback(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "job.json"
    file.write_text(text, encoding="utf-8")
    for ran in (run("render", str(file), "--out", str(tmp_path)), run("render", str(tmp_path / "none"), "--out", "x")):
        assert ran.exit_code == 2
        assert isinstance(ran.exception, SystemExit)
    assert word in run("render", str(file), "--out", str(tmp_path)).output


def test_paper_commands_writes_a_card_a_command(tmp_path: Path) -> None:
    ran = run("commands", "--out", str(tmp_path), "--lang", "de", "--carton", "M2", "--badge", "0042=Anna", "--json")
    assert ran.exit_code == 0, ran.output
    texts = {code["text"] for line in ran.stdout.splitlines() for code in json.loads(line)["codes"]}
    assert {"PB.REPEAT", "PB.CARTON.M2", "PB.BADGE.0042"} <= texts
    assert run("commands", "--out", str(tmp_path), "--carton", "a b").exit_code == 2
    assert run("commands", "--out", str(tmp_path), "--media", "4x6").exit_code == 2


def test_a_parcel_that_waits_for_its_label_gets_a_slip_that_says_so() -> None:
    order = orders()[1]
    waiting = PageOrder(msgspec.structs.replace(order.page, paper="waiting", role="slip"), order.job, order.parcel, ())
    shown = [thing.text for thing in paper_of(waiting, media("62")).pages[0].placed]
    assert {"等待面单", "WAITING FOR LABEL", "0.92 kg"} <= set(shown)
    with pytest.raises(PaperError, match=r"paper\.no-parcel"):
        paper_of(PageOrder(waiting.page, order.job, None, ()), media("62"))


@pytest.mark.parametrize(
    "text", ["x" * 256, "W" * 256, "ि" * 256, "北" * 256, "ab\tc" * 60, "A-" * 128, "ش" * 256, "( " * 128]
)
def test_fields_as_long_as_the_contract_allows_are_cut_with_a_warning_or_refused_and_never_collide(text: str) -> None:
    ship_to = {"name": text, "country": "DE", "city": text, "lines": [text]}
    items = [{"sku": text[:128], "name": text * 4, "qty": 9_999, "barcodes": [text[:128]]}]
    changes = {"ship_to": ship_to, "items": items, "carrier": text, "service": text, "lang": "de", "papers": []}
    slip_order, label_order = orders(**changes)
    paper = paper_of(slip_order, media("62"))
    verify(paper)
    assert any(warning.code == "paper.text-cut" for warning in paper.warnings)
    with pytest.raises(PaperError, match=r"paper\.address-too-long"):
        paper_of(label_order, media("62x100"))


def test_every_paper_of_a_preview_verifies() -> None:
    for order, name in preview(job(papers=[]), 1):
        verify(paper_of(order, media(name)))
