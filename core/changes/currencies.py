"""Notations of the world's currencies: codes, signs, abbreviations and words.

The codes are those of ISO 4217 as CLDR lists them (`babel`).
"""

import re
from typing import Final

from babel.core import get_global


def words_of(text: str) -> frozenset[str]:
    """The words of the text."""
    return frozenset(text.split())


CODES: Final = frozenset(get_global("all_currencies")) - {"XXX", "XTS"}
"""ISO 4217 codes, historic ones included."""

SIGNS: Final[dict[str, str]] = {
    "$": "$", "€": "EUR", "£": "GBP", "¥": "¥", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY",
    "₴": "UAH", "₪": "ILS", "₫": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN", "¢": "¢", "֏": "AMD",
    "؋": "AFN", "৳": "BDT", "₲": "PYG", "₡": "CRC", "₵": "GHS", "₸": "KZT", "₮": "MNT",
    "₭": "LAK", "៛": "KHR", "₼": "AZN", "₾": "GEL", "₿": "BTC", "₨": "Rs", "﷼": "﷼",
    "₤": "₤", "₧": "ESP", "ƒ": "ƒ", "₣": "FRF", "₢": "BRL", "₳": "₳", "⃀": "KGS", "⃁": "SAR",
}  # fmt: skip
"""Signs of one character that stand before or after the number."""

_DOLLARS: Final[dict[str, str]] = {
    "US": "USD", "USD": "USD", "C": "CAD", "CA": "CAD", "CAN": "CAD", "CDN": "CAD", "A": "AUD",
    "AU": "AUD", "NZ": "NZD", "HK": "HKD", "S": "SGD", "SG": "SGD", "R": "BRL", "MX": "MXN",
    "Mex": "MXN", "MEX": "MXN", "NT": "TWD", "T": "TOP", "TT": "TTD", "J": "JMD", "BZ": "BZD",
    "RD": "DOP", "B": "BND", "BN": "BND", "Bds": "BBD", "BDS": "BBD", "BD": "BMD", "G": "GYD",
    "GY": "GYD", "EC": "XCD", "FJ": "FJD", "SI": "SBD", "WS": "WST", "N": "NAD", "L": "LRD",
    "AR": "ARS", "CLP": "CLP", "CL": "CLP", "COL": "COP", "CO": "COP", "UY": "UYU", "MOP": "MOP",
    "Z": "ZWL", "ZW": "ZWL", "CI": "KYD", "Cu": "CUP", "CU": "CUP", "U": "USD", "AUD": "AUD",
    "CAD": "CAD", "NZD": "NZD", "HKD": "HKD", "SGD": "SGD",
}  # fmt: skip

BEFORE: Final[dict[str, str]] = {
    **{f"{prefix}$": code for prefix, code in _DOLLARS.items()},
    **{f"{code}$": code for code in _DOLLARS.values()}, "ARS$": "ARS",
    "E£": "EGP", "£E": "EGP", "LE": "EGP", "Gs": "PYG", "Gs.": "PYG",
    "U$S": "USD", "U$D": "USD", "$U": "UYU", "CN¥": "CNY", "JP¥": "JPY", "RMB¥": "CNY",
    "GH₵": "GHS", "GH¢": "GHS", "B/.": "PAB", "S/.": "PEN", "S/": "PEN", "Bs.": "Bs", "Bs": "Bs",
    "RMB": "CNY", "Rs.": "INR", "Rs": "INR", "Rp": "IDR", "Rp.": "IDR", "RM": "MYR",
    "Fr.": "CHF", "SFr.": "CHF", "sFr.": "CHF", "Sfr.": "CHF", "fr.": "CHF", "kr": "kr",
    "kr.": "kr", "Kr": "kr", "Kr.": "kr", "KSh": "KES", "Ksh": "KES", "Kshs": "KES",
    "KShs": "KES", "Ksh.": "KES", "TSh": "TZS", "Tsh": "TZS", "USh": "UGX", "Ush": "UGX",
    "Kz": "AOA", "MTn": "MZN", "Nu.": "BTN", "Dhs": "AED", "Dhs.": "AED", "Dh": "Dh", "Dh.": "Dh",
    "R": "ZAR", "Q": "GTQ", "L.": "HNL", "P": "P", "K": "K", "Br": "Br", "Le": "SLE", "Ar": "MGA",
    "GEL": "GEL", "TL": "TRY", "VNĐ": "VND", "Php": "PHP", "php": "PHP", "NIS": "ILS",
    "Euro": "EUR", "EURO": "EUR", "Eur": "EUR", "USD$": "USD", "रु": "INR", "रु.": "INR",
    "रू": "NPR", "रू.": "NPR", "ரூ": "INR", "ரூ.": "INR", "రూ": "INR", "રૂ": "INR", "රු": "LKR",
    "රු.": "LKR", "ر.س": "SAR", "د.إ": "AED", "د.ك": "KWD", "ر.ق": "QAR", "ج.م": "EGP",
    "د.ب": "BHD", "ر.ع": "OMR", "د.م": "MAD", "د.ت": "TND", "د.ج": "DZD", "د.ع": "IQD",
    "د.ا": "JOD", "د.أ": "JOD", "ل.ل": "LBP", "ل.س": "SYP", "ريال": "﷼",
}  # fmt: skip
"""Abbreviations that stand before the number, as pages write them."""

AFTER: Final[dict[str, str]] = {
    **{f"{prefix}$": code for prefix, code in _DOLLARS.items() if len(prefix) > 1},
    "kr": "kr", "kr.": "kr", "Kr": "kr", "Kr.": "kr", "KR": "kr", ":-": "kr", "zł": "PLN",
    "zl": "PLN", "ZŁ": "PLN", "Kč": "CZK", "kč": "CZK", "KČ": "CZK", "Kčs": "CZK", "Kc": "CZK",
    "Ft": "HUF", "FT": "HUF", "ft": "HUF", "lei": "RON", "Lei": "RON", "leu": "RON", "kn": "HRK",
    "руб": "RUB", "руб.": "RUB", "р.": "RUB", "р": "RUB", "Р": "RUB", "LE": "EGP", "DA": "DZD",
    "Gs": "PYG", "Gs.": "PYG", "грн": "UAH", "грн.": "UAH",
    "лв": "BGN", "лв.": "BGN", "дин": "RSD", "дин.": "RSD", "din": "RSD", "din.": "RSD",
    "ден": "MKD", "ден.": "MKD", "тг": "KZT", "тг.": "KZT", "сум": "UZS", "сом": "KGS",
    "ман.": "AZN", "so'm": "UZS", "so‘m": "UZS", "soʻm": "UZS", "so’m": "UZS", "KM": "BAM",
    "TL": "TRY", "₺": "TRY", "đ": "VND", "Đ": "VND", "VNĐ": "VND", "Rs": "INR", "Rs.": "INR",
    "RM": "MYR", "Rp": "IDR", "fr.": "CHF", "Fr.": "CHF", "SFr.": "CHF", "Fr": "CHF", "Kz": "AOA",
    "MTn": "MZN", "DH": "Dh", "Dh": "Dh", "dh": "Dh", "DHS": "AED", "Dhs": "AED", "dhs": "AED",
    "Br": "Br", "Ar": "MGA", "F": "F", "FCFA": "XOF", "F CFA": "XOF", "CFA": "XOF", "NIS": "ILS",
    "RMB": "CNY", "円": "¥", "圓": "¥", "圆": "¥", "元": "¥", "块": "¥", "人民币": "CNY",
    "日元": "JPY", "美元": "USD", "美金": "USD", "欧元": "EUR", "歐元": "EUR", "港元": "HKD",
    "港币": "HKD", "港幣": "HKD", "新台币": "TWD", "新臺幣": "TWD", "ドル": "$", "ユーロ": "EUR",
    "원": "KRW", "달러": "$", "유로": "EUR", "บาท": "THB", "ກີບ": "LAK", "đồng": "VND",
    "रु": "INR", "रु.": "INR", "रुपये": "INR", "रुपए": "INR", "रुपया": "INR", "रू": "NPR",
    "টাকা": "BDT", "ரூபாய்": "INR", "ரூ": "INR", "రూపాయలు": "INR", "రూ": "INR", "રૂપિયા": "INR",
    "රු": "LKR", "ر.س": "SAR", "ر.س.": "SAR", "د.إ": "AED", "د.إ.": "AED", "د.ك": "KWD",
    "ر.ق": "QAR", "ج.م": "EGP", "د.ب": "BHD", "ر.ع": "OMR", "ر.ع.": "OMR", "د.م": "MAD",
    "د.م.": "MAD", "د.ت": "TND", "د.ج": "DZD", "د.ع": "IQD", "د.ا": "JOD", "د.أ": "JOD",
    "ل.ل": "LBP", "ل.س": "SYP", "ريال": "﷼", "ریال": "IRR", "تومان": "IRT", "درهم": "Dh",
    "دينار": "dinar", "جنيه": "EGP", "ليرة": "lira", "روپے": "PKR", "روپیہ": "PKR", "دولار": "$",
    "يورو": "EUR", "دلار": "$", "یورو": "EUR", "ש\"ח": "ILS", "ש״ח": "ILS", "שקל": "ILS",
    "שקלים": "ILS", "ლარი": "GEL", "դրամ": "AMD", "драм": "AMD", "ብር": "ETB", "ct": "¢",
}  # fmt: skip
"""Abbreviations and words of other scripts that stand after the number, as pages write them."""

WORDS: Final[dict[str, str]] = {
    "euro": "EUR", "euros": "EUR", "eur": "EUR", "euró": "EUR", "eurot": "EUR", "eura": "EUR",
    "eurų": "EUR", "eiro": "EUR", "evro": "EUR", "evra": "EUR", "evrov": "EUR", "ευρώ": "EUR",
    "ευρω": "EUR", "евро": "EUR", "євро": "EUR", "dollar": "$", "dollars": "$", "dólares": "$",
    "dólar": "$", "dolares": "$", "dollari": "$", "dolarów": "$", "долларов": "$",
    "доллара": "$", "доллар": "$", "доларів": "$", "usd": "USD", "us dollars": "USD",
    "us dollar": "USD", "pounds sterling": "GBP", "pound sterling": "GBP", "quid": "GBP",
    "gbp": "GBP", "francs": "franc", "franc": "franc", "franken": "CHF", "swiss francs": "CHF",
    "franchi": "CHF", "francos": "franc", "chf": "CHF", "yen": "JPY", "yens": "JPY",
    "jpy": "JPY", "yuan": "CNY", "renminbi": "CNY", "cny": "CNY", "rupees": "Rs", "rupee": "Rs",
    "rubles": "RUB", "roubles": "RUB", "rubel": "RUB", "рублей": "RUB", "рубля": "RUB",
    "рубль": "RUB", "rub": "RUB", "гривень": "UAH", "гривни": "UAH", "гривен": "UAH",
    "гривня": "UAH", "uah": "UAH", "лева": "BGN", "лв": "BGN", "тенге": "KZT", "tenge": "KZT",
    "динара": "dinar", "dinara": "dinar", "dinars": "dinar", "dinar": "dinar", "pesos": "peso",
    "peso": "peso", "reais": "BRL", "brl": "BRL", "rand": "ZAR", "zar": "ZAR", "baht": "THB",
    "dirhams": "Dh", "dirham": "Dh", "riyals": "﷼", "riyal": "﷼", "rials": "﷼", "rial": "﷼",
    "shillings": "shilling", "shilling": "shilling", "naira": "NGN", "cedis": "GHS",
    "kronor": "kr", "krona": "kr", "kroner": "kr", "krone": "kr", "krónur": "kr", "sek": "SEK",
    "nok": "NOK", "dkk": "DKK", "złotych": "PLN", "zlotych": "PLN", "złote": "PLN",
    "złoty": "PLN", "zloty": "PLN", "pln": "PLN", "korun": "CZK", "koruny": "CZK", "czk": "CZK",
    "forint": "HUF", "forints": "HUF", "huf": "HUF", "soles": "PEN", "guaraníes": "PYG",
    "guaranies": "PYG", "bolívares": "Bs", "bolivianos": "BOB", "lempiras": "HNL",
    "quetzales": "GTQ", "córdobas": "NIO", "colones": "CRC", "balboas": "PAB", "taka": "BDT",
    "ringgit": "MYR", "rupiah": "IDR", "dong": "VND", "kwacha": "kwacha", "pula": "BWP",
    "birr": "ETB", "liras": "lira", "lira": "lira", "lirası": "TRY", "shekels": "ILS",
    "shekel": "ILS", "lari": "GEL", "manat": "manat", "som": "som", "tugrik": "MNT",
    "kyat": "MMK", "kip": "LAK", "riel": "KHR", "leke": "ALL", "lekë": "ALL", "denar": "MKD",
    "denari": "MKD", "inr": "INR", "cad": "CAD", "aud": "AUD", "aed": "AED", "sar": "SAR",
    "mxn": "MXN", "krw": "KRW", "toman": "IRT", "tomans": "IRT", "cents": "¢", "cent": "¢",
    "centimes": "¢", "centavos": "¢", "pence": "¢", "bitcoin": "BTC", "bitcoins": "BTC",
}  # fmt: skip
"""Words that stand after the number, in lower case; a word that names several currencies stands
for itself."""

PLAIN_CODES: Final = words_of(
    "USD EUR GBP CHF JPY CNY INR AUD CAD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY RUB UAH ILS "
    "BRL MXN ARS CLP ZAR SGD HKD TWD KRW THB VND IDR MYR PHP AED SAR NGN EGP KES GHS UGX TZS "
    "KZT UZS GEL PKR BDT LKR NPR QAR KWD BHD OMR JOD MAD DZD TND XOF XAF RSD HRK ISK EEK LTL "
    "LVL BTC AZN MDL BYN UYU PYG CRC GTQ HNL NIO JMD TTD ETB ZMW MZN AOA NAD BWP MUR IQD LBP "
    "IRR AFN MMK KHR MNT TMT TJS KGS BND FJD MVR BTN"
)
"""Codes that mean money beside any number. Other codes are also words (`TOP 10`, `ALL 5`): they
count only beside a number that is written like a price."""

NEEDS_PRICE_FORM: Final = words_of(
    "R Q L. P K Br Le LE DA Ar KM Kz F Fr ft FT Р р lira som kip dong rand pula riel"
)
"""Notations that are also something else (`R 4`, `Q3`): they count only beside a number that is
written like a price."""

THREE_DECIMALS: Final = frozenset({"BHD", "JOD", "KWD", "OMR"})
"""Currencies whose amounts have three decimals after a full stop."""

OF_EITHER_MARK: Final = frozenset({"IQD", "LYD", "TND"})
"""Currencies of three decimals in countries that write the decimal mark both ways."""

SCALES: Final[dict[str, int]] = {
    "k": 3, "K": 3, "M": 6, "Mn": 6, "mn": 6, "Mio": 6, "Mio.": 6, "mio": 6, "mio.": 6, "B": 9,
    "bn": 9, "Bn": 9, "BN": 9, "Mrd": 9, "Mrd.": 9, "mrd": 9, "Md": 9, "thousand": 3,
    "million": 6, "millions": 6, "Millionen": 6, "Million": 6, "millones": 6, "milhões": 6,
    "milioni": 6, "mln": 6, "mln.": 6, "miljoen": 6, "miljoner": 6, "billion": 9, "milliards": 9,
    "Milliarden": 9, "mld": 9, "mld.": 9, "lakh": 5, "lakhs": 5, "Lakh": 5, "lac": 5,
    "crore": 7, "crores": 7, "Crore": 7, "Cr": 7, "Cr.": 7, "लाख": 5, "करोड़": 7, "हज़ार": 3,
    "тыс": 3, "тыс.": 3, "тис.": 3, "млн": 6, "млн.": 6, "млрд": 9, "千": 3, "万": 4, "萬": 4,
    "億": 8, "亿": 8, "만": 4, "억": 8, "천": 3, "ล้าน": 6, "triệu": 6, "ribu": 3, "juta": 6,
    "ألف": 3, "الف": 3, "مليون": 6, "هزار": 3, "میلیون": 6,
    "百": 2, "佰": 2, "仟": 3, "백": 2, "兆": 12, "조": 12, "rb": 3, "jt": 6, "tr": 6, "nghìn": 3,
    "bin": 3, "milyon": 6, "milyar": 9, "mil": 3, "χιλ.": 3, "εκατ.": 6, "พัน": 3, "หมื่น": 4,
    "แสน": 5,
}  # fmt: skip
"""The power of ten that a word after a number multiplies it with."""

SCALES_OF: Final[dict[str, frozenset[str]]] = {
    "rb": words_of("IDR"), "jt": words_of("IDR"), "tr": words_of("VND"),
    "nghìn": words_of("VND"), "bin": words_of("TRY"), "mil": words_of("BRL peso"),
}  # fmt: skip
"""Words that multiply amounts of these currencies alone; elsewhere they are other words, or mean
another power: `mil` is a million too."""


def alternatives(words: object) -> str:
    """A pattern of the words, the longest first."""
    ordered = sorted(map(str, words), key=lambda word: (-len(word), word))  # type: ignore[call-overload]
    return "|".join(map(re.escape, ordered))
