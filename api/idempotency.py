"""`Idempotency-Key`: a POST that is sent twice does its work once.

The ids of what a request makes are made of its seed. A request that is sent again has the same
seed, so it goes on wherever the first one was cut off, and finds what that one has done.
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request

from api.deps import DatabaseDep, Principal, PrincipalDep
from store.engine import Database
from store.requests import seed_of

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


class Idempotency:
    """The key of one request, if it has one."""

    def __init__(
        self, principal: Principal, database: Database, key: str | None, fingerprint: str
    ) -> None:
        self._principal = principal
        self._database = database
        self._key = key
        self._fingerprint = fingerprint

    async def seed(self) -> UUID:
        """What the ids of this request's work are made of.

        Raises Conflict when its key was sent with another request before.
        """
        if self._key is None:
            return uuid4()
        async with self._database.transaction() as session:
            return await seed_of(
                session, self._principal.org_id, self._key, self._fingerprint, datetime.now(UTC)
            )


async def idempotency(
    request: Request, principal: PrincipalDep, database: DatabaseDep, key: Key = None
) -> Idempotency:
    """The key of `request`. It is not looked up before the request is known to be a good one."""
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return Idempotency(principal, database, key, hashlib.sha256(asked).hexdigest())


IdempotencyDep = Annotated[Idempotency, Depends(idempotency)]
