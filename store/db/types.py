"""Column types that behave the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.types import TypeDecorator

from core.model import Model
from core.web.crawl_settings import CrawlSettings


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. Raises ValueError for a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The stored form of the moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CrawlSettingsJson(TypeDecorator[CrawlSettings]):
    """Crawl settings as JSON of the fields that are set; NULL if none is."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(
        self, value: CrawlSettings | None, dialect: Dialect
    ) -> dict[str, object] | None:
        """The stored form of the settings."""
        chosen = {} if value is None else value.model_dump(mode="json", exclude_none=True)
        return chosen or None

    def process_result_value(
        self, value: dict[str, object] | None, dialect: Dialect
    ) -> CrawlSettings | None:
        """The settings."""
        return None if value is None else CrawlSettings.model_validate(value)


class ModelJson(TypeDecorator[Model]):
    """A model as JSON of its fields; NULL for None."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, kind: type[Model]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Model | None, dialect: Dialect) -> JsonValue:
        """The model as it is stored."""
        return None if value is None else value.model_dump(mode="json", by_alias=True)

    def process_result_value(self, value: JsonValue, dialect: Dialect) -> Model | None:
        """The model as it was."""
        return None if value is None else self.kind.model_validate(value)
