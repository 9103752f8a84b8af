"""Makes Temporal ready for jobs: search attributes, retention, the pace of each host."""

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
from core.jobs.states import TASK_QUEUE
from temporal.deadlines import CALL_TIMEOUT
from temporal.faults import as_unavailable
from workflows.search_attributes import Attribute

PATIENCE: Final = 30.0
"""Seconds that visibility may take to know a new attribute."""

CANNOT_PACE: Final = frozenset({RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED})

log = logging.getLogger(__name__)


async def prepare_namespace(client: Client, retention: timedelta) -> None:
    """Set what jobs need of the client's namespace; safe from several processes at once.

    Returns once visibility answers queries on every search attribute. Raises SettingsError when
    the namespace has one of them with another type, and Unavailable when Temporal cannot be
    reached.
    """
    try:
        await _add_attributes(client)
        await _set_retention(client, retention)
        await _await_visibility(client)
    except RPCError as error:
        raise as_unavailable(error) from error


async def pace_hosts(client: Client, host_rps: float) -> None:
    """Have Temporal hand out at most `host_rps` attempts a second for each host.

    It keeps the jobs that could only wait for their host's turn from filling the workers; the
    exact rate is kept by the gate in the store. So a server that cannot pace is no fault. Raises
    Unavailable when Temporal cannot be reached.
    """
    paced = UpdateTaskQueueConfigRequest(
        namespace=client.namespace,
        identity=client.identity,
        task_queue=TASK_QUEUE,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        update_fairness_key_rate_limit_default=UpdateTaskQueueConfigRequest.RateLimitUpdate(
            rate_limit=RateLimit(requests_per_second=host_rps), reason="DIFFY_HOST_RPS"
        ),
    )
    try:
        await client.workflow_service.update_task_queue_config(paced, timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status not in CANNOT_PACE:
            raise as_unavailable(error) from error
        log.warning("Temporal does not pace hosts (%s); workers do it alone", error.status.name)


async def _add_attributes(client: Client) -> None:
    wanted = {key.name: _indexed_type(key.indexed_value_type) for key in Attribute.ALL}
    before = await _known(client)
    missing = {name: kind for name, kind in wanted.items() if name not in before}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing),
            timeout=CALL_TIMEOUT,
        )
    known = await _known(client)
    for name, kind in wanted.items():
        if known.get(name) != kind:
            raise SettingsError(
                f"The Temporal namespace {client.namespace} has no search attribute {name} of the "
                "type that Diffy needs. Remove the one of that name, or use another namespace."
            )


def _indexed_type(kind: int) -> "IndexedValueType.ValueType":
    return IndexedValueType.ValueType(kind)


async def _known(client: Client) -> dict[str, "IndexedValueType.ValueType"]:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=CALL_TIMEOUT
    )
    return dict(listed.custom_attributes)


async def _set_retention(client: Client, retention: timedelta) -> None:
    if await _retention(client) == retention:
        return
    wanted = Duration()
    wanted.FromTimedelta(retention)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=client.namespace,
            config=NamespaceConfig(workflow_execution_retention_ttl=wanted),
        ),
        timeout=CALL_TIMEOUT,
    )
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
    """Servers learn new attributes from a cache; a query fails until theirs has it."""
    query = " AND ".join(f"{key.name} IS NULL" for key in Attribute.ALL)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            await client.count_workflows(query)
            return
        except RPCError as error:
            if time.monotonic() > deadline:
                raise Unavailable("Temporal does not know the search attributes yet.") from error
        await asyncio.sleep(0.1)
