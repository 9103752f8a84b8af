"""Sitemaps (sitemaps.org), feeds and lists of URLs: bytes in, URLs out, whatever the bytes."""

import codecs
import re
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from lxml import etree

MOST_URLS: Final = 50_000
"""URLs taken from one file: the protocol allows no more."""

LARGEST: Final = 50 * 2**20
"""Bytes that are read of one file, inflated: the protocol allows no more."""

MOST_ELEMENTS: Final = 2_000_000
"""XML elements read of one file: 40 for each of the most URLs, and a few seconds at most."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 31  # zlib's `wbits` for gzip
_PIECE: Final = 4096
_UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")
_STRAY_AMPERSAND: Final = re.compile(
    rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)"
)
"""An ampersand that starts no reference of XML itself: those of a DTD stay text, and no bomb."""

_URL_LINE: Final = re.compile(rb"(?:^|\r)[ \t]*(https?://[^\r\n\0]+)", re.MULTILINE | re.IGNORECASE)
"""A line that begins with an address. A NUL, which no database takes, ends it."""

_INDEX_ENTRY: Final = "sitemap"
_FEED_ENTRIES: Final = ("item", "entry")


@dataclass(frozen=True)
class Sitemap:
    """The URLs of pages and of further sitemaps in one file, as written, each once.

    `problem` is a sentence on what could not be read, None when all could; what was read before
    counts all the same. `truncated`: the file goes on past `MOST_URLS`, `LARGEST` or
    `MOST_ELEMENTS`.
    """

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    problem: str | None = None
    truncated: bool = False


def parse_sitemap(body: bytes) -> Sitemap:
    """What `body` names: XML of either kind, a feed, or one URL a line; gzip by its magic bytes.

    Broken XML is read as far as it makes sense; what makes none is an empty sitemap.
    """
    plain = _plain(body)
    found = _Found(problem=plain.problem, truncated=plain.truncated)
    content = plain.content
    if content.startswith(_UTF16_MARKS):
        text = content.decode("utf-16", errors="replace")
        content = _DECLARATION.sub("", text, count=1).encode("utf-8", errors="replace")
    content = content.removeprefix(codecs.BOM_UTF8).lstrip()
    if content.startswith(b"<"):
        _read_xml(_STRAY_AMPERSAND.sub(b"&amp;", content), found)
    else:
        _read_lines(content, found)
    if found.problem is None and not found.pages and not found.sitemaps:
        found.problem = "There is no URL in it."
    return Sitemap(tuple(found.pages), tuple(found.sitemaps), found.problem, found.truncated)


@dataclass(frozen=True)
class _Plain:
    content: bytes
    problem: str | None
    truncated: bool


@dataclass
class _Found:
    """What has been read so far; dictionaries keep the order and drop what comes again."""

    problem: str | None
    truncated: bool
    pages: dict[str, None] = field(default_factory=dict)
    sitemaps: dict[str, None] = field(default_factory=dict)
    full: bool = False

    def take(self, into: dict[str, None], url: str) -> None:
        if url in into:
            return
        if len(self.pages) + len(self.sitemaps) < MOST_URLS:
            into[url] = None
        else:
            self.full = self.truncated = True


def _plain(body: bytes) -> _Plain:
    """`body`, inflated as far as it goes; a gzip file may have several members (RFC 1952, 2.2)."""
    if not body.startswith(_GZIP_MAGIC):
        return _Plain(body[:LARGEST], None, len(body) > LARGEST)
    content = bytearray()
    at = 0
    inflater = zlib.decompressobj(wbits=_GZIP)
    try:
        while at < len(body) and len(content) <= LARGEST:
            if inflater.eof:
                if not body.startswith(_GZIP_MAGIC, at):
                    break
                inflater = zlib.decompressobj(wbits=_GZIP)
            # In small pieces: damage costs its own piece and what comes after it.
            piece = body[at : at + _PIECE]
            content += inflater.decompress(piece, LARGEST + 1 - len(content))
            at += len(piece) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
        problem = None if inflater.eof else "Its gzip data ends early."
    except zlib.error:
        problem = "Its gzip data is damaged."
    truncated = len(content) > LARGEST
    if truncated:
        problem = None
        del content[LARGEST:]
    return _Plain(bytes(content), problem, truncated)


def _read_xml(content: bytes, found: _Found) -> None:
    events = etree.iterparse(
        BytesIO(content),
        events=("end",),
        recover=True,
        huge_tree=False,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    try:
        for number, (_, element) in enumerate(events, 1):
            _take(element, found)
            _forget(element)
            if found.full or number == MOST_ELEMENTS:
                found.truncated = True
                break
    except (etree.LxmlError, ValueError):
        found.problem = found.problem or "Its XML is broken."
    if len(events.error_log) and not found.truncated:
        found.problem = found.problem or "Its XML is broken."


def _take(element: etree._Element, found: _Found) -> None:
    """`loc` of a page or sitemap; `link` of a feed's entry, as text (RSS) or href (Atom)."""
    name = _local_name(element)
    if name not in ("loc", "link"):
        return
    parent = _local_name(element.getparent())
    if name == "loc" and parent in ("url", _INDEX_ENTRY):
        url = "".join(str(part) for part in element.itertext()).strip()
    elif name == "link" and parent in _FEED_ENTRIES and _alternate(element):
        url = str(element.get("href") or element.text or "").strip()
    else:
        return
    if url:
        found.take(found.sitemaps if parent == _INDEX_ENTRY else found.pages, url)


def _alternate(link: etree._Element) -> bool:
    """Whether a feed's link leads to the page (RFC 4287, 4.2.7.2), and not to a sound file."""
    return str(link.get("rel") or "alternate") == "alternate"


def _forget(element: etree._Element) -> None:
    """Free the element and all before it, or the tree of 50 MB would fill 1 GB."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _local_name(element: etree._Element | None) -> str:
    """The name without its namespace, which sitemaps often get wrong."""
    if element is None or not isinstance(element.tag, str):
        return ""
    return element.tag.rsplit("}", 1)[-1].rsplit(":", 1)[-1].lower()


def _read_lines(content: bytes, found: _Found) -> None:
    for line in _URL_LINE.finditer(content):
        found.take(found.pages, line[1].decode("utf-8", errors="replace").strip())
        if found.full:
            break
