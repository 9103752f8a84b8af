"""Writes the audit log: a line for each request by which a key changed something, or tried to."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import SAFE_METHODS, Principal, services_of
from api.routing import route_at
from core.logs.context import log_field
from core.logs.redaction import Redactor
from core.scopes import READS_BY_POST
from store.audit_log import AuditEntry
from store.web_sessions import SignedIn

ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
"""The form of ids."""

_REDACTOR: Final = Redactor()

MAX_READ: Final = 65_536
"""Bytes of an answer in which the id of what was made is looked for."""

IDS: Final = ("id", "jobId", "batchId", "backtestId")
"""The fields of an answer's `data` that name what a request made."""

TOO_MANY: Final = 429
"""The status of requests that were not looked at: they would fill the log."""


class Auditing:
    """Middleware that writes the line of a request before its answer is sent.

    So what is acknowledged has its line, unless the database failed in between: then the line is
    stored once it answers again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Audited(scope, send).send)


class _Audited:
    """The answer to one request. Its head is held back until the body begins, whose `data` may
    name what was made.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            await self._write(head["status"], message.get("body", b""))
            await self._send(head)
        await self._send(message)

    async def _write(self, status: int, body: bytes) -> None:
        """Write the line, if somebody is known to have asked for a change."""
        app: FastAPI = self._scope["app"]
        state = self._scope.get("state", {})
        who: Principal | SignedIn | None = state.get("principal") or state.get("signed_in")
        route = route_at(app, self._scope)
        reads = route in READS_BY_POST or state.get("reads_only", False)
        if who is None or route is None or reads or status == TOO_MANY:
            return
        entry = AuditEntry(
            org_id=who.org_id,
            at=datetime.now(UTC),
            key_id=who.key_id,
            method=self._scope["method"],
            route=route,
            subject_id=_subject(self._scope, status, body),
            status=status,
            request_id=log_field("request_id"),
        )
        await services_of(app).audit_log.write(entry)


def _subject(scope: Scope, status: int, body: bytes) -> str | None:
    """The id in the path, else of what the answer says was made."""
    in_path = list(scope.get("path_params", {}).values())
    if in_path:
        return _plain(in_path[-1])
    if status >= 300 or len(body) > MAX_READ:
        return None
    with suppress(ValueError):
        answer = json.loads(body)
        data = answer.get("data") if isinstance(answer, dict) else None
        if isinstance(data, dict):
            return next((_plain(data[name]) for name in IDS if data.get(name)), None)
    return None


def _plain(value: object) -> str | None:
    """The id, None if it cannot be one: somebody may have put a secret in its place."""
    text = str(value) if isinstance(value, str | UUID) else ""
    is_id = ID.fullmatch(text) is not None and _REDACTOR.text(text) == text
    return text if is_id else None
