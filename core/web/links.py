"""Decoding of an HTML page, and extraction of its links, title and declarations."""

import codecs
import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

import ada_url
from selectolax.lexbor import LexborHTMLParser, LexborNode
from w3lib.encoding import (
    html_body_declared_encoding,
    http_content_type_encoding,
    read_bom,
    to_unicode,
)

from core.web.hash_routes import is_route
from core.web.structured_data import kinds_of
from core.web.urls import MAX_URL_LENGTH

MAX_LINKS: Final = 10_000
"""Number of links taken from one page."""

MAX_HTML_ELEMENTS: Final = 30_000
"""Number of elements parsed of one page: nested elements take quadratic time, 1 s for these."""

MAX_FEEDS_PER_PAGE: Final = 5
"""Number of feeds taken from one page: sites list the feeds of single posts' comments last."""

FEED_TYPES: Final = frozenset({"application/rss+xml", "application/atom+xml"})
"""The media types of RSS and Atom feeds."""

MAX_TITLE_LENGTH: Final = 500
"""Number of characters kept of a title."""

MAX_REFRESH_DELAY: Final = 10.0
"""Delay in seconds up to which a meta refresh is a redirect; a slower one may end a session."""

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

_TELLING: Final = {
    "shift_jis": re.compile("[ぁ-んァ-ヶー一-龥々、。「」・！？　０-９Ａ-Ｚａ-ｚ]"),
    "euc_jp": re.compile("[ぁ-んァ-ヶー一-龥々、。「」・！？　０-９Ａ-Ｚａ-ｚ]"),
    "euc_kr": re.compile("[가-힣ㄱ-ㅎ·、。「」]"),
    "gb18030": re.compile("[\u4e00-\u9fa5，。、：；！？“”《》（）·　０-９]"),
    "big5": re.compile("[\u4e00-\u9fa5，。、：；！？「」《》（）·　０-９]"),
    "cp1251": re.compile("[а-яА-ЯёЁіїєІЇЄґҐ«»—№]"),
    "koi8-r": re.compile("[а-яА-ЯёЁ]"),
}
"""Encodings that old pages use without declaring them, and what their texts consist of."""

_JAPANESE: Final = ("shift_jis", "euc_jp")
_KANA: Final = re.compile("[ぁ-んァ-ヶー]")
"""Letters that any Japanese text has, and no other one."""

_ELEMENT: Final = re.compile("<[A-Za-z]")
_REFRESH: Final = re.compile(
    r"\s*(?P<delay>\d+(?:\.\d*)?|\.\d+)[\s;,]+(?:url\s*=\s*)?+(?P<url>\S.*)",
    re.IGNORECASE | re.DOTALL,
)


_MAY_REFRESH: Final = re.compile(rb"http-equiv\s*=\s*[\"']?\s*refresh", re.IGNORECASE)


@dataclass(frozen=True)
class PageLinks:
    """The links of a page: unique absolute http(s) URLs without fragment, in document order. Those
    of a rendered page keep hash routes (`core.web.hash_routes`).

    `canonical` is the target of the canonical links, None if they disagree, and `refresh` that of a
    meta refresh. `nofollow` is set if the robots meta element forbids to follow links. `feeds` are
    the URLs of feeds, and `kinds` the types of the structured data (`core.web.structured_data`).
    """

    links: tuple[str, ...]
    canonical: str | None
    refresh: str | None
    title: str | None
    nofollow: bool = False
    feeds: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()


def decode_html(body: bytes, content_type: str | None) -> str:
    """The text of a page, decoded as browsers do (HTML standard, 13.2.3.2)."""
    return decode_page(body, content_type)[0]


def decode_page(body: bytes, content_type: str | None) -> tuple[str, str]:
    """The text of a page, decoded as browsers do (HTML standard, 13.2.3.2), and its encoding.

    The charset is that of the BOM, the header, or a meta element; otherwise UTF-8 if valid, or else
    windows-1252.
    """
    marked, mark = read_bom(body)
    if marked is not None and mark is not None:
        return to_unicode(body[len(mark) :], marked), UTF_8
    named = http_content_type_encoding(content_type)
    if named in _IN_HEADER:
        return to_unicode(body, named), _for_queries(named)
    declared = html_body_declared_encoding(body)
    if declared is not None:
        # A page that declares UTF-16 in ASCII characters is not UTF-16 (13.2.3.3).
        encoding = declared if declared in DECLARABLE else UTF_8
        return to_unicode(body, encoding), encoding
    try:
        return body.decode(), UTF_8
    except UnicodeDecodeError:
        encoding = undeclared_encoding(body)
        return to_unicode(body, encoding), encoding


def undeclared_encoding(body: bytes) -> str:
    """The likely encoding of a body that declares none and is not valid UTF-8.

    UTF-8 if most of its multi-byte sequences are valid: one broken character spoils no page.
    Otherwise a multi-byte encoding in which the body is valid and reads as its language, or
    windows-1252.
    """
    sample = body[:MAX_SAMPLE]
    text = sample.decode(UTF_8, errors="replace")
    broken = text.count("�")
    valid = sum(1 for each in text if each > "\x7f") - broken
    if valid > 4 * broken:
        return UTF_8
    high = sum(1 for each in sample if each > 0x7F)
    for encoding, frequent in _TELLING.items():
        try:
            decoded = sample.decode(
                encoding, errors="ignore" if len(body) > MAX_SAMPLE else "strict"
            )
        except UnicodeDecodeError:
            continue
        letters = [each for each in decoded if each > "\x7f"]
        if encoding in _JAPANESE and 10 * len(_KANA.findall(decoded)) < len(letters):
            continue
        hits = sum(1 for each in letters if frequent.fullmatch(each))
        if len(letters) >= MIN_LETTERS and hits > 0.8 * len(letters) and high >= len(letters):
            return encoding
    return "cp1252"


def _for_queries(encoding: str) -> str:
    """The encoding of queries in a page of `encoding` (HTML standard, 2.4.3)."""
    return UTF_8 if encoding.startswith("utf-16") else encoding


def _with_query_in(href: str, encoding: str) -> str:
    """`href` with its query percent-encoded as by a browser (URL standard, 4.4).

    Characters that `encoding` does not have become decimal character references.
    """
    target, mark, query = href.partition("?")
    query, sharp, fragment = query.partition("#")
    written = "".join(
        each if each.isascii() else _percent_encoded(each, encoding) for each in query
    )
    return f"{target}{mark}{written}{sharp}{fragment}"


def _percent_encoded(character: str, encoding: str) -> str:
    try:
        return "".join(f"%{byte:02X}" for byte in character.encode(encoding))
    except UnicodeEncodeError:
        return f"%26%23{ord(character)}%3B"


def may_refresh(body: bytes) -> bool:
    """Whether the page as sent may have a meta refresh; cheap, and right if it has none."""
    return _MAY_REFRESH.search(body) is not None


def extract_links(html: str, url: str, encoding: str = UTF_8, *, routes: bool = False) -> PageLinks:
    """The links of the page `html` at `url`, resolved against its `<base>`. Never raises.

    Links are `a[href]`, `area[href]`, `frame[src]`, `iframe[src]`, `link[rel=next|prev]`, and
    `link[rel=alternate]` to a translation of the page. `encoding` is that of the page, in which a
    browser writes the queries of its links. `routes` says that a browser has rendered the page, so
    that links by hash routes lead to pages of their own.
    """
    tree = LexborHTMLParser(_start(html))
    base = base_url(tree, url)
    links: dict[str, None] = {}
    canonicals: set[str] = set()
    feeds: dict[str, None] = {}
    for node in tree.css("a[href], area[href], link[href], frame[src], iframe[src]"):
        framed = node.tag in ("frame", "iframe")
        target = _absolute(
            node.attributes.get("src" if framed else "href"), base, encoding, routes=routes
        )
        if target is None:
            continue
        relations = _words(node, "rel") if node.tag == "link" else None
        if relations is None or relations & {"next", "prev"} or _translates(node, relations):
            if len(links) < MAX_LINKS:
                links[target] = None
        elif "canonical" in relations:
            canonicals.add(target)
        elif "alternate" in relations and _media_type(node) in FEED_TYPES:
            feeds[target] = None
    return PageLinks(
        links=tuple(links),
        canonical=canonicals.pop() if len(canonicals) == 1 else None,
        refresh=_refresh(tree, base, routes=routes),
        title=_title(tree),
        nofollow=any(
            _words(meta, "content") & {"nofollow", "none"}
            for meta in tree.css("meta[content]")
            if _words(meta, "name") == {"robots"}
        ),
        feeds=tuple(islice(feeds, MAX_FEEDS_PER_PAGE)),
        kinds=kinds_of(tree),
    )


def _translates(link: LexborNode, relations: set[str]) -> bool:
    """Whether the link leads to a translation of the page (HTML standard, 4.6.7.1)."""
    return "alternate" in relations and "hreflang" in link.attributes and not _media_type(link)


def _media_type(link: LexborNode) -> str:
    return (link.attributes.get("type") or "").partition(";")[0].strip().lower()


def _start(html: str) -> str:
    """The first `MAX_HTML_ELEMENTS` elements of the page."""
    if html.count("<") <= MAX_HTML_ELEMENTS:
        return html
    beyond = next(islice(_ELEMENT.finditer(html), MAX_HTML_ELEMENTS, None), None)
    return html[: beyond.start()] if beyond else html


def base_url(tree: LexborHTMLParser, url: str) -> str:
    """The URL of the first `base[href]` (HTML standard, 4.2.3); `url` if it is not a web address.

    A base that is too long is ignored: each link would repeat it, and fill the memory.
    """
    node = tree.css_first("base[href]")
    base = _absolute(node.attributes.get("href"), url) if node else None
    return base if base is not None and len(base) <= MAX_URL_LENGTH else url


def _refresh(tree: LexborHTMLParser, base: str, *, routes: bool) -> str | None:
    """The target of the meta refresh (HTML standard, 4.2.5.3); None if there is none."""
    without_scripts = {meta.mem_id for meta in tree.css("noscript meta")}
    for meta in tree.css("meta[http-equiv][content]"):
        if _words(meta, "http-equiv") != {"refresh"} or meta.mem_id in without_scripts:
            continue
        found = _REFRESH.match(meta.attributes.get("content") or "")
        if found is not None and float(found["delay"]) <= MAX_REFRESH_DELAY:
            return _absolute(_unquoted(found["url"]), base, routes=routes)
    return None


def _unquoted(text: str) -> str:
    return text[1:].partition(text[0])[0] if text[0] in "\"'" else text


def _title(tree: LexborHTMLParser) -> str | None:
    for node in tree.css("title"):
        # An SVG drawing has a title of its own.
        if node.parent is not None and node.parent.tag in ("head", "body", "html"):
            return " ".join(node.text().split())[:MAX_TITLE_LENGTH] or None
    return None


def _words(node: LexborNode, attribute: str) -> set[str]:
    """The words of an attribute in lower case, separated by white space or commas."""
    return set((node.attributes.get(attribute) or "").lower().replace(",", " ").split())


def _absolute(
    href: str | None, base: str, encoding: str = UTF_8, *, routes: bool = False
) -> str | None:
    """The target of a link, with its route if `routes`; None if it is not a web address (mailto:,
    javascript:).
    """
    if href is None:
        return None
    if encoding != UTF_8 and not href.isascii():
        href = _with_query_in(href, encoding)
    try:
        target = ada_url.URL(href, base)
    except ValueError:
        return None
    if target.protocol not in ("http:", "https:"):
        return None
    if not (routes and is_route(target.hash.removeprefix("#"))):
        target.hash = ""
    absolute: str = target.href
    return absolute
