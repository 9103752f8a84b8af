"""Choosing a part of a stored page: what a selector matches, and a selector for an element."""

import re
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.web.crawl_settings import Parts
from core.web.selectors import selected

MAX_HTML: Final = 3_000_000
"""Characters of a document that is rendered for a choice."""

MAX_SHOWN_MATCHES: Final = 20
MAX_SHOWN_TEXT: Final = 400

LEFT_OUT: Final = (
    "script, style, link, meta, base, title, iframe, frame, frameset, object, embed, applet, "
    "template, noembed, noframes, plaintext, xmp, svg, math, audio, video, source, track, portal"
)
"""Elements that run, load or style something, or that show nothing."""

KEPT_ATTRIBUTES: Final = frozenset(
    ("id", "class", "title", "lang", "dir", "colspan", "rowspan", "alt", "hidden")
)

_NAME: Final = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


@dataclass(frozen=True)
class Match:
    """An element that a selector matches: its tag, and the beginning of its text."""

    tag: str
    text: str


@dataclass(frozen=True)
class Selection:
    """What a selector matches in a document, the first `MAX_SHOWN_MATCHES` of `count`.

    `wider` are selectors of the elements around the first match, from the inside out.
    """

    count: int
    matches: list[Match]
    wider: list[str]


def selection_of(html: str, selector: str) -> Selection:
    """What `selector`, which `check_selector` has accepted, matches in the document."""
    tree = LexborHTMLParser(html)
    nodes = selected(tree, Parts(watch=selector))
    wider: list[str] = []
    around = nodes[0].parent if nodes else None
    while around is not None and around.tag not in ("html", "body", "-undef", None):
        wider.append(_selector_for(tree, around))
        around = around.parent
    matches = [
        Match(str(node.tag), " ".join(node.text(separator=" ").split())[:MAX_SHOWN_TEXT])
        for node in nodes[:MAX_SHOWN_MATCHES]
    ]
    return Selection(len(nodes), matches, [each for each in wider if each != selector])


def is_found(html: str, selector: str) -> bool:
    """Whether `selector`, which `check_selector` has accepted, matches anything in the document."""
    return bool(selected(LexborHTMLParser(html), Parts(watch=selector)))


def selector_of(html: str, number: int) -> str | None:
    """A selector that matches the element of that number in `inert` alone; None without one."""
    tree = LexborHTMLParser(html)
    elements = _elements(tree)
    return _selector_for(tree, elements[number]) if 0 <= number < len(elements) else None


def inert(html: str, selector: str | None, stylesheet: str) -> str:
    """The document without anything that runs, loads or leads away, styled by `stylesheet`.

    Each element has its number in `data-n`; those that `selector` matches have `data-match`.
    """
    tree = LexborHTMLParser(html)
    elements = _elements(tree)
    chosen = {node.mem_id for node in selected(tree, Parts(watch=selector))} if selector else set()
    for number, node in enumerate(elements):
        tag = node.tag
        attributes = node.attrs
        for name in list(attributes):
            if name not in KEPT_ATTRIBUTES:
                del attributes[name]
        attributes["data-n"] = str(number)
        if node.mem_id in chosen:
            attributes["data-match"] = ""
        if tag == "details":
            attributes["open"] = ""
    for node in tree.css(LEFT_OUT):
        if node.tag not in ("html", "head", "body"):
            node.decompose()
    body = tree.body
    content = (body.inner_html if body is not None else None) or ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>Snapshot</title><link rel="stylesheet" href="{stylesheet}"></head>'
        f"<body>{content}</body></html>"
    )


def _elements(tree: LexborHTMLParser) -> list[LexborNode]:
    return tree.css("body *")


def _selector_for(tree: LexborHTMLParser, node: LexborNode) -> str:
    """The shortest of a few forms that matches `node` alone: by id, by classes, by its place."""
    path: list[str] = []
    step: LexborNode | None = node
    while step is not None and step.tag not in ("html", "-undef", None):
        name = step.attributes.get("id")
        if name and _NAME.fullmatch(name) and len(tree.css(f"#{name}")) == 1:
            return " > ".join([f"#{name}", *path])
        tag = str(step.tag)
        classes = [c for c in (step.attributes.get("class") or "").split() if _NAME.fullmatch(c)]
        plain = ".".join([tag, *classes[:2]])
        if len(tree.css(" > ".join([plain, *path]))) == 1:
            return " > ".join([plain, *path])
        place, sibling = 1, step.prev
        while sibling is not None:
            place += sibling.tag == tag
            sibling = sibling.prev
        path.insert(0, f"{tag}:nth-of-type({place})")
        step = step.parent
    return " > ".join(path)
