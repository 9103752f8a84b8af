"""Extraction of a page's types from its structured data: JSON-LD, microdata, Open Graph."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Final

from selectolax.lexbor import LexborHTMLParser

MAX_JSON_LD_SCRIPTS: Final = 20
MAX_JSON_LD_LENGTH: Final = 200_000
"""Number of characters of one JSON-LD script; longer scripts are lists, and are skipped."""

MAX_KINDS: Final = 50
MAX_KIND_LENGTH: Final = 100


def kinds_of(tree: LexborHTMLParser) -> frozenset[str]:
    """The types of the page, such as `faqpage`, in lower case without their origin.

    Only top-level objects count: a product in a list of offers is not the subject of the page.
    """
    return frozenset(islice(_kinds(tree), MAX_KINDS))


def _kinds(tree: LexborHTMLParser) -> Iterator[str]:
    for script in islice(tree.css("script[type='application/ld+json' i]"), MAX_JSON_LD_SCRIPTS):
        text = script.text()
        if len(text) <= MAX_JSON_LD_LENGTH:
            yield from _named_in(_parsed(text))
    for node in tree.css("html[itemtype], body[itemtype], main[itemtype], article[itemtype]"):
        yield from map(_local, (node.attributes.get("itemtype") or "").split())
    for meta in tree.css("meta[property='og:type'][content]"):
        yield f"og:{_local(meta.attributes.get('content') or '')}"


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


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
