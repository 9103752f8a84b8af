"""The worker process: wires the activities, polls the task queues, drains on SIGTERM."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

import uvloop
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from activities.backtest import BacktestActivities
from activities.batches import BatchActivities
from activities.crawl import CrawlActivities
from activities.crawling.check_recorder import CheckRecorder
from activities.discover import DiscoverActivities
from activities.discovery.lock import DiscoveryLocks
from activities.discovery.visit import Visitor
from activities.extraction.extractor import Extractor
from activities.extraction.processes import stop_resource_tracker
from activities.http.connections import connections_for
from activities.http.fetch import Fetcher
from activities.http.politeness import Politeness
from activities.notifications.deliver import DeliverActivities
from activities.notifications.email import Mailer, SmtpServer
from activities.notifications.outgoing import Outgoing, Send
from activities.notifications.signals import Signals
from activities.notifications.telling import Teller
from activities.notifications.webhooks import Webhooks
from activities.ownership import OwnershipActivities
from activities.places import Places
from activities.quick_look import QuickLookActivities
from activities.rendering.browser import Browser
from activities.rendering.renderer import Renderer
from activities.reporting import Reporter
from activities.retention import RetentionActivities
from core.alerts.attempts import Attempt
from core.alerts.signal_targets import SignalTargets
from core.errors import DiffyError
from core.jobs.queues import Queue
from core.jobs.states import TASK_QUEUE
from core.logs.service import exit_code, service_log
from core.settings import Settings, load_settings
from core.tracing import trace_fields
from core.web.robots import PRODUCT_TOKEN
from store.db.engine import Database
from store.db.migrations import migrate
from store.outbox import DatabaseOutbox
from store.retention import expiries
from store.secretkey import SecretKey
from store.tables.alerts import Channel, ChannelKind
from temporal.connection import connect
from temporal.delivery import Delivery, Reconciler
from temporal.housekeeping import schedule_pruning
from temporal.inputs import InputGuard
from temporal.jobs.known import KnownToTemporal
from temporal.log_fields import job_fields
from temporal.monitoring import runtime_with_metrics, serving_metrics
from temporal.namespace import pace_hosts, prepare_namespace
from temporal.shutdown import release
from temporal.tracing import tracing
from workflows.backtest_domain import BacktestDomain
from workflows.crawl_domain import CrawlDomain
from workflows.crawl_page import CrawlPage
from workflows.deliver_notifications import DeliverNotifications
from workflows.discover_pages import DiscoverPages
from workflows.prune_snapshots import PruneSnapshots

DRAIN = timedelta(seconds=5)
"""Time for running attempts to finish after a stop. Then the worker releases them."""

POLL_DRAIN = timedelta(seconds=3)
"""Time for polls under way to end by themselves after a stop.

Temporal may give a task to a poll in the moment in which the SDK breaks it off. No worker has the
task then, and when its heartbeat is missed it counts as an attempt.
"""

POLL_DRAIN_VARIABLE = "TEMPORAL_POLL_SHUTDOWN_INTERRUPT_WAIT_MS"
"""The environment variable from which the SDK reads it, in milliseconds. It breaks polls off at
once by default.
"""

STICKY_TIMEOUT = timedelta(seconds=3)
"""Time that a workflow task waits for the worker that has the workflow in its cache."""

HEARTBEAT_THROTTLE = timedelta(seconds=1)
"""Maximum age of the progress that Temporal has. The SDK's default is 80 % of the timeout."""

DATABASE_RETRY_TIMEOUT = timedelta(minutes=30)
"""Time that an attempt waits for a database that is away. The site is not at fault, so the outage
must not use up an attempt."""

EAGER_PLACES = 12
"""Jobs that a worker starts and begins itself at the same time. More of them would not be faster:
the server's processor is the limit.
"""

BUILD_ID = f"diffy-jobs {version('diffy-jobs')}"
"""What Temporal shows as the code of a worker that has no DIFFY_WORKER_VERSION. By default the SDK
reads every module again and hashes it: a third of a second of each start.
"""

WORKFLOWS: Sequence[type] = (
    CrawlPage,
    DiscoverPages,
    CrawlDomain,
    BacktestDomain,
    PruneSnapshots,
    DeliverNotifications,
)

RUNNER = UnsandboxedWorkflowRunner()
"""The sandbox would take a quarter of the worker's time. The tests replay every history in it, and
so detect workflow code that is not deterministic.
"""


def user_agent(contact: str | None) -> str:
    """The User-Agent header: the product name that robots.txt files use, and the contact."""
    about = f"; +{contact}" if contact else ""
    return f"Mozilla/5.0 (compatible; {PRODUCT_TOKEN}/1.0{about})"


@dataclass(frozen=True)
class Resources:
    """What the activities of a worker share."""

    client: Client
    database: Database
    fetcher: Fetcher
    extractor: Extractor
    browser: Browser
    webhooks: Webhooks


@asynccontextmanager
async def opened_resources(settings: Settings, client: Client) -> AsyncIterator[Resources]:
    """The resources of a worker, open for the length of the block."""
    fetcher = Fetcher(
        user_agent=user_agent(settings.contact),
        allow_private_networks=settings.allow_private_networks,
        max_deadline=timedelta(seconds=settings.fetch_seconds),
        connections=connections_for(settings.host_rps),
    )
    resources = Resources(
        client=client,
        database=Database.open(
            settings.resolved_database_url, outage_timeout=DATABASE_RETRY_TIMEOUT.total_seconds()
        ),
        fetcher=fetcher,
        extractor=Extractor(),
        browser=Browser(settings.chromium),
        webhooks=Webhooks(fetcher.network, user_agent(settings.contact)),
    )
    try:
        yield resources
    finally:
        await resources.browser.aclose()
        resources.extractor.close()
        await resources.webhooks.aclose()
        await resources.fetcher.aclose()
        await resources.database.close()


def means_of(
    settings: Settings, resources: Resources, secret_key: SecretKey
) -> Mapping[ChannelKind, Send]:
    """How each kind of channel is told."""
    mailer = Mailer(
        resources.database, SmtpServer.of(settings), secret_key, settings.resolved_public_url
    )
    signals = Signals(resources.client, SignalTargets(settings.signal_targets))

    async def webhook(channel: Channel, outgoing: Outgoing) -> Attempt:
        return await resources.webhooks.send(channel, secret_key.for_opening(), outgoing.message)

    return {
        ChannelKind.WEBHOOK: webhook,
        ChannelKind.EMAIL: mailer.send,
        ChannelKind.SIGNAL: signals.send,
    }


@dataclass(frozen=True)
class Activities:
    """The activities, wired to the resources: those of `Queue.CHECKS` alone, and the others."""

    checks: Sequence[Callable[..., object]]
    attempts: Sequence[Callable[..., object]]
    backtest: Callable[..., object]

    def of(self, queue: Queue) -> Sequence[Callable[..., object]]:
        """Those of a queue. That of the workflows has all of them, for jobs that began before there
        were others.
        """
        match queue:
            case Queue.CHECKS:
                return [*self.checks, *self.attempts, self.backtest]
            case Queue.READING:
                return [*self.attempts, self.backtest]
            case Queue.RENDERING:
                return self.attempts


def activities_of(settings: Settings, resources: Resources) -> Activities:
    """Every activity, wired to the resources."""
    client, database = resources.client, resources.database
    fetcher, extractor = resources.fetcher, resources.extractor
    renderer = Renderer(
        resources.browser,
        fetcher,
        user_agent=user_agent(settings.contact),
        here=Queue.RENDERING in settings.served_queues,
    )
    reporter = Reporter(client)
    politeness = Politeness(database, fetcher, settings.host_rps)
    secret_key = SecretKey(settings)
    delivery = Delivery(client, DatabaseOutbox(database), settings.max_attempts)
    recorder = CheckRecorder(database, Teller(delivery).tell, settings.watch_broken_after)
    crawl = CrawlActivities(
        database,
        fetcher,
        politeness,
        extractor,
        renderer,
        reporter,
        secret_key,
        recorder,
        settings.quotas,
    )
    discover = DiscoverActivities(
        database,
        Visitor(fetcher, extractor, renderer, politeness.admit),
        politeness,
        DiscoveryLocks(database, client),
        reporter,
        secret_key,
        delivery,
        settings.watch_broken_after,
        settings.quotas,
    )
    places = Places(EAGER_PLACES)
    quick = QuickLookActivities(
        database, fetcher, politeness, secret_key, recorder, client.identity, places
    )
    ownership = OwnershipActivities(database)
    return Activities(
        checks=[
            quick.quick_look,
            ownership.identify_page,
            ownership.identify_domain,
            BatchActivities(
                database, client, politeness.interval, places, settings.quotas
            ).start_batch,
            DeliverActivities(
                database, means_of(settings, resources, secret_key), settings.resolved_public_url
            ).deliver,
            RetentionActivities(database, expiries(settings), KnownToTemporal(client)).prune,
        ],
        attempts=[crawl.crawl, discover.discover],
        backtest=BacktestActivities(database, extractor, reporter).backtest,
    )


def deployment_of(settings: Settings) -> WorkerDeploymentConfig | None:
    """The version of this worker in Temporal's worker versioning; None without one.

    Each workflow is pinned to the version that it began with. A class cannot say otherwise for
    itself: Temporal refuses that from workers without a version.
    """
    if settings.worker_version is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(TASK_QUEUE, settings.worker_version),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def poller(
    settings: Settings, client: Client, queue: Queue, activities: Sequence[Callable[..., object]]
) -> Worker:
    """The poller of a task queue."""
    deployment = deployment_of(settings)
    return Worker(
        client,
        task_queue=queue.task_queue,
        workflows=WORKFLOWS if queue is Queue.CHECKS else [],
        workflow_runner=RUNNER,
        interceptors=[InputGuard()],
        deployment_config=deployment,
        build_id=None if deployment else BUILD_ID,
        activities=activities,
        # Eagerly executed activities would bypass the rate limit of their host.
        disable_eager_activity_execution=True,
        max_concurrent_activities=settings.worker_concurrency,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=DRAIN,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
    )


@asynccontextmanager
async def polling(settings: Settings, resources: Resources) -> AsyncIterator[None]:
    """Serve the task queues of the settings for the length of the block, and drain at its end."""
    activities = activities_of(settings, resources)
    pollers = [
        poller(settings, resources.client, queue, activities.of(queue))
        for queue in Queue
        if queue in settings.served_queues
    ]
    async with AsyncExitStack() as stack:
        for each in pollers:
            await stack.enter_async_context(each)
        try:
            yield
        finally:
            # At once, not one after the other: each takes its time to drain.
            await asyncio.gather(*(each.shutdown() for each in pollers))


@asynccontextmanager
async def reconciling(settings: Settings, resources: Resources) -> AsyncIterator[None]:
    """Deliver the messages that requests left in the outbox, for the length of the block."""
    outbox = DatabaseOutbox(resources.database)
    delivery = Delivery(resources.client, outbox, settings.max_attempts)
    task = asyncio.create_task(Reconciler(delivery).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def run_worker(settings: Settings, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Serve the task queues until `stop` is set, then let running attempts finish.

    `ready` is called once the worker polls. Raises SettingsError if the namespace does not fit,
    and Unavailable if Temporal does not answer.
    """
    client = await connect(settings, runtime=runtime_with_metrics(settings))
    await prepare_namespace(client, timedelta(days=settings.job_retention_days))
    await pace_hosts(client, settings.host_rps)
    await schedule_pruning(client)
    migrate(settings.resolved_database_url)
    with serving_metrics(settings.metrics_host, settings.worker_metrics_port):
        async with (
            opened_resources(settings, client) as resources,
            reconciling(settings, resources),
            polling(settings, resources),
        ):
            ready()
            await stop.wait()


async def serve(settings: Settings, ready: Callable[[], None]) -> None:
    """Run the worker until SIGINT or SIGTERM."""
    os.environ.setdefault(POLL_DRAIN_VARIABLE, f"{POLL_DRAIN / timedelta(milliseconds=1):.0f}")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await run_worker(settings, stop, ready)
    finally:
        stop_resource_tracker()


def main() -> None:
    """Run a worker with the settings of the environment."""
    try:
        settings = load_settings()
        with (
            service_log(settings, "worker", [job_fields, trace_fields]),
            tracing(settings, "worker"),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(serve(settings, lambda: None))
    except DiffyError as error:
        print(error.message, file=sys.stderr)
        sys.exit(exit_code(error))
    finally:
        release()


if __name__ == "__main__":
    main()
