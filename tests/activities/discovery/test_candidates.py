"""Which URLs a walk visits."""

from collections.abc import Sequence
from datetime import date
from random import Random

from activities.discovery.candidates import MAX_FEEDS, URLS_PER_SLICE, Candidates
from core.web.scope import ExclusionReason, ScopeRules
from core.web.traps import MAX_CALENDAR_URLS
from core.web.urls import parse_domain
from store.frontier import FoundUrl
from tests.pauses import watched

ORIGIN = "https://a.com"


def candidates(feeds: Sequence[str] = ()) -> Candidates:
    return Candidates(parse_domain(ORIGIN), ScopeRules(), 5, date(2026, 11, 26), feeds)


async def taken(
    of: Candidates, urls: Sequence[str], depth: int = 1, room: int = 100_000
) -> list[FoundUrl]:
    """What becomes of URLs that a page names and that were not found before."""
    return await of.without_traps(await of.judged(urls, ORIGIN, depth), room)


async def test_what_was_let_through_before_uses_up_the_budget_of_a_trap_in_any_order() -> None:
    dates = [f"{ORIGIN}/calendar/{1990 + number // 12}/{1 + number % 12}" for number in range(300)]
    first = await taken(candidates(), [*dates, f"{ORIGIN}/plain"])
    assert not first.pop().uses_budget
    through = [found.url for found in first if found.uses_budget]
    assert len(through) == MAX_CALENDAR_URLS
    Random(1).shuffle(through)
    later = candidates()
    await later.restore_budgets(through)
    reasons = {found.url: found.reason for found in await taken(later, dates)}
    assert {url for url, reason in reasons.items() if reason is None} == set(through)
    assert set(reasons.values()) == {None, ExclusionReason.CALENDAR}


async def test_what_will_not_be_visited_uses_up_no_budget() -> None:
    dates = [f"{ORIGIN}/calendar/{1990 + number // 12}/{1 + number % 12}" for number in range(300)]
    of = candidates()
    assert all(found.reason is None for found in await taken(of, dates, room=10))
    reasons = [found.reason for found in await taken(of, dates[10:])]
    assert reasons.count(None) == MAX_CALENDAR_URLS - 10


async def test_a_page_that_names_a_url_in_two_ways_names_it_once() -> None:
    urls = ["/a", "/a?utm_source=b", "mailto:c", "mailto:c"]
    found = await candidates().judged(urls, ORIGIN, 1)
    assert [each.url for each in found] == [f"{ORIGIN}/a", "mailto:c"]


async def test_what_a_sitemap_names_is_no_trap_and_uses_no_budget() -> None:
    dates = [f"{ORIGIN}/calendar/{2100 + number}/1" for number in range(MAX_CALENDAR_URLS + 1)]
    assert await taken(candidates(), dates, depth=0) == [FoundUrl(url, 0) for url in dates]


async def test_feeds_that_were_taken_before_count() -> None:
    front = FoundUrl(f"{ORIGIN}/", 0)
    feeds = [f"{ORIGIN}/{number}.xml" for number in range(MAX_FEEDS + 1)]
    before = candidates()
    assert before.feeds(feeds[:3], front) == [FoundUrl(url, 0) for url in feeds[:3]]
    after = candidates(before.feeds_taken)
    read = after.feeds(feeds[3:], front)
    assert [found.url for found in read] == feeds[3:MAX_FEEDS]
    assert after.feeds_taken == tuple(feeds[:MAX_FEEDS])


async def test_many_urls_hold_nothing_up() -> None:
    urls = [f"/{number}" for number in range(40 * URLS_PER_SLICE)]
    judging = await watched(taken(candidates(), urls))
    assert len(judging.result) == len(urls)
    assert judging.longest_pause < judging.seconds / 2
