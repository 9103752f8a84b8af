"""Responses that an attempt keeps while it is deferred, so that it repeats no request.

An attempt that makes several requests to a slow host, for redirects or for a sibling page, waits
for a slot before each of them. It would never end if it started with the first one each time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from activities.http.fetch import Fetched, Validators
from core.errors import HostBusy
from store.db.engine import Database
from store.kept_answers import StoredAnswer, forget_answers, keep_answers, kept_answers


class KeptResponses:
    """The responses of an attempt so far, by URL: a `ResponseCache`."""

    def __init__(self, stored: dict[str, Fetched]) -> None:
        self._responses = stored
        self._new: list[Fetched] = []

    @classmethod
    @asynccontextmanager
    async def of(cls, database: Database, job_id: str, *, resumed: bool) -> AsyncIterator[Self]:
        """The responses of the attempt that runs inside the block.

        A `resumed` attempt begins with those that it stored when it was deferred. They are stored
        if the block raises HostBusy, and deleted if it ends in any other way but by cancellation:
        then the attempt may go on in another worker.
        """
        stored = await _stored(database, job_id) if resumed else {}
        kept = cls(dict(stored))
        try:
            yield kept
        except HostBusy:
            async with database.transaction() as session:
                await keep_answers(session, job_id, map(_to_store, kept._new))
            raise
        except Exception:
            await _forget(database, job_id, stored)
            raise
        await _forget(database, job_id, stored)

    def get(self, url: str) -> Fetched | None:
        """The response for `url`, None if there is none."""
        return self._responses.get(url)

    def add(self, response: Fetched) -> None:
        """Keep a response."""
        self._responses[response.url] = response
        self._new.append(response)


async def _stored(database: Database, job_id: str) -> dict[str, Fetched]:
    async with database.reading() as session:
        return {each.url: _from_store(each) for each in await kept_answers(session, job_id)}


async def _forget(database: Database, job_id: str, stored: dict[str, Fetched]) -> None:
    if stored:
        async with database.transaction() as session:
            await forget_answers(session, job_id)


def _to_store(response: Fetched) -> StoredAnswer:
    return StoredAnswer(
        url=response.url,
        status=response.status,
        content_type=response.content_type,
        etag=response.validators.etag,
        last_modified=response.validators.last_modified,
        location=response.location,
        body=response.body,
    )


def _from_store(stored: StoredAnswer) -> Fetched:
    return Fetched(
        url=stored.url,
        status=stored.status,
        content_type=stored.content_type,
        body=stored.body,
        validators=Validators(etag=stored.etag, last_modified=stored.last_modified),
        location=stored.location,
    )
