"""The REST API as client commands use it: answers as plain data, failures as sentences."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from cli.client.errors import BadUsage, ClientError, NoConnection, RefusedBody
from cli.client.profiles import Connection

if TYPE_CHECKING:
    import ssl

    import httpx2

Row = dict[str, Any]
"""An object of the API."""

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 60.0
"""Seconds. A stream of events has a comment every 15 of them."""

LARGEST_PAGE: Final = 100
"""Rows of a list that one request may ask for."""

UNREACHABLE: Final = (502, 503, 504)


class NotFoundError(ClientError):
    """The API has nothing of that name or id."""


@dataclass(frozen=True)
class Found:
    """The first rows of a list, and the number of all that match."""

    rows: list[Row]
    total: int


@dataclass(frozen=True)
class Event:
    """A Server-Sent Event."""

    id: str
    data: Row


class Api:
    """A client of one installation."""

    def __init__(self, connection: Connection, *, timeout: float = READ_TIMEOUT) -> None:
        import httpx2

        self.url = connection.url
        # An older installation refuses a filter that it does not know: all rows would be wrong.
        headers = {"Accept": "application/json", "Prefer": "handling=strict"}
        if connection.key is not None:
            try:
                headers["Authorization"] = f"Bearer {connection.key.encode('ascii').decode()}"
            except UnicodeEncodeError:
                raise BadUsage(
                    f"The API key for {self.url} has characters that no key has; copy it again."
                ) from None
        self._has_key = connection.key is not None
        try:
            self._client = httpx2.Client(
                base_url=connection.url,
                headers=headers,
                timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
                verify=_trusted(httpx2.URL(connection.url).scheme),
                # No proxy reaches this machine's own loopback.
                trust_env=not connection.loopback,
            )
        except httpx2.InvalidURL as error:
            raise BadUsage(f"{connection.url} is not an address: {error}.") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **query: object) -> Any:
        """The `data` of an answer; parameters that are None are not sent."""
        return self._data(self._answer("GET", path, query))

    def answer(self, path: str, **query: object) -> Any:
        """A whole answer, with its `meta`."""
        return self._json(self._answer("GET", path, query))

    def post(self, path: str, body: Row | None = None) -> Any:
        """The `data` of the answer to a POST."""
        return self._data(
            self._answer("POST", path, body=body, headers={"Idempotency-Key": str(uuid4())})
        )

    def patch(self, path: str, body: Row) -> Any:
        """The `data` of the answer to a PATCH."""
        return self._data(self._answer("PATCH", path, body=body))

    def delete(self, path: str) -> None:
        """Delete what is at `path`."""
        self._answer("DELETE", path)

    def list(self, path: str, limit: int | None, **query: object) -> Found:
        """The first `limit` rows of a list, or all of them."""
        rows: list[Row] = []
        total = 0
        for page in self._pages(path, limit, query):
            rows += page["data"]
            total = page["meta"]["total"]
            if limit is not None and len(rows) >= limit:
                break
        return Found(rows if limit is None else rows[:limit], total)

    def walk(self, path: str, **query: object) -> Iterator[Row]:
        """The rows of a list, which is read as far as they are wanted."""
        for page in self._pages(path, None, query):
            yield from page["data"]

    def _pages(self, path: str, limit: int | None, query: Mapping[str, object]) -> Iterator[Any]:
        size = LARGEST_PAGE if limit is None else min(limit, LARGEST_PAGE)
        cursor: str | None = None
        while True:
            page = self.answer(path, **query, limit=size, cursor=cursor)
            yield page
            cursor = page["meta"]["nextCursor"]
            if cursor is None:
                return

    def events(self, path: str, last_id: str | None) -> Iterator[Event]:
        """The Server-Sent Events of a stream after `last_id`, until it ends.

        Raises NoConnection if it breaks.
        """
        headers = {"Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        with self._reaching(), self._client.stream("GET", path, headers=headers) as response:
            if not response.is_success:
                response.read()
                self._raise_for(response)
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                name, _, value = line.partition(":")
                if line:
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    yield Event(fields.get("id", ""), json.loads(fields["data"]))
                    fields = {}

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: Row | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "httpx2.Response":
        sent = {
            name: _parameter(value) for name, value in (query or {}).items() if value is not None
        }
        with self._reaching():
            response = self._client.request(
                method, path, params=sent or None, json=body, headers=headers
            )
        if not response.is_success:
            self._raise_for(response)
        return response

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Translate what keeps a request from being answered."""
        import httpx2

        try:
            yield
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise BadUsage(f"{self.url} is not an address: {error}.") from error
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise NoConnection(
                f"Nothing answers at {self.url} ({reason}). Start it with `diffy up`, or choose "
                "another installation: `diffy login URL`, or set DIFFY_URL."
            ) from error

    def _data(self, response: "httpx2.Response") -> Any:
        return self._json(response)["data"]

    def _json(self, response: "httpx2.Response") -> Any:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "data" not in answer:
            raise self._stranger()
        return answer

    def _stranger(self) -> ClientError:
        return ClientError(
            f"What answers at {self.url} is not Diffy. Check the address: `diffy login URL`, or "
            "set DIFFY_URL."
        )

    def _raise_for(self, response: "httpx2.Response") -> None:
        """Raise the error of an answer that is not a success."""
        try:
            answer = response.json()
            sentence, details = str(answer["error"]), answer.get("details") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            sentence, details = "", {}
        match response.status_code:
            case 401:
                raise self._unauthorized()
            case 404 if sentence:
                raise NotFoundError(sentence)
            case 400 if sentence:
                more = [f"{name}: {text}" for name, text in details.items()]
                raise RefusedBody(
                    "\n  ".join([sentence, *more] if len(more) > 1 else [sentence]), details
                )
            case status if status in UNREACHABLE:
                after = response.headers.get("Retry-After")
                again = f" Try again in {after} seconds." if after else ""
                reason = sentence or f"{self.url} answers {status}."
                raise NoConnection(f"{reason}{again}")
            case status if not sentence:
                if target := response.headers.get("Location"):
                    raise ClientError(f"{self.url} redirects to {target}: use that address.")
                raise self._stranger()
            case _:
                raise ClientError(sentence)

    def _unauthorized(self) -> ClientError:
        make = (
            "Make a key where the installation runs with `diffy keys create --org NAME`, then run "
            f"`diffy login {self.url}`, or set DIFFY_API_KEY."
        )
        if self._has_key:
            return ClientError(f"{self.url} does not accept the API key. {make}")
        return BadUsage(f"There is no API key for {self.url}. {make}")


def _trusted(scheme: str) -> "ssl.SSLContext | bool":
    """Whom to trust at an address: the system's authorities, which take 50 ms to read, only where
    somebody shows a certificate. A context without any would refuse every one.
    """
    import ssl

    return True if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _parameter(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
