"""A receiver of webhooks on loopback, whose signatures the specification's package verifies."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

from standardwebhooks.webhooks import Webhook

from tests.eventually import eventually


@dataclass(frozen=True)
class Received:
    """A webhook as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        """Its id."""
        return self.headers["webhook-id"]

    @property
    def content(self) -> Any:
        """The JSON of its body."""
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The content, once the signature is found to be right."""
        return Webhook(secret).verify(self.body, self.headers)


Answer = tuple[int, dict[str, str]]
OK: Final[Answer] = (204, {})


class Receiver:
    """Answers webhooks as `answer` says; None breaks the connection off instead."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer | None] = lambda _: OK
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def url(self, path: str = "/hook") -> str:
        """A URL of the receiver."""
        return f"http://127.0.0.1:{self._port}{path}"

    @property
    def ids(self) -> list[str]:
        """The ids of the webhooks so far."""
        return [each.id for each in self.received]

    async def got(self, count: int) -> Sequence[Received]:
        """The webhooks, once there are so many."""

        async def seen() -> list[Received]:
            return self.received

        return await eventually(seen, lambda received: len(received) >= count)

    async def start(self) -> None:
        """Listen; after a stop, at the same port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more."""
        assert self._server is not None, "it was not started"
        self._server.close()
        for each in self._connections:
            each.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._serve(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        fields = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        got = Received(first.split(" ")[1], headers, body, asyncio.get_running_loop().time())
        answer = self.answer(got)
        self.received.append(got)
        if answer is None:
            return False
        status, extra = answer
        lines = [f"{name}: {value}" for name, value in extra.items()]
        length = [] if status == 204 else ["Content-Length: 0"]
        writer.write("\r\n".join([f"HTTP/1.1 {status} x", *lines, *length, "", ""]).encode())
        await writer.drain()
        return True
