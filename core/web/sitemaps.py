"""Parsing of sitemaps (sitemaps.org), feeds and lists of URLs, tolerant of any input."""

import codecs
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from lxml import etree

MAX_SITEMAP_URLS: Final = 50_000
"""Number of URLs taken from one file, the limit of the protocol."""

MAX_SITEMAP_SIZE: Final = 50 * 2**20
"""Number of decompressed bytes parsed of one file, the limit of the protocol."""

MAX_XML_ELEMENTS: Final = 2_000_000
"""Number of XML elements parsed of one file: 40 for each URL, and at most a few seconds."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 31  # zlib's `wbits` for gzip
_PIECE: Final = 4096
_STEP: Final = 64 * 1024
MAX_REFERENCE_LENGTH: Final = 12
MAX_DECLARATION_LENGTH: Final = 1_000
MAX_URL_LINE_LENGTH: Final = 100_000
_UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")
MAX_PREAMBLE: Final = 64 * 1024
"""Number of bytes in which the root element is looked for."""

_XML_DECLARATION: Final = re.compile(rb"<\?xml\s[^>]{0,500}\?>", re.IGNORECASE)
_ROOT: Final = re.compile(
    rb"<(?:[A-Za-z_][\w.-]{0,50}:)?(?:urlset|sitemapindex|rss|feed|rdf)(?=[\s>/])", re.IGNORECASE
)
_FIRST_ROOT: Final = re.compile(
    rb"(?:\s|<\?[^>]{0,1000}\?>|<!--.{0,2000}?-->|<!DOCTYPE[^>\[]{0,500}>)*+" + _ROOT.pattern,
    re.DOTALL | re.IGNORECASE,
)
"""The root element, with nothing before it but what XML allows there."""

_REFERENCE: Final = re.compile(rb"&(?=(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
"""The start of a character or predefined entity reference; others stay text, which prevents
entity expansion attacks."""

_URL_LINE: Final = re.compile(rb"(?:^|\r)[ \t]*(https?://[^\r\n\0]+)", re.MULTILINE | re.IGNORECASE)
"""A line that starts with a URL; a NUL ends it, since databases reject it."""

_INDEX_ENTRY: Final = "sitemap"
_FEED_ENTRIES: Final = ("item", "entry")


EMPTY: Final = "There is no URL in it."
"""The problem of a sitemap that could be read."""


@dataclass(frozen=True)
class Sitemap:
    """The unique URLs of pages and of further sitemaps in one file, as written.

    `problem` is a sentence about a part that could not be read, None if all of it could.
    `truncated` is set if the file exceeds `MAX_SITEMAP_URLS`, `MAX_SITEMAP_SIZE` or
    `MAX_XML_ELEMENTS`.
    """

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    problem: str | None = None
    truncated: bool = False


def parse_sitemap(body: bytes) -> Sitemap:
    """The URLs in `body`: an XML sitemap or index, a feed, or one URL per line. Never raises.

    `body` may be gzip-compressed. Broken XML is read as far as possible.
    """
    found = _Found()
    pieces = _started(_as_utf8(_inflated(body, found)))
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= MAX_PREAMBLE:
            break
    start = _without_preamble(start)
    pieces = chain([start], pieces)
    if start.startswith(b"<"):
        _read_xml(_Stream(_escaped(pieces)), found)
    else:
        _read_lines(pieces, found)
    if found.problem is None and not found.pages and not found.sitemaps:
        found.problem = EMPTY
    return Sitemap(tuple(found.pages), tuple(found.sitemaps), found.problem, found.truncated)


def is_sitemap(body: bytes) -> bool:
    """Whether `body`, which may be gzip-compressed, begins as a sitemap, an index or a feed does.

    The media type does not tell: sites send sitemaps as files to be saved.
    """
    start = b""
    for piece in _started(_as_utf8(_inflated(body, _Found()))):
        start += piece
        if len(start) >= MAX_PREAMBLE:
            break
    return _FIRST_ROOT.match(start) is not None


def _without_preamble(start: bytes) -> bytes:
    """`start` without what a broken server wrote before, or behind, the XML declaration.

    Unchanged if it has no root element of a sitemap or feed.
    """
    root = _ROOT.search(start)
    if root is None:
        return start
    declarations = list(_XML_DECLARATION.finditer(start, 0, root.start()))
    declaration = declarations[-1][0] if declarations else b""
    return declaration + start[root.start() :]


@dataclass
class _Found:
    """The URLs read so far; dictionaries keep the order and drop duplicates."""

    problem: str | None = None
    truncated: bool = False
    pages: dict[str, None] = field(default_factory=dict)
    sitemaps: dict[str, None] = field(default_factory=dict)
    full: bool = False

    def take(self, into: dict[str, None], url: str) -> None:
        if url in into:
            return
        if len(self.pages) + len(self.sitemaps) < MAX_SITEMAP_URLS:
            into[url] = None
        else:
            self.full = self.truncated = True


def _inflated(body: bytes, found: _Found) -> Iterator[bytes]:
    """`body` in pieces, decompressed as far as possible, at most `MAX_SITEMAP_SIZE` bytes.

    A gzip file may have several members (RFC 1952, 2.2).
    """
    if not body.startswith(_GZIP_MAGIC):
        found.truncated = len(body) > MAX_SITEMAP_SIZE
        for at in range(0, min(len(body), MAX_SITEMAP_SIZE), _STEP):
            yield body[at : min(at + _STEP, MAX_SITEMAP_SIZE)]
        return
    at = size = 0
    inflater = zlib.decompressobj(wbits=_GZIP)
    try:
        while at < len(body) and size <= MAX_SITEMAP_SIZE:
            if inflater.eof:
                if not body.startswith(_GZIP_MAGIC, at):
                    break
                inflater = zlib.decompressobj(wbits=_GZIP)
            # In small pieces, because an error loses the whole piece.
            piece = body[at : at + _PIECE]
            content = inflater.decompress(piece, min(_STEP, MAX_SITEMAP_SIZE + 1 - size))
            at += len(piece) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
            yield content[: MAX_SITEMAP_SIZE - size]
            size += len(content)
        problem = None if inflater.eof else "Its gzip data ends early."
    except zlib.error:
        problem = "Its gzip data is damaged."
    if size > MAX_SITEMAP_SIZE:
        found.truncated = True
    else:
        found.problem = found.problem or problem


def _as_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-16 converted to UTF-8 without its XML declaration; any other input unchanged."""
    start = b""
    while len(start) < 2 and (piece := next(pieces, None)) is not None:
        start += piece
    pieces = chain([start], pieces)
    if not start.startswith(_UTF16_MARKS):
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    text = ""
    while len(text) < MAX_DECLARATION_LENGTH and (piece := next(pieces, None)) is not None:
        text += decoder.decode(piece)
    yield _DECLARATION.sub("", text, count=1).encode("utf-8", errors="replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", errors="replace")
    yield decoder.decode(b"", final=True).encode("utf-8", errors="replace")


def _started(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The non-empty pieces without a leading byte order mark and white space."""
    start = b""
    for piece in pieces:
        start = start.lstrip() + piece if start else piece
        if len(start) >= len(codecs.BOM_UTF8):
            start = start.removeprefix(codecs.BOM_UTF8).lstrip()
        if start:
            break
    if start:
        yield start
    yield from filter(None, pieces)


def _escaped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces with each unescaped ampersand escaped."""
    held = b""
    for piece in pieces:
        held += piece
        # Keep an incomplete reference at the end for the next piece.
        cut = held.rfind(b"&", -MAX_REFERENCE_LENGTH)
        ready, held = (held, b"") if cut < 0 else (held[:cut], held[cut:])
        yield _with_escaped_ampersands(ready)
    yield _with_escaped_ampersands(held)


def _with_escaped_ampersands(piece: bytes) -> bytes:
    # Split and join: a regular expression would call back for each of up to 50 million ampersands.
    return b"&".join(part.replace(b"&", b"&amp;") for part in _REFERENCE.split(piece))


class _Stream:
    """The pieces as a file object."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = filter(None, pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end."""
        rest = self._rest or next(self._pieces, b"")
        self._rest = rest[size:]
        return rest[:size]


def _read_xml(stream: _Stream, found: _Found) -> None:
    events = etree.iterparse(
        stream,
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
            _free(element)
            if found.full or number == MAX_XML_ELEMENTS:
                found.truncated = True
                break
    except (etree.LxmlError, ValueError):
        found.problem = found.problem or "Its XML is broken."
    if len(events.error_log) and not found.truncated:
        found.problem = found.problem or "Its XML is broken."


def _take(element: etree._Element, found: _Found) -> None:
    """Take the `loc` of a page or sitemap, the `link` to a translation of a page, or the `link` of
    a feed entry (text or href).
    """
    name = _local_name(element)
    if name not in ("loc", "link"):
        return
    parent = _local_name(element.getparent())
    if name == "loc" and parent in ("url", _INDEX_ENTRY):
        url = "".join(str(part) for part in element.itertext()).strip()
    elif name == "link" and parent in _FEED_ENTRIES and _alternate(element):
        url = str(element.get("href") or element.text or "").strip()
    elif name == "link" and parent == "url" and element.get("hreflang") and _alternate(element):
        url = str(element.get("href") or "").strip()
    else:
        return
    if url:
        found.take(found.sitemaps if parent == _INDEX_ENTRY else found.pages, url)


def _alternate(link: etree._Element) -> bool:
    """Whether a feed's link leads to the page and not to an enclosure (RFC 4287, 4.2.7.2)."""
    return str(link.get("rel") or "alternate") == "alternate"


def _free(element: etree._Element) -> None:
    """Free the element and its previous siblings: the tree of 50 MB of XML takes 1 GB."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _local_name(element: etree._Element | None) -> str:
    """The name without its namespace, which is often wrong in sitemaps."""
    if element is None or not isinstance(element.tag, str):
        return ""
    return element.tag.rsplit("}", 1)[-1].rsplit(":", 1)[-1].lower()


def _read_lines(pieces: Iterator[bytes], found: _Found) -> None:
    held = b""
    for piece in chain(pieces, [b"\n"]):
        held += piece
        end = max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
        ready, held = held[:end], held[end:]
        for line in _URL_LINE.finditer(ready):
            found.take(found.pages, line[1].decode("utf-8", errors="replace").strip())
            if found.full:
                return
        # No URL is longer: drop the rest of such a line.
        held = held[:MAX_URL_LINE_LENGTH]
