"""The guarded HTTP client: bounded in time and size, with every redirect checked."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Protocol

import httpx2

from activities.http.compression import is_truncated, prepare_decoding
from activities.http.connections import MAX_CONNECTIONS_PER_HOST, HostConnections
from activities.http.failures import to_job_error
from activities.http.network import GuardedBackend, Resolver
from activities.http.resolver import SystemResolver
from activities.http.responses import retry_after
from activities.http.transport import guarded_transport
from core.errors import (
    BrokenBody,
    BrokenCompression,
    InvalidAddress,
    JobError,
    PageTooLarge,
    RedirectLoop,
    RedirectToNowhere,
    SiteTimeout,
    TooManyRedirects,
)
from core.metrics import FETCHED_BYTES, FETCHES, status_class
from core.tracing import SpanKind, span
from core.web.cookies import CookieJar, cookie_header
from core.web.crawl_settings import DEFAULT_PROFILE, RequestProfile
from core.web.links import refresh_address
from core.web.urls import as_sent, host_of, name_after_redirects

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
LATIN_1: Final = "iso-8859-1"
"""Encoding that keeps the bytes of validators, of which those from 0x80 on are allowed (RFC 9110,
8.8.3).
"""


@dataclass(frozen=True)
class FetchLimits:
    """Limits of one fetch.

    `deadline` bounds each exchange, from connecting to the last byte. `max_body` bounds the
    decompressed body, in bytes: a longer one is an error, or is cut off if `truncate`. `uncounted`
    exempts the fetch from the host's connection limit, for a fetch that holders of the host's
    connections wait for.
    """

    deadline: timedelta = timedelta(seconds=30)
    max_redirects: int = 20
    max_body: int = 10 * 2**20
    truncate: bool = False
    uncounted: bool = False


@dataclass(frozen=True)
class Validators:
    """Validators of a response, for conditional requests (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The header fields of a conditional request (RFC 9110, 13.1)."""
        headers: dict[bytes, bytes] = {}
        if self.etag is not None:
            headers[b"If-None-Match"] = self.etag.encode(LATIN_1)
        if self.last_modified is not None:
            headers[b"If-Modified-Since"] = self.last_modified.encode(LATIN_1)
        return headers


NO_VALIDATORS: Final = Validators()

Redirects = tuple[str, ...]
"""URLs that redirected to a response, in the order of the requests."""


@dataclass(frozen=True)
class Fetched:
    """A response; `url` is the URL by which its page is known, after redirects.

    `requested` is the URL of the request that it answers, as sent; that of `url` unless given.
    `body` is decompressed. `location` is the target of a redirect that was not followed, else None;
    `set_cookies` are the cookies that the response sets. If `has_frames`, `body` has the documents
    of the frames of the page in it.
    """

    url: str
    status: int
    content_type: str | None
    body: bytes = field(repr=False)
    validators: Validators = NO_VALIDATORS
    retry_after: timedelta | None = None
    redirects: Redirects = ()
    location: str | None = None
    set_cookies: tuple[str, ...] = field(default=(), repr=False)
    requested: str | None = None
    has_frames: bool = False

    @property
    def not_modified(self) -> bool:
        """Whether the status is 304."""
        return self.status == 304


async def _no_wait(_: str) -> None:
    """Admit any request."""


class ResponseCache(Protocol):
    """Responses by the key of their request, which a fetch reads before it makes the request.

    The key is the URL, with a hash of the cookies if the request has any: a site may answer a
    request with its cookie otherwise than the same one without.
    """

    def get(self, key: str) -> Fetched | None:
        """The response to the request with this key, None if there is none."""

    def add(self, key: str, response: Fetched) -> None:
        """Keep a response."""


class Fetcher:
    """An HTTP client without proxies of the environment, which keeps cookies for one fetch only.

    Connects to public addresses only, unless `allow_private_networks`; `network` applies the same
    rule to pages in a browser. `max_deadline` bounds the deadline of every exchange, and
    `connections` the number of connections to each host.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        allow_private_networks: bool,
        resolve: Resolver | None = None,
        max_deadline: timedelta = timedelta.max,
        connections: int = MAX_CONNECTIONS_PER_HOST,
    ) -> None:
        self._max_deadline = max_deadline
        self._connections = HostConnections(connections)
        self._resolver = SystemResolver()
        # A page in a browser may name any number of hosts; jobs must not wait for their lookups.
        self._page_resolver = SystemResolver()
        own = GuardedBackend(
            resolve or self._resolver,
            allow_private_networks=allow_private_networks,
            repair_heads=True,
        )
        self.network = GuardedBackend(
            resolve or self._page_resolver, allow_private_networks=allow_private_networks
        )
        self._client = httpx2.AsyncClient(
            transport=guarded_transport(own),
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
        before_request: Callable[[str], Awaitable[None]] = _no_wait,
        follow_redirects: bool = True,
        cache: ResponseCache | None = None,
        max_wait: timedelta | None = None,
        jar: CookieJar | None = None,
    ) -> Fetched:
        """The response for `url`, whatever its status, after redirects.

        A redirect is followed to the address that the site sent, as in a browser, and so is a
        Refresh header that leads elsewhere within `MAX_REFRESH_DELAY`. It takes the
        cookies along that the site has set, in this fetch or an earlier one with the same `jar`.
        The response is named without parameters of a visit (`core.web.urls.name_after_redirects`).

        `before_request` is awaited before each request, of redirects too, as soon as the host has a
        free connection; its time and the wait for the connection do not count towards the deadline,
        and its exceptions pass through. `profile` has further header fields. A URL that `cache` has
        a response for is not requested.

        Raises InvalidAddress, ForbiddenAddress, PageTooLarge, HeadersTooLarge, SiteTimeout, and the
        subclasses of BadRedirect, SiteUnreachable and SiteError; HostBusy if no connection to the
        host becomes free within `max_wait`, None waits without a limit; InternalError if this
        machine cannot open a connection.
        """
        limits = limits or FetchLimits()
        chain = [as_sent(url)]
        asked: set[str] = set()
        refreshed = False
        jar = CookieJar() if jar is None else jar
        while True:
            current = chain[-1]
            headers = {**profile.headers_for(current), **validators.headers}
            cookies = cookie_header(headers.pop(b"Cookie", b"").decode(), jar.for_request(current))
            if cookies:
                headers[b"Cookie"] = cookies.encode(errors="replace")
            key = _request_key(current, cookies)
            if key in asked:
                raise RedirectLoop("The site redirects in a circle.")
            if len(chain) > limits.max_redirects + 1:
                raise TooManyRedirects(
                    f"The site redirects more than {limits.max_redirects} times."
                )
            asked.add(key)
            response = cache.get(key) if cache else None
            if response is None:
                async with self._connection(current, limits, max_wait):
                    await before_request(current)
                    response = await self._exchange(current, headers, limits)
                if cache is not None:
                    cache.add(key, response)
            jar.take(current, response.set_cookies)
            if response.location is None or not follow_redirects:
                if refreshed:
                    # Those of the target would be sent to the address that refreshes.
                    response = replace(response, validators=NO_VALIDATORS)
                return replace(
                    response,
                    url=name_after_redirects(chain),
                    requested=current,
                    redirects=tuple(chain[:-1]),
                )
            refreshed = refreshed or response.status not in REDIRECTS
            chain.append(_redirect_target(response.location, current))

    async def aclose(self) -> None:
        """Close all connections and stop the resolvers."""
        await self._client.aclose()
        self._resolver.close()
        self._page_resolver.close()

    def _connection(
        self, url: str, limits: FetchLimits, max_wait: timedelta | None
    ) -> AbstractAsyncContextManager[None]:
        if limits.uncounted:
            return nullcontext()
        return self._connections.hold(host_of(url), max_wait)

    async def _exchange(
        self, url: str, headers: Mapping[bytes, bytes], limits: FetchLimits
    ) -> Fetched:
        host = host_of(url)
        seconds = min(limits.deadline, self._max_deadline).total_seconds()
        began = time.perf_counter()
        result = "CANCELLED"
        sent = {"http.request.method": "GET", "url.full": url, "server.address": host}
        with span("GET", SpanKind.CLIENT, sent) as exchange:
            try:
                try:
                    async with asyncio.timeout(seconds):
                        response = await self._request(url, headers, limits)
                except TimeoutError:
                    raise SiteTimeout(
                        f"{host} did not finish its answer within {seconds:g} s."
                    ) from None
                except (httpx2.RequestError, httpx2.InvalidURL, ssl.SSLError) as error:
                    raise to_job_error(error, host) from error
                result = status_class(response.status)
                exchange.set({"http.response.status_code": response.status})
                FETCHED_BYTES.inc(len(response.body))
                return response
            except JobError as error:
                result = error.code
                exchange.fail(result)
                raise
            finally:
                FETCHES.labels(result).observe(time.perf_counter() - began)

    async def _request(
        self, url: str, headers: Mapping[bytes, bytes], limits: FetchLimits
    ) -> Fetched:
        self._client.cookies.clear()
        async with self._client.stream("GET", url, headers=dict(headers)) as response:
            location = _location(response, url, has_cookies=b"Cookie" in headers)
            prepare_decoding(response)
            as_bytes = httpx2.Headers(response.headers.raw, encoding=LATIN_1)
            return Fetched(
                url=url,
                status=response.status_code,
                content_type=response.headers.get("Content-Type"),
                body=b"" if location is not None else await _body(response, limits),
                validators=Validators(
                    etag=as_bytes.get("ETag"),
                    last_modified=as_bytes.get("Last-Modified"),
                ),
                retry_after=retry_after(response.headers.get("Retry-After")),
                location=location,
                set_cookies=tuple(as_bytes.get_list("Set-Cookie")),
            )


def _redirect_target(location: str, base: str) -> str:
    try:
        return as_sent(location, base)
    except InvalidAddress:
        raise RedirectToNowhere("The site redirects to something that is no web address.") from None


def _location(response: httpx2.Response, url: str, *, has_cookies: bool) -> str | None:
    """The target of a redirect, or of a Refresh header that soon leads elsewhere, as a browser
    reads it; None if there is none.

    A page may reload itself from time to time. It leads back to `url` as a redirect does if it sets
    cookies and the request had none (`has_cookies`).
    """
    if response.status_code in REDIRECTS:
        return _header(response, b"location")
    refresh = _header(response, b"refresh") if response.is_success else None
    target = refresh_address(refresh) if refresh is not None else None
    if target is None:
        return None
    try:
        is_itself = as_sent(target, url) == url
    except InvalidAddress:
        return None
    is_answered = has_cookies or "Set-Cookie" not in response.headers
    return None if is_itself and is_answered else target


def _header(response: httpx2.Response, wanted: bytes) -> str | None:
    """The value of a header with an address; None if there is none.

    Bytes above 0x7F are UTF-8, or else Latin-1. Of several headers the first counts.
    """
    values = [value for name, value in response.headers.raw if name.lower() == wanted]
    if not values:
        return None
    try:
        return values[0].decode()
    except UnicodeDecodeError:
        return values[0].decode(LATIN_1)


def _request_key(url: str, cookies: str) -> str:
    """The key of a request in a `ResponseCache`; no URL as sent has a fragment."""
    return f"{url}#{hashlib.sha256(cookies.encode()).hexdigest()[:16]}" if cookies else url


async def _body(response: httpx2.Response, limits: FetchLimits) -> bytes:
    """The decompressed body, read no further than `limits.max_body`."""
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > limits.max_body:
                if limits.truncate:
                    return bytes(body[: limits.max_body])
                most = f"{limits.max_body / 2**20:g} MiB"
                raise PageTooLarge(f"The body is larger than the {most} that a page may have.")
    except httpx2.RemoteProtocolError as error:
        host = response.url.host
        raise BrokenBody(f"{host} cut the body short, or framed it as HTTP does not.") from error
    if is_truncated(response):
        raise BrokenCompression(
            f"{response.url.host} sent a body whose compressed data ends early."
        )
    return bytes(body)
