"""Noise that is learned of a page, after real crawls."""

from uuid import UUID

from tests.api.crawled import crawled_page
from tests.site import FakeSite
from tests.system import System


def shown(friends: int, price: int = 99) -> str:
    """A page of which one line is another at each visit."""
    return (
        f"<h1>Shop</h1><p>Pro costs ${price} a month.</p>"
        f"<p>There are {friends} friends of ours in town.</p>"
    )


async def summaries(system: System, page_id: UUID) -> list[str]:
    """What was told of the page, oldest first."""
    rows = (await system.api.get(f"/api/changes?pageId={page_id}")).json()["data"]
    return [row["summary"] for row in reversed(rows)]


async def test_a_region_that_changes_all_the_time_is_muted_until_it_is_reset(
    system: System, site: FakeSite
) -> None:
    versions = [shown(number) for number in range(11, 16)]
    page = await crawled_page(system, site, *versions, shown(17, 129))
    told = await summaries(system, page.page_id)
    assert len(told) == 3, "two alarms until it is known for noise, and the price"
    assert "$129" in told[-1]
    path = f"/api/pages/{page.page_id}/muted"
    [region] = (await system.api.get(path)).json()["data"]
    assert region.pop("mutedAt").endswith("Z")
    assert region == {"section": "Shop", "words": "There are … friends of ours in town."}
    assert (await system.api.delete(path)).status_code == 204
    assert (await system.api.get(path)).json()["data"] == []
    site.page("/", shown(18, 129))
    async with system.worker():
        await system.finished(await system.ask(f"/api/pages/{page.page_id}/crawl"))
    assert len(await summaries(system, page.page_id)) == 4


async def test_a_region_that_changes_now_and_then_is_news(system: System, site: FakeSite) -> None:
    versions = [shown(11 + number // 3) for number in range(9)]
    page = await crawled_page(system, site, *versions)
    assert len(await summaries(system, page.page_id)) == 2
    assert (await system.api.get(f"/api/pages/{page.page_id}/muted")).json()["data"] == []
