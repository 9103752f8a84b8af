"""`Idempotency-Key`: a POST that is sent twice does its work once.

A request is carried out in one transaction of the store, which also says in the outbox what
Temporal has to be told, and keeps the answer under the key. The ids of what it makes are made of
its seed. A request that is sent again makes nothing: it goes on with what the outbox still says,
and answers the same.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import DatabaseDep, DeliveryDep, Principal, PrincipalDep
from api.started import StartedJob
from core.errors import Conflict, DiffyError, InvalidRequest, NotFound
from core.model import Model
from core.outbox import JobMessage
from store.db.engine import Database
from store.outbox import put, withdraw
from store.requests import enter_request, find_request
from temporal.delivery import Delivery

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

Accept = Callable[[AsyncSession, UUID], Awaitable[A]]
"""Does in the store what a request of that seed asks for, and gives the answer."""

Undo = Callable[[AsyncSession, UUID], Awaitable[object]]
"""Takes back from the store what was done for the request of that seed."""


class Idempotency:
    """One request, with its key if it has one.

    All methods raise Conflict when the key was sent with another request before. A request that
    its `accept` refuses does not use the key up.
    """

    def __init__(
        self,
        principal: Principal,
        database: Database,
        delivery: Delivery,
        key: str | None,
        fingerprint: str,
    ) -> None:
        self._principal = principal
        self._database = database
        self._delivery = delivery
        self._key = key
        self._fingerprint = fingerprint

    async def once(self, accept: Accept[A], kind: type[A]) -> A:
        """The answer, for work that needs the store alone."""
        return (await self._accepted(accept, kind, uuid4()))[1]

    @asynccontextmanager
    async def carried_out(self, accept: Accept[A], kind: type[A], undo: Undo) -> AsyncIterator[A]:
        """The answer, once Temporal has been told what `accept` says in the outbox.

        When that, or the block, fails, a request without a key is undone, so that it can be sent
        again. One with a key stands: whoever sends it again goes on with it, or the reconciler.
        """
        fresh = uuid4()
        try:
            seed, answer = await self._accepted(accept, kind, fresh)
            await self._delivery.deliver(seed)
            yield answer
        except (InvalidRequest, NotFound, Conflict):
            raise  # the store has nothing of it
        except Exception:
            if self._key is None:
                await self._take_back(undo, fresh)
            raise

    async def start_job(
        self, job_of: Callable[[AsyncSession, UUID], Awaitable[JobMessage]]
    ) -> StartedJob:
        """Start the job that `job_of` makes of a seed. It only reads."""
        if self._key is None:
            # It is one call of Temporal, and nobody comes back for it: the store need not know.
            async with self._database.reading() as session:
                message = await job_of(session, uuid4())
            await self._delivery.tell(message)
            return StartedJob(job_id=message.job_id)

        async def accept(session: AsyncSession, seed: UUID) -> StartedJob:
            message = await job_of(session, seed)
            await put(session, message)
            return StartedJob(job_id=message.job_id)

        seed, answer = await self._accepted(accept, StartedJob, uuid4())
        await self._delivery.deliver(seed)
        return answer

    async def earlier(self, kind: type[A]) -> A | None:
        """The answer that the request was given before, and Temporal told what it was not yet;
        None when it was given none.
        """
        if self._key is None:
            return None
        async with self._database.reading() as session:
            found = await find_request(
                session, self._principal.org_id, self._key, self._fingerprint, datetime.now(UTC)
            )
        if found is None or found.answer is None:
            return None
        await self._delivery.deliver(found.seed)
        return kind.model_validate(found.answer)

    async def _accepted(self, accept: Accept[A], kind: type[A], fresh: UUID) -> tuple[UUID, A]:
        """The seed, which is `fresh` for a request without a key, and the answer."""
        async with self._database.transaction() as session:
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

    async def _take_back(self, undo: Undo, seed: UUID) -> None:
        # Where this fails too, the request stands, and the reconciler goes on with it.
        with suppress(DiffyError):
            async with self._database.transaction() as session:
                await withdraw(session, seed)
                await undo(session, seed)


async def idempotency(
    request: Request,
    principal: PrincipalDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
    key: Key = None,
) -> Idempotency:
    """The request and its key. It is not looked up before the request is known to be a good one."""
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return Idempotency(principal, database, delivery, key, hashlib.sha256(asked).hexdigest())


IdempotencyDep = Annotated[Idempotency, Depends(idempotency)]
