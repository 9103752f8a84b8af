"""Alignment of two sequences of texts, by their longest common subsequence.

rapidfuzz computes it bit-parallel. For 10,000 lines of which every second one differs it takes
0.03 s, and difflib takes 5 s.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz.distance import Indel

from core.text.invisible import compared_form

MAX_CELLS = 400_000_000
"""Largest product of both lengths that is aligned: this takes 50 MB and 0.1 s."""


@dataclass(frozen=True)
class Hunk:
    """A difference: `before[before_start:before_end]` became `after[after_start:after_end]`.

    Either range may be empty.
    """

    before_start: int
    before_end: int
    after_start: int
    after_end: int


class SpanOp(StrEnum):
    """How a run of words differs."""

    EQUAL = "equal"
    REPLACED = "replaced"
    INSERTED = "inserted"
    DELETED = "deleted"


@dataclass(frozen=True)
class Span:
    """A run of words before and after; `before` is empty if INSERTED, `after` if DELETED."""

    op: SpanOp
    before: str
    after: str


def too_long(hunk: Hunk) -> bool:
    """Whether `hunk` exceeds `MAX_CELLS`, so that its two sides are not aligned."""
    before, after = hunk.before_end - hunk.before_start, hunk.after_end - hunk.after_start
    return before * after > MAX_CELLS


def hunks(before: Sequence[str], after: Sequence[str]) -> list[Hunk]:
    """All differences in order; adjacent ones are joined.

    Sequences that exceed `MAX_CELLS` give one hunk, from the first difference to the last.
    """
    start = 0
    shorter = min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    middle_before = before[start : len(before) - end]
    middle_after = after[start : len(after) - end]
    if not middle_before and not middle_after:
        return []
    whole = Hunk(start, len(before) - end, start, len(after) - end)
    if too_long(whole):
        return [whole]
    return _aligned(middle_before, middle_after, start)


def _aligned(before: Sequence[str], after: Sequence[str], offset: int) -> list[Hunk]:
    # rapidfuzz compares strings by their hashes, which may collide; small integers do not.
    numbers: dict[str, int] = {}
    coded = [[numbers.setdefault(text, len(numbers)) for text in side] for side in (before, after)]
    result: list[Hunk] = []
    open_hunk: Hunk | None = None
    for step in Indel.opcodes(coded[0], coded[1]):
        if step.tag == "equal":
            open_hunk = None
            continue
        if open_hunk is not None:
            result.pop()
        open_hunk = Hunk(
            open_hunk.before_start if open_hunk else step.src_start + offset,
            step.src_end + offset,
            open_hunk.after_start if open_hunk else step.dest_start + offset,
            step.dest_end + offset,
        )
        result.append(open_hunk)
    return result


_WORD = re.compile(
    # Thai, Lao, Khmer, kana and Han are written without spaces: each character is a word.
    r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    r"|[^\s\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)


def word_spans(before: str, after: str) -> tuple[Span, ...]:
    """The word-by-word difference of two blocks, from the first word to the last.

    Words are separated by white space: `$99/month` is one word. The text of a span is a slice of
    its block, without the white space around it.
    """
    old, new = list(_WORD.finditer(before)), list(_WORD.finditer(after))
    spans: list[Span] = []
    i = j = 0
    for hunk in hunks(_forms(old), _forms(new)):
        if hunk.before_start > i:
            kept = _cut(before, old[i : hunk.before_start]), _cut(after, new[j : hunk.after_start])
            spans.append(Span(SpanOp.EQUAL, *kept))
        i, j = hunk.before_end, hunk.after_end
        removed = _cut(before, old[hunk.before_start : i])
        added = _cut(after, new[hunk.after_start : j])
        op = SpanOp.INSERTED if not removed else SpanOp.DELETED if not added else SpanOp.REPLACED
        spans.append(Span(op, removed, added))
    if i < len(old):
        spans.append(Span(SpanOp.EQUAL, _cut(before, old[i:]), _cut(after, new[j:])))
    return tuple(spans)


def _forms(words: Sequence[re.Match[str]]) -> list[str]:
    return [compared_form(word[0]) for word in words]


def _cut(text: str, words: Sequence[re.Match[str]]) -> str:
    return text[words[0].start() : words[-1].end()] if words else ""
