"""The API behind its real HTTP server, and a client that may break every rule of HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from cli.api import ApiServer, server_config
from tests.eventually import HANG, begun
from tests.ports import free_port


@dataclass(frozen=True)
class Served:
    """Where the API listens."""

    port: int

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Line"]:
        """A bare connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        """Send, whether anyone listens or not."""
        self.writer.write(data)

    async def drip(self, data: bytes, every: float = 0.02) -> None:
        """Send byte by byte until all is sent or the connection is closed."""
        for sign in data:
            if self.reader.at_eof() or self.writer.is_closing():
                return
            self.writer.write(bytes([sign]))
            await asyncio.sleep(every)

    async def answer(self) -> Answer:
        """The next answer, with its JSON."""
        async with asyncio.timeout(HANG):
            return await self._answer()

    async def _answer(self) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in lines)
        }
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, json.loads(body) if body else None)

    async def closed(self) -> None:
        """Wait until the other side has closed it."""
        with suppress(ConnectionError):
            async with asyncio.timeout(HANG):
                while await self.reader.read(65536):
                    pass


@asynccontextmanager
async def served(app: FastAPI, proxies: str = "127.0.0.1") -> AsyncIterator[Served]:
    """`app` behind the server of `diffy api`, which believes `proxies`."""
    port, ready = free_port(), asyncio.Event()
    server = ApiServer(server_config(app, "127.0.0.1", port, proxies), ready.set)
    task = asyncio.create_task(server.serve())
    try:
        await begun(task, ready)
        yield Served(port)
    finally:
        server.drain()
        await task
