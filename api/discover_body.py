"""The request body for a discovery."""

from typing import Annotated

from pydantic import Field

from api.limits import JobBody, example
from core.jobs.contract import DEFAULT_MAX_DEPTH, DEFAULT_MAX_PAGES, MaxDepth, MaxPages, Pattern
from temporal.jobs.messages import DiscoverOptions

Globs = Annotated[list[Pattern], Field(max_length=50)]


class DiscoverBody(JobBody):
    """The limits of a discovery; `include` and `exclude` are globs on paths."""

    model_config = example(maxPages=500, maxDepth=3, include=["/products/*"], exclude=["*?sort=*"])

    max_pages: MaxPages | None = None
    max_depth: MaxDepth | None = None
    include: Globs | None = None
    exclude: Globs | None = None

    @property
    def options(self) -> DiscoverOptions:
        """The limits of the discovery."""
        return DiscoverOptions(
            max_pages=DEFAULT_MAX_PAGES if self.max_pages is None else self.max_pages,
            max_depth=DEFAULT_MAX_DEPTH if self.max_depth is None else self.max_depth,
            include=tuple(self.include or ()),
            exclude=tuple(self.exclude or ()),
        )
