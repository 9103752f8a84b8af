"""Retention in a running system."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update

from store.sightings import EarlierLook, earlier_look, remember_look
from store.tables import Change, Content, Snapshot
from temporal.housekeeping import PRUNING
from tests.api.crawled import crawled_page
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System


async def test_the_daily_schedule_takes_away_what_is_past_its_retention(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, "<p>one</p>", "<p>two</p>", "<p>three</p>")
    path = f"/api/pages/{page.page_id}/snapshots"
    third, second, first = (row["id"] for row in (await system.api.get(path)).json()["data"])
    days = system.settings.snapshot_retention_days
    async with system.database.transaction() as session:
        await session.execute(
            update(Snapshot).values(created_at=datetime.now(UTC) - timedelta(days=days + 1))
        )
        await session.execute(delete(Change).where(Change.before_id == UUID(first)))
        once = EarlierLook(1, datetime.now(UTC) - timedelta(days=2), None)
        await remember_look(session, page.page_id, "a job that is gone", once)
    async with system.worker():
        await system.client.get_schedule_handle(PRUNING).trigger()

        async def left() -> set[str]:
            async with system.database.reading() as session:
                return {str(each) for each in await session.scalars(select(Snapshot.id))}

        assert await eventually(left, lambda ids: first not in ids) == {second, third}

        async def held() -> set[str]:
            async with system.database.reading() as session:
                return {each.text for each in await session.scalars(select(Content))}

        await eventually(held, lambda texts: not any("one" in text for text in texts))

        async def looked() -> EarlierLook | None:
            async with system.database.reading() as session:
                return await earlier_look(session, page.page_id, "a job that is gone")

        await eventually(looked, lambda look: look is None)
    assert (await system.jobs(limit=100)).meta.total == 4, "a discovery and three crawls"
    assert (await system.api.get(f"/api/snapshots/{second}")).json()["data"]["text"] == "two"
