"""Backtests: what today's rules would have reported for the stored snapshots.

A backtest has the states of a job, but is not in the lists of jobs.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from api.backtest_view import (
    BacktestChangeView,
    BacktestView,
    backtest_view,
    finding_view,
)
from api.deps import (
    BacktestIdDep,
    ClientDep,
    DatabaseDep,
    DomainIdDep,
    LauncherDep,
    PrincipalDep,
)
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.paging import ListMeta, PagingDep
from api.queries import PageQuery
from core.changes.backtest import Verdict
from core.model import Model
from store.backtests import (
    add_backtest,
    delete_backtest,
    get_backtest,
    list_backtests,
    list_findings,
    urls_of,
)
from store.domains import get_domain
from store.outbox import put
from temporal.jobs.backtests import backtest_status

router = APIRouter(prefix="/api", tags=["backtests"])


class StartedBacktest(Model):
    """The backtest that was started."""

    backtest_id: UUID


class StartedBacktestAnswer(Model):
    """The backtest that was started."""

    data: StartedBacktest


class BacktestAnswer(Model):
    """One backtest."""

    data: BacktestView


class BacktestListAnswer(Model):
    """A page of backtests."""

    data: list[BacktestView]
    meta: ListMeta


class BacktestChangeListAnswer(Model):
    """A page of the report of a backtest."""

    data: list[BacktestChangeView]
    meta: ListMeta


@router.post(
    "/domains/{domain_id}/backtest", status_code=202, responses=documented_errors(400, 404, 409)
)
async def start(
    domain_id: DomainIdDep,
    principal: PrincipalDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> StartedBacktestAnswer:
    """Run today's rules over the stored snapshots of the domain. Nothing is fetched."""

    async def accept(session: AsyncSession, seed: UUID) -> StartedBacktest:
        domain = await get_domain(session, principal.org_id, domain_id)
        await add_backtest(session, domain.id, seed, datetime.now(UTC))
        await put(session, launcher.backtest(domain, seed))
        return StartedBacktest(backtest_id=seed)

    async with idempotency.carried_out(accept, StartedBacktest, undo=delete_backtest) as started:
        return StartedBacktestAnswer(data=started)


@router.get("/domains/{domain_id}/backtests", responses=documented_errors(400, 404))
async def list_of_domain(
    domain_id: DomainIdDep,
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    client: ClientDep,
) -> BacktestListAnswer:
    """The backtests of a domain, newest first."""
    async with database.reading() as session:
        domain = await get_domain(session, principal.org_id, domain_id)
        found = await list_backtests(session, domain.id, paging.request)
    statuses = await asyncio.gather(
        *(backtest_status(client, database, principal.org_id, each) for each in found.rows)
    )
    return BacktestListAnswer(
        data=[backtest_view(each) for each in statuses], meta=paging.meta(found)
    )


@router.get("/backtests/{backtest_id}", responses=documented_errors(404))
async def get(
    backtest_id: BacktestIdDep, principal: PrincipalDep, database: DatabaseDep, client: ClientDep
) -> BacktestAnswer:
    """One backtest: its state, its progress, and the number of changes found so far."""
    async with database.reading() as session:
        backtest = await get_backtest(session, principal.org_id, backtest_id)
    status = await backtest_status(client, database, principal.org_id, backtest)
    return BacktestAnswer(data=backtest_view(status))


@router.get("/backtests/{backtest_id}/changes", responses=documented_errors(400, 404))
async def report(
    backtest_id: BacktestIdDep,
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    verdict: Annotated[Verdict | None, Query(description="Only of this verdict.")] = None,
    page_id: PageQuery = None,
) -> BacktestChangeListAnswer:
    """The reported and the expected changes, newest first."""
    async with database.reading() as session:
        backtest = await get_backtest(session, principal.org_id, backtest_id)
        found = await list_findings(
            session, backtest.id, paging.request, verdict=verdict, page_id=page_id
        )
        urls = await urls_of(session, {each.page_id for each in found.rows})
    return BacktestChangeListAnswer(
        data=[finding_view(each, urls[each.page_id]) for each in found.rows],
        meta=paging.meta(found),
    )


@router.delete("/backtests/{backtest_id}", status_code=204, responses=documented_errors(404))
async def delete(
    backtest_id: BacktestIdDep, principal: PrincipalDep, database: DatabaseDep
) -> None:
    """Delete a backtest with its report. A running one ends after its current page."""
    async with database.transaction() as session:
        backtest = await get_backtest(session, principal.org_id, backtest_id)
        await delete_backtest(session, backtest.id)
