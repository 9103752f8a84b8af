"""Characters that no reader can see, and forms of a character that look the same."""

import re
import unicodedata
from typing import Final

_REMOVED: Final = re.compile(
    # Soft hyphen, grapheme joiner, direction marks, zero-width space and word joiner, variation
    # selectors, invisible operators, byte order mark, interlinear annotation.
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0001\U000e0100-\U000e01ef]"
)
_JOINERS: Final = re.compile("[\u200c\u200d]")
_SAME_LOOK: Final = re.compile("[\u2010\u2011\ufb00-\ufb06\ufb50-\ufdfb\ufe70-\ufefc]+")
"""Hyphens, ligatures and the presentation forms of Arabic letters."""


def without_invisible(text: str) -> str:
    """The text as composed characters (NFC), without those that no reader can see.

    Joiners stay: they shape letters and emoji.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _REMOVED.sub("", text))


def compared_form(text: str) -> str:
    """The form of a text that is equal for all texts that look the same."""
    if text.isascii():
        return text
    return _SAME_LOOK.sub(_plain, _JOINERS.sub("", without_invisible(text)))


def _plain(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", found[0]).replace("\u2010", "-")
