"""Decoding of pages: by the charset that they declare, or by the one that they seem to have."""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from w3lib.encoding import (
    html_body_declared_encoding,
    http_content_type_encoding,
    read_bom,
    to_unicode,
)

_SINGLE_BYTE: Final = (
    "cp866 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-10"
    " iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u mac-roman cp874 cp1250 cp1251"
    " cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 mac-cyrillic"
)
_MULTI_BYTE: Final = (
    "utf-8 gbk gb18030 big5 big5hkscs euc_jp iso2022_jp shift_jis cp932 euc_kr cp949"
)

DECLARABLE: Final = frozenset(
    codecs.lookup(label).name for label in f"{_SINGLE_BYTE} {_MULTI_BYTE}".split()
)
"""The encodings of the WHATWG Encoding Standard that a page can declare.

Other encodings of Python raise errors (`hex`), take quadratic time (`punycode`) or produce
surrogates.
"""

_IN_HEADER: Final = DECLARABLE | {"utf-16", "utf-16-le", "utf-16-be"}

UTF_8: Final = "utf-8"

MAX_SAMPLE: Final = 64 * 1024
"""Number of bytes by which an undeclared encoding is recognised."""

MIN_LETTERS: Final = 8
"""Number of letters beyond ASCII from which an encoding is recognised."""

MIN_COVERED: Final = 0.8
"""The share of letters that have to be those of a language."""

_LABELS: Final = {
    label: codecs.lookup(encoding).name
    for encoding, labels in {
        "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
        "cp1252": "ansi_x3.4-1968 iso88591 iso_8859-1:1987 x-cp1252",
        "iso8859-2": "iso88592 iso_8859-2:1987",
        "iso8859-3": "iso88593 iso_8859-3:1988",
        "iso8859-4": "iso88594 iso_8859-4:1988",
        "iso8859-5": "iso88595 iso_8859-5:1988",
        "iso8859-6": "csiso88596e iso-8859-6-e iso-8859-6-i iso88596 iso_8859-6:1987",
        "iso8859-7": "sun_eu_greek iso88597 iso_8859-7:1987",
        "iso8859-8": "csiso88598e iso-8859-8-e visual iso-8859-8-i csiso88598i logical"
        " iso88598 iso_8859-8:1988",
        "iso8859-10": "iso885910",
        "iso8859-13": "iso885913",
        "iso8859-14": "iso885914",
        "iso8859-15": "csisolatin9 iso885915",
        "koi8-r": "koi koi8",
        "koi8-u": "koi8-ru",
        "mac-roman": "csmacintosh mac x-mac-roman",
        "cp874": "dos-874 iso885911",
        "cp1250": "x-cp1250",
        "cp1251": "x-cp1251",
        "cp1253": "x-cp1253",
        "cp1254": "x-cp1254 iso88599 iso_8859-9:1989",
        "cp1255": "x-cp1255",
        "cp1256": "x-cp1256",
        "cp1257": "x-cp1257",
        "cp1258": "x-cp1258",
        "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
        "gb18030": "csgb2312 gb_2312 x-gbk",
        "big5hkscs": "cn-big5 x-x-big5",
        "euc_jp": "cseucpkdfmtjapanese x-euc-jp",
        "cp949": "cseuckr csksc56011987 iso-ir-149 ks_c_5601-1989 ksc_5601 windows-949",
    }.items()
    for label in labels.split()
}
"""Labels of the WHATWG Encoding Standard that neither Python nor w3lib knows."""

_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_META_CHARSET: Final = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
MAX_BYTES_BEFORE_META: Final = 4096


@dataclass(frozen=True)
class _Script:
    """An encoding that old pages use without declaring it: the characters that its texts consist
    of, and the letters that make up `share` of them or more.
    """

    encoding: str
    characters: re.Pattern[str]
    frequent: frozenset[str] = frozenset()
    share: float = 0.0


_JAPANESE: Final = re.compile("[ぁ-んァ-ヶー一-龥々、。「」・！？　０-９Ａ-Ｚａ-ｚ]")
_KANA: Final = frozenset(
    map(chr, [*range(ord("ぁ"), ord("ん") + 1), *range(ord("ァ"), ord("ー") + 1)])
)
_CYRILLIC: Final = frozenset("оеаинтрсв")

_MULTI_BYTE_SCRIPTS: Final = (
    _Script("shift_jis", _JAPANESE, _KANA, 0.1),
    _Script("euc_jp", _JAPANESE, _KANA, 0.1),
    _Script("euc_kr", re.compile("[가-힣ㄱ-ㅎ·、。「」]")),
    _Script("gb18030", re.compile("[\u4e00-\u9fa5，。、：；！？“”《》（）·　０-９]")),
    _Script("big5", re.compile("[\u4e00-\u9fa5，。、：；！？「」《》（）·　０-９]")),
)

_SINGLE_BYTE_SCRIPTS: Final = (
    _Script("cp1251", re.compile("[а-яА-ЯёЁіїєІЇЄґҐ«»—№]"), _CYRILLIC, 0.4),
    _Script("koi8-r", re.compile("[а-яА-ЯёЁ]"), _CYRILLIC, 0.4),
    _Script("cp1253", re.compile("[α-ωΑ-Ωά-ώΆ-Ώ«»€]"), frozenset("αοιετσνης"), 0.4),
    _Script("cp1255", re.compile("[א-ת₪\u05b0-\u05c4]"), frozenset("יוהלארמתבש"), 0.4),
    _Script("cp1256", re.compile("[ء-ي،؛؟پچژگ\u064b-\u0652]"), frozenset("اليمونرتب"), 0.4),
    _Script("cp874", re.compile("[ก-๛]"), frozenset("านรกอเงทมลยส่้"), 0.4),
)
"""In each of them almost any text reads as letters, so the letters have to be frequent ones."""

_LATIN: Final = (
    ("cp1252", "àâçéèêëîïôùûüœÀÂÇÉÈÊŒ"),
    ("cp1252", "äöüßÄÖÜ"),
    ("cp1252", "áéíóúñüÁÉÍÓÚÑ¡¿ªº"),
    ("cp1252", "áâãàçéêíóôõúÁÂÃÀÇÉÊÍÓÔÕÚªº"),
    ("cp1252", "àèéìòùÀÈÉÌÒÙ"),
    ("cp1252", "åäöæøéÅÄÖÆØ"),
    ("cp1252", "áðéíóúýþæöÁÐÉÍÓÚÝÞÆÖ"),
    ("cp1250", "ěščřžýáíéúůťďňóĚŠČŘŽÝÁÍÉÚŮŤĎŇÓľĺŕôäĽĹŔÔ"),
    ("iso8859-2", "ěščřžýáíéúůťďňóĚŠČŘŽÝÁÍÉÚŮŤĎŇÓľĺŕôäĽĹŔÔ"),
    ("cp1250", "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"),
    ("iso8859-2", "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"),
    ("cp1250", "áéíóöőúüűÁÉÍÓÖŐÚÜŰ"),
    ("iso8859-2", "áéíóöőúüűÁÉÍÓÖŐÚÜŰ"),
    ("cp1250", "čćžšđČĆŽŠĐ"),
    ("iso8859-2", "čćžšđČĆŽŠĐ"),
    ("cp1250", "ăâîşţĂÂÎŞŢ"),
    ("iso8859-2", "ăâîşţĂÂÎŞŢ"),
    ("cp1254", "ğışçöüİĞŞÇÖÜâîû"),
    ("cp1257", "ąčęėįšųūžĄČĘĖĮŠŲŪŽāēģīķļņĀĒĢĪĶĻŅõäöüÕÄÖÜ"),
)
"""What letters beyond ASCII languages have, by the encodings of old pages. Of several that fit a
text, the first one is taken.
"""

MIN_DIFFERENT: Final = 3
"""How many letters of a language have to be seen: one or two may be signs of windows-1252, whose
`£` and `³` are letters in other encodings.
"""

_MIXED: Final = re.compile(rb"[A-Za-z](?=[\x80-\xff])|(?<=[\x80-\xff])[A-Za-z]")
"""A Latin letter beside a byte beyond ASCII: the byte belongs to a Latin word."""

MAX_MIXED: Final = 0.3
"""How many such letters a text in another script has at most, for each byte beyond ASCII."""

MAX_MIXED_OF_PAIRS: Final = 1.0
"""The same where a character may be a byte beyond ASCII and a Latin letter."""

_SIGNS: Final = frozenset("«»„“”‘’–—…·°§©®€£\u00a0")
"""Signs that say nothing about a language."""


def decode_html(body: bytes, content_type: str | None) -> str:
    """The text of a page, decoded as browsers do (HTML standard, 13.2.3.2)."""
    return decode_page(body, content_type)[0]


def decode_page(body: bytes, content_type: str | None) -> tuple[str, str]:
    """The text of a page, decoded as browsers do (HTML standard, 13.2.3.2), and its encoding.

    The charset is that of the BOM, the header, or a meta element; otherwise UTF-8 if valid, or else
    that of `undeclared_encoding`.
    """
    marked, mark = read_bom(body)
    if marked is not None and mark is not None:
        return to_unicode(body[len(mark) :], marked), UTF_8
    named = http_content_type_encoding(content_type) or _labelled(content_type)
    if named in _IN_HEADER:
        return to_unicode(body, named), _for_queries(named)
    declared = html_body_declared_encoding(body) or _labelled_in(body)
    if declared is not None:
        # A page that declares UTF-16 in ASCII characters is not UTF-16 (13.2.3.3).
        encoding = declared if declared in DECLARABLE else UTF_8
        return to_unicode(body, encoding), encoding
    try:
        return body.decode(), UTF_8
    except UnicodeDecodeError:
        encoding = undeclared_encoding(body)
        return to_unicode(body, encoding), encoding


def _labelled(content_type: str | None) -> str | None:
    found = _CHARSET.search(content_type or "")
    return _LABELS.get(found[1].lower()) if found else None


def _labelled_in(body: bytes) -> str | None:
    found = _META_CHARSET.search(body, 0, MAX_BYTES_BEFORE_META)
    return _LABELS.get(found[1].decode("ascii", "ignore").lower()) if found else None


def undeclared_encoding(body: bytes) -> str:
    """The likely encoding of a body that declares none and is not valid UTF-8.

    UTF-8 if most of its multi-byte sequences are valid: one broken character spoils no page.
    Otherwise an encoding in which the body is valid and reads as a language, or windows-1252.
    """
    sample = body[:MAX_SAMPLE]
    text = sample.decode(UTF_8, errors="replace")
    broken = text.count("\ufffd")
    valid = sum(1 for each in text if each > "\x7f") - broken
    if valid > 4 * broken:
        return UTF_8
    high = sum(1 for each in sample if each > 0x7F)
    mixed = len(_MIXED.findall(sample)) / max(high, 1)
    if mixed > MAX_MIXED_OF_PAIRS:
        return _latin_encoding(sample)
    is_cut = len(body) > MAX_SAMPLE
    for script in _MULTI_BYTE_SCRIPTS:
        if _share(script, sample, high, is_cut) is not None:
            return script.encoding
    if mixed > MAX_MIXED:
        return _latin_encoding(sample)
    shares = {
        script.encoding: share
        for script in _SINGLE_BYTE_SCRIPTS
        if (share := _share(script, sample, high, is_cut)) is not None
    }
    return max(shares, key=shares.__getitem__) if shares else _latin_encoding(sample)


def _share(script: _Script, sample: bytes, high: int, is_cut: bool) -> float | None:
    """The share of frequent letters in the sample; None if it does not read as the script."""
    try:
        decoded = sample.decode(script.encoding, errors="ignore" if is_cut else "strict")
    except UnicodeDecodeError:
        return None
    letters = [each for each in decoded if each > "\x7f"]
    if not MIN_LETTERS <= len(letters) <= high:
        return None
    hits = sum(1 for each in letters if script.characters.fullmatch(each))
    frequent = sum(1 for each in letters if each in script.frequent) / len(letters)
    return frequent if hits > MIN_COVERED * len(letters) and frequent >= script.share else None


def _latin_encoding(sample: bytes) -> str:
    """The encoding in which most letters beyond ASCII are those of one language."""
    best, covered = "cp1252", MIN_COVERED
    for encoding, alphabet in _LATIN:
        decoded = sample.decode(encoding, errors="replace")
        letters = [each for each in decoded if each > "\x7f" and each not in _SIGNS]
        if encoding != "cp1252" and len(set(letters) & set(alphabet)) < MIN_DIFFERENT:
            continue
        share = sum(1 for each in letters if each in alphabet) / max(len(letters), 1)
        if share > covered:
            best, covered = encoding, share
    return best


def _for_queries(encoding: str) -> str:
    """The encoding of queries in a page of `encoding` (HTML standard, 2.4.3)."""
    return UTF_8 if encoding.startswith("utf-16") else encoding
