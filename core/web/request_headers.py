"""Validation of the request headers and cookies in crawl settings."""

import re
from typing import Final

from pydantic_core import PydanticCustomError

MAX_HEADERS: Final = 20
MAX_COOKIES: Final = 50
MAX_HEADER_NAME_LENGTH: Final = 100
MAX_HEADER_VALUE_LENGTH: Final = 4_096
MAX_HEADERS_LENGTH: Final = 8_000
"""Number of characters of all names and values; servers refuse more than about 8 KiB of headers."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""
_VALUE: Final = re.compile(r"[!-~](?:[\t -~]*[!-~])?")
"""RFC 9110, 5.5, restricted to ASCII."""
_COOKIE: Final = re.compile(r"[!#-+\--:<-\[\]-~]*|\"[!#-+\--:<-\[\]-~]*\"")
"""RFC 6265, 4.1.1."""


def _for(names: str, reason: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


REFUSED_HEADERS: Final = {
    **_for("host", "It follows from the address."),
    **_for(
        "connection keep-alive te trailer transfer-encoding upgrade http2-settings expect",
        "It is about one connection, which the crawler manages (RFC 9110, 7.6.1).",
    ),
    **_for(
        "content-length content-type content-encoding content-range content-location",
        "It describes a body, and these requests have none.",
    ),
    **_for("accept-encoding", "It says what the crawler can decode."),
    **_for(
        "if-match if-none-match if-modified-since if-unmodified-since if-range range",
        "The crawler itself asks whether a page has changed, and for all of it.",
    ),
    **_for("cookie", "Cookies are given in cookies."),
    **_for("user-agent", "It is given in userAgent."),
    **_for("from via forwarded date max-forwards", "It says who asks, and through whom."),
}
"""Maps the header names that cannot be set, in lower case, to the reason."""

_REFUSED_PREFIXES: Final = {
    "proxy-": "It is for proxies.",
    "sec-": "Only browsers set it (Fetch standard).",
    ":": "It is no header.",
}


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return `headers` unchanged. Raises PydanticCustomError, without any value, if one is invalid
    or refused.
    """
    _check_size(headers, "headers", MAX_HEADERS)
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        reason = REFUSED_HEADERS.get(lower) or next(
            (why for start, why in _REFUSED_PREFIXES.items() if lower.startswith(start)), None
        )
        if reason is not None:
            raise _refused(f"{_shown(name)} cannot be set. {reason}")
        _check_name(name)
        if lower in seen:
            raise _refused(f"{_shown(name)} is named twice")
        seen.add(lower)
        if len(value) > MAX_HEADER_VALUE_LENGTH or not _VALUE.fullmatch(value):
            raise _refused(
                f"The value of {_shown(name)} must be 1 to {MAX_HEADER_VALUE_LENGTH:,} printable "
                "ASCII characters without white space at its ends"
            )
    return headers


def check_cookies(cookies: dict[str, str]) -> dict[str, str]:
    """Return `cookies` unchanged. Raises PydanticCustomError, without any value, if one is
    invalid.
    """
    _check_size(cookies, "cookies", MAX_COOKIES)
    for name, value in cookies.items():
        _check_name(name)
        if len(value) > MAX_HEADER_VALUE_LENGTH or not _COOKIE.fullmatch(value):
            raise _refused(
                f"The value of {_shown(name)} must be at most {MAX_HEADER_VALUE_LENGTH:,} ASCII "
                "characters without white space, quotes, commas, semicolons and backslashes "
                "(RFC 6265, 4.1.1)"
            )
    return cookies


def check_user_agent(text: str) -> str:
    """Return `text` unchanged. Raises PydanticCustomError if it is not a valid User-Agent."""
    if not _VALUE.fullmatch(text):
        raise _refused("This must be printable ASCII without white space at its ends")
    return text


def _check_size(fields: dict[str, str], noun: str, limit: int) -> None:
    if len(fields) > limit:
        raise _refused(f"At most {limit} {noun} can be set")
    if sum(len(name) + len(value) for name, value in fields.items()) > MAX_HEADERS_LENGTH:
        raise _refused(f"All {noun} together may have {MAX_HEADERS_LENGTH:,} characters")


def _check_name(name: str) -> None:
    if len(name) > MAX_HEADER_NAME_LENGTH or not _TOKEN.fullmatch(name):
        raise _refused(
            f"{_shown(name)} is no name: 1 to {MAX_HEADER_NAME_LENGTH} letters, digits and "
            "!#$%&'*+-.^_`|~ (RFC 9110, 5.6.2)"
        )


def _shown(name: str) -> str:
    return "".join(sign if " " < sign < "\x7f" else "?" for sign in name[:MAX_HEADER_NAME_LENGTH])


def _refused(sentence: str) -> PydanticCustomError:
    # The sentence is a parameter because pydantic interprets braces in the template.
    return PydanticCustomError("refused_field", "{sentence}", {"sentence": sentence})
