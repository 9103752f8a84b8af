"""Starting backtests, and asking how they go."""

from uuid import UUID

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core.jobs.contract import BacktestInput, MemoKey, Subject
from core.jobs.states import BACKTEST_DOMAIN, TASK_QUEUE
from temporal.faults import as_unavailable

TURN = Priority(fairness_key="backtests")
"""Backtests ask no host: they wait for each other alone."""


async def start_backtest(client: Client, job: BacktestInput, host: str) -> None:
    """Start the backtest of `job`, of a domain at `host`; nothing happens when it was started.

    Raises Unavailable when Temporal cannot be reached.
    """
    try:
        await client.start_workflow(
            BACKTEST_DOMAIN,
            job,
            id=workflow_id_of(job.backtest_id),
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            memo={MemoKey.SUBJECT: Subject(url=None, max_attempts=job.max_attempts, host=host)},
            priority=TURN,
            static_summary=f"Backtest {host}",
        )
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        raise as_unavailable(error) from error


async def described_backtest(
    client: Client, backtest_id: UUID
) -> WorkflowExecutionDescription | None:
    """Its workflow; None when Temporal has none, or none any more.

    Raises Unavailable when Temporal cannot be reached.
    """
    try:
        return await client.get_workflow_handle(workflow_id_of(backtest_id)).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise as_unavailable(error) from error


def workflow_id_of(backtest_id: UUID) -> str:
    """The id of a backtest's workflow."""
    return f"backtest-{backtest_id.hex}"
