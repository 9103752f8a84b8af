"""Lists of URLs: text, CSV, OPML and sitemaps."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Final

from cli.client.imports.items import BadFile, Item, split_tags, texts

URL_HEADERS = ("url", "uri", "address", "link", "page")
TAG_HEADERS = ("tags", "tag", "folder", "labels")

DELIMITERS: Final = ",;\t"


def text_items(text: str) -> Iterator[Item]:
    """One URL a line; after white space its tags, with commas. `#` begins a comment."""
    for line in text.splitlines():
        url, *tags = line.split(maxsplit=1) or [""]
        if url and not url.startswith("#"):
            yield Item(url, tags=split_tags("".join(tags)))


def csv_items(text: str) -> Iterator[Item]:
    """The rows of a CSV file, with or without a header."""
    text = text.lstrip("\r\n")
    try:
        rows = _records(text, _delimiter(text))
        first = next(rows, [])
        header = [name.strip().lower() for name in first]
        url = next((header.index(name) for name in URL_HEADERS if name in header), None)
        if url is None:
            if header and "://" in header[0]:
                yield from _row_items([first], 0, None)
                yield from _row_items(rows, 0, None)
                return
            raise BadFile("The CSV file has no column named url.")
        tags = next((header.index(name) for name in TAG_HEADERS if name in header), None)
        yield from _row_items(rows, url, tags)
    except csv.Error as error:
        raise BadFile(f"The CSV file cannot be read: {error}.") from None


def records(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by the names in its header, each with its number among the rows: the
    header is the first. Raises BadFile.
    """
    try:
        rows = _records(text, _delimiter(text))
        header = [name.strip() for name in next(rows, [])]
        for number, row in enumerate(rows, start=2):
            if row:
                yield number, dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise BadFile(f"The CSV file cannot be read: {error}.") from None


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), csv.excel, delimiter=delimiter)


def _delimiter(text: str) -> str:
    """What is between the cells of the first row: where it has a column for URLs, or most cells."""

    def fitness(delimiter: str) -> tuple[bool, int]:
        cells = [cell.strip().lower() for cell in next(_records(text, delimiter), [])]
        return any(name in cells for name in URL_HEADERS), len(cells)

    return max(DELIMITERS, key=fitness)


def _row_items(
    rows: "Iterator[list[str]] | list[list[str]]", url: int, tags: int | None
) -> Iterator[Item]:
    for row in rows:
        if len(row) > url and row[url].strip():
            given = row[tags] if tags is not None and len(row) > tags else ""
            yield Item(row[url], tags=_tags_of_cell(given))


def _tags_of_cell(text: str) -> list[str]:
    """The tags of a cell: our own CSV has them as JSON, others have a list with commas."""
    if text.startswith("["):
        try:
            return texts(json.loads(text))
        except (ValueError, RecursionError):
            text = text.strip("[]").replace('"', "")
    return split_tags(text)


def xml_items(body: bytes) -> Iterator[Item]:
    """The pages of a sitemap or a feed, or the sites of an OPML file."""
    from core.web.sitemaps import EMPTY, parse_sitemap

    if b"<!ENTITY" in body:
        raise BadFile("The XML file declares entities, which are not read: remove its DOCTYPE.")
    if b"<opml" in body[:10_000].lower():
        yield from _opml_items(body)
        return
    found = parse_sitemap(body)
    if found.sitemaps and not found.pages:
        raise BadFile(
            "This sitemap is an index of other sitemaps: give those, or let "
            "`diffy discover` read it."
        )
    if not found.pages:
        raise BadFile(f"The file cannot be read as a sitemap: {found.problem or EMPTY}")
    if found.truncated:
        raise BadFile("The sitemap is larger than the protocol allows: split it.")
    for url in found.pages:
        yield Item(url)


def _opml_items(body: bytes) -> Iterator[Item]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise BadFile(f"The OPML file cannot be read: {error.msg}.") from None
    for outline in root.iter("outline"):
        url = outline.get("htmlUrl") or outline.get("url") or outline.get("xmlUrl")
        if not url:
            continue
        # Folders are outlines around outlines, and categories are paths such as /news/world.
        folders = [
            name
            for each in outline.iterancestors("outline")
            if (name := each.get("title") or each.get("text"))
        ]
        categories = [part.strip("/") for part in outline.get("category", "").split(",")]
        item = Item(url, tags=[*reversed(folders), *filter(None, categories)])
        if outline.get("xmlUrl") == url:
            item.left_out.append("only its feed is known, which is watched as a page")
        yield item
