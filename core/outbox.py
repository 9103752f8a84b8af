"""The outbox: messages to Temporal that follow from changes in the store.

A message is written in the same transaction as the change, and removed once Temporal has accepted
it. Messages are idempotent: delivery is at least once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from core.jobs.ids import job_id_of
from core.jobs.states import JobName
from core.model import Model, Moment
from core.schedules import Schedule


class MessageKind(StrEnum):
    """The kinds of messages, in the order in which the messages of one subject are delivered."""

    SCHEDULE = "schedule"
    PAGE_SCHEDULE = "page_schedule"
    JOB = "job"
    BATCH = "batch"
    BACKTEST = "backtest"
    CANCELLATION = "cancellation"
    CHANGE = "change"
    CHANNEL = "channel"


class _Message(Model):
    """Base of messages: a subject has at most one message of each kind.

    All messages of a domain are removed when the domain is deleted.
    """

    subject_id: UUID
    domain_id: UUID


class ScheduleMessage(_Message):
    """Create, update or delete the schedules of a domain, of its crawls and of its discoveries, as
    its row says; delete both if there is no row.
    """

    kind: Literal[MessageKind.SCHEDULE] = MessageKind.SCHEDULE

    @classmethod
    def of(cls, domain_id: UUID) -> "ScheduleMessage":
        """The message about the schedules of the domain."""
        return cls(subject_id=domain_id, domain_id=domain_id)


class PageScheduleMessage(_Message):
    """Create, update or delete the schedule of a page as its row says; delete it if there is none.

    It outlives its page.
    """

    kind: Literal[MessageKind.PAGE_SCHEDULE] = MessageKind.PAGE_SCHEDULE

    @classmethod
    def of(cls, page_id: UUID, domain_id: UUID) -> "PageScheduleMessage":
        """The message about the schedule of the page."""
        return cls(subject_id=page_id, domain_id=domain_id)


class JobMessage(_Message):
    """Start a job; `subject_id` identifies the request (`core.jobs.ids.job_id_of`).

    `quick_look` is set if its first attempt begins with a quick look. `batch_id` is set if clients
    follow it as one of a batch. Messages of earlier versions do not have `readable_id`.
    """

    kind: Literal[MessageKind.JOB] = MessageKind.JOB
    input: CrawlPageInput | DiscoverPagesInput
    owner: Owner
    batch_id: UUID | None = None
    not_before: Moment | None = None
    quick_look: bool = False
    readable_id: bool = False

    @property
    def job_id(self) -> str:
        """The id of the job."""
        crawl = isinstance(self.input, CrawlPageInput)
        return job_id_of(
            JobName.CRAWL_PAGE if crawl else JobName.DISCOVER_PAGES,
            self.subject_id,
            (self.owner.url or self.owner.host) if self.readable_id else None,
        )


class BatchMessage(_Message):
    """Start the fan-out of a batch; `name` is the name of its domain. Messages of earlier versions
    do not have `readable_id`.
    """

    kind: Literal[MessageKind.BATCH] = MessageKind.BATCH
    input: CrawlDomainInput
    owner: Owner
    name: str
    readable_id: bool = False


class BacktestMessage(_Message):
    """Start a backtest of a domain at `host`."""

    kind: Literal[MessageKind.BACKTEST] = MessageKind.BACKTEST
    input: BacktestInput
    host: str


class CancellationMessage(_Message):
    """Cancel all jobs of a cancelled batch."""

    kind: Literal[MessageKind.CANCELLATION] = MessageKind.CANCELLATION


class ChangeMessage(_Message):
    """Tell a stored change, the subject, to the channels of the alerts that match."""

    kind: Literal[MessageKind.CHANGE] = MessageKind.CHANGE


class ChannelMessage(_Message):
    """Deliver what is due for a channel, which belongs to no domain.

    The subject is the channel itself, or one delivery of it.
    """

    kind: Literal[MessageKind.CHANNEL] = MessageKind.CHANNEL
    channel_id: UUID

    @classmethod
    def of(cls, channel_id: UUID, delivery_id: UUID | None = None) -> "ChannelMessage":
        """The message about the channel, or about one delivery of it."""
        subject_id = delivery_id or channel_id
        return cls(subject_id=subject_id, domain_id=channel_id, channel_id=channel_id)


Message = Annotated[
    ScheduleMessage
    | PageScheduleMessage
    | JobMessage
    | BatchMessage
    | BacktestMessage
    | CancellationMessage
    | ChangeMessage
    | ChannelMessage,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class Entry:
    """A message as it was read; each write of it has a new `version`."""

    message: Message
    version: UUID


@dataclass(frozen=True)
class RecurringCrawl:
    """The recurring crawl of the domain `name`; an interval is counted from `since`."""

    domain_id: UUID
    name: str
    fairness_key: str
    schedule: Schedule
    since: datetime
    paused: bool


@dataclass(frozen=True)
class RecurringDiscovery:
    """The recurring discovery of a domain, of `max_pages` at most."""

    owner: Owner
    schedule: Schedule
    since: datetime
    paused: bool
    max_pages: int


@dataclass(frozen=True)
class RecurringPageCrawl:
    """The recurring crawl of a page that has a schedule of its own."""

    owner: Owner
    schedule: Schedule
    since: datetime
    paused: bool


class Outbox(Protocol):
    """The messages, and the data of their subjects that delivery needs.

    Its methods raise Unavailable if the store cannot be reached.
    """

    async def of_subject(self, subject_id: UUID) -> list[Entry]:
        """The messages of a subject, in the order of `MessageKind`."""

    async def take_due(self, limit: int) -> list[Entry]:
        """At most `limit` messages that the process which holds them has not delivered in time.

        The caller holds the returned messages for the same time.
        """

    async def remove(self, entry: Entry) -> None:
        """Remove a message unless it was written again since it was read."""

    async def recurring_crawl(self, domain_id: UUID) -> RecurringCrawl | None:
        """The current recurring crawl of a domain; None if there is no such domain."""

    async def recurring_discovery(self, domain_id: UUID) -> RecurringDiscovery | None:
        """The current recurring discovery of a domain; None if it has none."""

    async def recurring_page_crawl(self, page_id: UUID) -> RecurringPageCrawl | None:
        """The current recurring crawl of a page; None if it has no schedule of its own."""

    async def batch_jobs(self, batch_id: UUID, after: UUID | None) -> Sequence[tuple[UUID, str]]:
        """The next pages of a batch after page `after`, ordered by id, each with its job's id."""

    async def claim_cancelled(self, run_id: str) -> bool:
        """Whether the run of a job may be cancelled: false if it has already stored its result."""

    async def match_change(self, change_id: UUID) -> Sequence[UUID]:
        """Store the deliveries of a change; the channels that have something to deliver.

        Idempotent. Empty if the change does not exist any more.
        """

    async def neglected_channels(self) -> Sequence[UUID]:
        """The channels with a delivery that is long overdue: nobody delivers it."""

    async def channel_names(self, channel_ids: Collection[UUID]) -> dict[UUID, str]:
        """The names of those of the channels that exist."""
