"""API keys of the organisation, for keys whose scope is `admin`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import DatabaseDep, KeyIdDep, KeyUsesDep, PrincipalDep
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JsonBody, example
from api.paging import ListMeta, PagingDep
from core.model import Model, UtcTime
from core.scopes import Scope
from store.key_uses import KeyUses
from store.keys import add_key, get_key, list_keys_of, revoke_key
from store.tables.accounts import ApiKey, KeyStatus

router = APIRouter(prefix="/api/keys", tags=["keys"])

MAX_KEY_DAYS = 3650


class KeyView(Model):
    """An API key. `lastUsedAt` may lag by a minute, and is null if the key was never used."""

    id: UUID
    name: str | None
    scope: Scope
    status: KeyStatus
    created_at: UtcTime
    expires_at: UtcTime | None
    revoked_at: UtcTime | None
    last_used_at: UtcTime | None


class MadeKey(Model):
    """What is kept of the answer to a new key."""

    id: UUID


class NewKeyView(KeyView):
    """A key that was just created, and the key itself, which is shown this once; null if the
    request was a repetition.
    """

    key: str | None


class KeyListAnswer(Model):
    """A page of keys."""

    data: list[KeyView]
    meta: ListMeta


class KeyAnswer(Model):
    """One key."""

    data: KeyView


class NewKeyAnswer(Model):
    """The key that was created."""

    data: NewKeyView


class AddKeyBody(JsonBody):
    """A key: what it is for, what it may do, and after how many days it expires."""

    model_config = example(name="Dashboard", scope="read", expiresInDays=90)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    scope: Annotated[Scope, Field(strict=False)]
    expires_in_days: Annotated[int, Field(ge=1, le=MAX_KEY_DAYS)] | None = None


def key_view(key: ApiKey, uses: KeyUses) -> KeyView:
    """A key as the API shows it."""
    return KeyView(
        id=key.id,
        name=key.name,
        scope=key.scope,
        status=key.status(datetime.now(UTC)),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=uses.last_use(key.id, key.last_used_at),
    )


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep, paging: PagingDep, database: DatabaseDep, uses: KeyUsesDep
) -> KeyListAnswer:
    """The keys of the organisation, newest first, also those that are revoked or have expired."""
    async with database.reading() as session:
        found = await list_keys_of(session, principal.org_id, paging.request)
    return KeyListAnswer(
        data=[key_view(each, uses) for each in found.rows], meta=paging.meta(found)
    )


@router.post("", status_code=201, responses=documented_errors(400, 409, 413))
async def add(
    body: AddKeyBody,
    principal: PrincipalDep,
    database: DatabaseDep,
    uses: KeyUsesDep,
    idempotency: IdempotencyDep,
) -> NewKeyAnswer:
    """Create a key of the organisation. The answer has it, this once: only its hash is kept."""
    made: str | None = None

    async def accept(session: AsyncSession, seed: UUID) -> MadeKey:
        nonlocal made
        lasts = timedelta(days=body.expires_in_days) if body.expires_in_days else None
        new = await add_key(
            session,
            principal.org_id,
            key_id=seed,
            name=body.name,
            scope=body.scope,
            lasts=lasts,
        )
        made = new.key
        return MadeKey(id=new.id)

    # Answers are kept for a week: what is kept is neither the key nor what may change meanwhile.
    kept = await idempotency.once(accept, MadeKey)
    async with database.reading() as session:
        view = key_view(await get_key(session, principal.org_id, kept.id), uses)
    return NewKeyAnswer(data=NewKeyView(**dict(view), key=made))


@router.post("/{key_id}/revoke", responses=documented_errors(404))
async def revoke(
    key_id: KeyIdDep, principal: PrincipalDep, database: DatabaseDep, uses: KeyUsesDep
) -> KeyAnswer:
    """Revoke a key at once, which ends its sessions. Idempotent."""
    async with database.transaction() as session:
        key = await get_key(session, principal.org_id, key_id)
        await revoke_key(session, key_id)
        return KeyAnswer(data=key_view(key, uses))
