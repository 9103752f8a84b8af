"""Parsing of robots.txt (RFC 9309).

This module finds the groups; `protego` matches the patterns of a group's rules. The groups of
`protego` are not used: it matches the token `Diffy` to `DiffyBot`, and copies each rule for each
agent of a group, so that 50 KB of robots.txt with 1,000 agents take 200 MB.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from protego import Protego

PRODUCT_TOKEN: Final = "DiffyBot"
"""Our product token in robots.txt (RFC 9309, 2.2.1)."""

MAX_ROBOTS_SIZE: Final = 512 * 1024
"""Number of bytes that are parsed (RFC 9309, 2.5: at least 500 KiB)."""

MAX_CRAWL_DELAY: Final = 60.0
"""Limit on Crawl-delay in seconds: a longer one would be a Disallow in disguise."""

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
"""Maps spellings of the supported directives to their names; as tolerant as Google's parser."""

_TOKEN: Final = re.compile(r"[A-Za-z_-]*")
_OTHER_THAN_PRINTABLE: Final = re.compile(rb"[^\x20-\x7e\t\r\n]")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Group:
    """The rules for some product tokens in lower case; `*` stands for all others."""

    agents: frozenset[str]
    rules: tuple[str, ...]


class Robots:
    """The rules of one robots.txt; `sitemaps` are the URLs of its sitemaps as written."""

    def __init__(self, groups: tuple[Group, ...], sitemaps: tuple[str, ...]) -> None:
        self._groups = groups
        self.sitemaps = sitemaps
        self._rules = lru_cache(maxsize=8)(self._rules_for)

    def allows(self, url: str, product: str = PRODUCT_TOKEN) -> bool:
        """Whether `product` may fetch the normalised `url`; robots.txt itself is always allowed."""
        return self._rules(product.lower()).can_fetch(url, _ANYONE)

    def crawl_delay(self, product: str = PRODUCT_TOKEN) -> float | None:
        """The Crawl-delay in seconds, at most `MAX_CRAWL_DELAY`; None if there is none."""
        delay = self._rules(product.lower()).crawl_delay(_ANYONE)
        return min(delay, MAX_CRAWL_DELAY) if delay else None

    def _rules_for(self, agent: str) -> Protego:
        """The rules of all groups that name `agent`, or else of the groups for `*` (2.2.1)."""
        named = [group for group in self._groups if agent in group.agents]
        chosen = named or [group for group in self._groups if _ANYONE in group.agents]
        rules = [rule for group in chosen for rule in group.rules]
        return Protego.parse("\n".join([f"{_AGENT}: {_ANYONE}", *rules]))


def parse_robots(body: bytes) -> Robots:
    """The rules in `body`. Never raises: invalid lines are ignored."""
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
    """`body` as ASCII, with other bytes percent-encoded as in URLs of any charset."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        body = body[: 2 * MAX_ROBOTS_SIZE].decode("utf-16", errors="replace").encode()
    # A byte order mark, whole or truncated, would hide the first line.
    body = re.sub(rb"\A\xef(\xbb\xbf?)?", b"", body)
    if len(body) > MAX_ROBOTS_SIZE:
        # A truncated line has another meaning, such as `/` for `/private`.
        body = body[:MAX_ROBOTS_SIZE].rpartition(b"\n")[0]
    body = body.replace(b"\0", b"")
    return _OTHER_THAN_PRINTABLE.sub(lambda found: b"%%%02X" % found[0][0], body).decode("ascii")


def _directives(text: str) -> Iterator[tuple[str, str]]:
    """The supported directives. Unknown ones are skipped, so that they do not end a group."""
    for line in _LINE_END.split(text):
        written = line.partition("#")[0].strip()
        name, _, value = written.partition(":")
        key = _SPELLINGS.get(name.strip().lower())
        if key is None:
            # Tolerate a missing colon. The value may contain one, as a sitemap's URL does.
            words = written.split(maxsplit=1)
            if len(words) == 2:
                key = _SPELLINGS.get(words[0].lower())
                value = words[1]
        if key is not None:
            yield key, value.strip()


def _agent(value: str) -> str:
    """The product token at the start of `value` in lower case; empty, to match nobody, if none."""
    if value.split(maxsplit=1)[:1] == [_ANYONE]:
        return _ANYONE
    found = _TOKEN.match(value)
    return found[0].lower() if found else ""


ALLOW_ALL: Final = parse_robots(b"")
"""The rules of a site without robots.txt (RFC 9309, 2.3.1.3)."""
