"""Requests with an Idempotency-Key."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core.errors import Conflict
from store.db.engine import Database
from store.requests import IDEMPOTENCY_KEY_RETENTION, enter_request, find_request
from tests.store.rows import new_organisation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def seed(
    database: Database, org_id: UUID, key: str, fingerprint: str, now: datetime = NOW
) -> UUID:
    """The seed, in a transaction of its own as a request has it."""
    async with database.transaction() as session:
        return (await enter_request(session, org_id, key, fingerprint, now)).seed


async def test_the_same_request_has_the_same_seed(database: Database, org_id: UUID) -> None:
    first = await seed(database, org_id, "k", "body")
    assert await seed(database, org_id, "k", "body") == first
    assert await seed(database, org_id, "other", "body") != first


async def test_an_answer_is_kept_with_its_key(database: Database, org_id: UUID) -> None:
    async def found(now: datetime) -> object:
        async with database.reading() as session:
            request = await find_request(session, org_id, "k", "body", now)
            return request and request.answer

    assert await found(NOW) is None
    async with database.transaction() as session:
        request = await enter_request(session, org_id, "k", "body", NOW)
        assert request.answer is None
        request.answer = {"jobId": "crawl-1"}
    assert await found(NOW + IDEMPOTENCY_KEY_RETENTION) == {"jobId": "crawl-1"}
    assert await found(NOW + IDEMPOTENCY_KEY_RETENTION + timedelta(seconds=1)) is None
    async with database.reading() as session:
        with pytest.raises(Conflict):
            await find_request(session, org_id, "k", "another", NOW)


async def test_a_key_of_another_request_is_a_conflict(database: Database, org_id: UUID) -> None:
    await seed(database, org_id, "k", "body")
    with pytest.raises(Conflict):
        await seed(database, org_id, "k", "another")


async def test_keys_of_two_organisations_are_not_the_same(database: Database, org_id: UUID) -> None:
    async with database.transaction() as session:
        other = await new_organisation(session)
    assert await seed(database, org_id, "k", "a") != await seed(database, other, "k", "b")


async def test_a_key_is_forgotten_after_its_time(database: Database, org_id: UUID) -> None:
    first = await seed(database, org_id, "k", "body")
    just_before = NOW + IDEMPOTENCY_KEY_RETENTION
    assert await seed(database, org_id, "k", "body", just_before) == first
    assert await seed(database, org_id, "k", "new", just_before + timedelta(seconds=1)) != first
