"""A system under load while something that it needs is broken, and an audit of what came of it.

The pages of a site are crawled once, and change; a webhook is told of changes. Half of the pages
have a job that begins two seconds later. Then the fault begins, and each other page is asked to be
crawled, under a key, again and again, while jobs are read. Once the fault is over, what was not
answered is sent once more. Every accepted job must end, no answer may be another error than 503,
each page must have exactly the version that its site shows, with one change, told once.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.chaos.client import Client
from benchmarks.system import Diffy, Part
from tests.eventually import eventually
from tests.receiver import Receiver
from tests.site import FakeSite

AT_ONCE: Final = 10
WITHIN: Final = 600.0
"""Seconds in which everything must be over: a limit that only a loss reaches."""

DELAY: Final = 2
MAX_ATTEMPTS: Final = 10

BEFORE: Final = "$99"
AFTER: Final = "$129"

Fault = AbstractAsyncContextManager[None]
"""What is broken inside of its block, and well after it."""


@dataclass
class Bench:
    """A running system that watches the pages of a site; `pages` are their ids by URL."""

    diffy: Diffy
    client: Client
    site: FakeSite
    receiver: Receiver
    pages: dict[str, str] = field(default_factory=dict)
    domain: str = ""
    discovery: str = ""

    async def prepare(
        self, count: int, address: str | None = None, hook: str | None = None
    ) -> None:
        """Watch so many pages, each read once, and have the webhook told of their changes.

        `address` and `hook` are where the system finds site and webhook, if not at their own URLs.
        """
        await self.healthy()
        origin = address or self.site.origin
        links = "".join(f"<a href=/{n}>{n}</a>" for n in range(count))
        self.site.page("/", f"<html><body>{links}</body></html>")
        self.show(count, BEFORE)
        body = {"domain": origin, "discoverFrequencyHours": 0}
        added = await self.client.insist("POST", "/api/domains", body)
        self.domain = added.data["id"]
        self.discovery = added.data["discoveryJobId"]
        await self.ended(self.discovery)
        rows = await self.client.every(f"/api/domains/{self.domain}/pages")
        self.pages = {row["url"]: row["id"] for row in rows if row["url"] != f"{origin}/"}
        assert len(self.pages) == count, len(self.pages)
        url = hook or self.receiver.url()
        await self.client.alert({"kind": "webhook", "name": "hook", "url": url})

    def show(self, count: int, price: str) -> None:
        """Have each page show that price."""
        for number in range(count):
            text = f"<h1>Plan {number}</h1><p>It costs {price} a month.</p>"
            # Each crawl has to connect anew.
            self.site.page(f"/{number}", text, headers={"Connection": "close"})

    async def healthy(self) -> None:
        """Return once everything answers."""

        async def answers() -> bool:
            return (await self.client.ask("GET", "/health")).ok

        await eventually(answers, bool, within=WITHIN)

    async def ended(self, job_id: str) -> Any:
        """The job once it has ended."""
        answer = await eventually(
            lambda: self.client.insist("GET", f"/api/jobs/{job_id}"),
            lambda answer: answer.data["finishedAt"] is not None,
            within=WITHIN,
        )
        return answer.data

    async def crawl(self, keys: dict[str, str], delay: int = 0) -> dict[str, str]:
        """Ask for a crawl of each page under its key; the jobs of those that were accepted."""
        body = {"delaySeconds": delay, "maxAttempts": MAX_ATTEMPTS}
        jobs = {}
        places = asyncio.Semaphore(AT_ONCE)

        async def ask(url: str, key: str) -> None:
            async with places:
                path = f"/api/pages/{self.pages[url]}/crawl"
                answer = await self.client.ask("POST", path, body, key=key)
                if answer.ok:
                    jobs[url] = answer.data["jobId"]

        await asyncio.gather(*(ask(url, key) for url, key in keys.items()))
        return jobs

    async def under(self, fault: Fault, seconds: float) -> dict[str, object]:
        """The figures of a fault that lasts for so many seconds, and what is wrong."""
        count = len(self.pages)
        processes = {part: self.diffy.pid(part) for part in Part}
        self.show(count, AFTER)
        early = list(self.pages)[: count // 2]
        jobs = await self.crawl({url: f"early-{n}" for n, url in enumerate(early)}, DELAY)
        assert len(jobs) == len(early)
        keys = {url: f"other-{n}" for n, url in enumerate(self.pages) if url not in jobs}
        self.client.answers.clear()
        self.client.slowest = 0
        seen = Seen()
        async with fault:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                asked = await self.crawl({url: key for url, key in keys.items() if url not in jobs})
                jobs |= asked
                seen.accepted += len(asked)
                await self.read(seen, jobs.values())
                await asyncio.sleep(1)
            alive = {part.name: self.diffy.pid(part) == pid for part, pid in processes.items()}
        answers = dict(sorted(self.client.answers.items()))
        began = time.monotonic()
        while len(jobs) < count:
            jobs |= await self.crawl({url: key for url, key in keys.items() if url not in jobs})
            await asyncio.sleep(0.5)
        results = [await self.ended(job) for job in jobs.values()]
        recovered = time.monotonic() - began
        return {
            "answers during the fault": answers,
            "reads during the fault": {
                what: dict(sorted(statuses.items())) for what, statuses in seen.reads.items()
            },
            "jobs accepted during the fault": seen.accepted,
            "jobs ended during the fault": len(seen.ended),
            "slowest answer in seconds": round(self.client.slowest, 1),
            "answers that no outage excuses": self.client.wrong,
            "processes that lived on": alive,
            "seconds from its end to the end of all jobs": round(recovered, 1),
            "jobs by their end": Counter(each["state"] for each in results),
            "attempts of jobs": Counter(each["attemptsMade"] for each in results),
            **await self.audit(),
        }

    async def read(self, seen: "Seen", jobs: Iterable[str]) -> None:
        """Read some of the jobs, one that ended before the fault, and what the store has."""
        some = list(jobs)[:AT_ONCE]
        for each in some:
            answer = await self.client.ask("GET", f"/api/jobs/{each}")
            seen.reads["jobs"][answer.status] += 1
            if answer.ok and answer.data["finishedAt"]:
                seen.ended.add(each)
        for what, path in (
            ("a job that had ended", f"/api/jobs/{self.discovery}"),
            ("changes", "/api/changes"),
        ):
            seen.reads[what][(await self.client.ask("GET", path)).status] += 1

    async def audit(self) -> dict[str, object]:
        """What was lost or doubled, once all jobs have ended and everybody is told."""
        changes = await self.client.every("/api/changes?event=change")
        told = {each["url"] for each in changes}
        versions = [
            len(await self.client.every(f"/api/pages/{each}/snapshots"))
            for each in self.pages.values()
        ]
        wanted = {each["id"] for each in changes}
        began = time.monotonic()

        async def arrived() -> set[str]:
            return {each.content["data"]["id"] for each in self.receiver.received}

        await eventually(arrived, wanted.issubset, within=WITHIN)
        ids = {(each.content["data"]["id"], each.id) for each in self.receiver.received}
        return {
            "pages whose change was not stored": len(set(self.pages) - told),
            "changes stored twice": len(changes) - len(told),
            "pages with other than two versions": sum(1 for each in versions if each != 2),
            "further seconds until the webhook was told": round(time.monotonic() - began, 1),
            "changes told under two ids": len(ids) - len({change for change, _ in ids}),
            "most requests for one page": max(
                len(self.site.requests_for(f"/{number}")) for number in range(len(self.pages))
            ),
        }


@dataclass
class Seen:
    """What was seen during a fault: the statuses of reads by what was read, the jobs that had
    ended, and how many were accepted.
    """

    reads: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    ended: set[str] = field(default_factory=set)
    accepted: int = 0


@asynccontextmanager
async def bench(data: Path, **settings: str) -> AsyncIterator[Bench]:
    """A system on `data` with these settings, a site and a webhook, for the length of the block."""
    async with FakeSite() as site, Receiver() as receiver:
        diffy = Diffy(data, **settings)
        client = Client(diffy.origin)
        try:
            yield Bench(diffy, client, site, receiver)
        finally:
            await client.aclose()
            diffy.stop()
