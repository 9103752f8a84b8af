"""Answers of visibility are shared by those who ask at the same time, and never hide own writes."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from api.deps import services_of
from core.errors import InvalidRequest
from temporal.jobs import sharing
from temporal.jobs.sharing import SharedAnswers
from tests.eventually import HANG
from tests.site import FakeSite
from tests.system import System

ORG, OTHER = uuid4(), uuid4()


class Asked:
    """Questions, each with its number as the answer."""

    def __init__(self) -> None:
        self.count = 0
        self.held = asyncio.Event()
        self.held.set()

    async def __call__(self) -> int:
        """The number of this question, once answers are not held back."""
        self.count += 1
        number = self.count
        await self.held.wait()
        return number


class Clock:
    """The clock by which answers grow old."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


async def test_who_asks_the_same_at_the_same_time_shares_one_answer() -> None:
    shared, asked = SharedAnswers(), Asked()
    asked.held.clear()
    tasks = [asyncio.create_task(shared.get(ORG, "list", asked)) for _ in range(5)]
    other = asyncio.create_task(shared.get(ORG, "another list", Asked()))
    await other
    asked.held.set()
    assert sorted(await asyncio.gather(*tasks)) == [(1, False)] * 4 + [(1, True)]


async def test_an_answer_is_shared_for_less_than_half_a_second() -> None:
    clock = Clock()
    shared, asked = SharedAnswers(clock), Asked()
    assert await shared.get(ORG, "list", asked) == (1, True)
    clock.now += sharing.SHARED_FOR - 0.01
    assert await shared.get(ORG, "list", asked) == (1, False)
    clock.now += 0.02
    assert await shared.get(ORG, "list", asked) == (2, True)


async def test_organisations_share_nothing() -> None:
    shared, asked = SharedAnswers(), Asked()
    assert await shared.get(ORG, "list", asked) == (1, True)
    assert await shared.get(OTHER, "list", asked) == (2, True)


@pytest.mark.parametrize("written_by", [ORG, None])
async def test_no_answer_from_before_a_write_is_given_after_it(
    written_by: Any,
) -> None:
    """Nor one from the moment after it, in which Temporal may not list it yet."""
    clock = Clock()
    shared, asked = SharedAnswers(clock), Asked()
    await shared.get(ORG, "list", asked)
    clock.now += 0.1
    shared.forget(written_by)
    assert await shared.get(ORG, "list", asked) == (2, True)
    clock.now += sharing.LISTING_LAG
    assert await shared.get(ORG, "list", asked) == (3, True)
    clock.now += 0.1
    assert await shared.get(ORG, "list", asked) == (3, False)


async def test_the_write_of_another_organisation_changes_nothing() -> None:
    shared, asked = SharedAnswers(), Asked()
    await shared.get(ORG, "list", asked)
    shared.forget(OTHER)
    assert await shared.get(ORG, "list", asked) == (1, False)


async def test_an_error_is_raised_to_all_who_wait_and_not_kept() -> None:
    shared, asked = SharedAnswers(), Asked()

    async def fails() -> int:
        await asyncio.sleep(0)
        raise InvalidRequest("No.")

    both = await asyncio.gather(
        shared.get(ORG, "list", fails), shared.get(ORG, "list", fails), return_exceptions=True
    )
    assert [type(each) for each in both] == [InvalidRequest, InvalidRequest]
    assert await shared.get(ORG, "list", asked) == (1, True)


async def test_a_question_goes_on_without_the_one_who_asked_it() -> None:
    shared, asked = SharedAnswers(), Asked()
    asked.held.clear()
    first = asyncio.create_task(shared.get(ORG, "list", asked))
    second = asyncio.create_task(shared.get(ORG, "list", asked))
    await asyncio.sleep(0)
    first.cancel()
    asked.held.set()
    assert await second == (1, False)


async def test_old_answers_are_dropped() -> None:
    clock = Clock()
    shared, asked = SharedAnswers(clock), Asked()
    for number in range(3 * sharing.MAX_ANSWERS):
        await shared.get(ORG, number, asked)
        shared.forget(uuid4())
        clock.now += sharing.SHARED_FOR / 10
    assert len(shared._questions) <= sharing.MAX_ANSWERS
    assert len(shared._written_at) <= sharing.MAX_ANSWERS


async def test_many_who_poll_cost_as_many_calls_as_one(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who cancels a job sees it cancelled in the next list."""
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=600)
    calls: list[str] = []
    for name in ("list_workflows", "count_workflows"):
        usual = getattr(Client, name)

        def counted(client: Client, *args: Any, usual: Any = usual, **kwargs: Any) -> Any:
            calls.append(str(args))
            return usual(client, *args, **kwargs)

        monkeypatch.setattr(Client, name, counted)
    monkeypatch.setattr(sharing, "SHARED_FOR", HANG)
    monkeypatch.setattr(sharing, "LISTING_LAG", 0.0)
    paths = ["/api/jobs?pageId=" + str(page_id), "/api/jobs/stats"]
    for path in paths:
        assert (await system.api.get(path)).status_code == 200
    alone = len(calls)
    services_of(system.app).reader.forget(None)
    calls.clear()
    answers = await asyncio.gather(*(system.api.get(path) for path in paths * 20))
    assert {answer.status_code for answer in answers} == {200}
    assert len(calls) == alone <= 8
    assert (await system.api.post(f"/api/jobs/{job_id}/cancel")).status_code == 200
    rows = (await system.api.get(paths[0])).json()["data"]
    assert [(row["id"], row["state"]) for row in rows] == [(job_id, "failed")]
