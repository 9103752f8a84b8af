"""Responses that a deferred job keeps, so that it does not send their requests again."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.db.upsert import upsert
from store.tables.hosts import KeptAnswer


@dataclass(frozen=True)
class StoredAnswer:
    """The response to one request; `location` is the target of a redirect.

    `url` is the key of the request: the address, and a hash of its cookies. `set_cookies` are the
    cookies that the response sets.
    """

    url: str
    status: int
    content_type: str | None
    etag: str | None
    last_modified: str | None
    location: str | None
    body: bytes
    set_cookies: tuple[str, ...] = ()


async def kept_answers(session: AsyncSession, job_id: str) -> list[StoredAnswer]:
    """The responses that the job keeps."""
    rows = await session.scalars(select(KeptAnswer).where(KeptAnswer.job_id == job_id))
    return [
        StoredAnswer(
            url=row.url,
            status=row.status,
            content_type=row.content_type,
            etag=row.etag,
            last_modified=row.last_modified,
            location=row.location,
            body=zlib.decompress(row.body),
            set_cookies=tuple(row.set_cookies or ()),
        )
        for row in rows
    ]


async def keep_answers(session: AsyncSession, job_id: str, answers: Iterable[StoredAnswer]) -> None:
    """Keep responses for the job; they replace older ones to the same URLs."""
    for answer in answers:
        values = {
            "status": answer.status,
            "content_type": answer.content_type,
            "etag": answer.etag,
            "last_modified": answer.last_modified,
            "location": answer.location,
            "body": zlib.compress(answer.body),
            "set_cookies": list(answer.set_cookies) or None,
            "kept_at": datetime.now(UTC),
        }
        await session.execute(
            upsert(session, KeptAnswer)
            .values(job_id=job_id, url=answer.url, **values)
            .on_conflict_do_update(index_elements=[KeptAnswer.job_id, KeptAnswer.url], set_=values)
        )


async def forget_answers(session: AsyncSession, job_id: str) -> None:
    """Delete the responses that the job keeps."""
    await session.execute(delete(KeptAnswer).where(KeptAnswer.job_id == job_id))
