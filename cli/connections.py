"""Connections of the API: idle timeout, maximum number, and JSON answers to invalid HTTP.

uvicorn alone waits forever for a request head that does not end.
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
"""Seconds for which a connection may have no request, or an incomplete request head."""

RESERVED_FILES: Final = 128
"""File descriptors for the database, Temporal and the process itself."""

NO_RESPONSE_SENT: Final = (h11.IDLE, h11.SEND_RESPONSE)


def max_connections() -> int:
    """The maximum number of connections, from the limit of open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - RESERVED_FILES, RESERVED_FILES)


class Connection(H11Protocol):
    """One connection of a client."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, or refuse the connection if there are too many."""
        super().connection_made(transport)
        self.timeout_keep_alive = KEEP_ALIVE
        self._idle_deadline = self.loop.time() + KEEP_ALIVE
        if len(self.connections) > max_connections():
            away = Unavailable("Too many connections are open; try again in a few seconds.")
            self._refuse(away, (b"retry-after", str(RETRY_AFTER).encode()))
            return
        self._schedule_timeout()

    def data_received(self, data: bytes) -> None:
        """Read. An incomplete request does not extend the idle timeout."""
        super().data_received(data)
        self._schedule_timeout()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._idle_deadline = self.loop.time() + KEEP_ALIVE
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP in the shape of every error."""
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 0
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            self._refuse(HeadTooLarge())
        else:
            self._refuse(InvalidRequest("This is not a valid HTTP request."))

    def _schedule_timeout(self) -> None:
        handled = self.cycle is not None and not self.cycle.response_complete
        if handled or self.timeout_keep_alive_task is not None or self.transport.is_closing():
            return
        self.timeout_keep_alive_task = self.loop.call_at(
            self._idle_deadline, self.timeout_keep_alive_handler
        )

    def _refuse(
        self, error: InvalidRequest | HeadTooLarge | Unavailable, *headers: tuple[bytes, bytes]
    ) -> None:
        if self.conn.our_state in NO_RESPONSE_SENT:
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
