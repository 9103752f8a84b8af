"""Clients that look at jobs all the time, and what they saw that cannot be."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.chaos.client import Answer, Client
from benchmarks.chaos.load import Load
from benchmarks.chaos.tempo import BRISK, Tempo
from benchmarks.site import Visit, WatchedSite

KINDS: Final = ("domain", "page", "snapshot", "change")
STATES: Final = ("waiting", "active", "delayed", "completed", "failed")
ENDS: Final = ("completed", "failed")
LOOKS: Final = 3
"""Looks at a job that must all find it wrong."""

OFTEN: Final = 0.7
WAITED: Final = 3
FINAL: Final = ("state", "attemptsMade", "processedAt", "finishedAt", "failedReason", "returnValue")
"""What of a job must stay as it is once it has ended."""


@dataclass
class Memory:
    """What has been seen of each job, and whether a later look fits; `rows` are the ids of what
    was shown from the store, by their kind.
    """

    last: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    wrong: list[str] = field(default_factory=list)
    looks: int = 0

    def ended(self, job_id: str) -> bool:
        """Whether the job was over when it was last seen."""
        return job_id in self.last and self.last[job_id]["state"] in ENDS

    def see(self, job: Any) -> None:
        """A job as it is shown by itself, later than every look before."""
        self.looks += 1
        self.wrong += contradictions(self.last.get(job["id"]), job)
        self.last[job["id"]] = job


def contradictions(before: Any, job: Any) -> Iterator[str]:
    """What of `job` cannot be, alone or after it was seen as `before`."""
    ended = job["state"] in ENDS
    if ended != (job["finishedAt"] is not None):
        yield f"{job['id']} is {job['state']} and finished at {job['finishedAt']}"
    if (job["state"] == "completed") != (job["progress"] == 100):
        yield f"{job['id']} is {job['state']} at {job['progress']} %"
    if job["attemptsMade"] > job["maxAttempts"]:
        yield f"{job['id']} had {job['attemptsMade']} attempts of {job['maxAttempts']}"
    if before is None:
        return
    if before["state"] in ENDS and any(before[key] != job[key] for key in FINAL):
        told = ({key: each[key] for key in FINAL} for each in (before, job))
        yield f"{job['id']} ended as {next(told)} and then was {next(told)}"
    same = before["attemptsMade"] == job["attemptsMade"] and job["state"] in ("active", "failed")
    if before["state"] == "active" and same and before["progress"] > job["progress"]:
        yield f"{job['id']}: progress fell between {before} and {job}"
    if before["attemptsMade"] > job["attemptsMade"]:
        yield f"{job['id']}: attemptsMade fell between {before} and {job}"


@dataclass
class Watchers:
    """Look at jobs, lists and statistics until they are cancelled."""

    client: Client
    load: Load
    chance: random.Random
    tempo: Tempo = BRISK
    memory: Memory = field(default_factory=Memory)

    async def jobs(self) -> None:
        """Jobs by chance, each by itself; most often one that has not ended."""
        while True:
            await asyncio.sleep(self.tempo.look)
            if self.load.jobs:
                job_id = self._any_job()
                answer = await self.client.ask("GET", f"/api/jobs/{job_id}")
                if answer.ok:
                    self.memory.see(answer.data)
                    await self._attempts(answer.data)
                elif answer.status == 404:
                    self.memory.wrong.append(f"{job_id} was accepted and is not found")

    async def waits(self) -> None:
        """Jobs by chance, each until it has ended or the time is up."""
        while True:
            await asyncio.sleep(self.tempo.look)
            if self.load.jobs:
                answer = await self.client.ask("GET", f"/api/jobs/{self._any_job()}?wait={WAITED}")
                if answer.ok:
                    self.memory.looks += 1
                    self.memory.wrong += contradictions(None, answer.data)

    async def rows(self) -> None:
        """What is stored: the domain, its pages and changes, snapshots of a page by chance."""
        domain = f"/api/domains/{self.load.domain}"
        while True:
            await asyncio.sleep(5 * self.tempo.look)
            page = self.chance.choice(list(self.load.pages.values()))
            for kind, path in (
                ("domain", "/api/domains"),
                ("page", f"{domain}/pages"),
                ("change", "/api/changes"),
                ("snapshot", f"/api/pages/{page}/snapshots"),
            ):
                answer = await self.client.ask("GET", f"{path}?limit=100")
                if answer.ok:
                    self.memory.rows[kind] |= {row["id"] for row in answer.data}

    def _any_job(self) -> str:
        every = list(self.load.jobs)
        open_ones = [job_id for job_id in every if not self.memory.ended(job_id)]
        often = open_ones and self.chance.random() < OFTEN
        return self.chance.choice(open_ones if often else every)

    async def _attempts(self, job: Any) -> None:
        """Of a job that no worker is at, before and after the look, no attempt runs.

        A worker may take an attempt and hand it back between two looks, so that one look proves
        nothing: what is wrong stays wrong until the job moves on.
        """
        wrong: list[str] = []
        for _ in range(LOOKS):
            told = await self.client.ask("GET", f"/api/jobs/{job['id']}/attempts")
            after = await self.client.ask("GET", f"/api/jobs/{job['id']}")
            if not (told.ok and after.ok):
                return
            self.memory.see(after.data)
            quiet = all(each["state"] != "active" for each in (job, after.data))
            if not quiet or job["attemptsMade"] != after.data["attemptsMade"]:
                return
            wrong = list(misremembered(job, told.data))
            if not wrong:
                return
            job = after.data
        self.memory.wrong += wrong

    async def lists(self) -> None:
        """Every filter in turn, and the statistics."""
        while True:
            for state in STATES:
                await asyncio.sleep(self.tempo.look)
                answer = await self.client.ask("GET", f"/api/jobs?status={state}")
                for row in answer.data if answer.ok else []:
                    if row["state"] != state:
                        self.memory.wrong.append(f"a list of {state} jobs has a {row['state']} one")
            answer = await self.client.ask("GET", "/api/jobs/stats")
            if answer.ok:
                self.memory.wrong += miscounted(answer.data)


def misremembered(job: Any, attempts: list[Any]) -> Iterator[str]:
    """What of the attempts of a job that no worker is at does not fit it."""
    if len(attempts) != job["attemptsMade"]:
        had = f"{job['attemptsMade']} attempts, {job['state']}: {job['failedReason']}"
        yield f"{job['id']} has had {had}, and {attempts} are told"
    if any(attempt["outcome"] == "running" for attempt in attempts):
        yield f"{job['id']} is {job['state']}, and runs by its attempts: {attempts}"


def miscounted(stats: Any) -> Iterator[str]:
    """What of the statistics does not add up."""
    if stats["total"] != stats["waiting"] + stats["active"] + stats["delayed"]:
        yield f"statistics do not add up: {stats}"


@dataclass
class Truth:
    """Compares the state of one job at a time with what the site knows of it.

    While the site holds the job's only request open, a worker is at it and the job is active; once
    the client of that request is gone without an answer, it is not. `longest` is for how many
    seconds at most the API said otherwise, by what it said.
    """

    client: Client
    site: WatchedSite
    path: str
    tempo: Tempo = BRISK
    longest: dict[str, float] = field(default_factory=dict)
    looks: int = 0
    _said: dict[bool, float] = field(default_factory=dict)

    async def follow(self, job_id: str) -> None:
        """Look until the job has ended."""
        began = len(self.site.of(self.path))
        while True:
            answer = await self.client.ask("GET", f"/api/jobs/{job_id}")
            if answer.ok:
                self.compare(answer, self.site.of(self.path)[began:])
                if answer.data["finishedAt"]:
                    return
            await asyncio.sleep(self.tempo.follow)

    def compare(self, answer: Answer, visits: list[Visit]) -> None:
        """One answer with the visits that the job has made so far."""
        if not visits or visits[-1].arrived > answer.sent:
            return
        self.looks += 1
        last, state = visits[-1], answer.data["state"]
        active = state == "active"
        if last.ended is None or last.ended > answer.received:
            if not active:
                self._wrong(f"{state}, while a worker was at it", answer, last.arrived)
        elif last.ended < answer.sent and not last.answered and active:
            # The next attempt is begun a moment before the site hears of it.
            self._wrong("active, while its worker was dead", answer, last.ended)
        self._said[active] = answer.received

    def _wrong(self, said: str, answer: Answer, since: float) -> None:
        """`since` then the truth is another; what was right in between begins the count anew."""
        active = answer.data["state"] == "active"
        seconds = answer.received - max(since, self._said.get(not active, 0))
        self.longest[said] = max(self.longest.get(said, 0), round(seconds, 2))
