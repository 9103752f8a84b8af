"""Numbers that a page writes in two sizes: cents beside an amount, exponents, footnotes."""

import re
from typing import Final

from core.changes.money import find_money

STARTS: Final = {"raised": "\x13", "small": "\x15", "footnote": "\x16", "apart": "\x17"}
"""The control character before the text of an element that is set apart, by how it is."""

END: Final = "\x14"
"""The control character after it."""

_PART: Final = re.compile("([\x13\x15-\x17])([^\x13-\x17]*)\x14")
_MARKS: Final = re.compile("[\x13-\x17]")
_CENTS: Final = re.compile(r"(\d\d)(\s?[^\w\s.,%()\[\]/*+-]{1,3})?")
_NUMBER_AT_END: Final = re.compile(r"\d[\d.,'’ ]*$")
_RAISED_DIGITS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_CONTEXT: Final = 30
"""Number of characters around a number in which its currency is looked for."""


def with_cents(text: str) -> str:
    """The text with its marks resolved, so that no two numbers run into one.

    Two raised or small digits after an amount are its cents. Other raised digits become superscript
    characters, and other digits that are set apart are separated by a space.
    """
    if not _MARKS.search(text):
        return text
    pieces: list[str] = []
    shown, at = "", 0
    for part in _PART.finditer(text):
        pieces.append(_MARKS.sub("", text[at : part.start()]))
        shown = (shown + pieces[-1])[-_CONTEXT:]
        after = _MARKS.sub("", text[part.end() : part.end() + _CONTEXT])
        pieces.append(_beside(shown, part[1], part[2], after))
        shown = _without_gaps(shown + pieces[-1])[-_CONTEXT:]
        at = part.end()
    pieces.append(_MARKS.sub("", text[at:]))
    return _without_gaps("".join(pieces))


def _beside(shown: str, start: str, inside: str, after: str) -> str:
    """The text of one element, as it reads beside what stands before and after it."""
    stripped = inside.strip()
    if not stripped[:1].isdigit() or not shown.rstrip()[-1:].isdigit():
        return inside
    glued = not shown[-1].isspace() and inside[0] == stripped[0]
    cents = _CENTS.fullmatch(stripped)
    if start == STARTS["apart"]:
        is_cents = False
        if not glued or cents is None or not _in_amount(shown, stripped, after):
            return inside
    else:
        is_cents = (
            cents is not None
            and (glued or start == STARTS["raised"])
            and start != STARTS["footnote"]
            and _in_amount(shown, stripped, after)
        )
    if is_cents:
        # The mark joins the number even if white space stands between the elements.
        return f"\x18{_mark(shown)}{inside.strip()}"
    if (
        start in (STARTS["raised"], STARTS["footnote"])
        and stripped.isascii()
        and stripped.isdigit()
    ):
        return stripped.translate(_RAISED_DIGITS)
    return f" {stripped}" if glued else inside


def _in_amount(shown: str, inside: str, after: str) -> bool:
    """Whether the number at the end of `shown` is a whole amount of money."""
    number = _NUMBER_AT_END.search(shown.rstrip())
    if number is None or re.search(r"[.,]\d\d?$", number[0]):
        return False
    if re.search(r"[^\d\s]", inside):
        return True
    found = find_money(shown.rstrip())
    if found and found[-1].end >= len(shown.rstrip()):
        return True
    found = find_money(number[0] + after.replace("\n", " "))
    return bool(found) and found[0].start == 0


def _mark(shown: str) -> str:
    """The decimal mark that the number at the end of `shown` has not used for its thousands."""
    number = _NUMBER_AT_END.search(shown.rstrip())
    return "," if number is not None and "." in number[0] else "."


def _without_gaps(text: str) -> str:
    """The text without the white space before cents."""
    return re.sub(r"\s*\x18", "", text) if "\x18" in text else text
