"""Removes secrets from what is logged.

A line may carry what a client or a site has sent, or what an operator has set. So the rule is
generous: where a word could be a secret it is one. A line that lost a harmless word can still be
read; a key that was logged has to be replaced everywhere.
"""

import re
from collections.abc import Iterable, Mapping
from json import dumps
from typing import Final
from urllib.parse import unquote

HIDDEN: Final = "***"

MAX_LENGTH: Final = 32_768
"""Characters of one text of a line. The middle of a longer one is left out."""

MIN_KNOWN_LENGTH: Final = 6
"""Characters of a known secret that is looked for everywhere. A shorter one may be any word."""

MAX_DEPTH: Final = 5
"""Levels of lists and mappings within a value. What lies deeper is left out."""

_WORD: Final = (
    r"(?:token|secret|passw(?:or)?d|passphrase|credentials?|signature|jwt|"
    r"authori[sz]ation|cookie2?|session(?:[-_]?id)?|"
    r"(?:api|access|private|secret|signing|encryption|bootstrap)[-_]?key)"
)
"""How names of what is secret end, in headers, queries, fields, settings, connection strings."""

_NAME: Final = rf"[\w.-]{{0,40}}?{_WORD}"

_SECRET_FIELD: Final = re.compile(rf"{_NAME}|headers|cookies", re.IGNORECASE)

_QUOTED: Final = r"(?:\\.|[^\\])*?"
"""The inside of a quoted text, whose closing mark follows."""

_GROUP: Final = re.compile(
    r"\b(?:headers|cookies)(?:\\?['\"])?\s*[:=]\s*(?:[A-Za-z_.]{1,40}\()?[\[{(]", re.IGNORECASE
)
"""The begin of a list or mapping of headers or cookies, whose names may be any."""

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}

_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # https://user:password@host, postgresql+psycopg://user:password@host
    (
        re.compile(r"((?:[a-z][a-z0-9+.-]{0,30}:)?//)[^\s/?#'\"<>]*@", re.IGNORECASE),
        rf"\1{HIDDEN}@",
    ),
    # Cookie: a=b; c="d"
    (
        re.compile(
            r"\b((?:proxy-)?authorization|(?:set-)?cookie2?):[ \t]*\S[^\r\n]*", re.IGNORECASE
        ),
        rf"\1: {HIDDEN}",
    ),
    # 'password': 'x', "token": "x", (b'Cookie', b'x'); also without its end, or escaped once more
    (
        re.compile(
            rf"(\\?['\"])({_NAME})\1(\s*[:,=]\s*b?)(\\?['\"]){_QUOTED}(?:\4|\\?\Z)",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\1\2\1\3\g<4>{HIDDEN}\4",
    ),
    # "token": 1234
    (
        re.compile(rf"(['\"])({_NAME})\1(\s*[:=]\s*)(?!b?\\?['\"])[^\s,}}\])]+", re.IGNORECASE),
        rf"\1\2\1\g<3>{HIDDEN}",
    ),
    # password='x y', password: "x y"
    (
        re.compile(
            rf"({_WORD})([ \t]*[:=][ \t]*)(['\"]){_QUOTED}(?:\3|\\?\Z)",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\1\2{HIDDEN}",
    ),
    # ?access_token=x&…, password=x host=…, api_key%3Dx
    (
        re.compile(rf"({_WORD})(=|%3D)(?!['\"]|\*\*\*)[^\s&;,'\")\]}}]+", re.IGNORECASE),
        rf"\1\2{HIDDEN}",
    ),
    # password: x
    (
        re.compile(rf"({_WORD}):[ \t]+(?!\*\*\*)[^\s'\"]\S*", re.IGNORECASE),
        rf"\1: {HIDDEN}",
    ),
    # Names that mean a secret in the query of a URL only
    (
        re.compile(
            r"([?&;](?:key|sig|auth|code|sid|pwd|pass|otp|ticket|hmac)=)[^\s&;#'\"<>]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(bearer)(\s+|%20|\+)[\w.~+/=%-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(r"\b(basic)(\s+|%20|\+)(?=[a-z]{0,80}[A-Z0-9+/=])[\w+/=]{8,}", re.IGNORECASE),
        rf"\1 {HIDDEN}",
    ),
    # API keys of Diffy and signing keys of webhooks; no name of a metric or a cookie is like them
    (re.compile(r"\bdiffy_(?=[a-z_]{0,60}[A-Z0-9-])[\w-]{16,}"), f"diffy_{HIDDEN}"),
    (re.compile(r"\bwhsec_[\w+/=-]{8,}"), f"whsec_{HIDDEN}"),
    # JSON Web Tokens (RFC 7519)
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{2,}(?:\.[\w-]*)?"), HIDDEN),
    # Addresses whose path is a secret: those of ours, and those of chats that channels call
    (
        re.compile(r"(?<!/api)(/(?:feeds|unsubscribe)/)[^\s/?#'\"<>]{20,}", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(//hooks\.slack\.com/|//[\w.]{0,40}discord(?:app)?\.com/api/webhooks/)[^\s'\"<>]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


class Redactor:
    """Removes secrets: those that look like one, and the `known` ones."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        # As they are, and as Python and JSON write them.
        forms = {form for each in known for form in (each, repr(each)[1:-1], dumps(each)[1:-1])}
        longest_first = sorted({each for each in forms if len(each) >= MIN_KNOWN_LENGTH}, key=len)
        alternatives = "|".join(map(re.escape, reversed(longest_first)))
        self._known = re.compile(alternatives) if alternatives else None

    def text(self, text: str) -> str:
        """`text` without secrets, of at most `MAX_LENGTH` characters and a mark of what was cut."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _without_groups(text)
        for pattern, shown in _RULES:
            text = pattern.sub(shown, text)
        if len(text) <= MAX_LENGTH:
            return text
        half = MAX_LENGTH // 2
        return f"{text[:half]} [{len(text) - MAX_LENGTH} characters] {text[-half:]}"

    def value(self, name: str, value: object, depth: int = 0) -> object:
        """The `value` of the field `name` without secrets, made of what JSON has."""
        if _SECRET_FIELD.fullmatch(name):
            return HIDDEN if value is not None else None
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case Mapping() | list() | tuple() if depth >= MAX_DEPTH:
                return "…"
            case Mapping():
                return {
                    self.text(str(key)): self.value(str(key), each, depth + 1)
                    for key, each in value.items()
                }
            case list() | tuple():
                return [self.value("", each, depth + 1) for each in value]
            case _:
                return self.text(str(value))


def passwords_in(url: str) -> set[str]:
    """The password in a URL, as it is written and as it is meant, as RFC 3986 and as SQLAlchemy
    read the URL: to that one `/`, `?` and `#` may stand in a password.
    """
    patterns = (r"//[^/?#:]*:([^/?#]*)@", r"//[^/:]*:([^@]*)@")
    found = [each[1] for pattern in patterns if (each := re.search(pattern, url))]
    return {form for each in found for form in (each, unquote(each))}


def _without_groups(text: str) -> str:
    """`text` without the contents of lists and mappings of headers and cookies."""
    kept: list[str] = []
    position = 0
    while found := _GROUP.search(text, position):
        kept += [text[position : found.end()], HIDDEN]
        position = _end_of_group(text, found.end())
    return "".join(kept) + text[position:]


def _end_of_group(text: str, position: int) -> int:
    """Where the bracket closes that opens before `position`; the end of `text` if it does not."""
    open_brackets = [text[position - 1]]
    quote = ""
    while position < len(text):
        sign = text[position]
        if quote:
            if sign == "\\":
                position += 1
            elif sign == quote:
                quote = ""
        elif sign in "'\"":
            quote = sign
        elif sign in _CLOSING:
            open_brackets.append(sign)
        elif sign == _CLOSING[open_brackets[-1]]:
            open_brackets.pop()
            if not open_brackets:
                return position
        position += 1
    return position
