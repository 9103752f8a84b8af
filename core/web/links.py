"""Extraction of the links, the title and the declarations of an HTML page."""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

import ada_url
from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.text.shadow_roots import with_shadow_roots
from core.web.charsets import UTF_8
from core.web.hash_routes import is_route
from core.web.scope import names_a_file
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

HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})

FRAMES: Final = "iframe[src], frame[src], object[data], embed[src]"
"""The elements that show another document at their place."""

FRAME_TAGS: Final = frozenset({"iframe", "frame", "object", "embed"})

MAX_SRCDOC_DEPTH: Final = 3
"""Number of documents within documents (`iframe srcdoc`) whose links are taken."""

MAX_TITLE_LENGTH: Final = 500
"""Number of characters kept of a title."""

MAX_REFRESH_DELAY: Final = 10.0
"""Delay in seconds up to which a refresh is a redirect; a slower one may end a session."""

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
    the URLs of sitemaps and feeds, and `kinds` the types of the structured data
    (`core.web.structured_data`).
    """

    links: tuple[str, ...]
    canonical: str | None
    refresh: str | None
    title: str | None
    nofollow: bool = False
    feeds: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()


def in_encoding(href: str, encoding: str) -> str:
    """`href` of a page in `encoding`, with its query percent-encoded as by a browser (URL standard,
    4.4).

    Characters that `encoding` does not have become decimal character references.
    """
    if encoding == UTF_8 or href.isascii():
        return href
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


def framed_address(node: LexborNode) -> str | None:
    """The address, as written, of the document that an `iframe`, `frame`, `embed` or `object` shows
    at its place (HTML standard, 4.8); None if it shows something that is not HTML.

    An `embed` or `object` without a type may show anything: the name of a file decides then.
    """
    attributes = node.attributes
    written = attributes.get("data" if node.tag == "object" else "src")
    if written is None or node.tag in ("frame", "iframe"):
        return written
    declared = _media_type(node)
    if declared:
        return written if declared in HTML_TYPES else None
    return None if names_a_file(written) else written


def may_refresh(body: bytes) -> bool:
    """Whether the page as sent may have a meta refresh; cheap, and right if it has none."""
    return _MAY_REFRESH.search(body) is not None


def extract_links(
    html: str, url: str, encoding: str = UTF_8, *, routes: bool = False, depth: int = 0
) -> PageLinks:
    """The links of the page `html` at `url`, resolved against its `<base>`. Never raises.

    Links are `a[href]`, `area[href]`, the documents of frames, `link[rel=next|prev]`, and
    `link[rel=alternate]` to a translation of the page; also those of the documents in
    `iframe[srcdoc]`, in which `depth` counts. `encoding` is that of the page, in which a
    browser writes the queries of its links. `routes` says that a browser has rendered the page, so
    that links by hash routes lead to pages of their own.
    """
    tree = LexborHTMLParser(_start(with_shadow_roots(html)))
    base = base_url(tree, url)
    links: dict[str, None] = {}
    canonicals: set[str] = set()
    feeds: dict[str, None] = {}
    sitemaps: dict[str, None] = {}
    for node in tree.css(f"a[href], area[href], link[href], {FRAMES}"):
        framed = node.tag in FRAME_TAGS
        written = framed_address(node) if framed else node.attributes.get("href")
        target = _absolute(written, base, encoding, routes=routes)
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
        elif "sitemap" in relations:
            sitemaps[target] = None
    for node in tree.css("iframe[srcdoc]") if depth < MAX_SRCDOC_DEPTH else ():
        inside = extract_links(
            node.attributes.get("srcdoc") or "", base, encoding, routes=routes, depth=depth + 1
        )
        for target in inside.links[: MAX_LINKS - len(links)]:
            links[target] = None
    return PageLinks(
        links=tuple(links),
        canonical=canonicals.pop() if len(canonicals) == 1 else None,
        refresh=_refresh(tree, base, encoding, routes=routes),
        title=_title(tree),
        nofollow=any(
            _words(meta, "content") & {"nofollow", "none"}
            for meta in tree.css("meta[content]")
            if _words(meta, "name") == {"robots"}
        ),
        feeds=tuple(islice([*sitemaps, *feeds], MAX_FEEDS_PER_PAGE)),
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


def _refresh(tree: LexborHTMLParser, base: str, encoding: str, *, routes: bool) -> str | None:
    """The target of the meta refresh (HTML standard, 4.2.5.3); None if there is none."""
    without_scripts = {meta.mem_id for meta in tree.css("noscript meta")}
    for meta in tree.css("meta[http-equiv][content]"):
        if _words(meta, "http-equiv") != {"refresh"} or meta.mem_id in without_scripts:
            continue
        written = refresh_address(meta.attributes.get("content") or "")
        if written is not None:
            return _absolute(written, base, encoding, routes=routes)
    return None


def refresh_address(written: str) -> str | None:
    """The address, as written, in the content of a meta refresh or a Refresh header (HTML standard,
    4.2.5.3); None if there is none, or if it is slower than `MAX_REFRESH_DELAY`.
    """
    found = _REFRESH.match(written)
    if found is None or float(found["delay"]) > MAX_REFRESH_DELAY:
        return None
    return _unquoted(found["url"])


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
    try:
        target = ada_url.URL(in_encoding(href, encoding), base)
    except ValueError:
        return None
    if target.protocol not in ("http:", "https:"):
        return None
    if not (routes and is_route(target.hash.removeprefix("#"))):
        target.hash = ""
    absolute: str = target.href
    return absolute
