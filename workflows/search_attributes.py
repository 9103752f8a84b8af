"""The search attributes of jobs, as the SDK takes them."""

from datetime import datetime
from uuid import UUID

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from core.jobs.attributes import JobAttribute
from core.jobs.contract import Owner
from core.jobs.states import JobState


class Attribute:
    """The search attributes by which jobs are filtered."""

    ORG = SearchAttributeKey.for_keyword(JobAttribute.ORG.value)
    DOMAIN = SearchAttributeKey.for_keyword(JobAttribute.DOMAIN.value)
    PAGE = SearchAttributeKey.for_keyword(JobAttribute.PAGE.value)
    BATCH = SearchAttributeKey.for_keyword(JobAttribute.BATCH.value)
    STATE = SearchAttributeKey.for_keyword(JobAttribute.STATE.value)
    DUE = SearchAttributeKey.for_datetime(JobAttribute.DUE.value)
    """The moment until which a job published as delayed is delayed; after it, it is waiting."""

    ALL = (ORG, DOMAIN, PAGE, BATCH, STATE, DUE)


def attributes_of(
    owner: Owner, state: JobState, *, batch_id: UUID | None = None, due: datetime | None = None
) -> TypedSearchAttributes:
    """The search attributes with which a job starts; `due` is set with the state `delayed`."""
    pairs: list[SearchAttributePair[str] | SearchAttributePair[datetime]] = [
        SearchAttributePair(Attribute.ORG, str(owner.org_id)),
        SearchAttributePair(Attribute.DOMAIN, str(owner.domain_id)),
        SearchAttributePair(Attribute.STATE, state.value),
    ]
    if owner.page_id is not None:
        pairs.append(SearchAttributePair(Attribute.PAGE, str(owner.page_id)))
    if batch_id is not None:
        pairs.append(SearchAttributePair(Attribute.BATCH, str(batch_id)))
    if due is not None:
        pairs.append(SearchAttributePair(Attribute.DUE, due))
    return TypedSearchAttributes(pairs)


def attribute_of_batch(batch_id: UUID) -> TypedSearchAttributes:
    """The search attribute of the workflow that starts the jobs of a batch, which is theirs too.

    Temporal lists all of them together. It has no organisation, so the API does not list it.
    """
    return TypedSearchAttributes([SearchAttributePair(Attribute.BATCH, str(batch_id))])
