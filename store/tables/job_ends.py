"""The table of claims on the ends of jobs (`store.job_ends`)."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class JobEnd(StrEnum):
    """The claimed end: the crawl stored its result, or the job was cancelled."""

    STORED = "stored"
    CANCELLED = "cancelled"


class ClaimedEnd(Base):
    """The end of a workflow run; the first claim wins.

    The key is the run id, because clients that start workflows themselves may reuse workflow ids. A
    row is needed until the run has ended, so it can be removed a week after `created_at`.
    """

    __tablename__ = "job_ends"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[JobEnd]
    created_at: Mapped[datetime]
