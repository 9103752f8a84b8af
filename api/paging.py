"""The part of a list that a request asks for, and what its answer says of it."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from core.model import Model
from store.db.paging import Paged, PageRequest

LARGEST_PAGE: Final = 1_000_000_000
"""The number of the last page that can be asked for; databases count rows in 64 bits."""

LONGEST_CURSOR: Final = 4_000
"""Characters."""

Row = TypeVar("Row")


class ListMeta(Model):
    """Where a list's `data` is in the whole of it; `total` counts everything that matches."""

    total: int
    page: int
    page_size: int
    next_cursor: str | None


@dataclass(frozen=True)
class Paging:
    """`limit` rows, by page number from 1, or behind a cursor, which counts instead."""

    limit: int
    page: int
    cursor: str | None

    @property
    def request(self) -> PageRequest:
        """The same for the store."""
        return PageRequest(limit=self.limit, page=self.page, after=self.cursor)

    def meta(self, found: Paged[Row]) -> ListMeta:
        """The `meta` of the answer that shows what the store `found`."""
        return ListMeta(
            total=found.total,
            page=self.page,
            page_size=self.limit,
            next_cursor=found.next_cursor,
        )


def _plain_digits(value: object) -> object:
    """Refuse what pydantic would read as a number as well: `1.0`, `1_0`, ` 1`."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise PydanticCustomError("whole_number", "This is not a whole number")
    return value


PlainDigits: Final = BeforeValidator(_plain_digits)
"""Makes a query parameter one in decimal digits. It follows the limits, which the documentation
leaves out otherwise.
"""


async def paging(
    limit: Annotated[int, Field(ge=1, le=100), PlainDigits, Query()] = 20,
    page: Annotated[int, Field(ge=1, le=LARGEST_PAGE), PlainDigits, Query()] = 1,
    cursor: Annotated[str | None, Query(min_length=1, max_length=LONGEST_CURSOR)] = None,
) -> Paging:
    """What the query parameters ask for."""
    return Paging(limit, page, cursor)


PagingDep = Annotated[Paging, Depends(paging)]
