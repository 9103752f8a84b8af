"""CSS selectors that users give, and the parts of a page that they select."""

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

LONGEST_SELECTOR: Final = 500
"""Characters."""

MOST_IGNORED: Final = 20
"""Selectors of what is ignored."""

_COUNTING: Final = frozenset(
    f"nth-{last}{kind}" for last in ("", "last-") for kind in ("child", "of-type")
)


def check_selector(text: str) -> str:
    """`text` as it is. Raises PydanticCustomError when it is no CSS selector that can be used.

    `:has()` is refused: nested, it takes exponential time.
    """
    if len(text) > LONGEST_SELECTOR:
        raise _refused(f"A selector may have {LONGEST_SELECTOR} characters")
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
    """Only what takes linear time, or at most the square of the length of a list of siblings."""
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
    """The outermost nodes of `tree` that count; what is ignored is removed from it."""
    for selector in parts.ignore:
        # The tree cannot be without its root.
        for node in _outermost([each for each in tree.css(selector) if each.tag != "html"]):
            node.decompose()
    if parts.watch is None:
        return [tree.root] if tree.root is not None else []
    return _outermost(tree.css(parts.watch))


def _outermost(nodes: list[LexborNode]) -> list[LexborNode]:
    """Those of `nodes` that are in none of the others, each once."""
    by_id = {node.mem_id: node for node in nodes}
    return [node for node in by_id.values() if not _within(node, by_id.keys())]


def _within(node: LexborNode, ids: Set[int]) -> bool:
    around = node.parent
    while around is not None:
        if around.mem_id in ids:
            return True
        around = around.parent
    return False
