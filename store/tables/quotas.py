"""The tables of the quotas of organisations, and of the checks that count."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class OrganisationQuotas(Base):
    """The quotas of an organisation: None for the default, 0 for none.

    `pages_at_most` is an upper bound of the pages that it has: counted once, and raised with each
    page that is added since. None if they have to be counted. `jobs_at_most` is the same for its
    unfinished jobs, except those that Temporal itself has started since they were counted.
    `jobs_taken` is the number of jobs that it was ever given while there was a quota of them.
    `jobs_counts` is how many times its jobs were counted.
    """

    __tablename__ = "organisation_quotas"

    org_id: Mapped[UUID] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    pages: Mapped[int | None]
    checks_per_day: Mapped[int | None]
    unfinished_jobs: Mapped[int | None]
    pages_at_most: Mapped[int | None]
    jobs_at_most: Mapped[int | None]
    jobs_taken: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    jobs_counts: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class CheckDay(Base):
    """The checks of an organisation on the day that begins at `day`: those that were accepted, and
    those that were passed over because its quota was used up.
    """

    __tablename__ = "check_days"

    org_id: Mapped[UUID] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    taken: Mapped[int] = mapped_column(default=0, server_default="0")
    passed_over: Mapped[int] = mapped_column(default=0, server_default="0")


class CountedCheck(Base):
    """A job that counted as a check when it ran, because Temporal started it: by the schedule of a
    page, or as a child of another workflow.
    """

    __tablename__ = "counted_checks"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    counted_at: Mapped[datetime] = mapped_column(index=True)
