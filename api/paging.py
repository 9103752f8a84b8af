"""Pagination: query parameters and the `meta` of lists."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from core.model import Model
from store.db.paging import Paged, PageRequest

MAX_PAGE_NUMBER: Final = 1_000_000_000
"""Keeps row offsets within the 64 bits of the databases."""

MAX_CURSOR_LENGTH: Final = 4_000
"""Characters."""

Row = TypeVar("Row")


class ListMeta(Model):
    """The position of `data` in the whole list; `total` counts all rows that match."""

    total: int
    page: int
    page_size: int
    next_cursor: str | None


@dataclass(frozen=True)
class Paging:
    """`limit` rows of the page with that number, from 1, or after `cursor`, which has priority."""

    limit: int
    page: int
    cursor: str | None

    @property
    def request(self) -> PageRequest:
        """The request to the store."""
        return PageRequest(limit=self.limit, page=self.page, after=self.cursor)

    def meta(self, found: Paged[Row]) -> ListMeta:
        """The `meta` of the answer."""
        return ListMeta(
            total=found.total,
            page=self.page,
            page_size=self.limit,
            next_cursor=found.next_cursor,
        )


def _plain_digits(value: object) -> object:
    """Refuse other forms of numbers that pydantic accepts: `1.0`, `1_0`, ` 1`."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise PydanticCustomError("whole_number", "This is not a whole number")
    return value


PlainDigits: Final = BeforeValidator(_plain_digits)
"""Restricts a query parameter to decimal digits. It must follow the limits in the annotation:
otherwise the OpenAPI document omits them.
"""


async def paging(
    limit: Annotated[
        int, Field(ge=1, le=100), PlainDigits, Query(description="Number of rows at most.")
    ] = 20,
    page: Annotated[
        int,
        Field(ge=1, le=MAX_PAGE_NUMBER),
        PlainDigits,
        Query(description="The number of the page, from 1."),
    ] = 1,
    cursor: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=MAX_CURSOR_LENGTH,
            description="The `nextCursor` of the answer before, whose next rows are wanted. It has "
            "priority over `page`.",
        ),
    ] = None,
) -> Paging:
    """The pagination of the query parameters."""
    return Paging(limit, page, cursor)


PagingDep = Annotated[Paging, Depends(paging)]
