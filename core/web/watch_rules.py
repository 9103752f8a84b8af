"""Which of the pages that a discovery finds are watched."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from core.jobs.contract import DEFAULT_MAX_PAGES, MaxPages, Patterns
from core.model import Model
from core.web.page_types import PageType
from core.web.scope import glob_matches


class WatchRules(Model):
    """The pages to watch: those with a path that matches one of `include`, unless that is empty,
    and none of `exclude`, and with one of `page_types`, unless that is empty.

    Patterns are those of a discovery (`core.web.scope.ScopeRules`). `max_pages` limits the pages of
    one recurring discovery.
    """

    model_config = ConfigDict(extra="forbid")

    include: Patterns = ()
    exclude: Patterns = ()
    page_types: Annotated[tuple[PageType, ...], Field(max_length=len(PageType))] = ()
    max_pages: MaxPages = DEFAULT_MAX_PAGES

    def allows(self, url: str, page_type: str) -> bool:
        """Whether the page of that type at the normalised `url` is watched."""
        parts = urlsplit(url)
        names = {parts.path, f"{parts.path}?{parts.query}" if parts.query else parts.path}
        return (
            (not self.include or _matches(self.include, names))
            and not _matches(self.exclude, names)
            and (not self.page_types or page_type in self.page_types)
        )


WATCH_ALL: Final = WatchRules()


def _matches(patterns: tuple[str, ...], names: set[str]) -> bool:
    return any(glob_matches(each, name) for each in patterns for name in names)
