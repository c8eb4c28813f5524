"""Labels that arrive as files: bars stay whole, nothing is dropped silently, and hostile files cost little."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from agent.papers.codes import Symbol, encode
from agent.papers.page import PaperError, media
from agent.papers.picture import bars_of, codes_of, enlarged, ink, is_linear, loses_grey, on_white
from agent.papers.ready import Expect, Limits, ready_file
from tests.papers.pdf_files import MM, Pdf, bars, label, picture

TRACKING = "1Z999AA10123456784"


def refusal(data: bytes, name: str = "103x164", expect: Expect | None = None) -> PaperError:
    with pytest.raises(PaperError) as refused:
        ready_file(data, media(name), expect)
    assert refused.value.hint
    return refused.value


def code(data: bytes, name: str = "103x164", expect: Expect | None = None) -> str:
    return refusal(data, name, expect).code


def bitmap(module: int = 2, size: tuple[int, int] = (812, 1218), left: int = 60) -> Image.Image:
    """Return a 203-dpi label: a frame, a Code 128 and a QR code, all bars whole."""
    image = Image.new("L", size, 255)
    ImageDraw.Draw(image).rectangle((8, 8, size[0] - 9, size[1] - 9), outline=0, width=3)
    linear = encode(Symbol.CODE128, TRACKING).drawn(module, 150)
    image.paste(linear.convert("L"), (left, 800))
    image.paste(encode(Symbol.QR, f"QR-{TRACKING}").drawn(module).convert("L"), (left, 300))
    return image


def png(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def png_header(width: int, height: int, chunks: bytes = b"") -> bytes:
    """Return a PNG that claims a size and holds no more than a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("left", [60, 61])
def test_a_203_dpi_picture_is_enlarged_by_three_halves_and_its_bars_of_two_dots_become_three(left: int) -> None:
    page = ready_file(png(bitmap(left=left)), media("103x164"), Expect(codes=(TRACKING,))).pages[0]
    assert page.image.size == (1200, 1822)
    (linear,) = (found for found in codes_of(page.image) if is_linear(found))
    measured = bars_of(page.image, linear)
    assert measured is not None
    assert (measured.module, measured.error) == (3, 0)


def test_nearest_enlargement_by_three_halves_keeps_every_bar_of_two_dots_at_three() -> None:
    line = Image.frombytes("L", (40, 1), bytes([0, 0, 255, 255] * 10)).convert("1")
    for offset in range(4):
        wide = enlarged(line.crop((offset, 0, 40, 1)), Fraction(3, 2)).convert("L").tobytes()
        inner = wide.strip(bytes([wide[0]])).strip(bytes([wide[-1]]))
        assert {len(run) for run in inner.replace(b"\xff\0", b"\xff \0").replace(b"\0\xff", b"\0 \xff").split()} == {3}


def test_a_300_dpi_picture_is_printed_dot_for_dot() -> None:
    source = bitmap(module=4, size=(1200, 1800))
    page = ready_file(png(source), media("103x164")).pages[0]
    assert page.image.crop((0, 11, 1200, 1811)).tobytes() == ink(source).tobytes()


def test_transparent_is_white() -> None:
    clear = Image.new("RGBA", (1200, 1800), (0, 0, 0, 0))
    clear.paste(bitmap(4, (1200, 1800)).convert("RGBA").crop((100, 700, 1100, 1000)), (100, 700))
    image = ready_file(png(clear), media("103x164")).pages[0].image
    assert image.convert("L").histogram()[0] < 0.2 * image.width * image.height


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_pixel_becomes_the_same_ink(mode: str) -> None:
    source = bitmap()
    if mode == "I;16":
        kind = Image.frombytes("I;16", source.size, b"".join(b"\0" + bytes([value]) for value in source.tobytes()))
    else:
        kind = source.convert(mode)
    with Image.open(io.BytesIO(png(kind))) as image:
        assert ink(on_white(image)).tobytes() == ink(source).tobytes()


def test_a_vector_label_comes_out_in_whole_dots_where_plain_rendering_does_not() -> None:
    for module_mm, dots in ((0.254, 3), (0.25, 3), (0.33, 4)):
        page = ready_file(label(TRACKING, module_mm), media("103x164"), Expect(codes=(TRACKING,))).pages[0]
        (linear,) = (found for found in codes_of(page.image) if is_linear(found))
        measured = bars_of(page.image, linear)
        assert measured is not None
        assert measured.module == pytest.approx(dots, abs=0.02)
        assert measured.error < 0.01, module_mm


def test_a_pdf_with_one_picture_gives_that_pictures_own_pixels() -> None:
    pdf, source = Pdf(), bitmap()
    number = picture(pdf, source.tobytes(), *source.size)
    pdf.page(b"288 0 0 432 0 0 cm /Im Do", 288, 432, f"/XObject << /Im {number} 0 R >>")
    from_pdf = ready_file(pdf.written(), media("103x164")).pages[0].image
    assert from_pdf.tobytes() == ready_file(png(source), media("103x164")).pages[0].image.tobytes()


def test_a_label_beside_other_print_on_a_large_page_is_found_and_two_are_not_chosen_between() -> None:
    def sheet(places: list[tuple[float, float]], width_mm: float = 104) -> bytes:
        pdf, content = Pdf(), b"2 w 330 700 220 100 re S "
        for x, y in places:
            content += f"2 w {x} {y} {width_mm * MM:.2f} {150 * MM:.2f} re S ".encode()
            content += bars(TRACKING, x + 20, y + 60, 0.254 * MM, 90)
        pdf.page(content, 595, 842)
        return pdf.written()

    assert code(sheet([(5, 400), (299, 5)])) == "paper.crop-unknown"
    found = ready_file(sheet([(20, 300)], width_mm=100), media("103x164"), Expect(codes=(TRACKING,))).pages[0]
    assert [one.bytes for one in codes_of(found.image)] == [TRACKING.encode()]
    cropped = ready_file(
        sheet([(20, 300)]), media("103x164"), Expect(codes=(TRACKING,), crop_mm=(8.5, 297 - 106 - 148, 101, 150))
    )
    assert codes_of(cropped.pages[0].image)[0].bytes == TRACKING.encode()


def test_a_lying_label_is_turned_and_a_too_large_one_is_refused_with_both_sizes() -> None:
    lying = bitmap().transpose(Image.Transpose.ROTATE_90)
    page = ready_file(png(lying), media("103x164"), Expect(codes=(TRACKING,))).pages[0]
    assert page.image.size == (1200, 1822)
    error = refusal(png(bitmap()), "62x100")
    assert error.code == "paper.media-mismatch"
    assert "101.1 x 152.7 mm" in error.detail
    assert "58.9 x 93.9 mm" in error.detail
    assert "103 x 164 mm" in error.hint


def test_a_file_without_the_jobs_number_is_somebody_elses_label() -> None:
    assert code(png(bitmap()), expect=Expect(codes=("1Z000",))) == "paper.barcode-lost"


def test_a_proof_mark_is_added_where_there_is_room() -> None:
    page = ready_file(png(bitmap()), media("103"), Expect(mark="0000004711")).pages[0]
    assert {found.bytes for found in codes_of(page.image)} >= {b"0000004711", TRACKING.encode()}
    assert [one.content for one in page.codes] == [b"0000004711"]
    full = ready_file(png(bitmap(4, (1200, 1800))), media("103x164"), Expect(mark="0000004711")).pages[0]
    assert full.codes == ()


def test_bars_of_one_dot_are_refused_and_light_grey_is_told() -> None:
    assert code(png(bitmap(1)), expect=Expect(dpi=300)) == "paper.bars-uneven"
    grey = bitmap()
    ImageDraw.Draw(grey).rectangle((100, 100, 400, 200), fill=200)
    paper = ready_file(png(grey), media("103x164"))
    assert [warning.code for warning in paper.warnings] == ["paper.grey-lost"]
    assert not loses_grey(bitmap())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "paper.file-damaged"),
        (b" \r\n", "paper.file-damaged"),
        (b"<!DOCTYPE html><h1>503</h1>", "paper.file-damaged"),
        (b"\n\xef\xbb\xbf^XA^FO50,50^FDHello^FS^XZ", "paper.zpl-not-supported"),
        (b'\nN\nq812\nA50,0,0,1,1,1,N,"x"\nP1\n', "paper.epl-not-supported"),
        (b"GIF89a\x90\x01", "paper.format-not-supported"),
        (b"\xff\xd8\xff\xe0 CMYK or not", "paper.format-not-supported"),
        (b"%PDF-1.7 and no more", "paper.file-damaged"),
        (b"hello", "paper.file-damaged"),
        (b"data:image/png;base64,@@@@", "paper.file-damaged"),
        (b"x" * 5_000_001, "paper.file-too-large"),
        (png_header(50_000, 50_000), "paper.file-too-large"),
        (png_header(13_000, 13_000), "paper.file-too-large"),
        (png_header(0, 10), "paper.file-damaged"),
        (png_header(812, 1218), "paper.file-damaged"),
        (png(bitmap())[:900], "paper.file-damaged"),
        (png(Image.new("L", (812, 1218), 255)), "paper.no-ink"),
        (png(Image.new("L", (600, 400), 0)), "paper.unknown-scale"),
        (png(bitmap(), save_all=True, append_images=[Image.new("L", (812, 1218), 0)]), "paper.too-many-pages"),
    ],
)
def test_what_is_no_label_is_refused_with_its_own_code(data: bytes, expected: str) -> None:
    assert code(data) == expected


def test_a_resolution_that_would_tear_bars_is_refused() -> None:
    assert code(png(bitmap()), expect=Expect(dpi=180)) == "paper.unknown-scale"


def test_a_compressed_text_chunk_that_swells_is_refused() -> None:
    swollen = zlib.compress(b"x" * 80_000_000, 9)
    body = b"zTXt" + b"Comment\0\0" + swollen
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert code(png_header(812, 1218, chunk)) == "paper.file-damaged"


def test_a_data_uri_is_unwrapped() -> None:
    wrapped = b"data:image/png;base64," + base64.b64encode(png(bitmap()))
    assert (
        ready_file(wrapped, media("103x164")).pages[0].image.tobytes()
        == ready_file(png(bitmap()), media("103x164")).pages[0].image.tobytes()
    )


def hostile() -> dict[str, tuple[bytes, str]]:
    files: dict[str, tuple[bytes, str]] = {}
    for name, width, height, expected in (
        ("zero", 0, 0, "paper.file-damaged"),
        ("vast", 14_400, 14_400, "paper.file-too-large"),
    ):
        pdf = Pdf()
        pdf.page(b"0 g 10 10 100 100 re f", width, height)
        files[f"{name} page"] = (pdf.written(), expected)
    pdf = Pdf()
    for _ in range(3):
        pdf.page(b"0 g 10 10 100 100 re f", 288, 432)
    files["three pages"] = (pdf.written(), "paper.too-many-pages")
    pdf = Pdf()
    number = picture(pdf, b"\xff" * 3 * 6_000 * 6_000, 6_000, 6_000, "/DeviceRGB")
    small = picture(pdf, b"\0" * 100, 10, 10)
    pdf.page(
        b"q 288 0 0 432 0 0 cm /Im Do Q q 9 0 0 9 0 0 cm /Sm Do Q",
        288,
        432,
        f"/XObject << /Im {number} 0 R /Sm {small} 0 R >>",
    )
    files["a picture bomb beside a small one"] = (pdf.written(), "paper.file-too-large")
    pdf = Pdf()
    pdf.page(b"0 0 1 1 re f " * 2_000_000, 288, 432)
    files["a long content stream"] = (pdf.written(), "paper.file-damaged")
    pdf = Pdf()
    inner = pdf.add("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"0 0 1 1 re f")
    for _ in range(9):
        body = b"/F Do " * 10
        inner = pdf.add(
            f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F {inner} 0 R >> >>", body
        )
    pdf.page(b"/F Do", 288, 432, f"/XObject << /F {inner} 0 R >>")
    files["forms that multiply"] = (pdf.written(), "paper.file-damaged")
    pdf = Pdf()
    font = pdf.add(
        "/Type /Font /Subtype /Type0 /BaseFont /SimSun /Encoding /UniGB-UCS2-H /DescendantFonts "
        "[<< /Type /Font /Subtype /CIDFontType0 /BaseFont /SimSun /CIDSystemInfo "
        "<< /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /FontDescriptor << /Type /FontDescriptor "
        "/FontName /SimSun /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800 /Descent 0 "
        "/CapHeight 700 /StemV 80 >> >>]"
    )
    pdf.page(b"BT /F1 24 Tf 40 300 Td <5F204F1F> Tj ET", 288, 432, f"/Font << /F1 {font} 0 R >>")
    files["a font left out"] = (pdf.written(), "paper.font-not-embedded")
    pdf = Pdf()
    pdf.page(b"0 g 10 10 100 100 re f", 288, 432)
    # RC4, 40 bits, with a password that nobody told us (ISO 32000-1, 7.6.3).
    trailer = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{'5a' * 32}> /U <{'a5' * 32}> /P -4 >> /ID [<00><00>]"
    files["a password"] = (pdf.written(trailer), "paper.encrypted")
    pdf = Pdf()
    pdf.page(b"", 288, 432)
    files["a blank page"] = (pdf.written(), "paper.no-ink")
    files["half a file"] = (label(TRACKING)[:600], "paper.file-damaged")
    return files


HOSTILE = hostile()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pdf_is_refused_by_name_and_leaves_no_child(name: str) -> None:
    data, expected = HOSTILE[name]
    assert code(data) == expected
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_child_that_takes_too_long_is_killed() -> None:
    with pytest.raises(PaperError, match="was not drawn within"):
        ready_file(label(TRACKING), media("103x164"), limits=Limits(wall_s=0.001))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_one_page_of_several_is_printed_when_it_is_named() -> None:
    pdf = Pdf()
    for text in ("AAA111", "BBB222", "CCC333"):
        pdf.page(bars(text, 40, 60, 0.254 * MM, 90), 288, 432)
    page = ready_file(pdf.written(), media("103x164"), Expect(page=2, codes=("BBB222",))).pages[0]
    assert [found.bytes for found in codes_of(page.image)] == [b"BBB222"]


LABELS = Path(os.environ.get("PACKBENCH_RECORDINGS", "")) / "captures" / "labels"


@pytest.mark.skipif(not LABELS.is_dir(), reason="PACKBENCH_RECORDINGS is not set: no carrier files to read")
def test_files_as_carriers_send_them_print_or_are_refused_in_words() -> None:
    for file in sorted(LABELS.glob("*.zpl")):
        assert code(file.read_bytes()) == "paper.zpl-not-supported", file.name
    for file in sorted(LABELS.glob("*epl*")):
        assert code(file.read_bytes()) == "paper.epl-not-supported", file.name
    for file in (*sorted(LABELS.glob("*.png")), *sorted(LABELS.glob("*.datauri.txt"))):
        page = ready_file(file.read_bytes(), media("103x164")).pages[0]
        assert any(is_linear(found) for found in codes_of(page.image)), file.name
        assert code(file.read_bytes(), "62x100") == "paper.media-mismatch"
    for file in sorted(LABELS.glob("*.pdf")):
        assert code(file.read_bytes()) in {"paper.crop-unknown", "paper.media-mismatch"}, file.name
