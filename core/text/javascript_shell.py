"""Pages that are an empty shell: what they say is written by scripts, in a browser."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.text.visible_text import shown_length

MOST_TEXT: Final = 200
"""Characters that a shell may show: a name, a line of copyright, `Loading`."""

MOST_WAITING: Final = 40
"""Characters that may stand where the content is to be: `Loading, please wait`."""

MOUNTS: Final = (
    "#root, #app, #app-root, #react-root, #main-app, #__next, #__nuxt, #__layout, #___gatsby,"
    " #svelte, #q-app, #ember-app, #application, app-root, ng-app, [ng-app], [data-ng-app],"
    " [ng-version], [data-reactroot], [data-server-rendered], [data-v-app],"
    " [data-sveltekit-hydrate]"
)
"""Where React, Vue, Angular, Next, Nuxt, Gatsby, Svelte, Quasar and Ember put a page's content."""

SCRIPTS: Final = "script[src], script[type=module], script:not([type]), link[rel=modulepreload]"
_ASKS: Final = ("javascript", "java script")


class ShellSign(StrEnum):
    """What gives a shell away."""

    EMPTY_MOUNT = "empty_mount"  # the element that a framework fills is empty
    NOSCRIPT = "noscript"  # it asks for JavaScript in so many words
    SCRIPTS_ALONE = "scripts_alone"  # no text at all, but scripts


@dataclass(frozen=True)
class EmptyShell:
    """The page shows nothing of what it has to say without JavaScript, as `sign` tells."""

    sign: ShellSign


@dataclass(frozen=True)
class Readable:
    """The page can be read as it was sent, or no browser would make more of it."""


def shell_of(html: str) -> EmptyShell | Readable:
    """Whether `html` is an empty shell.

    It has a script and hardly any text, and besides no text at all, an empty element that a
    framework fills, or a word on JavaScript for those who have none.
    """
    tree = LexborHTMLParser(html)
    if tree.css_first(SCRIPTS) is None:
        return Readable()
    shown = shown_length(tree, MOST_TEXT)
    if shown > MOST_TEXT:
        return Readable()
    if any(len(_text(mount)) <= MOST_WAITING for mount in tree.css(MOUNTS)):
        return EmptyShell(ShellSign.EMPTY_MOUNT)
    asking = " ".join(node.text() for node in tree.css("noscript")).lower()
    if any(word in asking for word in _ASKS):
        return EmptyShell(ShellSign.NOSCRIPT)
    return Readable() if shown else EmptyShell(ShellSign.SCRIPTS_ALONE)


def _text(node: LexborNode) -> str:
    """What is shown within `node`, roughly: without scripts."""
    return " ".join(
        each.text_content or ""
        for each in node.traverse(include_text=True)
        if each.tag == "-text"
        and (each.parent is None or each.parent.tag not in ("script", "style", "template"))
    ).strip()
