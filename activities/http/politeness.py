"""Permission to make a request: the robots.txt of the site, and a slot of the host."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.http.fetch import Fetcher, FetchLimits
from activities.http.kept_responses import KeptResponses
from activities.reporting import MAX_HOST_WAIT
from core.errors import BadRedirect, BlockedByRobots, HostBusy, InternalError, PassingJobError
from core.errors import RobotsUnreachable as Unreachable
from core.web.robots import ALLOW_ALL, PRODUCT_TOKEN, Robots, parse_robots
from core.web.urls import host_of, origin_of
from store.db.engine import Database
from store.hosts import Slot, plan_turn, return_slot, take_slot
from store.robots import known_robots, put_robots

ROBOTS_TTL = timedelta(hours=1)
"""Maximum age of a robots.txt before it is fetched again; RFC 9309, 2.4 allows 24 hours."""

STALE_ROBOTS_TTL = timedelta(hours=24)
"""Maximum age of a robots.txt that is used while the site's own cannot be fetched."""

ROBOTS_RETRY_DELAY = timedelta(minutes=1)
"""Time between two tries to fetch the robots.txt of a failing site, while an old one is used."""

MAX_SITES_IN_MEMORY = 1_000
"""Maximum number of sites whose rules a worker keeps in memory; the store has all of them."""

ROBOTS_LIMITS = FetchLimits(
    deadline=timedelta(seconds=15), max_redirects=5, max_body=2**20, truncate=True, uncounted=True
)
"""At least five redirects, and the first part of a file that is too large (RFC 9309, 2.3.1.2 and
2.5). Not counted towards the host's connections, because fetches that hold them wait for it.
"""


@dataclass(frozen=True)
class _Failure:
    """A failure to read the rules of a site, which is raised again until `until`, in seconds of
    the monotonic clock.
    """

    error: Unreachable
    until: float


@dataclass(eq=False)
class _Lookup:
    """The callers that need the rules of one site now: one fetches them, the others wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failure: Unreachable | None = None
    failures: int = 0


class Politeness:
    """Obeys robots.txt (RFC 9309) and the rate limit of each host, over all workers, by the store.

    `host_rps` is the maximum number of requests a second to one host; a longer `Crawl-delay`
    overrides it. A method that would wait too long for its host raises HostBusy, so that an attempt
    never takes a slot that it cannot use soon.
    """

    def __init__(self, database: Database, fetcher: Fetcher, host_rps: float) -> None:
        self._database = database
        self._fetcher = fetcher
        self._interval = timedelta(seconds=1 / host_rps)
        self._known: OrderedDict[str, tuple[datetime, Robots]] = OrderedDict()
        # A lookup is dropped when no caller refers to it.
        self._lookups: WeakValueDictionary[str, _Lookup] = WeakValueDictionary()
        self._failed: OrderedDict[str, _Failure] = OrderedDict()

    async def admit(self, url: str, max_wait: timedelta = MAX_HOST_WAIT) -> None:
        """Wait for a slot in which `url` may be requested, up to `max_wait`.

        Raises BlockedByRobots if robots.txt disallows it, RobotsUnreachable if robots.txt cannot be
        fetched, and HostBusy if the host's next slot is further away.
        """
        robots = await self.robots(url)
        if not robots.allows(url, PRODUCT_TOKEN):
            raise BlockedByRobots(f"The robots.txt of {host_of(url)} does not allow this page.")
        await self._wait_for_slot(url, robots, max_wait)

    async def admitted_now(self, session: AsyncSession, url: str) -> Slot | None:
        """A slot in which `url` may be requested at this moment, taken by `session`.

        None if its host is busy, if robots.txt disallows it, or if this worker does not have the
        robots.txt in memory: nothing is waited for.
        """
        now = datetime.now(UTC)
        known = self._known.get(origin_of(url))
        if known is None or not _is_fresh(known[0], now, ROBOTS_TTL):
            return None
        robots = known[1]
        if not robots.allows(url, PRODUCT_TOKEN):
            return None
        return await take_slot(
            session, host_of(url), self._interval_by(robots), now, within=timedelta(0)
        )

    async def interval(self, url: str) -> timedelta:
        """The time between two requests to the host of `url`: the longer of what `host_rps` and the
        host's `Crawl-delay` ask for.

        Raises RobotsUnreachable and HostBusy as `admit` does.
        """
        return self._interval_by(await self.robots(url))

    def _interval_by(self, robots: Robots) -> timedelta:
        return max(self._interval, timedelta(seconds=robots.crawl_delay(PRODUCT_TOKEN) or 0))

    async def robots(self, url: str, *, max_age: timedelta = ROBOTS_TTL) -> Robots:
        """The rules of the site of `url`, not older than `max_age`.

        Raises RobotsUnreachable and HostBusy as `admit` does.
        """
        origin = origin_of(url)
        lookup = self._lookups.get(origin)
        if lookup is None:
            lookup = self._lookups[origin] = _Lookup()
        failures_before = lookup.failures
        try:
            async with asyncio.timeout(MAX_HOST_WAIT.total_seconds()):
                await lookup.lock.acquire()
        except TimeoutError:
            # The lookup may take its whole deadline, and a wait for it would block the worker.
            raise HostBusy(host_of(url), datetime.now(UTC) + ROBOTS_LIMITS.deadline) from None
        try:
            if lookup.failure is not None and lookup.failures > failures_before:
                # The lookup failed while this caller waited. Another one would fail as slowly.
                raise Unreachable(lookup.failure.message, lookup.failure.retry_after)
            now = datetime.now(UTC)
            known = self._known.get(origin)
            if known is not None and _is_fresh(known[0], now, max_age):
                return known[1]
            failed = self._failed.get(origin)
            began = time.monotonic()
            if failed is not None and failed.until > began:
                raise Unreachable(failed.error.message, failed.error.retry_after)
            try:
                fetched_at, robots = await self._load(origin, now, max_age)
            except Unreachable as failure:
                # A copy, because the traceback of the original keeps its frames alive.
                lookup.failure = Unreachable(failure.message, failure.retry_after)
                lookup.failures += 1
                self._keep_failure(origin, lookup.failure, time.monotonic() - began)
                raise
            self._known[origin] = (fetched_at, robots)
            self._known.move_to_end(origin)
            if len(self._known) > MAX_SITES_IN_MEMORY:
                self._known.popitem(last=False)
            return robots
        finally:
            lookup.lock.release()

    def _keep_failure(self, origin: str, error: Unreachable, took: float) -> None:
        """Keep a failure that took many seconds, for the callers that were deferred meanwhile."""
        if took <= MAX_HOST_WAIT.total_seconds():
            return
        self._failed[origin] = _Failure(error, time.monotonic() + took)
        self._failed.move_to_end(origin)
        if len(self._failed) > MAX_SITES_IN_MEMORY:
            self._failed.popitem(last=False)

    async def _load(
        self, origin: str, now: datetime, max_age: timedelta
    ) -> tuple[datetime, Robots]:
        async with self._database.reading() as session:
            record = await known_robots(session, origin)
        if record is not None and _is_fresh(record.fetched_at, now, max_age):
            return record.fetched_at, _rules(record.status, record.body)
        try:
            status, body = await self._fetch(origin)
        except PassingJobError:
            if record is not None and _is_fresh(record.fetched_at, now, STALE_ROBOTS_TTL):
                # Back-dated, so that the next fetch is due after the retry delay.
                return now - ROBOTS_TTL + ROBOTS_RETRY_DELAY, _rules(record.status, record.body)
            raise
        async with self._database.transaction() as session:
            await put_robots(session, origin, status, body, now)
        return now, _rules(status, body)

    async def _fetch(self, origin: str) -> tuple[int, bytes]:
        async def wait_for_slot(url: str) -> None:
            await self._wait_for_slot(url, ALLOW_ALL)

        host = host_of(origin)
        url = f"{origin}/robots.txt"
        try:
            # Each redirect of a slow host needs a slot of its own.
            async with KeptResponses.of(self._database, url, resumed=True) as cache:
                fetched = await self._fetcher.fetch(
                    url, limits=ROBOTS_LIMITS, before_request=wait_for_slot, cache=cache
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

    async def _wait_for_slot(
        self, url: str, robots: Robots, max_wait: timedelta = MAX_HOST_WAIT
    ) -> None:
        host = host_of(url)
        interval = self._interval_by(robots)
        began, now = time.monotonic(), datetime.now(UTC)
        async with self._database.transaction() as session:
            slot = await take_slot(session, host, interval, now, within=max_wait)
            if slot is None:
                turn = await plan_turn(session, host, interval, now, _slot_owner(host))
        if slot is None:
            raise HostBusy(host, turn)
        wait = (slot.at - now).total_seconds() - (time.monotonic() - began)
        if wait <= 0:
            return
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            async with self._database.transaction() as session:
                await return_slot(session, slot)
            raise


def _slot_owner(host: str) -> str:
    """The job that reserves the slot; callers outside a job share one owner per host."""
    if activity.in_activity():
        return activity.info().workflow_id or host
    return host


def _is_fresh(fetched_at: datetime, now: datetime, max_age: timedelta) -> bool:
    """Whether a robots.txt is not older than `max_age`. What was fetched much later than `now` was
    so by a clock that has been set back, and its age is not known.
    """
    return abs(now - fetched_at) < max_age


def _rules(status: int, body: bytes) -> Robots:
    """The rules in a response. A robots.txt with a 4xx allows everything (RFC 9309, 2.3.1.3)."""
    return parse_robots(body) if status < 300 else ALLOW_ALL
