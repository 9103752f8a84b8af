"""Confirmation: a change is reported only if two consecutive fetches of the page show it."""

from dataclasses import dataclass, replace

from core.changes.detection import DetectedChange, SeenPage, change_from
from core.changes.diff import BlockChange, BlockChangeKind, TextDifference, difference_of
from core.changes.ignoring import told_difference
from core.changes.muting import NoiseHistory, changed_lines, without_muted
from core.changes.noise import masked, masked_title
from core.text.stored_text import headings_of, marked_like
from core.web.crawl_settings import MaskName


@dataclass(frozen=True)
class Confirmation:
    """The result of a second fetch of a page.

    `detected` is the change that the second fetch shows, and `confirmed` the part of it that the
    first fetch shows as well; either is None if there is none. `noise` is the page's noise history
    after both.
    """

    detected: DetectedChange | None
    confirmed: DetectedChange | None
    noise: NoiseHistory


def confirm(
    before: SeenPage, first: SeenPage, second: SeenPage, noise: NoiseHistory
) -> Confirmation:
    """The change from the stored version `before` that two fetches have in common."""
    before, first = (
        replace(each, text=marked_like(each.text, second.text)) for each in (before, first)
    )
    how = second.how
    at_first = told_difference(before.text, first.text, how)
    at_second = told_difference(before.text, second.text, how)
    updated = noise.updated(
        changed_lines(at_first) | changed_lines(at_second), headings_of(second.text)
    )
    unmuted = at_second
    if MaskName.LEARNED in how.masks:
        unmuted = without_muted(at_second, updated.muted)
    same_text = told_difference(first.text, second.text, how).identical
    in_both = unmuted if same_text else _in_both(at_first, unmuted, how.masks)
    return Confirmation(
        detected=change_from(unmuted, before, second),
        confirmed=change_from(in_both, before, _where_both_agree(before, first, second)),
        noise=updated,
    )


def _where_both_agree(before: SeenPage, first: SeenPage, second: SeenPage) -> SeenPage:
    """`second`, with the URL and title of `before` unless `first` has the same ones."""
    masks = second.how.masks
    same_title = masked_title(first.title, masks) == masked_title(second.title, masks)
    return SeenPage(
        url=second.url if second.url == first.url else before.url,
        title=second.title if same_title else before.title,
        text=second.text,
        how=second.how,
    )


def _in_both(
    first: TextDifference, second: TextDifference, masks: frozenset[MaskName]
) -> TextDifference:
    """The blocks of `second` whose lines differ in `first` too.

    Lines are matched one by one, because neighbouring edits can pair the same lines differently.
    """
    removed = {_line(each, each.before, masks) for each in first.blocks if each.before is not None}
    added = {_line(each, each.after, masks) for each in first.blocks if each.after is not None}
    kept = tuple(
        each
        for each in second.blocks
        if (each.before is None or _line(each, each.before, masks) in removed)
        and (each.after is None or _line(each, each.after, masks) in added)
    )
    return difference_of(kept, identical=not kept)


def _line(block: BlockChange, text: str, masks: frozenset[MaskName]) -> tuple[bool, str]:
    """The key of a line: a moved line never equals an added or removed one."""
    return block.kind is BlockChangeKind.MOVED, masked(text, masks)
