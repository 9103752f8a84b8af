"""The connections of the API: how long one may be idle or slow, how many there may be, and what is
answered to what is no HTTP. The server alone waits for ever for a head that does not end.
"""

import asyncio
import resource
import sys
from http import HTTPStatus
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.errors import RETRY_AFTER, ErrorAnswer
from core.errors import HeadTooLarge, InvalidRequest, Unavailable

KEEP_ALIVE: Final = 30
"""Seconds that a connection may stay open without a request, or with the head of one unfinished."""

RESERVED: Final = 128
"""Files that the process opens beside connections: the database's, Temporal's, its own."""

HTTP_BEGUN: Final = (h11.IDLE, h11.SEND_RESPONSE)


def most_connections() -> int:
    """How many connections there may be at once: the process can open no more files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - RESERVED, RESERVED)


class Connection(H11Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for its first request; one too many is told so."""
        super().connection_made(transport)
        self.timeout_keep_alive = KEEP_ALIVE
        self._idle_until = self.loop.time() + KEEP_ALIVE
        if len(self.connections) > most_connections():
            away = Unavailable("Too many connections are open; try again in a few seconds.")
            self._refuse(away, (b"retry-after", str(RETRY_AFTER).encode()))
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Go on; what is no whole request yet buys no time."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._idle_until = self.loop.time() + KEEP_ALIVE
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be understood, as every error is answered."""
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 0
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            self._refuse(HeadTooLarge())
        else:
            self._refuse(InvalidRequest("This is not a valid HTTP request."))

    def _watch(self) -> None:
        handled = self.cycle is not None and not self.cycle.response_complete
        if handled or self.timeout_keep_alive_task is not None or self.transport.is_closing():
            return
        self.timeout_keep_alive_task = self.loop.call_at(
            self._idle_until, self.timeout_keep_alive_handler
        )

    def _refuse(
        self, error: InvalidRequest | HeadTooLarge | Unavailable, *headers: tuple[bytes, bytes]
    ) -> None:
        if self.conn.our_state in HTTP_BEGUN:
            body = ErrorAnswer(error=error.message, code=error.code)
            content = body.model_dump_json(exclude_none=True).encode()
            fields = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(content)).encode()),
                (b"connection", b"close"),
                *headers,
            ]
            events: list[Any] = [
                h11.Response(status_code=error.http_status, headers=fields),
                h11.Data(data=content),
                h11.EndOfMessage(),
            ]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
