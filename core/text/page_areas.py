"""Recognition of the areas of a page: content, menus, footers, cookie banners, advertisements.

An area is recognised by its element, its role, or a common name of its class or id. The whole name
must match, because a part of it also occurs in the classes of content such as price cards.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.web.crawl_settings import MaskName


class PageArea(StrEnum):
    """The purpose of a part of a page."""

    CONTENT = "content"
    NAVIGATION = "navigation"
    FOOTER = "footer"  # of the page; the footer of a card or article is content
    CONSENT = "consent"
    ADVERTISEMENT = "advertisement"
    VOICES = "voices"  # testimonials: many sites rotate them at each visit


MASK_OF_AREA: Final = {
    PageArea.NAVIGATION: MaskName.NAVIGATION,
    PageArea.FOOTER: MaskName.FOOTER,
    PageArea.CONSENT: MaskName.CONSENT,
    PageArea.ADVERTISEMENT: MaskName.ADVERTISEMENTS,
    PageArea.VOICES: MaskName.TESTIMONIALS,
}
"""The mask that leaves an area out."""

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


class FoundArea(NamedTuple):
    """An area, and whether only a class or id says so, which may be wrong."""

    area: PageArea
    named: bool


class AreaFinder:
    """Finds the areas of one page."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._tree = tree
        self._minified: bool | None = None

    def area_of(
        self, node: LexborNode, tag: str, attributes: dict[str, str | None]
    ) -> FoundArea | None:
        """The area that starts with `node`; None if no rule matches."""
        if not attributes and tag not in _AREA_TAGS:
            return None
        role, names = attributes.get("role") or "", _names(attributes)
        found = next((area for area in _named(tag, role, names) if _holds(area, node)), None)
        if found is None:
            return None
        if found in _named(tag, role, ""):
            return FoundArea(found, named=False)
        told = any(found in _named(tag, role, name) for name in names.split() if len(name) > _SHORT)
        return FoundArea(found, named=True) if told or not self._is_minified else None

    @property
    def _is_minified(self) -> bool:
        """Whether a build tool makes the class names of the page, so that short ones say nothing.

        Most class names then have at most `_SHORT` letters.
        """
        if self._minified is None:
            names = {
                name
                for node in self._tree.css("[class]")[:_SAMPLED]
                for name in (node.attributes.get("class") or "").split()
            }
            short = sum(len(name) <= _SHORT for name in names)
            self._minified = len(names) >= _MIN_NAMES and 2 * short > len(names)
        return self._minified


_AREA_TAGS: Final = frozenset({"nav", "footer"})
_SHORT: Final = 3
_SAMPLED: Final = 300
_MIN_NAMES: Final = 5


@lru_cache(maxsize=4_096)
def _named(tag: str, role: str, names: str) -> tuple[PageArea, ...]:
    """The areas whose rules match the element."""
    if tag in _NEVER:
        return ()
    given = [form for name in names.split() for form in _forms(name)]
    return tuple(
        rule.area
        for rule, pattern in _NAMED
        if tag in rule.tags or role in rule.roles or any(pattern.fullmatch(name) for name in given)
    )


_HASH: Final = r"(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{4,10}"
_MADE: Final = (
    re.compile(r"_(?P<name>[a-z].*?)_[a-z0-9-]{4,8}_\d+"),  # Vite
    re.compile(r"(?:[a-z][a-z0-9]*_)?(?P<name>[a-z][a-z0-9-]*?)__[a-z0-9_+/-]{5,8}"),  # webpack
    re.compile(rf"(?P<name>[a-z].*?)[-_]{{1,3}}{_HASH}"),
    re.compile(rf"_?{_HASH}[-_]{{1,3}}(?P<name>[a-z].*)"),  # Parcel, Emotion: css-1x2y3z-nav
    re.compile(r"(?:css|sc|jss|mui|emotion)-(?P<name>[a-z0-9].*)"),
    re.compile(r"(?:[a-z]+-)?(?P<name>[a-z]+)-\d+"),  # JSS: makeStyles-nav-12
    re.compile(r"(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?:__|--)[a-z0-9_-]+"),  # BEM
)


def _forms(name: str) -> list[str]:
    """The class name, and what is left of it without what a build tool adds at each build."""
    forms = [name]
    for pattern in _MADE:
        found = pattern.fullmatch(name)
        if found is not None and found["name"] not in forms:
            forms.append(found["name"])
    made = forms[1:]
    return [*forms, *(each for name in made for each in _forms_once(name) if each not in forms)]


def _forms_once(name: str) -> list[str]:
    """What is left of a name that has two additions: `css-1x2y3z-nav` or `Header_nav`."""
    found = (pattern.fullmatch(name) for pattern in _MADE)
    return [each["name"] for each in found if each is not None]


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
