"""URLs: the one identity of a page, and the domains that people register.

Parsing is the WHATWG URL standard's, by `ada_url`, as in browsers. Nothing else is rewritten: the
order of parameters, blank values and percent-encoding reach the site as its own links have them.
"""

import re
from dataclasses import dataclass
from typing import Final

import ada_url

from core.errors import InvalidAddress, InvalidRequest

LONGEST_URL: Final = 2_000
"""Characters; longer addresses are refused."""

LONGEST_HOST: Final = 253
"""Characters of a name (RFC 1035, 2.3.4)."""

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
"""Query parameters that say where a visitor came from and never what the page is."""

TRACKING_PREFIXES: Final = ("utm_",)

SESSION_PARAMETERS: Final = frozenset({"cfid", "cftoken", "jsessionid", "phpsessid"})
"""Query parameters that name a visit and never a page."""

SESSION_PREFIXES: Final = ("aspsessionid",)

PERHAPS_SESSIONS: Final = frozenset({"s", "session", "session_id", "sessionid", "sid"})
"""The same where the value is 20 hexadecimal digits or more; shorter ones may name a page."""

_SESSION_VALUE: Final = re.compile(r"[0-9a-f]{20,}", re.IGNORECASE)
_SESSION_IN_PATH: Final = re.compile(r";(?:jsessionid|phpsessid)=[^/;?]*", re.IGNORECASE)

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""RFC 1123, 2.1, and the underscore that names in use have."""


@dataclass(frozen=True)
class Site:
    """A registered site. `port` is None where it is the default of the scheme."""

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
        """The site as the API shows it: the scheme is named only where it is not https."""
        return self.authority if self.scheme == "https" else self.origin


def normalise(url: str, base: str | None = None) -> str:
    """The one identity of the page that `url`, relative to `base`, addresses.

    Without fragment, default port, tracking parameters and session ids; the order of the other
    parameters is kept, since a server may read it. Raises InvalidAddress for what is no http or
    https URL, has credentials in it, or is longer than 2,000 characters.
    """
    parsed = _parse(url, base)
    if parsed.protocol not in ("http:", "https:"):
        raise InvalidAddress(f"{_quoted(url)} is not an address on the web.")
    if parsed.username or parsed.password:
        # The address is not repeated: messages are logged and shown, and it holds a secret.
        raise InvalidAddress("The address has a user name or password in it.")
    parsed.hash = ""
    if ";" in parsed.pathname:
        parsed.pathname = _SESSION_IN_PATH.sub("", parsed.pathname)
    kept = _without_visit(parsed.search)
    # The setter drops one question mark, which may be part of the query.
    parsed.search = f"?{kept}" if kept else ""
    href: str = parsed.href
    if len(href) > LONGEST_URL:
        raise InvalidAddress(f"The address is longer than {LONGEST_URL} characters.")
    return href


def host_of(url: str) -> str:
    """The host of a normalised URL; an IPv6 address in its brackets."""
    host: str = _parse(url, None).hostname
    return host


def origin_of(url: str) -> str:
    """The origin of a normalised URL: `scheme://host[:port]`."""
    origin: str = _parse(url, None).origin
    return origin


def port_of(url: str) -> int:
    """The port a normalised URL is asked for at."""
    parsed = _parse(url, None)
    return int(parsed.port) if parsed.port else DEFAULT_PORTS[parsed.protocol.rstrip(":")]


def parse_domain(text: str) -> Site:
    """The site that a person means by a host, `host:port` or an http(s) origin.

    The scheme is https unless given; a name of another script becomes punycode. Raises
    InvalidRequest, with a sentence in its details, for anything else: a path, a query, credentials,
    an empty label, a single label other than `localhost`.
    """
    if not text.isprintable() or " " in text or not 0 < len(text) <= LONGEST_URL:
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
        # `127.1`, `0x7f000001` and `12345` are addresses to the standard, hardly to a person.
        if authority.split(":", 1)[0] != host:
            raise _refused("Write an IPv4 address as four decimal numbers.")
    elif parsed.host_type is ada_url.HostType.DEFAULT:
        _check_name(host)
    return Site(scheme, host, int(parsed.port) if parsed.port else None)


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
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
        or (name in PERHAPS_SESSIONS and _SESSION_VALUE.fullmatch(value) is not None)
    )


def _quoted(text: str) -> str:
    """The start of `text` for a message; what cannot be printed could not be stored either."""
    return f"“{''.join(sign if sign.isprintable() else '�' for sign in text[:100])}”"


def _refused(sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, {"domain": sentence})
