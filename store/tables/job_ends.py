"""The table of how jobs end."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class JobEnd(StrEnum):
    """What came first: that a crawl stored something, or that somebody cancelled its job."""

    STORED = "stored"
    CANCELLED = "cancelled"


class ClaimedEnd(Base):
    """How the run of a job's workflow ends: the first row of a run stands, whoever makes it.

    It is by the run, since whoever starts workflows of his own may use an id again. It is needed
    until the run has ended, which takes no longer than a worker is away: a week after `created_at`
    it may go.
    """

    __tablename__ = "job_ends"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[JobEnd]
    created_at: Mapped[datetime]
