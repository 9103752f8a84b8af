"""Error answers: their one shape, and the translation of exceptions."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.service import RPCError

from api.negotiation import prefers
from api.routing import allowed_methods
from core.errors import (
    DiffyError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    RequestError,
    RequestTooLarge,
    RequestTooSlow,
    SubjectGone,
    Unauthorized,
    Unavailable,
)
from core.model import Model
from store.constraints import is_foreign_key_violation
from temporal.faults import as_unavailable

RETRY_AFTER: Final = 5
"""Seconds after which a client may repeat a request that failed with 429 or 503, unless it is
known.
"""

MAX_DETAILS: Final = 20
"""Number of fields that one answer names."""

MAX_FIELD_NAME_LENGTH: Final = 100
"""Characters."""

DELETED: Final = "What the request is about has just been deleted."

logger = logging.getLogger(__name__)


class ErrorAnswer(Model):
    """Every error answer: a sentence, a code, and the fields at fault, if any."""

    error: str
    code: str
    details: dict[str, str] | None = Field(
        default=None,
        description="A sentence for each field or parameter at fault. Of a quota: its name "
        "(`quota`), its figure (`limit`), what is `used`, and `freesAt`, if that is known.",
    )


class Problem(Model):
    """An error as a problem detail (RFC 9457), for clients whose `Accept` prefers that.

    `code` and `details` are those of an `ErrorAnswer`; `detail` is its sentence.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    details: dict[str, str] | None = None


JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

DESCRIPTIONS: Final = {
    400: "A parameter or the body is not as documented (`VALIDATION_ERROR`).",
    401: "The API key is missing, malformed, unknown or revoked (`UNAUTHORIZED`).",
    402: "A quota of the organisation is used up (`QUOTA_EXCEEDED`); `details` say which.",
    403: "The scope of the API key does not include this (`FORBIDDEN`).",
    404: "It does not exist, or another organisation owns it (`NOT_FOUND`).",
    409: "The present state does not allow it (`CONFLICT`).",
    408: "The body took longer than 20 seconds to arrive (`VALIDATION_ERROR`).",
    413: "The body is larger than 1 MiB (`VALIDATION_ERROR`).",
    429: "Temporal takes no more requests for now, or the key has made all that it may in this "
    "minute (`RATE_LIMITED`); `Retry-After` says when.",
    431: "The address and the headers are larger than 64 KiB (`VALIDATION_ERROR`).",
    500: "A fault of the service; its log tells more (`INTERNAL`).",
    503: "Temporal or the database cannot be reached now (`UNAVAILABLE`).",
}

NO_OTHER_ERRORS: Final[dict[int | str, dict[str, object]]] = {
    "default": {"model": ErrorAnswer, "description": "Any other error."}
}
"""Keeps FastAPI from documenting its own 422, which is never answered. The OpenAPI document drops
this entry: it would allow any answer.
"""


def documented_errors(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The documentation of the error `statuses` of a route."""
    return {
        status: {"model": ErrorAnswer, "description": DESCRIPTIONS[status]} for status in statuses
    }


async def answer_fault(request: Request, fault: Exception) -> Response:
    """The answer to `fault`. A fault of the service is logged with its trace."""
    error = error_of_fault(request, fault)
    if error is None:
        log_fault(request, fault)
        return _answer(request, 500, "INTERNAL", "The service failed to answer; its log tells why.")
    headers = dict(fault.headers or {}) if isinstance(fault, HTTPException) else {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"  # RFC 6750, 3
    if isinstance(error, MethodNotAllowed):
        # FastAPI knows the methods of one route only. Several routes may share a path.
        headers["Allow"] = ", ".join(allowed_methods(request.app, request.scope))
    if isinstance(error, RequestTooSlow):
        headers["Connection"] = "close"  # the rest of the body is not read
    if isinstance(error, Unavailable | RateLimited):
        headers["Retry-After"] = str(retry_after(error))
    details = error.details if isinstance(error, RequestError) else None
    return _answer(request, error.http_status, error.code, error.message, details, headers)


def retry_after(error: Unavailable | RateLimited) -> int:
    """Seconds after which the request may be repeated."""
    known = error.retry_after if isinstance(error, RateLimited) else None
    return RETRY_AFTER if known is None else known


def log_fault(request: Request, fault: Exception) -> None:
    """Log a fault of the service with its trace."""
    logger.error("%s %r failed", request.method, request.url.path, exc_info=fault)


class ErrorAnswers:
    """The outermost middleware: answers exceptions of the application and of other middleware.

    FastAPI's handler for `Exception` would answer too, but raises the exception again.
    """

    def __init__(
        self, app: ASGIApp, answer: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as fault:
            if started:
                raise
            answer = await self._answer(Request(scope), fault)
            await answer(scope, receive, send)


def _answer(
    request: Request,
    status: int,
    code: str,
    message: str,
    details: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    headers = {**(headers or {}), "Vary": "Accept"}
    if prefers(request.headers.get("accept"), PROBLEM, JSON):
        problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=message,
            code=code,
            details=details,
        )
        content = problem.model_dump(exclude_none=True)
        return JSONResponse(content, status, headers, media_type=PROBLEM)
    body = ErrorAnswer(error=message, code=code, details=details)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers)


def error_of_fault(request: Request, fault: Exception) -> RequestError | Unavailable | None:
    """The error that a client sees; None for a fault of the service."""
    match fault:
        case RequestError() | Unavailable():
            return fault
        case RequestValidationError():
            return invalid_request(fault.errors())
        case ClientDisconnect():
            return InvalidRequest("The body ended before its end.")
        case HTTPException():
            return _refused(request, fault.status_code)
        case SubjectGone():
            return NotFound(DELETED)
        case IntegrityError() if is_foreign_key_violation(fault):
            return NotFound(DELETED)
        case RPCError():
            return _shown(as_unavailable(fault))
        case _:
            return None


def _shown(error: DiffyError) -> RequestError | Unavailable | None:
    return error if isinstance(error, RequestError | Unavailable) else None


def _refused(request: Request, status: int) -> RequestError | None:
    """The error for a status with which FastAPI or Starlette refuses a request."""
    match status:
        case HTTPStatus.BAD_REQUEST:
            sentence = "The body cannot be read as JSON."
            return InvalidRequest(sentence, {"body": sentence})
        case HTTPStatus.NOT_FOUND:
            return NotFound("There is nothing at this address.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(f"This address does not take {request.method}.")
        case HTTPStatus.REQUEST_TIMEOUT:
            return RequestTooSlow("The body took longer than 20 seconds to arrive.")
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return RequestTooLarge("The body is larger than 1 MiB.")
        case _:
            return None


SENTENCES: Final = {
    "missing": "This is required.",
    "extra_forbidden": "There is no field of this name here.",
    "json_invalid": "The body is not valid JSON.",
    "model_attributes_type": "The body is a JSON object, sent as application/json.",
    "uuid_parsing": "This is not a UUID.",
    "uuid_type": "This is not a UUID.",
}
"""By the type of a pydantic error. Other types keep their own message."""


def invalid_request(errors: Sequence[Any]) -> InvalidRequest:
    """The error for `errors` of pydantic, whose locations begin with the part of the request."""
    details: dict[str, str] = {}
    for error in errors[:MAX_DETAILS]:
        sentence = SENTENCES.get(error["type"], f"{error['msg'].removesuffix('.')}.")
        details.setdefault(_field(error["loc"], error["type"]), sentence)
    name, sentence = next(iter(details.items()))
    return InvalidRequest(f"{name}: {sentence}", details)


def _field(location: Sequence[int | str], kind: str) -> str:
    """The name of the field as the client sent it; `body` for the whole body."""
    inner = location[1:] if kind != "json_invalid" else ()
    name = ".".join(str(part) for part in inner) or str(location[0])
    return "".join(sign if sign.isprintable() else "�" for sign in name[:MAX_FIELD_NAME_LENGTH])
