"""The published contract of the workflows: their input, their results, what they report.

Everything here is JSON in camelCase, so that a workflow in any language can start a job as its
child. Ids and counts only: pages never travel through Temporal.
"""

import hashlib
from datetime import datetime
from typing import Annotated, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from core.model import Model, Moment

DEFAULT_MAX_PAGES = 1_000
DEFAULT_MAX_DEPTH = 5
DEFAULT_MAX_ATTEMPTS = 3

LONGEST_FAIRNESS_KEY = 64
"""Bytes."""

Result = TypeVar("Result")

MaxAttempts = Annotated[int, Field(ge=1, le=20)]
MaxPages = Annotated[int, Field(ge=1, le=50_000)]
MaxDepth = Annotated[int, Field(ge=0, le=20)]
AttemptNumber = Annotated[int, Field(ge=0, le=1_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Patterns = Annotated[tuple[Pattern, ...], Field(max_length=50)]


class WorkflowInput(Model):
    """What a workflow is started with; one that cannot read it fails with INVALID_INPUT."""

    starts_workflow: ClassVar[bool] = True


class CrawlPageInput(WorkflowInput):
    """Which page `crawl.page` checks."""

    page_id: UUID
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class CrawlPageResult(Model):
    """What `crawl.page` found.

    `status_code` is the site's answer (304: the site itself said that nothing changed). A version
    that is stored and is no change is the `baseline` of later ones: the first of a page, the first
    under other settings, and one that differs in what all pages of its site changed.
    """

    changed: bool
    status_code: int
    baseline: bool = False
    snapshot_id: UUID | None = None
    change_id: UUID | None = None


class DiscoverPagesInput(WorkflowInput):
    """Which domain `discover.pages` walks, and how far.

    `max_depth` counts links from the domain's front page and its sitemaps; `include` and `exclude`
    are globs on the path of a URL.
    """

    domain_id: UUID
    max_pages: MaxPages = DEFAULT_MAX_PAGES
    max_depth: MaxDepth = DEFAULT_MAX_DEPTH
    include: Patterns = ()
    exclude: Patterns = ()
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class DiscoverPagesResult(Model):
    """What `discover.pages` found; every URL seen is in exactly one count.

    `urls_seen` = `pages_discovered` + the sum of `left_out`, and
    `pages_discovered` = `pages_added` + `pages_known`.

    A discovery remembers 4 x `max_pages` + 10,000 URLs to visit, and as many that it leaves out
    without a visit. One beyond that is left out, and counts once for each page that names it.
    """

    pages_discovered: int
    pages_added: int
    pages_known: int
    urls_seen: int
    left_out: dict[str, int]


class CrawlDomainInput(WorkflowInput):
    """Which batch `crawl.domain` fans out, one `crawl.page` a member.

    Without `batch_id` it creates the batch first, of every page monitored at that moment whose last
    crawl has ended. Its jobs are delayed until `not_before`.
    """

    domain_id: UUID
    batch_id: UUID | None = None
    not_before: datetime | None = None
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class CrawlDomainResult(Model):
    """What `crawl.domain` started.

    `passed_over` counts the pages that were left out because their last crawl had not ended. It is
    0 for a batch that a client asked for.
    """

    batch_id: UUID
    jobs_queued: int
    passed_over: int = 0


class PruneInput(WorkflowInput):
    """`prune.snapshots` needs to be told nothing: the retention is a setting of the workers."""


class PruneResult(Model):
    """How many snapshots and contents of snapshots `prune.snapshots` has removed, and how many
    `rows` of each table in all.
    """

    snapshots: int
    contents: int
    rows: dict[str, int] = Field(default_factory=dict)


class BacktestInput(WorkflowInput):
    """Which backtest `backtest.domain` runs; whoever starts it has stored it before."""

    backtest_id: UUID
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class BacktestResult(Model):
    """Of how many pages and snapshots a backtest was, and how many changes met with each verdict
    (`core.changes.backtest`).
    """

    pages: int
    snapshots: int
    same: int
    different: int
    new: int
    gone: int


class Owner(Model):
    """Whom a job belongs to: what its search attributes say; `host` is the one that it asks."""

    org_id: UUID
    domain_id: UUID
    page_id: UUID | None
    url: str | None
    host: str

    @property
    def fairness_key(self) -> str:
        """The key by which Temporal paces a host and shares turns between hosts."""
        if len(self.host.encode()) <= LONGEST_FAIRNESS_KEY:
            return self.host
        return hashlib.sha256(self.host.encode()).hexdigest()[:LONGEST_FAIRNESS_KEY]


class Progress(Model):
    """What an attempt says with each heartbeat; it survives into the next attempt.

    `attempt` tells of which attempt the `percent` is.
    """

    attempt: AttemptNumber = 0
    percent: Percent
    first_started_at: Moment


class AttemptReport(Model):
    """What the running attempt tells its workflow, to be published.

    With `next_at` the attempt has failed for `reason` and the next one is due then, or without a
    reason goes on then; without, it runs. `started_at` is this attempt's own start, `worker` the
    identity of who is at it. Once it has been put off, `deferred_to` is the moment it was last.
    `deferrals` counts how often it has waited for its host.
    """

    attempt: AttemptNumber
    first_started_at: Moment
    percent: Percent = 0
    started_at: Moment | None = None
    worker: str | None = None
    next_at: Moment | None = None
    reason: str | None = None
    deferred_to: Moment | None = Field(default=None, alias="putOffTo")
    deferrals: Annotated[int, Field(ge=0)] = 0


def attempts_before(released: AttemptReport | None) -> int:
    """How many attempts had ended before the one that was handed back, if one was."""
    return 0 if released is None else released.attempt - 1


class StartBatch(Model):
    """Which batch to start; with `create`, create it first, of the monitored pages whose last crawl
    has ended.
    """

    domain_id: UUID
    batch_id: UUID
    create: bool
    not_before: datetime | None
    max_attempts: MaxAttempts


class StartBatchResult(Model):
    """How many jobs of a batch were started, and how many pages were passed over.

    In histories of older versions the number of jobs stands alone.
    """

    jobs_queued: int
    passed_over: int = 0

    @model_validator(mode="before")
    @classmethod
    def _jobs_alone(cls, value: object) -> object:
        return {"jobs_queued": value} if isinstance(value, int) else value


class Outcome(Model, Generic[Result]):
    """How an attempt ended that did not fail.

    Without a result the attempt was handed back, and goes on as the same wherever a worker is: at
    once where its worker was told to stop, at its `next_at` where it has put itself off.
    """

    attempt: AttemptReport
    result: Result | None


class Subject(Model):
    """The part of a job's memo that is known when it is asked for."""

    url: str | None
    max_attempts: MaxAttempts
    host: str = ""

    @classmethod
    def of(cls, owner: Owner, max_attempts: int) -> "Subject":
        """What a job of `owner` is about."""
        return cls(url=owner.url, max_attempts=max_attempts, host=owner.host)


class FinalReport(Model):
    """The part of a job's memo that is written when the job ends.

    `attempts_uncertain` is set if the last attempt could not report how it ended: the job was
    cancelled, or its worker died. The history has the exact figures then.
    """

    attempts_made: AttemptNumber = 0
    processed_at: Moment | None = None
    percent: Percent = 0
    failed_reason: str | None = None
    return_value: JsonValue = None
    attempts_uncertain: bool = Field(default=False, alias="unsure")


class MemoKey:
    """The keys of a job's memo."""

    SUBJECT = "job"
    REPORT = "attempt"
    RELEASED = "handedBack"
    ENDING = "ending"


class ActivityName:
    """The names that workflows call activities by."""

    CRAWL = "crawl"
    DISCOVER = "discover"
    IDENTIFY_PAGE = "identify_page"
    IDENTIFY_DOMAIN = "identify_domain"
    START_BATCH = "start_batch"
    PRUNE = "prune"
    BACKTEST = "backtest"


REPORT_SIGNAL = "report"
"""The signal by which an attempt sends its `AttemptReport`."""

PROMOTE_SIGNAL = "promote"
"""The signal that a delayed job may run now; with it comes the moment that it was delayed to."""

CANCELLED = "The job was cancelled."
"""Why a cancelled job failed."""
