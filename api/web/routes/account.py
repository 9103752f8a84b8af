"""The keys of the organisation, and the sessions that began with them."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import DatabaseDep, KeyIdDep
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OwnerDep, SessionDep, forget_session
from store.keys import check_owner, keys_of, revoke_key
from store.web_sessions import sessions_of, sign_out_everywhere

router = APIRouter(prefix="/keys", dependencies=SIGNED_IN)


@router.get("")
async def list_keys(
    request: Request, owner: OwnerDep, database: DatabaseDep, signed_in: SessionDep
) -> Response:
    """The keys, oldest first, with the number of their sessions."""
    now = datetime.now(UTC)
    async with database.reading() as session:
        keys = await keys_of(session, owner.org_id)
        sessions = await sessions_of(session, [key.id for key in keys], now)
    return page(
        request,
        "keys.html",
        title="Keys and sessions",
        keys=keys,
        statuses={key.id: key.status(now).value for key in keys},
        sessions=sessions,
        own=signed_in.key_id,
    )


@router.post("/{key_id}/sessions/end")
async def end_sessions(
    key_id: KeyIdDep, _: FormDep, owner: OwnerDep, signed_in: SessionDep, database: DatabaseDep
) -> Response:
    """End every session of a key."""
    async with database.transaction() as session:
        await check_owner(session, owner.org_id, key_id)
        await sign_out_everywhere(session, key_id)
    return _answer(own=key_id == signed_in.key_id, notice="sessions-ended")


@router.post("/{key_id}/revoke")
async def revoke(
    key_id: KeyIdDep, _: FormDep, owner: OwnerDep, signed_in: SessionDep, database: DatabaseDep
) -> Response:
    """Revoke a key, which ends its sessions."""
    async with database.transaction() as session:
        await check_owner(session, owner.org_id, key_id)
        await revoke_key(session, key_id)
    return _answer(own=key_id == signed_in.key_id, notice="key-revoked")


def _answer(*, own: bool, notice: str) -> Response:
    """Back to the list, or to the sign-in if the session of this browser ended too."""
    answer = RedirectResponse(f"{'/sign-in' if own else '/keys'}?notice={notice}", 303)
    if own:
        forget_session(answer)
    return answer
