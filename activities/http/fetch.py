"""The guarded HTTP client: one exchange, bounded in time and size, redirects followed by hand."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Final, Protocol

import httpcore2
import httpx2

from activities.http.compression import ends_early
from activities.http.connections import PER_HOST, HostConnections
from activities.http.failures import to_job_error
from activities.http.network import GuardedBackend, Resolver, SystemResolver
from activities.http.responses import retry_after
from core.errors import (
    BrokenBody,
    BrokenCompression,
    InvalidAddress,
    PageTooLarge,
    RedirectLoop,
    RedirectToNowhere,
    SiteTimeout,
    TooManyRedirects,
)
from core.web.crawl_settings import DEFAULT_PROFILE, RequestProfile
from core.web.urls import host_of, normalise

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
KEPT_ALIVE: Final = 40
"""Connections that are kept open for a moment though nobody uses them."""

ANY_BYTES: Final = "iso-8859-1"
"""Validators go back as the bytes that came: those from 0x80 on are allowed (RFC 9110, 8.8.3)."""


@dataclass(frozen=True)
class FetchLimits:
    """What one fetch may cost.

    `deadline` bounds each exchange, from connecting to the last byte; `max_body` the inflated
    body, in bytes: what is longer is an error, or with `truncate` cut off there. An exchange that
    others wait for who hold connections to the same host is `beside` their number.
    """

    deadline: timedelta = timedelta(seconds=30)
    max_redirects: int = 10
    max_body: int = 10 * 2**20
    truncate: bool = False
    beside: bool = False


@dataclass(frozen=True)
class Validators:
    """What a site gave to ask with whether a page is still the same (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The conditional request."""
        asked: dict[bytes, bytes] = {}
        if self.etag is not None:
            asked[b"If-None-Match"] = self.etag.encode(ANY_BYTES)
        if self.last_modified is not None:
            asked[b"If-Modified-Since"] = self.last_modified.encode(ANY_BYTES)
        return asked


NO_VALIDATORS: Final = Validators()

Redirects = tuple[str, ...]
"""The addresses that led to an answer, in the order they were asked for."""


@dataclass(frozen=True)
class Fetched:
    """An answer; `url` is where it came from, after redirects.

    `location` is the target of a redirect that was not to be followed.
    """

    url: str
    status: int
    content_type: str | None
    body: bytes = field(repr=False)
    validators: Validators = NO_VALIDATORS
    retry_after: timedelta | None = None
    redirects: Redirects = ()
    location: str | None = None

    @property
    def not_modified(self) -> bool:
        """Whether the site says that nothing changed."""
        return self.status == 304


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Whom the system trusts to vouch for hosts; to read that takes 25 ms."""
    return httpx2.create_ssl_context(trust_env=False)


async def _at_once(_: str) -> None:
    """Any request may be made, now."""


class Answers(Protocol):
    """The answers that somebody has had already, by their addresses."""

    def get(self, url: str) -> Fetched | None:
        """The answer for `url`, if there was one."""

    def add(self, answer: Fetched) -> None:
        """Note an answer."""


class Fetcher:
    """Fetches over one pool of connections, with no cookies and no proxies of the environment.

    Unless `allow_private_networks`, only public addresses are connected to; `network` sees to that
    for pages in a browser. No exchange takes longer than `longest`, whatever its limits say. Each
    host has a few connections at once (`activities.http.connections`).
    """

    def __init__(
        self,
        *,
        user_agent: str,
        allow_private_networks: bool,
        resolve: Resolver | None = None,
        longest: timedelta = timedelta.max,
        connections: int = PER_HOST,
    ) -> None:
        self._longest = longest
        self._connections = HostConnections(connections)
        self._resolver = SystemResolver()
        # Pages name any number of hosts, and those that jobs ask are not to wait behind them.
        self._resolver_of_pages = SystemResolver()
        own, self.network = (
            GuardedBackend(each, allow_private_networks=allow_private_networks)
            for each in (resolve or self._resolver, resolve or self._resolver_of_pages)
        )
        trusted = _trusted_authorities()
        transport = httpx2.AsyncHTTPTransport(verify=trusted, trust_env=False)
        # The transport has no parameter for a network backend; a test fails when this moves.
        transport._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trusted,
            # Whoever waits in the pool cannot be told from whoever waits for the site.
            max_connections=None,
            max_keepalive_connections=KEPT_ALIVE,
            keepalive_expiry=5.0,
            network_backend=own,
        )
        self._client = httpx2.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=None,
            headers={
                "User-Agent": user_agent,
                "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "Accept-Language": "en,*;q=0.5",
            },
        )

    async def fetch(
        self,
        url: str,
        *,
        validators: Validators = NO_VALIDATORS,
        profile: RequestProfile = DEFAULT_PROFILE,
        limits: FetchLimits | None = None,
        before_request: Callable[[str], Awaitable[None]] = _at_once,
        follow_redirects: bool = True,
        kept: Answers | None = None,
        patience: timedelta | None = None,
    ) -> Fetched:
        """The answer for `url`, of whatever status, redirects followed.

        `before_request` is awaited before every request, those of redirects too, once there is a
        connection to be had; its time and the wait for that connection are not the site's, and
        what it raises ends the fetch. `profile` is what each request says besides. What is `kept`
        is not asked for again.
        Raises InvalidAddress, ForbiddenAddress, PageTooLarge, HeadersTooLarge, SiteTimeout, and
        what belongs to BadRedirect, SiteUnreachable and SiteError; HostBusy where the host has used
        all its connections for longer than `patience`; InternalError where we cannot connect.
        """
        limits = limits or FetchLimits()
        seen = [normalise(url)]
        while True:
            answer = kept.get(seen[-1]) if kept else None
            if answer is None:
                async with self._connection(seen[-1], limits, patience):
                    await before_request(seen[-1])
                    headers = {**profile.headers_for(seen[-1]), **validators.headers}
                    answer = await self._exchange(seen[-1], headers, limits, tuple(seen[:-1]))
                if kept is not None:
                    kept.add(answer)
            if answer.location is None or not follow_redirects:
                return answer
            seen.append(self._target(answer.location, seen, limits))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        self._resolver.close()
        self._resolver_of_pages.close()

    def _connection(
        self, url: str, limits: FetchLimits, patience: timedelta | None
    ) -> AbstractAsyncContextManager[None]:
        if limits.beside:
            return nullcontext()
        return self._connections.one(host_of(url), patience)

    def _target(self, location: str, seen: list[str], limits: FetchLimits) -> str:
        try:
            target = normalise(location, seen[-1])
        except InvalidAddress:
            raise RedirectToNowhere(
                "The site redirects to something that is no web address."
            ) from None
        if target in seen:
            raise RedirectLoop("The site redirects in a circle.")
        if len(seen) > limits.max_redirects:
            raise TooManyRedirects(f"The site redirects more than {limits.max_redirects} times.")
        return target

    async def _exchange(
        self, url: str, headers: Mapping[bytes, bytes], limits: FetchLimits, redirects: Redirects
    ) -> Fetched:
        host = host_of(url)
        seconds = min(limits.deadline, self._longest).total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._request(url, headers, limits, redirects)
        except TimeoutError:
            raise SiteTimeout(f"{host} did not finish its answer within {seconds:g} s.") from None
        except (httpx2.RequestError, httpx2.InvalidURL, ssl.SSLError) as error:
            raise to_job_error(error, host) from error

    async def _request(
        self, url: str, headers: Mapping[bytes, bytes], limits: FetchLimits, redirects: Redirects
    ) -> Fetched:
        self._client.cookies.clear()
        async with self._client.stream("GET", url, headers=dict(headers)) as answer:
            location = answer.headers.get("Location")
            redirecting = answer.status_code in REDIRECTS and location is not None
            as_bytes = httpx2.Headers(answer.headers.raw, encoding=ANY_BYTES)
            return Fetched(
                url=url,
                status=answer.status_code,
                content_type=answer.headers.get("Content-Type"),
                body=b"" if redirecting else await _body(answer, limits),
                validators=Validators(
                    etag=as_bytes.get("ETag"),
                    last_modified=as_bytes.get("Last-Modified"),
                ),
                retry_after=retry_after(answer.headers.get("Retry-After")),
                redirects=redirects,
                location=location if redirecting else None,
            )


async def _body(answer: httpx2.Response, limits: FetchLimits) -> bytes:
    """The inflated body, read only as far as it may go."""
    body = bytearray()
    try:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > limits.max_body:
                if limits.truncate:
                    return bytes(body[: limits.max_body])
                most = f"{limits.max_body / 2**20:g} MiB"
                raise PageTooLarge(f"The body is larger than the {most} that a page may have.")
    except httpx2.RemoteProtocolError as error:
        host = answer.url.host
        raise BrokenBody(f"{host} cut the body short, or framed it as HTTP does not.") from error
    if ends_early(answer):
        raise BrokenCompression(f"{answer.url.host} sent a body whose compressed data ends early.")
    return bytes(body)
