"""The metrics of all processes, in one registry. docs/reference/metrics.md describes them.

Every label has a bounded set of values: no metric has an organisation, a host, a URL or an id.
A metric counts in the process that does the work, and begins at zero with it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()

QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds in seconds for requests, statements and calls."""

SLOW: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
"""Bounds in seconds for attempts and their waits."""

HTTP_REQUESTS: Final = Histogram(
    "diffy_http_request_seconds",
    "Time to answer a request to the API, by route, method and class of the status.",
    ("route", "method", "status"),
    buckets=QUICK,
    registry=REGISTRY,
)

JOBS: Final = Counter(
    "diffy_jobs_finished",
    "Jobs that a worker brought to an end, by kind (crawl, discover, backtest) and outcome "
    "(completed, failed, cancelled).",
    ("kind", "outcome"),
    registry=REGISTRY,
)

ATTEMPTS: Final = Histogram(
    "diffy_attempt_seconds",
    "Time that a worker spent on an attempt, by kind and outcome (completed, failed, retried, "
    "deferred, released, cancelled).",
    ("kind", "outcome"),
    buckets=SLOW,
    registry=REGISTRY,
)

WAITS: Final = Histogram(
    "diffy_attempt_wait_seconds",
    "Time from the moment that an attempt was ready to the moment that a worker took it, by kind.",
    ("kind",),
    buckets=SLOW,
    registry=REGISTRY,
)

QUICK_LOOKS: Final = Counter(
    "diffy_quick_looks",
    "Quick looks, by result (unchanged, undecided). An undecided one goes on as an attempt.",
    ("result",),
    registry=REGISTRY,
)

FETCHES: Final = Histogram(
    "diffy_fetch_seconds",
    "Time of an exchange with a site, by result (2xx, 304, 3xx, 4xx, 429, 5xx, or the code of the "
    "error).",
    ("result",),
    buckets=(*QUICK, 30.0, 60.0),
    registry=REGISTRY,
)

FETCHED_BYTES: Final = Counter(
    "diffy_fetched_bytes",
    "Bytes of the bodies that sites sent, decompressed.",
    registry=REGISTRY,
)

CHANGES: Final = Counter(
    "diffy_changes",
    "Changes that were reported, by type and severity.",
    ("type", "severity"),
    registry=REGISTRY,
)

DELIVERIES: Final = Counter(
    "diffy_delivery_attempts",
    "Attempts to deliver a notification, by kind of channel (webhook, email, signal) and outcome "
    "(delivered, failed, retried).",
    ("channel", "outcome"),
    registry=REGISTRY,
)

STATEMENTS: Final = Histogram(
    "diffy_database_seconds",
    "Time of a transaction on the database, by kind (read, write) and outcome (ok, error, away).",
    ("kind", "outcome"),
    buckets=QUICK,
    registry=REGISTRY,
)

TEMPORAL_CALLS: Final = Histogram(
    "diffy_temporal_call_seconds",
    "Time of a call of Temporal, by call and outcome (ok, error).",
    ("call", "outcome"),
    buckets=QUICK,
    registry=REGISTRY,
)

BACKLOG: Final = Gauge(
    "diffy_backlog_tasks",
    "Tasks that no worker has taken, by kind: workflow; activity (those that are no attempts), "
    "reading and rendering, as in DIFFY_QUEUES. The API "
    "process reports it.",
    ("kind",),
    registry=REGISTRY,
)

BACKLOG_AGE: Final = Gauge(
    "diffy_backlog_age_seconds",
    "Age of the oldest task that no worker has taken, by kind.",
    ("kind",),
    registry=REGISTRY,
)

READY: Final = Gauge(
    "diffy_ready",
    "1 if the part (those of GET /readyz) works, else 0. The API process reports it.",
    ("part",),
    registry=REGISTRY,
)


def status_class(status: int) -> str:
    """The class of an HTTP status; 304 and 429 have one of their own."""
    return str(status) if status in (304, 429) else f"{status // 100}xx"


@contextmanager
def timed(metric: Histogram, name: str) -> Iterator[None]:
    """Observe the time of the block in `metric`, under `name` and whether it raises."""
    began = time.perf_counter()
    outcome = "error"
    try:
        yield
        outcome = "ok"
    finally:
        metric.labels(name, outcome).observe(time.perf_counter() - began)
