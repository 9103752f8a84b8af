"""The outbox: what Temporal still has to be told of what the store holds.

A message is written in the transaction that makes it necessary, and removed once Temporal has done
what it says. Each may be carried out any number of times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Protocol
from uuid import UUID

from pydantic import Field

from core.jobs.contract import (
    BacktestInput,
    CrawlDomainInput,
    CrawlPageInput,
    DiscoverPagesInput,
    Owner,
)
from core.jobs.states import JobName, job_id_of
from core.model import Model, Moment


class MessageKind(StrEnum):
    """What a message is about, in the order in which those of one subject are carried out."""

    SCHEDULE = "schedule"
    JOB = "job"
    BATCH = "batch"
    BACKTEST = "backtest"
    CANCELLATION = "cancellation"


class _Message(Model):
    """There is at most one message of a kind for a subject; it goes with the domain."""

    subject_id: UUID
    domain_id: UUID


class ScheduleMessage(_Message):
    """Make the schedule of a domain what its row says; delete it where the domain is gone."""

    kind: Literal[MessageKind.SCHEDULE] = MessageKind.SCHEDULE

    @classmethod
    def of(cls, domain_id: UUID) -> "ScheduleMessage":
        """The message about the schedule of that domain."""
        return cls(subject_id=domain_id, domain_id=domain_id)


class JobMessage(_Message):
    """Start the job that a request of the seed `subject_id` asked for."""

    kind: Literal[MessageKind.JOB] = MessageKind.JOB
    input: CrawlPageInput | DiscoverPagesInput
    owner: Owner
    not_before: Moment | None = None

    @property
    def job_id(self) -> str:
        """The id of the job."""
        crawl = isinstance(self.input, CrawlPageInput)
        return job_id_of(JobName.CRAWL_PAGE if crawl else JobName.DISCOVER_PAGES, self.subject_id)


class BatchMessage(_Message):
    """Start the fan-out of a batch of the domain called `name`."""

    kind: Literal[MessageKind.BATCH] = MessageKind.BATCH
    input: CrawlDomainInput
    owner: Owner
    name: str


class BacktestMessage(_Message):
    """Start a backtest of a domain at `host`."""

    kind: Literal[MessageKind.BACKTEST] = MessageKind.BACKTEST
    input: BacktestInput
    host: str


class CancellationMessage(_Message):
    """End every job of a cancelled batch."""

    kind: Literal[MessageKind.CANCELLATION] = MessageKind.CANCELLATION


Message = Annotated[
    ScheduleMessage | JobMessage | BatchMessage | BacktestMessage | CancellationMessage,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class Entry:
    """A message as it was read; it has another `version` once it is written again."""

    message: Message
    version: UUID


@dataclass(frozen=True)
class RecurringCrawl:
    """How often a domain called `name` is crawled, counted from `since`."""

    domain_id: UUID
    name: str
    fairness_key: str
    every: timedelta
    since: datetime
    paused: bool


class Outbox(Protocol):
    """The messages, and what the store says of their subjects.

    Its methods raise Unavailable when the store cannot be reached.
    """

    async def of_subject(self, subject_id: UUID) -> list[Entry]:
        """The messages of a subject, in the order of `MessageKind`."""

    async def take_due(self, limit: int) -> list[Entry]:
        """At most `limit` messages that whoever wrote or took them last has not carried out in
        time. They are not due again before as much time has passed.
        """

    async def remove(self, entry: Entry) -> None:
        """Remove a message, unless it was written again since it was read."""

    async def recurring_crawl(self, domain_id: UUID) -> RecurringCrawl | None:
        """How a domain is crawled now; None when there is no such domain."""

    async def batch_pages(self, batch_id: UUID, after: UUID | None) -> Sequence[UUID]:
        """The next pages of a batch in the order of their ids, behind `after`."""

    async def claim_cancelled(self, run_id: str) -> bool:
        """Whether that run of a job may be cancelled; not if it has stored what it found."""
