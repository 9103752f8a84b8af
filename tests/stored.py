"""Pages and changes as checks store them, without a crawl."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from store.checks import record_version
from store.tables.pages import Page
from tests.store.rows import changed, new_page, read, version
from tests.system import System


async def page_of(system: System) -> Page:
    """A page of the organisation that was crawled once."""
    added = await system.api.post("/api/domains", json={"domain": f"{uuid4().hex}.example"})
    domain_id = UUID(added.json()["data"]["id"])
    async with system.database.transaction() as session:
        page = await new_page(session, domain_id)
        await record_version(
            session, page, "job-0", version("0"), at=datetime.now(UTC), is_change=False
        )
    return await read(system.database, page.id)


async def change(system: System, page_id: UUID) -> UUID:
    """A change of the page, in one transaction as a check stores it; its id."""
    page = await read(system.database, page_id)
    assert page.snapshot_id is not None
    now, text = datetime.now(UTC), uuid4().hex
    async with system.database.transaction() as session:
        after = await record_version(session, page, text, version(text), at=now, is_change=True)
        assert after is not None
        return await changed(session, page, text, page.snapshot_id, after, now)


async def stored_change(system: System) -> UUID:
    """A change of a page of its own; its id."""
    return await change(system, (await page_of(system)).id)
