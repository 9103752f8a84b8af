"""Pagination by number or cursor: each row once."""

import base64
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import InvalidRequest
from store.db.paging import Paged, PageRequest, paged
from store.tables.accounts import Organisation
from tests.store.rows import NOON, minutes


async def organisations(session: AsyncSession, *moments: float) -> list[UUID]:
    """Organisations made at these minutes: their ids as a list shows them, newest first."""
    rows = [Organisation(id=uuid4(), name=uuid4().hex, created_at=minutes(at)) for at in moments]
    session.add_all(rows)
    await session.flush()
    newest_first = sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)
    return [row.id for row in newest_first]


async def listed(
    session: AsyncSession, limit: int, page: int = 1, after: str | None = None
) -> Paged[Organisation]:
    """A part of the list of organisations."""
    return await paged(
        session,
        select(Organisation),
        Organisation.created_at,
        Organisation.id,
        PageRequest(limit, page, after),
    )


def ids(found: Paged[Organisation]) -> list[UUID]:
    """The ids in one part of the list."""
    return [row.id for row in found.rows]


async def by_cursor(session: AsyncSession, limit: int) -> list[UUID]:
    """The whole list, one cursor after the other."""
    found = await listed(session, limit)
    read = ids(found)
    while found.next_cursor is not None:
        found = await listed(session, limit, after=found.next_cursor)
        assert found.rows
        read += ids(found)
    return read


@pytest.mark.parametrize(
    "moments",
    [(1, 2, 3, 4, 5, 6, 7), (1, 1, 1, 1, 1, 1, 1), (3, 1, 3, 2, 2, 1, 3)],
    ids=["all different", "all at once", "some at once"],
)
async def test_every_row_is_on_one_page_in_one_order(
    session: AsyncSession, moments: tuple[int, ...]
) -> None:
    expected = await organisations(session, *moments)
    for limit in (1, 2, 3, 7, 8):
        assert await by_cursor(session, limit) == expected
        numbered = [row for page in range(1, 9) for row in ids(await listed(session, limit, page))]
        assert numbered == expected


async def test_moments_a_microsecond_apart_are_told_apart(session: AsyncSession) -> None:
    expected = await organisations(session, *(number / 60e6 for number in range(5)))
    assert await by_cursor(session, 1) == expected


async def test_the_total_counts_the_whole_list_on_every_page(session: AsyncSession) -> None:
    await organisations(session, 1, 2, 3)
    cursor = (await listed(session, 2)).next_cursor
    for found in (await listed(session, 2), await listed(session, 1, after=cursor)):
        assert found.total == 3
    beyond = await listed(session, 2, page=9)
    assert (beyond.rows, beyond.total, beyond.next_cursor) == ([], 3, None)


async def test_the_last_page_has_no_cursor(session: AsyncSession) -> None:
    await organisations(session, 1, 2, 3)
    for limit, more in ((2, True), (3, False), (4, False)):
        assert ((await listed(session, limit)).next_cursor is not None) == more


async def test_an_empty_list_is_one_empty_page(session: AsyncSession) -> None:
    assert await listed(session, 5) == Paged([], 0, None)


async def test_a_cursor_counts_more_than_a_page_number(session: AsyncSession) -> None:
    expected = await organisations(session, 1, 2, 3)
    cursor = (await listed(session, 1)).next_cursor
    assert ids(await listed(session, 5, page=7, after=cursor)) == expected[1:]


async def test_a_cursor_outlives_the_row_it_was_made_of(session: AsyncSession) -> None:
    expected = await organisations(session, 1, 1, 1, 1)
    cursor = (await listed(session, 2)).next_cursor
    await session.delete(await session.get_one(Organisation, expected[1]))
    await session.flush()
    found = await listed(session, 5, after=cursor)
    assert (ids(found), found.total) == (expected[2:], 3)


async def test_new_rows_move_nothing_behind_a_cursor(session: AsyncSession) -> None:
    expected = await organisations(session, 1, 2, 3)
    cursor = (await listed(session, 1)).next_cursor
    await organisations(session, 4, 5)
    assert ids(await listed(session, 5, after=cursor)) == expected[1:]


def sealed(content: str | bytes) -> str:
    """A cursor with this content, as a client might forge it."""
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


ID = str(uuid4())
BAD_CURSORS = {
    "no base64": "nonsense!",
    "of a length that base64 never has": "A",
    "not in ASCII": "ünïcödé",
    "with a zero": "\0",
    "empty": "",
    "no text in it": sealed(b"\xff\xfe"),
    "one word": sealed("nonsense"),
    "no moment": sealed(f"soon {ID}"),
    "no id": sealed(f"{NOON.isoformat()} 7"),
    "three words": sealed(f"{NOON.isoformat()} {ID} x"),
    "a moment without zone": sealed(f"2026-03-01T12:00:00 {ID}"),
    "a moment of another zone": sealed(f"2026-03-01T12:00:00+02:00 {ID}"),
    "before all time in UTC": sealed(f"0001-01-01T00:00:00+23:59 {ID}"),
    "after all time in UTC": sealed(f"9999-12-31T23:59:59-23:59 {ID}"),
    "an injection": sealed(f"' OR 1=1 -- {ID}"),
}


async def test_a_cursor_of_no_list_is_refused(session: AsyncSession) -> None:
    await organisations(session, 1, 2)
    for cursor in BAD_CURSORS.values():
        with pytest.raises(InvalidRequest) as refused:
            await listed(session, 5, after=cursor)
        assert refused.value.details is not None
        assert "cursor" in refused.value.details


async def test_a_cursor_from_the_ends_of_time_is_one_like_others(session: AsyncSession) -> None:
    await organisations(session, 1, 2)
    for moment, rows in (("0001-01-01", 0), ("9999-12-31", 2)):
        found = await listed(session, 5, after=sealed(f"{moment}T00:00:00+00:00 {ID}"))
        assert len(found.rows) == rows
