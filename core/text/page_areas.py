"""Which parts of a page are not what it says: menus, footers, cookie banners, advertisements.

Told by what the markup says of itself: elements, roles, and names of classes and ids as they are
used all over the web. A name must be the whole name, or it would catch the class of a price card.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from selectolax.lexbor import LexborNode


class PageArea(StrEnum):
    """What a part of a page is for."""

    CONTENT = "content"
    NAVIGATION = "navigation"
    FOOTER = "footer"  # of the whole page; one of a card or article is content
    CONSENT = "consent"
    ADVERTISEMENT = "advertisement"
    VOICES = "voices"  # testimonials: sites show another one at each visit


KEEPS_MONEY: Final = frozenset({PageArea.NAVIGATION, PageArea.FOOTER, PageArea.VOICES})
"""Regions in which a line that names an amount is content all the same."""

_PLACE: Final = (
    r"(?:(?:site|page|main|global|app|top|bottom|primary|secondary|mobile|desktop|header|footer"
    r"|doc|docs|left|right)[-_]?)?"
)
_SLOT: Final = r"(?:[-_](?:slot|unit|container|wrapper|box|banner|space|area|block|frame|\d+))*"


@dataclass(frozen=True)
class RegionRule:
    """One way to tell a region: by element, by role, or by a name of the class or id."""

    area: PageArea
    tags: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    name: str = r"(?!)"


RULES: Final = (
    RegionRule(
        PageArea.NAVIGATION,
        tags=frozenset({"nav"}),
        roles=frozenset({"navigation", "search", "menubar"}),
        name=_PLACE + r"(?:nav|navbar|navheader|navfooter|navigation|navmenu|breadcrumbs?)",
    ),
    RegionRule(
        PageArea.FOOTER,
        tags=frozenset({"footer"}),
        roles=frozenset({"contentinfo"}),
        name=_PLACE + r"(?:footer|ft|colophon)",
    ),
    RegionRule(
        PageArea.CONSENT,
        roles=frozenset({"dialog", "alertdialog"}),
        name=r".*(?:cookie|consent|gdpr|ccpa|onetrust).*|cc[-_](?:window|banner)",
    ),
    RegionRule(
        PageArea.ADVERTISEMENT,
        name=r"(?:(?:google|dfp|gpt|div|top|bottom|side|sidebar|inline|banner|page)[-_])*"
        r"(?:ads?|adverts?|advertisements?|adslot|adunit|adsbygoogle|adsense|sponsored)" + _SLOT,
    ),
    RegionRule(
        PageArea.VOICES,
        name=r"(?:[a-z]+[-_]+)*(?:testimonials?|(?:quotes?|reviews?|stories)[-_]+"
        r"(?:carousel|slider|rotator|slideshow))(?:[-_]+\w+)*",
    ),
)
"""The first that fits decides."""

_NAMED: Final = tuple((rule, re.compile(rule.name)) for rule in RULES)
_NEVER: Final = frozenset({"html", "body", "main", "article", "table", "h1"})
_WITHIN: Final = frozenset({"main", "article", "section", "table", "ul", "ol", "dl", "form"})
"""Elements in which a footer is theirs, not the page's."""

_HOLDS_CONTENT: Final = "h1, main, article, table"
"""What no banner, advertisement or praise holds."""

_PRESSED: Final = "button, input, [role=button], [class*=btn], [class*=button]"
_AGREED: Final = re.compile(
    r"(?:accept|agree|allow|got it|ok|reject|decline|akzeptieren|zustimmen|ablehnen|accepter"
    r"|refuser|aceptar|rechazar)\b",
    re.IGNORECASE,
)
_CONSENT_WORDS: Final = re.compile(r"cookie|consent|tracking|privacy|datenschutz", re.IGNORECASE)
LONGEST_CONSENT: Final = 2_000
"""Characters of a banner; what is longer is a policy."""


def area_of(node: LexborNode, tag: str, attributes: dict[str, str | None]) -> PageArea | None:
    """The region that begins with `node`; None when nothing says that one does."""
    role, names = attributes.get("role") or "", _names(attributes)
    return next((area for area in _named(tag, role, names) if _holds(area, node)), None)


@lru_cache(maxsize=4_096)
def _named(tag: str, role: str, names: str) -> tuple[PageArea, ...]:
    """The regions that an element says it is."""
    if tag in _NEVER:
        return ()
    return tuple(
        rule.area
        for rule, pattern in _NAMED
        if tag in rule.tags
        or role in rule.roles
        or any(pattern.fullmatch(name) for name in names.split())
    )


def is_closed_dialog(tag: str, attributes: dict[str, str | None]) -> bool:
    """Whether it is a dialog that nobody has opened. Hidden from screen readers alone, by
    aria-hidden, is much that everybody else sees: then it must say that it is a dialog.
    """
    if tag == "dialog":
        return "open" not in attributes
    if attributes.get("aria-hidden") != "true":
        return False
    return attributes.get("role") in ("dialog", "alertdialog") or any(
        re.fullmatch(r"(?:[a-z]+[-_])?(?:modal|popup|overlay|lightbox|drawer)", name)
        for name in _names(attributes).split()
    )


def _names(attributes: dict[str, str | None]) -> str:
    return f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower()


def _holds(area: PageArea, node: LexborNode) -> bool:
    """Whether what is within `node` and around it allows it to be a `area`."""
    if area is PageArea.NAVIGATION:
        return True
    if area is PageArea.FOOTER:
        parent = node.parent
        while parent is not None:
            if parent.tag in _WITHIN:
                return False
            parent = parent.parent
        return node.css_first("h1, main") is None
    if node.css_first(_HOLDS_CONTENT) is not None:
        return False
    if area is not PageArea.CONSENT:
        return True
    text = node.text()
    return (
        len(text) <= LONGEST_CONSENT
        and _CONSENT_WORDS.search(text) is not None
        and (
            node.css_first(_PRESSED) is not None
            or any(_AGREED.match(link.text(strip=True)) for link in node.css("a"))
        )
    )
