"""Addresses in the order of their country, and countries by name: the Universal Postal Union asks for them in Latin
capitals on the last line (UPU S42, addressing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.papers.contents import Address
from agent.papers.text import is_cjk

if TYPE_CHECKING:
    from collections.abc import Sequence

# ISO 3166-1 alpha-2 codes and short English names.
_NAMES = """
AD Andorra|AE United Arab Emirates|AF Afghanistan|AG Antigua and Barbuda|AI Anguilla|AL Albania|AM Armenia|AO Angola|
AQ Antarctica|AR Argentina|AS American Samoa|AT Austria|AU Australia|AW Aruba|AX Åland Islands|AZ Azerbaijan|
BA Bosnia and Herzegovina|BB Barbados|BD Bangladesh|BE Belgium|BF Burkina Faso|BG Bulgaria|BH Bahrain|BI Burundi|
BJ Benin|BL Saint Barthélemy|BM Bermuda|BN Brunei|BO Bolivia|BQ Caribbean Netherlands|BR Brazil|BS Bahamas|BT Bhutan|
BV Bouvet Island|BW Botswana|BY Belarus|BZ Belize|CA Canada|CC Cocos Islands|CD Congo (Kinshasa)|
CF Central African Republic|CG Congo (Brazzaville)|CH Switzerland|CI Côte d'Ivoire|CK Cook Islands|CL Chile|CM Cameroon|
CN China|CO Colombia|CR Costa Rica|CU Cuba|CV Cape Verde|CW Curaçao|CX Christmas Island|CY Cyprus|CZ Czech Republic|
DE Germany|DJ Djibouti|DK Denmark|DM Dominica|DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia|EG Egypt|
EH Western Sahara|ER Eritrea|ES Spain|ET Ethiopia|FI Finland|FJ Fiji|FK Falkland Islands|FM Micronesia|FO Faroe Islands|
FR France|GA Gabon|GB United Kingdom|GD Grenada|GE Georgia|GF French Guiana|GG Guernsey|GH Ghana|GI Gibraltar|
GL Greenland|GM Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea|GR Greece|GS South Georgia|GT Guatemala|GU Guam|
GW Guinea-Bissau|GY Guyana|HK Hong Kong|HM Heard Island|HN Honduras|HR Croatia|HT Haiti|HU Hungary|ID Indonesia|
IE Ireland|IL Israel|IM Isle of Man|IN India|IO British Indian Ocean Territory|IQ Iraq|IR Iran|IS Iceland|IT Italy|
JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|KI Kiribati|KM Comoros|
KN Saint Kitts and Nevis|KP North Korea|KR South Korea|KW Kuwait|KY Cayman Islands|KZ Kazakhstan|LA Laos|LB Lebanon|
LC Saint Lucia|LI Liechtenstein|LK Sri Lanka|LR Liberia|LS Lesotho|LT Lithuania|LU Luxembourg|LV Latvia|LY Libya|
MA Morocco|MC Monaco|MD Moldova|ME Montenegro|MF Saint Martin|MG Madagascar|MH Marshall Islands|MK North Macedonia|
ML Mali|MM Myanmar|MN Mongolia|MO Macao|MP Northern Mariana Islands|MQ Martinique|MR Mauritania|MS Montserrat|MT Malta|
MU Mauritius|MV Maldives|MW Malawi|MX Mexico|MY Malaysia|MZ Mozambique|NA Namibia|NC New Caledonia|NE Niger|
NF Norfolk Island|NG Nigeria|NI Nicaragua|NL Netherlands|NO Norway|NP Nepal|NR Nauru|NU Niue|NZ New Zealand|OM Oman|
PA Panama|PE Peru|PF French Polynesia|PG Papua New Guinea|PH Philippines|PK Pakistan|PL Poland|
PM Saint Pierre and Miquelon|PN Pitcairn|PR Puerto Rico|PS Palestine|PT Portugal|PW Palau|PY Paraguay|QA Qatar|
RE Réunion|RO Romania|RS Serbia|RU Russia|RW Rwanda|SA Saudi Arabia|SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden|
SG Singapore|SH Saint Helena|SI Slovenia|SJ Svalbard and Jan Mayen|SK Slovakia|SL Sierra Leone|SM San Marino|SN Senegal|
SO Somalia|SR Suriname|SS South Sudan|ST São Tomé and Príncipe|SV El Salvador|SX Sint Maarten|SY Syria|SZ Eswatini|
TC Turks and Caicos Islands|TD Chad|TF French Southern Territories|TG Togo|TH Thailand|TJ Tajikistan|TK Tokelau|
TL Timor-Leste|TM Turkmenistan|TN Tunisia|TO Tonga|TR Türkiye|TT Trinidad and Tobago|TV Tuvalu|TW Taiwan|TZ Tanzania|
UA Ukraine|UG Uganda|UM United States Minor Outlying Islands|US United States|UY Uruguay|UZ Uzbekistan|VA Vatican City|
VC Saint Vincent and the Grenadines|VE Venezuela|VG British Virgin Islands|VI United States Virgin Islands|VN Vietnam|
VU Vanuatu|WF Wallis and Futuna|WS Samoa|XK Kosovo|YE Yemen|YT Mayotte|ZA South Africa|ZM Zambia|ZW Zimbabwe
"""
COUNTRIES = {entry[:2]: entry[3:] for entry in _NAMES.replace("\n", "").split("|")}

_POSTCODE_AFTER_REGION = frozenset({"US", "CA", "AU", "PR"})
_POSTCODE_OWN_LINE = frozenset({"GB", "IE", "IM", "JE", "GG", "BR", "AR", "CO", "HU"})
_POSTCODE_AFTER_TOWN = frozenset({"IN", "ID", "NZ", "PK", "LK", "NP", "SA", "TH", "VN", "PH", "SG", "BD", "KE", "NG"})
_LARGE_TO_SMALL = frozenset({"CN", "JP", "KR", "TW", "HK", "MO"})
# The script of ideographs that a country reads, where its language can't tell.
_LANGUAGES = {
    "CN": "zh-Hans",
    "SG": "zh-Hans",
    "TW": "zh-Hant",
    "HK": "zh-Hant",
    "MO": "zh-Hant",
    "JP": "ja",
    "KR": "ko",
}


def country(code: str) -> str:
    """Return a country's name in Latin capitals, or the code itself when it is no country of ISO 3166.

    >>> country("CI"), country("ZZ")
    ("CÔTE D'IVOIRE", 'ZZ')
    """
    return COUNTRIES.get(code, code).upper()


def address(name: str, company: str, lines: Sequence[str], postcode: str, city: str, region: str, code: str) -> Address:
    """Return an address in the order in which its country writes it, empty parts left out.

    East Asian addresses in their own script go from the large to the small; in Latin letters as everywhere.

    >>> address("R. Roe", "", ["1 Main St"], "97201", "Portland", "OR", "US").lines
    ('R. Roe', '1 Main St', 'Portland OR 97201')
    >>> address("張偉", "", ["信義路五段7號"], "110", "臺北市", "", "TW").lines
    ('110', '臺北市信義路五段7號', '張偉')
    """
    region = "" if region == city else region
    own_script = code in _LARGE_TO_SMALL and any(
        is_cjk(c) or "가" <= c <= "힣" for line in (*lines, city) for c in line
    )
    if own_script:
        gap = " " if code == "KR" else ""
        parts: list[str] = [postcode, gap.join(part for part in (region, city, *lines) if part), company, name]
    elif code in _POSTCODE_AFTER_REGION:
        parts = [name, company, *lines, " ".join(part for part in (city, region, postcode) if part)]
    elif code in _POSTCODE_OWN_LINE:
        parts = [name, company, *lines, ", ".join(part for part in (city, region) if part), postcode]
    elif code in _POSTCODE_AFTER_TOWN:
        parts = [name, company, *lines, " ".join(part for part in (city, postcode) if part), region]
    else:
        parts = [name, company, *lines, " ".join(part for part in (postcode, city) if part), region]
    return Address(tuple(part for part in parts if part), country(code), _LANGUAGES.get(code, ""))
