"""News that is told only where two looks at a page, one after the other, have found it."""

from dataclasses import dataclass, replace

from core.changes.detection import DetectedChange, SeenPage, change_from
from core.changes.diff import BlockChange, BlockChangeKind, TextDifference, difference_of
from core.changes.muting import Learned, changed_lines, without
from core.changes.noise import masked, masked_title
from core.changes.text_diff import compare
from core.text.stored_text import headings_of, marked_like


@dataclass(frozen=True)
class Confirmation:
    """What a second look at a page has found: `detected`, and the part of it that the first one had
    found too, `confirmed`. `learned` is what is known of the page after both.
    """

    detected: DetectedChange | None
    confirmed: DetectedChange | None
    learned: Learned


def confirm(before: SeenPage, first: SeenPage, second: SeenPage, known: Learned) -> Confirmation:
    """What two looks at a page that is stored as `before` have found."""
    before, first = (
        replace(each, text=marked_like(each.text, second.text)) for each in (before, first)
    )
    at_first, now = compare(before.text, first.text), compare(before.text, second.text)
    changed = changed_lines(at_first) | changed_lines(now)
    learned = known.after(changed, headings_of(second.text))
    told = without(now, learned.muted)
    twice = told if compare(first.text, second.text).identical else _in_both(at_first, told)
    return Confirmation(
        detected=change_from(told, before, second),
        confirmed=change_from(twice, before, _where_both_agree(before, first, second)),
        learned=learned,
    )


def _where_both_agree(before: SeenPage, first: SeenPage, second: SeenPage) -> SeenPage:
    """The second, with the address and the title of before where the first had others."""
    same_title = masked_title(first.title) == masked_title(second.title)
    return SeenPage(
        url=second.url if second.url == first.url else before.url,
        title=second.title if same_title else before.title,
        text=second.text,
    )


def _in_both(first: TextDifference, second: TextDifference) -> TextDifference:
    """What differs in the second that differs in the first: by line, for the same lines may be
    paired in another way where others differ beside them.
    """
    gone = {_line(each, each.before) for each in first.blocks if each.before is not None}
    come = {_line(each, each.after) for each in first.blocks if each.after is not None}
    kept = tuple(
        each
        for each in second.blocks
        if (each.before is None or _line(each, each.before) in gone)
        and (each.after is None or _line(each, each.after) in come)
    )
    return difference_of(kept, identical=not kept)


def _line(block: BlockChange, text: str) -> tuple[bool, str]:
    """A line as it is compared; one that moved neither came nor went."""
    return block.kind is BlockChangeKind.MOVED, masked(text)
