"""Which URLs a walk visits."""

from datetime import date
from random import Random

from activities.candidates import AT_A_TIME, Candidates
from core.scope import LeftOut, ScopeRules
from core.traps import MOST_DATES
from core.urls import parse_domain
from tests.pauses import watched

ORIGIN = "https://a.com"


def candidates() -> Candidates:
    return Candidates(parse_domain(ORIGIN), ScopeRules(), 5, date(2026, 11, 26))


async def test_what_was_let_through_before_uses_up_the_budget_of_a_trap_in_any_order() -> None:
    dates = [f"{ORIGIN}/calendar/{1990 + number // 12}/{1 + number % 12}" for number in range(300)]
    through = [
        found.url for found in await candidates().judged(dates, ORIGIN, 1) if not found.reason
    ]
    assert len(through) == MOST_DATES
    Random(1).shuffle(through)
    later = candidates()
    await later.remember(through)
    reasons = {found.url: found.reason for found in await later.judged(dates, ORIGIN, 1)}
    assert {url for url, reason in reasons.items() if reason is None} == set(through)
    assert set(reasons.values()) == {None, LeftOut.CALENDAR}


async def test_many_urls_hold_nothing_up() -> None:
    urls = [f"/{number}" for number in range(40 * AT_A_TIME)]
    judging = await watched(candidates().judged(urls, ORIGIN, 1))
    assert len(judging.result) == len(urls)
    assert judging.longest_pause < judging.seconds / 2
