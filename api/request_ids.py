"""Gives each request an id, by which its lines in the log are found, and logs the request."""

import logging
import re
import time
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.routing import route_of
from core.logs.context import own_log_fields
from core.logs.redaction import Redactor

REQUEST_ID: Final = "X-Request-Id"

ACCEPTED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Ids of clients and proxies that are taken over: UUIDs, ULIDs, hexadecimal trace ids."""

_REDACTOR: Final = Redactor()

log = logging.getLogger(__name__)


class RequestIds:
    """The outermost middleware: answers name the id of their request, and so do its lines."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = accepted_id(Headers(scope=scope).get(REQUEST_ID)) or uuid4().hex
        began = time.perf_counter()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
                if log.isEnabledFor(logging.INFO):
                    _log_answer(scope, message["status"], time.perf_counter() - began)
            await send(message)

        with own_log_fields(request_id=request_id):
            await self._app(scope, receive, named)


def accepted_id(sent: str | None) -> str | None:
    """The id that a client sent, None if it is none that is taken over."""
    if sent is None or not ACCEPTED.fullmatch(sent) or _REDACTOR.text(sent) != sent:
        return None
    return sent


def _log_answer(scope: Scope, status: int, seconds: float) -> None:
    """One line for the request. Its query is left out: it may be anything."""
    fields = {
        "method": scope["method"],
        "path": scope["path"],
        "route": route_of(scope),
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    log.info("%s %s answered %d", scope["method"], scope["path"], status, extra=fields)
