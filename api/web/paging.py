"""Pages of lists by number, and the links between them."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from api.paging import MAX_PAGE_NUMBER, Paging

ROWS: Final = 50
"""Rows of a list that one page shows."""


def requested(request: Request, rows: int = ROWS) -> Paging:
    """The part of the list that the address asks for; the first one if it says nothing usable."""
    text = request.query_params.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return Paging(rows, min(max(number, 1), MAX_PAGE_NUMBER), None)


@dataclass(frozen=True)
class PageLinks:
    """Where the shown rows are in the whole list, and the addresses of the parts beside it."""

    total: int
    first: int
    last: int
    newer: str | None
    older: str | None


def links(request: Request, paging: Paging, total: int, shown: int) -> PageLinks:
    """The links beside a list of which `shown` rows of `total` are shown."""

    def address(number: int) -> str:
        kept = [
            (name, value)
            for name, value in request.query_params.multi_items()
            if value and name not in ("page", "notice")
        ]
        query = urlencode([*kept, ("page", str(number))] if number > 1 else kept)
        return request.url.path + (f"?{query}" if query else "")

    first = (paging.page - 1) * paging.limit
    return PageLinks(
        total=total,
        first=first + 1 if shown else 0,
        last=first + shown,
        newer=address(paging.page - 1) if paging.page > 1 else None,
        older=address(paging.page + 1) if first + shown < total and shown else None,
    )
