"""The base model of all JSON: REST bodies, workflow inputs and results."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """An immutable model with camelCase names in JSON; it ignores unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
    )


def utc_text(moment: datetime) -> str:
    """`moment` as the API writes it: UTC in whole seconds, `2024-01-15T10:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


UtcTime = Annotated[
    datetime,
    PlainSerializer(utc_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A moment whose JSON form is that of `utc_text`."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("this is before the first year, or after the last") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment read from JSON: it must have a UTC offset, and is converted to UTC."""
