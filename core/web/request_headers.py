"""Which request headers and cookies a user may add, and what they may hold."""

import re
from typing import Final

from pydantic_core import PydanticCustomError

MOST_HEADERS: Final = 20
MOST_COOKIES: Final = 50
LONGEST_NAME: Final = 100
LONGEST_VALUE: Final = 4_096
LARGEST: Final = 8_000
"""Characters of all names and values together; servers refuse more than about 8 KiB of headers."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""
_VALUE: Final = re.compile(r"[!-~](?:[\t -~]*[!-~])?")
"""RFC 9110, 5.5, without what is not ASCII."""
_COOKIE: Final = re.compile(r"[!#-+\--:<-\[\]-~]*|\"[!#-+\--:<-\[\]-~]*\"")
"""RFC 6265, 4.1.1."""


def _for(names: str, reason: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


REFUSED: Final = {
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
"""Header names that cannot be added, in lower case, and why."""

_REFUSED_PREFIXES: Final = {
    "proxy-": "It is for proxies.",
    "sec-": "Only browsers set it (Fetch standard).",
    ":": "It is no header.",
}


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """`headers` as they are. Raises PydanticCustomError, which repeats no value."""
    _check_size(headers, "headers", MOST_HEADERS)
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        reason = REFUSED.get(lower) or next(
            (why for start, why in _REFUSED_PREFIXES.items() if lower.startswith(start)), None
        )
        if reason is not None:
            raise _refused(f"{_shown(name)} cannot be set. {reason}")
        _check_name(name)
        if lower in seen:
            raise _refused(f"{_shown(name)} is named twice")
        seen.add(lower)
        if len(value) > LONGEST_VALUE or not _VALUE.fullmatch(value):
            raise _refused(
                f"The value of {_shown(name)} must be 1 to {LONGEST_VALUE:,} printable ASCII "
                "characters without white space at its ends"
            )
    return headers


def check_cookies(cookies: dict[str, str]) -> dict[str, str]:
    """`cookies` as they are. Raises PydanticCustomError, which repeats no value."""
    _check_size(cookies, "cookies", MOST_COOKIES)
    for name, value in cookies.items():
        _check_name(name)
        if len(value) > LONGEST_VALUE or not _COOKIE.fullmatch(value):
            raise _refused(
                f"The value of {_shown(name)} must be at most {LONGEST_VALUE:,} ASCII characters "
                "without white space, quotes, commas, semicolons and backslashes (RFC 6265, 4.1.1)"
            )
    return cookies


def check_user_agent(text: str) -> str:
    """`text` as it is. Raises PydanticCustomError when no User-Agent header can say it."""
    if not _VALUE.fullmatch(text):
        raise _refused("This must be printable ASCII without white space at its ends")
    return text


def _check_size(given: dict[str, str], what: str, most: int) -> None:
    if len(given) > most:
        raise _refused(f"At most {most} {what} can be set")
    if sum(len(name) + len(value) for name, value in given.items()) > LARGEST:
        raise _refused(f"All {what} together may have {LARGEST:,} characters")


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME or not _TOKEN.fullmatch(name):
        raise _refused(
            f"{_shown(name)} is no name: 1 to {LONGEST_NAME} letters, digits and "
            "!#$%&'*+-.^_`|~ (RFC 9110, 5.6.2)"
        )


def _shown(name: str) -> str:
    return "".join(sign if " " < sign < "\x7f" else "?" for sign in name[:LONGEST_NAME])


def _refused(sentence: str) -> PydanticCustomError:
    # Braces would be read as a template's.
    return PydanticCustomError("refused_field", "{sentence}", {"sentence": sentence})
