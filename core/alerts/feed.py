"""Atom feeds (RFC 4287) of changes."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from feedgenerator import Atom1Feed

from core.alerts.mail import MAX_SUBJECT_LENGTH, Differences, one_line, section_of
from core.alerts.messages import ToldChange

MAX_FEED_ENTRIES: Final = 50
"""Entries of a feed, the newest."""

MAX_FEED_BLOCKS: Final = 15
"""Blocks of a difference that an entry shows."""

MEDIA_TYPE: Final = "application/atom+xml"

_NO_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not have (2.2)."""


class _Feed(Atom1Feed):
    """A feed without entries is as old as itself: the library would say that it is of now."""

    created_at: datetime

    def latest_post_date(self) -> datetime:
        """The moment of the newest entry."""
        return max((item["updateddate"] for item in self.items), default=self.created_at)


def feed_of(
    told: Sequence[ToldChange],
    differences: Differences,
    *,
    feed_id: UUID,
    title: str,
    created_at: datetime,
    address: str,
    pages: Mapping[UUID, str],
) -> bytes:
    """The Atom document of these changes, newest first, the same each time.

    `address` is that of the feed itself, and `pages` where each change is to be read. An entry has
    the id of its change, which never changes, in whichever feed it is.
    """
    home = address.partition("/feeds/")[0] + "/"
    feed = _Feed(
        title=_xml(title),
        link=home,
        description="",
        language="en",
        author_name="Diffy",
        feed_url=address,
        feed_guid=feed_id.urn,
    )
    feed.created_at = created_at
    for each in told:
        _, html = section_of(each, differences.get(each.id), MAX_FEED_BLOCKS)
        feed.add_item(
            title=_xml(one_line(f"{each.domain}: {each.summary}", MAX_SUBJECT_LENGTH)),
            link=pages[each.id],
            description=None,
            content=_xml(html),
            unique_id=each.id.urn,
            pubdate=each.detected_at,
            updateddate=each.detected_at,
            categories=[
                _xml(term) for term in (each.event, each.change_type, each.severity, *each.tags)
            ],
        )
    text: str = feed.writeString("utf-8")
    return text.encode()


def _xml(text: str) -> str:
    return _NO_XML.sub("", text)
