"""Normalisation of URLs, and parsing of the domains that users register.

`ada_url` parses URLs by the WHATWG URL standard, as browsers do. The order of parameters, blank
values and percent-encoding stay as the site's own links have them.
"""

import re
from dataclasses import dataclass
from typing import Final

import ada_url

from core.errors import InvalidAddress, InvalidRequest

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
_SESSION_IN_PATH: Final = re.compile(r";(?:jsessionid|phpsessid)=[^/;?]*", re.IGNORECASE)

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


def normalise(url: str, base: str | None = None) -> str:
    """The normalised form of `url`, resolved against `base`: the identity of a page.

    It has no fragment, default port, tracking parameters or session ids. Raises InvalidAddress if
    `url` is not an http or https URL, contains credentials, or is longer than `MAX_URL_LENGTH`.
    """
    parsed = _parse(url, base)
    if parsed.protocol not in ("http:", "https:"):
        raise InvalidAddress(f"{_quoted(url)} is not an address on the web.")
    if parsed.username or parsed.password:
        # The message omits the address, which contains a secret: messages are logged and shown.
        raise InvalidAddress("The address has a user name or password in it.")
    parsed.hash = ""
    if ";" in parsed.pathname:
        parsed.pathname = _SESSION_IN_PATH.sub("", parsed.pathname)
    kept = _without_visit(parsed.search)
    # The setter removes one leading question mark, which may be part of the query.
    parsed.search = f"?{kept}" if kept else ""
    href: str = parsed.href
    if len(href) > MAX_URL_LENGTH:
        raise InvalidAddress(f"The address is longer than {MAX_URL_LENGTH} characters.")
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
