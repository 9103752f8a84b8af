"""The audit log: what the keys of the organisation did."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.deps import DatabaseDep, PrincipalDep
from api.errors import documented_errors
from api.paging import ListMeta, PagingDep
from api.queries import SinceQuery, UntilQuery
from api.texts import Text
from core.model import Model, UtcTime
from store.audit import AuditFilter, list_audit, names_of_keys

router = APIRouter(prefix="/api/audit", tags=["keys"])


class AuditLineView(Model):
    """A request by which a key changed something, or tried to.

    `route` is the path of the route. `subjectId` is the id in the path of the request, or of what
    it made. `status` is that of the answer, and `requestId` its `X-Request-Id`.
    """

    id: UUID
    at: UtcTime
    key_id: UUID
    key_name: str | None
    method: str
    route: str
    subject_id: str | None
    status: int
    request_id: str | None


class AuditAnswer(Model):
    """A page of the audit log."""

    data: list[AuditLineView]
    meta: ListMeta


@router.get("", responses=documented_errors(400))
async def list_of_organisation(
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    key_id: Annotated[
        UUID | None, Query(alias="keyId", description="Only what this key did.")
    ] = None,
    subject_id: Annotated[
        Text | None,
        Query(
            alias="subjectId",
            min_length=1,
            max_length=200,
            description="Only what was done to this, an id in the path.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        Query(pattern=r"^(POST|PUT|PATCH|DELETE)$", description="Only requests of this method."),
    ] = None,
    since: SinceQuery = None,
    until: UntilQuery = None,
) -> AuditAnswer:
    """What the keys of the organisation did and tried to do, newest first: at `since` or later, and
    before `until`.
    """
    wanted = AuditFilter(key_id, subject_id, method, since, until)
    async with database.reading() as session:
        found = await list_audit(session, principal.org_id, wanted, paging.request)
        key_ids = list({each.key_id for each in found.rows})
        names = await names_of_keys(session, principal.org_id, key_ids)
    views = [
        AuditLineView(
            id=each.id,
            at=each.at,
            key_id=each.key_id,
            key_name=names.get(each.key_id),
            method=each.method,
            route=each.route,
            subject_id=each.subject_id,
            status=each.status,
            request_id=each.request_id,
        )
        for each in found.rows
    ]
    return AuditAnswer(data=views, meta=paging.meta(found))
