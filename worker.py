"""The worker: wires settings, client, store and activities, serves the task queue, drains."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

import uvloop
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.backtest import BacktestActivities
from activities.batches import BatchActivities
from activities.crawl import CrawlActivities
from activities.discover import DiscoverActivities
from activities.discovery.lock import DiscoveryLocks
from activities.discovery.visit import Visitor
from activities.extraction.extractor import Extractor
from activities.extraction.processes import stop_resource_tracker
from activities.http.connections import connections_for
from activities.http.fetch import Fetcher
from activities.http.politeness import Politeness
from activities.ownership import OwnershipActivities
from activities.rendering.browser import Browser
from activities.rendering.renderer import Renderer
from activities.reporting import Reporter
from activities.retention import RetentionActivities
from core.errors import SettingsError
from core.jobs.states import TASK_QUEUE
from core.settings import Settings, load_settings
from core.web.robots import PRODUCT_TOKEN
from store.db.engine import Database
from store.db.migrations import migrate
from store.outbox import DatabaseOutbox
from store.retention import expiries
from store.secretkey import SecretKey
from temporal.connection import connect
from temporal.delivery import Delivery, Reconciler
from temporal.housekeeping import schedule_pruning
from temporal.inputs import InputGuard
from temporal.jobs.known import KnownToTemporal
from temporal.namespace import pace_hosts, prepare_namespace
from temporal.shutdown import release
from workflows.backtest_domain import BacktestDomain
from workflows.crawl_domain import CrawlDomain
from workflows.crawl_page import CrawlPage
from workflows.discover_pages import DiscoverPages
from workflows.prune_snapshots import PruneSnapshots

DRAIN = timedelta(seconds=5)
"""How long running attempts may go on after a stop was asked for; then they are handed back."""

STICKY_FOR = timedelta(seconds=3)
"""How long a workflow waits for the worker that knows it before any worker may go on with it."""

HEARTBEAT_THROTTLE = timedelta(seconds=1)
"""Progress is at most this old in Temporal; the SDK's own default is 80 % of the timeout."""

PATIENCE = timedelta(minutes=30)
"""How long an attempt waits for a database that is away: that is no fault of the site's, and is to
use up no attempt."""

WORKFLOWS: Sequence[type] = (CrawlPage, DiscoverPages, CrawlDomain, BacktestDomain, PruneSnapshots)

RUNNER = UnsandboxedWorkflowRunner()
"""The sandbox takes a quarter of the worker's time. The tests replay every history in it, and so
notice workflow code that is not deterministic.
"""


def user_agent(contact: str | None) -> str:
    """Who asks, by the name that robots.txt files know, and whom to turn to."""
    about = f"; +{contact}" if contact else ""
    return f"Mozilla/5.0 (compatible; {PRODUCT_TOKEN}/1.0{about})"


async def run_worker(settings: Settings, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Serve the task queue until `stop` is set, then let running attempts finish.

    `ready` is called once the worker has begun to poll.
    """
    client = await connect(settings)
    await prepare_namespace(client, timedelta(days=settings.job_retention_days))
    await pace_hosts(client, settings.host_rps)
    await schedule_pruning(client)
    migrate(settings.resolved_database_url)
    database = Database.open(
        settings.resolved_database_url, outage_timeout=PATIENCE.total_seconds()
    )
    agent = user_agent(settings.contact)
    fetcher = Fetcher(
        user_agent=agent,
        allow_private_networks=settings.allow_private_networks,
        max_deadline=timedelta(seconds=settings.fetch_seconds),
        connections=connections_for(settings.host_rps),
    )
    extractor = Extractor()
    browser = Browser(settings.chromium)
    renderer = Renderer(browser, fetcher, user_agent=agent)
    reporter = Reporter(client)
    politeness = Politeness(database, fetcher, settings.host_rps)
    secret_key = SecretKey(settings)
    crawl = CrawlActivities(
        database, fetcher, politeness, extractor, renderer, reporter, secret_key
    )
    locks = DiscoveryLocks(database, client)
    discover = DiscoverActivities(
        database,
        Visitor(fetcher, extractor, renderer, politeness.admit),
        politeness,
        locks,
        reporter,
        secret_key,
    )
    ownership = OwnershipActivities(database)
    retention = RetentionActivities(database, expiries(settings), KnownToTemporal(client))
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=WORKFLOWS,
        workflow_runner=RUNNER,
        interceptors=[InputGuard()],
        activities=[
            crawl.crawl,
            discover.discover,
            ownership.identify_page,
            ownership.identify_domain,
            BatchActivities(database, client, politeness.interval).start_batch,
            BacktestActivities(database, extractor, reporter).backtest,
            retention.prune,
        ],
        # An attempt that is handed over eagerly would not wait for its host's turn.
        disable_eager_activity_execution=True,
        max_concurrent_activities=settings.worker_concurrency,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=DRAIN,
        sticky_queue_schedule_to_start_timeout=STICKY_FOR,
    )
    delivery = Delivery(client, DatabaseOutbox(database), settings.max_attempts)
    reconciling = asyncio.create_task(Reconciler(delivery).run())
    try:
        async with worker:
            ready()
            await stop.wait()
    finally:
        reconciling.cancel()
        await asyncio.wait({reconciling})
        await browser.aclose()
        extractor.close()
        await fetcher.aclose()
        await database.close()


async def serve(settings: Settings, ready: Callable[[], None]) -> None:
    """Run the worker until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await run_worker(settings, stop, ready)
    finally:
        stop_resource_tracker()


def main() -> None:
    """Run a worker by the settings of the environment."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = load_settings()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, lambda: None))
    except SettingsError as error:
        print(error.message, file=sys.stderr)
        sys.exit(2)
    finally:
        release()


if __name__ == "__main__":
    main()
