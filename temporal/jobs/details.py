"""The details of workflows, which the Temporal web UI shows first, as Markdown."""

from uuid import UUID

from core.jobs.contract import Owner
from workflows.search_attributes import Attribute


def details_of_job(
    owner: Owner, batch_id: UUID | None = None, batch_workflow_id: str | None = None
) -> str:
    """What a job belongs to: the workflow of its batch, and searches for the other jobs."""
    lines = []
    if batch_id is not None:
        lines.append(f"Batch: {_search(Attribute.BATCH.name, batch_id)}")
    if batch_workflow_id is not None:
        lines.append(f"Started by: `{batch_workflow_id}`")
    if owner.page_id is not None:
        lines.append(f"Jobs of this page: {_search(Attribute.PAGE.name, owner.page_id)}")
    lines.append(details_of_domain(owner.domain_id))
    return "\n\n".join(lines)


def details_of_domain(domain_id: UUID) -> str:
    """How to find the jobs of a domain."""
    return f"Jobs of this domain: {_search(Attribute.DOMAIN.name, domain_id)}"


def details_of_batch(batch_id: UUID) -> str:
    """How to find the jobs of a batch."""
    return f"Jobs of this batch: {_search(Attribute.BATCH.name, batch_id)}"


def _search(attribute: str, value: UUID) -> str:
    """A filter of the list of workflows, as it is typed there."""
    return f"`{attribute} = '{value}'`"
