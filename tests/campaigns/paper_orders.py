"""Random orders in many languages: words, streets and names of each, from one-word lines to seven-line addresses."""

from __future__ import annotations

import random
from dataclasses import dataclass

from agent.papers.codes import Symbol
from agent.papers.contents import Address, Item, LabelContent, SlipContent
from agent.papers.pair import pair_code
from agent.papers.postal import address
from agent.station.gs1 import sscc


@dataclass(frozen=True)
class Tongue:
    """What orders in one language are made of."""

    language: str
    country: str
    names: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    items: tuple[str, ...]
    notes: tuple[str, ...]


TONGUES = (
    Tongue(
        "en",
        "US",
        ("Margaret O'Sullivan-Fitzgerald", "Li Wei", "A. Jones", "The Receiving Department"),
        ("1600 Amphitheatre Pkwy", "Apt 4B, Floor 12", "c/o Northern Supplies & Sons Ltd.", "Building C, Dock 7"),
        ("San Francisco", "New York", "Winston-Salem"),
        (
            "Stainless steel water bottle 750 ml, matt black",
            "Mug",
            "USB-C cable 2 m (braided), pack of 3",
            "T-shirt, size XL, navy blue",
        ),
        ("Return within 30 days, unworn, with this slip.",),
    ),
    Tongue(
        "de",
        "DE",
        ("Jürgen Müller-Lüdenscheidt", "Frau Dr. Wilhelmina Freifrau von Hohenstein", "Max Groß"),
        ("Donaudampfschifffahrtsgesellschaftsstraße 117a", "Hinterhaus, 3. OG links", "Abt. Einkauf", "Hafenweg 1"),
        ("Köln", "Frankfurt am Main", "Garmisch-Partenkirchen"),
        (
            "Trinkflasche Edelstahl 750 ml, matt schwarz, mit Schraubverschluss",
            "Becher",
            "Rindfleischetikettierungsüberwachungsgerät",
            "Akkuschrauber-Ladegerät 18 V",
        ),
        ("Rücksendung innerhalb von 30 Tagen, ungetragen, mit diesem Beleg.",),
    ),
    Tongue(
        "fr",
        "FR",
        ("Éléonore d'Aubigné", "François-Xavier L'Écuyer", "M. Noël"),
        ("12 bis, rue de l'Hôtel-de-Ville", "Bâtiment C, escalier 4", "Zone d'activités des Vaux"),
        ("Saint-Rémy-lès-Chevreuse", "Paris", "Aix-en-Provence"),
        ("Gourde isotherme en acier inoxydable, noir mat, 750 ml", "Tasse", "Câble USB-C tressé – 2 m"),
        ("Retour sous 30 jours avec ce bordereau.",),
    ),
    Tongue(
        "es",
        "ES",
        ("María de los Ángeles Núñez Ibáñez", "José Ñíguez", "Almacén Señor Peña"),
        ("Calle de Alcalá, 237, 4.º izq.", "Polígono Industrial La Cañada, nave 12", "Piso 3"),
        ("A Coruña", "Madrid", "San Sebastián"),
        ("Botella de acero inoxidable de 750 ml, negro mate", "Taza", "¿Quién es quién? Juego de mesa"),
        ("Devolución en 30 días con este albarán.",),
    ),
    Tongue(
        "pl",
        "PL",
        ("Grzegorz Brzęczyszczykiewicz", "Łucja Żółć", "Źdźbło sp. z o.o."),
        ("ul. Świętokrzyska 14 m. 7", "al. Księcia Józefa Poniatowskiego 1", "Hala nr 3"),
        ("Łódź", "Szczebrzeszyn", "Bielsko-Biała"),
        ("Butelka termiczna ze stali nierdzewnej, czarna, 750 ml", "Kubek", "Przedłużacz ogrodowy żółty"),
        ("Zwrot w ciągu 30 dni z tym dokumentem.",),
    ),
    Tongue(
        "zh-Hans",
        "CN",
        ("张伟", "欧阳娜娜", "深圳市创维电子有限公司收货部"),
        ("南山区科技园南区高新南一道008号创维大厦A座12楼", "朝阳区建国路93号院", "人民路1号"),
        ("深圳市", "北京市", "呼和浩特市"),
        ("不锈钢保温杯 750 毫升（哑光黑，带提手）", "马克杯", "USB-C 编织数据线（2 米）三条装", "直角尺，令牌与曜石"),
        ("三十天内凭此单退货。",),
    ),
    Tongue(
        "zh-Hant",
        "TW",
        ("陳怡君", "歐陽震華", "台灣物流股份有限公司 收貨組"),
        ("信義區信義路五段7號89樓", "中正區重慶南路一段122號", "民生路1號"),
        ("臺北市", "高雄市", "新竹市"),
        ("不鏽鋼保溫杯 750 毫升（霧面黑，附提把）", "馬克杯", "USB-C 編織傳輸線（2 公尺）"),
        ("三十天內憑此單退貨。",),
    ),
    Tongue(
        "ja",
        "JP",
        ("佐藤 一郎", "長谷川 さくら", "株式会社クリエイティブ・ソリューションズ"),
        ("西新宿二丁目8番1号 都庁第一本庁舎", "中央区日本橋室町1-4-1", "ハイツ桜 203号室"),
        ("東京都新宿区", "大阪市中央区", "京都市"),
        (
            "ステンレスボトル 750ml マットブラック（ハンドル付き）",
            "マグカップ",
            "モバイルバッテリー「パワー」 10,000mAh",
        ),
        ("三十日以内に本書を添えてご返品ください。",),
    ),
    Tongue(
        "ko",
        "KR",
        ("김민수", "남궁서연", "한국물류 주식회사 입고팀"),
        ("세종대로 110 서울특별시청", "테헤란로 152 강남파이낸스센터 17층", "중앙로 1"),
        ("서울특별시", "부산광역시", "제주시"),
        ("스테인리스 보온병 750ml 무광 블랙 손잡이 포함", "머그컵", "USB-C 케이블 2미터 3개입"),
        ("30일 이내에 이 명세서와 함께 반품하세요.",),
    ),
    Tongue(
        "ar",
        "SA",
        ("محمد عبد الرحمن الأحمد", "فاطمة الزهراء", "شركة النور للتجارة والتوزيع"),
        ("شارع الملك فهد، مبنى 12، الطابق 3", "حي العليا 4521", "بوابة 2"),
        ("الرياض", "جدة", "مكة المكرمة"),
        ("زجاجة ماء من الفولاذ المقاوم للصدأ 750 مل", "كوب", "كابل USB-C بطول 2 متر"),
        ("الإرجاع خلال 30 يوما مع هذه القسيمة.",),
    ),
    Tongue(
        "th",
        "TH",
        ("สมชาย ใจดี", "ณัฐพงศ์ ศรีสุวรรณ", "บริษัท ขนส่งไทย จำกัด"),
        ("123/45 หมู่ 6 ถนนสุขุมวิท", "อาคารเอ็มไพร์ ชั้น 21", "ซอย 3"),
        ("กรุงเทพมหานคร", "เชียงใหม่", "ภูเก็ต"),
        ("ขวดน้ำสแตนเลส 750 มล. สีดำด้าน พร้อมหูหิ้ว", "แก้ว", "สาย USB-C ยาว 2 เมตร"),
        ("คืนสินค้าภายใน 30 วันพร้อมใบนี้",),
    ),
    Tongue(
        "he",
        "IL",
        ("יעל כהן-לוי", "דוד בן־גוריון", 'מחסני הצפון בע"מ'),
        ("רחוב הרצל 12, קומה 3", "שדרות רוטשילד 45", "בניין ב"),
        ("תל אביב-יפו", "ירושלים", "חיפה"),
        ('בקבוק נירוסטה 750 מ"ל שחור מט', "ספל", "כבל USB-C באורך 2 מטר"),
        ("החזרה תוך 30 יום בצירוף תלוש זה.",),
    ),
    Tongue(
        "ru",
        "RU",
        ("Константин Константинопольский", "Ольга Ёлкина", "ООО «Ромашка»"),
        ("ул. Большая Серпуховская, д. 14, корп. 2, кв. 117", "Проспект Мира 1", "подъезд 3"),
        ("Санкт-Петербург", "Москва", "Комсомольск-на-Амуре"),
        ("Термос из нержавеющей стали, чёрный матовый, 750 мл", "Кружка", "Кабель USB-C плетёный, 2 м"),
        ("Возврат в течение 30 дней с этой накладной.",),
    ),
    Tongue(
        "hi",
        "IN",
        ("राजेश कुमार शर्मा", "श्रीमती ज्योत्स्ना", "नूतन ट्रेडर्स प्राइवेट लिमिटेड"),
        ("मकान संख्या 12, महात्मा गांधी मार्ग", "सेक्टर 21, दूसरी मंज़िल", "गली 4"),
        ("नई दिल्ली", "मुंबई", "वाराणसी"),
        ("स्टेनलेस स्टील पानी की बोतल 750 मिली, काला", "मग", "USB-C केबल 2 मीटर"),
        ("30 दिनों में इस पर्ची के साथ लौटाएँ।",),
    ),
    Tongue(
        "vi",
        "VN",
        ("Nguyễn Thị Hồng Nhung", "Đặng Quốc Trưởng", "Công ty TNHH Vận Tải"),
        ("Số 12, ngõ 34 đường Nguyễn Trãi", "Tầng 5, Toà nhà Bitexco", "Hẻm 7"),
        ("Thành phố Hồ Chí Minh", "Hà Nội", "Đà Nẵng"),
        ("Bình giữ nhiệt inox 750 ml, màu đen nhám, có quai", "Cốc sứ", "Dây cáp USB-C bọc dù 2 mét"),
        ("Trả hàng trong 30 ngày kèm phiếu này.",),
    ),
)
_CARRIERS = (
    ("DHL", "Paket"),
    ("UPS", "Standard"),
    ("Chronopost", "Express 13 h"),
    ("顺丰速运", "标快"),
    ("佐川急便", "飛脚宅配便"),
    ("InPost", "Paczkomat 24/7"),
    ("", ""),
)
_FLAGS: tuple[tuple[str, ...], ...] = ((), (), (), ("FRAGILE",), ("HOLD",), ("FRAGILE", "THIS SIDE UP"))


def random_items(draw: random.Random, tongue: Tongue, most: int) -> tuple[Item, ...]:
    """Return 1 to `most` lines; names run from one word to three of them together."""
    items = []
    for _ in range(draw.randint(1, most)):
        name = " ".join(draw.choice(tongue.items) for _ in range(draw.choice((1, 1, 1, 2, 3))))
        if draw.random() < 0.05:
            name += draw.choice((" 🎁", " ☆", "X" * 80, " " + draw.choice(TONGUES).items[0]))
        items.append(
            Item(
                draw.choice((1, 1, 2, 3, 12, 144, 9_999)),
                name,
                f"SKU-{draw.randint(1, 99_999)}",
                draw.choice(("", "4006381333931", "6901234567892")),
            )
        )
    return tuple(items)


def random_address(draw: random.Random, tongue: Tongue, *, short: bool = False) -> Address:
    """Return three to nine printed lines."""
    streets = draw.sample(tongue.streets, 1 if short else draw.randint(1, len(tongue.streets)))
    company = "" if short else draw.choice(("", "", tongue.names[-1]))
    region = "" if short else draw.choice(("", "", draw.choice(tongue.cities)))
    return address(
        draw.choice(tongue.names),
        company,
        streets,
        f"{draw.randint(1_000, 99_999)}",
        draw.choice(tongue.cities),
        region,
        tongue.country,
    )


def random_slip(seed: int, most_lines: int = 12) -> SlipContent:
    """Return the slip of one random order; the same seed gives the same order."""
    draw = random.Random(seed)
    tongue = TONGUES[seed % len(TONGUES)]
    job = f"J-{draw.randint(1, 9_999_999)}" if draw.random() < 0.9 else f"order-{draw.getrandbits(96):x}"
    parcels, parts = draw.choice((1, 1, 2, 3, 12)), draw.choice((1, 1, 1, 2, 3))
    carrier, service = draw.choice(_CARRIERS)
    return SlipContent(
        job=job,
        pair=pair_code(job),
        mark=f"{draw.randint(0, 10**10 - 1):010d}",
        order=f"A-{draw.randint(1, 10**9)}",
        items=random_items(draw, tongue, most_lines),
        part=draw.randint(1, parts),
        parts=parts,
        parcel=draw.randint(1, parcels),
        parcels=parcels,
        date=draw.choice(("", "2026-11-25")),
        ship_to=(draw.choice(tongue.names), draw.choice(tongue.cities), tongue.country),
        carrier=carrier,
        service=service,
        flags=draw.choice(_FLAGS),
        returns=draw.choice(("", *tongue.notes)),
        returns_url=draw.choice(("", f"https://example.org/r/{job}")),
        language=tongue.language,
        duplicate=draw.random() < 0.1,
    )


def random_label(seed: int) -> LabelContent:
    """Return the label of one random order; the same seed gives the same label."""
    draw = random.Random(seed)
    tongue = TONGUES[seed % len(TONGUES)]
    carrier, service = draw.choice(_CARRIERS)
    parcels = draw.choice((1, 1, 2, 12))
    tracking = draw.choice(("", "00340434161094021501", "1Z999AA10123456784", "RR123456785DE"))
    return LabelContent(
        recipient=random_address(draw, tongue),
        pair=pair_code(str(seed)),
        mark=f"{draw.randint(0, 10**10 - 1):010d}",
        sender=draw.choice(
            (
                Address(()),
                Address(("Lager Nord", "Hafenstraße 12", "20457 Hamburg"), "GERMANY"),
                random_address(draw, tongue, short=True),
            )
        ),
        sscc=sscc(3, "4012345", draw.randint(0, 10**9 - 1)) if draw.random() < 0.8 else "",
        tracking=tracking,
        tracking_symbol=draw.choice((Symbol.CODE128, Symbol.CODE128, Symbol.QR, Symbol.DATAMATRIX)),
        parcel=draw.randint(1, parcels),
        parcels=parcels,
        carrier=carrier,
        service=service,
        routing=draw.choice(("", "50-B7", "755-A-12")),
        weight_g=draw.choice((0, 40, 1_840, 31_500)),
        references=draw.choice(((), ("A-100234",), ("A-100234", "PO 4711-B"))),
        flags=draw.choice(_FLAGS),
        language=tongue.language,
        duplicate=draw.random() < 0.1,
    )
