"""How many requests an API key may make in a minute, and the headers that say so.

It is counted in this process: to count in the database would cost each request a write.
"""

import math
from dataclasses import dataclass
from time import monotonic
from typing import Final
from uuid import UUID

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import RateLimited

WINDOW: Final = 60
"""Seconds. A key's window begins with its first request after the last one has ended."""

QUOTA: Final = "quota"
"""Where the state of a request has its `Quota`."""


@dataclass(frozen=True)
class Quota:
    """What a key may still do: `remaining` requests in the next `reset` seconds."""

    limit: int
    remaining: int
    reset: int


@dataclass
class _Window:
    ends: float
    count: int = 0


class KeyLimits:
    """Counts the requests of each key. Without a limit, `per_minute` is 0."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._windows: dict[UUID, _Window] = {}

    def count(self, scope: Scope, key_id: UUID) -> None:
        """Count a request of the key, and store its quota in the request's state.

        Raises RateLimited if the key has made all that it may.
        """
        if not self._limit:
            return
        now = monotonic()
        window = self._windows.get(key_id)
        if window is None or window.ends <= now:
            window = self._windows[key_id] = _Window(now + WINDOW)
        window.count += 1
        reset = math.ceil(window.ends - now)
        remaining = max(0, self._limit - window.count)
        scope.setdefault("state", {})[QUOTA] = Quota(self._limit, remaining, reset)
        if window.count > self._limit:
            raise RateLimited(
                f"The API key may make {self._limit} requests a minute; try again in {reset} s.",
                retry_after=reset,
            )


class QuotaHeaders:
    """Middleware that tells each key what is left of its quota, also in errors
    (draft-ietf-httpapi-ratelimit-headers).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def told(message: Message) -> None:
            quota: Quota | None = scope.get("state", {}).get(QUOTA)
            if message["type"] == "http.response.start" and quota is not None:
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = f'"key";q={quota.limit};w={WINDOW}'
                headers["RateLimit"] = f'"key";r={quota.remaining};t={quota.reset}'
            await send(message)

        await self._app(scope, receive, told)
