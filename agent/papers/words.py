"""The printed titles in the languages of orders. A language that is not here gets English."""

from __future__ import annotations

# fmt: off
TITLES = ("parcel", "page", "part", "order", "date", "ship_to", "from", "carrier", "item", "quantity", "lines",
          "pieces", "returns", "weight", "duplicate", "waiting", "more")

_EN = ("Parcel", "Page", "Part {n} of {of}", "Order", "Date", "Ship to", "From", "Carrier", "Item", "Qty", "Lines",
       "Pieces", "Returns", "Weight", "DUPLICATE", "WAITING FOR LABEL", "continued")

_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "en": _EN,
    "zh-Hans": ("包裹", "页", "第 {n} 部分 共 {of} 部分", "订单", "日期", "收件人", "发件人", "承运商", "商品",
        "数量", "行数", "件数", "退货", "重量", "副本", "等待面单", "续"),
    "zh-Hant": ("包裹", "頁", "第 {n} 部分 共 {of} 部分", "訂單", "日期", "收件人", "寄件人", "承運商", "商品",
        "數量", "行數", "件數", "退貨", "重量", "副本", "等待面單", "續"),
    "ja": ("荷物", "ページ", "分割 {n}/{of}", "注文", "日付", "お届け先", "ご依頼主", "運送会社", "商品", "数量",
        "行数", "点数", "返品", "重量", "再発行", "ラベル待ち", "続き"),
    "ko": ("상자", "쪽", "분할 {n}/{of}", "주문", "날짜", "받는 분", "보내는 분", "운송사", "상품", "수량", "항목",
        "개수", "반품", "무게", "재발행", "라벨 대기", "계속"),
    "de": ("Paket", "Seite", "Teil {n} von {of}", "Bestellung", "Datum", "Empfänger", "Absender", "Versand",
        "Artikel", "Menge", "Positionen", "Stück", "Rückgabe", "Gewicht", "DUPLIKAT", "WARTET AUF LABEL",
        "Fortsetzung"),
    "fr": ("Colis", "Page", "Partie {n} sur {of}", "Commande", "Date", "Destinataire", "Expéditeur", "Transporteur",
        "Article", "Qté", "Lignes", "Pièces", "Retours", "Poids", "DUPLICATA", "ÉTIQUETTE EN ATTENTE", "suite"),
    "es": ("Paquete", "Página", "Parte {n} de {of}", "Pedido", "Fecha", "Destinatario", "Remitente", "Transporte",
        "Artículo", "Cant.", "Líneas", "Piezas", "Devoluciones", "Peso", "DUPLICADO", "ESPERA ETIQUETA",
        "continuación"),
    "it": ("Collo", "Pagina", "Parte {n} di {of}", "Ordine", "Data", "Destinatario", "Mittente", "Corriere",
        "Articolo", "Q.tà", "Righe", "Pezzi", "Resi", "Peso", "DUPLICATO", "IN ATTESA DI ETICHETTA", "segue"),
    "pl": ("Paczka", "Strona", "Część {n} z {of}", "Zamówienie", "Data", "Odbiorca", "Nadawca", "Przewoźnik",
        "Artykuł", "Ilość", "Pozycje", "Sztuki", "Zwroty", "Waga", "DUPLIKAT", "CZEKA NA ETYKIETĘ", "cd."),
    "nl": ("Pakket", "Pagina", "Deel {n} van {of}", "Bestelling", "Datum", "Ontvanger", "Afzender", "Vervoerder",
        "Artikel", "Aantal", "Regels", "Stuks", "Retouren", "Gewicht", "DUPLICAAT", "WACHT OP LABEL", "vervolg"),
    "pt": ("Volume", "Página", "Parte {n} de {of}", "Pedido", "Data", "Destinatário", "Remetente", "Transportadora",
        "Artigo", "Qtd.", "Linhas", "Peças", "Devoluções", "Peso", "DUPLICADO", "AGUARDA ETIQUETA", "continuação"),
    "cs": ("Balík", "Strana", "Část {n} z {of}", "Objednávka", "Datum", "Příjemce", "Odesílatel", "Dopravce",
        "Položka", "Počet", "Řádky", "Kusy", "Vrácení", "Hmotnost", "DUPLIKÁT", "ČEKÁ NA ŠTÍTEK", "pokračování"),
    "sv": ("Kolli", "Sida", "Del {n} av {of}", "Order", "Datum", "Mottagare", "Avsändare", "Transportör", "Artikel",
        "Antal", "Rader", "Stycken", "Returer", "Vikt", "DUBBLETT", "VÄNTAR PÅ ETIKETT", "forts."),
    "tr": ("Koli", "Sayfa", "Bölüm {n}/{of}", "Sipariş", "Tarih", "Alıcı", "Gönderen", "Taşıyıcı", "Ürün", "Adet",
        "Satır", "Parça", "İade", "Ağırlık", "KOPYA", "ETİKET BEKLİYOR", "devamı"),
    "ru": ("Посылка", "Страница", "Часть {n} из {of}", "Заказ", "Дата", "Получатель", "Отправитель", "Перевозчик",
        "Товар", "Кол.", "Строк", "Штук", "Возврат", "Вес", "ДУБЛИКАТ", "ЖДЁТ ЭТИКЕТКУ", "продолжение"),
    "uk": ("Посилка", "Сторінка", "Частина {n} з {of}", "Замовлення", "Дата", "Одержувач", "Відправник",
        "Перевізник", "Товар", "Кільк.", "Рядків", "Штук", "Повернення", "Вага", "ДУБЛІКАТ", "ЧЕКАЄ НА ЕТИКЕТКУ",
        "далі"),
    "el": ("Δέμα", "Σελίδα", "Μέρος {n} από {of}", "Παραγγελία", "Ημερομηνία", "Παραλήπτης", "Αποστολέας",
        "Μεταφορέας", "Είδος", "Ποσ.", "Γραμμές", "Τεμάχια", "Επιστροφές", "Βάρος", "ΑΝΤΙΓΡΑΦΟ", "ΑΝΑΜΟΝΗ ΕΤΙΚΕΤΑΣ",
        "συνέχεια"),
    "ar": ("طرد", "صفحة", "جزء {n} من {of}", "الطلب", "التاريخ", "المستلم", "المرسل", "الناقل", "الصنف", "الكمية",
        "البنود", "القطع", "الإرجاع", "الوزن", "نسخة مكررة", "بانتظار الملصق", "تابع"),
    "he": ("חבילה", "עמוד", "חלק {n} מתוך {of}", "הזמנה", "תאריך", "נמען", "שולח", "מוביל", "פריט", "כמות", "שורות",
        "יחידות", "החזרות", "משקל", "עותק", "ממתין לתווית", "המשך"),
    "th": ("พัสดุ", "หน้า", "ส่วนที่ {n}/{of}", "คำสั่งซื้อ", "วันที่", "ผู้รับ", "ผู้ส่ง", "ขนส่ง", "สินค้า",
        "จำนวน", "รายการ", "ชิ้น", "คืนสินค้า", "น้ำหนัก", "สำเนา", "รอฉลาก", "ต่อ"),
    "vi": ("Kiện", "Trang", "Phần {n}/{of}", "Đơn hàng", "Ngày", "Người nhận", "Người gửi", "Vận chuyển",
        "Mặt hàng", "SL", "Dòng", "Cái", "Trả hàng", "Khối lượng", "BẢN SAO", "CHỜ NHÃN", "tiếp theo"),
    "hi": ("पार्सल", "पृष्ठ", "भाग {n}/{of}", "ऑर्डर", "दिनांक", "प्राप्तकर्ता", "प्रेषक", "वाहक", "वस्तु",
        "मात्रा", "पंक्तियाँ", "नग", "वापसी", "वज़न", "प्रतिलिपि", "लेबल की प्रतीक्षा", "जारी"),
}
# fmt: on

LANGUAGES = tuple(_BY_LANGUAGE)
_TAIWAN_STYLE = ("zh-tw", "zh-hk", "zh-mo", "zh-hant")
_LATIN_TITLES = frozenset({"en", "de", "fr", "es", "it", "pl", "nl", "pt", "cs", "sv", "tr", "vi"})


def known(language: str) -> str:
    """Return the entry that serves a BCP 47 tag.

    >>> known("zh-TW"), known("zh"), known("de-AT"), known("xx")
    ('zh-Hant', 'zh-Hans', 'de', 'en')
    """
    tag = language.lower().replace("_", "-")
    if tag.startswith("zh"):
        return "zh-Hant" if tag.startswith(_TAIWAN_STYLE) else "zh-Hans"
    return tag.split("-")[0] if tag.split("-")[0] in _BY_LANGUAGE else "en"


def word(language: str, title: str, **numbers: int) -> str:
    """Return a title in this language alone.

    >>> word("de", "part", n=2, of=5)
    'Teil 2 von 5'
    """
    return _BY_LANGUAGE[known(language)][TITLES.index(title)].format(**numbers)


def both(language: str, title: str) -> str:
    """Return a title for customer and packer: English is added where the language is not written in Latin letters.

    >>> both("de", "order"), both("ja", "order")
    ('Bestellung', '注文 Order')
    """
    tag = known(language)
    own = word(tag, title)
    return own if tag in _LATIN_TITLES else f"{own} {word('en', title)}"
