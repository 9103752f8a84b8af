"""What the Temporal web UI tells of a job without being asked."""

from tests.site import FakeSite
from tests.system import System


async def summaries(system: System, job_id: str) -> list[str]:
    """The summaries of the workflow and of its activities, in order."""
    history = await system.client.get_workflow_handle(job_id).fetch_history()
    payloads = [event.user_metadata.summary for event in history.events]
    said = [payload for payload in payloads if payload.data]
    return await system.client.data_converter.decode(said, [str] * len(said))


async def test_a_job_says_which_site_or_page_it_is_about(system: System, site: FakeSite) -> None:
    site.page("/", "<p>Pro costs $99 a month.</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        [page_id] = (await system.pages(domain.id)).values()
        crawl = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.finished(crawl)
    assert await summaries(system, domain.discovery_job_id) == [
        "127.0.0.1",
        "Discover the pages of 127.0.0.1",
    ]
    assert await summaries(system, crawl) == [site.url("/"), f"Crawl {site.url('/')}"]
