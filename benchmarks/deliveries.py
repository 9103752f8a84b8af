"""Whether every change is told, whatever dies, and how long that takes.

Run by hand: `.venv/bin/python -m benchmarks.deliveries [--changes 300] [--kills 40] [--postgres]`.
A system as `make up` runs it. Pages change while the worker, the API, the Temporal server and all
of `diffy up` are killed again and again, `--kills` times at most. Of three webhooks one is down and
one fails every other time. Then all is well again. Every change that matches the alert must have
arrived at each webhook, under one id, and no other change.
`--latency N` changes N pages one by one instead, with nothing killed, and prints the seconds from
the answer of the site to the arrival of the webhook.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.chaos.client import Client
from benchmarks.system import Diffy, Part
from tests.eventually import eventually
from tests.postgres import running_postgres
from tests.receiver import OK, Answer, Received, Receiver
from tests.site import FakeSite

OTHERS: Final = 5
"""Of so many changes more one does not match."""

WITHIN: Final = 3_600.0
"""Seconds in which everything must be told: a limit that only a loss reaches."""

KILLED: Final = (Part.WORKER, Part.WORKER, Part.API, Part.SERVER, Part.UP)
"""What is killed by chance, the worker twice as often as others."""

SAID_EVERY: Final = 10.0
"""Seconds between two lines about what is left."""

UNAVAILABLE: Final[Answer] = (503, {})


def page(number: int, text: str) -> str:
    """A page as the site serves it, in words of its own: else all were one site-wide change."""
    name = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    return f"<html><body><h1>Plan {name}</h1><p>The plan {name} has {text}.</p></body></html>"


def matches(change: Any) -> bool:
    """Whether a change is one that the alert asks for."""
    return int(change["url"].rpartition("/")[2]) % OTHERS != 0


class Bench:
    """A running system, a site of `count` pages that were crawled once, and three webhooks."""

    def __init__(self, diffy: Diffy, site: FakeSite, receivers: Sequence[Receiver]) -> None:
        self.diffy = diffy
        self.client = Client(diffy.origin)
        self.site = site
        self.receivers = receivers
        self.channels: list[str] = []
        self.pages: list[str] = []
        self.domain = ""
        self.began = time.monotonic()
        self.said = self.began

    def say(self, state: str) -> None:
        """Print to the terminal how far this is, every ten seconds."""
        now = time.monotonic()
        if now - self.said >= SAID_EVERY:
            self.said = now
            print(f"{now - self.began:.0f} s: {state}", file=sys.stderr)

    async def prepare(self, count: int) -> None:
        """Crawl the pages, and add the channels and an alert for the word `offer`."""
        await running(self.diffy, self.client)
        links = "".join(f'<a href="/{n}">{n}</a>' for n in range(count))
        self.site.page("/", f"<html><body>{links}</body></html>")
        for number in range(count):
            self.site.page(f"/{number}", page(number, "support"))
        added = await self.client.insist(
            "POST", "/api/domains", {"domain": self.site.origin, "discoverFrequencyHours": 0}
        )
        self.domain = added.data["id"]
        await self.settled(added.data["discoveryJobId"])
        found = await self.client.every(f"/api/domains/{self.domain}/pages")
        ids = {row["url"]: row["id"] for row in found}
        self.pages = [ids[self.site.url(f"/{number}")] for number in range(count)]
        await self.crawl(self.pages)
        for number, receiver in enumerate(self.receivers):
            body = {"kind": "webhook", "name": f"hook {number}", "url": receiver.url()}
            made = await self.client.insist("POST", "/api/channels", body)
            self.channels.append(made.data["id"])
        alert = {
            "name": "offers",
            "channelIds": self.channels,
            "on": {"words": {"appear": ["offer"]}},
        }
        await self.client.insist("POST", "/api/alerts", alert)

    async def settled(self, job_id: str) -> None:
        """Return once a job has ended."""
        async with asyncio.timeout(WITHIN):
            while True:
                answer = await self.client.insist("GET", f"/api/jobs/{job_id}")
                if answer.data["state"] in ("completed", "failed", "cancelled"):
                    return
                await asyncio.sleep(0.2)

    async def crawl(self, page_ids: Sequence[str]) -> None:
        """Crawl the pages, and return once all of them were."""
        body = {"pageIds": list(page_ids)}
        asked = await self.client.insist("POST", f"/api/domains/{self.domain}/crawl", body)
        await self.drained(asked.data["batchId"])

    async def drained(self, batch_id: str) -> None:
        """Return once no job of the batch is left."""
        async with asyncio.timeout(WITHIN):
            while True:
                stats = (
                    await self.client.insist("GET", f"/api/jobs/stats?batchId={batch_id}")
                ).data
                left = sum(stats[name] for name in ("waiting", "active", "delayed"))
                self.say(f"{left} crawls are left")
                if not left and stats["completed"] + stats["failed"]:
                    return
                await asyncio.sleep(0.5)

    async def told(self) -> None:
        """Return once nothing is left to be told."""
        async with asyncio.timeout(WITHIN):
            while True:
                answer = await self.client.insist("GET", "/api/deliveries?state=pending&limit=1")
                self.say(f"{answer.meta['total']} deliveries are pending")
                if answer.meta["total"] == 0 and await self.complete():
                    return
                await asyncio.sleep(0.5)

    async def redeliver(self) -> int:
        """Have what is still pending attempted now: a message that failed eight times by chance
        would wait for hours. The number of these messages.
        """
        pending = await self.client.every("/api/deliveries?state=pending")
        for each in pending:
            await self.client.insist("POST", f"/api/deliveries/{each['id']}/redeliver", {})
        return len(pending)

    async def complete(self) -> bool:
        """Whether every change has its deliveries: a message about it may wait in the outbox."""
        wanted = [each for each in await self.changes() if matches(each)]
        answer = await self.client.insist("GET", "/api/deliveries?state=delivered&limit=1")
        total: int = answer.meta["total"]
        return total >= len(wanted) * len(self.channels)

    async def changes(self) -> list[Any]:
        """All changes."""
        return await self.client.every("/api/changes?event=change")


async def running(diffy: Diffy, client: Client) -> None:
    """Return once everything answers. `diffy up` is started again where it has ended: it does so
    if a part dies before all of them run.
    """

    async def answers() -> bool:
        if not diffy.runs and not diffy.processes():
            diffy.start()
        return (await client.ask("GET", "/health")).ok

    await eventually(answers, bool, within=WITHIN)


@asynccontextmanager
async def killing(
    diffy: Diffy, seconds: float, kills: Counter[str], most: int
) -> AsyncIterator[None]:
    """Kill one of `KILLED` again and again, for the length of the block and `most` times at most:
    so many seconds or less after the system answers again, or else nothing would ever be done. At
    the end of the block all run.
    """
    chance = random.Random(1)
    client = Client(diffy.origin)
    over = asyncio.Event()

    async def kill() -> None:
        while kills.total() < most:
            await running(diffy, client)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), chance.uniform(0.3, seconds))
                return
            part = chance.choice(KILLED)
            kills[part.name] += diffy.kill(part)
            if part is Part.UP:
                await asyncio.to_thread(diffy.ended)
        await running(diffy, client)

    task = asyncio.create_task(kill())
    try:
        yield
    finally:
        over.set()
        await task
        await client.aclose()


def flapping() -> Any:
    """Answers that fail every other time, once by a broken connection and once by a status."""
    turns = iter(range(1_000_000_000))

    def answer(_: Received) -> Answer | None:
        turn = next(turns)
        return OK if turn % 2 else (None if turn % 4 else UNAVAILABLE)

    return answer


async def told_whatever_dies(bench: Bench, seconds: float, most: int) -> dict[str, object]:
    """What was told of changes that were made while processes and channels failed."""
    steady, down, unsteady = bench.receivers
    accepted: list[dict[str, str]] = [{} for _ in bench.receivers]
    unsteady.answer = flapping()
    await down.stop()
    kills: Counter[str] = Counter()
    began = time.monotonic()
    for number, _ in enumerate(bench.pages):
        word = "support" if number % OTHERS == 0 else "a new offer"
        bench.site.page(f"/{number}", page(number, f"{word} from today on"))
    body = {"pageIds": bench.pages, "maxAttempts": 20}
    asked = await bench.client.insist("POST", f"/api/domains/{bench.domain}/crawl", body)
    async with killing(bench.diffy, seconds, kills, most):
        await bench.drained(asked.data["batchId"])
        await down.start()
        for channel in bench.channels:
            await bench.client.insist("PATCH", f"/api/channels/{channel}", {"state": "active"})
        await asyncio.sleep(3 * seconds)
    unsteady.answer = lambda _: OK
    for channel in bench.channels:
        await bench.client.insist("PATCH", f"/api/channels/{channel}", {"state": "active"})
    repeated = await bench.redeliver()
    await bench.told()
    found = await bench.changes()
    wanted = {each["id"] for each in found if matches(each)}
    lost, wrong, ids_of_one, times = 0, 0, 0, Counter[str]()
    for number, receiver in enumerate(bench.receivers):
        ids: dict[str, set[str]] = defaultdict(set)
        for each in receiver.received:
            ids[each.content["data"]["id"]].add(each.id)
            times[f"{number} {each.id}"] += 1
            accepted[number][each.id] = each.content["data"]["id"]
        lost += len(wanted - set(ids))
        wrong += len(set(ids) - wanted)
        ids_of_one = max(ids_of_one, *(len(of_one) for of_one in ids.values()), 0)
    assert steady.received
    return {
        "changes": len(found),
        "matching": len(wanted),
        "webhooks": len(bench.receivers),
        "killed": dict(kills),
        "seconds": round(time.monotonic() - began),
        "messages repeated by hand at the end": repeated,
        "requests": sum(len(each.received) for each in bench.receivers),
        "not told": lost,
        "told though they do not match": wrong,
        "most ids of one change at one webhook": ids_of_one,
        "most requests for one message": max(times.values()),
    }


async def latency(bench: Bench) -> dict[str, object]:
    """Seconds from the answer of the site, which has changed, to the arrival of the webhook."""
    seconds = []
    receiver = bench.receivers[0]
    for number, page_id in enumerate(bench.pages):
        bench.site.page(f"/{number}", page(number, "a new offer from today on"))
        await bench.client.insist("POST", f"/api/pages/{page_id}/crawl", {})
        await receiver.got(number + 1)
        served = bench.site.requests_for(f"/{number}")[-1].at
        seconds.append(receiver.received[number].at - served)
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {
        "changes": len(seconds),
        "p50": round(statistics.median(seconds), 3),
        "p99": round(cuts[98], 3),
        "worst": round(max(seconds), 3),
    }


async def measured(given: argparse.Namespace, database: str | None) -> dict[str, object]:
    """The figures."""
    settings = {"DIFFY_DATABASE_URL": database, "DIFFY_SECRET_KEY": "k" * 40} if database else {}
    count = given.latency or given.changes * OTHERS // (OTHERS - 1) + 1
    with tempfile.TemporaryDirectory() as scratch:
        async with FakeSite() as site, Receiver() as one, Receiver() as two, Receiver() as three:
            diffy = Diffy(Path(scratch, "data"), **settings)
            bench = Bench(diffy, site, [one] if given.latency else [one, two, three])
            try:
                await bench.prepare(count)
                if given.latency:
                    return await latency(bench)
                return await told_whatever_dies(bench, given.seconds, given.kills)
            finally:
                await bench.client.aclose()
                diffy.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=300, help="changes that match")
    parser.add_argument("--seconds", type=float, default=4.0, help="the most before a kill")
    parser.add_argument("--kills", type=int, default=40, help="kills, after which all may end")
    parser.add_argument("--latency", type=int, default=0, help="pages that change one by one")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL")
    given = parser.parse_args()
    with ExitStack() as stack:
        database = None
        if given.postgres:
            database = stack.enter_context(stack.enter_context(running_postgres()).database())
        figures = asyncio.run(measured(given, database))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
