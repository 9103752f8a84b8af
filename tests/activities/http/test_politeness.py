"""robots.txt and the host's gate, measured at the site's own log."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from activities.http.fetch import Fetcher
from activities.http.politeness import Politeness
from core.errors import BlockedByRobots, ForbiddenAddress, RobotsUnreachable
from store.db.engine import Database
from store.robots import put_robots
from tests.activities.behaviours import OK, repeating, resetting
from tests.site import FakeSite

NO_ENTRY = "User-agent: *\nDisallow: /private"
PLAIN = {"Content-Type": "text/plain"}


def robots(site: FakeSite, body: str, status: int = 200) -> None:
    site.page("/robots.txt", body, status=status, headers=PLAIN)


async def known(database: Database, site: FakeSite, body: str, age: timedelta) -> None:
    """A robots.txt that was read so long ago."""
    async with database.transaction() as session:
        await put_robots(session, site.origin, 200, body.encode(), datetime.now(UTC) - age)


async def test_what_robots_forbids_is_not_asked_for(politeness: Politeness, site: FakeSite) -> None:
    robots(site, NO_ENTRY)
    await politeness.admit(site.url("/public"))
    with pytest.raises(BlockedByRobots, match=r"robots\.txt of 127\.0\.0\.1") as caught:
        await politeness.admit(site.url("/private/page"))
    assert not caught.value.retryable


async def test_the_group_of_our_name_counts(politeness: Politeness, site: FakeSite) -> None:
    robots(site, f"{NO_ENTRY}\n\nUser-agent: diffybot\nDisallow: /public")
    await politeness.admit(site.url("/private/page"))
    with pytest.raises(BlockedByRobots):
        await politeness.admit(site.url("/public"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_robots_that_is_not_there_allows_all(
    politeness: Politeness, site: FakeSite, status: int
) -> None:
    robots(site, "User-agent: *\nDisallow: /", status)
    await politeness.admit(site.url("/private"))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_robots_that_fails_forbids_all_for_now(
    politeness: Politeness, site: FakeSite, status: int
) -> None:
    site.page("/robots.txt", "", status=status, headers={"Retry-After": "40"})
    with pytest.raises(RobotsUnreachable, match=f"answered {status}, so nothing") as caught:
        await politeness.admit(site.url("/"))
    assert caught.value.retryable
    assert caught.value.retry_after == timedelta(seconds=40)
    robots(site, NO_ENTRY)
    await politeness.admit(site.url("/"))


async def test_robots_that_cannot_be_reached_forbids_all_for_now(
    politeness: Politeness, site: FakeSite
) -> None:
    await site.stop()
    with pytest.raises(RobotsUnreachable, match="so nothing may be fetched") as caught:
        await politeness.admit(site.url("/"))
    assert caught.value.retryable
    await site.start()


async def test_robots_that_breaks_off_forbids_all_for_now(
    politeness: Politeness, site: FakeSite
) -> None:
    site.behave("/robots.txt", resetting(OK + b"Content-Length: 99\r\n\r\nUser-agent"))
    with pytest.raises(RobotsUnreachable):
        await politeness.admit(site.url("/"))


async def test_robots_may_be_elsewhere(politeness: Politeness, site: FakeSite) -> None:
    async with FakeSite() as elsewhere:
        for number in range(5):
            here = f"/{number}" if number else "/robots.txt"
            there = f"/{number + 1}" if number < 4 else elsewhere.url("/rules.txt")
            site.page(here, "", status=301, headers={"Location": there})
        elsewhere.page("/rules.txt", NO_ENTRY, headers=PLAIN)
        await politeness.admit(site.url("/public"))
        with pytest.raises(BlockedByRobots):
            await politeness.admit(site.url("/private"))


@pytest.mark.parametrize("location", ["/robots.txt", "javascript:void(0)"])
async def test_robots_that_leads_nowhere_is_not_there(
    politeness: Politeness, site: FakeSite, location: str
) -> None:
    site.page("/robots.txt", NO_ENTRY, status=302, headers={"Location": location})
    await politeness.admit(site.url("/private"))


async def test_robots_that_leads_into_our_network_is_not_read(
    database: Database, guarded: Fetcher, site: FakeSite
) -> None:
    with pytest.raises(ForbiddenAddress):
        await Politeness(database, guarded, host_rps=10_000).admit(site.url("/"))
    assert site.requests == []


async def test_robots_without_an_end_is_read_in_part(
    politeness: Politeness, site: FakeSite
) -> None:
    head = OK + b"\r\n" + NO_ENTRY.encode() + b"\n"
    site.behave("/robots.txt", repeating(head, b"# a long comment\n" * 1_000))
    await politeness.admit(site.url("/public"))
    with pytest.raises(BlockedByRobots):
        await politeness.admit(site.url("/private"))


async def test_robots_is_asked_for_once_for_many_pages(
    database: Database, fetcher: Fetcher, politeness: Politeness, site: FakeSite
) -> None:
    robots(site, NO_ENTRY)
    await asyncio.gather(*(politeness.admit(site.url(f"/{number}")) for number in range(50)))
    another_worker = Politeness(database, fetcher, host_rps=10_000)
    await another_worker.admit(site.url("/"))
    assert len(site.requests_for("/robots.txt")) == 1


async def test_a_failing_robots_is_asked_for_once_for_all_that_wait_for_it(
    politeness: Politeness, site: FakeSite
) -> None:
    robots(site, "", 500)
    site.hold("/robots.txt")
    waiting = [asyncio.create_task(politeness.admit(site.url(f"/{n}"))) for n in range(20)]
    await site.arrived("/robots.txt")
    await asyncio.sleep(0)
    site.release("/robots.txt")
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in outcomes} == {RobotsUnreachable}
    assert len(site.requests_for("/robots.txt")) == 1
    robots(site, "")
    await politeness.admit(site.url("/"))


async def test_the_rules_of_a_bounded_number_of_sites_are_kept_in_memory(
    politeness: Politeness, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.http.politeness.MAX_SITES_IN_MEMORY", 2)
    robots(site, NO_ENTRY)
    for port in (site.origin, site.origin.replace("127.0.0.1", "localhost"), site.origin):
        await politeness.admit(f"{port}/")
    assert len(site.requests_for("/robots.txt")) == 2
    for host in ("127.0.0.2", "127.0.0.3", "127.0.0.1"):
        with suppress(RobotsUnreachable):
            await politeness.admit(site.origin.replace("127.0.0.1", host) + "/")
    assert len(politeness._known) == 2
    assert len(politeness._lookups) == 0


async def test_robots_is_read_anew_when_it_is_too_old_for_the_caller(
    politeness: Politeness, site: FakeSite
) -> None:
    robots(site, NO_ENTRY)
    await politeness.admit(site.url("/"))
    robots(site, "User-agent: *\nDisallow: /")
    await politeness.robots(site.url("/"), max_age=timedelta(0))
    with pytest.raises(BlockedByRobots):
        await politeness.admit(site.url("/"))
    assert len(site.requests_for("/robots.txt")) == 2


@pytest.mark.parametrize(("minutes", "asked"), [(59, 0), (61, 1), (-1, 0), (-61, 1)])
async def test_robots_is_used_for_an_hour_by_a_clock_that_may_be_set_back(
    database: Database, politeness: Politeness, site: FakeSite, minutes: int, asked: int
) -> None:
    await known(database, site, "", timedelta(minutes=minutes))
    await politeness.admit(site.url("/"))
    assert len(site.requests_for("/robots.txt")) == asked


async def test_a_known_robots_stands_in_for_a_day(
    database: Database, politeness: Politeness, site: FakeSite
) -> None:
    robots(site, "", status=500)
    await known(database, site, NO_ENTRY, timedelta(hours=23))
    await politeness.admit(site.url("/public"))
    with pytest.raises(BlockedByRobots):
        await politeness.admit(site.url("/private"))


async def test_a_known_robots_does_not_stand_in_for_longer(
    database: Database, politeness: Politeness, site: FakeSite
) -> None:
    robots(site, "", status=500)
    await known(database, site, NO_ENTRY, timedelta(hours=25))
    with pytest.raises(RobotsUnreachable):
        await politeness.admit(site.url("/public"))


async def test_a_failing_site_is_not_asked_for_robots_at_every_page(
    database: Database, politeness: Politeness, site: FakeSite
) -> None:
    robots(site, "", status=500)
    await known(database, site, NO_ENTRY, timedelta(hours=2))
    await asyncio.gather(*(politeness.admit(site.url(f"/{number}")) for number in range(20)))
    assert len(site.requests_for("/robots.txt")) == 1


async def visits(politeness: Politeness, fetcher: Fetcher, site: FakeSite, count: int) -> None:
    await asyncio.gather(
        *(
            fetcher.fetch(site.url(f"/{number}"), before_request=politeness.admit)
            for number in range(count)
        )
    )


CLOCKS: Final = 0.002
"""Seconds between what two clocks of one machine may say."""


def paced(site: FakeSite, began: float, interval: float, first: int = 0) -> bool:
    """Whether no request, from the one numbered `first` on, came before its turn.

    The gate opens every `interval` seconds from `began` on at the earliest. What comes late is
    not in the way of the rate; gaps would be, when a late one is followed by one in time.
    """
    times = sorted(request.at for request in site.requests)[first:]
    return all(at > began + n * interval - CLOCKS for n, at in enumerate(times))


async def test_the_rate_of_a_host_is_kept_by_all_workers_together(
    database: Database, fetcher: Fetcher, site: FakeSite
) -> None:
    workers = [Politeness(database, fetcher, host_rps=20) for _ in range(2)]
    began = time.monotonic()
    await asyncio.gather(*(visits(worker, fetcher, site, 6) for worker in workers))
    assert len(site.requests) >= 13
    assert paced(site, began, 1 / 20)


async def test_a_crawl_delay_is_kept_also_in_fractions(
    politeness: Politeness, fetcher: Fetcher, site: FakeSite
) -> None:
    robots(site, "User-agent: *\nCrawl-delay: 0.15")
    began = time.monotonic()
    await visits(politeness, fetcher, site, 4)
    # robots.txt itself was asked for before its delay was known.
    assert paced(site, began, 0.15, first=1)


async def test_a_crawl_delay_does_not_make_a_host_faster(
    database: Database, fetcher: Fetcher, site: FakeSite
) -> None:
    robots(site, "User-agent: *\nCrawl-delay: 0.001")
    began = time.monotonic()
    await visits(Politeness(database, fetcher, host_rps=10), fetcher, site, 3)
    assert paced(site, began, 1 / 10)


async def test_every_hop_waits_for_its_turn(
    database: Database, fetcher: Fetcher, site: FakeSite
) -> None:
    site.page("/1", "", status=302, headers={"Location": "/2"})
    site.page("/2", "", status=302, headers={"Location": "/3"})
    polite = Politeness(database, fetcher, host_rps=10)
    began = time.monotonic()
    await fetcher.fetch(site.url("/1"), before_request=polite.admit)
    assert [request.target for request in site.requests] == ["/robots.txt", "/1", "/2", "/3"]
    assert paced(site, began, 1 / 10)
