"""Serves the metrics of a process, and watches what only Temporal knows."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Final

from prometheus_client import start_http_server
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError

from core.errors import SettingsError
from core.health import Status
from core.jobs.queues import Queue
from core.metrics import BACKLOG, BACKLOG_AGE, READY, REGISTRY
from core.settings import Settings
from temporal.pollers import CHECK_TIMEOUT
from temporal.readiness import Readiness

WATCH_INTERVAL: Final = 10.0
"""Seconds between two readings of the backlog."""

BACKLOGS: Final = {
    "workflow": (Queue.CHECKS, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    "activity": (Queue.CHECKS, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    "reading": (Queue.READING, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    "rendering": (Queue.RENDERING, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
}
"""What each backlog is called in the metrics."""

log = logging.getLogger(__name__)


@contextmanager
def serving_metrics(host: str, port: int | None) -> Iterator[None]:
    """Serve the metrics of this process at `/metrics` for the length of the block.

    Without a port there is no server. Raises SettingsError if the address cannot be used.
    """
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, host, REGISTRY)
    except OSError as error:
        raise SettingsError(
            f"The metrics cannot be served at {host}:{port}: {error.strerror}."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


LOGGING: Final = LoggingConfig(
    TelemetryFilter(core_level="WARN", other_level="ERROR"),
    LogForwardingConfig(
        logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
    ),
)
"""The SDK's own lines go into the log of the process."""


@cache
def logging_runtime() -> Runtime:
    """The runtime of the Temporal SDK for this process; it has threads of its own."""
    return Runtime(telemetry=TelemetryConfig(logging=LOGGING))


def runtime_with_metrics(settings: Settings) -> Runtime:
    """A runtime that serves the SDK's own metrics, or the one of this process if they are off.

    Raises SettingsError if their address cannot be used.
    """
    if settings.sdk_metrics_port is None:
        return logging_runtime()
    host = settings.metrics_host
    address = f"[{host}]" if ":" in host else host
    config = PrometheusConfig(bind_address=f"{address}:{settings.sdk_metrics_port}")
    try:
        return Runtime(telemetry=TelemetryConfig(logging=LOGGING, metrics=config))
    except (RuntimeError, ValueError) as error:
        raise SettingsError(
            f"DIFFY_SDK_METRICS_PORT: {address}:{settings.sdk_metrics_port} cannot be used."
        ) from error


@asynccontextmanager
async def watching(client: Client, readiness: Readiness) -> AsyncIterator[None]:
    """Keep the gauges of the backlog and of readiness, for the length of the block."""
    task = asyncio.create_task(_watch(client, readiness))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _watch(client: Client, readiness: Readiness) -> None:
    while True:
        try:
            await measure(client, readiness)
        except RPCError as error:
            log.debug("the backlog cannot be read: %s", error.status.name)
        except Exception:
            log.exception("the backlog cannot be read")
        await asyncio.sleep(WATCH_INTERVAL)


async def measure(client: Client, readiness: Readiness) -> None:
    """Set the gauges once. Raises RPCError, and leaves the backlog as it was."""
    for verdict in await readiness.verdicts():
        READY.labels(verdict.part).set(verdict.status is Status.OK)
    for name, (queue, kind) in BACKLOGS.items():
        described = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=queue.task_queue),
                task_queue_type=kind,
                report_stats=True,
            ),
            timeout=CHECK_TIMEOUT,
        )
        BACKLOG.labels(name).set(described.stats.approximate_backlog_count)
        age = described.stats.approximate_backlog_age.ToTimedelta()
        BACKLOG_AGE.labels(name).set(age.total_seconds())
