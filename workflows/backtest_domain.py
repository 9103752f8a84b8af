"""`backtest.domain`: today's rules applied to the stored snapshots of a domain."""

from temporalio import workflow

from core.jobs.contract import ActivityName, BacktestInput, BacktestResult
from core.jobs.states import BACKTEST_DOMAIN
from workflows.attempts import run_attempts
from workflows.job import JobWorkflow
from workflows.policies import BACKTEST_TIMEOUT


@workflow.defn(name=BACKTEST_DOMAIN)
class BacktestDomain(JobWorkflow):
    """Runs like a job, but has no owner, so that no list or count of jobs includes it."""

    @workflow.run
    async def run(self, job: BacktestInput) -> BacktestResult:
        """The number of changes for each verdict; the store has the report."""
        return await run_attempts(
            ActivityName.BACKTEST,
            job,
            BacktestResult,
            self._publication,
            max_attempts=job.max_attempts,
            attempt_timeout=BACKTEST_TIMEOUT,
            summary=f"Backtest {self._publication.subject}",
        )
