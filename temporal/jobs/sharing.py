"""Answers of Temporal's visibility that those who ask the same at the same time share."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

SHARED_FOR: Final = 0.4
"""Seconds after the beginning of a question for which its answer is given to others.

What a job publishes as active is half a second behind, and lists and counts may be one.
"""

LISTING_LAG: Final = 0.2
"""Seconds after a write in which an answer may not show it yet, and so is not shared."""

MAX_ANSWERS: Final = 200
"""Number of answers from which on those that nobody may have any more are dropped."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Question:
    """A question under way, or answered; `asked_at` is by the clock of its answers."""

    asked_at: float
    answer: "asyncio.Task[Any]"


class SharedAnswers:
    """The answers of the last `SHARED_FOR` seconds, each asked for once.

    An organisation that has just written something gets answers that began after it. `clock` tells
    seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._questions: dict[tuple[UUID, Hashable], _Question] = {}
        self._written_at: dict[UUID | None, float] = {}

    async def get(
        self, org_id: UUID, key: Hashable, ask: Callable[[], Awaitable[T]]
    ) -> tuple[T, bool]:
        """The answer to the question `key` of the organisation, and whether it was asked for now.

        Raises what `ask` raises, to all who share it; the next one asks again.
        """
        now = self._clock()
        place = (org_id, key)
        question = self._questions.get(place)
        is_new = question is None or not self._may_be_shared(org_id, question, now)
        if question is None or is_new:
            self._drop_expired(now)
            question = _Question(now, asyncio.ensure_future(_asked(ask)))
            self._questions[place] = question
        try:
            # The question goes on without the one who asked it first: others wait for it.
            return await asyncio.shield(question.answer), is_new
        except BaseException:
            if question.answer.done() and self._questions.get(place) is question:
                del self._questions[place]
            raise

    def forget(self, org_id: UUID | None) -> None:
        """Share no answer from before now with the organisation, or with any if that is None."""
        self._written_at[org_id] = self._clock()

    def _may_be_shared(self, org_id: UUID, question: _Question, now: float) -> bool:
        written_at = max(self._written_at.get(each, -LISTING_LAG) for each in (org_id, None))
        is_recent = now - question.asked_at < SHARED_FOR
        return is_recent and question.asked_at >= written_at + LISTING_LAG

    def _drop_expired(self, now: float) -> None:
        if len(self._questions) >= MAX_ANSWERS:
            self._questions = {
                place: each
                for place, each in self._questions.items()
                if now - each.asked_at < SHARED_FOR
            }
        if len(self._written_at) >= MAX_ANSWERS:
            since = now - SHARED_FOR - LISTING_LAG
            self._written_at = {org: at for org, at in self._written_at.items() if at >= since}


async def _asked(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()
