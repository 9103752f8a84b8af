"""Attempts by themselves, in the SDK's own environment for activities."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, Interceptor, OutboundInterceptor, SignalWorkflowInput
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.reporting import Attempt, Defer, Reporter
from core.errors import (
    BrowserMissing,
    DiffyError,
    HostBusy,
    InternalError,
    NotAPage,
    PageGone,
    SecretsUnreadable,
    SiteError,
    SiteOverloaded,
    Unavailable,
)
from core.jobs.contract import AttemptReport, Outcome, Progress
from core.jobs.retries import retry_delay
from temporal.faults import TemporalFault
from tests.eventually import eventually

LONG_AGO = datetime(2026, 3, 1, 12, tzinfo=UTC)
RELEASED = AttemptReport(
    attempt=2, first_started_at=LONG_AGO, percent=40, started_at=LONG_AGO, worker="another"
)

Work = Callable[[Attempt], Awaitable[str | Defer]]


@pytest.fixture
def environment() -> ActivityEnvironment:
    """What an activity runs in. No such workflow is on the server: nothing can be published."""
    return ActivityEnvironment()


async def run(
    environment: ActivityEnvironment,
    client: Client,
    work: Work,
    released: AttemptReport | None = None,
) -> Outcome[str]:
    reporter = Reporter(client)

    async def activity() -> Outcome[str]:
        return await reporter.run(work, released)

    return await environment.run(activity)


def raising(error: Exception) -> Work:
    async def work(_: Attempt) -> str:
        raise error

    return work


async def test_a_result_comes_with_the_report_of_its_attempt(
    environment: ActivityEnvironment, client: Client
) -> None:
    async def work(attempt: Attempt) -> str:
        attempt.progress(30)
        return "done"

    outcome = await run(environment, client, work)
    assert outcome.result == "done"
    assert (outcome.attempt.attempt, outcome.attempt.percent) == (1, 30)
    assert outcome.attempt.first_started_at == environment.info.started_time


async def test_progress_never_falls_and_leaves_the_end_to_the_result(
    environment: ActivityEnvironment, client: Client
) -> None:
    seen = []

    async def work(attempt: Attempt) -> str:
        for percent in (10, 50, 20, 100, 0):
            attempt.progress(percent)
            seen.append(attempt.report.percent)
        return ""

    await run(environment, client, work)
    assert seen == [10, 50, 50, 99, 99]


async def test_an_attempt_that_was_handed_back_goes_on_as_the_same(
    environment: ActivityEnvironment, client: Client
) -> None:
    async def work(_: Attempt) -> str:
        return ""

    outcome = await run(environment, client, work, RELEASED)
    assert outcome.attempt == RELEASED.model_copy(update={"worker": client.identity})


async def test_a_retry_after_it_is_an_attempt_of_its_own(
    environment: ActivityEnvironment, client: Client
) -> None:
    details = [Progress(percent=70, first_started_at=LONG_AGO).model_dump(mode="json")]
    environment.info = replace(environment.info, attempt=2, heartbeat_details=details)

    async def work(_: Attempt) -> str:
        return ""

    report = (await run(environment, client, work, RELEASED)).attempt
    assert (report.attempt, report.percent, report.first_started_at) == (3, 0, LONG_AGO)


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
@pytest.mark.parametrize("busy", [True, False])
async def test_a_deferred_attempt_goes_on_by_the_clock_of_temporal(
    environment: ActivityEnvironment, client: Client, ahead: timedelta, busy: bool
) -> None:
    shown = datetime.now(UTC) - ahead  # by Temporal, as this worker's clock is ahead
    environment.info = replace(environment.info, started_time=shown)
    until = datetime.now(UTC) + timedelta(minutes=1)

    async def work(_: Attempt) -> str | Defer:
        if busy:
            raise HostBusy("shop.example", until)
        return Defer(until)

    report = (await run(environment, client, work)).attempt
    assert report.next_at is not None
    assert abs(report.next_at - shown - timedelta(minutes=1)) < timedelta(minutes=30)
    # The store knows the fetch by this moment.
    assert report.deferred_to == (None if busy else until)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (PageGone("The page is gone."), False),
        (NotAPage("It is a picture."), False),
        (SiteError("The site failed."), True),
        (SiteOverloaded("The site is busy.", timedelta(seconds=90)), True),
    ],
)
async def test_an_error_is_published_by_its_code_in_its_words(
    environment: ActivityEnvironment, client: Client, error: DiffyError, retryable: bool
) -> None:
    with pytest.raises(ApplicationError) as caught:
        await run(environment, client, raising(error))
    failure = caught.value
    assert (failure.type, failure.message) == (error.code, error.message)
    assert failure.non_retryable is not retryable
    assert failure.category is ApplicationErrorCategory.BENIGN
    wait = error.retry_after if isinstance(error, SiteOverloaded) else None
    assert failure.next_retry_delay == retry_delay(1, wait)
    [report] = failure.details
    assert report.attempt == 1
    assert (report.reason, report.next_at is not None) == (
        (error.message, True) if retryable else (None, False)
    )


async def test_an_error_with_many_causes_is_told_in_its_own_words(
    environment: ActivityEnvironment, client: Client
) -> None:
    error: Exception = OSError("no route")
    for layer in range(30):
        outer = SiteError(f"The site failed in layer {layer}." + " It did." * 20)
        outer.__cause__, error = error, outer
    with pytest.raises(ApplicationError) as raised:
        await run(environment, client, raising(error))
    failure = Failure()
    converter = client.data_converter
    converter.failure_converter.to_failure(raised.value, converter.payload_converter, failure)
    # The server puts "Failure exceeds size limit." in the place of one with more than 4 KiB.
    assert failure.message.startswith("The site failed in layer 29.")
    assert failure.ByteSize() < 4_096


async def test_a_fault_of_ours_is_retried_and_tells_no_secrets(
    environment: ActivityEnvironment, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ApplicationError) as caught:
        await run(environment, client, raising(ValueError("password=secret")))
    assert (caught.value.type, caught.value.non_retryable) == ("INTERNAL", False)
    assert caught.value.message == "Diffy itself failed (ValueError)."
    assert "password=secret" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a mistake"),
        InternalError("The extraction crashed."),
        Unavailable("The database is away."),
        TemporalFault("Temporal refused it."),
        SecretsUnreadable("The key is not here."),
        BrowserMissing("There is no browser."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_wrong_here_is_seen_in_metrics_and_logs(
    environment: ActivityEnvironment, client: Client, error: Exception
) -> None:
    with pytest.raises(ApplicationError) as caught:
        await run(environment, client, raising(error))
    assert caught.value.category is ApplicationErrorCategory.UNSPECIFIED


async def test_the_last_attempt_announces_no_other(
    environment: ActivityEnvironment, client: Client
) -> None:
    policy = RetryPolicy(maximum_attempts=3)
    environment.info = replace(environment.info, attempt=3, retry_policy=policy)
    with pytest.raises(ApplicationError) as caught:
        await run(environment, client, raising(SiteError("The site failed.")))
    [report] = caught.value.details
    assert (report.attempt, report.next_at, report.reason) == (3, None, None)


async def started(environment: ActivityEnvironment, client: Client) -> asyncio.Task[Outcome[str]]:
    """An attempt that is at 40 % and stays there."""
    begun = asyncio.Event()

    async def work(attempt: Attempt) -> str:
        attempt.progress(40)
        begun.set()
        await asyncio.Event().wait()
        return ""

    task = asyncio.create_task(run(environment, client, work))
    await begun.wait()
    return task


async def test_an_attempt_whose_worker_stops_is_handed_back(
    environment: ActivityEnvironment, client: Client
) -> None:
    task = await started(environment, client)
    environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
    outcome = await task
    assert outcome.result is None
    assert (outcome.attempt.attempt, outcome.attempt.percent) == (1, 40)


@pytest.mark.parametrize("worker_stops", [False, True])
async def test_an_attempt_that_somebody_cancels_is_cancelled(
    environment: ActivityEnvironment, client: Client, worker_stops: bool
) -> None:
    task = await started(environment, client)
    environment.cancel(
        ActivityCancellationDetails(cancel_requested=True, worker_shutdown=worker_stops)
    )
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_long_attempt_says_that_it_is_alive(
    environment: ActivityEnvironment, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.reporting.PUBLISH_ACTIVE_AFTER", 0.02)
    monkeypatch.setattr("activities.reporting.HEARTBEAT_INTERVAL", 0.02)
    beats: list[Progress] = []
    environment.on_heartbeat = lambda *details: beats.append(details[0])

    async def work(attempt: Attempt) -> str:
        assert not beats
        attempt.progress(10)
        assert not beats

        async def heard() -> int:
            return len(beats)

        await eventually(heard, lambda count: count >= 3)
        attempt.progress(80)
        assert beats[-1].percent == 80
        return "done"

    assert (await run(environment, client, work)).result == "done"
    assert {beat.percent for beat in beats} == {10, 80}


class Publishing(Interceptor):
    """What becomes of every report that an attempt publishes."""

    def __init__(self, outcome: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._outcome = outcome

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        outcome = self._outcome

        class Signals(OutboundInterceptor):
            async def signal_workflow(self, input: SignalWorkflowInput) -> None:
                await outcome()

        return Signals(next)


async def fails() -> None:
    """As a converter does, or a connection that the SDK knows no status for."""
    raise RuntimeError("no report today")


async def hangs() -> None:
    """As a server that accepts calls and never answers."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("outcome", [fails, hangs])
async def test_an_attempt_says_that_it_is_alive_whatever_becomes_of_its_report(
    environment: ActivityEnvironment,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    outcome: Callable[[], Awaitable[None]],
) -> None:
    monkeypatch.setattr("activities.reporting.PUBLISH_ACTIVE_AFTER", 0)
    monkeypatch.setattr("activities.reporting.HEARTBEAT_INTERVAL", 0.01)
    publishing = Client(
        client.service_client,
        data_converter=client.data_converter,
        interceptors=[Publishing(outcome)],
    )
    assert (await run(environment, publishing, until_heard(environment, 3))).result == "done"
    assert ("no report today" in caplog.text) is (outcome is fails)


async def test_a_heartbeat_that_fails_is_told_and_is_not_the_last(
    environment: ActivityEnvironment,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("activities.reporting.PUBLISH_ACTIVE_AFTER", 0)
    monkeypatch.setattr("activities.reporting.HEARTBEAT_INTERVAL", 0.01)
    work = until_heard(environment, 3)
    heard = environment.on_heartbeat
    failing = iter([True])

    def fail_once(*details: object) -> None:
        if next(failing, False):
            raise RuntimeError("no beat today")
        heard(*details)

    environment.on_heartbeat = fail_once
    assert (await run(environment, client, work)).result == "done"
    assert "no beat today" in caplog.text


def until_heard(environment: ActivityEnvironment, count: int) -> Work:
    """An attempt that is done once so many of its heartbeats have been heard."""
    beats: list[object] = []
    environment.on_heartbeat = lambda *details: beats.append(details)

    async def heard() -> int:
        return len(beats)

    async def work(_: Attempt) -> str:
        await eventually(heard, lambda seen: seen >= count)
        return "done"

    return work
