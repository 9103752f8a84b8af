"""How many unfinished jobs an organisation has, and so how many more it may have.

The store keeps the last count, raised with each job that a request or the batch of a schedule was
given since. Only when that would pass the quota are the jobs counted: how a job goes, Temporal
alone knows. Jobs that Temporal starts itself, for the schedule of a page or another workflow, are
in it from the next count on: the quota may be passed by as many.
"""

import asyncio
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError

from core.quotas import Quotas
from store.db.engine import Database
from store.quotas import begin_count_of_jobs, may_lack_jobs, record_count_of_jobs
from temporal.faults import as_unavailable
from temporal.jobs.batches import LAG, listed_jobs
from temporal.jobs.unstarted import count_unstarted
from temporal.jobs.visibility import JobFilter

MANY_JOBS: Final = 1_000_000_000
"""More jobs than any quota has room for: whoever asks for them has the jobs counted."""


async def count_unfinished_jobs(client: Client, database: Database, org_id: UUID) -> None:
    """Count the unfinished jobs of the organisation, and record their number. Takes a second.

    Raises Unavailable if Temporal or the database cannot be reached.
    """
    async with database.transaction() as session:
        begun = await begin_count_of_jobs(session, org_id)
    # Temporal then lists all jobs that were started before.
    await asyncio.sleep(LAG.total_seconds())
    wanted = JobFilter(org_id)
    # In this order a job that is started meanwhile is counted twice, and in no case not at all.
    unstarted = await count_unstarted(client, database, wanted)
    pending = len(begun.pending) - await listed_jobs(client, begun.pending)
    try:
        running = await client.count_workflows(wanted.unfinished_query(datetime.now(UTC)))
    except RPCError as error:
        raise as_unavailable(error) from error
    async with database.transaction() as session:
        await record_count_of_jobs(session, org_id, pending + unstarted + running.count, begun)


async def make_room(
    client: Client, database: Database, org_id: UUID, wanted: int, quotas: Quotas
) -> None:
    """Count the unfinished jobs of the organisation, if it may not have that many more without.

    `quotas` are its quotas if it has none of its own. Raises as `count_unfinished_jobs` does.
    """
    async with database.reading() as session:
        lacks = await may_lack_jobs(session, org_id, wanted, quotas)
    if lacks:
        await count_unfinished_jobs(client, database, org_id)
