"""Whether and when a site may be asked: its robots.txt, and its turn at the host's gate."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from temporalio import activity

from activities.http.fetch import Fetcher, FetchLimits
from activities.http.kept_answers import KeptAnswers
from activities.reporting import MOMENT
from core.errors import BadRedirect, BlockedByRobots, HostBusy, InternalError, PassingJobError
from core.errors import RobotsUnreachable as Unreachable
from core.web.robots import ALLOW_ALL, PRODUCT_TOKEN, Robots, parse_robots
from core.web.urls import host_of, origin_of
from store.db.engine import Database
from store.hosts import give_back, take_slot, take_turn
from store.robots import known_robots, put_robots

ROBOTS_TTL = timedelta(hours=1)
"""How long robots.txt is used before it is asked for again; RFC 9309, 2.4 allows 24 hours."""

STALE_ROBOTS_TTL = timedelta(hours=24)
"""How long a known robots.txt stands in for one that cannot be reached now."""

ROBOTS_PAUSE = timedelta(minutes=1)
"""How long it stands in before the failing site is asked for its robots.txt again."""

MOST_KNOWN = 1_000
"""Sites whose rules a worker keeps in memory; the store keeps those of all."""

ROBOTS_LIMITS = FetchLimits(
    deadline=timedelta(seconds=15), max_redirects=5, max_body=2**20, truncate=True, beside=True
)
"""RFC 9309, 2.3.1.2 and 2.5: five redirects at least, and the start of a file that is too large.
Every page of the site waits for it, with a connection in hand."""


@dataclass(frozen=True)
class _Failure:
    """Why the rules of a site could not be read; asking again before `until` costs too much."""

    error: Unreachable
    until: datetime


@dataclass(eq=False)
class _Asking:
    """Those who want to know the rules of one site now: one asks, the others wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failure: Unreachable | None = None
    failures: int = 0


class Politeness:
    """Keeps robots.txt (RFC 9309) and the rate of each host, over all workers, through the store.

    `host_rps` is the most requests a second to one host; a longer `Crawl-delay` counts instead.
    Its methods wait a moment at most for their host, and raise HostBusy where that is not enough:
    no slot of the host is taken before it can be used.
    """

    def __init__(self, database: Database, fetcher: Fetcher, host_rps: float) -> None:
        self._database = database
        self._fetcher = fetcher
        self._interval = timedelta(seconds=1 / host_rps)
        self._known: OrderedDict[str, tuple[datetime, Robots]] = OrderedDict()
        # Locks and failures that nobody holds any more are forgotten.
        self._asking: WeakValueDictionary[str, _Asking] = WeakValueDictionary()
        self._failed: OrderedDict[str, _Failure] = OrderedDict()

    async def admit(self, url: str, patience: timedelta = MOMENT) -> None:
        """Return when `url` may be requested, now, after a wait of `patience` at most.

        Raises BlockedByRobots when robots.txt forbids it, RobotsUnreachable when it is not known
        what robots.txt says, and HostBusy when the host's turn is further away than that.
        """
        robots = await self.robots(url)
        if not robots.allows(url, PRODUCT_TOKEN):
            raise BlockedByRobots(f"The robots.txt of {host_of(url)} does not allow this page.")
        await self._turn(url, robots, patience)

    async def robots(self, url: str, *, max_age: timedelta = ROBOTS_TTL) -> Robots:
        """The rules of the site of `url`, not older than `max_age`.

        Raises RobotsUnreachable and HostBusy as `admit` does.
        """
        origin = origin_of(url)
        asking = self._asking.get(origin)
        if asking is None:
            asking = self._asking[origin] = _Asking()
        round_before = asking.failures
        try:
            async with asyncio.timeout(MOMENT.total_seconds()):
                await asking.lock.acquire()
        except TimeoutError:
            # A site may take all of the deadline to answer, and each that waits holds a worker.
            raise HostBusy(host_of(url), datetime.now(UTC) + ROBOTS_LIMITS.deadline) from None
        try:
            if asking.failure is not None and asking.failures > round_before:
                # It was asked while this one waited; each of many would wait for a dead site anew.
                raise Unreachable(asking.failure.message, asking.failure.retry_after)
            now = datetime.now(UTC)
            known = self._known.get(origin)
            if known is not None and known[0] > now - max_age:
                return known[1]
            failed = self._failed.get(origin)
            if failed is not None and failed.until > now:
                raise Unreachable(failed.error.message, failed.error.retry_after)
            try:
                fetched_at, robots = await self._look_up(origin, now, max_age)
            except Unreachable as failure:
                # A copy: the one that is raised holds on to all that it came through.
                asking.failure = Unreachable(failure.message, failure.retry_after)
                asking.failures += 1
                self._remember_failure(origin, asking.failure, datetime.now(UTC) - now)
                raise
            self._known[origin] = (fetched_at, robots)
            self._known.move_to_end(origin)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
            return robots
        finally:
            asking.lock.release()

    def _remember_failure(self, origin: str, error: Unreachable, took: timedelta) -> None:
        """Those who were deferred meanwhile hear of a failure that took long; they ask no more."""
        if took <= MOMENT:
            return
        self._failed[origin] = _Failure(error, datetime.now(UTC) + took)
        self._failed.move_to_end(origin)
        if len(self._failed) > MOST_KNOWN:
            self._failed.popitem(last=False)

    async def _look_up(
        self, origin: str, now: datetime, max_age: timedelta
    ) -> tuple[datetime, Robots]:
        async with self._database.reading() as session:
            record = await known_robots(session, origin)
        if record is not None and record.fetched_at > now - max_age:
            return record.fetched_at, _rules(record.status, record.body)
        try:
            status, body = await self._fetch(origin)
        except PassingJobError:
            if record is not None and record.fetched_at > now - STALE_ROBOTS_TTL:
                # Dated so that it is used for the pause, and not for every page asked for anew.
                return now - ROBOTS_TTL + ROBOTS_PAUSE, _rules(record.status, record.body)
            raise
        async with self._database.transaction() as session:
            await put_robots(session, origin, status, body, now)
        return now, _rules(status, body)

    async def _fetch(self, origin: str) -> tuple[int, bytes]:
        async def turn(url: str) -> None:
            await self._turn(url, ALLOW_ALL)

        host = host_of(origin)
        url = f"{origin}/robots.txt"
        try:
            # Each redirect of a slow host takes a turn of its own.
            async with KeptAnswers.of(self._database, url, resumed=True) as kept:
                fetched = await self._fetcher.fetch(
                    url, limits=ROBOTS_LIMITS, before_request=turn, kept=kept
                )
        except BadRedirect:
            return 404, b""
        except InternalError:
            raise
        except PassingJobError as error:
            raise Unreachable(
                f"The robots.txt of {host} cannot be read, so nothing may be fetched: "
                f"{error.message}"
            ) from error
        if fetched.status >= 500 or fetched.status == 429:
            raise Unreachable(
                f"The robots.txt of {host} answered {fetched.status}, so nothing may be fetched.",
                fetched.retry_after,
            )
        return fetched.status, fetched.body if fetched.status < 300 else b""

    async def _turn(self, url: str, robots: Robots, patience: timedelta = MOMENT) -> None:
        host = host_of(url)
        delay = timedelta(seconds=robots.crawl_delay(PRODUCT_TOKEN) or 0)
        interval = max(self._interval, delay)
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            slot = await take_slot(session, host, interval, now, within=patience)
            if slot is None:
                turn = await take_turn(session, host, interval, now, _asker(host))
        if slot is None:
            raise HostBusy(host, turn)
        wait = (slot.at - datetime.now(UTC)).total_seconds()
        if wait <= 0:
            return
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            async with self._database.transaction() as session:
                await give_back(session, slot)
            raise


def _asker(host: str) -> str:
    """The job that asks; outside of one all that ask for the host share a turn."""
    if activity.in_activity():
        return activity.info().workflow_id or host
    return host


def _rules(status: int, body: bytes) -> Robots:
    """RFC 9309, 2.3.1.3: an unavailable robots.txt (4xx) allows everything."""
    return parse_robots(body) if status < 300 else ALLOW_ALL
