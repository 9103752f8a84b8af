"""Spans of requests."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.routing import method_of, route_of
from core.tracing import SpanKind, span

CARRIED: Final = ("traceparent", "tracestate")
"""Headers by which a client names its own span (W3C Trace Context)."""


class Tracing:
    """Middleware that begins a span with each request. Its name is the route, never the path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        carrier = {name: headers[name] for name in CARRIED if name in headers}
        method = method_of(scope)
        attributes = {"http.request.method": method}
        with span(method, SpanKind.SERVER, attributes, carrier) as request:

            async def named(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = route_of(scope)
                    status: int = message["status"]
                    request.rename(f"{method} {route}")
                    request.set({"http.route": route, "http.response.status_code": status})
                    if status >= 500:
                        request.fail(str(status))
                await send(message)

            await self._app(scope, receive, named)
