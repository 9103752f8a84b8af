"""Starts backtests and reads their state."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core.jobs.contract import BacktestInput, MemoKey, Subject
from core.jobs.states import BACKTEST_DOMAIN, TASK_QUEUE, JobState
from core.outbox import MessageKind
from store.backtests import get_backtest
from store.db.engine import Database
from store.outbox import is_pending
from store.tables.backtests import Backtest
from temporal.faults import as_unavailable
from temporal.jobs.history import JobHistory
from temporal.jobs.status import status_of
from temporal.jobs.view import UNEXPLAINED

BACKTEST_PRIORITY: Final = Priority(fairness_key="backtests")
"""Backtests send no requests to hosts: they share one key, and wait for each other only."""

UNKNOWN_TO_TEMPORAL: Final = "Temporal knows nothing of it any more; ask for another one."


@dataclass(frozen=True)
class BacktestStatus:
    """A backtest and its state. `reason` is why it failed, or why its last attempt did."""

    backtest: Backtest
    state: JobState
    reason: str | None

    @property
    def percent(self) -> int:
        """Progress, 0 to 100; 100 only if it is completed."""
        if self.state is JobState.COMPLETED:
            return 100
        pages = self.backtest.pages
        return min(100 * self.backtest.pages_done // pages, 99) if pages else 0


async def start_backtest(client: Client, job: BacktestInput, host: str) -> None:
    """Start a backtest of a domain at `host`. Does nothing if it was started before.

    Raises Unavailable if Temporal cannot be reached.
    """
    try:
        await client.start_workflow(
            BACKTEST_DOMAIN,
            job,
            id=workflow_id_of(job.backtest_id),
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            memo={MemoKey.SUBJECT: Subject(url=None, max_attempts=job.max_attempts, host=host)},
            priority=BACKTEST_PRIORITY,
            static_summary=f"Backtest {host}",
        )
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        raise as_unavailable(error) from error


async def backtest_status(
    client: Client, database: Database, org_id: UUID, backtest: Backtest
) -> BacktestStatus:
    """The state of a stored backtest, which is Temporal's until its report is complete.

    A complete report stays completed after Temporal has deleted its workflow. Raises NotFound if
    the backtest is deleted meanwhile, and Unavailable if Temporal or the database cannot be
    reached.
    """
    if backtest.finished_at is not None:
        return BacktestStatus(backtest, JobState.COMPLETED, None)
    # Before the description: if the message is gone by now, the workflow has been started.
    async with database.reading() as session:
        starting = await is_pending(session, backtest.id, MessageKind.BACKTEST)
    described = await described_backtest(client, backtest.id)
    if described is not None and described.status is WorkflowExecutionStatus.RUNNING:
        return await _running_backtest(described, backtest)
    async with database.reading() as session:
        backtest = await get_backtest(session, org_id, backtest.id)
    if backtest.finished_at is not None:  # since it was read
        return BacktestStatus(backtest, JobState.COMPLETED, None)
    if described is None:
        if starting:
            return BacktestStatus(backtest, JobState.WAITING, None)
        return BacktestStatus(backtest, JobState.FAILED, UNKNOWN_TO_TEMPORAL)
    report = (await JobHistory.read(described)).final_report
    status = described.status or WorkflowExecutionStatus.FAILED
    reason = (report.failed_reason if report else None) or UNEXPLAINED.get(
        status, UNKNOWN_TO_TEMPORAL
    )
    return BacktestStatus(backtest, JobState.FAILED, reason)


async def _running_backtest(
    described: WorkflowExecutionDescription, backtest: Backtest
) -> BacktestStatus:
    history = await JobHistory.read(described)
    if history.live is None:
        state = JobState.ACTIVE if history.partial else JobState.WAITING
        return BacktestStatus(backtest, state, None)
    status = status_of(
        WorkflowExecutionStatus.RUNNING, described.start_time, history.live, datetime.now(UTC)
    )
    return BacktestStatus(backtest, status.state, history.live.last_error)


async def described_backtest(
    client: Client, backtest_id: UUID
) -> WorkflowExecutionDescription | None:
    """The description of the workflow of a backtest; None if Temporal has none, or no longer.

    Raises Unavailable if Temporal cannot be reached.
    """
    try:
        return await client.get_workflow_handle(workflow_id_of(backtest_id)).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise as_unavailable(error) from error


def workflow_id_of(backtest_id: UUID) -> str:
    """The id of the workflow of a backtest."""
    return f"backtest-{backtest_id.hex}"
