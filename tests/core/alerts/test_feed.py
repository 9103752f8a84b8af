"""Atom feeds, by the rules of RFC 4287 and by a parser that feed readers use."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import feedparser
import pytest
from lxml import etree

from core.alerts.feed import feed_of
from core.alerts.messages import ToldChange
from core.changes.text_diff import compare
from tests.core.alerts.test_messages import told

SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).parents[2] / "data" / "atom.rng"))
ADDED = datetime(2026, 2, 1, 12, tzinfo=UTC)
ADDRESS = "https://diffy.example/feeds/token"


def document(*changes: ToldChange, title: str = "Rivals") -> bytes:
    difference = compare("Pro costs $10.\nKept.", "Pro costs $11 & <b>more</b>.\nKept.")
    return feed_of(
        changes,
        {each.id: difference for each in changes},
        feed_id=UUID(int=99),
        title=title,
        created_at=ADDED,
        address=ADDRESS,
        pages={each.id: f"https://diffy.example/changes/{each.id}" for each in changes},
    )


def valid(body: bytes) -> Any:
    """What a parser reads in a feed that is valid."""
    SCHEMA.assertValid(etree.fromstring(body))
    parsed = feedparser.parse(body)
    assert not parsed.bozo, parsed.get("bozo_exception")
    assert parsed.version == "atom10"
    return parsed


def test_a_feed_tells_changes_with_their_difference() -> None:
    change = told(1, "Price of Pro changed.")
    parsed = valid(document(change))
    feed, [entry] = parsed.feed, parsed.entries
    assert (feed.title, feed.id) == ("Rivals", UUID(int=99).urn)
    assert {link.rel: link.href for link in feed.links} == {
        "alternate": "https://diffy.example/",
        "self": ADDRESS,
    }
    assert feed.updated == entry.updated == entry.published == "2026-03-01T12:01:00+00:00"
    assert entry.id == change.id.urn
    assert entry.link == f"https://diffy.example/changes/{change.id}"
    assert entry.title == "shop.example: Price of Pro changed."
    assert [tag.term for tag in entry.tags] == ["change", "price_change", "high", "rivals"]
    [content] = entry.content
    assert content.type == "text/html"
    assert "<del" in content.value
    assert "<ins" in content.value
    assert "&lt;b&gt;more&lt;/b&gt;" in content.value


def test_a_feed_is_the_same_each_time_and_its_ids_never_change() -> None:
    first, second = told(1), told(2)
    assert document(first) == document(first)
    both = valid(document(second, first))
    assert [entry.id for entry in both.entries] == [second.id.urn, first.id.urn]
    assert both.feed.updated == both.entries[0].updated


def test_a_feed_without_entries_is_as_old_as_itself() -> None:
    assert valid(document()).feed.updated == "2026-02-01T12:00:00+00:00"


@pytest.mark.parametrize("text", ["\x00\x1b[31m", "]]>&<\"'", "\ud800", "\ufffe", "𝄞 ünï", "a\nb"])
def test_whatever_a_page_says_a_feed_is_valid(text: str) -> None:
    valid(document(told(1, f"Added {text}.", tags=(text,)), title=f"F{text}"))
