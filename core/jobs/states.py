"""The kinds and states of jobs."""

from enum import StrEnum

TASK_QUEUE = "diffy"
"""The task queue of all workflows; part of the published contract. `core.jobs.queues` has those of
activities.
"""


class JobName(StrEnum):
    """The published workflow types of jobs."""

    CRAWL_PAGE = "crawl.page"
    DISCOVER_PAGES = "discover.pages"

    @property
    def type(self) -> "JobType":
        """The job type of this workflow type."""
        return JobType.CRAWL if self is JobName.CRAWL_PAGE else JobType.DISCOVER


class JobType(StrEnum):
    """The published types of jobs, by which clients filter."""

    CRAWL = "crawl"
    DISCOVER = "discover"

    @property
    def job_name(self) -> JobName:
        """The workflow type of this job type."""
        return JobName.CRAWL_PAGE if self is JobType.CRAWL else JobName.DISCOVER_PAGES


CRAWL_DOMAIN = "crawl.domain"
"""The workflow type that starts the crawl jobs of a batch; not a job."""

PRUNE_SNAPSHOTS = "prune.snapshots"
"""The workflow type that removes data past its retention; not a job."""

BACKTEST_DOMAIN = "backtest.domain"
"""The workflow type of a backtest. It has the states of a job, but no list of jobs shows it."""

NOTIFICATION_DELIVER = "notification.deliver"
"""The workflow type that delivers to one channel; not a job."""


class JobState(StrEnum):
    """The published states of jobs."""

    WAITING = "waiting"  # ready to run; no worker has started the attempt
    ACTIVE = "active"  # a worker executes the attempt
    COMPLETED = "completed"  # finished with a return value
    FAILED = "failed"  # out of attempts, a permanent error, or cancelled
    DELAYED = "delayed"  # starts later: by request, before a retry, or because it is deferred

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self in (JobState.COMPLETED, JobState.FAILED)
