"""Which changes an alert is about: a rule, the facts of a change, and a verdict with its reason."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, Generic, TypeVar
from uuid import UUID

from pydantic import Field

from core.changes.diff import TextDifference
from core.changes.events import Event
from core.changes.rules import ChangeType, Severity
from core.model import Model
from core.web.page_types import PageType

MAX_CHOICES: Final = 100
"""Number of values that one filter of a rule may list."""

MAX_WORDS_LENGTH: Final = 200
"""Number of characters of one entry of `words`."""

WATCH_EVENTS: Final = frozenset({Event.WATCH_BROKEN, Event.WATCH_RESTORED})

SEVERITY_ORDER: Final = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)

Word = Annotated[str, Field(min_length=1, max_length=MAX_WORDS_LENGTH)]


class PriceDirection(StrEnum):
    """The direction in which a price moves."""

    UP = "up"
    DOWN = "down"
    ANY = "any"


class Words(Model):
    """Words or phrases, of which one must appear on the page, or vanish from it."""

    appear: tuple[Word, ...] = ()
    vanish: tuple[Word, ...] = ()


class AlertRule(Model):
    """The changes that an alert is about; None for a filter that lets everything pass.

    A change passes if it passes all filters. `price_percent` is the least relative move of a price,
    in per cent; without it and with `price_direction`, any move in that direction.

    A rule without `events` tells when watching breaks or works again (`WATCH_EVENTS`) whatever is
    said of severity, confidence, types, prices and words: who waits for a price has to know that
    nobody looks for it.
    """

    domain_ids: tuple[UUID, ...] | None = None
    page_ids: tuple[UUID, ...] | None = None
    tags: tuple[str, ...] | None = None
    page_types: tuple[str, ...] | None = None
    events: tuple[Event, ...] | None = None
    change_types: tuple[str, ...] | None = None
    min_severity: Severity | None = None
    min_confidence: float | None = None
    price_percent: float | None = None
    price_direction: PriceDirection | None = None
    words: Words | None = None

    @property
    def is_about_prices(self) -> bool:
        """Whether only changes of a price pass."""
        return self.price_percent is not None or self.price_direction is not None

    @property
    def is_everything(self) -> bool:
        """Whether every change passes, however the rule says so."""
        types = set[str](ChangeType) - (WATCH_EVENTS if self.events is None else set())
        return (
            all(each is None for each in (self.domain_ids, self.page_ids, self.tags, self.words))
            and (self.page_types is None or set(self.page_types) >= set(PageType))
            and (self.events is None or set(self.events) == set(Event))
            and (self.change_types is None or set(self.change_types) >= types)
            and self.min_severity in (None, SEVERITY_ORDER[0])
            and not self.min_confidence
            and not self.is_about_prices
        )


@dataclass(frozen=True)
class Needs:
    """What rules have to know of a change beside its row: the `difference` of the texts, and if it
    is about a whole domain, which of its pages are among `page_ids` or have one of the `tags`.
    """

    difference: bool
    page_ids: frozenset[UUID]
    tags: frozenset[str]

    @classmethod
    def of(cls, rules: Iterable[AlertRule]) -> "Needs":
        """What the rules together have to know."""
        difference, page_ids, tags = False, set[UUID](), set[str]()
        for rule in rules:
            difference |= rule.words is not None
            page_ids.update(rule.page_ids or ())
            tags.update(rule.tags or ())
        return cls(difference, frozenset(page_ids), frozenset(tags))


@dataclass(frozen=True)
class WordsOfChange:
    """The text of the blocks that differ, before and after, in folded case."""

    before: str
    after: str


NO_WORDS: Final = WordsOfChange("", "")


@dataclass(frozen=True)
class ChangeFacts:
    """A change as rules see it; `tags` are those of the page and of its domain.

    `page_id` and `page_type` are None if it is about a whole domain. If watching a whole domain
    breaks or works again, `pages` are the tags of its pages by their ids, as far as rules name the
    pages or the tags (`Needs`): it is about each of these pages.

    `price_steps` are the relative moves of prices, 0.1 for a rise of 10 %. `words` are empty if no
    rule that is judged reads the difference.
    """

    domain_id: UUID
    page_id: UUID | None
    page_type: str | None
    tags: frozenset[str]
    change_type: str
    severity: Severity
    confidence: float
    price_steps: tuple[float, ...] = ()
    words: WordsOfChange = NO_WORDS
    pages: Mapping[UUID, frozenset[str]] = field(default_factory=dict)

    @property
    def event(self) -> Event:
        """The event; CHANGE for every type that is no event of its own."""
        return _event_of(self.change_type)


class Reason(StrEnum):
    """Why a rule lets a change pass, or the first filter that does not."""

    MATCHES = "matches"
    OTHER_DOMAIN = "other_domain"
    OTHER_PAGE = "other_page"
    OTHER_PAGE_TYPE = "other_page_type"
    OTHER_TAG = "other_tag"
    OTHER_EVENT = "other_event"
    OTHER_CHANGE_TYPE = "other_change_type"
    LESS_SEVERE = "less_severe"
    LESS_CONFIDENT = "less_confident"
    NO_PRICE_MOVED = "no_price_moved"
    PRICE_MOVED_LESS = "price_moved_less"
    PRICE_MOVED_OTHERWISE = "price_moved_otherwise"
    OTHER_WORDS = "other_words"


@dataclass(frozen=True)
class Verdict:
    """Whether a rule lets a change pass, and why."""

    reason: Reason

    @property
    def matches(self) -> bool:
        """Whether the change is told."""
        return self.reason is Reason.MATCHES


VERDICTS: Final = {reason: Verdict(reason) for reason in Reason}


def judge(rule: AlertRule, facts: ChangeFacts) -> Verdict:
    """The verdict of one rule on one change."""
    return VERDICTS[_reason(rule, facts)]


def _reason(rule: AlertRule, facts: ChangeFacts) -> Reason:
    if rule.domain_ids is not None and facts.domain_id not in rule.domain_ids:
        return Reason.OTHER_DOMAIN
    pages = facts.pages
    if rule.page_ids is not None and facts.page_id not in rule.page_ids:
        pages = {each: pages[each] for each in rule.page_ids if each in pages} if pages else pages
        if not pages:
            return Reason.OTHER_PAGE
    if (
        rule.tags is not None
        and facts.tags.isdisjoint(rule.tags)
        and all(tags.isdisjoint(rule.tags) for tags in pages.values())
    ):
        return Reason.OTHER_TAG
    watching = facts.change_type in WATCH_EVENTS
    # What is told of watching a whole domain is about its pages of all types.
    all_types = watching and facts.page_id is None
    if rule.page_types is not None and not all_types and facts.page_type not in rule.page_types:
        return Reason.OTHER_PAGE_TYPE
    if watching and rule.events is None:
        return Reason.MATCHES
    if rule.events is not None and facts.event not in rule.events:
        return Reason.OTHER_EVENT
    if rule.change_types is not None and facts.change_type not in rule.change_types:
        return Reason.OTHER_CHANGE_TYPE
    if rule.min_severity is not None and _RANK[facts.severity] < _RANK[rule.min_severity]:
        return Reason.LESS_SEVERE
    if rule.min_confidence is not None and facts.confidence < rule.min_confidence:
        return Reason.LESS_CONFIDENT
    if rule.is_about_prices and (reason := _price_reason(rule, facts.price_steps)):
        return reason
    if rule.words is not None and not _has_words(rule.words, facts.words):
        return Reason.OTHER_WORDS
    return Reason.MATCHES


_RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITY_ORDER)}
_ROUNDING: Final = 1e-9
"""A rise from 10 to 11 is one of 10 per cent, whatever binary fractions say."""


def _event_of(change_type: str) -> Event:
    return Event.of(change_type)


def _price_reason(rule: AlertRule, steps: tuple[float, ...]) -> Reason | None:
    """Why no price moves as the rule asks; None if one does."""
    if not steps:
        return Reason.NO_PRICE_MOVED
    direction = rule.price_direction or PriceDirection.ANY
    moved = [
        step
        for step in steps
        if direction is PriceDirection.ANY or (step > 0) is (direction is PriceDirection.UP)
    ]
    if not moved:
        return Reason.PRICE_MOVED_OTHERWISE
    least = (rule.price_percent or 0.0) / 100 - _ROUNDING
    return None if any(abs(step) >= least for step in moved) else Reason.PRICE_MOVED_LESS


def _has_words(words: Words, change: WordsOfChange) -> bool:
    return any(
        _count(word, change.after) > _count(word, change.before) for word in words.appear
    ) or any(_count(word, change.after) < _count(word, change.before) for word in words.vanish)


def _count(word: str, text: str) -> int:
    pattern = _pattern(word)
    return len(pattern.findall(text)) if text else 0


@cache
def _pattern(word: str) -> re.Pattern[str]:
    """Matches whole words in folded case; any white space stands for any other."""
    parts = r"\s+".join(re.escape(part) for part in word.casefold().split())
    return re.compile(rf"(?<!\w){parts}(?!\w)")


def words_of(difference: TextDifference) -> WordsOfChange:
    """The words of the blocks that differ. A block that only moved has none: nothing appears."""
    return WordsOfChange(
        before="\n".join(block.before or "" for block in difference.blocks).casefold(),
        after="\n".join(block.after or "" for block in difference.blocks).casefold(),
    )


def warnings_of(rule: AlertRule) -> list[str]:
    """What is odd about a rule, in sentences; empty if nothing is."""
    found = []
    if rule.is_everything:
        found.append("Every change matches: nothing is left out.")
    content = rule.events is None or Event.CHANGE in rule.events
    types = rule.change_types
    if types is not None and rule.events is not None:
        possible = {_event_of(each) for each in types}
        if possible.isdisjoint(rule.events):
            found.append("No change matches: none of the change types belongs to these events.")
    if rule.is_about_prices and not content:
        found.append("No change matches: only the event change has prices.")
    if rule.words is not None and not (rule.words.appear or rule.words.vanish):
        found.append("No change matches: words names no word.")
    return found


Subject = TypeVar("Subject")


class RuleIndex(Generic[Subject]):
    """Rules with their subjects, found by domain or page where a rule names any.

    Most rules of an organisation with many name a domain or a page: those are not judged for the
    changes of others.
    """

    def __init__(self, rules: Sequence[tuple[AlertRule, Subject]]) -> None:
        self._by_id: Mapping[UUID, list[int]] = defaultdict(list)
        self._others: list[int] = []
        self._rules = rules
        self.needs = Needs.of(rule for rule, _ in rules)
        for place, (rule, _) in enumerate(rules):
            named = rule.page_ids if rule.page_ids is not None else rule.domain_ids
            if named is None:
                self._others.append(place)
            else:
                for each in dict.fromkeys(named):
                    self._by_id[each].append(place)

    def matching(self, facts: ChangeFacts) -> Iterator[Subject]:
        """The subjects of the rules that match, in the order in which they were given."""
        named = {
            *(self._by_id.get(facts.page_id, ()) if facts.page_id else ()),
            *self._by_id.get(facts.domain_id, ()),
            *(place for page_id in facts.pages for place in self._by_id.get(page_id, ())),
        }
        places = sorted((*named, *self._others)) if named else self._others
        for place in places:
            rule, subject = self._rules[place]
            if _reason(rule, facts) is Reason.MATCHES:
                yield subject
