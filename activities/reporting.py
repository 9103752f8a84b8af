"""Reports of an attempt: its heartbeats, its published state, its failure."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError

from activities.clock import TemporalClock
from core.errors import (
    BrowserElsewhere,
    BrowserMissing,
    DiffyError,
    HostBusy,
    InternalError,
    JobError,
    PassingJobError,
    SecretsUnreadable,
)
from core.jobs.contract import REPORT_SIGNAL, AttemptReport, Outcome, Progress, attempts_before
from core.jobs.queues import Queue
from core.jobs.retries import retry_delay
from core.metrics import ATTEMPTS, JOBS, WAITS
from core.web.robots import MAX_CRAWL_DELAY

HEARTBEAT_INTERVAL: Final = 1.0
"""Seconds between heartbeats. A cancelled attempt is notified by the next one."""

PUBLISH_ACTIVE_AFTER: Final = 0.5
"""Seconds until the first heartbeat of an attempt, and until it is published as active.

A shorter attempt sends neither. Lists and counts may lag by one second (the API's contract).
"""

MAX_HOST_WAIT: Final = timedelta(seconds=1)
"""Maximum time that an attempt waits for its host in the worker; a longer wait defers it."""

MAX_DEFERRALS: Final = 1_000
"""After this many deferrals for its host, an attempt waits in the worker, up to `MAX_SLOT_WAIT`."""

MAX_SLOT_WAIT: Final = timedelta(seconds=MAX_CRAWL_DELAY)

OWN_ERRORS: Final = (InternalError, SecretsUnreadable, BrowserMissing)
"""Job errors that no site causes."""

FINAL_OUTCOMES: Final = frozenset({"completed", "failed", "cancelled"})
"""Outcomes of an attempt that are the end of its job."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Defer:
    """The result of an attempt that continues at `until`."""

    until: datetime


log = logging.getLogger(__name__)


class Attempt:
    """One attempt of a job. It spans several activities if it is released or deferred.

    `resumed` is true if an earlier activity started the attempt. `deferred_to` is the `until` of
    the job's last Defer, None if there was none. Waits for a busy host do not set it.
    """

    def __init__(self, info: activity.Info, worker: str, continued: AttemptReport | None) -> None:
        begun = Progress(percent=0, first_started_at=info.started_time)
        if info.heartbeat_details:
            begun = Progress.model_validate(info.heartbeat_details[0])
        elif continued is not None:
            begun = Progress(percent=continued.percent, first_started_at=continued.first_started_at)
        # A retry of the activity is a new attempt, and so is what follows one that is over.
        resumes = continued is not None and not continued.is_over and info.attempt == 1
        resumed = continued if resumes else None
        self.resumed = resumed is not None
        self._percent = begun.percent if resumed else 0
        self._has_sent_heartbeat = False
        self._number = attempts_before(continued) + info.attempt
        self._first_started_at = begun.first_started_at
        self._started_at = (resumed and resumed.started_at) or info.started_time
        self._worker = worker
        self.deferred_to = continued.deferred_to if continued else None
        self._deferrals = resumed.deferrals if resumed else 0
        self._queue = resumed.queue if resumed else None

    @property
    def report(self) -> AttemptReport:
        """The current report of the attempt, as its job publishes it."""
        return AttemptReport(
            attempt=self._number,
            first_started_at=self._first_started_at,
            percent=self._percent,
            started_at=self._started_at,
            worker=self._worker,
            deferred_to=self.deferred_to,
            deferrals=self._deferrals,
            queue=self._queue,
        )

    @property
    def max_host_wait(self) -> timedelta:
        """Maximum time that the attempt waits for its host inside the worker.

        Each deferral adds about 13 events to the workflow history, whose limit is 51,200 events. So
        an attempt waits inside its worker after `MAX_DEFERRALS`.
        """
        return MAX_HOST_WAIT if self._deferrals < MAX_DEFERRALS else MAX_SLOT_WAIT

    @property
    def deferrals(self) -> int:
        """The number of times that the attempt was deferred for a busy host or a lock."""
        return self._deferrals

    def ends_with(self, error: JobError) -> bool:
        """Whether the job has failed for good if this attempt fails with `error`."""
        return not error.retryable or _is_last_attempt(activity.info())

    def progress(self, percent: int) -> None:
        """Raise the progress of the attempt to `percent`, at most 99. A lower value is ignored."""
        self._percent = max(self._percent, min(percent, 99))
        if self._has_sent_heartbeat:
            self.beat()

    def beat(self, *, is_over: bool = False) -> None:
        """Send a heartbeat with the progress; with `is_over`, the last one of a failed attempt."""
        self._has_sent_heartbeat = True
        activity.heartbeat(
            Progress(
                attempt=self._number,
                percent=self._percent,
                first_started_at=self._first_started_at,
                is_over=is_over,
            )
        )


class Measured:
    """Counts one execution of an activity, and the end of its job."""

    def __init__(self, info: activity.Info) -> None:
        self._kind = info.activity_type
        waited = info.started_time - info.current_attempt_scheduled_time
        WAITS.labels(self._kind).observe(max(waited.total_seconds(), 0))
        self._began = time.perf_counter()

    def end(self, outcome: str) -> None:
        """The execution ends with `outcome`."""
        seconds = time.perf_counter() - self._began
        ATTEMPTS.labels(self._kind, outcome).observe(seconds)
        fields = {"outcome": outcome, "milliseconds": round(seconds * 1000, 1)}
        log.info("an attempt of %s: %s", self._kind, outcome, extra=fields)
        if outcome in FINAL_OUTCOMES:
            JOBS.labels(self._kind, outcome).inc()


class Reporter:
    """Runs attempts, and reports them to their workflows by `client`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def run(
        self,
        work: Callable[[Attempt], Awaitable[Result | Defer]],
        continued: AttemptReport | None,
    ) -> Outcome[Result]:
        """Run `work` as the rest of the attempt `continued`, as the attempt after it if it is over,
        or as attempt 1 if it is None.

        The outcome has no result if the worker shuts down, if `work` returns Defer, or if it raises
        HostBusy or BrowserElsewhere.

        Raises an ApplicationError with the code and message of any other DiffyError, retryable if
        its class is. An unknown exception is logged and has the code of InternalError. Raises
        CancelledError if the job is cancelled.
        """
        info = activity.info()
        clock = TemporalClock(info)
        attempt = Attempt(info, self._client.identity, continued)
        measured = Measured(info)
        watch = asyncio.create_task(self._watch(attempt))
        try:
            try:
                result = await work(attempt)
            finally:
                # The watch ends first: the final report must be the last one.
                watch.cancel()
            if isinstance(result, Defer):
                measured.end("deferred")
                later = {"next_at": clock.at(result.until), "deferred_to": result.until}
                return Outcome(attempt=attempt.report.model_copy(update=later), result=None)
            measured.end("completed")
            return Outcome(attempt=attempt.report, result=result)
        except BrowserElsewhere:
            measured.end("deferred")
            handed_on = attempt.report.model_copy(update={"queue": Queue.RENDERING})
            return Outcome(attempt=handed_on, result=None)
        except HostBusy as busy:
            measured.end("deferred")
            report = attempt.report
            deferred = report.model_copy(
                update={"next_at": clock.at(busy.until), "deferrals": report.deferrals + 1}
            )
            return Outcome(attempt=deferred, result=None)
        except DiffyError as error:
            measured.end("retried" if error.retryable and not _is_last_attempt(info) else "failed")
            # Temporal shows none of a failure that is too large, as one is with all its causes.
            raise await self._failure(attempt, error) from None
        except asyncio.CancelledError:
            measured.end("released" if _is_worker_shutdown() else "cancelled")
            if _is_worker_shutdown():
                return Outcome(attempt=attempt.report, result=None)
            await self._publish(attempt.report)
            raise
        except Exception as error:
            log.exception("activity %s of job %s", info.activity_type, info.workflow_id)
            measured.end("failed" if _is_last_attempt(info) else "retried")
            raise await self._failure(attempt, _own_failure(error)) from error

    async def _watch(self, attempt: Attempt) -> None:
        """Publish the attempt as active and send heartbeats, until cancelled.

        A heartbeat that fails is logged. Temporal ends the attempt if none arrives within the
        heartbeat timeout. Publishing runs beside the heartbeats, because it may take long.
        """
        await asyncio.sleep(PUBLISH_ACTIVE_AFTER)
        publishing = asyncio.create_task(self._publish(attempt.report))
        try:
            while True:
                try:
                    attempt.beat()
                except Exception:
                    log.exception("a heartbeat of job %s failed", activity.info().workflow_id)
                await asyncio.sleep(HEARTBEAT_INTERVAL)
        finally:
            publishing.cancel()

    async def _failure(self, attempt: Attempt, error: DiffyError) -> ApplicationError:
        info = activity.info()
        retry_after = error.retry_after if isinstance(error, PassingJobError) else None
        pause = retry_delay(attempt.report.attempt, retry_after)
        report = attempt.report
        if error.retryable and not _is_last_attempt(info):
            report = report.model_copy(
                update={"next_at": datetime.now(UTC) + pause, "reason": error.message}
            )
            attempt.beat(is_over=True)  # the next attempt reads `first_started_at` from it
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
        """Send the report to the workflow, which publishes it for lists and counts.

        A failure is only logged: a single job is shown from what Temporal describes.
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


def job_error_of(error: Exception) -> JobError | None:
    """What an attempt that met `error` fails with; None if it is deferred, or the store or Temporal
    was away.
    """
    if isinstance(error, JobError):
        return error
    return None if isinstance(error, DiffyError) else _own_failure(error)


def _own_failure(error: Exception) -> InternalError:
    return InternalError(f"Diffy itself failed ({type(error).__name__}).")


def _category(error: DiffyError) -> ApplicationErrorCategory:
    """BENIGN for errors of sites, which Temporal then keeps out of its metrics and error logs."""
    if isinstance(error, JobError) and not isinstance(error, OWN_ERRORS):
        return ApplicationErrorCategory.BENIGN
    return ApplicationErrorCategory.UNSPECIFIED


def _is_worker_shutdown() -> bool:
    """Whether the activity was cancelled by the shutdown of its worker alone."""
    details = activity.cancellation_details()
    return details is not None and details.worker_shutdown and not details.cancel_requested


def _is_last_attempt(info: activity.Info) -> bool:
    policy = info.retry_policy
    return policy is not None and 0 < policy.maximum_attempts <= info.attempt
