"""Answers of sites that jobs keep while they wait for a host."""

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
    """An answer to one request; `location` is the target of a redirect, `body` as it was read."""

    url: str
    status: int
    content_type: str | None
    etag: str | None
    last_modified: str | None
    location: str | None
    body: bytes


async def kept_answers(session: AsyncSession, job_id: str) -> list[StoredAnswer]:
    """The answers that the job keeps."""
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
        )
        for row in rows
    ]


async def keep_answers(session: AsyncSession, job_id: str, answers: Iterable[StoredAnswer]) -> None:
    """Keep the answers for the job, in place of older ones of the same addresses."""
    for answer in answers:
        said = {
            "status": answer.status,
            "content_type": answer.content_type,
            "etag": answer.etag,
            "last_modified": answer.last_modified,
            "location": answer.location,
            "body": zlib.compress(answer.body),
            "kept_at": datetime.now(UTC),
        }
        await session.execute(
            upsert(session, KeptAnswer)
            .values(job_id=job_id, url=answer.url, **said)
            .on_conflict_do_update(index_elements=[KeptAnswer.job_id, KeptAnswer.url], set_=said)
        )


async def forget_answers(session: AsyncSession, job_id: str) -> None:
    """Delete the answers that the job keeps."""
    await session.execute(delete(KeptAnswer).where(KeptAnswer.job_id == job_id))
