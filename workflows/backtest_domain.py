"""`backtest.domain`: the rules of today over the stored snapshots of a domain."""

from temporalio import workflow

from core.jobs.contract import ActivityName, BacktestInput, BacktestResult
from core.jobs.states import BACKTEST_DOMAIN
from workflows.attempts import run_attempts
from workflows.job import JobWorkflow
from workflows.policies import BACKTEST_TIMEOUT


@workflow.defn(name=BACKTEST_DOMAIN)
class BacktestDomain(JobWorkflow):
    """It runs as a job does, and has no owner: so it is in no list and no count of jobs."""

    @workflow.run
    async def run(self, job: BacktestInput) -> BacktestResult:
        """How many changes met with each verdict; the report is in the store."""
        return await run_attempts(
            ActivityName.BACKTEST,
            job,
            BacktestResult,
            self._publication,
            max_attempts=job.max_attempts,
            longest=BACKTEST_TIMEOUT,
            summary=f"Backtest {self._publication.about}",
        )
