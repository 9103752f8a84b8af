"""Pagination of lists, by page number or by cursor."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core.errors import InvalidRequest

Row = TypeVar("Row")


@dataclass(frozen=True)
class PageRequest:
    """The requested part of a list: `limit` rows at page number `page` (from 1), or after the
    cursor `after` if it is set.
    """

    limit: int
    page: int = 1
    after: str | None = None


@dataclass(frozen=True)
class Paged(Generic[Row]):
    """One page of a list: `total` is the length of the whole list, and `next_cursor` is None on the
    last page.
    """

    rows: list[Row]
    total: int
    next_cursor: str | None


async def paged(
    session: AsyncSession,
    rows: Select[Row],
    moment: InstrumentedAttribute[datetime],
    identity: InstrumentedAttribute[UUID],
    request: PageRequest,
) -> Paged[Row]:
    """The requested page of `rows`, ordered by `moment`, newest first, and then by `identity`.

    Raises InvalidRequest if the cursor is invalid.
    """
    total = await session.scalar(select(func.count()).select_from(rows.order_by(None).subquery()))
    wanted = rows.order_by(moment.desc(), identity.desc()).limit(request.limit + 1)
    if request.after is not None:
        last_moment, last_id = _decoded(request.after)
        wanted = wanted.where(
            or_(moment < last_moment, and_(moment == last_moment, identity < last_id))
        )
    else:
        wanted = wanted.offset((request.page - 1) * request.limit)
    found = list((await session.scalars(wanted)).all())
    kept = found[: request.limit]
    more = len(found) > request.limit
    return Paged(kept, total or 0, _encoded(kept[-1], moment, identity) if more else None)


def _encoded(
    row: Any,
    moment: InstrumentedAttribute[datetime],
    identity: InstrumentedAttribute[UUID],
) -> str:
    at: datetime = getattr(row, moment.key)
    row_id: UUID = getattr(row, identity.key)
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, UUID]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, row_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split(" ")
        moment = datetime.fromisoformat(at)
        if moment.utcoffset() != timedelta(0):
            raise ValueError("a cursor is in UTC")
        return moment, UUID(row_id)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            "The cursor does not belong to this list.", {"cursor": "Use the nextCursor of it."}
        ) from None
