"""Signing in with an API key, and out."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import DatabaseDep
from api.web.forms import Form
from api.web.rendering import page
from api.web.session import (
    FormDep,
    SessionDep,
    forget_session,
    form_fields,
    local_path,
    session_or_none,
    set_session,
)
from core.errors import Unauthorized
from store.web_sessions import sign_in, sign_out, sign_out_everywhere

router = APIRouter()


def _form(request: Request, wanted: str, error: str | None = None) -> Response:
    return page(
        request,
        "sign_in.html",
        title="Sign in",
        status=401 if error else 200,
        wanted=local_path(wanted),
        error=error,
    )


@router.get("/sign-in")
async def form(request: Request) -> Response:
    """The form that asks for an API key."""
    wanted = request.query_params.get("next", "/")
    if await session_or_none(request) is not None:
        return RedirectResponse(local_path(wanted), 303)
    return _form(request, wanted)


@router.post("/sign-in")
async def enter(
    request: Request, fields: Annotated[Form, Depends(form_fields)], database: DatabaseDep
) -> Response:
    """Begin a session. One that the browser had before ends."""
    wanted = fields.get("next", "/")
    earlier = await session_or_none(request)
    try:
        async with database.transaction() as session:
            token = await sign_in(session, fields.get("key", ""), datetime.now(UTC))
            if earlier is not None:
                await sign_out(session, earlier.session_id)
    except Unauthorized:
        return _form(request, wanted, "This API key is unknown or revoked.")
    answer = RedirectResponse(local_path(wanted), 303)
    set_session(request, answer, token)
    return answer


@router.post("/sign-out")
async def leave(signed_in: SessionDep, fields: FormDep, database: DatabaseDep) -> Response:
    """End this session, or every session of the same API key."""
    everywhere = "everywhere" in fields
    async with database.transaction() as session:
        if everywhere:
            await sign_out_everywhere(session, signed_in.key_id)
        else:
            await sign_out(session, signed_in.session_id)
    notice = "signed-out-everywhere" if everywhere else "signed-out"
    answer = RedirectResponse(f"/sign-in?notice={notice}", 303)
    forget_session(answer)
    return answer
