"""Crawler traps, and the pages that look like them."""

import gc
import tracemalloc
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidAddress
from core.web.scope import ExclusionReason
from core.web.traps import (
    MAX_CALENDAR_URLS,
    MAX_FILTERED_URLS,
    MAX_PATH_SEGMENTS,
    Trap,
    Traps,
    is_endless,
    uses_budget,
)
from core.web.urls import normalise

TODAY = date(2026, 11, 24)
SITE = "https://a.com"


def trap(path: str) -> Trap | None:
    """The trap of a link to `path`, as the first URL of a discovery."""
    return Traps(TODAY).recognise(SITE + path)


def test_every_trap_is_a_reason_of_its_own() -> None:
    assert {ExclusionReason(each).value for each in Trap} == {each.value for each in Trap}


@pytest.mark.parametrize(
    "path",
    [
        "/a/a/a", "/x/a/a/a/y", "/a/b/a/b/a/b", "/en/a/b/c/a/b/c/a/b/c/d.html",
        "/" + "/".join(str(number) for number in range(MAX_PATH_SEGMENTS + 1)),
    ],
)  # fmt: skip
def test_a_path_that_goes_in_circles_is_endless(path: str) -> None:
    assert trap(path) is Trap.ENDLESS_PATH


@pytest.mark.parametrize(
    "path",
    [
        "/", "/a/a", "/a/b/a/b", "/a/b/a/c/a/d", "/2024/2024/11", "/a//b//c//d",
        "/" + "/".join(str(number) for number in range(MAX_PATH_SEGMENTS)),
    ],
)  # fmt: skip
def test_a_path_that_ends_is_not(path: str) -> None:
    assert not is_endless(SITE + path)


@pytest.mark.parametrize(
    "path",
    [
        "/events/2031-05", "/calendar/2028/01/", "/cal?year=2029&month=3", "/cal?date=2033-01-31",
        "/cal?day=20300101", "/calendar/2100/12/31",
    ],
)  # fmt: skip
def test_a_calendar_is_a_trap_where_nothing_is_planned_yet(path: str) -> None:
    assert trap(path) is Trap.CALENDAR


@pytest.mark.parametrize(
    "path",
    [
        "/2024/05/12/a-post", "/events/2027-05", "/2031-05/report", "/report-2031", "/v/2040/99",
        "/list?id=2031", "/model/12031-05", "/cal?date=tomorrow", "/9999-12", "/1066/10/14",
    ],
)  # fmt: skip
def test_what_is_no_date_ahead_is_no_calendar(path: str) -> None:
    assert trap(path) is None


@pytest.mark.parametrize("form", ["/cal/{0:%Y/%m/%d}", "/cal?date={0:%Y-%m-%d}&view=day"])
def test_a_calendar_ends_after_many_days(form: str) -> None:
    traps = Traps(TODAY)
    days = [
        SITE + form.format(TODAY - timedelta(days=back)) for back in range(MAX_CALENDAR_URLS + 50)
    ]
    traps_found = [traps.recognise(url) for url in days]
    # Dates of different lengths would be calendars of their own.
    assert traps_found == [None] * MAX_CALENDAR_URLS + [Trap.CALENDAR] * 50
    assert [traps.recognise(url) for url in days] == traps_found, "an accepted URL stays accepted"
    assert traps.recognise(SITE + "/archive/2024/05") is None, "another calendar"


def test_parameters_in_another_order_are_a_trap() -> None:
    traps = Traps(TODAY)
    assert traps.recognise(SITE + "/list?sort=up&page=2") is None
    assert traps.recognise(SITE + "/list?page=2&sort=up") is Trap.PARAMETERS
    assert traps.recognise(SITE + "/list?sort=up&page=2") is None
    assert traps.recognise(SITE + "/other?page=2&sort=up") is None


def test_filters_are_a_trap_once_many_were_combined() -> None:
    traps = Traps(TODAY)
    lists = [f"{SITE}/list?colour={n}&size={n % 7}&sort=up" for n in range(MAX_FILTERED_URLS + 20)]
    traps_found = [traps.recognise(url) for url in lists]
    assert traps_found == [None] * MAX_FILTERED_URLS + [Trap.PARAMETERS] * 20


def test_many_pages_with_few_parameters_are_pages() -> None:
    traps = Traps(TODAY)
    pages = [f"{SITE}/topic?forum={n % 5}&id={n}" for n in range(5_000)]
    assert all(traps.recognise(url) is None for url in pages)


def test_what_is_rejected_uses_up_no_memory_and_no_budget() -> None:
    """A site can generate any number of parameters."""
    traps = Traps(TODAY)
    filters = [f"{SITE}/list?colour={n}&size=1&sort=up" for n in range(MAX_FILTERED_URLS)]
    assert all(traps.recognise(url) is None for url in filters)
    tracemalloc.start()
    for n in range(2_000):
        assert traps.recognise(f"{SITE}/list?colour=red-{n}&size=2&year=2020-{n % 12 + 1}")
        assert traps.recognise(f"{SITE}/list?size=1&sort=up&colour={n % MAX_FILTERED_URLS}")
        assert traps.recognise(f"{SITE}/{n}/calendar-{n}/2190-01")
        assert traps.recognise(f"{SITE}/{n}/a/a/a")
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
    dated = f"{SITE}/list?colour=blue&year=2020-12"
    assert traps.recognise(dated) is None


@pytest.mark.parametrize("path", ["/calendar/2026/11", "/cal?date=2026-11-24", "/t?forum=1&id=2"])
def test_urls_of_which_there_may_be_so_many_use_a_budget(path: str) -> None:
    assert uses_budget(SITE + path)


@pytest.mark.parametrize("path", ["/", "/2024", "/t?id=2", "/model/12031-05"])
def test_other_urls_use_none(path: str) -> None:
    assert not uses_budget(SITE + path)


@given(st.text(st.sampled_from("ab12-/?&=date%;é"), max_size=80))
def test_any_url_is_judged_alike_each_time(path: str) -> None:
    try:
        url = normalise(f"{SITE}/{path}")
    except InvalidAddress:
        return
    traps = Traps(TODAY)
    assert traps.recognise(url) is traps.recognise(url)
    assert uses_budget(url) or traps.recognise(url) in (None, Trap.ENDLESS_PATH)
