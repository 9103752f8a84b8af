"""The results of the tools that `diffy mcp` offers: objects of the API, with the fields that an
assistant needs.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Result(BaseModel):
    """An object of the API; fields that are not named here are left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Domain(Result):
    """A site that is watched."""

    id: str
    domain: str
    display_name: str
    status: str
    pages: int
    tags: list[str]
    last_crawled_at: datetime | None
    next_crawl_at: datetime | None


class Page(Result):
    """A page of a site."""

    id: str
    url: str
    page_type: str
    status: str
    monitoring_enabled: bool
    tags: list[str]
    last_check_at: datetime | None
    last_change_at: datetime | None


class Change(Result):
    """What a crawl has found; `summary` is a sentence about the page's text."""

    id: str
    domain: str
    url: str
    event: str
    change_type: str
    severity: str
    confidence: float
    summary: str
    detected_at: datetime
    acknowledged_at: datetime | None


class ChangeDetail(Change):
    """A change and what differs: `-` and `+` lines, with the differing words in [-…-] and {+…+}."""

    difference: str
    cut: bool = Field(description="Whether the difference is longer than what is given.")


class Job(Result):
    """A crawl or a discovery."""

    id: str
    type: str
    state: str
    url: str | None
    progress: int
    attempts_made: int
    failed_reason: str | None
    created_at: datetime
    finished_at: datetime | None


class JobCounts(Result):
    """The number of jobs in each state; `total` counts the unfinished ones."""

    waiting: int
    active: int
    delayed: int
    total: int
    completed: int
    failed: int


class Failing(Result):
    """A page that is not watched as it should be."""

    url: str
    problem: str | None
    last_check_at: datetime | None
    broken_since: datetime | None


class PageGroup(Result):
    """The number of pages in a group, and the first of them."""

    total: int
    pages: list[Failing]


class Watching(Result):
    """Whether watching works."""

    watched: int
    failing: PageGroup
    stale: PageGroup
    never_checked: PageGroup


class Domains(Result):
    """Domains, and the number of all that match."""

    total: int
    domains: list[Domain]


class Pages(Result):
    """Pages, and the number of all that match."""

    total: int
    pages: list[Page]


class Changes(Result):
    """Changes, newest first, and the number of all that match."""

    total: int
    changes: list[Change]


class Jobs(Result):
    """Jobs, the unfinished ones first, and the number of all that match."""

    total: int
    jobs: list[Job]


class Started(Result):
    """The work that was started: one job, or a batch of them."""

    job_id: str | None = None
    batch_id: str | None = None
    jobs_queued: int = 1


class Price(Result):
    """A price that a page shows or has shown; `plan` is what it is for."""

    url: str
    plan: str | None
    amount: float
    currency: str | None
    period: str | None
    current: bool
    first_seen_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None


class Prices(Result):
    """Prices, newest first, and the number of all that match."""

    total: int
    prices: list[Price]


class Alert(Result):
    """Which changes are told, by `on`, to which channels."""

    id: str
    name: str
    enabled: bool
    on: dict[str, Any]
    channel_ids: list[str]
    digest: str
    warnings: list[str]


class Alerts(Result):
    """Alerts, newest first, and the number of all."""

    total: int
    alerts: list[Alert]


class Preview(Result):
    """What an alert would have told: `matched` of the `examined` changes, the newest of them in
    `changes`; `passed_over` counts the others by the filter that they did not pass.
    """

    since: datetime
    examined: int
    matched: int
    messages: int
    passed_over: dict[str, int]
    complete: bool
    changes: list[Change]
    warnings: list[str]


class Channel(Result):
    """Where changes are told; `target` shows no secrets, and `reason` says why it tells nothing."""

    id: str
    name: str
    kind: str
    target: dict[str, list[str]]
    state: str
    reason: str | None
    last_answer: str | None
    last_delivered_at: datetime | None


class Channels(Result):
    """Channels, newest first, and the number of all."""

    total: int
    channels: list[Channel]


class Delivery(Result):
    """A change that a channel is told, or a test of the channel."""

    id: str
    channel_id: str
    alert_id: str | None
    change_id: str | None
    state: str
    attempts: int
    last_answer: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None


class Deliveries(Result):
    """Deliveries, newest first, and the number of all that match."""

    total: int
    deliveries: list[Delivery]


class Removed(Result):
    """What was deleted."""

    id: str
    name: str
