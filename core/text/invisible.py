"""Characters that no reader can see, and forms of a character that look the same."""

import re
import unicodedata
from typing import Final

_REMOVED: Final = re.compile(
    # Soft hyphen, grapheme joiner, direction marks, zero-width space and word joiner, variation
    # selectors, invisible operators, byte order mark, interlinear annotation and its object, the
    # fillers of Hangul, inherent vowels of Khmer, controls of music and shorthand.
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffc\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0100-\U000e01ef"
    # Controls, except those that separate words or lines, and our marks (`core.text.stored_text`).
    "\x00-\x08\x1a\x1b\x7f-\x84\x86-\x9f]"
    # Tags, except those that make a flag that of a part of a country.
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+"
)
_CONTROL: Final = re.compile("[\x00-\x08\x1a\x1b\x7f]")
_BLANK: Final = "\u2800"
"""The pattern of Braille without a dot, which looks like a space."""

_JOINERS: Final = re.compile("[\u200c\u200d]")
_SAME_LOOK: Final = re.compile("[\u2010\u2011\ufb00-\ufb06\ufb50-\ufdfb\ufe70-\ufefc]+")
"""Hyphens, ligatures and the presentation forms of Arabic letters."""


def without_invisible(text: str) -> str:
    """The text as composed characters (NFC), without those that no reader can see.

    Joiners stay: they shape letters and emoji.
    """
    if text.isascii() and not _CONTROL.search(text):
        return text
    return unicodedata.normalize("NFC", _REMOVED.sub("", text.replace(_BLANK, " ")))


def compared_form(text: str) -> str:
    """The form of a text that is equal for all texts that look the same."""
    seen = without_invisible(text)
    return seen if seen.isascii() else _SAME_LOOK.sub(_plain, _JOINERS.sub("", seen))


def _plain(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", found[0]).replace("\u2010", "-")
