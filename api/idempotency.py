"""`Idempotency-Key`: a POST that is sent twice does its work once.

One transaction of the store does the work, puts the messages to Temporal into the outbox, and
keeps the answer under the key. New ids derive from the seed of the request. A repeated request
creates nothing: it delivers the messages that are still in the outbox, and gets the same answer.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from api.deps import ClientDep, DatabaseDep, DeliveryDep, Principal, PrincipalDep
from api.started import StartedJob
from core.errors import Conflict, DiffyError, InvalidRequest, NotFound, QuotaExceeded
from core.jobs.contract import CrawlPageInput
from core.model import Model
from core.outbox import JobMessage
from core.quotas import NO_QUOTA, QuotaName, Quotas
from store.db.engine import Database
from store.outbox import put, withdraw
from store.quotas import give_checks_back, quotas_of, take_checks, take_jobs
from store.requests import enter_request, find_request
from temporal.delivery import Delivery
from temporal.jobs.room import count_unfinished_jobs

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same body gives the same answer, for seven days.",
    ),
]

A = TypeVar("A", bound=Model)
T = TypeVar("T")

Accept = Callable[[AsyncSession, UUID], Awaitable[A]]
"""Does the work of the request with that seed in the store, and returns the answer."""

Undo = Callable[[AsyncSession, UUID], Awaitable[object]]
"""Deletes from the store what the request with that seed created."""


class Idempotency:
    """One request, with or without a key.

    All methods raise Conflict if the key was sent with another request before. A request that
    `accept` refuses does not use up its key.
    """

    def __init__(
        self,
        principal: Principal,
        client: Client,
        database: Database,
        delivery: Delivery,
        key: str | None,
        fingerprint: str,
    ) -> None:
        self._principal = principal
        self._client = client
        self.database = database
        self._delivery = delivery
        self._key = key
        self._fingerprint = fingerprint

    async def once(self, accept: Accept[A], kind: type[A]) -> A:
        """The answer of a request that needs the store only."""
        return (await self._accepted(accept, kind, uuid4()))[1]

    @asynccontextmanager
    async def carried_out(self, accept: Accept[A], kind: type[A], undo: Undo) -> AsyncIterator[A]:
        """The answer, once the messages that `accept` put into the outbox are delivered.

        If the delivery or the block fails, a request without a key is undone, so that the client
        can repeat it. A request with a key stays: its repetition finishes it, or the reconciler.
        """
        fresh = uuid4()
        try:
            seed, answer = await self._accepted(accept, kind, fresh)
            await self._delivery.deliver(seed)
            yield answer
        except (InvalidRequest, NotFound, Conflict, QuotaExceeded):
            raise  # the transaction was rolled back
        except Exception:
            if self._key is None:
                await self._undo(undo, fresh)
            raise

    async def start_job(
        self, job_of: Callable[[AsyncSession, UUID], Awaitable[JobMessage]], quotas: Quotas
    ) -> StartedJob:
        """Start the job that `job_of` makes of a seed; `job_of` only reads the store.

        A crawl counts as a check of the organisation, whose quotas are `quotas` by default. Raises
        QuotaExceeded if it has none left.
        """
        org_id = self._principal.org_id
        if self._key is None:
            # One call of Temporal that is never repeated: the outbox is not needed.
            async with self.database.reading() as session:
                message = await job_of(session, uuid4())
                own = await quotas_of(session, org_id, quotas)
            if (own.checks_per_day, own.unfinished_jobs) == (NO_QUOTA, NO_QUOTA):
                await self._delivery.send(message)
            else:
                await self._send_counted(message, quotas)
            return StartedJob(job_id=message.job_id)

        async def accept(session: AsyncSession, seed: UUID) -> StartedJob:
            message = await job_of(session, seed)
            await self._take(session, message, quotas, datetime.now(UTC))
            await put(session, message)
            return StartedJob(job_id=message.job_id)

        seed, answer = await self._accepted(accept, StartedJob, uuid4())
        await self._delivery.deliver(seed)
        return answer

    async def _send_counted(self, message: JobMessage, quotas: Quotas) -> None:
        """Count the job, and send the message; uncount the check if that fails."""
        now = datetime.now(UTC)

        async def take() -> None:
            async with self.database.transaction() as session:
                await self._take(session, message, quotas, now)

        await self._within_quota(take)
        try:
            await self._delivery.send(message)
        except Exception:
            if isinstance(message.input, CrawlPageInput):
                with suppress(DiffyError):
                    async with self.database.transaction() as session:
                        await give_checks_back(session, self._principal.org_id, 1, now)
            raise

    async def _take(
        self, session: AsyncSession, message: JobMessage, quotas: Quotas, now: datetime
    ) -> None:
        """Count the job of the message. Raises QuotaExceeded."""
        org_id = self._principal.org_id
        await take_jobs(session, org_id, 1, quotas)
        if isinstance(message.input, CrawlPageInput):
            await take_checks(session, org_id, 1, quotas, now)

    async def _within_quota(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, a transaction. If the organisation may have too many unfinished
        jobs for it, they are counted, and it is done once more.
        """
        try:
            return await work()
        except QuotaExceeded as error:
            if error.quota != QuotaName.UNFINISHED_JOBS:
                raise
        await count_unfinished_jobs(self._client, self.database, self._principal.org_id)
        return await work()

    async def earlier_answer(self, kind: type[A]) -> A | None:
        """The earlier answer to the request, once its messages are delivered; None if there is
        none.
        """
        if self._key is None:
            return None
        async with self.database.reading() as session:
            found = await find_request(
                session, self._principal.org_id, self._key, self._fingerprint, datetime.now(UTC)
            )
        if found is None or found.answer is None:
            return None
        await self._delivery.deliver(found.seed)
        return kind.model_validate(found.answer)

    async def _accepted(self, accept: Accept[A], kind: type[A], fresh: UUID) -> tuple[UUID, A]:
        """The seed and the answer of the request; the seed is `fresh` if it has no key."""
        return await self._within_quota(lambda: self._accepted_once(accept, kind, fresh))

    async def _accepted_once(self, accept: Accept[A], kind: type[A], fresh: UUID) -> tuple[UUID, A]:
        async with self.database.transaction() as session:
            if self._key is None:
                return fresh, await accept(session, fresh)
            request = await enter_request(
                session, self._principal.org_id, self._key, self._fingerprint, datetime.now(UTC)
            )
            if request.answer is not None:
                return request.seed, kind.model_validate(request.answer)
            answer = await accept(session, request.seed)
            request.answer = answer.model_dump(mode="json", by_alias=True)
            return request.seed, answer

    async def _undo(self, undo: Undo, seed: UUID) -> None:
        # If this fails too, the request stays, and the reconciler finishes it.
        with suppress(DiffyError):
            async with self.database.transaction() as session:
                await withdraw(session, seed)
                await undo(session, seed)


async def idempotency(
    request: Request,
    principal: PrincipalDep,
    client: ClientDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
    key: Key = None,
) -> Idempotency:
    """The idempotency of the request. The key is looked up once the request is valid."""
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    asked = f"{request.method} {target}\n".encode() + await request.body()
    fingerprint = hashlib.sha256(asked).hexdigest()
    return Idempotency(principal, client, database, delivery, key, fingerprint)


IdempotencyDep = Annotated[Idempotency, Depends(idempotency)]
