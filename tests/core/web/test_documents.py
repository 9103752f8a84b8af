"""Documents that are no HTML pages."""

import json

import pytest

from core.text.visible_text import content_blocks
from core.web.document_kinds import DocumentKind, document_kind, media_type
from core.web.documents import page_of

RSS = b"<rss version='2.0'><channel><title>News</title>%b</channel></rss>"
XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>'


def shown(kind: DocumentKind, body: bytes) -> list[str]:
    """The lines of the document that are compared."""
    return [block.text for block in content_blocks(page_of(kind, body.decode(), body))]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, ""),
        ("", ""),
        ("text/html; charset=utf-8", "text/html"),
        ("TEXT/HTML", "text/html"),
        ("text/html charset=utf-8", "text/html"),
        ("text/html(comment)", "text/html"),
        ("text/plain, text/html; charset=utf-8", "text/html"),
        ("text/html, */*", "text/html"),
        ("*/*", ""),
        ("html", ""),
    ],
)
def test_a_media_type_is_read_as_by_a_browser(header: str | None, expected: str) -> None:
    assert media_type(header) == expected


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        ("text/html", b"anything", DocumentKind.HTML),
        ("application/xhtml+xml", XHTML, DocumentKind.HTML),
        ("application/xml", XHTML, DocumentKind.HTML),
        ("text/xml", b"<!-- a --><map/>", DocumentKind.XML),
        ("text/xml", b"\xef\xbb\xbf <?xml version='1.0'?>\n<rss/>", DocumentKind.FEED),
        ("application/rss+xml", RSS, DocumentKind.FEED),
        ("application/atom+xml", b"<a:feed xmlns:a='x'/>", DocumentKind.FEED),
        ("application/json; charset=utf-8", b"{}", DocumentKind.JSON),
        ("application/ld+json", b"[]", DocumentKind.JSON),
        ("text/csv", b"a,b", DocumentKind.CSV),
        ("text/markdown", b"# a", DocumentKind.MARKDOWN),
        ("text/plain", b"a", DocumentKind.TEXT),
        ("text/plain", b"\x00\x01binary", None),
        (None, b" <p>a", DocumentKind.HTML),
        (None, b"\xef\xbb\xbf<p>a", DocumentKind.HTML),
        (None, b'{"a": 1}', DocumentKind.JSON),
        (None, b"words", DocumentKind.TEXT),
        (None, b"Lamp,19\nDesk,99\n", DocumentKind.TEXT),
        (None, b"\x89PNG\r\n\x1a\n\x00", None),
        (None, b"%PDF-1.7\n\x00", DocumentKind.PDF),
        (None, b"<p>%PDF-1.7", DocumentKind.HTML),
        ("application/octet-stream", b"\r\njunk\x00%PDF-1.7", DocumentKind.PDF),
        ("application/octet-stream", b"a,b\n1,2\n", DocumentKind.CSV),
        ("application/octet-stream", b"a\tb\n1\t2\n", DocumentKind.CSV),
        ("application/octet-stream", b'{"a": 1}', DocumentKind.JSON),
        ("application/octet-stream", b"Hello, you.\nSo, are, you.", DocumentKind.TEXT),
        ("application/octet-stream", b"\x7fELF\x01", None),
        ("application/vnd.ms-excel", b"a;b\n1;2\n", DocumentKind.CSV),
        ("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0\x00", None),
        ("application/x-ndjson", b'{"a": 1}\n{"a": 2}', DocumentKind.JSON),
        ("application/x-json", b"[]", DocumentKind.JSON),
        ("application/yaml", b"a: 1", DocumentKind.TEXT),
        ("application/openapi+yaml", b"a: 1", DocumentKind.TEXT),
        ("application/rss", RSS, DocumentKind.FEED),
        ("text/comma-separated-values", b"a,b", DocumentKind.CSV),
        ("text/plain", b'{"a": 1}', DocumentKind.TEXT),
        ("image/svg+xml", b"<svg/>", None),
        ("application/octet-stream", b"<p>a", None),
        ("application/zip", b"PK", None),
        ("application/pdf", b"%PDF-1.7", DocumentKind.PDF),
        ("application/pdf", b"<p>no", None),
        ("application/pdf", b" " * 1_024 + b"%PDF-1.7", DocumentKind.PDF),
        ("application/pdf", b" " * 1_025 + b"%PDF-1.7", None),
    ],
)
def test_the_media_type_says_what_a_document_is(
    header: str | None, body: bytes, expected: DocumentKind | None
) -> None:
    assert document_kind(header, body) is expected


@pytest.mark.parametrize("kind", DocumentKind)
@pytest.mark.parametrize("header", [None, "text/html", "text/plain", "application/pdf", "a/b"])
def test_a_person_says_what_a_document_is(header: str | None, kind: DocumentKind) -> None:
    assert document_kind(header, b"<p>words", kind) is kind


def test_what_is_said_to_be_text_is_no_binary_file() -> None:
    assert document_kind("text/csv", b"a,b\x00", DocumentKind.CSV) is None


def test_text_is_compared_by_lines() -> None:
    body = b"1.0\n\n* Sync costs <b>nothing</b> &amp; more.\n"
    assert shown(DocumentKind.TEXT, body) == ["1.0", "* Sync costs <b>nothing</b> &amp; more."]
    assert shown(DocumentKind.MARKDOWN, b"# Head\n\nText") == ["# Head", "Text"]


def test_json_is_compared_by_values_and_their_paths() -> None:
    data = {"plans": [{"name": "Pro", "price": 19}, {"name": "Team", "free": None}], "on": True}
    assert shown(DocumentKind.JSON, json.dumps(data).encode()) == [
        "plans[].name: Pro",
        "plans[].price: 19",
        "plans[].name: Team",
        "plans[].free: null",
        "on: true",
    ]
    page = page_of(DocumentKind.JSON, json.dumps(data), b"")
    assert '<p data-path="plans[].price">' in page


@pytest.mark.parametrize("body", [b"{broken", b"[" * 100_000, b'"<script>"', b"NaN"])
def test_any_json_is_read(body: bytes) -> None:
    assert "<script>" not in page_of(DocumentKind.JSON, body.decode(), body)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (DocumentKind.JSON, b"[]", "[]"),
        (DocumentKind.JSON, b"{}", "{}"),
        (DocumentKind.JSON, b'{"slots": [], "more": {}}', "slots: []&more: {}"),
        (DocumentKind.JSON, b'""', '""'),
        (DocumentKind.JSON, b'" "', '" "'),
        (DocumentKind.JSON, b'{"slots": [], "at": 9}', "at: 9"),
        (DocumentKind.CSV, b"", "The document is empty."),
        (DocumentKind.CSV, b",,\n,,\n", "The document is empty."),
        (DocumentKind.CSV, b"day;free\n", "day | free"),
        (DocumentKind.MARKDOWN, b" \n", "The document is empty."),
        (DocumentKind.XML, b"<slots/>", "<slots/>"),
    ],
)
def test_a_document_that_holds_nothing_says_so(
    kind: DocumentKind, body: bytes, expected: str
) -> None:
    assert [" ".join(line.split()) for line in shown(kind, body)] == expected.split("&")


def test_xml_is_compared_by_elements_and_attributes() -> None:
    body = b"<map a='1'><!-- no --><town n='x'>Bern<i>!</i> here</town></map>"
    assert shown(DocumentKind.XML, body) == [
        "map/@a: 1",
        "map/town/@n: x",
        "map/town: Bern",
        "map/town/i: !",
        "map/town: here",
    ]


def test_entities_of_xml_are_not_expanded() -> None:
    bomb = b"<!DOCTYPE a [<!ENTITY b 'secret'><!ENTITY c '&b;&b;'>]><a>x<d>&c;</d></a>"
    assert "secret" not in page_of(DocumentKind.XML, bomb.decode(), bomb).split("<body>")[1]


def test_the_entries_of_a_feed_are_items_without_their_dates() -> None:
    item = (
        b"<item><title>Post &amp; more</title><link>https://a.example/p</link>"
        b"<pubDate>Sun, 01 Mar 2026 12:00:00 GMT</pubDate>"
        b"<description>&lt;p&gt;Some &lt;b&gt;words&lt;/b&gt;&lt;/p&gt;</description></item>"
    )
    assert shown(DocumentKind.FEED, RSS % item) == ["Post & more", "Some words"]
    atom = (
        b"<feed xmlns='http://www.w3.org/2005/Atom'><title>N</title><updated>2026</updated>"
        b"<entry><title>One</title><link href='/1'/><updated>2026</updated></entry></feed>"
    )
    assert shown(DocumentKind.FEED, atom) == ["One"]
    assert shown(DocumentKind.FEED, RSS % b"") == ["News"]
    assert shown(DocumentKind.FEED, b"no feed") == ["no feed"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (b"<item><guid>urn:1</guid></item>", "urn:1"),
        (b"<item><title> </title><link>https://a.example/p</link></item>", "https://a.example/p"),
        (b"<item><enclosure url='https://a.example/1.mp3'/></item>", "https://a.example/1.mp3"),
        (b"<entry><link rel='enclosure' href='/1.mp3'/><id>1</id></entry>", "/1.mp3"),
        (b"<entry><content src='/1.mp3'/></entry>", "/1.mp3"),
        (b"<item/><item/>", "Entries without text: 2"),
        (b"<item/><item><title>One</title></item>", "One"),
    ],
)
def test_an_entry_without_title_and_text_has_another_name(entry: bytes, expected: str) -> None:
    assert shown(DocumentKind.FEED, RSS % entry) == [expected]


def test_a_table_of_values_is_compared_by_rows() -> None:
    body = b'name;price\n"Pro; large";19\n\nTeam;99\n'
    rows = shown(DocumentKind.CSV, body)
    assert len(rows) == 3
    assert "Pro; large" in rows[1]
    assert "19" in rows[1]
