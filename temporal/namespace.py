"""Prepares a namespace for jobs: search attributes, retention, rate limits of hosts."""

import asyncio
import logging
import time
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.taskqueue.v1 import RateLimit
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    UpdateNamespaceRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from core.errors import SettingsError, Unavailable
from core.jobs.queues import Queue
from temporal.deadlines import CALL_TIMEOUT
from temporal.faults import as_unavailable
from workflows.search_attributes import Attribute

SEARCH_ATTRIBUTE_TIMEOUT: Final = 30.0
"""Seconds until visibility must accept a new search attribute."""

DENIED: Final = frozenset({RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED})
"""What a server answers that does not have the call, or does not let clients make it."""

log = logging.getLogger(__name__)


async def prepare_namespace(client: Client, retention: timedelta) -> None:
    """Add the search attributes and set the retention of the client's namespace.

    Several processes may call it in parallel. It returns once visibility accepts queries on every
    search attribute. It writes only what is different.

    Raises SettingsError if the server lets no client write it, if the namespace has an attribute
    of another type, or if it does not take the retention. Raises Unavailable if Temporal cannot be
    reached.
    """
    try:
        await _add_attributes(client)
        await _set_retention(client, retention)
        await _await_visibility(client)
    except RPCError as error:
        raise as_unavailable(error) from error


async def pace_hosts(client: Client, host_rps: float) -> None:
    """Limit the attempts that Temporal dispatches to `host_rps` a second for each host.

    This keeps jobs that would only wait for a slot of their host out of the workers. The store
    enforces the exact rate, so a server without this feature is no error. Raises Unavailable if
    Temporal cannot be reached.
    """
    for queue in Queue:
        await _pace_hosts_of(client, queue, host_rps)


async def _pace_hosts_of(client: Client, queue: Queue, host_rps: float) -> None:
    request = UpdateTaskQueueConfigRequest(
        namespace=client.namespace,
        identity=client.identity,
        task_queue=queue.task_queue,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        update_fairness_key_rate_limit_default=UpdateTaskQueueConfigRequest.RateLimitUpdate(
            rate_limit=RateLimit(requests_per_second=host_rps), reason="DIFFY_HOST_RPS"
        ),
    )
    try:
        await client.workflow_service.update_task_queue_config(request, timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status not in DENIED:
            raise as_unavailable(error) from error
        log.warning("Temporal sets no rate limit for hosts (%s)", error.status.name)


async def unfit_search_attributes(client: Client) -> set[str]:
    """The names of the search attributes that are missing or of another type. Raises RPCError."""
    known = await _search_attributes(client)
    return {name for name, kind in _wanted().items() if known.get(name) != kind}


async def _add_attributes(client: Client) -> None:
    before = await _search_attributes(client)
    missing = {name: kind for name, kind in _wanted().items() if name not in before}
    if missing:
        try:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing),
                timeout=CALL_TIMEOUT,
            )
        except RPCError as error:
            if error.status not in DENIED:
                raise
            raise SettingsError(
                f"The Temporal server lets no client add search attributes. Add to the namespace"
                f" {client.namespace}: {_described(missing)}."
            ) from error
    for name in sorted(await unfit_search_attributes(client)):
        raise SettingsError(
            f"The Temporal namespace {client.namespace} has no search attribute {name} of the "
            "type that Diffy needs. Remove the one of that name, or use another namespace."
        )


def _wanted() -> dict[str, "IndexedValueType.ValueType"]:
    return {key.name: _indexed_type(key.indexed_value_type) for key in Attribute.ALL}


def _described(attributes: "dict[str, IndexedValueType.ValueType]") -> str:
    return ", ".join(
        f"{name} ({IndexedValueType.Name(kind).removeprefix('INDEXED_VALUE_TYPE_').title()})"
        for name, kind in sorted(attributes.items())
    )


def _indexed_type(kind: int) -> "IndexedValueType.ValueType":
    return IndexedValueType.ValueType(kind)


async def _search_attributes(client: Client) -> dict[str, "IndexedValueType.ValueType"]:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=CALL_TIMEOUT
    )
    return dict(listed.custom_attributes)


async def _set_retention(client: Client, retention: timedelta) -> None:
    if await _retention(client) == retention:
        return
    wanted = Duration()
    wanted.FromTimedelta(retention)
    try:
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(
                namespace=client.namespace,
                config=NamespaceConfig(workflow_execution_retention_ttl=wanted),
            ),
            timeout=CALL_TIMEOUT,
        )
    except RPCError as error:
        if error.status not in DENIED:
            raise
    if await _retention(client) != retention:
        raise SettingsError(
            f"The Temporal namespace {client.namespace} does not keep finished workflows for "
            f"{retention.days} days; set its retention, or DIFFY_JOB_RETENTION_DAYS."
        )


async def _retention(client: Client) -> timedelta:
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=CALL_TIMEOUT
    )
    return described.config.workflow_execution_retention_ttl.ToTimedelta()


async def _await_visibility(client: Client) -> None:
    """Wait until queries accept every attribute: servers read them from a cache."""
    query = " AND ".join(f"{key.name} IS NULL" for key in Attribute.ALL)
    deadline = time.monotonic() + SEARCH_ATTRIBUTE_TIMEOUT
    while True:
        try:
            await client.count_workflows(query)
            return
        except RPCError as error:
            if time.monotonic() > deadline:
                raise Unavailable("Temporal does not know the search attributes yet.") from error
        await asyncio.sleep(0.1)
