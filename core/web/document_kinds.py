"""What a response holds: an HTML page, or another document whose text can be compared."""

import re
from enum import StrEnum
from typing import Final


class DocumentKind(StrEnum):
    """What a document is, by its media type, or by its first bytes if it has none."""

    HTML = "html"
    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    XML = "xml"
    FEED = "feed"
    CSV = "csv"
    PDF = "pdf"


_BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ROOT: Final = re.compile(
    rb"\s*(?:<\?.{0,500}?\?>\s*|<!--.{0,2000}?-->\s*|<!DOCTYPE[^>\[]{0,500}>\s*)*"
    rb"<(?:[A-Za-z_][\w.-]{0,50}:)?([A-Za-z_][\w.-]{0,50})([^>]{0,1000})",
    re.DOTALL | re.IGNORECASE,
)
_XHTML: Final = b"http://www.w3.org/1999/xhtml"
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_PDF: Final = b"%PDF-"
MAX_BEFORE_PDF: Final = 1_024
"""Number of bytes in which a PDF document begins, as for its readers."""

_SNIFFED: Final = frozenset({"", "*/*", "unknown/unknown", "application/unknown"})
_DOWNLOADS: Final = frozenset({"application/octet-stream", "binary/octet-stream"})
"""Types that say nothing but that the file is to be saved."""

_TYPES: Final = {
    DocumentKind.CSV: "application/csv application/x-csv text/csv text/x-csv"
    " text/comma-separated-values text/tab-separated-values",
    DocumentKind.JSON: "application/json application/x-json text/json text/x-json"
    " application/ndjson application/x-ndjson application/jsonl application/x-jsonlines",
    DocumentKind.MARKDOWN: "text/markdown text/x-markdown",
    DocumentKind.TEXT: "application/toml application/yaml application/x-yaml",
}
_KINDS: Final = {name: kind for kind, names in _TYPES.items() for name in names.split()}
_ROWS_OF_TABLE: Final = 2
"""Number of lines with equally many delimiters by which a table is recognised."""

_XML_TYPES: Final = frozenset(
    {"text/xml", "application/xml", "application/rss", "application/atom", "application/rdf"}
)
_FEED_ROOTS: Final = frozenset({b"rss", b"feed", b"rdf"})


def media_type(content_type: str | None) -> str:
    """The media type in a Content-Type header, in lower case; empty if there is none.

    As in browsers, the last valid one of several counts (Fetch standard, 2.2.3), and it ends at the
    first semicolon, comma, parenthesis or white space.
    """
    found = ""
    for value in (content_type or "").lower().split(","):
        named = re.split(r"[;(\s]", value.strip(), maxsplit=1)[0]
        if _MEDIA_TYPE.fullmatch(named) and named != "*/*":
            found = named
    return found


def document_kind(
    content_type: str | None, body: bytes, chosen: DocumentKind | None = None
) -> DocumentKind | None:
    """The kind of the document; None for a file that has no text to compare.

    The one that a person has `chosen` stands above the media type.
    """
    if chosen in (DocumentKind.HTML, DocumentKind.PDF):
        return chosen
    declared = media_type(content_type)
    start = body[:4_096]
    for mark in _BOMS:
        start = start.removeprefix(mark)
    is_markup = start.lstrip().startswith(b"<")
    if chosen is None:
        if declared in ("text/html", "application/xhtml+xml"):
            return DocumentKind.HTML
        is_pdf = start_of_pdf(body) is not None
        if declared in ("application/pdf", "application/x-pdf"):
            return DocumentKind.PDF if is_pdf else None
        if is_pdf and not is_markup and (declared in _SNIFFED or declared in _DOWNLOADS):
            return DocumentKind.PDF
    if not body.startswith(_BOMS[1:]) and _BINARY.search(start):
        return None
    if chosen is not None:
        return chosen
    start = start.lstrip()
    if declared in _DOWNLOADS or declared == "application/vnd.ms-excel":
        return None if is_markup else _kind_of_file(declared, start)
    if declared in _SNIFFED:
        if is_markup:
            kind = _xml_kind(start)
            return kind if kind is not DocumentKind.XML else DocumentKind.HTML
        return DocumentKind.JSON if start.startswith((b"{", b"[")) else DocumentKind.TEXT
    if declared in _KINDS:
        return _KINDS[declared]
    if declared.endswith("+json"):
        return DocumentKind.JSON
    if declared in _XML_TYPES or declared.endswith("+xml"):
        return None if declared == "image/svg+xml" else _xml_kind(start)
    if declared.startswith("text/") or declared.endswith("+yaml"):
        return DocumentKind.TEXT
    return None


def start_of_pdf(body: bytes) -> int | None:
    """The number of bytes before a PDF document; None if there is none."""
    start = body.find(_PDF, 0, MAX_BEFORE_PDF + len(_PDF))
    return start if start >= 0 else None


def _kind_of_file(declared: str, start: bytes) -> DocumentKind:
    """The kind of a text that is sent as a file to be saved."""
    if declared not in _DOWNLOADS:
        return DocumentKind.CSV
    if start.startswith((b"{", b"[")):
        return DocumentKind.JSON
    lines = start.splitlines()[:_ROWS_OF_TABLE]
    for delimiter in (b",", b";", b"\t"):
        counts = {line.count(delimiter) for line in lines}
        if len(lines) == _ROWS_OF_TABLE and len(counts) == 1 and 0 not in counts:
            return DocumentKind.CSV
    return DocumentKind.TEXT


def _xml_kind(start: bytes) -> DocumentKind:
    root = _ROOT.match(start)
    if root is None:
        return DocumentKind.XML
    name = root[1].lower()
    if name in _FEED_ROOTS:
        return DocumentKind.FEED
    return DocumentKind.HTML if name == b"html" and _XHTML in root[2] else DocumentKind.XML
