"""Decoding of pages: what browsers would show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.web.charsets import decode_html, decode_page


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é".encode(), None, "é"),
        ("é".encode("latin-1"), None, "é"),
        (b"\x80 1", None, "€ 1"),
        ("é".encode(), "text/html; charset=utf-8", "é"),
        ("é".encode("latin-1"), 'text/html; charset="ISO-8859-1"', "é"),
        (b"\xef\xbb\xbf\xc3\xa9", "text/html; charset=iso-8859-1", "é"),
        ("é".encode("utf-16"), "text/html", "é"),
        ("aé".encode("utf-16-le"), "text/html; charset=utf-16", "aé"),
        ("<meta charset=shift_jis>ツ".encode("cp932"), None, "<meta charset=shift_jis>ツ"),
        (b"<meta charset=utf-16>\xc3\xa9", None, "<meta charset=utf-16>é"),
        (
            "<meta charset=koi8-r>д".encode("koi8-r"),
            "text/html; charset=x",
            "<meta charset=koi8-r>д",
        ),
        (b"\xff", "text/html; charset=utf-8", "�"),
        (b"", None, ""),
    ],
)
def test_charset(body: bytes, content_type: str | None, text: str) -> None:
    assert decode_html(body, content_type) == text


PYTHONS_OWN = (
    "hex base64 rot13 zlib punycode idna undefined unicode_escape raw_unicode_escape utf-7 utf-32"
    " mbcs none"
)


@pytest.mark.parametrize("name", PYTHONS_OWN.split())
def test_encodings_of_python_are_not_of_the_web(name: str) -> None:
    body = b"-\\ud800 +ADw- abcd9"
    for text in (
        decode_html(body, f"text/html; charset={name}"),
        decode_html(f"<meta charset={name}>".encode() + body, None),
    ):
        assert text.endswith("-\\ud800 +ADw- abcd9")


@given(st.binary(), st.none() | st.text() | st.text().map("text/html; charset={}".format))
def test_any_bytes_are_text(body: bytes, content_type: str | None) -> None:
    decode_html(body, content_type).encode()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Добро пожаловать в наш магазин", "cp1251"),
        ("こんにちは、世界。ようこそ、私たちの店へ。", "shift_jis"),
        ("こんにちは、世界。ようこそ、私たちの店へ。", "euc_jp"),
        ("안녕하세요 우리 가게에 오신 것을 환영합니다", "euc_kr"),
        ("欢迎来到我们的商店，今天的价格是九十九元。", "gb18030"),
        ("Voilà un café très cher à Besançon", "cp1252"),
        ("Größe: 5 € für Äpfel", "cp1252"),
    ],
)
def test_an_undeclared_charset_is_recognised(text: str, encoding: str) -> None:
    decoded, found = decode_page(f"<p>{text}</p>".encode(encoding), "text/html")
    assert (decoded, found) == (f"<p>{text}</p>", encoding)


def test_one_broken_character_spoils_no_page() -> None:
    body = "<p>Café à la crème, très bon – 5 €</p>".encode() + b"\xff"
    assert "Café à la crème" in decode_page(body, "text/html")[0]


@pytest.mark.parametrize(
    ("label", "text", "encoding"),
    [
        ("windows-949", "가격똠", "cp949"), ("ksc_5601", "가격", "euc_kr"),
        ("iso-8859-8-i", "שלום", "iso8859-8"), ("logical", "שלום", "iso8859-8"),
        ("visual", "שלום", "iso8859-8"), ("x-euc-jp", "価格", "euc_jp"),
        ("x-gbk", "价格", "gbk"), ("gb_2312", "价格", "gbk"), ("cn-big5", "價格", "big5"),
        ("x-cp1250", "žluťoučký", "cp1250"), ("x-cp1251", "Цена", "cp1251"),
        ("x-cp1254", "ışığ", "cp1254"), ("x-mac-cyrillic", "Цена", "mac-cyrillic"),
        ("x-mac-roman", "é", "mac-roman"), ("koi8-ru", "Ціна", "koi8-u"),
        ("dos-874", "ราคา", "cp874"), ("iso-8859-6-i", "سعر", "iso8859-6"),
        ("iso88591", "£é", "cp1252"), ("x-cp1257", "ąž", "cp1257"), ("iso88599", "ış", "cp1254"),
        ("csisolatin9", "€", "iso8859-15"), ("unicode-1-1-utf-8", "é中", "utf-8"),
        ("sun_eu_greek", "Τιμή", "iso8859-7"), ("iso88592", "żółć", "iso8859-2"),
    ],
)  # fmt: skip
def test_a_label_that_browsers_know_is_known(label: str, text: str, encoding: str) -> None:
    body = f"<p>{text}".encode(encoding)
    assert decode_html(body, f"text/html; charset={label}") == f"<p>{text}"
    declared = f"<meta charset='{label}'>"
    assert decode_html(declared.encode() + body, "text/html") == f"{declared}<p>{text}"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Добро пожаловать в наш магазин", "koi8-r"),
        ("Вітаємо у нашій крамниці, ціна дев'яносто гривень", "cp1251"),
        ("Καλώς ήρθατε στο κατάστημά μας. Η τιμή είναι 99 ευρώ.", "iso8859-7"),
        ("ברוכים הבאים לחנות שלנו, המחיר הוא 99 שקלים", "cp1255"),
        ("مرحبا بكم في متجرنا، السعر 99 ريال", "cp1256"),
        ("ยินดีต้อนรับสู่ร้านค้าของเรา ราคา 99 บาท", "cp874"),
        ("Hoş geldiniz, mağazamızda fiyatlar çok düşük, ışıklı gece lambası", "cp1254"),
        ("Vítejte v našem obchodě, žluťoučký kůň stojí příliš mnoho peněz", "cp1250"),
        ("Witamy w naszym sklepie, żółte łódki są już w sprzedaży", "iso8859-2"),
        ("Witamy w naszym sklepie, żółte łódki są już w sprzedaży", "cp1250"),
        ("Üdvözöljük üzletünkben, az ár ezer forint, őszi vásár", "iso8859-2"),
        ("Það er gott að sjá þig í dag, ýmislegt er á boðstólum", "cp1252"),
        ("Pro costs £99 a month, Team £199", "latin-1"),
        ("¥1,200, 5 m³ of gas, tolerance ±5%, note¹", "latin-1"),
        ("naïve", "latin-1"),
        ("¿Cuánto cuesta el año próximo? Mañana será más", "cp1252"),
        ("Välkommen till vår affär, hög kvalitet på året", "cp1252"),
    ],
)
def test_a_page_without_a_charset_reads_as_its_language(text: str, encoding: str) -> None:
    assert decode_html(f"<p>{text}</p>".encode(encoding), "text/html") == f"<p>{text}</p>"
