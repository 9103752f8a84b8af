"""Schedules are written again before what they know of changes of clocks ends."""

from datetime import timedelta

from sqlalchemy import delete, select

from core.outbox import MessageKind
from core.schedules import Schedule
from store.db.engine import Database
from store.renewal import RENEWAL_DAYS, renew_schedules
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.requests import OutboxMessage
from tests.store.rows import NOON, new_domain, new_page

NIGHTLY = Schedule(cron="30 2 * * *", time_zone="Europe/Berlin")


async def test_each_schedule_is_renewed_once_a_month_and_others_never(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        other = await new_domain(session, domain.org_id, "other.example")
        own = await new_page(session, other.id, "/own")
        (await session.get_one(Domain, domain.id)).schedule = NIGHTLY
        own.schedule = NIGHTLY
        await session.execute(delete(OutboxMessage))
    renewed = []
    for day in range(RENEWAL_DAYS):
        today = (NOON + timedelta(days=day)).date()
        counts = [await renew_schedules(database, today) for _ in range(2)]
        async with database.transaction() as session:
            rows = list(await session.scalars(select(OutboxMessage)))
            await session.execute(delete(OutboxMessage))
        assert counts == [len(rows)] * 2, "it may run twice"
        renewed += [(each.kind, each.subject_id, each.domain_id) for each in rows]
    assert sorted(renewed) == sorted(
        [
            (MessageKind.SCHEDULE, domain.id, domain.id),
            (MessageKind.PAGE_SCHEDULE, own.id, other.id),
        ]
    )
