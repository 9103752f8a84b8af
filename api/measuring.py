"""Measures how long requests wait for their answer."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.routing import method_of, route_of
from core.metrics import HTTP_REQUESTS, status_class


class Measuring:
    """Middleware that observes the time to the head of each answer, by route.

    The body may take as long as its stream.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def measure(message: Message) -> None:
            if message["type"] == "http.response.start":
                labels = (route_of(scope), method_of(scope), status_class(message["status"]))
                HTTP_REQUESTS.labels(*labels).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, measure)
