"""The published contract of the workflows: inputs, results, memo and signals.

All models are JSON in camelCase, so that a workflow in any language can start a job as its child.
They hold ids and counts only: the content of pages never passes through Temporal.
"""

import hashlib
from datetime import datetime
from typing import Annotated, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from core.jobs.queues import Queue
from core.model import Model, Moment

DEFAULT_MAX_PAGES = 1_000
DEFAULT_MAX_DEPTH = 5
DEFAULT_MAX_ATTEMPTS = 3

MAX_FAIRNESS_KEY_LENGTH = 64
"""Limit of Temporal, in bytes."""

ORGANISATION_IN_KEY = 12
"""Hexadecimal digits of an organisation's id in a fairness key: two organisations with the same
ones would share their turns, and nothing else.
"""

Result = TypeVar("Result")

MaxAttempts = Annotated[int, Field(ge=1, le=20)]
MaxPages = Annotated[int, Field(ge=1, le=50_000)]
MaxDepth = Annotated[int, Field(ge=0, le=20)]
AttemptNumber = Annotated[int, Field(ge=0, le=1_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Patterns = Annotated[tuple[Pattern, ...], Field(max_length=50)]


class WorkflowInput(Model):
    """Base of workflow inputs; a workflow that cannot read its input fails with INVALID_INPUT."""

    starts_workflow: ClassVar[bool] = True


class CrawlPageInput(WorkflowInput):
    """The input of `crawl.page`: the page to check."""

    page_id: UUID
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class CrawlPageResult(Model):
    """The result of `crawl.page`.

    `status_code` is the site's HTTP status (304 if the page was not modified). `baseline` is set if
    a version was stored without a change: the first version of a page, the first one under new
    settings, or one whose only differences are site-wide.
    """

    changed: bool
    status_code: int
    baseline: bool = False
    snapshot_id: UUID | None = None
    change_id: UUID | None = None


class DiscoverPagesInput(WorkflowInput):
    """The input of `discover.pages`: the domain to discover, and the limits.

    `max_depth` is the number of links from the front page or a sitemap. `include` and `exclude` are
    globs on the path of a URL (`core.web.scope.ScopeRules`).
    """

    domain_id: UUID
    max_pages: MaxPages = DEFAULT_MAX_PAGES
    max_depth: MaxDepth = DEFAULT_MAX_DEPTH
    include: Patterns = ()
    exclude: Patterns = ()
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class DiscoverPagesResult(Model):
    """The result of `discover.pages`: each URL seen is in exactly one count.

    `urls_seen` = `pages_discovered` + the sum of `left_out` (excluded URLs by reason), and
    `pages_discovered` = `pages_added` + `pages_known`. `baselines` is the number of added pages
    whose first version was stored, so that their first crawl only looks for changes.

    A discovery stores 4 x `max_pages` + 10,000 URLs to visit, and as many URLs that it excludes
    without a visit. Any further URL is excluded and counts once for each page that links to it.

    `notes` are sentences for people: why no page was found, which sitemaps could not be read, and
    what the limits passed over.
    """

    pages_discovered: int
    pages_added: int
    pages_known: int
    urls_seen: int
    left_out: dict[str, int]
    baselines: int = 0
    notes: tuple[str, ...] = ()


class CrawlDomainInput(WorkflowInput):
    """The input of `crawl.domain`: the batch to start, with one `crawl.page` for each member.

    If `batch_id` is unset, the workflow first creates a batch of all monitored pages whose last
    crawl has ended. The jobs are delayed until `not_before`. Clients follow them by `group_id` if
    the batch is one of several.
    """

    domain_id: UUID
    batch_id: UUID | None = None
    group_id: UUID | None = None
    not_before: datetime | None = None
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class CrawlDomainResult(Model):
    """The result of `crawl.domain`.

    `passed_over` is the number of pages skipped because their last crawl had not ended, and
    `over_quota` of those skipped because the organisation had no check left; both are 0 for a batch
    that a client created.
    """

    batch_id: UUID
    jobs_queued: int
    passed_over: int = 0
    over_quota: int = 0


class PruneInput(WorkflowInput):
    """The input of `prune.snapshots`: empty, because the retention is a setting of the workers."""


class PruneResult(Model):
    """The result of `prune.snapshots`: the number of removed snapshots and snapshot contents, and
    the number of removed `rows` of each table.
    """

    snapshots: int
    contents: int
    rows: dict[str, int] = Field(default_factory=dict)


class BacktestInput(WorkflowInput):
    """The input of `backtest.domain`: the backtest to run, stored before the workflow starts."""

    backtest_id: UUID
    max_attempts: MaxAttempts = DEFAULT_MAX_ATTEMPTS


class BacktestResult(Model):
    """The result of `backtest.domain`: the number of pages and snapshots examined, and of changes
    for each verdict (`core.changes.backtest.Verdict`).
    """

    pages: int
    snapshots: int
    same: int
    different: int
    new: int
    gone: int


class DeliverInput(WorkflowInput):
    """The input of `notification.deliver`: the channel to deliver to."""

    channel_id: UUID


class DeliverResult(Model):
    """What a run of the activity did: the number of deliveries `delivered` and `failed` for good,
    and when to deliver next; `next_at` is None if nothing is pending.
    """

    delivered: int = 0
    failed: int = 0
    next_at: Moment | None = None


class Owner(Model):
    """The owner of a job, as its search attributes name it; `host` is the host it sends requests
    to.
    """

    org_id: UUID
    domain_id: UUID
    page_id: UUID | None
    url: str | None
    host: str

    @property
    def fairness_key(self) -> str:
        """The key by which Temporal takes turns and paces: the organisation and the host, or a hash
        of them if they are too long.

        By the host alone, the jobs of one organisation would wait for all those that another one
        has queued for the same host.
        """
        key = f"{self.org_id.hex[:ORGANISATION_IN_KEY]}-{self.host}"
        if len(key.encode()) <= MAX_FAIRNESS_KEY_LENGTH:
            return key
        whole = f"{self.org_id.hex}-{self.host}"
        return hashlib.sha256(whole.encode()).hexdigest()[:MAX_FAIRNESS_KEY_LENGTH]


class Progress(Model):
    """The details of a heartbeat; the next attempt receives those of the last one.

    `percent` is the progress of attempt number `attempt`, and `is_over` is set if it has failed.
    """

    attempt: AttemptNumber = 0
    percent: Percent
    first_started_at: Moment
    is_over: bool = Field(default=False, alias="over")


class AttemptReport(Model):
    """The state of an attempt, which its activity reports to the workflow.

    Running if neither `next_at` nor `reason` is set. `reason` says why the attempt failed or was
    lost. `next_at` is the start of the next attempt if `reason` is set, and of the rest of this
    deferred attempt if not. `started_at` is the start of this attempt, `first_started_at` that of
    the first one, and `worker` the identity of the worker.
    `deferred_to` is the moment of the last deferral, and `deferrals` the number of deferrals for a
    busy host. `queue` is where the rest of this attempt is done; None: where it would have begun.
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
    queue: Queue | None = None

    @property
    def is_over(self) -> bool:
        """Whether the attempt has failed or was lost: the next one has its number plus one."""
        return self.reason is not None


def attempts_before(continued: AttemptReport | None) -> int:
    """The number of attempts that had ended when an activity began from this report; 0 if there is
    none.
    """
    if continued is None:
        return 0
    return continued.attempt if continued.is_over else continued.attempt - 1


class StartBatch(Model):
    """The input of the activity that starts a batch.

    If `create` is set, the activity first creates the batch of all monitored pages whose last crawl
    has ended. `group_id` is as in `CrawlDomainInput`.
    """

    domain_id: UUID
    batch_id: UUID
    group_id: UUID | None = None
    create: bool
    not_before: datetime | None
    max_attempts: MaxAttempts


class StartBatchResult(Model):
    """The number of started jobs of a batch and of skipped pages, as in `CrawlDomainResult`.

    Also reads a plain number of jobs, as in histories of older versions.
    """

    jobs_queued: int
    passed_over: int = 0
    over_quota: int = 0

    @model_validator(mode="before")
    @classmethod
    def _jobs_alone(cls, value: object) -> object:
        return {"jobs_queued": value} if isinstance(value, int) else value


class Outcome(Model, Generic[Result]):
    """The end of an attempt that did not fail.

    If `result` is None, the attempt was released and resumes on any worker: at once if its worker
    shuts down, at `attempt.next_at` if the attempt is deferred.
    """

    attempt: AttemptReport
    result: Result | None


class Subject(Model):
    """The part of a job's memo that is known when the job is requested.

    `quick_look` is set if the first attempt begins with a quick look (decision 0027).
    """

    url: str | None
    max_attempts: MaxAttempts
    host: str = ""
    quick_look: bool = False

    @classmethod
    def of(cls, owner: Owner, max_attempts: int, *, quick_look: bool = False) -> "Subject":
        """The subject of a job of `owner`."""
        return cls(url=owner.url, max_attempts=max_attempts, host=owner.host, quick_look=quick_look)


class FinalReport(Model):
    """The part of a job's memo that is written when the job ends.

    `percent` is the last reported progress, and `processed_at` the start of the first attempt.
    `attempts_uncertain` is set if the last attempt could not report its end, because the job was
    cancelled or its worker died. The workflow history then has the exact numbers.
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
    QUICK_LOOK = "quick_look"
    DISCOVER = "discover"
    IDENTIFY_PAGE = "identify_page"
    IDENTIFY_DOMAIN = "identify_domain"
    START_BATCH = "start_batch"
    PRUNE = "prune"
    BACKTEST = "backtest"
    DELIVER = "deliver"


QUICK_LOOK_LIMIT = 1.0
"""Seconds that a quick look may take, from its request to its end."""

REPORT_SIGNAL = "report"
"""The signal by which an attempt sends its `AttemptReport`."""

PROMOTE_SIGNAL = "promote"
"""The signal that runs a delayed job now; its argument is the moment the job was delayed to."""

WAKE_SIGNAL = "wake"
"""The signal to `notification.deliver` that there is something to deliver now."""

CANCELLED = "The job was cancelled."
"""The failure reason of a cancelled job."""
