"""The documents that extraction processes read.

This module is small: whoever asks a process to read a document need not load what reads it.
"""

from dataclasses import dataclass

from core.web.crawl_settings import WHOLE_PAGE, Parts


@dataclass(frozen=True)
class StoredPage:
    """The stored HTML of a page, and its URL."""

    html: str
    url: str
    parts: Parts = WHOLE_PAGE
