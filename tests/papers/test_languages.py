"""Text in the scripts of orders: shaped, broken and named where a glyph is missing; never a hollow box."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from itertools import pairwise

import pytest
from PIL import Image, ImageDraw

from agent.papers import bidi, thai
from agent.papers.contents import Address, Item
from agent.papers.fonts import Fonts
from agent.papers.label import label
from agent.papers.page import PaperError, media
from agent.papers.slip import slip
from agent.papers.text import clean, clusters, may_break
from agent.papers.typeset import Typesetter, shaping
from agent.papers.verify import verify
from agent.papers.words import LANGUAGES, TITLES, both, word
from tests.papers.test_slip_and_label import LABEL, SLIP, fonts

NOWHERE = "\U00030001"
"""An ideograph of extension G that no installed font draws."""
SAMPLES = {
    "de": "Donaudampfschifffahrtsgesellschaft in Köln, Straße 7",
    "zh-Hans": "南山区科技园南区高新南一道008号（创维大厦）、12楼。直角令牌",
    "zh-Hant": "信義區信義路五段7號，臺北。直角令牌",
    "ja": "西新宿二丁目8番1号　ハイツ「さくら」、サーバー。直角令牌",
    "ko": "서울특별시 중구 세종대로 110",
    "ar": "شارع الملك فهد، مبنى 12 (USB-C)",
    "he": "רחוב הרצל 12, USB-C קומה 3",
    "th": "ขวดน้ำสแตนเลสสีดำด้าน 750 มล.",
    "hi": "स्टेनलेस स्टील की बोतल, ज्योत्स्ना",
    "vi": "Nguyễn Thị Hồng Nhung, Đặng Quốc Trưởng",
}


def lines(text: str, width: int, language: str, size_pt: float = 9) -> list[str]:
    block = Typesetter(fonts(), language).block(text, size_pt, width)
    assert block.width <= width
    return [line.text.strip() for line in block.lines]


@pytest.mark.parametrize(
    "charset",
    [
        "gb2312",
        "big5",
        "shift_jis",
        "euc_kr",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "cp1258",
        "iso8859_11",
    ],
)
def test_every_letter_of_a_character_set_is_drawn_or_named(charset: str) -> None:
    pairs = (bytes([a, b]) for a in range(0x81, 0xFF) for b in range(0x40, 0xFF))
    raw = [bytes([a]) for a in range(256)] + (list(pairs) if charset[0] != "c" and "8859" not in charset else [])
    letters = {c for one in raw for c in one.decode(charset, "ignore") if unicodedata.category(c)[0] not in "CZ"}
    assert len(letters) > 90
    lost = {c for c in letters if fonts().face_for(c, "zh-Hans", "bold") is None}
    assert len(lost) <= 3, sorted(lost)
    for c in lost:
        named = Typesetter(fonts(), "zh-Hans")
        named.drawable(f"a{c}b", "name", "name")
        assert f"U+{ord(unicodedata.normalize('NFC', c)):04X}" in named.warnings[0].detail


def test_what_a_font_says_that_it_covers_is_not_its_hollow_box() -> None:
    for character in "直令ßŁ가ضกह":
        face = fonts().face_for(character, "zh-Hans", "bold")
        assert face is not None
        font = fonts().sized(face, 64)
        assert font.getmask(character).getbbox() is not None
        assert bytes(font.getmask(character)) != bytes(font.getmask("\U0010fffd"))


def test_a_letter_that_no_font_has_is_refused_in_an_address_and_named_in_an_item() -> None:
    with pytest.raises(PaperError, match=r"paper\.glyph-missing.*U\+30001"):
        label(replace(LABEL, recipient=Address((f"Herr {NOWHERE}", "Köln"), "Germany")), media("62x100"), fonts())
    paper = slip(replace(SLIP, items=(Item(1, f"Tafel {NOWHERE}"),)), media("62"), fonts())
    assert any("[U+30001]" in thing.text for thing in paper.pages[0].placed)
    assert [warning.code for warning in paper.warnings] == ["paper.glyph-missing"]


def test_emoji_are_left_out_with_a_warning_and_a_name_of_emoji_alone_falls_back_to_the_sku() -> None:
    items = (Item(1, "Becher 🎁 \U0001f468\u200d\U0001f469\u200d\U0001f467"), Item(2, "🎁🎁", "SKU-7"))
    paper = slip(replace(SLIP, items=items), media("62"), fonts())
    shown = [thing.text for thing in paper.pages[0].placed]
    assert "Becher" in shown
    assert shown.count("SKU-7") == 2
    assert {warning.code for warning in paper.warnings} == {"paper.symbol-left-out"}


@pytest.mark.parametrize(
    "hostile",
    [
        "a\x00b\x07",
        "\u202eevil\u202c",
        "\u2066x\u2069\ufeff",
        "x" * 10_000,
        "\ud800",
        "A\u0301" * 500,
        "\u0300" * 300,
        "ש" * 300,
        " " * 500,
        "\u200b" * 50,
    ],
)
def test_hostile_names_make_a_valid_slip(hostile: str) -> None:
    paper = slip(replace(SLIP, items=(Item(1, hostile, "SKU"),)), media("62"), fonts())
    verify(paper)
    printed = "".join(thing.text for thing in paper.pages[0].placed)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in printed)


@pytest.mark.parametrize("language", SAMPLES)
@pytest.mark.parametrize("width", [120, 260, 600])
def test_lines_never_leave_their_box_and_lose_no_letter(language: str, width: int) -> None:
    text = clean(SAMPLES[language])
    assert "".join(lines(text, width, language)).replace(" ", "") == text.replace(" ", "")


def test_chinese_and_japanese_lines_do_not_begin_with_closing_marks_nor_end_with_opening_ones() -> None:
    for language in ("zh-Hans", "ja"):
        for width in range(130, 420, 10):
            found = lines(clean(SAMPLES[language]), width, language)
            assert not any(line[0] in "、。）」ー," for line in found[1:])
            assert not any(line[-1] in "（「" for line in found)


def test_korean_breaks_at_blanks_only_and_a_word_that_is_too_long_breaks_anyway() -> None:
    assert set(lines(SAMPLES["ko"], 320, "ko")) <= {
        "서울특별시",
        "중구",
        "세종대로",
        "110",
        "서울특별시 중구",
        "세종대로 110",
        "중구 세종대로",
    }
    assert len(lines("Donaudampfschifffahrtsgesellschaft", 200, "de")) > 1


@pytest.mark.skipif(not thai.word_breaks("สแตนเลสสีดำด้าน"), reason="libthai is not installed: Thai breaks at blanks")
def test_thai_lines_end_where_words_end() -> None:
    words = {"ขวด", "น้ำ", "สแตนเลส", "สี", "ดำ", "ด้าน", "750", "มล."}
    for line in lines(SAMPLES["th"], 260, "th"):
        starts = thai.word_breaks(line)
        assert {line[a:b].strip() for a, b in pairwise(sorted({0, len(line), *starts}))} <= words | {"", "ด้าน 750 มล."}


def test_marks_and_conjuncts_are_never_torn_from_their_letter() -> None:
    assert clusters("ज्योत्स्ना")[0] == "ज्यो"
    assert clusters("กำ น้ำ") == ["กำ", " ", "น้ำ"]
    assert not may_break("12\u00a0", "k")


@pytest.mark.parametrize(
    ("text", "visual"),
    [
        ("رقم 12 USB", ["USB", "12", "رقم"]),
        ("USB שלום 12", ["USB", "12", "שלום"]),
        ("שלום USB 12, אב", ["אב", "USB 12", "שלום"]),
        ("abc", ["abc"]),
    ],
)
def test_right_to_left_runs_stand_in_visual_order(text: str, visual: list[str]) -> None:
    (line,) = Typesetter(fonts(), "ar").block(text, 12, 900).lines
    assert [run.text.strip(" ,") for run in line.runs if run.text.strip(" ,")] == visual
    assert [run.x for run in line.runs] == sorted(run.x for run in line.runs)


def test_a_quantity_before_an_arabic_name_stays_in_its_own_column() -> None:
    (page,) = slip(replace(SLIP, language="ar", items=(Item(2, SAMPLES["ar"]),)), media("62"), fonts()).pages
    quantity = next(thing for thing in page.placed if thing.text == "2")
    names = [thing for thing in page.placed if "USB-C" in thing.text or "شارع" in thing.text]
    assert names
    assert all(name.ink[0] >= quantity.field[2] for name in names)
    assert max(name.ink[2] for name in names) >= names[0].field[2] - 3  # set to the right


def test_arabic_letters_join() -> None:
    face = fonts().face_for("س", "ar", "bold")
    assert face is not None
    font = fonts().sized(face, 60)
    joined = font.getlength("سسس", **shaping("ar", rtl=True))
    assert joined < 0.9 * 3 * font.getlength("س", **shaping("ar", rtl=True))


def test_a_station_without_fonts_says_which_packages_it_lacks() -> None:
    with pytest.raises(PaperError, match=r"paper\.glyph-missing.*fonts-noto-core") as refused:
        label(LABEL, media("62x100"), Fonts([]))
    assert "fonts-noto-cjk" in refused.value.hint


@pytest.fixture
def no_fribidi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bidi, "_library", lambda: None)


@pytest.mark.usefixtures("no_fribidi")
def test_without_fribidi_german_and_chinese_print_and_arabic_thai_and_hindi_are_refused_by_name() -> None:
    for language in ("de", "zh-Hans", "ja", "ko"):
        verify(slip(replace(SLIP, language=language, items=(Item(1, SAMPLES[language]),)), media("62"), fonts()))
    for language, script in (("ar", "Arabic"), ("th", "Thai"), ("hi", "Devanagari"), ("he", "Hebrew")):
        with pytest.raises(PaperError, match=rf"paper\.shaping-missing.*{script}"):
            slip(replace(SLIP, language="en", items=(Item(1, SAMPLES[language]),)), media("62"), fonts())


def test_one_ideograph_looks_as_its_region_writes_it() -> None:
    def drawn(character: str, language: str) -> bytes:
        face = fonts().face_for(character, language, "bold")
        assert face is not None
        image = Image.new("1", (90, 90), 255)
        ImageDraw.Draw(image).text(
            (5, 70), character, font=fonts().sized(face, 72), fill=0, anchor="ls", **shaping(language, rtl=False)
        )
        return image.tobytes()

    for character in "直令":
        assert len({drawn(character, language) for language in ("ja", "zh-Hans")}) == 2
    assert drawn("直", "zh-Hans") == drawn("直", "zh-Hans")


def test_each_language_has_every_title_and_packers_can_read_the_captions() -> None:
    for language in LANGUAGES:
        shown = Typesetter(fonts(), language)
        for title in TITLES:
            text = word(language, title, n=2, of=5)
            assert shown.drawable(text, title, "refuse") == clean(text)
            if title != "part":
                assert any("a" <= c.lower() <= "z" for c in both(language, title))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_slip_and_a_label_are_set_in_every_language(language: str) -> None:
    items = (Item(2, SAMPLES.get(language, "Becher")), Item(1, "USB-C"))
    verify(slip(replace(SLIP, language=language, items=items), media("62"), fonts()))
    verify(label(replace(LABEL, language=language), media("62x100"), fonts()))
