"""Tags in request bodies and query parameters."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, Field

from api.texts import Text
from core.tags import MAX_TAG_LENGTH, MAX_TAGS, Tags, normalised_tag, normalised_tags


def _normalised(text: object) -> object:
    return normalised_tag(text) if isinstance(text, str) and text.isprintable() else text


Tag = Annotated[str, Field(min_length=1, max_length=MAX_TAG_LENGTH), BeforeValidator(_normalised)]
"""A tag, in lower case and without white space around it."""

TagList = Annotated[list[Tag], Field(max_length=MAX_TAGS)]

TagQuery = Annotated[
    Text | None,
    Query(alias="tag", min_length=1, max_length=MAX_TAG_LENGTH, description="Only with this tag."),
    AfterValidator(_normalised),
]


def tags_over(present: Tags, given: list[str] | None) -> Tags:
    """The tags `given`, or the `present` ones if none are given."""
    return present if given is None else normalised_tags(given)
