"""Responses that an attempt keeps while it is deferred, so that it repeats no request.

An attempt that makes several requests to a slow host, for redirects or for a sibling page, waits
for a slot before each of them. It would never end if it started with the first one each time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import starmap
from typing import Self

from activities.http.fetch import Fetched, ResponseCache, Validators
from core.errors import Deferral
from store.db.engine import Database
from store.kept_answers import StoredAnswer, forget_answers, keep_answers, kept_answers


class KeptResponses:
    """The responses of an attempt so far, by URL: a `ResponseCache`."""

    def __init__(self, stored: dict[str, Fetched]) -> None:
        self._responses = stored
        self._new: dict[str, Fetched] = {}

    @classmethod
    @asynccontextmanager
    async def of(cls, database: Database, job_id: str, *, resumed: bool) -> AsyncIterator[Self]:
        """The responses of the attempt that runs inside the block.

        A `resumed` attempt begins with those that it stored when it was deferred. They are stored
        if the block raises Deferral, and deleted if it ends in any other way but by cancellation:
        then the attempt may go on in another worker.
        """
        stored = await _stored(database, job_id) if resumed else {}
        kept = cls(dict(stored))
        try:
            yield kept
        except Deferral:
            async with database.transaction() as session:
                await keep_answers(session, job_id, starmap(_to_store, kept._new.items()))
            raise
        except Exception:
            await _forget(database, job_id, stored)
            raise
        await _forget(database, job_id, stored)

    def get(self, key: str) -> Fetched | None:
        """The response to the request with this key, None if there is none."""
        return self._responses.get(key)

    def add(self, key: str, response: Fetched) -> None:
        """Keep a response."""
        self._responses[key] = self._new[key] = response


class Hops:
    """The redirects of one visit that makes several requests: a `ResponseCache`.

    Those of an earlier attempt are in `kept`. Other responses are not kept: they end the visit.
    """

    def __init__(self, kept: ResponseCache) -> None:
        self._kept = kept
        self._new: dict[str, Fetched] = {}

    def get(self, key: str) -> Fetched | None:
        """The response to the request with this key, None if there is none."""
        return self._kept.get(key)

    def add(self, key: str, response: Fetched) -> None:
        """Remember a redirect."""
        if response.location is not None:
            self._new[key] = response

    def keep(self) -> None:
        """Keep the redirects for the next attempt."""
        for key, response in self._new.items():
            self._kept.add(key, response)


async def _stored(database: Database, job_id: str) -> dict[str, Fetched]:
    async with database.reading() as session:
        return {each.url: _from_store(each) for each in await kept_answers(session, job_id)}


async def _forget(database: Database, job_id: str, stored: dict[str, Fetched]) -> None:
    if stored:
        async with database.transaction() as session:
            await forget_answers(session, job_id)


def _to_store(key: str, response: Fetched) -> StoredAnswer:
    return StoredAnswer(
        url=key,
        status=response.status,
        content_type=response.content_type,
        etag=response.validators.etag,
        last_modified=response.validators.last_modified,
        location=response.location,
        body=response.body,
        set_cookies=response.set_cookies,
    )


def _from_store(stored: StoredAnswer) -> Fetched:
    return Fetched(
        url=stored.url.partition("#")[0],
        status=stored.status,
        content_type=stored.content_type,
        body=stored.body,
        validators=Validators(etag=stored.etag, last_modified=stored.last_modified),
        location=stored.location,
        set_cookies=stored.set_cookies,
    )
