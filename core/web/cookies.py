"""The cookies of one fetch, by RFC 6265: what a site sets in a redirect comes back to it."""

import ipaddress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import ada_url

MAX_COOKIES: Final = 50
"""Number of cookies kept of one fetch; RFC 6265, 6.1 asks for as many of a domain."""

MAX_COOKIE_LENGTH: Final = 4_096
"""Number of characters of one cookie; a longer one is ignored, as in browsers (RFC 6265, 6.1)."""

_SEPARATORS: Final = frozenset("\r\n\0")


@dataclass(frozen=True)
class _Cookie:
    """One cookie. It is sent to `host`, and to its subdomains unless `host_only`.

    `value` is None for a cookie that the site has deleted.
    """

    name: str
    value: str | None
    host: str
    path: str
    host_only: bool
    secure: bool


class CookieJar:
    """The cookies that a site has set during one fetch. No expiry is kept: a fetch is short."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    def take(self, url: str, lines: tuple[str, ...]) -> None:
        """Take the cookies of the `Set-Cookie` lines in a response of `url`.

        A line that is no cookie for the host of `url` is ignored.
        """
        parsed = ada_url.URL(url)
        for line in lines:
            cookie = _parsed(line, parsed)
            if cookie is None:
                continue
            key = (cookie.name, cookie.host, cookie.path)
            if key in self._cookies or len(self._cookies) < MAX_COOKIES:
                self._cookies[key] = cookie

    def for_request(self, url: str) -> dict[str, str | None]:
        """The cookies of a request for `url` by name, longest path first; None for deleted ones."""
        parsed = ada_url.URL(url)
        matching = [each for each in self._cookies.values() if _matches(each, parsed)]
        found: dict[str, str | None] = {}
        for cookie in sorted(matching, key=lambda each: -len(each.path)):
            found.setdefault(cookie.name, cookie.value)
        return found


def cookie_header(chosen: str, received: dict[str, str | None]) -> str:
    """The `Cookie` header of a request; empty if it has none.

    `chosen` is the header that crawl settings ask for. A cookie that the site has set, or deleted,
    in the same fetch replaces the chosen one of its name, as in a browser.
    """
    pairs = [pair for pair in chosen.split("; ") if pair and pair.partition("=")[0] not in received]
    pairs += [
        f"{name}={value}" if name else value
        for name, value in received.items()
        if value is not None
    ]
    return "; ".join(pairs)


def _parsed(line: str, url: ada_url.URL) -> _Cookie | None:
    """The cookie of a `Set-Cookie` line (RFC 6265, 5.2); None if it is ignored."""
    pair, *attributes = line.split(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", name  # browsers take a line without "=" as a value without a name
    name, value = name.strip(" \t"), value.strip(" \t")
    if not (name or value) or len(name) + len(value) > MAX_COOKIE_LENGTH:
        return None
    if not _SEPARATORS.isdisjoint(line):
        return None
    host: str = url.hostname
    secure = url.protocol == "https:"
    cookie = _Cookie(name, value, host, _default_path(url.pathname), host_only=True, secure=False)
    expires: str | None = None
    max_age: str | None = None
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        text = text.strip(" \t")
        match key.strip(" \t").lower():
            case "domain" if text.strip("."):
                domain = text.removeprefix(".").lower()
                if not _is_within(host, domain) or ("." not in domain and domain != host):
                    return None
                cookie = replace(cookie, host=domain, host_only=domain == host and _is_ip(host))
            case "path" if text.startswith("/"):
                cookie = replace(cookie, path=text)
            case "secure":
                cookie = replace(cookie, secure=True)
            case "expires":
                expires = text
            case "max-age":
                max_age = text
    if cookie.secure and not secure:
        return None
    return replace(cookie, value=None) if _is_over(expires, max_age) else cookie


def _is_over(expires: str | None, max_age: str | None) -> bool:
    """Whether a cookie has expired when it is set; `max_age` counts before `expires`."""
    if max_age is not None:
        digits = max_age.removeprefix("-")
        if digits.isascii() and digits.isdigit():
            return max_age.startswith("-") or not digits.strip("0")
    if expires is None:
        return False
    try:
        moment = parsedate_to_datetime(expires)
    except (ValueError, OverflowError, TypeError, IndexError):
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= datetime.now(UTC)


def _matches(cookie: _Cookie, url: ada_url.URL) -> bool:
    host: str = url.hostname
    if host != cookie.host and (cookie.host_only or not _is_within(host, cookie.host)):
        return False
    if cookie.secure and url.protocol != "https:":
        return False
    path: str = url.pathname
    if not path.startswith(cookie.path):
        return False
    rest = path[len(cookie.path) :]
    return not rest or cookie.path.endswith("/") or rest.startswith("/")


def _default_path(path: str) -> str:
    """RFC 6265, 5.1.4."""
    return path[: path.rfind("/")] or "/"


def _is_within(host: str, domain: str) -> bool:
    """RFC 6265, 5.1.3."""
    return host == domain or (host.endswith(f".{domain}") and not _is_ip(host))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
