"""How an attempt tells the world how it goes: heartbeats, the published state, its failure."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError

from core.errors import (
    BrowserMissing,
    DiffyError,
    HostBusy,
    InternalError,
    JobError,
    PassingJobError,
    SecretsUnreadable,
)
from core.jobs.contract import REPORT_SIGNAL, AttemptReport, Outcome, Progress, attempts_before
from core.jobs.retries import retry_delay
from core.web.robots import MAX_CRAWL_DELAY

HEARTBEAT_EVERY: Final = 1.0
"""Seconds between heartbeats: a cancelled attempt hears of it with the next one."""

PUBLISH_ACTIVE_AFTER: Final = 0.5
"""Seconds an attempt runs before its first heartbeat and before it is published as active. A job
that is over sooner does not pay for them; the contract allows the lists a lag of one second."""

MOMENT: Final = timedelta(seconds=1)
"""How long an attempt waits for a host within its worker. Who has to wait longer is deferred."""

MANY_DEFERRALS: Final = 1_000
LONGEST_WAIT: Final = timedelta(seconds=MAX_CRAWL_DELAY)

OURS: Final = (InternalError, SecretsUnreadable, BrowserMissing)
"""Errors of jobs that no site can help."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Defer:
    """What an attempt answers that is to go on at the moment `until`."""

    until: datetime


log = logging.getLogger(__name__)


class Attempt:
    """The attempt that this activity executes; `resumed` if an earlier activity began it.

    `deferred_to` is the moment to which it was last deferred for confirmation, None if never.
    """

    def __init__(self, info: activity.Info, worker: str, released: AttemptReport | None) -> None:
        begun = Progress(percent=0, first_started_at=info.started_time)
        if info.heartbeat_details:
            begun = Progress.model_validate(info.heartbeat_details[0])
        elif released is not None:
            begun = Progress(percent=released.percent, first_started_at=released.first_started_at)
        gone_on_with = released if info.attempt == 1 else None
        self.resumed = gone_on_with is not None
        self._percent = begun.percent if gone_on_with else 0
        self._heard_of = False
        self._number = attempts_before(released) + info.attempt
        self._first_started_at = begun.first_started_at
        self._started_at = (gone_on_with and gone_on_with.started_at) or info.started_time
        self._worker = worker
        self.deferred_to = released.deferred_to if released else None
        self._deferrals = gone_on_with.deferrals if gone_on_with else 0

    @property
    def report(self) -> AttemptReport:
        """The attempt as its job publishes it."""
        return AttemptReport(
            attempt=self._number,
            first_started_at=self._first_started_at,
            percent=self._percent,
            started_at=self._started_at,
            worker=self._worker,
            deferred_to=self.deferred_to,
            deferrals=self._deferrals,
        )

    @property
    def patience(self) -> timedelta:
        """How long the attempt may wait for a host within its worker.

        Each deferral adds some 13 events to the history of the job, which may have 51,200. So an
        attempt that was deferred very often waits in its worker from then on.
        """
        return MOMENT if self._deferrals < MANY_DEFERRALS else LONGEST_WAIT

    def progress(self, percent: int) -> None:
        """Say how far the attempt is, 0 to 99. It never falls: a lower figure is not taken."""
        self._percent = max(self._percent, min(percent, 99))
        if self._heard_of:
            self.beat()

    def beat(self) -> None:
        """Tell the server that the attempt is alive, and how far it is."""
        self._heard_of = True
        activity.heartbeat(
            Progress(
                attempt=self._number,
                percent=self._percent,
                first_started_at=self._first_started_at,
            )
        )


class Reporter:
    """Runs attempts that report to their workflow through `client`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def run(
        self,
        work: Callable[[Attempt], Awaitable[Result | Defer]],
        released: AttemptReport | None,
    ) -> Outcome[Result]:
        """Do `work` as the attempt of the activity that is running, or go on with it.

        An attempt that is cut off because its worker stops, that puts itself off, or that has to
        wait for its host is handed back without a result. Any other DiffyError becomes an
        ApplicationError of its code, with its sentence, retried only where its class says that a
        retry can help; another error becomes an InternalError first.
        """
        info = activity.info()
        attempt = Attempt(info, self._client.identity, released)
        watch = asyncio.create_task(self._watch(attempt))
        try:
            try:
                result = await work(attempt)
            finally:
                # Before the end is published: it is the last word.
                watch.cancel()
            if isinstance(result, Defer):
                later = {"next_at": result.until, "deferred_to": result.until}
                return Outcome(attempt=attempt.report.model_copy(update=later), result=None)
            return Outcome(attempt=attempt.report, result=result)
        except HostBusy as busy:
            report = attempt.report
            deferred = report.model_copy(
                update={"next_at": busy.until, "deferrals": report.deferrals + 1}
            )
            return Outcome(attempt=deferred, result=None)
        except DiffyError as error:
            raise await self._failure(attempt, error) from error
        except asyncio.CancelledError:
            if _worker_stops():
                return Outcome(attempt=attempt.report, result=None)
            await self._publish(attempt.report)
            raise
        except Exception as error:
            log.exception("activity %s of job %s", info.activity_type, info.workflow_id)
            ours = InternalError(f"Diffy itself failed ({type(error).__name__}).")
            raise await self._failure(attempt, ours) from error

    async def _watch(self, attempt: Attempt) -> None:
        """Heartbeats until it is cancelled, whatever becomes of one of them: an attempt that is
        silent for ten seconds is lost. Publishing takes its own time.
        """
        await asyncio.sleep(PUBLISH_ACTIVE_AFTER)
        publishing = asyncio.create_task(self._publish(attempt.report))
        try:
            while True:
                try:
                    attempt.beat()
                except Exception:
                    log.exception("a heartbeat of job %s failed", activity.info().workflow_id)
                await asyncio.sleep(HEARTBEAT_EVERY)
        finally:
            publishing.cancel()

    async def _failure(self, attempt: Attempt, error: DiffyError) -> ApplicationError:
        info = activity.info()
        retry_after = error.retry_after if isinstance(error, PassingJobError) else None
        pause = retry_delay(attempt.report.attempt, retry_after)
        report = attempt.report
        if error.retryable and not _is_last(info):
            report = report.model_copy(
                update={"next_at": datetime.now(UTC) + pause, "reason": error.message}
            )
            attempt.beat()  # the next attempt hears from it when the first one began
            await self._publish(report)
        return ApplicationError(
            error.message,
            report,
            type=error.code,
            non_retryable=not error.retryable,
            next_retry_delay=pause,
            category=_category(error),
        )

    async def _publish(self, report: AttemptReport) -> None:
        """Lists and counts read what is published; one job is read from Temporal itself, so an
        attempt goes on when this fails.
        """
        info = activity.info()
        try:
            assert info.workflow_id is not None
            job = self._client.get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
            await job.signal(REPORT_SIGNAL, report)
        except RPCError as error:
            log.warning("job %s could not be published: %s", info.workflow_id, error.status.name)
        except Exception:
            log.exception("job %s could not be published", info.workflow_id)


def _category(error: DiffyError) -> ApplicationErrorCategory:
    """What a site did is in the report; metrics and logs are for what is wrong here."""
    if isinstance(error, JobError) and not isinstance(error, OURS):
        return ApplicationErrorCategory.BENIGN
    return ApplicationErrorCategory.UNSPECIFIED


def _worker_stops() -> bool:
    """Whether that, and nobody's wish, is why the activity was cancelled."""
    details = activity.cancellation_details()
    return details is not None and details.worker_shutdown and not details.cancel_requested


def _is_last(info: activity.Info) -> bool:
    policy = info.retry_policy
    return policy is not None and 0 < policy.maximum_attempts <= info.attempt
