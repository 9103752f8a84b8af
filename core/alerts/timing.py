"""When a matching change is told: at once, with a digest, or after quiet hours."""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import field_serializer

from core.model import Model

DIGEST_HOUR: Final = time(8)
"""Local time at which a daily digest is sent."""


class Digest(StrEnum):
    """How changes are gathered."""

    NONE = "none"
    HOURLY = "hourly"
    DAILY = "daily"


class QuietHours(Model):
    """From one local time to another, past midnight if `to` is earlier. Nothing is told meanwhile.

    `time_zone` is a name of the IANA time zone database.
    """

    start: time
    end: time
    time_zone: str

    @field_serializer("start", "end")
    def _written(self, moment: time) -> str:
        return moment.strftime("%H:%M")

    def end_of(self, moment: datetime) -> datetime | None:
        """The end of the quiet hours that `moment` is in; None if it is in none.

        Local times are those of the wall clock: quiet hours over a change of summer time are an
        hour longer or shorter. An end that the clock skips is the moment of the skip.
        """
        zone = ZoneInfo(self.time_zone)
        local = moment.astimezone(zone)
        clock = local.time().replace(tzinfo=None)
        if self.start < self.end:
            if not self.start <= clock < self.end:
                return None
            day = local.date()
        elif clock >= self.start:
            day = local.date() + timedelta(days=1)
        elif clock < self.end:
            day = local.date()
        else:
            return None
        end = datetime.combine(day, self.end, zone).astimezone(UTC)
        # The clock may show the end twice; the hours are over at the first that lies ahead.
        return (
            end
            if end > moment
            else datetime.combine(day, self.end, zone).replace(fold=1).astimezone(UTC)
        )


def told_at(now: datetime, digest: Digest, quiet: QuietHours | None) -> datetime:
    """The moment at which a change that matches `now` is told.

    A digest is due at the next full hour, or at the next `DIGEST_HOUR` in the time zone of the
    quiet hours, UTC without. Quiet hours hold what falls into them until their end.
    """
    zone = ZoneInfo(quiet.time_zone) if quiet else UTC
    match digest:
        case Digest.NONE:
            due = now
        case Digest.HOURLY:
            due = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        case Digest.DAILY:
            local = now.astimezone(zone)
            due = datetime.combine(local.date(), DIGEST_HOUR, zone).astimezone(UTC)
            if due <= now:
                tomorrow = local.date() + timedelta(days=1)
                due = datetime.combine(tomorrow, DIGEST_HOUR, zone).astimezone(UTC)
    end = quiet.end_of(due) if quiet else None
    return end or due
