"""Classification of pages by URL, structured data and title."""

import re
import unicodedata
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from core.web.hash_routes import as_path
from core.web.urls import origin_of


class PageType(StrEnum):
    """The published types of pages."""

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


TYPE_WORDS: Final[dict[PageType, frozenset[str]]] = {
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
"""The words of each type in English, German, French and Spanish, without accents. The first type
that matches decides."""

TYPES_BY_KIND: Final[dict[str, PageType]] = {
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
"""The page types of schema.org and Open Graph types; the first one that a page has decides."""

SECTION_TYPES: Final = frozenset(
    {PageType.CHANGELOG, PageType.LEGAL, PageType.CAREERS, PageType.DOCS, PageType.BLOG}
)
"""Types that apply to all pages below a path segment: `/blog/pricing` is a blog post."""

LANGUAGES: Final = _words("en de fr es it pt nl pl sv da fi cs ja ko zh ru tr")
"""Language codes that a path may start with, possibly with a region: `/de-at/preise`."""

MAX_TITLE_WORDS: Final = 4
"""Number of words up to which a title names a type; a longer one is a sentence."""

_HOME_FILES: Final = frozenset({"index", "home", "default"})
_TITLE_PARTS: Final = re.compile(r"\s[|·•–—:-]\s|[|:]")
_NOT_IN_WORDS: Final = re.compile(r"[^\w-]+")


def classify_page(
    url: str, title: str | None = None, kinds: frozenset[str] = frozenset()
) -> PageType:
    """The type of the page at the normalised `url`; OTHER if nothing matches.

    In order of precedence: the path segments, the words of the last segment, the `kinds` of the
    structured data (`core.web.structured_data`), and the title. A hash route is read as a path.
    """
    url = as_path(url)
    path, _, query = url[len(origin_of(url)) :].partition("?")
    parts = [_stem(_folded(unquote(part))) for part in path.split("/") if part]
    if parts and parts[0].split("-")[0] in LANGUAGES and len(parts[0]) in (2, 5):
        del parts[0]
    if not query and (not parts or (len(parts) == 1 and parts[0] in _HOME_FILES)):
        return PageType.HOME
    for part in parts:
        if (section := _type_of_words({part})) in SECTION_TYPES:
            return section
    last = set(parts[-1].split("-")) if parts else set()
    candidates = (
        _type_of_words(set(parts)),
        _type_of_words(last),
        next((type_ for kind, type_ in TYPES_BY_KIND.items() if kind in kinds), PageType.OTHER),
        _type_of_title(title or ""),
    )
    return next((each for each in candidates if each is not PageType.OTHER), PageType.OTHER)


def _type_of_words(words: set[str]) -> PageType:
    return next((type_ for type_, known in TYPE_WORDS.items() if words & known), PageType.OTHER)


def _type_of_title(title: str) -> PageType:
    """The type of the title's first part, which rarely contains the name of the site."""
    words = [word for word in _NOT_IN_WORDS.split(_folded(_TITLE_PARTS.split(title)[0])) if word]
    if len(words) > MAX_TITLE_WORDS:
        return PageType.OTHER
    return _type_of_words({*words, "-".join(words)})


def _folded(text: str) -> str:
    """The text in lower case without accents: `Über uns` becomes `uber uns`."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(each for each in decomposed if not unicodedata.combining(each))


def _stem(part: str) -> str:
    """The path segment without a file extension, with hyphens between its words."""
    return part.partition(".")[0].replace("_", "-") if not part.startswith(".") else part
