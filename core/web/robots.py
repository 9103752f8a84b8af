"""robots.txt as RFC 9309 reads it.

The groups are found here, the patterns of a group's rules are matched by `protego`. Its own groups
are not used: it takes the token `Diffy` for `DiffyBot`, and gives each of 1,000 agents in one group
a copy of each rule, so that 50 KB of robots.txt fill 200 MB.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from protego import Protego

PRODUCT: Final = "DiffyBot"
"""The product token that robots.txt files name us by (RFC 9309, 2.2.1)."""

LARGEST: Final = 512 * 1024
"""Bytes that are read (RFC 9309, 2.5: at least 500 KiB)."""

LONGEST_DELAY: Final = 60.0
"""Seconds; a longer Crawl-delay would be a way to say no, for which there is Disallow."""

_ANYONE: Final = "*"
_AGENT: Final = "user-agent"
_SITEMAP: Final = "sitemap"

_SPELLINGS: Final = {
    **dict.fromkeys(("user-agent", "useragent", "user agent"), _AGENT),
    **dict.fromkeys(
        ("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"), "disallow"
    ),
    "allow": "allow",
    **dict.fromkeys(("crawl-delay", "crawl delay"), "crawl-delay"),
    **dict.fromkeys(("sitemap", "sitemaps", "site-map"), _SITEMAP),
}
"""The directives that count, and how they are also written; the forgiving follows Google's."""

_TOKEN: Final = re.compile(r"[A-Za-z_-]*")
_OTHER_THAN_PRINTABLE: Final = re.compile(rb"[^\x20-\x7e\t\r\n]")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Group:
    """The rules for some product tokens (lower case; `*` for those that no group names)."""

    agents: frozenset[str]
    rules: tuple[str, ...]


class Robots:
    """The rules of one robots.txt. `sitemaps` are the sitemaps it names, as written."""

    def __init__(self, groups: tuple[Group, ...], sitemaps: tuple[str, ...]) -> None:
        self._groups = groups
        self.sitemaps = sitemaps
        self._rules = lru_cache(maxsize=8)(self._rules_for)

    def allows(self, url: str, product: str = PRODUCT) -> bool:
        """Whether `product` may fetch the normalised `url`; never no to robots.txt itself."""
        return self._rules(product.lower()).can_fetch(url, _ANYONE)

    def crawl_delay(self, product: str = PRODUCT) -> float | None:
        """Seconds asked for between two requests, `LONGEST_DELAY` at most; None when not said."""
        delay = self._rules(product.lower()).crawl_delay(_ANYONE)
        return min(delay, LONGEST_DELAY) if delay else None

    def _rules_for(self, agent: str) -> Protego:
        """The rules of all groups that name `agent`, or else of those for anyone (2.2.1)."""
        named = [group for group in self._groups if agent in group.agents]
        chosen = named or [group for group in self._groups if _ANYONE in group.agents]
        rules = [rule for group in chosen for rule in group.rules]
        return Protego.parse("\n".join([f"{_AGENT}: {_ANYONE}", *rules]))


def parse_robots(body: bytes) -> Robots:
    """The rules in `body`; any bytes are a robots.txt, if an empty one."""
    groups: list[Group] = []
    sitemaps: list[str] = []
    agents: set[str] = set()
    rules: list[str] = []
    in_rules = False
    for key, value in _directives(_text(body)):
        if key == _SITEMAP:
            sitemaps.append(value)
        elif key == _AGENT:
            if in_rules:
                groups.append(Group(frozenset(agents), tuple(rules)))
                agents, rules, in_rules = set(), [], False
            agents.add(_agent(value))
        else:
            in_rules = True
            rules.append(f"{key}: {value}")
    groups.append(Group(frozenset(agents), tuple(rules)))
    return Robots(tuple(groups), tuple(sitemap for sitemap in sitemaps if sitemap))


def _text(body: bytes) -> str:
    """`body` as ASCII, other bytes percent-encoded, as they are in URLs whatever the charset."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        body = body[: 2 * LARGEST].decode("utf-16", errors="replace").encode()
    # A byte order mark otherwise hides the first line; some are cut short.
    body = re.sub(rb"\A\xef(\xbb\xbf?)?", b"", body)
    if len(body) > LARGEST:
        # A line that is cut, `/` of `/private`, would mean something else.
        body = body[:LARGEST].rpartition(b"\n")[0]
    body = body.replace(b"\0", b"")
    return _OTHER_THAN_PRINTABLE.sub(lambda found: b"%%%02X" % found[0][0], body).decode("ascii")


def _directives(text: str) -> Iterator[tuple[str, str]]:
    """The directives that count. An unknown one is as if it were not there: it parts no group."""
    for line in _LINE_END.split(text):
        written = line.partition("#")[0].strip()
        name, _, value = written.partition(":")
        key = _SPELLINGS.get(name.strip().lower())
        if key is None:
            # A forgotten colon is forgiven; the value may hold one, as that of a sitemap does.
            words = written.split(maxsplit=1)
            if len(words) == 2:
                key = _SPELLINGS.get(words[0].lower())
                value = words[1]
        if key is not None:
            yield key, value.strip()


def _agent(value: str) -> str:
    """The product token at the start of `value`, in lower case; "", which names nobody, if none."""
    if value.split(maxsplit=1)[:1] == [_ANYONE]:
        return _ANYONE
    found = _TOKEN.match(value)
    return found[0].lower() if found else ""


ALLOW_ALL: Final = parse_robots(b"")
"""What a site without robots.txt says (RFC 9309, 2.3.1.3)."""
