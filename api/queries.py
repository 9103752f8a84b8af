"""Query parameters that several lists have."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from core.model import Moment

DomainQuery = Annotated[UUID | None, Query(alias="domainId", description="Only of this domain.")]
PageQuery = Annotated[UUID | None, Query(alias="pageId", description="Only of this page.")]
BatchQuery = Annotated[UUID | None, Query(alias="batchId", description="Only of this batch.")]
SinceQuery = Annotated[Moment | None, Query(description="Only at this time or later.")]
UntilQuery = Annotated[Moment | None, Query(description="Only before this time.")]
