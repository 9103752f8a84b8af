"""Has schedules written again before the changes of clocks that they name have passed."""

from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select

from core.outbox import Message, PageScheduleMessage, ScheduleMessage
from store.db.engine import Database
from store.outbox_rows import put
from store.tables.domains import Domain
from store.tables.pages import Page

RENEWAL_DAYS: Final = 30
"""Each schedule is renewed once in so many days, a share of them every day: it is right for two
years, and to look at all of them at once would keep Temporal busy for nothing.
"""

MESSAGES_PER_TRANSACTION: Final = 200


async def renew_schedules(database: Database, today: date) -> int:
    """Write the messages that renew the schedules whose turn is `today`; how many. Idempotent.

    Only schedules that a domain or page has of its own can name times of the clock.
    """
    async with database.reading() as session:
        domains = await session.scalars(select(Domain.id).where(Domain.schedule.is_not(None)))
        messages: list[Message] = [
            ScheduleMessage.of(each) for each in domains if _has_turn(each, today)
        ]
        pages = await session.execute(
            select(Page.id, Page.domain_id).where(Page.schedule.is_not(None))
        )
        messages += [
            PageScheduleMessage.of(page_id, domain_id)
            for page_id, domain_id in pages
            if _has_turn(page_id, today)
        ]
    for start in range(0, len(messages), MESSAGES_PER_TRANSACTION):
        async with database.transaction() as session:
            for message in messages[start : start + MESSAGES_PER_TRANSACTION]:
                await put(session, message)
    return len(messages)


def _has_turn(subject_id: UUID, today: date) -> bool:
    return subject_id.int % RENEWAL_DAYS == today.toordinal() % RENEWAL_DAYS
