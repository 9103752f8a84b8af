"""Cross-origin requests of browsers to the REST API (the CORS protocol of the Fetch standard)."""

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.deps import PROTECTED

METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")
SENT: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "X-Request-Id",
)
READ: Final = (
    "Allow",
    "ETag",
    "Ignored-Parameters",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
)


class ApiCors:
    """Middleware that lets pages of `origins` use the API with a key of theirs; `*` lets all.

    It covers the API only. No cookie is sent along: the web page's session is of no use there.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        shared = scope["type"] == "http" and scope["path"].startswith(PROTECTED)
        await (self._shared if shared else self._app)(scope, receive, send)
