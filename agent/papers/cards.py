"""Command cards and badges. Each is a page of its own: a camera would read all the commands of one sheet at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.codes import SMALLEST_MODULE, Symbol, encode
from agent.papers.head import GAP, MARGIN, MARK_MODULE, fit_or_cut, language_tag
from agent.papers.page import Media, Paper, PaperError, dots
from agent.papers.sheet import Sheet
from agent.papers.typeset import Typesetter
from agent.papers.words import known
from agent.station.commands import WITH_VALUE, Card, Command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.papers.fonts import Fonts

_BARS, _SHORTEST, _NARROWEST = 76, 260, 690

# fmt: off
_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("Print label again", "Hold parcel", "Release parcel", "Next parcel", "Rest is not there", "Did not fit",
        "Took carton", "Cancel parcel", "It printed", "It did not print", "Count again", "Badge"),
    "de": ("Label noch einmal", "Paket anhalten", "Paket freigeben", "Nächstes Paket", "Rest fehlt",
        "Passt nicht hinein", "Karton genommen", "Paket stornieren", "Ist gedruckt", "Ist nicht gedruckt",
        "Neu zählen", "Ausweis"),
    "fr": ("Réimprimer l'étiquette", "Bloquer le colis", "Libérer le colis", "Colis suivant", "Reste introuvable",
        "N'entre pas", "Carton utilisé", "Annuler le colis", "C'est imprimé", "Pas imprimé", "Recompter", "Badge"),
    "es": ("Reimprimir etiqueta", "Retener paquete", "Liberar paquete", "Paquete siguiente", "Falta el resto",
        "No cabe", "Caja usada", "Anular paquete", "Se imprimió", "No se imprimió", "Contar otra vez", "Credencial"),
    "it": ("Ristampa etichetta", "Blocca collo", "Sblocca collo", "Collo successivo", "Manca il resto", "Non ci sta",
        "Scatola presa", "Annulla collo", "È stampata", "Non è stampata", "Riconta", "Tesserino"),
    "pl": ("Drukuj etykietę ponownie", "Wstrzymaj paczkę", "Zwolnij paczkę", "Następna paczka", "Brak reszty",
        "Nie mieści się", "Wzięto karton", "Anuluj paczkę", "Wydrukowano", "Nie wydrukowano", "Policz ponownie",
        "Identyfikator"),
    "nl": ("Label opnieuw", "Pakket vasthouden", "Pakket vrijgeven", "Volgend pakket", "Rest is er niet", "Past niet",
        "Doos genomen", "Pakket annuleren", "Is geprint", "Is niet geprint", "Opnieuw tellen", "Badge"),
    "pt": ("Reimprimir etiqueta", "Reter volume", "Liberar volume", "Próximo volume", "Falta o resto", "Não coube",
        "Caixa usada", "Cancelar volume", "Imprimiu", "Não imprimiu", "Contar de novo", "Crachá"),
    "zh-Hans": ("重打面单", "扣留包裹", "放行包裹", "下一个包裹", "其余缺货", "装不下", "已取纸箱", "取消包裹",
        "已打印", "未打印", "重新清点", "工牌"),
    "zh-Hant": ("重印面單", "扣留包裹", "放行包裹", "下一個包裹", "其餘缺貨", "裝不下", "已取紙箱", "取消包裹",
        "已列印", "未列印", "重新清點", "工牌"),
    "ja": ("ラベル再発行", "荷物を保留", "保留を解除", "次の荷物", "残りがない", "入らない", "使った箱", "荷物を取消",
        "印刷された", "印刷されていない", "数え直す", "社員証"),
    "ko": ("라벨 다시 인쇄", "상자 보류", "보류 해제", "다음 상자", "나머지 없음", "들어가지 않음", "사용한 상자",
        "상자 취소", "인쇄됨", "인쇄 안 됨", "다시 세기", "사원증"),
}
# fmt: on


def command_cards(cartons: Iterable[str] = ()) -> list[Card]:
    """Return a card for each command that needs no value, then one for each carton."""
    plain = [Card(command) for command in Command if command not in WITH_VALUE]
    return plain + [Card(Command.CARTON, carton) for carton in cartons]


def cards(shown: Iterable[tuple[Card, str]], media: Media, fonts: Fonts, language: str = "en") -> Paper:
    """Return a page for each card and its caption (a name on a badge, else empty).

    A DataMatrix of up to 14 dots a module for the camera, words in the language and in English, and on endless media
    the same code as bars for a hand scanner. Raises PaperError `paper.media-mismatch` or `paper.code-too-wide`.
    """
    if media.dots_w < _NARROWEST or media.max_l < _SHORTEST:
        raise PaperError(
            "paper.media-mismatch",
            f"Cards need 62 x 29 mm; {media.name} prints {media.printable}.",
            "Load 62 mm endless or 62x29.",
        )
    listed = list(shown)
    setter = Typesetter(fonts, language_tag(language))
    sheets = [_card(card, caption, media, fonts, setter) for card, caption in listed]
    pages = tuple(sheet.page(number, len(sheets), height=height) for number, (sheet, height) in enumerate(sheets, 1))
    return Paper(pages, tuple(setter.warnings))


def _card(card: Card, caption: str, media: Media, fonts: Fonts, setter: Typesetter) -> tuple[Sheet, int]:
    limit = media.max_l if media.kind == "die_cut" else dots(60)
    sheet = Sheet(media.dots_w, limit, fonts)
    encoded = encode(Symbol.DATAMATRIX, card.text)
    quiet = encoded.quiet * MARK_MODULE
    module = encoded.largest_module(media.dots_w, limit, largest=MARK_MODULE)
    box = sheet.code(encoded, quiet, quiet, module)
    left = box[2] + quiet + GAP
    width, height = media.dots_w - left - MARGIN, box[3] - box[1]
    own, english = (_WORDS[tag][list(Command).index(card.command)] for tag in (known_words(setter.language), "en"))
    title = fit_or_cut(setter, f"{own} {card.value}".strip(), (9, 20), width, height * 2 // 3, "card")
    y = sheet.text(title, left, box[1], width) + 10
    below = setter.drawable(caption, "caption", "name") or (english if english != own else "")
    if below:
        sheet.text(fit_or_cut(setter, below, (7, 12), width, box[3] - y, "card"), left, y, width)
    if media.kind == "die_cut":
        return sheet, limit
    bars = encode(Symbol.CODE128, card.text)
    module = bars.largest_module(media.dots_w, largest=4)
    y = box[3] + quiet
    if module >= SMALLEST_MODULE:
        y = sheet.code(bars, (media.dots_w - bars.width * module) // 2, y, module, _BARS)[3] + MARGIN
    return sheet, y


def known_words(language: str) -> str:
    """Return the language of the cards that serves a BCP 47 tag.

    >>> known_words("de-CH"), known_words("th")
    ('de', 'en')
    """
    return known(language) if known(language) in _WORDS else "en"
