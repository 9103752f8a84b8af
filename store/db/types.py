"""Column types that behave the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import JSON, ColumnElement, DateTime, Dialect, Text, or_, type_coerce
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeDecorator

from core.changes.price_list import PriceMove
from core.model import Model
from core.tags import Tags
from core.web.crawl_settings import CrawlSettings

MOVES: Final = TypeAdapter(tuple[PriceMove, ...])


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


class TagsText(TypeDecorator[Tags]):
    """Tags as text, each between line feeds, so that both databases find one by a LIKE."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: Tags | None, dialect: Dialect) -> str | None:
        """The tags as they are stored."""
        return None if value is None else "".join(f"\n{tag}\n" for tag in value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Tags | None:
        """The tags as they were given."""
        return None if value is None else Tags(part for part in value.split("\n") if part)


def has_tag(tags: InstrumentedAttribute[Tags], tag: str) -> ColumnElement[bool]:
    """That a row has the tag."""
    return type_coerce(tags, Text()).contains(f"\n{tag}\n", autoescape=True)


class DecimalText(TypeDecorator[Decimal]):
    """A decimal number as text: SQLite has none, and would store a binary fraction."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """The digits, without an exponent."""
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """The number."""
        return None if value is None else Decimal(value)


class PriceMoves(TypeDecorator[tuple[PriceMove, ...]]):
    """Prices that changed, as a list in JSON; NULL for None."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: tuple[PriceMove, ...] | None, dialect: Dialect) -> object:
        """The moves as they are stored."""
        return None if value is None else [each.model_dump(mode="json") for each in value]

    def process_result_value(self, value: object, dialect: Dialect) -> tuple[PriceMove, ...] | None:
        """The moves."""
        return None if value is None else MOVES.validate_python(value)


def contains_text(
    text: str, *columns: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
) -> ColumnElement[bool]:
    """That one of the columns contains the text, in upper or lower case.

    SQLite knows the case of ASCII letters only.
    """
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


Stored = TypeVar("Stored", bound=Model)


class ModelJson(TypeDecorator[Stored], Generic[Stored]):
    """A model as JSON of what is set; NULL for None."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, model: type[Stored]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: Stored | None, dialect: Dialect) -> object:
        """The model as it is stored."""
        if value is None:
            return None
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)

    def process_result_value(self, value: object, dialect: Dialect) -> Stored | None:
        """The model as it was given."""
        return None if value is None else self.model.model_validate(value)
