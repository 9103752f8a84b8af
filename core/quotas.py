"""How much one organisation may have and do, so that no organisation starves another."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

NO_QUOTA: Final = 0
"""The figure of a quota that does not exist."""


class QuotaName(StrEnum):
    """The quotas, as the API names them."""

    PAGES = "pages"
    CHECKS_PER_DAY = "checksPerDay"
    UNFINISHED_JOBS = "unfinishedJobs"


@dataclass(frozen=True)
class Quotas:
    """The quotas of an organisation; `NO_QUOTA` for one that it does not have.

    `pages` are all that it watches or has paused. `checks_per_day` are the crawls of pages that
    are accepted from one midnight to the next, UTC. `unfinished_jobs` are crawls and discoveries.
    """

    pages: int = NO_QUOTA
    checks_per_day: int = NO_QUOTA
    unfinished_jobs: int = NO_QUOTA


UNLIMITED: Final = Quotas()


def day_of(moment: datetime) -> datetime:
    """The midnight, UTC, at which the day of `moment` began."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def day_after(moment: datetime) -> datetime:
    """The midnight, UTC, at which the day of `moment` ends."""
    return day_of(moment) + timedelta(days=1)
