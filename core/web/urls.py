"""Normalisation of URLs, and parsing of the domains that users register.

`ada_url` parses URLs by the WHATWG URL standard, as browsers do. The order of parameters, blank
values and percent-encoding stay as the site's own links have them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

import ada_url

from core.errors import InvalidAddress, InvalidRequest
from core.web.hash_routes import document_of, is_route, route_of, with_route

MAX_URL_LENGTH: Final = 2_000
"""Number of characters; longer URLs are rejected."""

MAX_HOST_LENGTH: Final = 253
"""Number of characters of a host name (RFC 1035, 2.3.4)."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

TRACKING_PARAMETERS: Final = frozenset(
    {
        "dclid",
        "fbclid",
        "gbraid",
        "gclid",
        "gclsrc",
        "igshid",
        "mc_cid",
        "mc_eid",
        "msclkid",
        "twclid",
        "wbraid",
        "yclid",
        "_hsenc",
        "_hsmi",
    }
)
"""Query parameters that name the origin of a visit and never affect the page."""

TRACKING_PREFIXES: Final = ("utm_",)

SESSION_PARAMETERS: Final = frozenset({"cfid", "cftoken", "jsessionid", "phpsessid"})
"""Query parameters that identify a session and never a page."""

SESSION_PREFIXES: Final = ("aspsessionid",)

AMBIGUOUS_SESSION_PARAMETERS: Final = frozenset({"s", "session", "session_id", "sessionid", "sid"})
"""Query parameters that identify a session if their value has at least 20 hexadecimal digits; with
a shorter value they may identify a page."""

_SESSION_VALUE: Final = re.compile(r"[0-9a-f]{20,}", re.IGNORECASE)
_SESSION_IN_PATH: Final = re.compile(
    r";(?:jsessionid|phpsessid)=[^/;?]*|/\((?:[A-Z]\([0-9a-z]{24}\))+\)(?=/)", re.IGNORECASE
)
"""Path parameters of servlets and PHP, and the path segment of ASP.NET without cookies."""

VISIT_PARAMETERS: Final = frozenset(
    {
        "cookiecheck",
        "nocache",
        "nonce",
        "rand",
        "random",
        "rnd",
        "sess",
        "session",
        "session_id",
        "sessionid",
        "sid",
        "ticket",
        "timestamp",
        "token",
        "ts",
        "visit",
        "visit_id",
        "visitid",
        "visitor",
        "visitor_id",
        "visitorid",
    }
)
"""Query parameters that identify a visit if a site's redirect adds them to the address it was asked
for; in a link they may identify a page."""

AMBIGUOUS_VISIT_PARAMETERS: Final = frozenset(
    {"_", "cid", "r", "s", "t", "tid", "time", "uid", "uuid", "v", "vid"}
)
"""Query parameters that do so only if their value looks random."""

_RANDOM: Final = re.compile(
    r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[0-9a-z]{6,}|[0-9]{10}(?:[0-9]{3})?", re.IGNORECASE
)
"""A value of letters and digits, or a moment of Unix time, of an ambiguous parameter."""

_SURELY_RANDOM: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[^0-9]*[0-9])(?=[^a-f]*[a-f])[0-9a-f]{16,}",
    re.IGNORECASE,
)
"""A UUID or a hash: the value of a parameter of any name."""

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""RFC 1123, 2.1, and the underscore, which is in use."""


@dataclass(frozen=True)
class Site:
    """A registered site; `port` is None for the default port of the scheme."""

    scheme: str
    host: str
    port: int | None

    @property
    def authority(self) -> str:
        """`host`, or `host:port`."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`."""
        return f"{self.scheme}://{self.authority}"

    @property
    def domain(self) -> str:
        """The site as the API shows it: with the scheme only if that is not https."""
        return self.authority if self.scheme == "https" else self.origin


def normalise(url: str, base: str | None = None, *, routes: bool = False) -> str:
    """The normalised form of `url`, resolved against `base`: the identity of a page.

    It has no fragment, default port, tracking parameters or session ids. With `routes`, which is
    for pages that a browser renders, it keeps a hash route (`core.web.hash_routes`). Raises
    InvalidAddress if `url` is not an http or https URL, contains credentials, or is longer than
    `MAX_URL_LENGTH`.
    """
    parsed = _web_address(url, base)
    if routes:
        parsed.hash = _route(_parse(url, base).hash)
    if ";" in parsed.pathname or "(" in parsed.pathname:
        parsed.pathname = _SESSION_IN_PATH.sub("", parsed.pathname)
    kept = _without_visit(parsed.search)
    # The setter removes one leading question mark, which may be part of the query.
    parsed.search = f"?{kept}" if kept else ""
    return _checked_length(parsed)


def as_sent(url: str, base: str | None = None) -> str:
    """The URL that a browser requests for `url`, resolved against `base`: without its fragment.

    Unlike `normalise` it keeps the parameters of a visit, without which some sites redirect for
    ever. Raises InvalidAddress as `normalise` does.
    """
    return _checked_length(_web_address(url, base))


def name_after_redirects(requested: Sequence[str]) -> str:
    """The normalised URL by which the page at the end of a chain of redirects is known.

    `requested` are the URLs of the chain as sent, first to last. A redirect that only adds
    parameters to its own address leads to the same page: the page keeps the address by which it was
    asked for. A redirect to another address may add an id of the visit to it, which is removed.
    """
    name = normalise(requested[0])
    for before, after in pairwise(requested):
        if not _adds_parameters(before, after) and normalise(after) != name:
            name = _without_added_visit(normalise(after), before)
    return name


def without_visit_ids(name: str) -> str:
    """The normalised `name` without what may identify a visit: what it is of, not which one."""
    return _without_added_visit(name, "")


def carries(target: str, url: str) -> bool:
    """Whether a query parameter of `target` is the address `url`, to which it may lead back."""
    origin = origin_of(url)
    addresses = {url, url.removeprefix(origin), url.removeprefix(f"{origin}/")} - {""}
    query = target.partition("?")[2]
    return any(unquote(pair.partition("=")[2]) in addresses for pair in _pairs(query))


def without_visit(links: Sequence[str], requested: str, name: str) -> tuple[str, ...]:
    """`links` of the page that was `requested` and is known as `name`, without the parameters that
    a redirect added: a site that gives each visit an id repeats it in its links.
    """
    added = Counter(_pairs(requested.partition("?")[2]))
    added.subtract(_pairs(name.partition("?")[2]))
    visit = {pair for pair, count in added.items() if count > 0}
    return (
        tuple(dict.fromkeys(_without_pairs(link, visit) for link in links))
        if visit
        else tuple(links)
    )


def _without_pairs(link: str, pairs: set[str]) -> str:
    path, _, query = document_of(link).partition("?")
    kept = "&".join(pair for pair in query.split("&") if pair not in pairs)
    return with_route(f"{path}?{kept}" if kept else path, route_of(link))


def verbatim_url(url: str) -> str:
    """The http(s) URL as a client gave it, complete but for its fragment.

    For requests to a user's own service, whose parameters are all needed. Raises InvalidAddress as
    `normalise` does.
    """
    normalise(url)
    parsed = _parse(url, None)
    parsed.hash = ""
    href: str = parsed.href
    return href


def host_of(url: str) -> str:
    """The host of a normalised URL; an IPv6 address has brackets."""
    host: str = _parse(url, None).hostname
    return host


def origin_of(url: str) -> str:
    """The origin of a normalised URL: `scheme://host[:port]`."""
    origin: str = _parse(url, None).origin
    return origin


def port_of(url: str) -> int:
    """The port of a normalised URL, explicit or the default of its scheme."""
    parsed = _parse(url, None)
    return int(parsed.port) if parsed.port else DEFAULT_PORTS[parsed.protocol.rstrip(":")]


def parse_domain(text: str) -> Site:
    """The site named by a host, `host:port` or http(s) origin.

    The default scheme is https; an internationalised name becomes punycode. Raises InvalidRequest,
    with a sentence in its details, for anything else: a path, a query, credentials, an empty label,
    or a single label other than `localhost`.
    """
    if not text.isprintable() or " " in text or not 0 < len(text) <= MAX_URL_LENGTH:
        raise _refused("A domain is a name such as competitor.com, without spaces.")
    try:
        parsed = ada_url.URL(text if "://" in text else f"https://{text}")
    except ValueError:
        raise _refused(f"{_quoted(text)} is not a domain, host:port or origin.") from None
    scheme: str = parsed.protocol.rstrip(":")
    if scheme not in DEFAULT_PORTS:
        raise _refused("Only http and https sites can be watched.")
    authority = text.split("://", 1)[-1].removesuffix("/")
    if any(sign in authority for sign in "/\\?#"):
        raise _refused("A domain has no path or query; add pages to it instead.")
    if "@" in authority:
        raise _refused("A domain has no user name or password in it.")
    if authority.endswith(":") or parsed.port == "0":
        raise _refused("A port is a number from 1 to 65535.")
    host: str = parsed.hostname
    if parsed.host_type is ada_url.HostType.IPV4:
        # The standard also accepts `127.1`, `0x7f000001` and `12345`, which are likely mistakes.
        if authority.split(":", 1)[0] != host:
            raise _refused("Write an IPv4 address as four decimal numbers.")
    elif parsed.host_type is ada_url.HostType.DEFAULT:
        _check_name(host)
    return Site(scheme, host, int(parsed.port) if parsed.port else None)


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > MAX_HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(
            "Each part of a domain has 1 to 63 letters, digits and inner hyphens, 253 in all."
        )
    if len(labels) < 2 and host != "localhost":
        raise _refused("A domain has at least two parts, such as competitor.com.")


def _web_address(url: str, base: str | None) -> ada_url.URL:
    """The parsed URL without its fragment. Raises InvalidAddress as `normalise` does, but for its
    length.
    """
    parsed = _parse(url, base)
    if parsed.protocol not in ("http:", "https:"):
        raise InvalidAddress(f"{_quoted(url)} is not an address on the web.")
    if parsed.username or parsed.password:
        # The message omits the address, which contains a secret: messages are logged and shown.
        raise InvalidAddress("The address has a user name or password in it.")
    parsed.hash = ""
    return parsed


def _route(fragment: str) -> str:
    """The route in a fragment; empty if it is none. Sections and parameters of a visit are left
    out, since an application has its own anchors and queries in its routes.
    """
    route = fragment.removeprefix("#").partition("#")[0]
    path, _, query = route.partition("?")
    kept = _without_visit(query)
    route = f"{path}?{kept}" if kept else path
    return route if is_route(route) else ""


def _checked_length(parsed: ada_url.URL) -> str:
    href: str = parsed.href
    if len(href) > MAX_URL_LENGTH:
        raise InvalidAddress(f"The address is longer than {MAX_URL_LENGTH} characters.")
    return href


def _adds_parameters(before: str, after: str) -> bool:
    """Whether `after` is the address `before`, or `before` with further query parameters."""
    old, new = normalise(before), normalise(after)
    (old_path, _, old_query), (new_path, _, new_query) = old.partition("?"), new.partition("?")
    added = Counter(_pairs(new_query))
    added.subtract(_pairs(old_query))
    return old_path == new_path and all(count >= 0 for count in added.values())


def _without_added_visit(name: str, before: str) -> str:
    """The normalised `name` without ids of a visit that the URL `before` does not have."""
    path, _, query = name.partition("?")
    had = {pair.partition("=")[0] for pair in _pairs(before.partition("?")[2])}
    kept = [
        pair
        for pair in query.split("&")
        if pair.partition("=")[0] in had or not _identifies_a_visit(*pair.partition("=")[::2])
    ]
    return f"{path}?{'&'.join(kept)}" if kept != [""] and kept else path


def _identifies_a_visit(name: str, value: str) -> bool:
    name = name.lower()
    return (
        name in VISIT_PARAMETERS
        or (name in AMBIGUOUS_VISIT_PARAMETERS and _RANDOM.fullmatch(value) is not None)
        or _SURELY_RANDOM.fullmatch(value) is not None
    )


def _pairs(query: str) -> list[str]:
    return [pair for pair in query.split("&") if pair]


def _parse(url: str, base: str | None) -> ada_url.URL:
    try:
        return ada_url.URL(url, base) if base is not None else ada_url.URL(url)
    except (ValueError, UnicodeEncodeError):
        raise InvalidAddress(f"{_quoted(url)} is not an address on the web.") from None


def _without_visit(search: str) -> str:
    pairs = search.removeprefix("?").split("&")
    return "&".join(pair for pair in pairs if not _names_a_visit(*pair.partition("=")[::2]))


def _names_a_visit(name: str, value: str) -> bool:
    name = name.lower()
    return (
        name in TRACKING_PARAMETERS
        or name in SESSION_PARAMETERS
        or name.startswith((*TRACKING_PREFIXES, *SESSION_PREFIXES))
        or (name in AMBIGUOUS_SESSION_PARAMETERS and _SESSION_VALUE.fullmatch(value) is not None)
    )


def _quoted(text: str) -> str:
    """The start of `text` for a message, without characters that cannot be printed or stored."""
    return f"“{''.join(each if each.isprintable() else '�' for each in text[:100])}”"


def _refused(sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, {"domain": sentence})
