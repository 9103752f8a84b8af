"""The answers of one attempt, kept while it is deferred: it asks for nothing twice.

An attempt that makes several requests of a slow host, for redirects or for another page of the
site, waits for a turn before each. It would never end if it began with the first one each time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from activities.http.fetch import Fetched, Validators
from core.errors import HostBusy
from store.db.engine import Database
from store.kept_answers import StoredAnswer, forget_answers, keep_answers, kept_answers


class KeptAnswers:
    """The answers that an attempt has had so far, by their addresses."""

    def __init__(self, stored: dict[str, Fetched]) -> None:
        self._answers = stored
        self._new: list[Fetched] = []

    @classmethod
    @asynccontextmanager
    async def of(cls, database: Database, job_id: str, *, resumed: bool) -> AsyncIterator[Self]:
        """The answers of the attempt that runs in the block; an attempt that was `resumed` has
        those from before it was deferred.

        Stored when the block raises HostBusy, deleted when it ends otherwise. They outlast a
        cancellation, since the attempt may go on in another worker.
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
        """The answer for `url`, if there was one."""
        return self._answers.get(url)

    def add(self, answer: Fetched) -> None:
        """Note an answer."""
        self._answers[answer.url] = answer
        self._new.append(answer)


async def _stored(database: Database, job_id: str) -> dict[str, Fetched]:
    async with database.reading() as session:
        return {each.url: _from_store(each) for each in await kept_answers(session, job_id)}


async def _forget(database: Database, job_id: str, stored: dict[str, Fetched]) -> None:
    if stored:
        async with database.transaction() as session:
            await forget_answers(session, job_id)


def _to_store(answer: Fetched) -> StoredAnswer:
    return StoredAnswer(
        url=answer.url,
        status=answer.status,
        content_type=answer.content_type,
        etag=answer.validators.etag,
        last_modified=answer.validators.last_modified,
        location=answer.location,
        body=answer.body,
    )


def _from_store(answer: StoredAnswer) -> Fetched:
    return Fetched(
        url=answer.url,
        status=answer.status,
        content_type=answer.content_type,
        body=answer.body,
        validators=Validators(etag=answer.etag, last_modified=answer.last_modified),
        location=answer.location,
    )
