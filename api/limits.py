"""Limits on requests: size, time, fields and text of bodies."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Final

from fastapi import Query
from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonValue
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import MAX_DETAILS
from api.texts import Text, text_faults
from core.errors import HeadTooLarge, RequestTooLarge
from core.jobs.contract import MaxAttempts
from core.model import Model
from temporal.jobs.messages import JobOptions

MAX_BODY_SIZE: Final = 1024 * 1024
"""Bytes."""

BODY_TIMEOUT: Final = timedelta(seconds=20)
"""For a body to arrive completely."""

MAX_HEAD_SIZE: Final = 64 * 1024
"""Bytes of the request target and the headers together."""

MAX_JOB_DELAY: Final = timedelta(days=30)


class HeadLimit:
    """Middleware that refuses heads over `MAX_HEAD_SIZE`.

    The server has the same limit, but does not apply it to a head that arrives in one piece.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Raises HeadTooLarge."""
        if scope["type"] == "http":
            fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
            if fields + len(scope["raw_path"]) + len(scope["query_string"]) > MAX_HEAD_SIZE:
                raise HeadTooLarge
        await self._app(scope, receive, send)


class BodyLimit:
    """Middleware that refuses bodies over `MAX_BODY_SIZE`, with or without a Content-Length, and
    bodies that take longer than `BODY_TIMEOUT`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The server has validated the number.
        if int(Headers(scope=scope).get("content-length", "0")) > MAX_BODY_SIZE:
            raise RequestTooLarge("The body is larger than 1 MiB.")
        taken = 0
        arrived = False
        deadline: float | None = None

        async def counted() -> Message:
            nonlocal taken, arrived, deadline
            if arrived:
                return await receive()  # http.disconnect
            if deadline is None:
                deadline = asyncio.get_running_loop().time() + BODY_TIMEOUT.total_seconds()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
            arrived = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > MAX_BODY_SIZE:
                # FastAPI answers any other exception during the body as bad JSON.
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self._app(scope, counted, send)


class JsonBody(Model):
    """A request body: the documented fields only, of exactly their types, and with texts of one
    line without control characters, whatever models they are in.

    Null in an optional field means that it is omitted.
    """

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _checked_texts(cls, given: object) -> object:
        faults = list(islice(text_faults(given), MAX_DETAILS))
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return given


def example(**fields: JsonValue) -> ConfigDict:
    """The configuration of a body for which the OpenAPI document has this example."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class JobBody(JsonBody):
    """Options of every request for a job: its delay and its number of attempts."""

    model_config = example(delaySeconds=600, maxAttempts=5)

    delay_seconds: Annotated[int, Field(ge=0, le=int(MAX_JOB_DELAY.total_seconds()))] | None = None
    max_attempts: MaxAttempts | None = None

    @property
    def job_options(self) -> JobOptions:
        """The options of the job."""
        return JobOptions(timedelta(seconds=self.delay_seconds or 0), self.max_attempts)


MAX_SEARCH_LENGTH: Final = 200

SearchQuery = Annotated[
    Text | None,
    Query(
        alias="q",
        min_length=1,
        max_length=MAX_SEARCH_LENGTH,
        description="Only those that contain this text, in upper or lower case.",
    ),
]
