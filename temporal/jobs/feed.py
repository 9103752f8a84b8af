"""What happens to the jobs and changes of an organisation, as one stream that can be resumed.

A feed has a position: everything that happened before it has been sent. The lists of Temporal lag,
and so does a change whose transaction commits late. So each poll looks back by `LOOK_BACK`, and a
position names the events of that time that were sent already.
"""

import asyncio
import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from core.errors import InvalidRequest
from store.tables.changes import Change
from temporal.jobs.view import JobDetail

LOOK_BACK: Final = timedelta(seconds=5)
"""Maximum delay until visibility shows what happened to a workflow."""

MAX_AGE: Final = timedelta(hours=1)
"""Age of a position from which a feed is not continued, but begins anew."""

MAX_NAMED: Final = 100
"""Events that a position names, the newest ones."""

MAX_VERSIONS: Final = 5_000
"""Jobs and changes of which a feed knows what it has sent."""

MARK_LENGTH: Final = 5
"""Bytes of the hash that stands for an event in a position."""


@dataclass(frozen=True)
class Position:
    """A position of a feed: its moment, and the marks of later events that were sent already."""

    moment: datetime
    marks: frozenset[bytes] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position that `str` wrote. Raises InvalidRequest."""
        millis, _, packed = text.partition(".")
        try:
            raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
            if not (millis.isascii() and millis.isdigit()) or len(raw) > MAX_NAMED * MARK_LENGTH:
                raise ValueError
            moment = datetime.fromtimestamp(int(millis) / 1000, UTC)
        except (binascii.Error, ValueError, OverflowError, OSError):
            sentence = "Send the id of an event of this stream."
            raise InvalidRequest(
                f"Last-Event-ID: {sentence}", {"Last-Event-ID": sentence}
            ) from None
        steps = range(0, len(raw), MARK_LENGTH)
        return cls(moment, frozenset(raw[n : n + MARK_LENGTH] for n in steps))

    def __str__(self) -> str:
        packed = base64.urlsafe_b64encode(b"".join(sorted(self.marks))).decode().rstrip("=")
        return f"{int(self.moment.timestamp() * 1000)}" + (f".{packed}" if packed else "")

    @property
    def too_old(self) -> bool:
        """Whether more may have happened since than a feed repeats."""
        return datetime.now(UTC) - self.moment > MAX_AGE


class Mark(StrEnum):
    """An event that tells of the feed itself."""

    BEGIN = "begin"  # all that happens from here on is told
    RESYNC = "resync"  # more happened since the position than is repeated


@dataclass(frozen=True)
class FeedEvent:
    """A job as it is now, a new change, or a mark; `position` is where to resume after it."""

    subject: JobDetail | Change | Mark
    position: Position


@dataclass
class Feed:
    """One listener: what it has to be told, and what it has been told.

    `reached` is the moment of the last poll that put something into `jobs` and `changes`, `told`
    the one of which everything was sent.
    """

    org_id: UUID
    reached: datetime
    told: datetime
    known_marks: frozenset[bytes] = frozenset()
    jobs: dict[str, None] = field(default_factory=dict)
    changes: dict[UUID, Change] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    _versions: OrderedDict[object, str] = field(default_factory=OrderedDict)
    _marks: OrderedDict[bytes, datetime] = field(default_factory=OrderedDict)

    @classmethod
    def begin(cls, org_id: UUID, after: Position | None, now: datetime) -> Self:
        """A feed that continues at `after`, or begins now."""
        if after is None:
            return cls(org_id, now, now)
        feed = cls(org_id, after.moment, after.moment, after.marks)
        for mark in after.marks:
            feed._marks[mark] = now
        return feed

    def add(self, job_ids: Iterable[str], changes: Iterable[Change], reached: datetime) -> None:
        """Have these told, which is all that happened until `reached`."""
        self.jobs.update(dict.fromkeys(job_ids))
        for change in changes:
            if change.org_id == self.org_id and change.id not in self._versions:
                self.changes[change.id] = change
        self.reached = reached
        self.woken.set()

    def take(self) -> tuple[list[str], list[Change]]:
        """What is to be told now; the feed has it no more."""
        jobs, changes = list(self.jobs), list(self.changes.values())
        self.jobs, self.changes = {}, {}
        return jobs, changes

    def event(self, subject: JobDetail | Change) -> FeedEvent | None:
        """The event that tells of `subject`; None if it was told already."""
        version = (
            f"{subject.state}.{subject.attempts_made}.{subject.progress}"
            if isinstance(subject, JobDetail)
            else ""
        )
        if self._versions.get(subject.id) == version:
            return None
        self._versions[subject.id] = version
        self._versions.move_to_end(subject.id)
        if len(self._versions) > MAX_VERSIONS:
            self._versions.popitem(last=False)
        mark = hashlib.sha256(f"{subject.id} {version}".encode()).digest()[:MARK_LENGTH]
        if mark in self.known_marks:
            return None
        self._marks[mark] = datetime.now(UTC)
        return FeedEvent(subject, self.position())

    def position(self) -> Position:
        """Where to resume once everything that was made an event so far has been received."""
        horizon = self.told - LOOK_BACK
        while self._marks and (
            len(self._marks) > MAX_NAMED or next(iter(self._marks.values())) < horizon
        ):
            self._marks.popitem(last=False)
        return Position(self.told, frozenset(self._marks))
