"""What a page is about, from its address, its structured data and its title."""

import re
import unicodedata
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from core.web.urls import origin_of


class PageType(StrEnum):
    """The kinds of page that people watch."""

    HOME = "home"
    PRICING = "pricing"
    FEATURES = "features"
    PRODUCT = "product"
    CHANGELOG = "changelog"
    BLOG = "blog"
    DOCS = "docs"
    LEGAL = "legal"
    CAREERS = "careers"
    CONTACT = "contact"
    ABOUT = "about"
    SUPPORT = "support"
    OTHER = "other"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORDS: Final[dict[PageType, frozenset[str]]] = {
    PageType.CHANGELOG: _words(
        "changelog changes releases release-notes whats-new whatsnew neuigkeiten nouveautes"
        " novedades"
    ),
    PageType.LEGAL: _words(
        "legal terms terms-of-service terms-of-use privacy privacy-policy tos gdpr cookies"
        " cookie-policy imprint impressum datenschutz agb nutzungsbedingungen cgv cgu"
        " mentions-legales confidentialite privacidad terminos condiciones aviso-legal"
    ),
    PageType.CAREERS: _words(
        "careers career jobs karriere stellenangebote carrieres carriere emplois recrutement empleo"
        " empleos carreras"
    ),
    PageType.DOCS: _words(
        "docs documentation doc reference manual guide guides api developers dokumentation"
        " handbuch documentacion"
    ),
    PageType.BLOG: _words(
        "blog news articles posts press aktuelles nachrichten actualites noticias"
    ),
    PageType.SUPPORT: _words("support help help-center faq faqs hilfe aide ayuda soporte"),
    PageType.PRICING: _words(
        "pricing prices price plans preise preis tarife tarifs tarif prix precios precio planes"
    ),
    PageType.CONTACT: _words("contact contact-us kontakt contacto contactez-nous nous-contacter"),
    PageType.FEATURES: _words(
        "features feature funktionen fonctionnalites funciones funcionalidades caracteristicas"
    ),
    PageType.ABOUT: _words(
        "about about-us company team ueber-uns uber-uns a-propos qui-sommes-nous acerca-de"
        " sobre-nosotros nosotros"
    ),
    PageType.PRODUCT: _words(
        "product products produkt produkte produit produits producto productos"
    ),
}
"""The words that tell a type, in English, German, French and Spanish, without accents; where two
types could be meant, the one further up is."""

KINDS: Final[dict[str, PageType]] = {
    "aboutpage": PageType.ABOUT,
    "contactpage": PageType.CONTACT,
    "faqpage": PageType.SUPPORT,
    "qapage": PageType.SUPPORT,
    "jobposting": PageType.CAREERS,
    "apireference": PageType.DOCS,
    "techarticle": PageType.DOCS,
    "howto": PageType.DOCS,
    "blog": PageType.BLOG,
    "blogposting": PageType.BLOG,
    "newsarticle": PageType.BLOG,
    "product": PageType.PRODUCT,
    "productgroup": PageType.PRODUCT,
    "og:product": PageType.PRODUCT,
    "og:article": PageType.BLOG,
}
"""Types of schema.org and Open Graph that tell a page's, the more particular ones first."""

SECTIONS: Final = frozenset(
    {PageType.CHANGELOG, PageType.LEGAL, PageType.CAREERS, PageType.DOCS, PageType.BLOG}
)
"""Types that a whole part of a site has: `/blog/pricing` is a post, though about prices."""

LANGUAGES: Final = _words("en de fr es it pt nl pl sv da fi cs ja ko zh ru tr")
"""Languages that a path may begin with, also with a region: `/de-at/preise`."""

LONGEST_TITLE: Final = 4
"""Words; a longer title is a sentence, in which any word may come up."""

_HOME_FILES: Final = frozenset({"index", "home", "default"})
_TITLE_PARTS: Final = re.compile(r"\s[|·•–—:-]\s|[|:]")
_NOT_IN_WORDS: Final = re.compile(r"[^\w-]+")


def classify_page(
    url: str, title: str | None = None, kinds: frozenset[str] = frozenset()
) -> PageType:
    """The type of the page at the normalised `url`; OTHER when nothing tells.

    The parts of the path count first, then the words of its last part, then the `kinds` that its
    structured data names (`core.web.structured_data`), then the title.
    """
    path, _, query = url[len(origin_of(url)) :].partition("?")
    parts = [_stem(_folded(unquote(part))) for part in path.split("/") if part]
    if parts and parts[0].split("-")[0] in LANGUAGES and len(parts[0]) in (2, 5):
        del parts[0]
    if not query and (not parts or (len(parts) == 1 and parts[0] in _HOME_FILES)):
        return PageType.HOME
    for part in parts:
        if (section := _told_by({part})) in SECTIONS:
            return section
    last = set(parts[-1].split("-")) if parts else set()
    told_by_data = next((type_ for kind, type_ in KINDS.items() if kind in kinds), PageType.OTHER)
    for told in (
        _told_by(set(parts)),
        _told_by(last),
        told_by_data,
        _told_by_title(title or ""),
    ):
        if told is not PageType.OTHER:
            return told
    return PageType.OTHER


def _told_by(words: set[str]) -> PageType:
    return next((kind for kind, telling in WORDS.items() if words & telling), PageType.OTHER)


def _told_by_title(title: str) -> PageType:
    """By the first part of the title, in which the site's own name seldom is."""
    words = [word for word in _NOT_IN_WORDS.split(_folded(_TITLE_PARTS.split(title)[0])) if word]
    return _told_by({*words, "-".join(words)}) if len(words) <= LONGEST_TITLE else PageType.OTHER


def _folded(text: str) -> str:
    """Lower case without accents, so that `Über uns` is `uber uns`."""
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _stem(part: str) -> str:
    """The part of a path without a file extension, words parted by hyphens."""
    return part.partition(".")[0].replace("_", "-") if not part.startswith(".") else part
