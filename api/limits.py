"""What the API takes of a request's body: its size, its fields, its text."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import HeadTooLarge, RequestTooLarge
from core.jobs.contract import MaxAttempts
from core.model import Model
from temporal.jobs.messages import JobOptions

LARGEST_BODY: Final = 1024 * 1024
"""Bytes."""

BODY_WITHIN: Final = timedelta(seconds=20)
"""How long a body may take to arrive."""

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of the address and the headers together."""

LONGEST_DELAY: Final = timedelta(days=30)
"""How far ahead a job may be asked for."""


class HeadLimit:
    """Middleware that refuses heads over `LARGEST_HEAD`. The server does so too, but not where all
    of one has come at once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Raises HeadTooLarge."""
        if scope["type"] == "http":
            fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
            if fields + len(scope["raw_path"]) + len(scope["query_string"]) > LARGEST_HEAD:
                raise HeadTooLarge
        await self._app(scope, receive, send)


class BodyLimit:
    """Middleware that refuses bodies over `LARGEST_BODY`, with or without a Content-Length, and
    those that take longer than `BODY_WITHIN` to arrive.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The server has checked that it is a number.
        if int(Headers(scope=scope).get("content-length", "0")) > LARGEST_BODY:
            raise RequestTooLarge("The body is larger than 1 MiB.")
        taken = 0
        arrived = False
        deadline: float | None = None

        async def counted() -> Message:
            nonlocal taken, arrived, deadline
            if arrived:
                return await receive()  # whether the client is still there
            if deadline is None:
                deadline = asyncio.get_running_loop().time() + BODY_WITHIN.total_seconds()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
            arrived = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > LARGEST_BODY:
                # FastAPI takes any other error in the middle of a body for bad JSON.
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self._app(scope, counted, send)


class JsonBody(Model):
    """A request body: the documented fields and no others, of exactly their types.

    An optional field that is null counts as left out.
    """

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)


class JobBody(JsonBody):
    """What every request for a job may say: when it may begin, and how often it is tried."""

    delay_seconds: Annotated[int, Field(ge=0, le=int(LONGEST_DELAY.total_seconds()))] | None = None
    max_attempts: MaxAttempts | None = None

    @property
    def job_options(self) -> JobOptions:
        """The options of the job."""
        return JobOptions(timedelta(seconds=self.delay_seconds or 0), self.max_attempts)


def _without_control_characters(text: str) -> str:
    # PostgreSQL cannot store NUL, and the others have no place in a name, a URL or a glob.
    if any(sign < " " or sign == "\x7f" for sign in text):
        raise PydanticCustomError("control_character", "Control characters are not allowed")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        # JSON can write half a character, UTF-8 cannot.
        raise PydanticCustomError("lone_surrogate", "This is not Unicode text")
    return text


OneLine: Final = AfterValidator(_without_control_characters)

Text = Annotated[str, OneLine]
"""Text of one line."""
