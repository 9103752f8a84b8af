"""Extraction of types and offers from structured data: JSON-LD, microdata, Open Graph."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_JSON_LD_SCRIPTS: Final = 20
MAX_JSON_LD_LENGTH: Final = 200_000
"""Number of characters of one JSON-LD script; longer scripts are lists, and are skipped."""

MAX_KINDS: Final = 50
MAX_KIND_LENGTH: Final = 100


MAX_OFFERS: Final = 20
"""Number of offers of a page that are read; a page of more is a list, which says so in its text."""

MAX_VALUE_LENGTH: Final = 200


def kinds_of(tree: LexborHTMLParser) -> frozenset[str]:
    """The types of the page, such as `faqpage`, in lower case without their origin.

    Only top-level objects count: a product in a list of offers is not the subject of the page.
    """
    return frozenset(islice(_kinds(tree), MAX_KINDS))


def _kinds(tree: LexborHTMLParser) -> Iterator[str]:
    for script in islice(tree.css("script[type^='application/ld+json' i]"), MAX_JSON_LD_SCRIPTS):
        text = script.text()
        if len(text) <= MAX_JSON_LD_LENGTH:
            yield from _named_in(_parsed(text))
    for node in tree.css("html[itemtype], body[itemtype], main[itemtype], article[itemtype]"):
        yield from map(_local, (node.attributes.get("itemtype") or "").split())
    for meta in tree.css("meta[property='og:type'][content]"):
        yield f"og:{_local(meta.attributes.get('content') or '')}"


_AROUND_DATA: Final = re.compile(
    r"\A(?:/\*|//)?\s*(?:<!\[CDATA\[|<!--)\s*(?:\*/)?"
    r"|(?:(?:/\*|//)\s*)?(?:\]\]>|-->)(?:\s*\*/)?\Z"
)
_LAST_COMMA: Final = re.compile(r",(?=\s*[}\]])")


def _parsed(text: str) -> object:
    """The data of a script, read as leniently as search engines read them; None if they are none:
    within a comment or CDATA, with line feeds in strings, with a comma after the last entry.
    """
    text = _AROUND_DATA.sub("", text.strip())
    for written in (text, _LAST_COMMA.sub("", text)):
        try:
            return json.loads(written, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


@dataclass(frozen=True)
class Offer:
    """What the structured data say of one thing that is for sale; None for what they do not."""

    name: str | None
    price: str | None = None
    currency: str | None = None
    availability: str | None = None
    status: str | None = None

    def lines(self) -> Iterator[str]:
        """The offer in words, one fact a line."""
        lead = f"{self.name or 'Offer'} (structured data)"
        if self.name:
            yield lead
        if self.price:
            yield f"{lead}: {_amount(self.price)} {self.currency or ''}".rstrip()
        if self.availability:
            yield f"{lead}: {self.availability}"
        if self.status:
            yield f"{lead}: {self.status}"


_SELLABLE: Final = frozenset(
    {"product", "productgroup", "individualproduct", "productmodel", "offer", "aggregateoffer",
     "softwareapplication", "mobileapplication", "webapplication", "service", "event", "course",
     "book", "vehicle", "car", "hotelroom", "menuitem", "trip", "apartment", "house", "hotel",
     "festival"}
)  # fmt: skip
_SELLABLE_KIND: Final = re.compile(r"\w+(?:event|product|service|application|vehicle|trip|course)")


def _is_sold(kinds: Iterable[str]) -> bool:
    """Whether one of the types is of things that are for sale, or a kind of one (`musicevent`)."""
    return any(kind in _SELLABLE or _SELLABLE_KIND.fullmatch(kind) for kind in kinds)


def offers_of(tree: LexborHTMLParser) -> tuple[str, ...]:
    """What the structured data say of names, prices and availabilities, one fact a line.

    Only the subjects of the page count, not lists of other products. Empty if there are more than
    `MAX_OFFERS`.
    """
    offers = list(islice(_offers(tree), MAX_OFFERS + 1))
    if len(offers) > MAX_OFFERS:
        return ()
    return tuple(dict.fromkeys(line for offer in offers for line in offer.lines()))


def _offers(tree: LexborHTMLParser) -> Iterator[Offer]:
    found = False
    for script in islice(tree.css("script[type^='application/ld+json' i]"), MAX_JSON_LD_SCRIPTS):
        text = script.text()
        if len(text) <= MAX_JSON_LD_LENGTH:
            for offer in _offers_in(_parsed(text)):
                found = True
                yield offer
    if found:
        return
    for offer in _microdata_offers(tree):
        found = True
        yield offer
    if not found:
        yield from _open_graph_offer(tree)


def _subjects(data: object) -> Iterator[Mapping[str, object]]:
    for entry in data if isinstance(data, list) else [data]:
        if isinstance(entry, dict):
            graph = entry.get("@graph")
            for each in [entry, *(graph if isinstance(graph, list) else [])]:
                if isinstance(each, dict):
                    main = each.get("mainEntity")
                    yield each
                    if isinstance(main, dict):
                        yield main


def _types(entry: Mapping[str, object]) -> frozenset[str]:
    kind = entry.get("@type")
    names = kind if isinstance(kind, list) else [kind]
    return frozenset(_local(name) for name in names if isinstance(name, str))


def _offers_in(data: object) -> Iterator[Offer]:
    for entry in _subjects(data):
        types = _types(entry)
        if not _is_sold(types):
            continue
        name = _value(entry.get("name"))
        own = [entry] if types & {"offer", "aggregateoffer"} else _offered(entry)
        variants = [each for each in _entries(entry.get("hasVariant")) if _is_sold(_types(each))]
        if (status := entry.get("eventStatus")) is not None and name:
            yield Offer(name, status=_availability(status))
        if not own and not variants:
            continue
        yield from _priced(name, own)
        for variant in variants:
            yield from _priced(_value(variant.get("name")) or name, _entries(variant.get("offers")))


def _offered(entry: Mapping[str, object]) -> list[Mapping[str, object]]:
    return _entries(entry.get("offers")) or _entries(entry.get("makesOffer"))


def _entries(value: object) -> list[Mapping[str, object]]:
    entries = value if isinstance(value, list) else [value]
    return [each for each in entries if isinstance(each, dict)]


def _priced(name: str | None, offers: Iterable[Mapping[str, object]]) -> Iterator[Offer]:
    for offer in offers:
        if inner := _entries(offer.get("offers")):
            yield from _priced(name, inner)
            continue
        specification = next(iter(_entries(offer.get("priceSpecification"))), {})
        item = next(iter(_entries(offer.get("itemOffered"))), {})
        low, high = _amount(_value(offer.get("lowPrice"))), _amount(_value(offer.get("highPrice")))
        price = _value(offer.get("price")) or _value(specification.get("price")) or low
        if low and high and low != high:
            price = f"{low}–{high}"
        named = _value(offer.get("name")) or _value(item.get("name"))
        both = f"{name}, {named}" if name and named and named != name else named or name
        yield Offer(
            both,
            price,
            _value(offer.get("priceCurrency")) or _value(specification.get("priceCurrency")),
            _availability(offer.get("availability")),
        )


def _value(value: object) -> str | None:
    if isinstance(value, list):
        value = next(iter(value), None)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return " ".join(str(value).split())[:MAX_VALUE_LENGTH] or None


_PLAIN_AMOUNT: Final = re.compile(r"(\d{1,15})(?:\.(\d{1,2})0*)?")


def _amount(written: str | None) -> str | None:
    """The amount in one form, as `49`, `49.0` and `49.00` are the same; others as written."""
    found = _PLAIN_AMOUNT.fullmatch(written or "")
    if found is None:
        return written
    whole, fraction = found[1], (found[2] or "").ljust(2, "0")
    return whole if fraction == "00" else f"{whole}.{fraction}"


_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _availability(value: object) -> str | None:
    """`InStock`, an address that ends in it, or `instock` as words."""
    written = _value(value)
    if written is None:
        return None
    name = written.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1]
    words = _WORDS.sub(" ", name).lower().replace("_", " ")
    return {"instock": "in stock", "outofstock": "out of stock", "soldout": "sold out",
            "preorder": "pre order", "backorder": "back order"}.get(words, words)  # fmt: skip


def _microdata_offers(tree: LexborHTMLParser) -> Iterator[Offer]:
    for scope in tree.css("[itemscope][itemtype]"):
        kinds = {_local(each) for each in (scope.attributes.get("itemtype") or "").split()}
        if not _is_sold(kinds) or _is_inside_scope(scope):
            continue
        offer = Offer(
            _property(scope, "name"),
            _property(scope, "price") or _property(scope, "lowPrice"),
            _property(scope, "priceCurrency"),
            _availability(_property(scope, "availability")),
        )
        if offer.price or offer.availability:
            yield offer


def _is_inside_scope(node: LexborNode) -> bool:
    parent = node.parent
    while parent is not None:
        kinds = {_local(each) for each in (parent.attributes.get("itemtype") or "").split()}
        if "itemlist" in kinds or _is_sold(kinds):
            return True
        parent = parent.parent
    return False


def _property(scope: LexborNode, name: str) -> str | None:
    """The value of a property that is not part of the visible text alone (HTML standard, 5.2.4)."""
    node = scope.css_first(f"[itemprop~={name}]")
    if node is None:
        return None
    attributes = node.attributes
    return _value(
        attributes.get("content") or attributes.get("href") or attributes.get("value")
        or node.text(strip=True)
    )  # fmt: skip


def _open_graph_offer(tree: LexborHTMLParser) -> Iterator[Offer]:
    values = {
        (meta.attributes.get("property") or meta.attributes.get("name") or "").lower(): _value(
            meta.attributes.get("content")
        )
        for meta in tree.css("meta[content]")
    }

    def first(*names: str) -> str | None:
        prefixes = ("product:", "og:", "og:product:")
        return next(
            (value for prefix in prefixes for n in names if (value := values.get(prefix + n))), None
        )

    price = first("sale_price:amount", "price:amount")
    availability = _availability(first("availability"))
    if price or availability:
        yield Offer(values.get("og:title"), price, first("price:currency"), availability)


def _named_in(data: object) -> Iterator[str]:
    """The types of an object, a list of objects, or a graph."""
    entries = data if isinstance(data, list) else [data]
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        graph = entry.get("@graph")
        for each in [entry, *(graph if isinstance(graph, list) else [])]:
            kind = each.get("@type") if isinstance(each, dict) else None
            for name in kind if isinstance(kind, list) else [kind]:
                if isinstance(name, str):
                    yield _local(name)


def _local(name: str) -> str:
    return name.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1].lower()[:MAX_KIND_LENGTH]
