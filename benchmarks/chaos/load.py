"""The mixed load: crawls, discoveries, batches, delayed jobs, cancels, retries, repeated POSTs."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.chaos.client import Answer, Client
from benchmarks.chaos.tempo import Tempo

REPEATED: Final = 0.25
"""How often a POST that was answered is sent again under its key."""

ATTEMPTS: Final = (1, 3, 3, 5)
BATCH: Final = 10


@dataclass
class Load:
    """Asks for jobs until `wanted` have been accepted, in an order that the seed tells.

    `pages` are the ids of pages by path, `name` keeps the keys of two loads apart;
    `jobs` are the ids that were accepted, and how they were asked for.
    """

    client: Client
    domain: str
    pages: dict[str, str]
    chance: random.Random
    name: str = "mixed"
    jobs: dict[str, str] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _keys: int = 0

    @property
    def _ids(self) -> set[str]:
        return set(self.pages.values())

    @property
    def accepted(self) -> int:
        """How many jobs were accepted, those of batches among them."""
        return len(self.jobs) + sum(self.batches.values())

    async def run(self, wanted: int, until: asyncio.Event, tempo: Tempo) -> None:
        """Ask for jobs until there are `wanted` and `until` is set."""
        kinds: dict[Callable[[], Awaitable[object]], int] = {
            self.batch: 3,
            self.crawl: 8,
            self.delayed: 3,
            self.discover: 1,
            self.cancel: 3,
            self.promote: 2,
            self.retry: 2,
        }
        while self.accepted < wanted or not until.is_set():
            [act] = self.chance.choices(list(kinds), list(kinds.values()))
            await act()
            # Those that come when there are enough only keep the system busy.
            slowly = self.accepted >= wanted
            await asyncio.sleep(self.chance.uniform(0, tempo.ask if slowly else 0.3))

    async def crawl(self, path: str | None = None, **body: object) -> str:
        """One page."""
        chosen = path or self.chance.choice(list(self.pages))
        body = {"maxAttempts": self.chance.choice(ATTEMPTS), **body}
        return await self._job(f"/api/pages/{self.pages[chosen]}/crawl", body, "crawl")

    async def delayed(self) -> None:
        """One page, in a few seconds."""
        await self.crawl(delaySeconds=self.chance.randint(1, 8))

    async def discover(self) -> None:
        """The whole domain."""
        await self._job(f"/api/domains/{self.domain}/discover", {"maxAttempts": 5}, "discover")

    async def batch(self, paths: list[str] | None = None) -> str:
        """Several pages at once."""
        some = paths or self.chance.sample(list(self.pages), min(BATCH, len(self.pages)))
        body = {"pageIds": [self.pages[path] for path in some], "maxAttempts": 5}
        told = await self._post(f"/api/domains/{self.domain}/crawl", body, "batch")
        self.batches[told["batchId"]] = told["jobsQueued"]
        if told["jobsQueued"] != len(some):
            self.wrong.append(f"a batch of {len(some)} pages queued {told['jobsQueued']} jobs")
        batch_id: str = told["batchId"]
        return batch_id

    async def cancel(self) -> None:
        """End some job, most often one that has not ended."""
        found = await self.client.get("/api/jobs?limit=50")
        rows = [row for row in found if row["type"] == "discover" or row["pageId"] in self._ids]
        unfinished = [row for row in rows if row["finishedAt"] is None]
        if not rows:
            return
        job_id = self.chance.choice(unfinished or rows)["id"]
        answer = await self.client.insist("POST", f"/api/jobs/{job_id}/cancel")
        self.asked["cancel"] += 1
        if answer.ok:
            self.cancelled.add(job_id)
            if answer.data["state"] != "failed":
                self.wrong.append(f"{job_id} was cancelled and is {answer.data['state']}")
        elif answer.status != 409:
            self._refused("cancel", answer)

    async def promote(self) -> None:
        """Start some delayed job now."""
        found = await self.client.get("/api/jobs?status=delayed")
        if found:
            job_id = self.chance.choice(found)["id"]
            answer = await self.client.insist("POST", f"/api/jobs/{job_id}/promote")
            self.asked["promote"] += 1
            if not answer.ok and answer.status != 409:
                self._refused("promote", answer)

    async def retry(self) -> None:
        """Run some failed job again."""
        found = await self.client.get("/api/jobs?status=failed")
        if found:
            job_id = self.chance.choice(found)["id"]
            await self._job(f"/api/jobs/{job_id}/retry", None, "retry")

    async def _job(self, path: str, body: object, kind: str) -> str:
        told = await self._post(path, body, kind)
        job_id: str = told["jobId"]
        self.jobs[job_id] = kind
        return job_id

    async def _post(self, path: str, body: object, kind: str) -> Any:
        self._keys += 1
        self.asked[kind] += 1
        key = f"{self.name}-{self._keys}"
        answer = await self.client.insist("POST", path, body, key=key)
        if not answer.ok:
            self._refused(kind, answer)
            raise AssertionError(self.wrong[-1])
        if self.chance.random() < REPEATED:
            self.asked["repeated"] += 1
            again = await self.client.insist("POST", path, body, key=key)
            if again.data != answer.data:
                self.wrong.append(f"{path}, sent again: {again.data} after {answer.data}")
        return answer.data

    def _refused(self, kind: str, answer: Answer) -> None:
        self.wrong.append(f"{kind} was answered {answer.status}")
