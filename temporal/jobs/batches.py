"""Visibility lookups for batches: listed jobs, pages under crawl, running workflows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from core.jobs.states import JobName
from temporal.faults import as_unavailable
from temporal.jobs.visibility import MAX_IDS_PER_QUERY
from workflows.search_attributes import Attribute

LAG: Final = timedelta(seconds=1)
"""Maximum time from the start of a workflow until Temporal lists it."""

VISIBILITY_PAGE_SIZE: Final = 1_000
"""The maximum that Temporal allows."""


async def listed_jobs(client: Client, job_ids: Sequence[str]) -> int:
    """The number of the jobs that Temporal lists, in any state.

    Raises Unavailable if Temporal cannot be reached.
    """
    listed = 0
    for start in range(0, len(job_ids), MAX_IDS_PER_QUERY):
        ids = ", ".join(f"'{each}'" for each in job_ids[start : start + MAX_IDS_PER_QUERY])
        try:
            listed += (await client.count_workflows(f"WorkflowId IN ({ids})")).count
        except RPCError as error:
            raise as_unavailable(error) from error
    return listed


async def pages_being_crawled(client: Client, org_id: UUID, domain_id: UUID) -> set[UUID]:
    """The pages of a domain that have an unfinished crawl.

    Raises Unavailable if Temporal cannot be reached.
    """
    query = (
        f"{Attribute.ORG.name} = '{org_id}' AND {Attribute.DOMAIN.name} = '{domain_id}'"
        f" AND WorkflowType = '{JobName.CRAWL_PAGE}' AND ExecutionStatus = 'Running'"
    )
    pages: set[UUID] = set()
    try:
        async for job in client.list_workflows(query, page_size=VISIBILITY_PAGE_SIZE):
            page_id = job.typed_search_attributes.get(Attribute.PAGE)
            try:
                pages.add(UUID(page_id))
            except (TypeError, ValueError):  # workflows of other teams may set any value
                continue
    except RPCError as error:
        raise as_unavailable(error) from error
    return pages


async def is_running(client: Client, workflow_id: str) -> bool:
    """Whether the workflow exists and has not ended.

    Raises Unavailable if Temporal cannot be reached.
    """
    try:
        described = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise as_unavailable(error) from error
    return described.status is WorkflowExecutionStatus.RUNNING
