"""Validation of users' CSS selectors, and selection of the parts of a page."""

from collections.abc import Set
from typing import Final

from cssselect import SelectorSyntaxError, parse
from cssselect.parser import (
    Attrib,
    Class,
    CombinedSelector,
    Element,
    Function,
    Hash,
    Matching,
    Negation,
    Pseudo,
    SpecificityAdjustment,
)
from pydantic_core import PydanticCustomError
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from core.web.crawl_settings import Parts

MAX_SELECTOR_LENGTH: Final = 500
"""Number of characters of a selector."""

MAX_IGNORE_SELECTORS: Final = 20
"""Number of selectors of ignored elements."""

_COUNTING: Final = frozenset(
    f"nth-{last}{kind}" for last in ("", "last-") for kind in ("child", "of-type")
)


def check_selector(text: str) -> str:
    """Return `text` unchanged. Raises PydanticCustomError if it is not a supported CSS selector.

    `:has()` is not supported, because nested it takes exponential time.
    """
    if len(text) > MAX_SELECTOR_LENGTH:
        raise _refused(f"A selector may have {MAX_SELECTOR_LENGTH} characters")
    try:
        parsed = parse(text)
    except SelectorSyntaxError:
        raise _refused("This is not a CSS selector") from None
    except RecursionError:
        raise _refused("This selector is nested too deeply") from None
    if not parsed or any(each.pseudo_element is not None for each in parsed):
        raise _refused("A pseudo-element is no part of the page's markup")
    for each in parsed:
        _check(each.parsed_tree)
    try:
        LexborHTMLParser("<p>").css(text)
    except SelectolaxError:
        raise _refused("This selector uses something that is not supported") from None
    return text


def _check(node: object) -> None:
    """Accept only selectors that take linear time, or quadratic time in the number of siblings."""
    match node:
        case Element():
            return
        case Hash() | Class() | Attrib() | Pseudo():
            _check(node.selector)
        case Function() if node.name.lower() in _COUNTING:
            _check(node.selector)
        case CombinedSelector():
            _check(node.selector)
            _check(node.subselector)
        case Negation():
            _check(node.selector)
            _check(node.subselector)
        case Matching() | SpecificityAdjustment():
            _check(node.selector)
            for each in node.selector_list:
                _check(each)
        case _:
            raise _refused("This selector uses something that is not supported, such as :has()")


def _refused(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("refused_selector", "{sentence}", {"sentence": sentence})


def selected(tree: LexborHTMLParser, parts: Parts) -> list[LexborNode]:
    """The outermost nodes of the compared `parts`; removes ignored elements from `tree`."""
    for selector in parts.ignore:
        # The root cannot be removed.
        for node in _outermost([each for each in tree.css(selector) if each.tag != "html"]):
            node.decompose()
    if parts.watch is None:
        return [tree.root] if tree.root is not None else []
    return _outermost(tree.css(parts.watch))


def _outermost(nodes: list[LexborNode]) -> list[LexborNode]:
    """The unique nodes that are not inside any other of `nodes`."""
    by_id = {node.mem_id: node for node in nodes}
    return [node for node in by_id.values() if not _within(node, by_id.keys())]


def _within(node: LexborNode, ids: Set[int]) -> bool:
    ancestor = node.parent
    while ancestor is not None:
        if ancestor.mem_id in ids:
            return True
        ancestor = ancestor.parent
    return False
