"""Sites that do not answer as they should."""

import asyncio
from contextlib import suppress

from tests.site import Behaviour, SiteRequest

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def sending(*pieces: bytes) -> Behaviour:
    """Send these bytes as they are, then end the connection."""

    async def behave(_: SiteRequest, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return behave


def repeating(head: bytes, piece: bytes, *, every: float = 0) -> Behaviour:
    """Send `head`, then `piece` for as long as the other side stays, `every` so many seconds."""

    async def behave(_: SiteRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with suppress(ConnectionError):
            while True:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(every)

    return behave


def resetting(head: bytes) -> Behaviour:
    """Send `head`, then break the connection off."""

    async def behave(_: SiteRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        writer.transport.abort()

    return behave


def encoded(encoding: str, body: bytes, *more: str) -> Behaviour:
    """A complete answer whose `body` is said to be compressed by `encoding`."""
    lines = [f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}", *more, "", ""]
    return sending(OK + "\r\n".join(lines).encode() + body)
