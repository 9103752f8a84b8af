"""Sitemaps (sitemaps.org), feeds and lists of URLs: bytes in, URLs out, whatever the bytes."""

import codecs
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
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
_STEP: Final = 64 * 1024
LONGEST_REFERENCE: Final = 12
LONGEST_DECLARATION: Final = 1_000
LONGEST_LINE: Final = 100_000
_UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")
_REFERENCE: Final = re.compile(rb"&(?=(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
"""The start of a reference of XML itself: those of a DTD stay text, and no bomb."""

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
    found = _Found()
    pieces = _started(_as_utf8(_inflated(body, found)))
    start = next(pieces, b"")
    pieces = chain([start], pieces)
    if start.startswith(b"<"):
        _read_xml(_Stream(_escaped(pieces)), found)
    else:
        _read_lines(pieces, found)
    if found.problem is None and not found.pages and not found.sitemaps:
        found.problem = "There is no URL in it."
    return Sitemap(tuple(found.pages), tuple(found.sitemaps), found.problem, found.truncated)


@dataclass
class _Found:
    """What has been read so far; dictionaries keep the order and drop what comes again."""

    problem: str | None = None
    truncated: bool = False
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


def _inflated(body: bytes, found: _Found) -> Iterator[bytes]:
    """`body` in pieces, inflated as far as it goes, `LARGEST` bytes at most; a gzip file may have
    several members (RFC 1952, 2.2).
    """
    if not body.startswith(_GZIP_MAGIC):
        found.truncated = len(body) > LARGEST
        for at in range(0, min(len(body), LARGEST), _STEP):
            yield body[at : min(at + _STEP, LARGEST)]
        return
    at = size = 0
    inflater = zlib.decompressobj(wbits=_GZIP)
    try:
        while at < len(body) and size <= LARGEST:
            if inflater.eof:
                if not body.startswith(_GZIP_MAGIC, at):
                    break
                inflater = zlib.decompressobj(wbits=_GZIP)
            # In small pieces: damage costs its own piece and what comes after it.
            piece = body[at : at + _PIECE]
            content = inflater.decompress(piece, min(_STEP, LARGEST + 1 - size))
            at += len(piece) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
            yield content[: LARGEST - size]
            size += len(content)
        problem = None if inflater.eof else "Its gzip data ends early."
    except zlib.error:
        problem = "Its gzip data is damaged."
    if size > LARGEST:
        found.truncated = True
    else:
        found.problem = found.problem or problem


def _as_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-16 as UTF-8, without the declaration that says otherwise; the rest as it is."""
    start = b""
    while len(start) < 2 and (piece := next(pieces, None)) is not None:
        start += piece
    pieces = chain([start], pieces)
    if not start.startswith(_UTF16_MARKS):
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    text = ""
    while len(text) < LONGEST_DECLARATION and (piece := next(pieces, None)) is not None:
        text += decoder.decode(piece)
    yield _DECLARATION.sub("", text, count=1).encode("utf-8", errors="replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", errors="replace")
    yield decoder.decode(b"", final=True).encode("utf-8", errors="replace")


def _started(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces without a byte order mark and white space before them, none of them empty."""
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
    """The pieces with each stray ampersand as XML wants it."""
    held = b""
    for piece in pieces:
        held += piece
        # What may be a reference whose end has not come yet waits for it.
        cut = held.rfind(b"&", -LONGEST_REFERENCE)
        ready, held = (held, b"") if cut < 0 else (held[:cut], held[cut:])
        yield _without_stray(ready)
    yield _without_stray(held)


def _without_stray(piece: bytes) -> bytes:
    # Not one replacement for each of what may be 50 million ampersands.
    return b"&".join(part.replace(b"&", b"&amp;") for part in _REFERENCE.split(piece))


class _Stream:
    """The pieces as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = filter(None, pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
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
        # No address is as long as that.
        held = held[:LONGEST_LINE]
