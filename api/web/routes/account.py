"""The keys of the organisation, and the sessions that began with them."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import DatabaseDep, KeyIdDep, KeyUsesDep, Principal
from api.routes import keys as rest
from api.web.forms import Form, body_of, sparse
from api.web.rendering import page
from api.web.session import (
    SIGNED_IN,
    FormDep,
    OwnerDep,
    SessionDep,
    SessionOnceDep,
    forget_session,
)
from core.errors import RequestError
from core.scopes import Scope
from store.db.engine import Database
from store.key_uses import KeyUses
from store.keys import get_key, keys_of, revoke_key
from store.web_sessions import SignedIn, sessions_of, sign_out_everywhere

router = APIRouter(prefix="/keys", dependencies=SIGNED_IN)


EMPTY = Form()


@router.get("")
async def list_keys(
    request: Request,
    owner: OwnerDep,
    database: DatabaseDep,
    signed_in: SessionDep,
    uses: KeyUsesDep,
) -> Response:
    """The keys, oldest first, with the number of their sessions, and the form that adds one. A key
    that is not of the scope `admin` sees only itself.
    """
    return await _list(request, owner, database, signed_in, uses)


@router.post("")
async def add_key(
    request: Request,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    signed_in: SessionDep,
    uses: KeyUsesDep,
    once: SessionOnceDep,
) -> Response:
    """Create a key. The answer shows it."""
    days = fields.get("days", "")
    values: dict[str, object] = {
        "name": fields.get("name", ""),
        "scope": fields.get("scope", ""),
        **sparse({"expiresInDays": int(days) if days.isdecimal() else days or None}),
    }
    try:
        body = body_of(rest.AddKeyBody, values)
        added = (await rest.add(body, owner, database, uses, once)).data
    except RequestError as error:
        return await _list(request, owner, database, signed_in, uses, fields, error=error)
    return await _list(request, owner, database, signed_in, uses, added=added)


async def _list(
    request: Request,
    owner: Principal,
    database: Database,
    signed_in: SignedIn,
    uses: KeyUses,
    values: Form = EMPTY,
    *,
    added: rest.NewKeyView | None = None,
    error: RequestError | None = None,
) -> Response:
    now = datetime.now(UTC)
    may_change = owner.scope.includes(Scope.ADMIN)
    async with database.reading() as session:
        if may_change:
            keys = await keys_of(session, owner.org_id)
        else:
            keys = [await get_key(session, owner.org_id, signed_in.key_id)]
        sessions = await sessions_of(session, [key.id for key in keys], now)
    return page(
        request,
        "keys.html",
        title="Keys and sessions",
        status=error.http_status if error else 200,
        keys=keys,
        last_uses={key.id: uses.last_use(key.id, key.last_used_at) for key in keys},
        statuses={key.id: key.status(now).value for key in keys},
        sessions=sessions,
        own=signed_in.key_id,
        may_change=may_change,
        added=added,
        values=values,
        error=error,
        faults=(error.details if error else None) or {},
    )


@router.post("/{key_id}/sessions/end")
async def end_sessions(
    key_id: KeyIdDep, _: FormDep, owner: OwnerDep, signed_in: SessionDep, database: DatabaseDep
) -> Response:
    """End every session of a key."""
    async with database.transaction() as session:
        await get_key(session, owner.org_id, key_id)
        await sign_out_everywhere(session, key_id)
    return _answer(own=key_id == signed_in.key_id, notice="sessions-ended")


@router.post("/{key_id}/revoke")
async def revoke(
    key_id: KeyIdDep, _: FormDep, owner: OwnerDep, signed_in: SessionDep, database: DatabaseDep
) -> Response:
    """Revoke a key, which ends its sessions."""
    async with database.transaction() as session:
        await get_key(session, owner.org_id, key_id)
        await revoke_key(session, key_id)
    return _answer(own=key_id == signed_in.key_id, notice="key-revoked")


def _answer(*, own: bool, notice: str) -> Response:
    """Back to the list, or to the sign-in if the session of this browser ended too."""
    answer = RedirectResponse(f"{'/sign-in' if own else '/keys'}?notice={notice}", 303)
    if own:
        forget_session(answer)
    return answer
