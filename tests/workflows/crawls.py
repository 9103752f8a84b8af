"""Workers that share the work of a crawl: one runs its workflow, and one its activity, as told."""

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.reporting import Attempt
from core.jobs.contract import (
    REPORT_SIGNAL,
    ActivityName,
    AttemptReport,
    CrawlPageInput,
    CrawlPageResult,
    Outcome,
)
from core.jobs.queues import Queue
from core.jobs.states import TASK_QUEUE
from tests.system import System
from worker import RUNNER
from workflows.crawl_page import CrawlPage


class Course(StrEnum):
    """What becomes of an execution of the activity."""

    SILENT = auto()
    """Its worker hangs before the first heartbeat."""

    HEARD = auto()
    """Its worker hangs after a heartbeat."""

    REPORTED = auto()
    """Its worker hangs after the attempt was published as active."""

    FAILS = auto()
    """The site fails it, and the next attempt is due at once."""

    ENDS = auto()
    """It completes."""


SILENT, HEARD, REPORTED, FAILS, ENDS = Course


class Crawl:
    """The activity of jobs whose executions take `courses`, the last one again and again."""

    def __init__(self, client: Client, *courses: Course) -> None:
        self.executions = 0
        self._client = client
        self._courses = courses

    @activity.defn(name=ActivityName.CRAWL)
    async def run(
        self, _: CrawlPageInput, continued: AttemptReport | None
    ) -> Outcome[CrawlPageResult]:
        """Take the next course."""
        course = self._courses[min(self.executions, len(self._courses) - 1)]
        self.executions += 1
        attempt = Attempt(activity.info(), "worker", continued)
        match course:
            case Course.HEARD:
                attempt.beat()
            case Course.REPORTED:
                await self._report(attempt.report)
            case Course.FAILS:
                attempt.beat(is_over=True)
                again = {"next_at": datetime.now(UTC), "reason": "Busy."}
                await self._report(attempt.report.model_copy(update=again))
                raise ApplicationError("Busy.", type="BUSY", next_retry_delay=timedelta())
            case Course.ENDS:
                result = CrawlPageResult(changed=False, status_code=200)
                return Outcome(attempt=attempt.report, result=result)
        # What a hanging worker says once it is cancelled comes too late.
        await asyncio.Event().wait()
        raise AssertionError

    async def _report(self, report: AttemptReport) -> None:
        job_id = activity.info().workflow_id
        assert job_id is not None
        await self._client.get_workflow_handle(job_id).signal(REPORT_SIGNAL, report)


def crawls(system: System, *courses: Course) -> Worker:
    """A worker of the activity alone, whose executions take these courses."""
    crawl = Crawl(system.client, *courses)
    return Worker(
        system.client,
        task_queue=Queue.READING.task_queue,
        activities=[crawl.run],
        graceful_shutdown_timeout=timedelta(),
    )


def workflows(system: System) -> Worker:
    """A worker that runs workflows and none of their activities."""
    return Worker(
        system.client, task_queue=TASK_QUEUE, workflows=[CrawlPage], workflow_runner=RUNNER
    )
