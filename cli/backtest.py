"""Backtests from the command line, of the domains of all organisations."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from cli.keys import opened
from core.errors import Conflict, JobError, NotFound
from core.settings import Settings
from store.backtests import add_backtest, backtest_by_id, list_findings, urls_of
from store.db.engine import Database
from store.db.paging import PageRequest
from store.domains import domains_called
from store.outbox import DatabaseOutbox, put
from store.tables.backtests import Backtest, BacktestChange
from store.tables.domains import Domain
from temporal.connection import connect
from temporal.delivery import Delivery
from temporal.faults import as_unavailable
from temporal.jobs.backtests import workflow_id_of
from temporal.jobs.messages import Launcher

REPORT_PAGE_SIZE: Final = 100
PROGRESS_INTERVAL: Final = 0.5
"""Seconds."""


async def backtest(settings: Settings, domain: str, show: Callable[[str], None]) -> list[str]:
    """The report of a new backtest of `domain`, an id or a name: one line for each change.

    `show` gets lines on its progress. Raises NotFound for an unknown domain, Conflict for a name
    that several organisations have, JobError if the backtest fails, and Unavailable if Temporal or
    the database cannot be reached.
    """
    async with opened(settings) as database:
        found = await _domain(database, domain)
        client = await connect(settings)
        backtest_id = uuid4()
        message = Launcher(settings.max_attempts).backtest(found, backtest_id)
        async with database.transaction() as session:
            await add_backtest(session, found.id, backtest_id, datetime.now(UTC))
            await put(session, message)
        await Delivery(client, DatabaseOutbox(database), settings.max_attempts).deliver(backtest_id)
        following = asyncio.create_task(_follow(database, backtest_id, show))
        try:
            await _finish(client, backtest_id)
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        async with database.reading() as session:
            done = await backtest_by_id(session, backtest_id)
        show(_summary(done))
        return [line async for line in _report(database, backtest_id)]


async def _domain(database: Database, domain: str) -> Domain:
    async with database.reading() as session:
        found = await domains_called(session, domain)
    if not found:
        raise NotFound(f"There is no domain {domain}.")
    if len(found) > 1:
        ids = ", ".join(str(each.id) for each in found)
        raise Conflict(f"Several organisations have {domain}; give an id: {ids}.")
    return found[0]


async def _finish(client: Client, backtest_id: UUID) -> None:
    try:
        await client.get_workflow_handle(workflow_id_of(backtest_id)).result()
    except WorkflowFailureError as error:
        reason = error.cause.message if isinstance(error.cause, ApplicationError) else None
        raise JobError(reason or "The backtest was ended.") from error
    except RPCError as error:
        raise as_unavailable(error) from error


async def _follow(database: Database, backtest_id: UUID, show: Callable[[str], None]) -> None:
    shown = None
    while True:
        async with database.reading() as session:
            now = await backtest_by_id(session, backtest_id)
        progress = f"{now.pages_done} of {now.pages} pages"
        if progress != shown:
            show(progress)
        shown = progress
        await asyncio.sleep(PROGRESS_INTERVAL)


def _summary(done: Backtest) -> str:
    return (
        f"Backtest {done.id}: {done.snapshots} snapshots of {done.pages_done} pages; "
        f"{done.same} same, {done.different} different, {done.new} new, {done.gone} gone."
    )


async def _report(database: Database, backtest_id: UUID) -> AsyncIterator[str]:
    after: str | None = None
    while True:
        async with database.reading() as session:
            found = await list_findings(
                session, backtest_id, PageRequest(REPORT_PAGE_SIZE, after=after)
            )
            urls = await urls_of(session, {each.page_id for each in found.rows})
        for each in found.rows:
            yield _line(each, urls[each.page_id])
        after = found.next_cursor
        if after is None:
            return


def _line(change: BacktestChange, url: str) -> str:
    expected = _change_text(change.expected_severity, change.expected_type, change.expected_summary)
    reported = _change_text(change.reported_severity, change.reported_type, change.reported_summary)
    return "\t".join((change.verdict, url, expected, reported))


def _change_text(severity: str | None, change_type: str | None, summary: str | None) -> str:
    return f"{severity} {change_type}: {summary}" if summary is not None else "-"
