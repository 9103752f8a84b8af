"""A page that a real worker has crawled, once for each of its versions."""

from dataclasses import dataclass
from uuid import UUID

import httpx2

from tests.site import FakeSite
from tests.system import System


@dataclass(frozen=True)
class CrawledPage:
    """The front page of a site, and the jobs that crawled it, in order."""

    domain_id: UUID
    page_id: UUID
    job_ids: list[str]


async def crawled_page(system: System, site: FakeSite, *versions: str) -> CrawledPage:
    """The front page, crawled while it was each of `versions`."""
    jobs: list[str] = []
    page_id = await system.lone_page(site)
    page = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
    async with system.worker():
        for version in versions:
            site.page("/", version)
            jobs.append(await system.ask(f"/api/pages/{page_id}/crawl"))
            await system.finished(jobs[-1])
    return CrawledPage(UUID(page["domainId"]), page_id, jobs)


async def walked(api: httpx2.AsyncClient, path: str, limit: int) -> list[str]:
    """The ids of a whole list, by its cursors."""
    ids: list[str] = []
    query: dict[str, object] = {"limit": limit}
    while True:
        answer = await api.get(path, params={key: str(value) for key, value in query.items()})
        assert answer.status_code == 200, answer.text
        rows = answer.json()["data"]
        assert len(rows) <= limit
        ids += [row["id"] for row in rows]
        query["cursor"] = answer.json()["meta"]["nextCursor"]
        if query["cursor"] is None:
            return ids


async def numbered(api: httpx2.AsyncClient, path: str, limit: int) -> list[str]:
    """The ids of a whole list, by page numbers."""
    ids: list[str] = []
    page = 1
    while True:
        answer = (await api.get(f"{path}?limit={limit}&page={page}")).json()
        assert (answer["meta"]["page"], answer["meta"]["pageSize"]) == (page, limit)
        if not answer["data"]:
            assert answer["meta"]["total"] == len(ids)
            return ids
        ids += [row["id"] for row in answer["data"]]
        page += 1
