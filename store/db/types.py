"""Column types that hide what SQLite and PostgreSQL do differently."""

from datetime import UTC, datetime

from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.types import TypeDecorator

from core.web.crawl_settings import CrawlSettings


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on both databases. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment as it is stored."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment as it was meant."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CrawlSettingsJson(TypeDecorator[CrawlSettings]):
    """Crawl settings as JSON of what was chosen; NULL where nothing was."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(
        self, value: CrawlSettings | None, dialect: Dialect
    ) -> dict[str, object] | None:
        """The settings as they are stored."""
        chosen = {} if value is None else value.model_dump(mode="json", exclude_none=True)
        return chosen or None

    def process_result_value(
        self, value: dict[str, object] | None, dialect: Dialect
    ) -> CrawlSettings | None:
        """The settings as they were chosen."""
        return None if value is None else CrawlSettings.model_validate(value)
