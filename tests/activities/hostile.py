"""What a hostile or broken site does to those who ask it."""

import asyncio
from typing import Final

from tests.site import Behaviour, SiteRequest

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def sending(*pieces: bytes) -> Behaviour:
    """Send these bytes as they are, then end the connection."""

    async def behave(_: SiteRequest, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return behave


def encoded(encoding: str, body: bytes) -> Behaviour:
    """A complete answer whose `body` is said to be compressed by `encoding`."""
    headers = f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return sending(OK + headers.encode() + body)
