"""What elements show besides their text: images and icons, form fields, targets of links, prices.

Nothing here depends on a site: only elements, ARIA and names that many sites use are known.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import ada_url
from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.errors import InvalidAddress
from core.web.urls import normalise

Attributes = Mapping[str, str | None]

MAX_LABEL_LENGTH: Final = 500
"""Number of characters of a label or value that are read."""

MAX_DRAWN_LENGTH: Final = 60
"""Number of characters that a drawing has as a badge; a diagram or a chart has more."""

_YES: Final = re.compile(
    r"(?:.*[-_/])?(?:check(?:mark|ed)?|tick|yes|included|available|done|ok|true)"
    r"(?:[-_](?:circle|square|mark|icon|solid|outline|fill|bold|lg|sm|green|[a-z0-9]{1,2}))*"
)
_NO: Final = re.compile(
    r"(?:.*[-_/])?(?:times|cross|xmark|x|no|not[-_]included|unavailable|false|dash|minus|ban)"
    r"(?:[-_](?:circle|square|mark|icon|solid|outline|fill|bold|lg|sm|red|[a-z0-9]{1,2}))*"
)
_ICON_NAME: Final = re.compile(r"icon|^(?:fa|bi|ti|mdi|ri|la|glyphicon|lucide|pi|tick|check|cross)")
_INCLUDED: Final = frozenset({"included", "is-included", "feature-included"})
_NOT_INCLUDED: Final = frozenset(
    {"not-included", "is-not-included", "excluded", "is-excluded", "not-available", "unavailable"}
)
"""Classes of items that a style sheet shows with a tick or a cross."""

_MATRIX_PLACES: Final = frozenset({"td", "th", "li", "dd", "dt"})
_MATRIX_ROLES: Final = frozenset({"cell", "gridcell", "listitem"})
_ICON_ATTRIBUTES: Final = ("name", "icon", "data-lucide", "data-feather", "data-icon")
"""Attributes by which icons of one element name what they show (`<ion-icon name=checkmark>`)."""

_LABELLED: Final = frozenset(
    {
        "img",
        "area",
        "i",
        "span",
        "a",
        "button",
        "em",
        "b",
        "div",
        "td",
        "th",
        "svg",
        "figure",
        "canvas",
        "li",
    }
)
_DECORATIVE: Final = frozenset({"presentation", "none"})


def may_be_labelled(tag: str, attributes: Attributes) -> bool:
    """Whether the element may have a label: a cheap test that is true for more than those that
    have one.
    """
    return tag in _LABELLED or "-" in tag or attributes.get("role") == "img"


def label_of(node: LexborNode, tag: str, attributes: Attributes) -> str:
    """The text that an image, an icon or another element without text stands for; empty if none."""
    if attributes.get("aria-hidden") == "true" or attributes.get("role") in _DECORATIVE:
        return ""
    if tag in ("img", "area"):
        label = attributes.get("alt") or attributes.get("aria-label") or attributes.get("title")
        return _cut(label) or (_meaning_of(node, attributes.get("src")) if tag == "img" else "")
    if tag == "svg":
        label = attributes.get("aria-label")
        if not label:
            said = node.css_first("title") or node.css_first("desc")
            label = said.text(strip=True) if said is not None else None
        if label:
            return _cut(label)
        words = " ".join(each.text(strip=True) for each in node.css("text"))
        if words and len(words) <= MAX_DRAWN_LENGTH:
            return _cut(words)
        use = node.css_first("use")
        target = use and (use.attributes.get("href") or use.attributes.get("xlink:href"))
        return _meaning_of(node, target or attributes.get("class"), named=True)
    if (tag == "i" or ("-" in tag and "icon" in tag)) and node.child is None:
        named = next(filter(None, map(attributes.get, _ICON_ATTRIBUTES)), None)
        if named and (meaning := _meaning_of(node, named, named=True)):
            return meaning
    if attributes.get("role") == "img" and (label := attributes.get("aria-label")):
        return _cut(label)
    if tag not in _LABELLED:
        return ""
    label = attributes.get("aria-label") or attributes.get("title")
    names = attributes.get("class")
    if tag in _MATRIX_PLACES and not label and names:
        return _state_of(node, tag, names)
    if tag == "i" and not label and names and node.child is None:
        return _meaning_of(node, names, named=True)
    if tag == "span" and not label and names and node.child is None and _ICON_NAME.search(names):
        return _meaning_of(node, names, named=True)
    if not label or (node.child is not None and _shows_something(node)):
        return ""
    return _cut(label)


def _cut(label: str | None) -> str:
    return " ".join((label or "").split())[:MAX_LABEL_LENGTH]


def _children(node: LexborNode) -> list[LexborNode]:
    children: list[LexborNode] = []
    child = node.child
    while child is not None and len(children) < 20:
        children.append(child)
        child = child.next
    return children


_SHOWS_LABEL: Final = "img[alt]:not([alt='']), [aria-label]:not([aria-hidden=true]), input"


def _shows_something(node: LexborNode) -> bool:
    # `css` returns the node itself too, if it matches.
    return bool(node.text(strip=True)) or any(
        each.mem_id != node.mem_id for each in node.css(_SHOWS_LABEL)
    )


def _meaning_of(node: LexborNode, name: str | None, *, named: bool = False) -> str:
    """The tick or cross that an icon in a table or list shows, by its file or class name."""
    if not name or not _in_matrix(node):
        return ""
    if named:
        words = [word.rsplit("#", 1)[-1].lower() for word in name.split()]
    else:
        words = [re.split(r"[?#]", name)[0].rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()]
    if any(_YES.fullmatch(word) for word in words):
        return "✓"
    return "✗" if any(_NO.fullmatch(word) for word in words) else ""


def _state_of(node: LexborNode, tag: str, names: str) -> str:
    """The tick or cross that the style of a cell or item shows, by its class names."""
    words = names.lower().split()
    if tag == "li" or node.text(strip=True):
        if any(word in _INCLUDED for word in words):
            return "✓"
        return "✗" if any(word in _NOT_INCLUDED for word in words) else ""
    if node.css_first("img, svg, i, input, [aria-label]") is not None:
        return ""
    if any(_YES.fullmatch(word) for word in words):
        return "✓"
    return "✗" if any(_NO.fullmatch(word) for word in words) else ""


def _in_matrix(node: LexborNode) -> bool:
    """Whether the icon is in a cell or item, where it stands for yes or no."""
    parent = node.parent
    for _ in range(4):
        if parent is None:
            return False
        if parent.tag in _MATRIX_PLACES or parent.attributes.get("role") in _MATRIX_ROLES:
            return True
        parent = parent.parent
    return False


_FORM_TAGS: Final = frozenset(
    {"input", "button", "select", "option", "optgroup", "textarea", "meter", "progress"}
)
FIELDS: Final = _FORM_TAGS | {"a"}
"""Elements that may have a state or a value."""

_GAUGES: Final = frozenset({"meter", "progress"})
_WITHOUT_VALUE: Final = frozenset({"hidden", "password", "checkbox", "radio", "file", "image"})
_CHECKED_ROLES: Final = frozenset({"checkbox", "radio", "switch", "menuitemcheckbox"})
_DISABLED_NAMES: Final = frozenset({"disabled", "is-disabled", "btn-disabled", "button--disabled"})


@dataclass(frozen=True)
class FieldText:
    """What a form field shows besides its content: its `value`, and its `state` after it."""

    value: str = ""
    state: str = ""


NO_FIELD: Final = FieldText()


def field_text(node: LexborNode, tag: str, attributes: Attributes) -> FieldText:
    """What a form field or button shows."""
    role = attributes.get("role") or ""
    if tag not in _FORM_TAGS:
        acts = tag == "a" or role in ("button", "option", "tab") or role in _CHECKED_ROLES
        if not acts:
            return NO_FIELD
    states = []
    switched = attributes.get("aria-checked") or attributes.get("aria-pressed")
    if switched == "true" and (role in _CHECKED_ROLES or role == "button" or tag == "button"):
        states.append("checked")
    if _is_disabled(node, tag, attributes):
        states.append("disabled")
    value = ""
    if tag == "input":
        kind = (attributes.get("type") or "text").lower()
        if kind == "hidden":
            return NO_FIELD
        if kind in ("checkbox", "radio") and "checked" in attributes:
            states.append("checked")
        elif kind == "image":
            value = attributes.get("alt") or ""
        elif kind not in _WITHOUT_VALUE:
            value = attributes.get("value") or attributes.get("placeholder") or ""
    elif tag == "option":
        value = attributes.get("label") or "" if node.child is None else ""
        if "selected" in attributes:
            states.append("selected")
    elif tag == "optgroup":
        value = attributes.get("label") or ""
    elif tag in _GAUGES and node.child is None:
        value = "/".join(filter(None, map(attributes.get, ("value", "max"))))
    elif tag == "textarea" and node.child is None:
        value = attributes.get("placeholder") or ""
    return FieldText(_cut(value), "".join(f" ({state})" for state in states))


def _is_disabled(node: LexborNode, tag: str, attributes: Attributes) -> bool:
    if attributes.get("aria-disabled") == "true":
        return True
    if tag in ("a", "button"):
        names = (attributes.get("class") or "").split()
        if any(name in _DISABLED_NAMES for name in names):
            return True
    if tag not in _FORM_TAGS:
        return False
    if "disabled" in attributes:
        return True
    parent = node.parent
    for _ in range(8):
        if parent is None or parent.tag in ("form", "body"):
            return False
        if parent.tag == "fieldset" and "disabled" in parent.attributes:
            return True
        parent = parent.parent
    return False


def target_of(tag: str, attributes: Attributes, url: str | None) -> str:
    """Where a link, button, form or frame leads, without parameters of the visit; empty if nowhere.

    `url` is that of the page, to resolve it against; None leaves it as it is written.
    """
    name = {"a": "href", "area": "href", "form": "action", "button": "formaction",
            "input": "formaction", "iframe": "src"}.get(tag)  # fmt: skip
    written = (attributes.get(name) or "").strip() if name else ""
    if not written or written.startswith("#") or written.lower().startswith("javascript:"):
        return ""
    try:
        target = normalise(written, url)
        fragment = ada_url.URL(written, url).hash if url else ""
    except (InvalidAddress, ValueError):
        return " ".join(written.split())[:MAX_LABEL_LENGTH]
    return (target + fragment)[: 4 * MAX_LABEL_LENGTH]


_STRUCK_TAGS: Final = frozenset({"del", "s", "strike"})
_STRUCK_NAME: Final = re.compile(
    r"(?:[a-z0-9]+[-_]+)*(?:(?:old|was|strike|striked|struck|crossed|before|previous|compare"
    r"|compare[-_]at)[-_]*price|price[-_]+(?:old|was|strike|struck|crossed|before|previous"
    r"|compare(?:[-_]at)?)|strike(?:through|d)?|line[-_]through|linethrough)(?:[-_]+[a-z0-9]+)*"
)


def is_struck(tag: str, attributes: Attributes) -> bool:
    """Whether the text of the element is struck through, as a price is that was."""
    if tag in _STRUCK_TAGS:
        return True
    style = attributes.get("style")
    if style and "line-through" in style.lower():
        return True
    names = attributes.get("class")
    return bool(names) and any(_STRUCK_NAME.fullmatch(each) for each in str(names).lower().split())


_CENTS_NAME: Final = re.compile(
    r"(?:^|[-_\s])(?:cents?|fraction|decimals?|minor|penn(?:y|ies)|pence|kop(?:eks?)?|centimes"
    r"|centavos|grosz[ey]?|sup(?:erscript)?)(?:$|[-_\s])"
)
_DIGIT_HOLDERS: Final = frozenset(
    {"span", "b", "strong", "em", "i", "big", "font", "u", "bdi", "data", "abbr", "ins", "mark"}
    | {"label", "output", "var", "dfn", "cite", "q", "tt", "code"}
)
_SET_APART: Final = _DIGIT_HOLDERS | {"sup", "sub", "small"}


def sets_apart(tag: str) -> bool:
    """Whether such an element may set digits apart from a number before it."""
    return tag in _SET_APART or "-" in tag  # a custom element looks as its site wants


def raises_text(node: LexborNode, tag: str, attributes: Attributes) -> str:
    """How the element sets its text apart from a number before it: a kind of `core.text.cents`."""
    if tag == "sup":
        return "footnote" if node.css_first("a") is not None else "raised"
    if tag in ("small", "sub"):
        return "small"
    style = (attributes.get("style") or "").replace(" ", "").lower()
    if "vertical-align:super" in style or "vertical-align:top" in style:
        return "raised"
    names = (attributes.get("class") or "").lower()
    return "small" if _CENTS_NAME.search(names) else "apart"


_CONTROLS: Final = (
    "[aria-controls], [data-bs-target], [data-target], [data-tab-target], [role=tab][href],"
    " a[data-toggle][href], a[data-bs-toggle][href], a[aria-expanded][href],"
    " ul > li > a[href^='#']"
)
_PANEL_NAME: Final = re.compile(
    r"(?:[a-z0-9]+[-_]+)*(?:tab[-_]?(?:panel|pane|content)|accordion[-_]?(?:body|content|panel"
    r"|collapse|item)|collapse|collapsible[-_]?(?:content|body)?|panel[-_]?collapse"
    r"|faq[-_]?(?:answer|content|body)|expandable[-_]?(?:content|body)|toggle[-_]?content"
    r"|details[-_]?content|w-tab-pane)(?:[-_]+[a-z0-9]+)*"
)
_QUOTED: Final = re.compile(r"[\"']#?([\w:.-]+)[\"']")
_OVERLAY_NAME: Final = re.compile(
    r"(?:^|[-_])(?:modal|popup|overlay|drawer|offcanvas|cart|basket|menu|search|log-?in|sign-?in)"
    r"(?:$|[-_])"
)
_OVERLAY_ROLES: Final = frozenset(
    {"dialog", "alertdialog", "menu", "listbox", "tooltip", "alert", "status", "navigation"}
)


_EXPANDS: Final = (
    "button[aria-expanded]:not([aria-controls]), [role=button][aria-expanded]:not([aria-controls])"
)
_TITLES: Final = frozenset({"dt", "h1", "h2", "h3", "h4", "h5", "h6", "div", "header", "p"})
_PANEL_TAGS: Final = frozenset({"div", "dd", "section", "article", "p", "ul", "ol", "table"})
_MENUS: Final = frozenset({"nav", "header", "footer"})
MAX_NODES_BETWEEN: Final = 4
"""Number of texts and comments between a button and its panel."""


def _is_in_menu(node: LexborNode) -> bool:
    """Whether the element is in a menu, or in the header or footer of the page."""
    parent = node.parent
    while parent is not None and parent.tag is not None:
        if parent.tag == "nav" or parent.attributes.get("role") in _OVERLAY_ROLES:
            return True
        if parent.tag in _MENUS and parent.parent is not None and parent.parent.tag == "body":
            return True
        parent = parent.parent
    return False


class Panels:
    """The hidden elements of a page that one click shows: panels of tabs and accordions."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._tree = tree

    def has(self, node: LexborNode, tag: str, attributes: Attributes) -> bool:
        """Whether the hidden element is such a panel."""
        role = attributes.get("role") or ""
        if role in _OVERLAY_ROLES or tag in ("dialog", "input", "nav"):
            return False
        if role == "tabpanel" or attributes.get("hidden") == "until-found":
            return True
        names = (attributes.get("class") or "").lower().split()
        if any(_PANEL_NAME.fullmatch(name) for name in names):
            return True
        identity = attributes.get("id")
        if identity is not None and identity in self._controlled | self._named_by_scripts:
            return not any(map(_OVERLAY_NAME.search, [identity.lower(), *names]))
        if self._tabs.intersection((attributes.get("aria-labelledby") or "").split()):
            return True
        return (
            tag in _PANEL_TAGS
            and not any(map(_OVERLAY_NAME.search, [(identity or "").lower(), *names]))
            and self._follows_button(node)
        )

    def _follows_button(self, node: LexborNode) -> bool:
        """Whether the element follows a button that expands something and does not name what: the
        button itself, or a heading or term that has it.
        """
        if not self._expands:
            return False
        before = node.prev
        for _ in range(MAX_NODES_BETWEEN):
            if before is None or before.tag not in ("-text", "-comment"):
                break
            if before.tag == "-text" and (before.text_content or "").strip():
                return False
            before = before.prev
        if before is None or before.tag in ("-text", "-comment"):
            return False
        if before.mem_id in self._expands:
            return True
        if before.tag not in _TITLES:
            return False
        buttons = [each for each in before.css(_EXPANDS) if each.mem_id in self._expands]
        # A title has no other words; a part of the page with a button somewhere is none.
        return len(buttons) == 1 and buttons[0].text(strip=True) == before.text(strip=True)

    @cached_property
    def _expands(self) -> frozenset[int]:
        """The buttons that expand what they do not name, by the addresses of their nodes."""
        found = set()
        for node in self._tree.css(_EXPANDS):
            attributes = node.attributes
            if attributes.get("aria-haspopup") not in (None, "false"):
                continue
            names = (attributes.get(each) or "" for each in ("class", "id", "aria-label"))
            words = " ".join(names).lower().split()
            if not any(map(_OVERLAY_NAME.search, words)) and not _is_in_menu(node):
                found.add(node.mem_id)
        return frozenset(found)

    @cached_property
    def _named_by_scripts(self) -> frozenset[str]:
        """What a click on a button or link names in its script, as `toggle('more')` does."""
        return frozenset(
            each
            for node in self._tree.css("button[onclick], a[onclick], summary[onclick]")
            for each in _QUOTED.findall(node.attributes.get("onclick") or "")
        )

    @cached_property
    def _tabs(self) -> frozenset[str]:
        """The ids of tabs and of buttons that expand something, which may label their panel."""
        nodes = self._tree.css("[role=tab][id], button[aria-expanded][id], summary[id]")
        return frozenset(
            str(node.attributes["id"])
            for node in nodes
            if node.attributes.get("aria-haspopup") in (None, "false")
        )

    @cached_property
    def _controlled(self) -> frozenset[str]:
        """The ids that tabs and other switches of the page name."""
        found: set[str] = set()
        for node in self._tree.css(_CONTROLS):
            attributes = node.attributes
            if attributes.get("aria-haspopup") not in (None, "false"):
                continue
            if attributes.get("role") == "combobox" or node.tag == "input":
                continue
            found.update((attributes.get("aria-controls") or "").split())
            for name in ("data-bs-target", "data-target", "data-tab-target", "href"):
                value = attributes.get(name) or ""
                if value.startswith("#"):
                    found.add(value[1:])
        return frozenset(found)
