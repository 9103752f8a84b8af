"""Documents other than HTML pages, as HTML pages.

A document is turned into a page with a paragraph for each part, so that it is stored, selected and
compared like any page. Parts of JSON and XML have their path in the attribute `data-path`, without
indexes, so that `[data-path='plans[].price']` selects them.
"""

import csv
import io
import json
from collections.abc import Iterator
from html import escape
from itertools import chain, islice
from typing import Final

from lxml import etree
from selectolax.lexbor import LexborHTMLParser

from core.web.document_kinds import DocumentKind
from core.web.json_paths import MAX_DEPTH, Place, selected_values

MAX_PARTS: Final = 20_000
"""Number of lines, rows, values or entries that are read of one document."""

MAX_VALUE_LENGTH: Final = 20_000
MAX_PATH_LENGTH: Final = 300


def page_of(kind: DocumentKind, text: str, body: bytes) -> str:
    """The document as an HTML page; `text` is its decoded `body`, or the text of a PDF.

    Never raises.
    """
    match kind:
        case DocumentKind.HTML:
            return text
        case DocumentKind.JSON:
            return _page(_json_parts(text))
        case DocumentKind.CSV:
            return _page(_or_empty(_rows(text)))
        case DocumentKind.FEED:
            return _feed(body) or _page(_lines(text))
        case DocumentKind.XML:
            return _page(_xml_parts(body) or _lines(text))
        case DocumentKind.TEXT | DocumentKind.MARKDOWN | DocumentKind.PDF:
            return _page(_or_empty(_lines(text)))


def _or_empty(parts: Iterator[str]) -> Iterator[str]:
    """The parts, or a sentence in place of them: a list that empties is a change."""
    yield next(parts, "<p>The document is empty.</p>")
    yield from parts


def _page(parts: Iterator[str] | list[str], title: str = "") -> str:
    head = f"<title>{escape(title)}</title>" if title else ""
    return f"<!doctype html>{head}<body>{''.join(islice(parts, MAX_PARTS))}</body>"


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip():
            yield f"<p>{escape(line[:MAX_VALUE_LENGTH])}</p>"


def _rows(text: str) -> Iterator[str]:
    delimiter = max(",;\t|", key=text[:4_096].count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                cells = "".join(f"<td>{escape(cell[:MAX_VALUE_LENGTH])}</td>" for cell in row)
                yield f"<table><tr>{cells}</tr></table>"
    except csv.Error:
        return


def _json_parts(text: str) -> Iterator[str]:
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return _lines(text)
    parts = _values(data, "", 0)
    first = next(parts, None)
    if first is None:
        # A list that empties is a change, also where nothing else is in the document.
        return _values(data, "", 0, with_empty=True)
    return chain([first], parts)


class NoJson(Exception):
    """The document is no JSON."""


def json_part(text: str, json_path: str) -> str | None:
    """What `json_path` selects in the JSON document `text`, as an HTML page.

    None if the document has nothing there; of one with a value on each line the path selects in
    their list. Raises NoJson. `json_path` is one that
    `core.web.json_paths.check_json_path` has accepted.
    """
    text = text.removeprefix("\ufeff")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = _values_of_lines(text)
    found = selected_values(data, json_path)
    if not found and not isinstance(data, list):
        found = selected_values([data], json_path)  # JSON lines, of which one is left
    parts = (part for place, value in found for part in _selected(place, value))
    return _page(parts) if found else None


def _values_of_lines(text: str) -> list[object]:
    """The values of a document of JSON lines (NDJSON). Raises NoJson."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        raise NoJson
    try:
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        raise NoJson from None


def _selected(place: Place, value: object) -> Iterator[str]:
    path = ""
    for step in place:
        path += "[]" if isinstance(step, int) else f".{step}" if path else str(step)
    yield from _values(value, path, len(place), with_empty=True)


def _values(data: object, path: str, depth: int, *, with_empty: bool = False) -> Iterator[str]:
    """The values in `data`; `with_empty` also the lists and objects that hold nothing: they tell
    that what was selected is there, or that the document is.
    """
    if depth > MAX_DEPTH:
        return
    if with_empty and isinstance(data, dict | list) and not data:
        yield _part(path, json.dumps(data))
    elif isinstance(data, dict):
        for name, value in data.items():
            inner = f"{path}.{name}" if path else str(name)
            yield from _values(value, inner, depth + 1, with_empty=with_empty)
    elif isinstance(data, list):
        for value in data:
            yield from _values(value, f"{path}[]", depth + 1, with_empty=with_empty)
    else:
        is_seen = isinstance(data, str) and (path or data.strip())
        shown = str(data) if is_seen else json.dumps(data)
        yield _part(path, shown)


def _part(path: str, value: str) -> str:
    path = path[:MAX_PATH_LENGTH]
    named = f"{path}: " if path else ""
    shown = escape(f"{named}{value[:MAX_VALUE_LENGTH]}")
    return f'<p data-path="{escape(path)}">{shown}</p>'


def _parsed(body: bytes) -> etree._Element | None:
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(body.strip(), parser)
    except (etree.LxmlError, ValueError):
        return None


def _name(element: etree._Element) -> str:
    """The local name; empty for a comment or an instruction."""
    tag = element.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def _xml_parts(body: bytes) -> list[str]:
    root = _parsed(body)
    if root is None:
        return []
    parts: list[str] = []
    paths: dict[etree._Element, str] = {}
    for element in islice(root.iter(), MAX_PARTS):
        name = _name(element)
        if not name:
            continue
        parent = element.getparent()
        above = paths.get(parent, "") if parent is not None else ""
        path = paths[element] = f"{above}/{name}"[-MAX_PATH_LENGTH:].lstrip("/")
        for attribute, value in element.attrib.items():
            parts.append(_part(f"{path}/@{str(attribute).rsplit('}', 1)[-1]}", str(value)))
        text = " ".join(str(element.text or "").split())
        if text:
            parts.append(_part(path, text))
        tail = " ".join(str(element.tail or "").split())
        if tail:
            parts.append(_part(above, tail))
    return parts


def _feed(body: bytes) -> str | None:
    """The entries of a feed as items, without their dates; None if it cannot be read."""
    root = _parsed(body)
    if root is None:
        return None
    items: list[str] = []
    entries = 0
    title = ""
    for element in islice(root.iter(), 10 * MAX_PARTS):
        name = _name(element)
        if name in ("item", "entry"):
            items.append(_item(element))
            entries += 1
        elif name == "title" and not title and not items:
            parent = element.getparent()
            if parent is not None and _name(parent) in ("channel", "feed"):
                title = " ".join("".join(str(each) for each in element.itertext()).split())
    items = [item for item in items if item]
    if not items and entries:
        items = [f"<p>Entries without text: {entries}</p>"]
    return _page(items or [f"<p>{escape(title or 'No entries.')}</p>"], title)


def _item(entry: etree._Element) -> str:
    """An entry; empty if it has nothing that a reader could know it by."""
    title, link, summary, identity, enclosure = "", "", "", "", ""
    for child in entry:
        name = _name(child)
        text = "".join(str(each) for each in child.itertext())
        if name in ("guid", "id"):
            identity = identity or text.strip()
        elif name in ("enclosure", "content") and not text.strip():
            enclosure = enclosure or str(child.get("url") or child.get("src") or "").strip()
        elif name == "link" and child.get("rel") == "enclosure":
            enclosure = enclosure or str(child.get("href") or "").strip()
        if name == "title" and not title:
            title = _plain(text)
        elif name == "link" and not link and child.get("rel", "alternate") == "alternate":
            link = str(child.get("href") or text).strip()
        elif name in ("description", "summary", "content", "encoded"):
            summary = max(summary, _plain(text), key=len)
    if not title and not summary and not link:
        link = enclosure or identity
    parts = (
        f"<h2><a href='{escape(link)}'>{escape(title)}</a></h2>" if title else "",
        f"<p>{escape(summary[:MAX_VALUE_LENGTH])}</p>" if summary else "",
        f"<p>{escape(link)}</p>" if link and not title else "",
    )
    shown = "".join(parts)
    return f"<div>{shown}</div>" if shown else ""


def _plain(text: str) -> str:
    """The text of what may be escaped HTML."""
    if "<" in text:
        body = LexborHTMLParser(text).body
        text = body.text(separator=" ") if body is not None else ""
    return " ".join(text.split())
