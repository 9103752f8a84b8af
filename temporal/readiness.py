"""Whether the system can do its work: one check for each part, kept for a moment."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Final

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from core.errors import Unavailable
from core.health import Part, Verdict, failed, ok, unknown
from store.db.engine import Database
from store.db.schema import revision_of, schema_verdict
from store.disk import disk_verdict
from temporal.namespace import unfit_search_attributes
from temporal.pollers import CHECK_TIMEOUT, worker_verdict

KEPT_FOR: Final = 2.0
"""Seconds for which a report is given again, so that requests cost nothing."""

Verdicts = tuple[Verdict, ...]


class Readiness:
    """Checks every part of the system, at most once in `KEPT_FOR` seconds."""

    def __init__(self, client: Client, database: Database, folders: Sequence[Path]) -> None:
        self._client = client
        self._database = database
        self._folders = folders
        self._checking: asyncio.Task[Verdicts] | None = None
        self._fresh_until = 0.0

    async def verdicts(self) -> Verdicts:
        """A verdict on each part, at most `KEPT_FOR` seconds old; requests share a check."""
        checking = self._checking
        if checking is None or (checking.done() and time.monotonic() >= self._fresh_until):
            checking = self._checking = asyncio.create_task(self._check())
        # The check goes on for others if this request is cancelled.
        return await asyncio.shield(checking)

    async def _check(self) -> Verdicts:
        temporal, database = await asyncio.gather(
            temporal_verdicts(self._client), database_verdicts(self._database)
        )
        self._fresh_until = time.monotonic() + KEPT_FOR
        return (*temporal, *database, disk_verdict(self._folders))


async def temporal_verdicts(client: Client) -> Verdicts:
    """The verdicts on Temporal, the search attributes and the workers."""
    temporal = await _verdict(Part.TEMPORAL, _namespace_verdict(client))
    if temporal.advice:
        return (
            temporal,
            unknown(Part.SEARCH_ATTRIBUTES, Part.TEMPORAL),
            unknown(Part.WORKERS, Part.TEMPORAL),
        )
    attributes, workers = await asyncio.gather(
        _verdict(Part.SEARCH_ATTRIBUTES, _attributes_verdict(client)),
        _verdict(Part.WORKERS, worker_verdict(client)),
    )
    return temporal, attributes, workers


async def database_verdicts(database: Database) -> Verdicts:
    """The verdicts on the database and its schema."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT.total_seconds()):
            revision = await _revision(database)
    except (Unavailable, TimeoutError):
        away = failed(
            Part.DATABASE,
            "The database cannot be reached.",
            "Start it, or correct DIFFY_DATABASE_URL; the processes reconnect by themselves.",
        )
        return away, unknown(Part.SCHEMA, Part.DATABASE)
    return ok(Part.DATABASE, "The database answers."), schema_verdict(revision)


async def _revision(database: Database) -> str | None:
    async with database.reading() as session:
        return await revision_of(session)


async def _verdict(part: Part, check: Awaitable[Verdict]) -> Verdict:
    """The result of `check`, or that Temporal did not answer it."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT.total_seconds()):
            return await check
    except TimeoutError:
        reason = "DEADLINE_EXCEEDED"
    except RPCError as error:
        reason = error.status.name
    return failed(
        part,
        f"Temporal does not answer ({reason}).",
        "Start it, or correct TEMPORAL_ADDRESS; the processes reconnect by themselves.",
    )


async def _namespace_verdict(client: Client) -> Verdict:
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=CHECK_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return failed(
            Part.TEMPORAL,
            "Temporal does not have the namespace.",
            "Create it, or correct TEMPORAL_NAMESPACE.",
        )
    return ok(Part.TEMPORAL, "Temporal answers.")


async def _attributes_verdict(client: Client) -> Verdict:
    unfit = await unfit_search_attributes(client)
    if not unfit:
        return ok(Part.SEARCH_ATTRIBUTES, "All are there.")
    return failed(
        Part.SEARCH_ATTRIBUTES,
        f"Missing or of another type: {', '.join(sorted(unfit))}.",
        "Start the API or a worker again: it adds those that are missing. Remove one of another "
        "type, or use another namespace.",
    )
