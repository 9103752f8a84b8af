"""Counts the jobs of batches that Temporal does not list yet."""

from temporalio.client import Client

from core.jobs.states import JobState, JobType
from store.batches import unstarted_jobs
from store.db.engine import Database
from temporal.jobs.batches import listed_jobs
from temporal.jobs.visibility import JobFilter


async def count_unstarted(client: Client, database: Database, wanted: JobFilter) -> int:
    """The number of jobs that match `wanted` and that Temporal does not list yet. They are waiting.

    Call it before Temporal counts the rest: a job that Temporal begins to list in between is then
    counted twice in one answer. In the other order it would not be counted at all. Raises
    Unavailable if Temporal or the database cannot be reached.
    """
    if wanted.type is JobType.DISCOVER or wanted.state not in (None, JobState.WAITING):
        return 0
    async with database.reading() as session:
        found = await unstarted_jobs(
            session,
            wanted.org_id,
            domain_id=wanted.domain_id,
            page_id=wanted.page_id,
            batch_id=wanted.batch_id,
        )
    starting = [each.job_id for each in found.starting]
    listed = await listed_jobs(client, starting)
    return found.unstarted + max(len(starting) - listed, 0)
