"""Recognition of the areas of a page: content, menus, footers, cookie banners, advertisements.

An area is recognised by its element, its role, or a common name of its class or id. The whole name
must match, because a part of it also occurs in the classes of content such as price cards.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from selectolax.lexbor import LexborNode


class PageArea(StrEnum):
    """The purpose of a part of a page."""

    CONTENT = "content"
    NAVIGATION = "navigation"
    FOOTER = "footer"  # of the page; the footer of a card or article is content
    CONSENT = "consent"
    ADVERTISEMENT = "advertisement"
    VOICES = "voices"  # testimonials: many sites rotate them at each visit


AREAS_WITH_PRICES: Final = frozenset({PageArea.NAVIGATION, PageArea.FOOTER, PageArea.VOICES})
"""Areas in which a line that names an amount of money is still content."""

_PLACE: Final = (
    r"(?:(?:site|page|main|global|app|top|bottom|primary|secondary|mobile|desktop|header|footer"
    r"|doc|docs|left|right)[-_]?)?"
)
_SLOT: Final = r"(?:[-_](?:slot|unit|container|wrapper|box|banner|space|area|block|frame|\d+))*"


@dataclass(frozen=True)
class AreaRule:
    """A rule that recognises an area by element, by role, or by a name of its class or id."""

    area: PageArea
    tags: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    name: str = r"(?!)"


AREA_RULES: Final = (
    AreaRule(
        PageArea.NAVIGATION,
        tags=frozenset({"nav"}),
        roles=frozenset({"navigation", "search", "menubar"}),
        name=_PLACE + r"(?:nav|navbar|navheader|navfooter|navigation|navmenu|breadcrumbs?)",
    ),
    AreaRule(
        PageArea.FOOTER,
        tags=frozenset({"footer"}),
        roles=frozenset({"contentinfo"}),
        name=_PLACE + r"(?:footer|ft|colophon)",
    ),
    AreaRule(
        PageArea.CONSENT,
        roles=frozenset({"dialog", "alertdialog"}),
        name=r".*(?:cookie|consent|gdpr|ccpa|onetrust).*|cc[-_](?:window|banner)",
    ),
    AreaRule(
        PageArea.ADVERTISEMENT,
        name=r"(?:(?:google|dfp|gpt|div|top|bottom|side|sidebar|inline|banner|page)[-_])*"
        r"(?:ads?|adverts?|advertisements?|adslot|adunit|adsbygoogle|adsense|sponsored)" + _SLOT,
    ),
    AreaRule(
        PageArea.VOICES,
        name=r"(?:[a-z]+[-_]+)*(?:testimonials?|(?:quotes?|reviews?|stories)[-_]+"
        r"(?:carousel|slider|rotator|slideshow))(?:[-_]+\w+)*",
    ),
)
"""The first rule that matches decides."""

_NAMED: Final = tuple((rule, re.compile(rule.name)) for rule in AREA_RULES)
_NEVER: Final = frozenset({"html", "body", "main", "article", "table", "h1"})
_WITHIN: Final = frozenset({"main", "article", "section", "table", "ul", "ol", "dl", "form"})
"""Elements whose footers are not the footer of the page."""

_HOLDS_CONTENT: Final = "h1, main, article, table"
"""Elements that never occur in a banner, advertisement or testimonial."""

_BUTTONS: Final = "button, input, [role=button], [class*=btn], [class*=button]"
_CONSENT_LINK: Final = re.compile(
    r"(?:accept|agree|allow|got it|ok|reject|decline|akzeptieren|zustimmen|ablehnen|accepter"
    r"|refuser|aceptar|rechazar)\b",
    re.IGNORECASE,
)
_CONSENT_WORDS: Final = re.compile(r"cookie|consent|tracking|privacy|datenschutz", re.IGNORECASE)
MAX_CONSENT_LENGTH: Final = 2_000
"""Number of characters up to which a text can be a banner; a longer one is a policy."""


def area_of(node: LexborNode, tag: str, attributes: dict[str, str | None]) -> PageArea | None:
    """The area that starts with `node`; None if no rule matches."""
    role, names = attributes.get("role") or "", _names(attributes)
    return next((area for area in _named(tag, role, names) if _holds(area, node)), None)


@lru_cache(maxsize=4_096)
def _named(tag: str, role: str, names: str) -> tuple[PageArea, ...]:
    """The areas whose rules match the element."""
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
    """Whether the element is a dialog that is not open.

    `aria-hidden` alone does not hide an element from sighted users, so its role or a name must say
    that it is a dialog.
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
    """Whether the content and ancestors of `node` allow it to be the area."""
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
        len(text) <= MAX_CONSENT_LENGTH
        and _CONSENT_WORDS.search(text) is not None
        and (
            node.css_first(_BUTTONS) is not None
            or any(_CONSENT_LINK.match(link.text(strip=True)) for link in node.css("a"))
        )
    )
