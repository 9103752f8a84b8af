"""How an attempt tells the world how it goes: heartbeats, the published state, its failure."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError

from core.contract import REPORT_SIGNAL, AttemptReport, Progress
from core.errors import DiffyError, InternalError, PassingJobError
from core.retries import pause_after

HEARTBEAT_EVERY: Final = 2.0
"""Seconds between heartbeats, well below the heartbeat timeout of the workflows."""

PUBLISH_ACTIVE_AFTER: Final = 0.5
"""Seconds an attempt runs before it is published as active. A job that is over sooner does not
pay for it; the contract allows the lists a lag of one second."""

log = logging.getLogger(__name__)


class Attempt:
    """The attempt that this activity is."""

    def __init__(self, number: int, first_started_at: datetime) -> None:
        self._percent = 0
        self._number = number
        self._first_started_at = first_started_at

    @property
    def report(self) -> AttemptReport:
        """The attempt as its job publishes it."""
        return AttemptReport(
            attempt=self._number,
            first_started_at=self._first_started_at,
            percent=self._percent,
        )

    def progress(self, percent: int) -> None:
        """Say how far the attempt is, 0 to 99. It never falls: a lower figure is not taken."""
        self._percent = max(self._percent, min(percent, 99))
        self.beat()

    def beat(self) -> None:
        """Tell the server that the attempt is alive."""
        activity.heartbeat(Progress(percent=self._percent, first_started_at=self._first_started_at))


class Reporter:
    """Makes attempts that report to their workflow through `client`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[Attempt]:
        """The attempt of the activity that is running; errors leave it as Temporal's own.

        A `DiffyError` becomes an ApplicationError of its code, with its sentence, retried only
        where its class says that a retry can help.
        """
        info = activity.info()
        attempt = Attempt(info.attempt, _first_start(info))
        attempt.beat()
        watch = asyncio.create_task(self._watch(attempt))
        try:
            yield attempt
        except DiffyError as error:
            raise await self._failure(attempt, error) from error
        except asyncio.CancelledError:
            await self._publish(attempt.report)
            raise
        except Exception as error:
            log.exception("activity %s of job %s", info.activity_type, info.workflow_id)
            ours = InternalError(f"Diffy itself failed ({type(error).__name__}).")
            raise await self._failure(attempt, ours) from error
        finally:
            watch.cancel()

    async def _watch(self, attempt: Attempt) -> None:
        await asyncio.sleep(PUBLISH_ACTIVE_AFTER)
        await self._publish(attempt.report)
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY)
            attempt.beat()

    async def _failure(self, attempt: Attempt, error: DiffyError) -> ApplicationError:
        info = activity.info()
        retry_after = error.retry_after if isinstance(error, PassingJobError) else None
        pause = pause_after(info.attempt, retry_after)
        report = attempt.report
        if error.retryable and not _is_last(info):
            report = report.model_copy(
                update={"next_at": datetime.now(UTC) + pause, "reason": error.message}
            )
            await self._publish(report)
        return ApplicationError(
            error.message,
            report,
            type=error.code,
            non_retryable=not error.retryable,
            next_retry_delay=pause,
            category=ApplicationErrorCategory.BENIGN,
        )

    async def _publish(self, report: AttemptReport) -> None:
        """Lists and counts read what is published; one job is read from Temporal itself, so an
        attempt goes on when this fails.
        """
        info = activity.info()
        assert info.workflow_id is not None
        job = self._client.get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
        try:
            await job.signal(REPORT_SIGNAL, report)
        except RPCError as error:
            log.warning("job %s could not be published: %s", info.workflow_id, error.status.name)


def _first_start(info: activity.Info) -> datetime:
    if info.heartbeat_details:
        return Progress.model_validate(info.heartbeat_details[0]).first_started_at
    return info.started_time


def _is_last(info: activity.Info) -> bool:
    policy = info.retry_policy
    return policy is not None and 0 < policy.maximum_attempts <= info.attempt
