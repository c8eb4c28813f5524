"""What slip and label promise: codes in whole dots that read back, nothing cut, the exact width of the roll."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import zxingcpp

from agent.papers.codes import Symbol, encode
from agent.papers.contents import Address, Item, LabelContent, SlipContent
from agent.papers.fonts import Fonts
from agent.papers.label import label
from agent.papers.page import MEDIA, Page, Paper, PaperError, media
from agent.papers.slip import slip
from agent.papers.verify import layout_faults, verify

SSCC = "340123450000000017"
MARK = "0000004711"


@cache
def fonts() -> Fonts:
    return Fonts.installed()


SLIP = SlipContent(
    job="J-2026-0047",
    pair="QJ6M",
    mark=MARK,
    order="A-100234",
    part=2,
    parts=3,
    parcel=1,
    parcels=3,
    date="2026-11-25",
    ship_to=("Jürgen Müller", "Köln", "GERMANY"),
    carrier="DHL",
    service="Paket",
    language="de",
    items=(Item(2, "Trinkflasche Edelstahl 750 ml", "FL-750", "4006381333931"), Item(12, "Karabiner 60 mm", "KB-60")),
)
LABEL = LabelContent(
    recipient=Address(("Jürgen Müller", "Hafenstraße 12", "50667 Köln"), "Germany"),
    pair="QJ6M",
    mark=MARK,
    sender=Address(("Lager Nord", "20457 Hamburg")),
    sscc=SSCC,
    parcel=1,
    parcels=3,
    carrier="DHL",
    service="Paket",
    weight_g=1840,
    language="de",
)
SEVEN_LINES = Address(
    (
        "Frau Dr. Wilhelmina Hohenstein-Lüdenscheidt",
        "Müller & Söhne Werkzeugmaschinen GmbH",
        "Abteilung Einkauf, Gebäude 4",
        "Donaudampfschifffahrtsstraße 117a",
        "Hinterhaus, 3. OG links",
        "50667 Köln-Altstadt-Nord",
        "Nordrhein-Westfalen",
    ),
    "Germany",
)


def read(page: Page) -> dict[str, str]:
    """Read the whole page as a scanner would: identifier to text, found by the reader's own search."""
    found = zxingcpp.read_barcodes(page.image.convert("L"), text_mode=zxingcpp.TextMode.Plain)
    return {barcode.text: barcode.symbology_identifier for barcode in found}


def slip_pages(content: SlipContent, name: str = "62") -> tuple[Page, ...]:
    paper = slip(content, media(name), fonts())
    verify(paper)
    return paper.pages


def label_page(content: LabelContent, name: str = "62x100") -> Page:
    paper = label(content, media(name), fonts())
    verify(paper)
    (page,) = paper.pages
    return page


def made(content: SlipContent | LabelContent, name: str) -> Paper:
    if isinstance(content, SlipContent):
        return slip(content, media(name), fonts())
    return label(content, media(name), fonts())


def refusal(content: SlipContent | LabelContent, name: str = "62x100") -> str:
    with pytest.raises(PaperError) as refused:
        made(content, name)
    assert refused.value.detail
    assert refused.value.hint
    return refused.value.code


def test_a_slip_is_as_wide_as_the_roll_and_its_codes_are_read_by_any_reader() -> None:
    (page,) = slip_pages(SLIP)
    assert page.image.mode == "1"
    assert page.image.width == 696
    assert read(page) == {MARK: "]d1", "J-2026-0047": "]C0"}
    assert {code.content.decode(): code.module for code in page.codes} == {MARK: 18, "J-2026-0047": 4}


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("62x100", (696, 1109)),
        ("62", (696, 1109)),
        ("103x164", (1200, 1822)),
        ("102x152", (1164, 1660)),
        ("103", (1200, 1822)),
    ],
)
def test_a_label_fills_its_media_and_carries_the_sscc_with_six_dots_a_module(name: str, size: tuple[int, int]) -> None:
    page = label_page(LABEL, name)
    assert page.image.size == size
    assert read(page) == {MARK: "]d1", "00" + SSCC: "]C1"}
    assert {code.content.decode(): code.module for code in page.codes} == {
        MARK: 16 if "62" in name else 18,
        "00" + SSCC: 6,
    }


def test_the_long_code_of_a_parcel_label_runs_along_the_feed() -> None:
    (sscc,) = (code for code in label_page(LABEL).codes if code.ident == "]C1")
    left, top, right, bottom = sscc.box
    assert bottom - top == 156 * 6
    assert right - left < 200


@pytest.mark.parametrize("symbol", [Symbol.CODE128, Symbol.QR, Symbol.DATAMATRIX])
@pytest.mark.parametrize("name", ["62x100", "103x164"])
def test_tracking_is_printed_in_the_symbology_that_was_asked_for_beside_the_sscc(symbol: Symbol, name: str) -> None:
    page = label_page(replace(LABEL, tracking="00340434161094021501", tracking_symbol=symbol), name)
    assert read(page)["00340434161094021501"][:2] == {"code128": "]C", "qr": "]Q", "datamatrix": "]d"}[symbol.value]
    assert all(code.module >= 3 for code in page.codes)


@pytest.mark.parametrize("name", ["62x100", "103x164"])
@pytest.mark.parametrize("extra", [{}, {"duplicate": True, "flags": ("FRAGILE",), "tracking": "00340434161094021501"}])
def test_an_address_of_seven_lines_is_set_whole(name: str, extra: dict[str, object]) -> None:
    page = label_page(replace(LABEL, recipient=SEVEN_LINES, **extra), name)  # type: ignore[arg-type]  # fields of LabelContent
    printed = "".join(thing.text for thing in page.placed).replace(" ", "")
    assert all(line.replace(" ", "") in printed for line in (*SEVEN_LINES.lines, "GERMANY"))


def test_an_address_of_eleven_lines_has_its_middle_joined_and_loses_no_word() -> None:
    extra = ("Werkstor 4, Halle 12", "Rampe 3", "z. Hd. Frau Özdemir-Kowalczyk", "Zufahrt über Industriestraße")
    long = Address(SEVEN_LINES.lines[:5] + extra + SEVEN_LINES.lines[5:], "Germany")
    paper = label(replace(LABEL, recipient=long, sender=Address(())), media("62x100"), fonts())
    verify(paper)
    assert [warning.code for warning in paper.warnings] == ["paper.lines-joined"]
    printed = "".join(thing.text for thing in paper.pages[0].placed).replace(" ", "")
    assert all(line.replace(" ", "") in printed for line in (*long.lines, "GERMANY"))


def test_an_address_that_cannot_fit_is_refused_and_never_cut() -> None:
    endless = Address(tuple(f"{line} {line}" for line in SEVEN_LINES.lines * 2), "Germany")
    assert refusal(replace(LABEL, recipient=endless)) == "paper.address-too-long"


@pytest.mark.parametrize(
    ("sscc", "code"),
    [
        ("340123450000000018", "paper.sscc-wrong"),
        ("3401", "paper.sscc-wrong"),
        ("34012345000000001٧", "paper.sscc-wrong"),
    ],
)
def test_a_wrong_sscc_is_refused_not_mended(sscc: str, code: str) -> None:
    assert refusal(replace(LABEL, sscc=sscc)) == code


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (replace(LABEL, recipient=Address(("", " "))), "62x100", "paper.address-missing"),
        (replace(LABEL, parcel=3, parcels=2), "62x100", "paper.part-wrong"),
        (LABEL, "62x29", "paper.media-mismatch"),
        (replace(LABEL, tracking="ü"), "62x100", "paper.code-not-encodable"),
        (replace(LABEL, tracking="X" * 60), "62x100", "paper.code-too-wide"),
        (replace(LABEL, mark="M" * 17), "62x100", "paper.mark-too-long"),
        (SLIP, "29", "paper.media-mismatch"),
        (replace(SLIP, items=(Item(0, "nothing"),)), "62", "paper.quantity-wrong"),
        (replace(SLIP, items=(Item(10_000, "much"),)), "62", "paper.quantity-wrong"),
        (replace(SLIP, items=(Item(1, "x"),) * 401), "62", "paper.too-many-lines"),
        (replace(SLIP, part=4), "62", "paper.part-wrong"),
    ],
)
def test_what_cannot_be_printed_is_refused_with_a_code(
    content: SlipContent | LabelContent, name: str, code: str
) -> None:
    assert refusal(content, name) == code


def test_an_unknown_roll_is_answered_with_the_rolls_that_exist() -> None:
    with pytest.raises(PaperError, match="62x100"):
        media("4x6")


def test_media_have_the_dots_that_the_raster_library_prints() -> None:
    from brother_ql.labels import ALL_LABELS

    known = {one.identifier: one.dots_printable for one in ALL_LABELS}
    for name, roll in MEDIA.items():
        assert known[name] == (roll.dots_w, 0 if roll.kind == "endless" else roll.max_l), name


def test_a_duplicate_says_so_on_every_page_and_the_first_print_does_not() -> None:
    for first, again in (
        (slip_pages(SLIP), slip_pages(replace(SLIP, duplicate=True))),
        ((label_page(LABEL),), (label_page(replace(LABEL, duplicate=True)),)),
    ):
        assert not any("DUPLICATE" in thing.text for page in first for thing in page.placed)
        assert all(any("DUPLICATE" in thing.text for thing in page.placed) for page in again)


def test_a_long_order_is_cut_into_numbered_pages_that_all_carry_the_pair_and_their_own_mark() -> None:
    items = tuple(Item(n % 9 + 1, f"Artikel Nummer {n} mit einem recht langen Namen", f"SKU-{n}") for n in range(200))
    pages = slip_pages(replace(SLIP, items=items))
    assert 2 <= len(pages) <= 12
    assert all(page.length_mm <= 300.1 for page in pages)
    assert [page.of for page in pages] == [len(pages)] * len(pages)
    for number, page in enumerate(pages, 1):
        texts = [thing.text for thing in page.placed]
        assert "QJ6M" in texts
        assert f"{number}/{len(pages)}" in texts
        assert (MARK if number == 1 else f"{MARK}.{number}").encode() in {code.content for code in page.codes}
    printed = [thing.text for page in pages for thing in page.placed]
    assert [text for text in printed if text.startswith("SKU-")] == [f"SKU-{n}" for n in range(200)]


def test_a_job_code_too_long_for_bars_becomes_a_qr_code_and_says_so() -> None:
    job = "order-b05f33c90ad8e2f9d0aa34e8"
    paper = slip(replace(SLIP, job=job), media("62"), fonts())
    verify(paper)
    assert read(paper.pages[0])[job] == "]Q1"
    assert [warning.code for warning in paper.warnings] == ["paper.code-as-qr"]


def test_the_same_content_gives_the_same_bytes() -> None:
    assert label_page(LABEL).image.tobytes() == label_page(LABEL).image.tobytes()
    assert slip_pages(SLIP)[0].image.tobytes() == slip(SLIP, media("62"), Fonts.installed()).pages[0].image.tobytes()


def test_a_slip_without_items_and_an_item_without_a_name_still_print() -> None:
    (empty,) = slip_pages(replace(SLIP, items=()))
    assert "0" in [thing.text for thing in empty.placed]
    (nameless,) = slip_pages(replace(SLIP, items=(Item(3, ""),)))
    assert "?" in [thing.text for thing in nameless.placed]


@pytest.mark.parametrize("name", ["62x100", "103x164"])
def test_a_slip_on_die_cut_labels_fills_whole_labels(name: str) -> None:
    items = tuple(Item(1, f"Artikel {n}", f"SKU-{n}") for n in range(12))
    pages = slip_pages(replace(SLIP, items=items), name)
    assert {page.image.size for page in pages} == {(media(name).dots_w, media(name).max_l)}
    printed = [thing.text for page in pages for thing in page.placed]
    assert [text for text in printed if text.startswith("SKU-")] == [f"SKU-{n}" for n in range(12)]


def test_a_page_whose_code_was_spoilt_is_not_printed() -> None:
    page = label_page(LABEL)
    (sscc,) = (code for code in page.codes if code.ident == "]C1")
    spoilt = page.image.copy()
    spoilt.paste(1, (sscc.box[0], sscc.box[1] + 300, sscc.box[2], sscc.box[1] + 340))
    with pytest.raises(PaperError) as refused:
        verify(Paper((replace(page, image=spoilt),)))
    assert refused.value.code == "paper.barcode-lost"


def test_a_code_of_another_kind_or_other_bytes_is_not_taken_for_the_right_one() -> None:
    page = label_page(LABEL)
    for change in ({"ident": "]C0"}, {"content": b"00" + SSCC[:-1].encode() + b"8"}):
        codes = tuple(replace(code, **change) if code.ident == "]C1" else code for code in page.codes)
        with pytest.raises(PaperError, match=r"paper\.barcode-lost"):
            verify(Paper((replace(page, codes=codes),)))


def test_bars_that_are_not_whole_modules_are_found_even_when_they_read() -> None:
    page = label_page(LABEL, "103x164")
    (sscc,) = (code for code in page.codes if code.ident == "]C1")
    left, top, _, bottom = sscc.box
    image = page.image.copy()
    image.paste(0, (left + 12, top, left + 13, bottom))
    with pytest.raises(PaperError, match=r"paper\.bars-uneven"):
        verify(Paper((replace(page, image=image),)))


def test_text_on_text_and_ink_beyond_its_field_are_layout_faults() -> None:
    page = label_page(LABEL)
    text = next(thing for thing in page.placed if thing.kind == "text")
    left, top, right, bottom = text.ink
    moved = replace(text, ink=(left + 3, top, right + 3, bottom), field=(left, top, right, bottom))
    faults = layout_faults(replace(page, placed=(*page.placed, moved)))
    assert any("leaves its field" in fault for fault in faults)
    assert any("overlap" in fault for fault in faults)


def test_gs1_128_starts_with_fnc1_and_holds_no_parentheses() -> None:
    assert encode(Symbol.GS1_128, f"(00){SSCC}").width == 156
    assert encode(Symbol.GS1_128, f"(00){SSCC}").ident == "]C1"
