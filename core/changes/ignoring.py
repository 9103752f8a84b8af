"""Ignored text: lines that a person has said not to be told of, by patterns of their words.

A pattern is the text of a whole line. `*` stands for any text and `#` for a number; a backslash
before either, or before another backslash, makes it an ordinary character.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from pydantic_core import PydanticCustomError

from core.changes.diff import BlockChange, TextDifference, difference_of
from core.changes.text_diff import compare
from core.text.stored_text import display_form, mark_of
from core.web.crawl_settings import Comparison

MAX_TEXT_PATTERNS: Final = 50
"""Number of patterns of a page, and of a domain."""

MAX_TEXT_PATTERN_LENGTH: Final = 300
"""Number of characters of a pattern."""

MIN_LITERALS: Final = 3
"""Number of letters and digits that a pattern must have: fewer match what nobody has thought of."""

MAX_LINE_LENGTH: Final = 20_000
"""Number of characters of a line that are compared with patterns; a longer one matches none."""

# Of bounded length, since it is tried at each digit. A line has plain spaces only.
_NUMBER: Final = r"(?>\d{1,20}(?:(?:[.,:/'’]|[ ](?=\d{3}(?!\d)))\d{1,20}){0,9})"
_NUMBERS: Final = re.compile(_NUMBER)
_TOKENS: Final = re.compile(
    r"\\(?P<plain>[\\*#])|(?P<any>\*)|(?P<number>#)|(?P<other>.)", re.DOTALL
)


def check_text_pattern(text: str) -> str:
    """Return `text` unchanged. Raises PydanticCustomError if it is too general."""
    literals = "".join(each["plain"] or each["other"] or "" for each in _TOKENS.finditer(text))
    if sum(each.isalnum() for each in literals) < MIN_LITERALS:
        sentence = f"A text to ignore has at least {MIN_LITERALS} letters or digits of its own"
        raise PydanticCustomError("refused_text_pattern", "{sentence}", {"sentence": sentence})
    return text


def pattern_of(line: str, *, numbers: bool = False) -> str:
    """The pattern that matches the line, and with `numbers` also with any other numbers in it.

    The end of a long line may be any text.
    """
    words = _words(line)
    pieces: list[str] = []
    position = 0
    for number in _NUMBERS.finditer(words) if numbers else ():
        pieces += [*map(_escaped, words[position : number.start()]), "#"]
        position = number.end()
    pieces += map(_escaped, words[position:])
    pattern = ""
    for piece in pieces:
        pattern += piece
        if len(pattern) > MAX_TEXT_PATTERN_LENGTH:
            return pattern[: MAX_TEXT_PATTERN_LENGTH - 3].rstrip("\\") + "*"
    return pattern


def any_text_around(text: str) -> str:
    """The pattern of the lines that have the text in them."""
    return f"*{''.join(map(_escaped, ' '.join(text.split())))}*"


def is_ignored(block: BlockChange, patterns: Sequence[str]) -> bool:
    """Whether every line of the block, before and after the change, matches one of `patterns`."""
    if not patterns:
        return False
    lines = [_words(line) for line in (block.before, block.after) if line is not None]
    return all(any(_matches(words, each) for each in patterns) for words in lines)


def without_ignored(difference: TextDifference, patterns: Sequence[str]) -> TextDifference:
    """The difference without the blocks that `patterns` ignore; identical if no block remains."""
    kept = tuple(block for block in difference.blocks if not is_ignored(block, patterns))
    if len(kept) == len(difference.blocks):
        return difference
    return difference_of(kept, identical=not kept)


def told_difference(before: str, after: str, how: Comparison) -> TextDifference:
    """The difference of two texts, without the text that `how` ignores."""
    return without_ignored(compare(before, after, how), how.ignore_text)


def _words(line: str) -> str:
    """The text of a line in stored or in display form, without its mark."""
    shown = display_form(line).strip()
    return " ".join(shown.removeprefix(mark_of(shown)).split())


def _escaped(character: str) -> str:
    return f"\\{character}" if character in "\\*#" else character


def _matches(words: str, pattern: str) -> bool:
    return len(words) <= MAX_LINE_LENGTH and _compiled(pattern).fullmatch(words) is not None


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression without backtracking, as that of a glob
    (`core.web.scope`): the leftmost match of what is between two stars leaves most for the rest.
    """
    parts = [""]
    for token in _TOKENS.finditer(" ".join(pattern.split())):
        if token["any"]:
            parts.append("")
        else:
            parts[-1] += _NUMBER if token["number"] else re.escape(token["plain"] or token["other"])
    if len(parts) == 1:
        return re.compile(parts[0])
    first, *middle, last = parts
    inner = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{inner}.*{last}", re.DOTALL)
