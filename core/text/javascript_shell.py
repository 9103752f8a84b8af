"""Detection of pages that are an empty shell until a browser runs their scripts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.text.visible_text import shown_length

MAX_SHELL_TEXT_LENGTH: Final = 200
"""Number of characters of text up to which a page can be a shell."""

MAX_PLACEHOLDER_LENGTH: Final = 40
"""Number of characters of a placeholder in a mount element, such as `Loading, please wait`."""

MOUNT_SELECTOR: Final = (
    "#root, #app, #app-root, #react-root, #main-app, #__next, #__nuxt, #__layout, #___gatsby,"
    " #svelte, #q-app, #ember-app, #application, app-root, ng-app, [ng-app], [data-ng-app],"
    " [ng-version], [data-reactroot], [data-server-rendered], [data-v-app],"
    " [data-sveltekit-hydrate]"
)
"""The mount elements of React, Vue, Angular, Next, Nuxt, Gatsby, Svelte, Quasar and Ember."""

SCRIPT_SELECTOR: Final = (
    "script[src], script[type=module], script:not([type]), link[rel=modulepreload]"
)
_JAVASCRIPT: Final = ("javascript", "java script")


class ShellSign(StrEnum):
    """The sign by which a shell is recognised."""

    EMPTY_MOUNT = "empty_mount"  # the mount element of a framework is empty
    NOSCRIPT = "noscript"  # a noscript element asks for JavaScript
    SCRIPTS_ALONE = "scripts_alone"  # scripts and no text


@dataclass(frozen=True)
class EmptyShell:
    """The page has no content without JavaScript."""

    sign: ShellSign


@dataclass(frozen=True)
class Readable:
    """The page has content without JavaScript, or has no scripts that could add any."""


def shell_of(html: str) -> EmptyShell | Readable:
    """Whether `html` is an empty shell or readable.

    A shell has a script and at most `MAX_SHELL_TEXT_LENGTH` characters of text. In addition it has
    an empty mount element, a noscript element that mentions JavaScript, or no text at all.
    """
    tree = LexborHTMLParser(html)
    if tree.css_first(SCRIPT_SELECTOR) is None:
        return Readable()
    shown = shown_length(tree, MAX_SHELL_TEXT_LENGTH)
    if shown > MAX_SHELL_TEXT_LENGTH:
        return Readable()
    if any(len(_text(mount)) <= MAX_PLACEHOLDER_LENGTH for mount in tree.css(MOUNT_SELECTOR)):
        return EmptyShell(ShellSign.EMPTY_MOUNT)
    noscript = " ".join(node.text() for node in tree.css("noscript")).lower()
    if any(word in noscript for word in _JAVASCRIPT):
        return EmptyShell(ShellSign.NOSCRIPT)
    return Readable() if shown else EmptyShell(ShellSign.SCRIPTS_ALONE)


def _text(node: LexborNode) -> str:
    """The text inside `node` without scripts, style sheets and templates."""
    return " ".join(
        each.text_content or ""
        for each in node.traverse(include_text=True)
        if each.tag == "-text"
        and (each.parent is None or each.parent.tag not in ("script", "style", "template"))
    ).strip()
