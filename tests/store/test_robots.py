"""Stored robots.txt files."""

import asyncio

from store.db.engine import Database
from store.robots import known_robots, put_robots
from tests.store.rows import NOON, minutes

ORIGIN = "https://shop.example"


async def answer(database: Database, origin: str = ORIGIN) -> tuple[int, bytes] | None:
    """What is kept of the site."""
    async with database.reading() as session:
        found = await known_robots(session, origin)
        return None if found is None else (found.status, found.body)


async def test_a_site_that_was_never_asked_is_unknown(database: Database) -> None:
    assert await answer(database) is None


async def test_the_answer_comes_back_byte_for_byte(database: Database) -> None:
    for body in (b"", b"User-agent: *\nDisallow: /", b"\0\xff\xfe", b"#" * 2**20):
        async with database.transaction() as session:
            await put_robots(session, ORIGIN, 200, body, NOON)
        assert await answer(database) == (200, body)


async def test_a_newer_answer_takes_the_place_of_an_older_one(database: Database) -> None:
    for minute, status in enumerate((200, 404)):
        async with database.transaction() as session:
            await put_robots(session, ORIGIN, status, b"", minutes(minute))
    async with database.reading() as session:
        found = await known_robots(session, ORIGIN)
    assert found is not None
    assert (found.status, found.fetched_at) == (404, minutes(1))


async def test_origins_are_kept_apart(database: Database) -> None:
    async with database.transaction() as session:
        await put_robots(session, ORIGIN, 200, b"https", NOON)
        await put_robots(session, "http://shop.example", 200, b"http", NOON)
    assert await answer(database) == (200, b"https")
    assert await answer(database, "http://shop.example") == (200, b"http")


async def test_several_workers_may_keep_the_same_answer_at_once(database: Database) -> None:
    async def put() -> None:
        async with database.transaction() as session:
            await put_robots(session, ORIGIN, 200, b"rules", NOON)

    await asyncio.gather(*(put() for _ in range(6)))
    assert await answer(database) == (200, b"rules")
