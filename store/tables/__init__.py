"""The tables. The package imports all of them, so that foreign keys resolve."""

from store.tables import (
    accounts,
    alerts,
    backtests,
    batches,
    changes,
    discoveries,
    domains,
    feeds,
    hosts,
    job_ends,
    page_lines,
    pages,
    pending_confirmations,
    prices,
    requests,
    snapshots,
)

__all__ = [
    "accounts",
    "alerts",
    "backtests",
    "batches",
    "changes",
    "discoveries",
    "domains",
    "feeds",
    "hosts",
    "job_ends",
    "page_lines",
    "pages",
    "pending_confirmations",
    "prices",
    "requests",
    "snapshots",
]
